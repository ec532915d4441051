"""Features of how credentials read, as soon as they have read something new."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from bson import ObjectId

from functions.bots.reading_features import FEATURES, Rhythm
from functions.bots.windows import Windows, windows
from shared.clock import from_epoch_ms
from shared.columns import Columns, to_bson
from shared.config import Bots
from shared.documents import Credential
from shared.report import Report
from shared.store import Store, schema
from shared.store.credential_features import LAYOUT, Window
from shared.store.deadline import DeadlineExecutor

NAME: Final = "extract_reading_features"

# Of a phone; what lies further in the future is left out. Features are made of differences between moments of one
# clock, so that a phone that is ahead as a whole reads as it is; no age is computed of its moments.
CLOCK_AHEAD: Final = timedelta(hours=1)
AT_ONCE: Final = 500  # credentials whose exposures are read together


def run(store: Store, options: Bots, *, now: datetime) -> Report:
    """Compute the features of every credential that has something new, of all of them once a day, and upsert them.

    Beside it, note of which accounts: an erasure finds the features when the application has deleted the exposures.
    Safe to repeat, and beside another run: the same exposures give the same window, which is the natural key.
    """
    period = store.watermarks.period(NAME, options, {"features": FEATURES.fingerprint, "layout": LAYOUT}, now=now)
    if period.late:
        return Report.late()
    erased = store.erasures.credentials()
    reports: list[Report] = []
    with DeadlineExecutor(1) as aside:
        links = [aside.submit(store.account_links.note_users, period.since)]
        touched = None if period.since is None else store.exposures.touched(period.since)
        before = store.credential_features.newest(touched or ())
        used = {credential: viewers for credential, viewers in (touched or {}).items() if credential in before}
        links.append(aside.submit(store.account_links.note_credentials, used))
        for batches in exposures(store, options, touched, before, now):
            for group in windows(batches, options.limit, options.least_readings):
                credentials = to_bson(group.credential)
                links.append(aside.submit(link_viewers, store, [one for one in credentials if one not in before]))
                described = rows_of(group, store.exposures.viewers(credentials))
                rows = [(window, values) for window, values in described if window.credential not in erased]
                written = store.credential_features.put(rows, kept=options.kept, superseded=options.superseded, now=now)
                reports.append(Report(int(group.count.sum()), written, details={"credentials": len(group)}))
        for linked in links:
            linked.result()
    reports.append(Report(removed=store.erasures.sweep(schema.CREDENTIAL_FEATURES, schema.ACCOUNT_LINKS)))
    store.watermarks.advance(NAME, options, period, now=now)
    return Report.together(reports)


def link_viewers(store: Store, credentials: Sequence[Credential]) -> None:
    """Note every viewer of these credentials, of which nothing was kept until now."""
    store.account_links.note_credentials(store.exposures.all_viewers(credentials))


def exposures(
    store: Store,
    options: Bots,
    touched: Iterable[Credential] | None,
    before: Mapping[Credential, Window],
    now: datetime,
) -> Iterator[Iterator[Columns]]:
    """Batches of the exposures of the credentials that have anything new, or of all where that is None.

    Of a credential whose window was full no more is read than that window and what came after it: it only moves on.
    So work is proportional to what is new. Those whose windows begin at about the same time are read together.
    before  the newest window of each of these that has one
    """
    start, end = now - options.window, now + CLOCK_AHEAD
    if touched is None:
        yield store.exposures.readings(None, start, end)
        return
    begins = {one: start if one not in before else _begin(before[one], options.limit, start) for one in touched}
    latest_first = sorted(begins, key=lambda one: (begins[one], str(one)), reverse=True)
    for first in range(0, len(latest_first), AT_ONCE):
        some = latest_first[first : first + AT_ONCE]
        yield store.exposures.readings(some, begins[some[-1]], end)


def _begin(window: Window, limit: int, start: datetime) -> datetime:
    """From which moment on a credential's exposures may still count."""
    return max(window.preceded_at, start) if window.count >= limit else start


def rows_of(group: Windows, viewers: Mapping[Credential, ObjectId]) -> list[tuple[Window, Mapping[str, float]]]:
    """Each window with its features by name."""
    values = FEATURES.matrix(Rhythm(group)).tolist()
    first, last, before = (map(from_epoch_ms, one.tolist()) for one in (group.first, group.last, group.preceded_at))
    credentials = to_bson(group.credential)
    found = map(Window, credentials, first, last, before, group.count.tolist(), map(viewers.get, credentials))
    return [(window, dict(zip(FEATURES.names, row, strict=True))) for window, row in zip(found, values, strict=True)]
