"""Language and topics of posts, the moment that they change."""

from collections.abc import Sequence
from datetime import datetime

from bson import ObjectId

from functions.topics.annotate import TextAnnotator
from functions.topics.sync_annotations import PostState, states_now, sync_annotations
from shared.change import Change, Order
from shared.config import Topics
from shared.errors import BadEvent
from shared.report import Report
from shared.store import Store


def run(store: Store, describer: TextAnnotator, options: Topics, changes: Sequence[Change], *, now: datetime) -> Report:
    """Describe the posts whose text changed, forget those that are gone or withdrawn.

    Safe to repeat, in any order and beside other runs: a change counts only if no newer state of its post is on record,
    and only the text decides whether there is anything to describe. Raises BadEvent for a key that is no post's.
    """
    telling = [change for change in changes if change.touches("payload", "visibility")]
    told = latest_states(telling)
    states = {post: state for post, state in told.items() if state is not None}
    states |= states_now(store, [post for post in told if post not in states])
    described, removed = sync_annotations(store, describer, states, options.batch, now=now)
    malformed = [post for post, state in states.items() if state.malformed]
    details = {"unconcerned": len(changes) - len(telling)} if len(changes) > len(telling) else {}
    return Report(len(states), described, removed, malformed, details)


def latest_states(changes: Sequence[Change]) -> dict[ObjectId, PostState | None]:
    """The last state of each post that changes tell of; None where they do not tell it, so that it has to be read."""
    told: dict[ObjectId, PostState | None] = {}
    for change in changes:
        if not isinstance(change.key, ObjectId):
            raise BadEvent(f"documentKey._id: a post has an ObjectId, not {type(change.key).__name__}")
        state = shown(change)
        told[change.key] = later(told[change.key], state) if change.key in told else state
    return told


def shown(change: Change) -> PostState | None:
    """The state of the post after the change; None where it does not say all, or not when."""
    if change.cluster_time is None or (change.document is None and change.kind != "delete"):
        return None
    document = None if change.kind == "delete" else change.document
    return PostState.of(Order.of(change.cluster_time, document), document)


def later(one: PostState | None, other: PostState | None) -> PostState | None:
    """The newer of two states; None where one is not told, or nothing tells which it is."""
    if one is None or other is None:
        return None
    newer = one.order.is_after(other.order)
    if newer is None:
        return one if one.text == other.text else None
    return one if newer else other
