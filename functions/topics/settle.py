"""Bringing what is known of posts up to the state that they are in."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from functions.topics.describe import Describer
from shared.change import ClusterTime, Order
from shared.store import Store
from shared.store.content_info import Known, Named
from shared.store.contents import PUBLISHED


@dataclass(frozen=True, slots=True)
class State:
    """A post as it was at some moment.

    order  which moment
    text   None where it is gone, not published, or says nothing
    """

    order: Order
    text: str | None

    @classmethod
    def of(cls, order: Order, document: Mapping[str, Any] | None) -> "State":
        """The state that a document, or its absence, shows."""
        if document is None or document.get("visibility", PUBLISHED) != PUBLISHED:
            return cls(order, None)
        message = message_of(document)
        return cls(order, message if isinstance(message, str) and message.strip() else None)

    @property
    def text_hash(self) -> str:
        """Of the text as it was written."""
        return hashlib.sha256((self.text or "").encode(errors="surrogatepass")).hexdigest()[:32]


def message_of(document: Mapping[str, Any] | None) -> Any:
    """What stands where the text of a post should."""
    payload = (document or {}).get("payload")
    return payload.get("message") if isinstance(payload, Mapping) else None


def settle(
    store: Store, describer: Describer, states: Mapping[ObjectId, State], size: int, *, now: datetime
) -> tuple[int, int]:
    """Describe the posts whose text is not yet described by this model, forget those without one.

    size     posts that are embedded and written at once, so that a run which is cut short has done all but the last
    returns  how many were described, and of how many nothing is kept now
    A post of which a newer state is on record is left alone. Safe to repeat, and beside other runs.
    """
    described = removed = 0
    for part in parts(states, size):
        settled = False
        while not settled:
            known = store.content_info.known(part)
            pending = {post: state for post, state in part.items() if is_newer(state.order, known.get(post))}
            gone = {post: state.order for post, state in pending.items() if state.text is None}
            same = {
                post: (state.text_hash, state.order)
                for post, state in pending.items()
                if post not in gone and is_described(state, known.get(post), describer.version)
            }
            new = {post: state for post, state in pending.items() if post not in gone and post not in same}
            removed += store.content_info.withdraw(gone, now=now)
            described += store.content_info.put(rows(describer, new), now=now)
            settled = store.content_info.confirm(same)  # else the text of one was replaced meanwhile: look again
    return described, removed


def rows(describer: Describer, states: Mapping[ObjectId, State]) -> list[Named]:
    """What to keep of each post, all with a text."""
    found = describer.describe([state.text or "" for state in states.values()])
    return [
        Named(post, state.text_hash, describer.version, state.order, fields)
        for (post, state), fields in zip(states.items(), found, strict=True)
    ]


def is_described(state: State, known: Known | None, version: str) -> bool:
    """Whether the same text has been described by the same model."""
    return known is not None and (known.text_hash, known.model) == (state.text_hash, version)


def is_settled(state: State, known: Known | None, version: str) -> bool:
    """Whether what is on record is what this state and this model make of the post."""
    if state.text is None:
        return known is None or known.gone
    return is_described(state, known, version)


def is_newer(order: Order, known: Known | None) -> bool:
    """Whether a state is newer than the one on record, as the guard of the write decides it too.

    >>> at = ClusterTime(5, 1)
    >>> is_newer(Order(at, None), None), is_newer(Order(at, None), Known("a", "m", Order(at, None)))
    (True, False)
    """
    if known is None:
        return True
    if order.cluster_time is None:
        return rank(order)[1] > rank(known.order)[1]
    return rank(order) > rank(known.order)


def rank(order: Order) -> tuple[ClusterTime, datetime]:
    """What orders compare by: nothing known is older than anything."""
    return order.cluster_time or ClusterTime(-1, 0), order.updated_at or datetime.min.replace(tzinfo=UTC)


def parts(states: Mapping[ObjectId, State], size: int) -> Iterator[dict[ObjectId, State]]:
    """The same in pieces of at most that size."""
    items = list(states.items())
    yield from (dict(items[start : start + size]) for start in range(0, len(items), size))
