"""The code between a trigger and a job.

Lives here: decoding events, logging, metrics, secrets, the mapping of failures; the only code that reads the clock.
Does not live here: anything that knows what a job does.
"""

from shared.runtime.changes import Changes, on_change
from shared.runtime.direct import on_direct_answer, on_direct_call
from shared.runtime.queue import Message, on_queue, send_to_training
from shared.runtime.schedule import Tick, on_schedule

__all__ = [
    "Changes",
    "Message",
    "Tick",
    "on_change",
    "on_direct_answer",
    "on_direct_call",
    "on_queue",
    "on_schedule",
    "send_to_training",
]
