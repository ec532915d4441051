"""Signals of processes that tests start."""

import signal

from shared.command_line import ENDINGS


def heed_signals() -> None:
    """Reset the signals in `ENDINGS` to their defaults, as `preexec_fn` of a child process: where the tests run under
    `nohup` or in a shell's background, these signals are ignored, and a child would inherit that."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_DFL)
