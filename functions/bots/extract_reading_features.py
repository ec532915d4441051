"""Compute the reading features of every credential with new exposures."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from bson import ObjectId

from functions.bots.options import Bots
from functions.bots.reading_features import FEATURES, Rhythm
from functions.bots.store.account_links import AccountLinks
from functions.bots.store.credential_features import CredentialFeatures, made_from
from functions.bots.store.reading_window import Window
from functions.bots.windows import Windows, windows
from shared.clock import from_epoch_ms
from shared.columns import Columns, to_bson
from shared.documents import Credential
from shared.report import Report
from shared.store import Store, schema
from shared.store.deadline import DeadlineExecutor

NAME: Final = "extract_reading_features"

# How far a phone's clock may be ahead of ours; exposures dated further ahead are left out. Features are made of
# differences between moments of one clock and never of ages, so a constant error of a phone's clock does not matter.
CLOCK_AHEAD: Final = timedelta(hours=1)
CREDENTIALS_A_READ: Final = 500  # whose exposures are read by one query


def run(store: Store, options: Bots, *, now: datetime) -> Report:
    """Compute and upsert the features of every credential with new exposures; once a day, and when what features are
    made from has changed, of all credentials and of the labelled windows that were made from something else.

    Also note which accounts use each credential, so that an erasure finds the features even when the application has
    deleted the exposures already. Safe to repeat, also while another run is going on: the same exposures give the same
    window of readings, which is the natural key.
    """
    period = store.watermarks.period(NAME, options, made_from(), now=now)
    if period.late:
        return Report.late()
    features, account_links = CredentialFeatures(store), AccountLinks(store)
    erased = store.erasures.credentials()
    reports: list[Report] = []
    with DeadlineExecutor(1) as aside:
        links = [aside.submit(account_links.note_users, period.since)]
        changed = None if period.since is None else store.exposures.changed_credentials(period.since)
        stored = features.newest(changed or ())
        used = {credential: viewers for credential, viewers in (changed or {}).items() if credential in stored}
        links.append(aside.submit(account_links.note_credentials, used))
        for batches in exposures(store, options, changed, stored, now):
            for group in windows(batches, options.limit, options.min_readings):
                credentials = to_bson(group.credential)
                unlinked = [credential for credential in credentials if credential not in stored]
                links.append(aside.submit(link_viewers, store, unlinked))
                computed = rows_of(group, store.exposures.viewers(credentials))
                rows = [(window, values) for window, values in computed if window.credential not in erased]
                written = features.put(rows, kept=options.kept, superseded=options.superseded, now=now)
                reports.append(Report(int(group.count.sum()), written, details={"credentials": len(group)}))
        for link in links:
            link.result()
    if period.since is None:
        outdated = [window for window in features.outdated_labels() if window.credential not in erased]
        rows = [row for window in outdated for row in recomputed(store, window)]
        reports.append(Report(written=features.put(rows, kept=options.kept, superseded=options.superseded, now=now)))
        if len(rows) < len(outdated):
            reports.append(Report(details={"outdated_labels": len(outdated) - len(rows)}))
    reports.append(Report(removed=store.erasures.sweep(schema.CREDENTIAL_FEATURES, schema.ACCOUNT_LINKS)))
    store.watermarks.advance(NAME, options, period, now=now)
    return Report.together(reports)


def link_viewers(store: Store, credentials: Sequence[Credential]) -> None:
    """Note every viewer of these credentials, which have no stored features yet."""
    AccountLinks(store).note_credentials(store.exposures.all_viewers(credentials))


def exposures(
    store: Store,
    options: Bots,
    changed: Iterable[Credential] | None,
    stored: Mapping[Credential, Window],
    now: datetime,
) -> Iterator[Iterator[Columns]]:
    """The exposures of the changed credentials, or of all credentials where `changed` is None: for each query an
    iterator of batches.

    stored  the newest stored window of each changed credential that has one
    A window that is full only moves forward, so only its own span and what came later is read: the work is proportional
    to what is new. Credentials whose windows begin at about the same time share one query.
    """
    start, end = now - options.window, now + CLOCK_AHEAD
    if changed is None:
        yield store.exposures.readings(None, start, end)
        return
    begins = {
        credential: _begin(stored[credential], options.limit, start) if credential in stored else start
        for credential in changed
    }
    latest_first = sorted(begins, key=lambda credential: (begins[credential], str(credential)), reverse=True)
    for first in range(0, len(latest_first), CREDENTIALS_A_READ):
        batch = latest_first[first : first + CREDENTIALS_A_READ]
        yield store.exposures.readings(batch, begins[batch[-1]], end)


def _begin(window: Window, limit: int, start: datetime) -> datetime:
    """The moment from which on exposures can belong to the next window of a credential, given its newest one."""
    return max(window.preceded_at, start) if window.count >= limit else start


def recomputed(store: Store, window: Window) -> list[tuple[Window, Mapping[str, float]]]:
    """A stored window with features of the present layout; none where its exposures no longer give that window."""
    batches = store.exposures.readings([window.credential], window.preceded_at, window.last_seen_at)
    groups = windows(batches, window.count, 1)
    return [row for group in groups for row in rows_of(group, {}) if row[0].key == window.key]


def rows_of(group: Windows, viewers: Mapping[Credential, ObjectId]) -> list[tuple[Window, Mapping[str, float]]]:
    """The window of each credential of the group with its features by name."""
    matrix = FEATURES.matrix(Rhythm(group)).tolist()
    moments = (group.first, group.last, group.preceded_at)
    first, last, preceded_at = (map(from_epoch_ms, column.tolist()) for column in moments)
    credentials = to_bson(group.credential)
    keys = map(Window, credentials, first, last, preceded_at, group.count.tolist(), map(viewers.get, credentials))
    return [(window, dict(zip(FEATURES.names, row, strict=True))) for window, row in zip(keys, matrix, strict=True)]
