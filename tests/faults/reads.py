"""Which fields of which documents a function reads, found from the commands that it sends."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from bson import DBRef
from pymongo import MongoClient
from pymongo.monitoring import CommandListener

from shared.documents import Document

Fields = dict[str, dict[str, set[str]]]  # by collection and path its uses: "filter", "value" or both

_LOGICAL = ("$and", "$or", "$nor")
_WRITES = {"insert": "insert", "delete": "delete", "update": "update", "findAndModify": "findAndModify"}


class Recorder(CommandListener):
    """Records the commands of one client while it is switched on."""

    def __init__(self) -> None:
        self.on = False
        self.commands: list[Document] = []
        self.written: set[str] = set()

    def started(self, event: Any) -> None:
        if self.on:
            command = dict(event.command)
            self.commands.append(command)
            self.written.update(_written(event.command_name, command))

    def succeeded(self, event: Any) -> None:
        """Nothing to record."""

    def failed(self, event: Any) -> None:
        """Nothing to record."""

    def client(self) -> type[Any]:
        """A class of clients with this listener, to be used in place of MongoClient."""
        recorder = self

        class Listened(MongoClient):  # type: ignore[type-arg]
            def __init__(self, *arguments: Any, **named: Any) -> None:
                super().__init__(*arguments, event_listeners=[recorder], **named)

            def __class_getitem__(cls, parameters: Any) -> Any:
                return cls

        return Listened


def _written(name: str, command: Document) -> Iterator[str]:
    if name in _WRITES:
        yield command[name]
    if name == "aggregate":
        for stage in command["pipeline"]:
            into = stage.get("$out") or stage.get("$merge", {}).get("into")
            if into:
                yield into["coll"]
    if name == "renameCollection":
        yield command["to"].partition(".")[2]


def paths_of(document: Any, prefix: str = "") -> Iterator[str]:
    """Every path in a document, without those of documents in lists."""
    items = document.as_doc() if isinstance(document, DBRef) else document
    if isinstance(items, Mapping):
        for name, value in items.items():
            yield prefix + name
            yield from paths_of(value, f"{prefix}{name}.")


def fields_read(commands: list[Document], stored: Mapping[str, set[str]]) -> Fields:
    """The stored paths that the commands read, with all paths that lead to them.

    stored  by collection, the paths of its documents
    """
    fields: Fields = defaultdict(dict)

    def note(collection: str, path: str, *, used: bool) -> None:
        paths = stored.get(collection, set())
        parts = path.split(".")
        for end in range(1, len(parts) + 1):
            prefix = ".".join(parts[:end])
            if prefix in paths:
                fields[collection].setdefault(prefix, set()).add("value" if used else "filter")

    def match(query: Any, collection: str) -> None:
        for name, value in query.items() if isinstance(query, Mapping) else ():
            if name in _LOGICAL:
                for clause in value:
                    match(clause, collection)
            elif name == "$expr":
                expression(value, collection, {})
            elif not name.startswith("$"):
                note(collection, name, used=False)

    def expression(value: Any, collection: str, joined: Mapping[str, str]) -> None:
        if isinstance(value, str) and value.startswith("$") and not value.startswith("$$"):
            head, _, path = value[1:].partition(".")
            note(joined.get(head, collection), path if head in joined else value[1:], used=True)
        elif isinstance(value, Mapping):
            for name, operand in value.items():
                if name != "$literal":
                    expression(operand, collection, joined)
        elif isinstance(value, list | tuple):
            for operand in value:
                expression(operand, collection, joined)

    def shown(projection: Mapping[str, Any], collection: str, joined: Mapping[str, str]) -> None:
        for name, value in projection.items():
            if value in (1, True) and not isinstance(value, str):
                note(collection, name, used=True)
            else:
                expression(value, collection, joined)

    def pipeline(stages: list[Document], collection: str) -> None:
        joined: dict[str, str] = {}
        for stage in stages:
            for name, value in stage.items():
                if name == "$match" or name == "$sort":
                    match(value, collection)
                elif name == "$project":
                    shown(value, collection, joined)
                elif name == "$lookup":
                    expression("$" + value["localField"], collection, joined)
                    note(value["from"], value["foreignField"], used=False)
                    pipeline(value.get("pipeline", []), value["from"])
                    joined[value["as"]] = value["from"]
                elif name not in ("$out", "$merge"):
                    expression(value, collection, joined)

    for command in commands:
        if "find" in command:
            match(command.get("filter"), command["find"])
            match(command.get("sort"), command["find"])
            projection = command.get("projection") or dict.fromkeys(stored.get(command["find"], ()), 1)
            shown(projection, command["find"], {})
        elif isinstance(command.get("aggregate"), str):
            pipeline(command["pipeline"], command["aggregate"])
        elif "distinct" in command:
            match(command.get("query"), command["distinct"])
            note(command["distinct"], command["key"], used=True)
        elif "findAndModify" in command:
            match(command.get("query"), command["findAndModify"])
            expression(command.get("update"), command["findAndModify"], {})
        elif "update" in command or "delete" in command:
            collection = command.get("update") or command["delete"]
            for write in command.get("updates") or command.get("deletes") or ():
                match(write["q"], collection)
                if isinstance(write.get("u"), list):
                    pipeline(write["u"], collection)
    return fields
