"""Language and topics of posts, the moment that they change."""

from collections.abc import Sequence
from datetime import datetime

from bson import ObjectId

from functions.topics.describe import Describer
from functions.topics.settle import State, message_of, rank, settle
from shared.change import Change, Order
from shared.config import Topics
from shared.errors import BadEvent
from shared.report import Report
from shared.store import Store


def run(store: Store, describer: Describer, options: Topics, changes: Sequence[Change], *, now: datetime) -> Report:
    """Describe the posts whose text changed, forget those that are gone or withdrawn.

    Safe to repeat, in any order and beside other runs: a change counts only if no newer state of its post is on record,
    and only the text decides whether there is anything to describe. Raises BadEvent for a key that is no post's.
    """
    telling = [change for change in changes if change.touches("payload", "visibility")]
    newest = newest_of(telling)
    found = {post: (change.order, change.document) for post, change in newest.items() if is_told(change)}
    found |= store.contents.now([post for post in newest if post not in found])
    states = {post: State.of(order, document) for post, (order, document) in found.items()}
    described, removed = settle(store, describer, states, options.batch, now=now)
    malformed = [post for post, (_, document) in found.items() if not isinstance(message_of(document), str | None)]
    details = {"unconcerned": len(changes) - len(telling)} if len(changes) > len(telling) else {}
    return Report(len(newest), described, removed, malformed, details)


def newest_of(changes: Sequence[Change]) -> dict[ObjectId, Change]:
    """The last change of each post, but one that has to be read before any other: what is read is the newest.

    Where one of two does not tell its time, `updatedAt` decides, as it does where they are written.
    """
    newest: dict[ObjectId, Change] = {}
    for change in changes:
        if not isinstance(change.key, ObjectId):
            raise BadEvent(f"documentKey._id: a post has an ObjectId, not {type(change.key).__name__}")
        other = newest.get(change.key, change)
        timeless = change.cluster_time is None or other.cluster_time is None
        later = rank(change.order)[timeless:] >= rank(other.order)[timeless:]
        if not is_told(change) or (later and is_told(other)):
            newest[change.key] = change
    return newest


def is_told(change: Change) -> bool:
    """Whether the change says all about the post, and when; else it has to be read."""
    return (change.kind == "delete" or change.document is not None) and change.order != Order(None, None)
