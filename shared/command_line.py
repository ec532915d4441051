"""How a command-line program of ours ends: what was foreseen is one sentence at stderr, and never a trace.

Exit status: 0 done, 1 failed, 2 used otherwise than it is meant, 130 ended by Ctrl-C.
"""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import NoReturn

from shared.errors import AppError
from shared.store.failures import DriverError, as_app_error

FAILED, INTERRUPTED = 1, 130


def run(program: Callable[[], object]) -> NoReturn:
    """Call `program`, whose integer result is the exit status, and end the process.

    Foreseen are AppError, failures of the database, of files and of other programs, Ctrl-C, and a reader of stdout that
    has gone. Anything else is a mistake of ours and keeps its trace.
    """
    if region := os.environ.get("AWS_REGION"):  # boto3 reads the region under the other name only
        os.environ.setdefault("AWS_DEFAULT_REGION", region)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # such as a file's name that is no UTF-8
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # while the program was imported
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        try:
            status = program()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        _end("interrupted", INTERRUPTED)
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


def _end(text: str, status: int) -> NoReturn:
    sys.stderr.write(f"{text}\n")
    raise SystemExit(status)
