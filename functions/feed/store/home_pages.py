"""Pages of an account's home feed that were served, so that the pages that follow repeat no post.

For example: {_id: "5f0c… (random, the cursor)", account: ObjectId, contents: Binary, blocks: ["9e1a…"], expiresAt: …}

`contents` holds ids of posts, twelve bytes each: those of the page, and of the pages before it since the last of
`blocks`, which are pages themselves. A page is never changed: each request with a cursor, also a repeated one, goes on
from the page of that cursor. All pages of one paging expire together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import numpy as np
from bson import ObjectId
from bson.binary import Binary
from numpy.typing import NDArray
from pymongo import WriteConcern

from shared.columns import id_array
from shared.documents import Document
from shared.errors import BadEvent
from shared.store import Store, schema
from shared.store.decoding import as_list, as_moment, as_text, needed, sound

BLOCK = 250  # posts of one document at most, or as many as its page has
_ID_BYTES = 12


@dataclass(frozen=True, slots=True)
class Given:
    """The posts that an account was served from the first page on.

    posts       (n,) ids
    recent      the ids of those since the last block, twelve bytes each
    page        cursor of the last page, and `blocks` the cursors of the full ones before it
    expires_at  when the paging ends
    """

    posts: NDArray[np.void]
    recent: bytes
    page: str
    blocks: Sequence[str]
    expires_at: datetime


class HomePages:
    def __init__(self, store: Store) -> None:
        self._pages, self._tombstones = store.analytics[schema.HOME_PAGES.name], store.analytics[schema.ERASURES.name]
        # Not durable: where a page is lost with its server, the reader begins without a cursor.
        self._unsafe = self._pages.with_options(write_concern=WriteConcern(w=1))

    def first(self, *, expires_at: datetime) -> Given:
        """The state before the first page."""
        return Given(np.empty(0, "V12"), b"", "", (), expires_at)

    def given(self, account: ObjectId, cursor: str, *, now: datetime) -> Given:
        """The posts up to the page of a cursor; BadEvent where it is no cursor of this account, or too old, or a page
        that led to it is missing or malformed."""
        pages = self._pages.find({"_id": cursor, "account": account, "expiresAt": {"$gt": now}})
        page = next(sound(self._pages, pages, _page), None)
        if page is None:
            raise BadEvent("cursor: is not one that a page of this account came with, or is too old; begin without one")
        recent, blocks, expires_at = page
        full = self._pages.find({"_id": {"$in": blocks}}, {"contents": 1}) if blocks else ()
        contents = list(sound(self._pages, full, _contents))
        if len(contents) < len(blocks):
            raise BadEvent("cursor: is too old; begin without one")
        return Given(np.frombuffer(b"".join([*contents, recent]), "V12"), recent, cursor, blocks, expires_at)

    def add(self, account: ObjectId, previous: Given, posts: Sequence[ObjectId]) -> str:
        """Store the page that follows the previous ones; returns its cursor, empty for an account that is erased.

        The tombstone is read after the write: an erasure that begins later deletes the page itself.
        """
        new, cursor = id_array(posts).tobytes(), uuid4().hex
        is_full = len(previous.recent) + len(new) > BLOCK * _ID_BYTES and previous.recent
        page: Document = {
            "contents": Binary(new if is_full else previous.recent + new),
            "blocks": [*previous.blocks, previous.page] if is_full else list(previous.blocks),
        }
        self._unsafe.insert_one({"_id": cursor, "account": account, **page, "expiresAt": previous.expires_at})
        if self._tombstones.find_one({"_id": account}, {"_id": 1}):
            self._pages.delete_one({"_id": cursor})
            return ""
        return cursor


def _page(page: Document) -> tuple[bytes, list[str], datetime]:
    """The ids since the last block, the blocks, and when it expires."""
    blocks = [needed(as_text(block)) for block in needed(as_list(page.get("blocks")))]
    return _contents(page), blocks, needed(as_moment(page.get("expiresAt")))


def _contents(page: Document) -> bytes:
    stored = page.get("contents")
    return needed(stored if isinstance(stored, bytes) and len(stored) % _ID_BYTES == 0 else None)
