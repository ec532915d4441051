"""Removal of rows from the live guest feed as soon as they may no longer be shown."""

from collections.abc import Mapping, Sequence

from shared.change import Change, ClusterTime
from shared.report import Report
from shared.store import Store, schema
from shared.store.visibility import says_published

NAME = "remove_withdrawn"

# Fields that decide, beside the visibility, whether a document may be shown.
REFERENCES: Mapping[str, Sequence[str]] = {
    schema.CONTENTS.name: ("author", "originalPost", "isRecast"),
    schema.USERS.name: ("ownerAccount",),
}


def run(store: Store, changes: Sequence[Change]) -> Report:
    """Remove every row of the guest feed that may no longer be shown, if one of these changes may have withdrawn it.

    The changes only trigger the check, which reads the current posts, users and accounts and covers the whole feed,
    since a row may repeat a post that is not in the feed. So changes may come twice, late and in any order, and changes
    from before a finished check are skipped. Reports the changes that may withdraw something, and the removed rows.
    """
    withdrawals = [change for change in changes if may_withdraw(change)]
    if not withdrawals or are_covered(store, [change.cluster_time for change in withdrawals]):
        return Report(len(withdrawals))
    with store.watermarks.covering(NAME):
        removed = store.guest_feed.remove_withdrawn()
    return Report(len(withdrawals), removed=removed)


def may_withdraw(change: Change) -> bool:
    """Whether a change may have withdrawn something that was shown before it: False if the document is published and
    refers to the same author, post or account as before.

    An inserted document may be a second one under the id of a document that is shown. It withdraws that one if it is
    not published; if it is, only if its id is text, since then its references replace those of the other.
    """
    if change.kind == "delete" or change.document is None or not says_published(change.collection, change.document):
        return True
    if change.kind == "insert":
        return change.has_text_key
    references = REFERENCES.get(change.collection, ())
    return bool(references) and change.touches(*references)


def are_covered(store: Store, times: Sequence[ClusterTime | None]) -> bool:
    """Whether all changes of these times came before a finished check; False if the time of one is not known."""
    known_times = [time for time in times if time is not None]
    return len(known_times) == len(times) and store.watermarks.covers(NAME, max(known_times))
