"""Changes in the form in which they are sent."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shared.store.extended_json import encoded

SOURCE = "feedkeeper.relay"
_BARE = ("operationType", "clusterTime", "ns", "documentKey")


@dataclass(frozen=True, slots=True)
class Event:
    """One change, ready to be sent.

    collection  its full name, such as "app-db.contents"
    key         `_id` of its document, as text
    text        the event of the change stream as extended JSON
    size        of the text in UTF-8 [bytes]
    bare        the text without the document
    """

    collection: str
    key: str
    text: str
    size: int
    bare: str

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def event_of(change: dict[str, Any], max_bytes: int) -> Event:
    """The event for a change of the stream; without the document where it would be larger than `max_bytes` with it."""
    bare = _text({name: change[name] for name in _BARE if name in change})
    text = _text(change)
    size = len(text.encode())
    if size > max_bytes:
        text, size = bare, len(bare.encode())
    namespace = change["ns"]
    return Event(f"{namespace['db']}.{namespace['coll']}", str(change["documentKey"]["_id"]), text, size, bare)


def _text(change: dict[str, Any]) -> str:
    """Extended JSON; U+FFFE and U+FFFF, which SQS refuses, are escaped."""
    return encoded(change).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def payload(events: Iterable[Event]) -> str:
    """A batch of events as the JSON text of a direct call of a function."""
    return f'{{"source":"{SOURCE}","changes":[{",".join(event.text for event in events)}]}}'


def unpacked(batch: str) -> dict[str, Any]:
    """The text of `payload` as the event that the Lambda runtime makes of it."""
    event: dict[str, Any] = json.loads(batch)
    return event


def grouped(events: Sequence[Event], limit: int, max_bytes: int, overhead: int) -> Iterator[list[Event]]:
    """Split events into groups for one call each, in order.

    limit      events of a group
    max_bytes  of a group in all; an event that is larger by itself is a group of its own
    overhead   added to the size of each event [bytes]

    No document occurs twice in a group: its next change is sent only once the last one has arrived, whichever events of
    a group are refused.
    """
    group: list[Event] = []
    size, keys = 0, set[tuple[str, str]]()
    for event in events:
        bytes_more, key = event.size + overhead, (event.collection, event.key)
        if group and (len(group) == limit or size + bytes_more > max_bytes or key in keys):
            yield group
            group, size, keys = [], 0, set()
        group.append(event)
        size, keys = size + bytes_more, keys | {key}
    if group:
        yield group
