"""Annotate posts with language and topics as soon as they change."""

from collections.abc import Sequence
from datetime import datetime

from bson import ObjectId

from functions.topics.annotate import TextAnnotator
from functions.topics.options import Topics
from functions.topics.post_state import PostState, states_now
from functions.topics.sync_annotations import sync_annotations
from shared.change import Change, Order
from shared.errors import BadEvent
from shared.report import Report
from shared.store import Store


def run(store: Store, annotator: TextAnnotator, options: Topics, changes: Sequence[Change], *, now: datetime) -> Report:
    """Annotate the posts whose text changed, and remove the annotations of those that are gone or withdrawn.

    Safe to repeat, in any order and while other runs are going on: a change has an effect only if no newer state of its
    post is recorded, and a post is annotated only if its text differs. Raises BadEvent for a key that is no ObjectId.
    """
    relevant = [change for change in changes if change.touches("payload", "visibility")]
    latest = latest_states(relevant)
    states = {post: state for post, state in latest.items() if state is not None}
    states |= states_now(store, [post for post in latest if post not in states])
    annotated, removed = sync_annotations(store, annotator, states, options.batch, now=now)
    malformed = [post for post, state in states.items() if state.malformed]
    details = {"unconcerned": len(changes) - len(relevant)} if len(changes) > len(relevant) else {}
    return Report(len(states), annotated, removed, malformed, details)


def latest_states(changes: Sequence[Change]) -> dict[ObjectId, PostState | None]:
    """The newest state of each post among the changes; None where they do not determine it, so that the post has to be
    read."""
    latest: dict[ObjectId, PostState | None] = {}
    for change in changes:
        if not isinstance(change.key, ObjectId):
            raise BadEvent(f"documentKey._id: a post has an ObjectId, not {type(change.key).__name__}")
        state = state_after(change)
        latest[change.key] = newer_of(latest[change.key], state) if change.key in latest else state
    return latest


def state_after(change: Change) -> PostState | None:
    """The state of the post after the change; None where the change carries no document or no cluster time."""
    if change.cluster_time is None or (change.document is None and change.kind != "delete"):
        return None
    document = None if change.kind == "delete" else change.document
    return PostState.of(Order.of(change.cluster_time, document), document)


def newer_of(first: PostState | None, second: PostState | None) -> PostState | None:
    """The newer of two states of a post; None where one is unknown, or where their order is unknown and their texts
    differ."""
    if first is None or second is None:
        return None
    first_is_newer = first.order.is_after(second.order)
    if first_is_newer is None:
        return first if first.text == second.text else None
    return first if first_is_newer else second
