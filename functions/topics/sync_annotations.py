"""Bring the stored annotations of posts up to date with the posts' texts."""

from collections.abc import Mapping
from datetime import datetime

from bson import ObjectId

from functions.topics.annotate import TextAnnotator
from functions.topics.corrections import apply_corrections
from functions.topics.post_state import PostState, states_now
from functions.topics.store.content_info import AnnotationRow, ContentInfo, StoredAnnotation
from shared.store import Store
from shared.store.batches import in_batches


def sync_annotations(
    store: Store, annotator: TextAnnotator, states: Mapping[ObjectId, PostState], size: int, *, now: datetime
) -> tuple[int, int]:
    """Annotate the posts whose text this model has not annotated yet, and remove the annotations of posts without one.

    size     posts that are embedded and written at once; a run that is cut short loses one such batch at most
    returns  how many posts were annotated, and how many annotations were removed
    A post with a newer recorded state is left alone; where the order of the two states is unknown, the post is read
    again. Of an erased post nothing is kept, not even that it is gone. Topics that a person chose stay as long as the
    text is the same. Safe to repeat, also while other runs are going on.
    """
    content_info = ContentInfo(store)
    annotated = removed = 0
    for batch in map(dict, in_batches(states.items(), size)):
        erased = store.tombstones.posts_among(batch)
        remaining = {post: state for post, state in batch.items() if post not in erased}
        while remaining:
            stored = content_info.known(remaining)
            newer = {post: is_newer(state, stored.get(post)) for post, state in remaining.items()}
            pending = {post: remaining[post] for post in remaining if newer[post]}
            gone = {post: state.order for post, state in pending.items() if state.text is None}
            same = {
                post: (state.text_hash, state.order)
                for post, state in pending.items()
                if post not in gone and is_annotated(state, stored.get(post), annotator.version)
            }
            new = {post: state for post, state in pending.items() if post not in gone and post not in same}
            withdrawn = content_info.withdraw(gone, now=now)
            put = content_info.put(rows(annotator, new), now=now)
            confirmed = content_info.confirm(same)
            removed, annotated = removed + withdrawn, annotated + put
            # Where another run has written a state in the meantime that is not older, compare again.
            complete = confirmed and withdrawn == len(gone) and put == len(new)
            unordered = [post for post in remaining if newer[post] is None]
            remaining = ({} if complete else pending) | states_now(store, unordered)
        apply_corrections(store, batch, annotator.topic_ids, now=now)
        removed += content_info.remove(erased | store.tombstones.posts_among(batch))
    return annotated, removed


def rows(annotator: TextAnnotator, states: Mapping[ObjectId, PostState]) -> list[AnnotationRow]:
    """The row to store for each post; every state has a text."""
    annotations = annotator.annotate([state.text or "" for state in states.values()])
    return [
        AnnotationRow(post, state.text_hash, annotator.version, state.order, fields)
        for (post, state), fields in zip(states.items(), annotations, strict=True)
    ]


def is_annotated(state: PostState, stored: StoredAnnotation | None, version: str) -> bool:
    """Whether the same text has been annotated by the model of that version."""
    return stored is not None and (stored.text_hash, stored.model) == (state.text_hash, version)


def is_up_to_date(state: PostState, stored: StoredAnnotation | None, version: str) -> bool:
    """Whether the stored annotation is the one that the model of that version gives for this state of the post."""
    if state.text is None:
        return stored is None or stored.gone
    return is_annotated(state, stored, version)


def is_newer(state: PostState, stored: StoredAnnotation | None) -> bool | None:
    """Whether a state is newer than the recorded one, by the same comparison as in the guarded write; None where they
    differ and their order is unknown: a transaction may change one post twice at one cluster time, and a deletion has
    no date.

    >>> from shared.change import ClusterTime, Order
    >>> gone = PostState(Order(ClusterTime(5, 1), None), None)
    >>> is_newer(gone, None), is_newer(gone, StoredAnnotation("a", "m", gone.order))
    (True, None)
    """
    if stored is None:
        return True
    newer = state.order.is_after(stored.order)
    equal = stored.gone if state.text is None else stored.text_hash == state.text_hash
    return False if newer is None and equal else newer
