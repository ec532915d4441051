"""The text of a post at one moment, as far as it may be described."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from shared.change import Order
from shared.store import Store
from shared.store.visibility import PUBLISHED


@dataclass(frozen=True, slots=True)
class PostState:
    """A post at one moment.

    order      the moment, for comparison with other states of the post
    text       None where the post is gone, not published, or has no text
    malformed  whether its text is of another type
    """

    order: Order
    text: str | None
    malformed: bool = False

    @classmethod
    def of(cls, order: Order, document: Mapping[str, Any] | None) -> "PostState":
        """The state of the post with this document, or None for a post that is gone."""
        # The application takes a post without a visibility for published.
        if document is None or document.get("visibility", PUBLISHED) != PUBLISHED:
            return cls(order, None)
        payload = document.get("payload")
        message = payload.get("message") if isinstance(payload, Mapping) else None
        if not isinstance(message, str | None):
            return cls(order, None, malformed=True)
        return cls(order, message if message and message.strip() else None)

    @property
    def text_hash(self) -> str:
        """A hash of the text as it was written."""
        return hashlib.sha256((self.text or "").encode(errors="surrogatepass")).hexdigest()[:32]


def states_now(store: Store, posts: Iterable[ObjectId]) -> dict[ObjectId, PostState]:
    """The present state of each post."""
    return {post: PostState.of(order, document) for post, (order, document) in store.contents.now(posts).items()}
