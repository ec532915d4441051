"""What may no longer be shown, taken out of the guest feed as soon as it is withdrawn."""

from collections.abc import Mapping, Sequence

from shared.change import Change, ClusterTime
from shared.report import Report
from shared.store import Store, schema
from shared.store.visibility import says_published

NAME = "remove_withdrawn"

# Fields that decide, beside its visibility, whether a document may be shown.
REFERENCES: Mapping[str, Sequence[str]] = {
    schema.CONTENTS.name: ("author", "originalPost", "isRecast"),
    schema.USERS.name: ("ownerAccount",),
}


def run(store: Store, changes: Sequence[Change]) -> Report:
    """Remove every row of the guest feed that may no longer be shown, if any of these changes may have withdrawn one.

    A change only tells that there may be something: what counts is the state of posts, users and accounts, and the
    whole feed is looked through, since a post may repeat another that is not in it. So changes may come twice, late and
    in any order, and those that came before a look that is over are met already. Returns how many rows were removed.
    """
    telling = [change for change in changes if may_withdraw(change)]
    if not telling or are_covered(store, [change.cluster_time for change in telling]):
        return Report(len(telling))
    with store.watermarks.covering(NAME):
        removed = store.guest_feed.remove_withdrawn()
    return Report(len(telling), removed=removed)


def may_withdraw(change: Change) -> bool:
    """Whether something can be shown before a change and not after it: not where it is published and refers to the
    author, post or account that it referred to.

    What is new can be a second document under an id that is shown already. It withdraws that one if it is not
    published; if it is, only under hex digits, which is then the document whose references count.
    """
    if change.kind == "delete" or change.document is None or not says_published(change.collection, change.document):
        return True
    if change.kind == "insert":
        return change.has_text_key
    references = REFERENCES.get(change.collection, ())
    return bool(references) and change.touches(*references)


def are_covered(store: Store, times: Sequence[ClusterTime | None]) -> bool:
    """Whether all of these changes came before a look that is over; not known where one has no time."""
    known = [time for time in times if time is not None]
    return len(known) == len(times) and store.watermarks.covers(NAME, max(known))
