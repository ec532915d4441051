"""Turn reviewers' verdicts on suspects into labels, as soon as they are given."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from functions.bots.options import Bots
from functions.bots.store.verdicts import Verdicts
from shared.change import Change
from shared.report import Report
from shared.store import Store, schema


def run(store: Store, options: Bots, changes: Sequence[Change], *, now: datetime) -> Report:
    """Label the features of the suspects with a verdict, and remove those suspects.

    A change only names the document: the verdict is read from its present state. So changes may come twice, late and in
    any order.
    """
    return take_over(store, options, [change.key for change in changes if change.kind != "delete"], now=now)


def take_over(store: Store, options: Bots, rows: Sequence[Any] | None, *, now: datetime) -> Report:
    """Turn the verdicts of these suspects into labels, or all verdicts for None; report how many had which outcome.

    rows  `_id`s of suspects
    """
    erased = store.erasures.sweep(schema.SUSPECTS)
    person = options.verdict(bot=False)
    verdicts = Verdicts(store)
    given = verdicts.given(rows)
    outcomes = Counter[str](verdicts.take_over(verdict, person=person, now=now) for verdict in given)
    erased += store.erasures.sweep(schema.CREDENTIAL_FEATURES)  # of credentials that were erased meanwhile
    changed = sum(outcomes[outcome] for outcome in ("labelled", "changed", "unmatched"))
    return Report(outcomes.total(), changed, removed=outcomes.total() + erased, details=dict(outcomes))
