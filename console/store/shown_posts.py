"""What pages show of posts of the application: a line of the text, the author's name, and when it was published."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from shared.documents import Document
from shared.store import Store, schema
from shared.store.decoding import as_document, as_moment, as_text, needed, own_id, sound

MAX_LINE = 160  # characters of a text that are shown

_FIELDS = {"payload.message": 1, "author.displayName": 1, "author.castcleId": 1, "type": 1, "createdAt": 1}


@dataclass(frozen=True, slots=True)
class ShownPost:
    """A post.

    line    the first line of its text, as somebody wrote it; empty where it has none
    author  a name of its author, as somebody wrote it; empty where it has none
    """

    line: str
    author: str
    created_at: datetime


class ShownPosts:
    """What pages show of posts."""

    def __init__(self, store: Store) -> None:
        self._contents = store.app[schema.CONTENTS.name]

    def of(self, ids: Iterable[ObjectId]) -> dict[ObjectId, ShownPost]:
        """Those of these posts that are there and sound, by id."""
        rows = self._contents.find({"_id": {"$in": list(ids)}}, _FIELDS)
        return dict(sound(self._contents, rows, _shown))


def _shown(row: Document) -> tuple[ObjectId, ShownPost]:
    payload, author = as_document(row.get("payload")) or {}, as_document(row.get("author")) or {}
    name = as_text(author.get("displayName")) or as_text(author.get("castcleId")) or ""
    return own_id(row), ShownPost(
        _first_line(as_text(payload.get("message")) or ""), name[:MAX_LINE], needed(as_moment(row.get("createdAt")))
    )


def _first_line(text: str) -> str:
    """The first line that is not empty, shortened."""
    line = next((stripped for line in text.splitlines() if (stripped := line.strip())), "")
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 1]}…"
