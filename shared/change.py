"""A change of a document, in one form whichever way it was delivered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, get_args

Kind = Literal["insert", "update", "replace", "delete"]
KINDS: tuple[str, ...] = get_args(Kind)
# Events of a change stream about a collection or a database; after the last one the stream is closed.
ENDINGS = ("drop", "rename", "dropDatabase", "invalidate")


def is_of_document(event: Mapping[str, Any]) -> bool:
    """Whether an event of a change stream is about one document.

    Events about a collection, an index, a shard or a database are not: those of `ENDINGS`, and other kinds of newer
    servers (create, createIndexes, modify, …), which have the `_id` of every event of a stream, but no document's key.

    >>> is_of_document({"operationType": "insert"}), is_of_document({"operationType": "drop"})
    (True, False)
    >>> is_of_document({"_id": {"_data": "82"}, "operationType": "createIndexes"})
    False
    """
    kind = event.get("operationType")
    if not isinstance(kind, str) or not kind or kind in KINDS:
        return True
    names_document = not event.keys().isdisjoint({"documentKey", "fullDocument"})
    return kind not in ENDINGS and (names_document or "_id" not in event)


class ClusterTime(NamedTuple):
    """A moment of the server's logical clock: seconds since 1970, and a counter within the second."""

    seconds: int
    increment: int


class Order(NamedTuple):
    """Which of two states of a document is newer: by cluster time; if that is equal by `updatedAt`, if both have it.

    A state that was read from the database has the cluster time of the moment before the read. All changes of a
    transaction have the same cluster time.
    """

    cluster_time: ClusterTime
    updated_at: datetime | None

    @classmethod
    def of(cls, cluster_time: ClusterTime, document: Mapping[str, Any] | None) -> "Order":
        """The order of a document as of a cluster time; an `updatedAt` that is no date counts as unknown."""
        updated_at = (document or {}).get("updatedAt")
        return cls(cluster_time, updated_at if isinstance(updated_at, datetime) else None)

    def is_after(self, other: "Order") -> bool | None:
        """Whether this state is the newer one; None if that is not known.

        >>> at, later = ClusterTime(5, 1), ClusterTime(5, 2)
        >>> Order(later, None).is_after(Order(at, None)), Order(at, None).is_after(Order(at, None))
        (True, None)
        """
        if self.cluster_time != other.cluster_time:
            return self.cluster_time > other.cluster_time
        if self.updated_at is None or other.updated_at is None or self.updated_at == other.updated_at:
            return None
        return self.updated_at > other.updated_at


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a document.

    collection    its name
    key           `_id` as stored
    kind          of the change
    document      fields as of the change or later, possibly not all of them; None if the document has to be read
    updated       paths that an update set or removed; None if they are not known
    cluster_time  when it was changed, by the server's clock; None if it is not known
    has_text_key  whether the server stores `_id` as text; False also for plain JSON, which writes an ObjectId as text
    """

    collection: str
    key: Any
    kind: Kind
    document: Mapping[str, Any] | None = None
    updated: frozenset[str] | None = None
    cluster_time: ClusterTime | None = None
    has_text_key: bool = False

    def touches(self, *fields: str) -> bool:
        """Whether any of these fields, or a field within or around them, may have changed.

        >>> Change("contents", 1, "update", updated=frozenset({"engagements.like.count"})).touches("payload")
        False
        >>> Change("contents", 1, "update", updated=frozenset({"payload.message"})).touches("payload")
        True
        """
        if self.kind != "update" or self.updated is None:
            return True
        return any(
            path == field or path.startswith(f"{field}.") or field.startswith(f"{path}.")
            for path in self.updated
            for field in fields
        )
