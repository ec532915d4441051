"""A function as several execution environments of Lambda run it: each answers one request at a time.

The first container is this process, so that a first request waits for no start. Where all are busy, more are started:
processes that import the function by themselves, and get events and send answers as lines of JSON. They end with this
process, however it ends: what they read from is closed.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from queue import Empty, LifoQueue
from threading import Lock, Thread
from typing import IO, Any

from local.functions import ROOT
from shared.errors import AppError, Unavailable

MOST = 4
START_AFTER_S = 0.1  # that a request waited: short ones that come together start no process
CHILD = "import sys; from local.containers import answer_lines; answer_lines(sys.argv[1])"

Say = Callable[[str], object]


class Containers:
    """A handler that takes several requests at once; used in a `with`, which ends its processes."""

    def __init__(self, module: str, say: Say, most: int = MOST) -> None:
        """
        module  of the handler
        say     called with each line that a process logs, from any thread
        most    containers, this process included
        """
        self._module, self._say, self._most = module, say, most
        self._idle: LifoQueue[ThisProcess | Process] = LifoQueue()  # the warmest first
        self._idle.put(ThisProcess(module))
        self._processes: set[Process] = set()
        self._is_starting, self._is_ended, self._lock = False, False, Lock()

    def __enter__(self) -> "Containers":
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._is_ended = True
            ended, self._processes = self._processes, set()
        for process in ended:
            process.end()

    def __call__(self, event: Any, context: Any) -> Any:
        """Answer a request; Unavailable where its container ends meanwhile, or the function failed there."""
        container = self._taken()
        try:
            return container.answer(event)
        finally:
            if container.is_alive():
                self._idle.put(container)
            else:
                self._remove(container)
                self._start()

    def _taken(self) -> "ThisProcess | Process":
        while True:
            try:
                container = self._idle.get(timeout=START_AFTER_S)
            except Empty:
                self._start()
                continue
            if container.is_alive():
                return container
            self._remove(container)

    def _start(self) -> None:
        """Start a process, which becomes idle when it is ready, unless there are enough or one is being started: the
        imports of several at once would take the cores of those that answer."""
        with self._lock:
            if self._is_ended or self._is_starting or len(self._processes) + 1 >= self._most:
                return
            self._is_starting = True
            process = Process(self._module, self._say)
            self._processes.add(process)
        Thread(target=self._await, args=(process,), daemon=True).start()

    def _await(self, process: "Process") -> None:
        is_ready = process.is_ready()
        with self._lock:
            self._is_starting = False
        if is_ready:
            self._idle.put(process)
        else:
            self._remove(process)

    def _remove(self, container: "ThisProcess | Process") -> None:
        if isinstance(container, Process):
            with self._lock:
                self._processes.discard(container)
            container.end()


class ThisProcess:
    """The container that is this process."""

    def __init__(self, module: str) -> None:
        self._module = module

    def answer(self, event: Any) -> Any:
        return import_module(self._module).handler(event, None)

    def is_alive(self) -> bool:
        return True


class Process:
    """A container of its own."""

    def __init__(self, module: str, say: Say) -> None:
        # Unbuffered: what it prints is told at once.
        # Ctrl-C at a terminal goes to the whole session: in its own, the process ends with the server alone.
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-c", CHILD, module], cwd=ROOT, start_new_session=True, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        self._events, self._answers = self._process.stdin, self._process.stdout
        self._is_alive = True
        Thread(target=_say_lines, args=(self._process.stderr, say), daemon=True).start()

    def is_ready(self) -> bool:
        """Wait until the function is imported; whether it is."""
        self._is_alive = bool(self._answers.readline())
        return self._is_alive

    def answer(self, event: Any) -> Any:
        try:
            send(self._events, event)
            line = self._answers.readline()
        except (OSError, ValueError):  # ValueError: the pipe was closed by `end`
            line = ""
        if not line:
            self._is_alive = False
            raise Unavailable("the container has ended")
        answer = json.loads(line)
        if "error" in answer:
            raise Unavailable(answer["error"])
        return answer["answer"]

    def is_alive(self) -> bool:
        return self._is_alive and self._process.poll() is None

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._answers.close()  # which waits for a thread that reads: the end of the process has ended that
        with suppress(BrokenPipeError):  # what was not yet written
            self._events.close()


def _say_lines(lines: IO[str], say: Say) -> None:
    with lines:
        for line in lines:
            say(line.rstrip("\n"))


def send(pipe: IO[str], message: Any) -> None:
    """Write one message, as a line of JSON."""
    pipe.write(f"{json.dumps(message)}\n")
    pipe.flush()


def answer_lines(module: str) -> None:
    """Be a container: import the function, say that it is ready, and answer an event a line until there are no more.

    What the function prints goes where errors go.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    handler = import_module(module).handler
    send(answers, "ready")
    for line in sys.stdin:
        try:
            answer = {"answer": handler(json.loads(line), None)}
        except AppError as error:
            answer = {"error": type(error).__name__}
        send(answers, answer)
