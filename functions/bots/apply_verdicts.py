"""Verdicts on suspects, taken over as labels, as soon as they are given."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.change import Change
from shared.config import Bots
from shared.report import Report
from shared.store import Store, schema


def run(store: Store, options: Bots, changes: Sequence[Change], *, now: datetime) -> Report:
    """Label the features that a person has judged, and remove the suspects.

    A change only tells where to look: what counts is what stands there now. So changes may come twice, late and in any
    order.
    """
    return take_over(store, options, [change.key for change in changes if change.kind != "delete"], now=now)


def take_over(store: Store, options: Bots, rows: Sequence[Any] | None, *, now: datetime) -> Report:
    """Take over the verdicts of these rows, or of all; says how many had which outcome."""
    erased = store.erasures.sweep(schema.SUSPECTS)
    person = options.verdict(bot=False)
    outcomes = Counter[str](store.verdicts.take_over(one, person=person, now=now) for one in store.verdicts.given(rows))
    erased += store.erasures.sweep(schema.CREDENTIAL_FEATURES)  # of one that was erased meanwhile
    changed = sum(outcomes[what] for what in ("labelled", "changed", "unmatched"))
    return Report(outcomes.total(), changed, removed=outcomes.total() + erased, details=dict(outcomes))
