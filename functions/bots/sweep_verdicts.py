"""Apply the verdicts whose change event was missed, and report those that cannot be applied."""

from datetime import datetime

from functions.bots.apply_verdicts import take_over
from functions.bots.options import Bots
from functions.bots.store.verdicts import Verdicts
from shared.report import Report
from shared.store import Store


def run(store: Store, options: Bots, *, now: datetime) -> Report:
    """Turn every verdict into a label; report incomplete verdicts, and labels whose features are missing.

    Safe to repeat, also while changes are applied.
    """
    applied = take_over(store, options, None, now=now)
    verdicts = Verdicts(store)
    incomplete = verdicts.incomplete()
    details = {**applied.details, "incomplete": len(incomplete), "without_features": verdicts.without_features()}
    return Report(applied.read, applied.written, applied.removed, malformed=incomplete, details=details)
