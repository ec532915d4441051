"""How our command-line programs end: an expected failure is one sentence on stderr, never a stack trace.

Exit status: 0 success, 1 failure, 2 wrong usage; 128 plus its number for a signal that ended the program, such as 130
for Ctrl-C.
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
RESEND_AFTER_S = 0.05  # a signal that was swallowed


class Ended(SystemExit):
    """SIGTERM or SIGHUP asked the program to end. Like KeyboardInterrupt, it runs the clean-up on its way out."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = signal.Signals(number)


def on_ending(handler: Callable[[int, FrameType | None], object]) -> None:
    """Install `handler` for the signals in `ENDINGS`; SIGHUP stays ignored where it is, as under `nohup`."""
    for number in ENDINGS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def run(program: Callable[[], object]) -> NoReturn:
    """Call `program` and end the process, with its result as the exit status where that is an integer.

    Expected failures are AppError, those of the database, of files and of other programs, the signals in `ENDINGS`, and
    a closed stdout. Anything else is a bug of ours and keeps its stack trace.
    """
    share_region()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for text that is no UTF-8, such as the name of a file
    try:
        with _signals_raised():
            try:
                status = program()
            finally:
                sys.stdout.flush()
    except KeyboardInterrupt:
        _end("interrupted", INTERRUPTED)
    except Ended as ended:
        _end(f"ended by {ended.number.name}", 128 + ended.number)
    except BrokenPipeError:  # stdout is closed: the interpreter must not flush it when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(FAILED) from None
    except (AppError, DriverError, OSError, subprocess.SubprocessError) as error:
        _end(sentence(error), FAILED)
    raise SystemExit(status if isinstance(status, int) else 0)


def sentence(error: Exception) -> str:
    """The failure on one line.

    >>> sentence(FileNotFoundError(2, "No such file or directory", "keys.pem"))
    'FileNotFoundError: keys.pem: No such file or directory'
    """
    failure = as_app_error(error) or error
    text = str(failure)
    if isinstance(error, OSError) and error.strerror:
        text = ": ".join(str(part) for part in (error.filename, error.strerror) if part is not None)
    return f"{type(failure).__name__}: {' '.join(text.split())}"


@contextmanager
def _signals_raised() -> Iterator[None]:
    """Inside the `with`, signals that ask the program to end raise KeyboardInterrupt or Ended."""
    before, hook = {number: signal.getsignal(number) for number in ENDINGS}, sys.unraisablehook
    on_ending(_raise)
    sys.unraisablehook = _resend
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


def _resend(lost: "sys.UnraisableHookArgs") -> None:
    """Send the process a signal again whose exception was swallowed by a destructor or a callback of native code."""
    error = lost.exc_value
    if not isinstance(error, KeyboardInterrupt | Ended):
        sys.__unraisablehook__(lost)
        return
    number = error.number if isinstance(error, Ended) else signal.SIGINT
    signal.signal(number, _raise)
    Timer(RESEND_AFTER_S, os.kill, (os.getpid(), number)).start()


def _end(text: str, status: int) -> NoReturn:
    sys.stderr.write(f"{text}\n")
    raise SystemExit(status)
