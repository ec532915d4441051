"""A time by which everything that is asked of the database has to be answered."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context, copy_context
from typing import Any, ParamSpec, TypeVar

import pymongo

P = ParamSpec("P")
T = TypeVar("T")

LAST_S = 3.0  # of a function's time, for giving back what it holds and telling what became of it


def deadline(seconds: float) -> AbstractContextManager[None]:
    """Inside the `with`, what takes longer in all fails as a time-out of the database, wherever it waits."""
    return pymongo.timeout(seconds)


def invocation_deadline(context: Any) -> AbstractContextManager[None]:
    """Within the time that Lambda leaves this invocation, less what it takes to fail in order; no limit elsewhere."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    return deadline(max(left() / 1_000 - LAST_S, 0.1)) if left else nullcontext()


def with_fresh_deadline(seconds: float, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call it with so much time of its own, though that of the work may have passed."""

    def timed() -> T:
        with deadline(seconds):
            return call(*args, **kwargs)

    return Context().run(timed)


class DeadlineExecutor(ThreadPoolExecutor):
    """Threads whose work has to end when that of who began it has to."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As its parent does."""
        context = copy_context()
        return super().submit(lambda: context.run(fn, *args, **kwargs))


class TaskGroup(AbstractContextManager["TaskGroup"]):
    """Inside the `with`, tasks run on threads that stay; it ends when all of them have ended."""

    def __init__(self, threads: DeadlineExecutor) -> None:
        self._threads, self._tasks = threads, list[Future[Any]]()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin a task, as soon as a thread is free."""
        task = self._threads.submit(fn, *args, **kwargs)
        self._tasks.append(task)
        return task

    def __exit__(self, *_: object) -> None:
        wait(self._tasks)
