"""Signals of processes that tests start."""

import signal

from shared.command_line import ENDINGS


def heed_signals() -> None:
    """For `preexec_fn`: whoever runs the tests may ignore signals, as `nohup` and a shell's background do, and a child
    would inherit that."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_DFL)
