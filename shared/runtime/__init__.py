"""What stands between a trigger and a job.

Lives here: decoding events, logging, metrics, secrets, the mapping of failures; the only reader of the clock.
Does not live here: anything that knows what a job does.
"""

from shared.runtime.changes import Changes, on_change
from shared.runtime.demand import Request, on_demand
from shared.runtime.schedule import Tick, on_schedule

__all__ = ["Changes", "Request", "Tick", "on_change", "on_demand", "on_schedule"]
