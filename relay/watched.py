"""What the relay watches, as serverless.yml names it under `custom.changes`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layers.service import SERVICE, load_service
from shared.change import ENDINGS
from shared.errors import BadConfig

WHOLE = ("insert", "replace", "delete")  # kinds of changes that are sent whatever fields they touch


@dataclass(frozen=True, slots=True)
class Watched:
    """One collection of the application.

    collection  its name
    handlers    of the functions that its changes fire, e.g. "functions/topics/handlers/classify_content.handler"
    when        fields of which an update must touch one to be sent; inserts, replacements and deletes always are
    carry       fields that are sent along; no others leave the database
    """

    collection: str
    handlers: tuple[str, ...]
    when: tuple[str, ...]
    carry: tuple[str, ...]

    @property
    def stems(self) -> tuple[str, ...]:
        """The functions as their files are named.

        >>> Watched("contents", ("functions/topics/handlers/classify_content.handler",), (), ()).stems
        ('classify_content',)
        """
        return tuple(Path(handler).stem for handler in self.handlers)

    def pipeline(self, *, with_document: bool = True) -> list[dict[str, Any]]:
        """Stages that filter and cut down events on the server; without the document where it is too large for one."""
        wanted = {"$or": [{"operationType": {"$in": [*WHOLE, *ENDINGS]}}, {"$expr": _touches(self.when)}]}
        shown = dict.fromkeys(("operationType", "clusterTime", "ns", "documentKey"), 1)
        if with_document:
            shown |= {f"fullDocument.{field}": 1 for field in ("_id", *self.carry)}
        return [{"$match": wanted}, {"$project": shown}]

    @property
    def projection(self) -> dict[str, int]:
        """The same fields of a document that is read and not streamed."""
        return dict.fromkeys(self.carry, 1)


def watched(declared: Path = SERVICE) -> list[Watched]:
    """Every collection that is declared; BadConfig names what is missing."""
    service = load_service(declared)
    functions, changes = _under(service, "functions"), _under(service, "custom", "changes")
    return [_watched(one, _under(service, "custom", "changes", one), functions) for one in changes]


def _under(service: Any, *names: str) -> Mapping[str, Any]:
    """What stands there; BadConfig where that is nothing."""
    found = service
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    if not found or not isinstance(found, Mapping):
        raise BadConfig(f"serverless.yml: {'.'.join(names)}: is missing")
    return found


def _watched(collection: str, entry: Mapping[str, Any], functions: Mapping[str, Any]) -> Watched:
    where = f"serverless.yml: custom.changes.{collection}"
    for field in ("functions", "when", "carry"):
        if not isinstance(entry.get(field), list):
            raise BadConfig(f"{where}.{field}: needs a list of {'names' if field == 'functions' else 'fields'}")
    fired: list[str] = entry["functions"]
    if unknown := [one for one in fired if one not in functions]:
        raise BadConfig(f"{where}.functions: no function {unknown[0]}")
    handlers = tuple(functions[one]["handler"] for one in fired)
    return Watched(collection, handlers, tuple(entry["when"]), tuple(entry["carry"]))


def _touches(fields: tuple[str, ...]) -> dict[str, Any]:
    """Whether an update set, removed or shortened one of these fields, or something in or around them."""
    described = "$updateDescription"
    paths = {
        "$concatArrays": [
            {"$map": {"input": {"$objectToArray": {"$ifNull": [f"{described}.updatedFields", {}]}}, "in": "$$this.k"}},
            {"$ifNull": [f"{described}.removedFields", []]},
            {"$ifNull": [f"{described}.truncatedArrays.field", []]},
        ]
    }
    # Compared with a dot behind each: then "payload." begins "payload.message.", but not "payloads.".
    ended = {"$concat": ["$$path", "."]}
    alike = [
        {"$eq": [{"$indexOfBytes": pair}, 0]}
        for field in fields
        for pair in ([ended, f"{field}."], [f"{field}.", ended])
    ]
    return {"$anyElementTrue": [{"$map": {"input": paths, "as": "path", "in": {"$or": alike}}}]}
