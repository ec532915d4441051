"""Bringing what is known of posts up to the state that they are in."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId

from functions.topics.annotate import TextAnnotator
from shared.change import Order
from shared.store import Store
from shared.store.content_info import AnnotationRow, StoredAnnotation
from shared.store.visibility import PUBLISHED


@dataclass(frozen=True, slots=True)
class PostState:
    """A post as it was at some moment.

    order      which moment
    text       None where it is gone, not published, or says nothing
    malformed  whether something else stands where its text should
    """

    order: Order
    text: str | None
    malformed: bool = False

    @classmethod
    def of(cls, order: Order, document: Mapping[str, Any] | None) -> "PostState":
        """The state that a document, or its absence, shows."""
        # The application saves a post without a visibility as published.
        if document is None or document.get("visibility", PUBLISHED) != PUBLISHED:
            return cls(order, None)
        payload = document.get("payload")
        message = payload.get("message") if isinstance(payload, Mapping) else None
        if not isinstance(message, str | None):
            return cls(order, None, malformed=True)
        return cls(order, message if message and message.strip() else None)

    @property
    def text_hash(self) -> str:
        """Of the text as it was written."""
        return hashlib.sha256((self.text or "").encode(errors="surrogatepass")).hexdigest()[:32]


def states_now(store: Store, posts: Iterable[ObjectId]) -> dict[ObjectId, PostState]:
    """The state that each post is in now."""
    return {post: PostState.of(*seen) for post, seen in store.contents.now(posts).items()}


def sync_annotations(
    store: Store, describer: TextAnnotator, states: Mapping[ObjectId, PostState], size: int, *, now: datetime
) -> tuple[int, int]:
    """Describe the posts whose text is not yet described by this model, forget those without one.

    size     posts that are embedded and written at once, so that a run which is cut short has done all but the last
    returns  how many were described, and of how many nothing is kept now
    A post of which a newer state is on record is left alone; where it cannot be told which of two is newer, the post is
    read. Of an erased one nothing is kept, not even that it is gone. Safe to repeat, and beside other runs.
    """
    described = removed = 0
    for every in parts(states, size):
        erased = store.tombstones.posts_among(every)
        part = {post: state for post, state in every.items() if post not in erased}
        while part:
            known = store.content_info.known(part)
            newer = {post: is_newer(state, known.get(post)) for post, state in part.items()}
            pending = {post: part[post] for post in part if newer[post]}
            gone = {post: state.order for post, state in pending.items() if state.text is None}
            same = {
                post: (state.text_hash, state.order)
                for post, state in pending.items()
                if post not in gone and is_described(state, known.get(post), describer.version)
            }
            new = {post: state for post, state in pending.items() if post not in gone and post not in same}
            withdrawn = store.content_info.withdraw(gone, now=now)
            put = store.content_info.put(rows(describer, new), now=now)
            confirmed = store.content_info.confirm(same)
            removed, described = removed + withdrawn, described + put
            # Another run may have written meanwhile what is no older: then look again.
            taken = confirmed and withdrawn == len(gone) and put == len(new)
            part = ({} if taken else pending) | states_now(store, [post for post in part if newer[post] is None])
        removed += store.content_info.remove(erased | store.tombstones.posts_among(every))
    return described, removed


def rows(describer: TextAnnotator, states: Mapping[ObjectId, PostState]) -> list[AnnotationRow]:
    """What to keep of each post, all with a text."""
    found = describer.describe([state.text or "" for state in states.values()])
    return [
        AnnotationRow(post, state.text_hash, describer.version, state.order, fields)
        for (post, state), fields in zip(states.items(), found, strict=True)
    ]


def is_described(state: PostState, known: StoredAnnotation | None, version: str) -> bool:
    """Whether the same text has been described by the same model."""
    return known is not None and (known.text_hash, known.model) == (state.text_hash, version)


def is_settled(state: PostState, known: StoredAnnotation | None, version: str) -> bool:
    """Whether what is on record is what this state and this model make of the post."""
    if state.text is None:
        return known is None or known.gone
    return is_described(state, known, version)


def is_newer(state: PostState, known: StoredAnnotation | None) -> bool | None:
    """Whether a state is newer than the one on record, as the guard of the write decides it too; None where nothing
    tells, though they differ: a transaction may change one post twice at one cluster time, and a deletion has no date.

    >>> from shared.change import ClusterTime
    >>> gone = PostState(Order(ClusterTime(5, 1), None), None)
    >>> is_newer(gone, None), is_newer(gone, StoredAnnotation("a", "m", gone.order))
    (True, None)
    """
    if known is None:
        return True
    newer = state.order.is_after(known.order)
    alike = known.gone if state.text is None else known.text_hash == state.text_hash
    return False if newer is None and alike else newer


def parts(states: Mapping[ObjectId, PostState], size: int) -> Iterator[dict[ObjectId, PostState]]:
    """The same in pieces of at most that size."""
    items = list(states.items())
    yield from (dict(items[start : start + size]) for start in range(0, len(items), size))
