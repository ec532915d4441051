"""Import real events: read a file, shift its moments to now, and upsert its documents."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from pymongo import ReplaceOne
from pymongo.database import Database

from local import ownership
from local.deskdrop.documents import SOURCE, History, documents_of, moment
from local.deskdrop.events import Progress, read_events
from local.tables import Tally
from shared.clock import SKEW
from shared.documents import Document
from shared.errors import BadConfig

BATCH = 2000  # documents of a bulk write


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Result of an import; importing the same file again has `changed` 0. The publisher counts as an account.

    tally    lines read, kept and skipped; the kept ones are the engagements and the feed items
    accounts, contents, engagements, feed_items  documents [count]
    changed  documents inserted or altered [count]
    shift    added to every moment of the file
    last_at  moment of the last event, after the shift; None where no line was usable
    """

    tally: Tally
    accounts: int = 0
    contents: int = 0
    engagements: int = 0
    feed_items: int = 0
    changed: int = 0
    shift: timedelta = timedelta()
    last_at: datetime | None = None

    @property
    def read(self) -> int:
        """Lines below the header [count]."""
        return self.tally.read

    @property
    def skipped(self) -> Counter[str]:
        """Numbers of lines that were left out, by reason."""
        return self.tally.skipped


def import_deskdrop(
    file: Path,
    app: Database[Document],
    analytics: Database[Document],
    *,
    now: datetime,
    keep_times: bool = False,
    renew_shift: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Upsert users, accounts, contents, engagements and feed items of a file; repeating it changes nothing.

    All moments are shifted so that the last event falls at `now`: the events are years old, and a feed of recent posts
    would show none of them. The first import stores its shift in `imports` of the analytics database, and later ones
    use it again. A content's counters and age come from this file alone: import a history whole, not in parts.

    keep_times   leave the moments as they are in the file
    renew_shift  shift the last event to this `now`, whatever an earlier import stored
    Raises, before anything is written, NotFound without the file, BadEvent when it is no such CSV or its ids have lost
    digits, BadConfig where events would come to lie after `now` by the shift of an earlier import.
    """
    report_progress, tally = progress or _ignore, Tally()
    events = sorted(read_events(file, tally, now=now, progress=report_progress))
    history = History.of(events, tally)
    if not events:
        return ImportReport(tally)
    shift = timedelta() if keep_times else _shift(analytics, events[-1].at, now, renew=renew_shift)
    if moment(events[-1].at, shift) > now + SKEW:
        raise BadConfig(
            f"the last event would be of {moment(events[-1].at, shift):%Y-%m-%d}, by the shift of the first import of "
            "a shorter file; with --renew-shift the times move to now once more"
        )
    documents = documents_of(history, shift)
    ownership.keep(app)  # else `dev` would replace these documents where a demo network was interrupted before
    changed = sum(_upsert(app, name, rows, report_progress) for name, rows in documents.items())
    return ImportReport(
        tally,
        accounts=len(documents["accounts"]),
        contents=len(documents["contents"]),
        engagements=len(documents["engagements"]),
        feed_items=len(documents["feeditems"]),
        changed=changed,
        shift=shift,
        last_at=moment(events[-1].at, shift),
    )


def _shift(analytics: Database[Document], last: int, now: datetime, *, renew: bool) -> timedelta:
    """What to add to every moment: the shift of the first import, or `now` minus the last event [s since 1970]."""
    proposal: Document = {"shiftSeconds": int(now.timestamp()) - last, "shiftedAt": now}
    analytics["imports"].update_one({"_id": SOURCE}, {"$set" if renew else "$setOnInsert": proposal}, upsert=True)
    stored = analytics["imports"].find_one({"_id": SOURCE}) or proposal
    return timedelta(seconds=stored["shiftSeconds"])


def _upsert(app: Database[Document], name: str, documents: list[Document], progress: Progress) -> int:
    """Insert or replace documents by `_id`; the number of documents that were inserted or altered."""
    changed, done, remaining = 0, 0, iter(documents)
    while batch := [ReplaceOne({"_id": d["_id"]}, d, upsert=True) for d in islice(remaining, BATCH)]:
        result = app[name].bulk_write(batch, ordered=False)
        changed += result.upserted_count + result.modified_count
        done += len(batch)
        progress(name, done, len(documents))
    return changed


def _ignore(step: str, done: int, total: int) -> None:
    """Show no progress."""
