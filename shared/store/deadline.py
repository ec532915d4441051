"""Deadlines for everything that a piece of work asks of the database, in all its threads."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context, copy_context
from typing import Any, ParamSpec, TypeVar

import pymongo

P = ParamSpec("P")
T = TypeVar("T")

LAST_S = 3.0  # at the end of an invocation, left for releasing leases and reporting the outcome


def deadline(seconds: float) -> AbstractContextManager[None]:
    """Inside the `with`, operations on the database fail with a time-out once so many seconds have passed in all."""
    return pymongo.timeout(seconds)


def invocation_deadline(context: Any) -> AbstractContextManager[None]:
    """The deadline of this Lambda invocation, LAST_S before its end; none for another context."""
    remaining_ms = getattr(context, "get_remaining_time_in_millis", None)
    return deadline(max(remaining_ms() / 1_000 - LAST_S, 0.1)) if remaining_ms else nullcontext()


def with_fresh_deadline(seconds: float, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function with a deadline of its own, also when that of the surrounding work has passed."""

    def timed() -> T:
        with deadline(seconds):
            return call(*args, **kwargs)

    return Context().run(timed)


class DeadlineExecutor(ThreadPoolExecutor):
    """Threads that work under the deadline, and the other context variables, of the caller of `submit`."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a call on a thread, in a copy of the caller's context."""
        context = copy_context()
        return super().submit(lambda: context.run(fn, *args, **kwargs))


class TaskGroup(AbstractContextManager["TaskGroup"]):
    """Inside the `with`, tasks run on threads that outlive it; the `with` ends when all tasks have ended."""

    def __init__(self, threads: DeadlineExecutor) -> None:
        self._threads, self._tasks = threads, list[Future[Any]]()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a task as soon as a thread is free."""
        task = self._threads.submit(fn, *args, **kwargs)
        self._tasks.append(task)
        return task

    def __exit__(self, *_: object) -> None:
        wait(self._tasks)
