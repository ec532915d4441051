"""How a command-line program of ours ends: what was foreseen is one sentence at stderr, and never a trace.

Exit status: 0 done, 1 failed, 2 used otherwise than it is meant; 128 and the number of the signal that ended it, such
as 130 for Ctrl-C.
"""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from types import FrameType
from typing import NoReturn

from shared.config import share_region
from shared.errors import AppError
from shared.store.failures import DriverError, as_app_error

FAILED, INTERRUPTED = 1, 130
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # signals that ask a program to end
AGAIN_AFTER_S = 0.05


class Ended(SystemExit):
    """SIGTERM or SIGHUP asked the program to end: it cleans up on its way out, as after Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = signal.Signals(number)


def on_ending(handler: Callable[[int, FrameType | None], object]) -> None:
    """Have `handler` called by each signal that asks a program to end; under `nohup`, SIGHUP stays ignored."""
    for number in ENDINGS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def run(program: Callable[[], object]) -> NoReturn:
    """Call `program`, whose integer result is the exit status, and end the process.

    Foreseen are AppError, failures of the database, of files and of other programs, signals that ask it to end, and a
    reader of stdout that has gone. Anything else is a mistake of ours and keeps its trace.
    """
    share_region()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # such as a file's name that is no UTF-8
    try:
        with _raising():
            try:
                status = program()
            finally:
                sys.stdout.flush()
    except KeyboardInterrupt:
        _end("interrupted", INTERRUPTED)
    except Ended as ended:
        _end(f"ended by {ended.number.name}", 128 + ended.number)
    except BrokenPipeError:  # nobody reads any more, and the interpreter must not try again when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(FAILED) from None
    except (AppError, DriverError, OSError, subprocess.SubprocessError) as error:
        _end(sentence(error), FAILED)
    raise SystemExit(status if isinstance(status, int) else 0)


def sentence(error: Exception) -> str:
    """What went wrong, on one line.

    >>> sentence(FileNotFoundError(2, "No such file or directory", "keys.pem"))
    'FileNotFoundError: keys.pem: No such file or directory'
    """
    known = as_app_error(error) or error
    text = str(known)
    if isinstance(error, OSError) and error.strerror:
        text = ": ".join(str(part) for part in (error.filename, error.strerror) if part is not None)
    return f"{type(known).__name__}: {' '.join(text.split())}"


@contextmanager
def _raising() -> Iterator[None]:
    """Signals that ask the program to end raise KeyboardInterrupt or Ended in the body."""
    before, hook = {number: signal.getsignal(number) for number in ENDINGS}, sys.unraisablehook
    on_ending(_raise)
    sys.unraisablehook = _raise_again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    for other in (signal.SIGTERM, signal.SIGHUP):  # a terminal that closes sends more than one
        signal.signal(other, signal.SIG_IGN)
    raise Ended(number)


def _raise_again(lost: "sys.UnraisableHookArgs") -> None:
    """A signal that a destructor or a callback of native code has swallowed comes again, when that is over."""
    error = lost.exc_value
    if not isinstance(error, KeyboardInterrupt | Ended):
        sys.__unraisablehook__(lost)
        return
    number = error.number if isinstance(error, Ended) else signal.SIGINT
    signal.signal(number, _raise)
    Timer(AGAIN_AFTER_S, os.kill, (os.getpid(), number)).start()


def _end(text: str, status: int) -> NoReturn:
    sys.stderr.write(f"{text}\n")
    raise SystemExit(status)
