"""Verdicts that no change told of, and what nobody can take over."""

from datetime import datetime

from functions.bots.apply_verdicts import take_over
from shared.config import Bots
from shared.report import Report
from shared.store import Store


def run(store: Store, options: Bots, *, now: datetime) -> Report:
    """Take over every verdict there is, and report those that are half a verdict, and labels without features.

    Safe to repeat, and beside changes.
    """
    done = take_over(store, options, None, now=now)
    incomplete = store.verdicts.incomplete()
    details = {**done.details, "incomplete": len(incomplete), "without_features": store.verdicts.without_features()}
    return Report(done.read, done.written, done.removed, malformed=incomplete, details=details)
