"""Changes as they travel."""

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
    key         of its document, as text
    text        the event of the change stream as extended JSON
    size        of the text [bytes]
    bare        the same without the document
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


def event_of(change: dict[str, Any], most_bytes: int) -> Event:
    """The event for a change; without the document where that would make it larger than `most_bytes`."""
    bare = _text({name: change[name] for name in _BARE if name in change})
    text = _text(change)
    size = len(text.encode())
    if size > most_bytes:
        text, size = bare, len(bare.encode())
    space = change["ns"]
    return Event(f"{space['db']}.{space['coll']}", str(change["documentKey"]["_id"]), text, size, bare)


def _text(change: dict[str, Any]) -> str:
    """As extended JSON; SQS takes neither of two characters that are none, so they are escaped."""
    return encoded(change).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def payload(events: Iterable[Event]) -> str:
    """A batch as functions take it directly."""
    return f'{{"source":"{SOURCE}","changes":[{",".join(event.text for event in events)}]}}'


def unpacked(batch: str) -> dict[str, Any]:
    """The same as the Lambda runtime hands it over."""
    found: dict[str, Any] = json.loads(batch)
    return found


def requests(events: Sequence[Event], most: int, most_bytes: int, overhead: int) -> Iterator[list[Event]]:
    """Events in order, in groups of at most so many and so large, with no document twice in one.

    So a document's next change is sent only when the last one has arrived, whichever of a group is refused.
    """
    group: list[Event] = []
    size, keys = 0, set[tuple[str, str]]()
    for event in events:
        whole, key = event.size + overhead, (event.collection, event.key)
        if group and (len(group) == most or size + whole > most_bytes or key in keys):
            yield group
            group, size, keys = [], 0, set()
        group.append(event)
        size, keys = size + whole, keys | {key}
    if group:
        yield group
