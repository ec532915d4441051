"""The collections that the relay watches, as declared in serverless.yml under `custom.changes`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layers.service import SERVICE, load_service
from shared.change import ENDINGS
from shared.errors import BadConfig

ALWAYS_SENT = ("insert", "replace", "delete")  # kinds of changes; updates only where they touch certain fields


@dataclass(frozen=True, slots=True)
class Watched:
    """One collection of the application.

    collection  its name
    handlers    of the functions that its changes fire, e.g. "functions/topics/handlers/classify_content.handler"
    when        fields of which an update must touch one to be sent; other changes always are
    carry       fields of the document that are sent; no others leave the database
    """

    collection: str
    handlers: tuple[str, ...]
    when: tuple[str, ...]
    carry: tuple[str, ...]

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of the functions' files, without their endings.

        >>> Watched("contents", ("functions/topics/handlers/classify_content.handler",), (), ()).stems
        ('classify_content',)
        """
        return tuple(Path(handler).stem for handler in self.handlers)

    def pipeline(self, *, with_document: bool = True) -> list[dict[str, Any]]:
        """Stages that filter and project the events of the stream on the server.

        with_document  whether events carry the fields in `carry`
        """
        condition = {"$or": [{"operationType": {"$in": [*ALWAYS_SENT, *ENDINGS]}}, {"$expr": _touches(self.when)}]}
        projection = dict.fromkeys(("operationType", "clusterTime", "ns", "documentKey"), 1)
        if with_document:
            projection |= {f"fullDocument.{field}": 1 for field in ("_id", *self.carry)}
        return [{"$match": condition}, {"$project": projection}]

    @property
    def projection(self) -> dict[str, int]:
        """For a query that reads the fields in `carry` from the documents themselves."""
        return dict.fromkeys(self.carry, 1)


def watched(declared: Path = SERVICE) -> list[Watched]:
    """Every declared collection, in order; BadConfig names what is missing or malformed."""
    service = load_service(declared)
    functions, changes = _under(service, "functions"), _under(service, "custom", "changes")
    return [_watched(name, _under(service, "custom", "changes", name), functions) for name in changes]


def _under(service: Any, *names: str) -> Mapping[str, Any]:
    """The mapping at this path; BadConfig where there is none or it is empty."""
    section = service
    for name in names:
        section = section.get(name) if isinstance(section, Mapping) else None
    if not section or not isinstance(section, Mapping):
        raise BadConfig(f"serverless.yml: {'.'.join(names)}: is missing")
    return section


def _watched(collection: str, entry: Mapping[str, Any], functions: Mapping[str, Any]) -> Watched:
    path = f"serverless.yml: custom.changes.{collection}"
    for field in ("functions", "when", "carry"):
        if not isinstance(entry.get(field), list):
            raise BadConfig(f"{path}.{field}: needs a list of {'names' if field == 'functions' else 'fields'}")
    names: list[str] = entry["functions"]
    if unknown := [name for name in names if name not in functions]:
        raise BadConfig(f"{path}.functions: no function {unknown[0]}")
    handlers = tuple(functions[name]["handler"] for name in names)
    return Watched(collection, handlers, tuple(entry["when"]), tuple(entry["carry"]))


def _touches(fields: tuple[str, ...]) -> dict[str, Any]:
    """An expression that is true where an update set, removed or shortened one of these fields, a part of one, or a
    document that one is part of."""
    described = "$updateDescription"
    paths = {
        "$concatArrays": [
            {"$map": {"input": {"$objectToArray": {"$ifNull": [f"{described}.updatedFields", {}]}}, "in": "$$this.k"}},
            {"$ifNull": [f"{described}.removedFields", []]},
            {"$ifNull": [f"{described}.truncatedArrays.field", []]},
        ]
    }
    # With a dot appended to both, "payload." is a prefix of "payload.message.", but not of "payloads.".
    path = {"$concat": ["$$path", "."]}
    prefixes = [
        {"$eq": [{"$indexOfBytes": pair}, 0]} for field in fields for pair in ([path, f"{field}."], [f"{field}.", path])
    ]
    return {"$anyElementTrue": [{"$map": {"input": paths, "as": "path", "in": {"$or": prefixes}}}]}
