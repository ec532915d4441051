"""Changes of posts in the form in which each source sends them."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId, Timestamp, json_util

from shared.documents import Document
from tests.factories import an_id

START = 1_600_000_000  # seconds since 1970, in 2020: a document that is read now is newer
TEXT = "The striker scored twice and our club won the cup final"


def moment(second: int) -> datetime:
    """The moment that many seconds after `START`."""
    return datetime.fromtimestamp(START + second, UTC)


def state(name: str, message: Any = TEXT, *, second: int = 1, **fields: Any) -> Document:
    """A post in the form that a change carries; with `message` None its payload is empty."""
    payload = {} if message is None else {"message": message}
    document = {"_id": an_id(name), "visibility": "publish", "payload": payload, "updatedAt": moment(second)}
    return document | fields


def change_event(
    kind: str, key: Any, document: Document | None = None, *, second: int | None = 1, count: int = 1, **fields: Any
) -> Document:
    """An event of a change stream in extended JSON.

    key     an id, or the name of a post
    second  of the cluster time, after `START`; None leaves the cluster time out
    count   increment of the cluster time
    """
    event: Document = {
        "_id": {"_data": "82"},
        "operationType": kind,
        "ns": {"db": "app-db", "coll": "contents"},
        "documentKey": {"_id": an_id(key) if isinstance(key, str) else key},
    }
    if second is not None:
        event["clusterTime"] = Timestamp(START + second, count)
    if document is not None:
        event["fullDocument"] = document
    extended_json: Document = as_json(event | fields)
    return extended_json


def inserted(name: str, message: Any = TEXT, *, second: int = 1, **fields: Any) -> Document:
    return change_event("insert", name, state(name, message, second=second, **fields), second=second)


def edited(name: str, message: Any = TEXT, *, second: int = 1, **fields: Any) -> Document:
    description = {"updatedFields": {"payload": {"message": message}, "updatedAt": moment(second)}, "removedFields": []}
    document = state(name, message, second=second, **fields)
    return change_event("update", name, document, second=second, updateDescription=as_json(description))


def deleted(name: str, *, second: int = 1) -> Document:
    return change_event("delete", name, second=second)


def atlas(change: Any) -> Document:
    return {"source": "aws.partner/mongodb.com/stitch.trigger/61e8f1c2a4b5d6e7f8091a2b", "detail": change}


def documentdb(*changes: Any) -> Document:
    return {"eventSource": "aws:docdb", "events": [{"event": change} for change in changes]}


def relayed(*changes: Any) -> Document:
    return {"source": "feedkeeper.relay", "changes": list(changes)}


def queued(*bodies: Any) -> Document:
    """An SQS event with one message for each body; a body that is text is not encoded."""
    texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    records = [{"messageId": f"m{n}", "body": text, "eventSource": "aws:sqs"} for n, text in enumerate(texts)]
    return {"Records": records}


def returned(answer: Any) -> list[str]:
    """Ids of the messages that SQS is told to send again."""
    assert set(answer) == {"batchItemFailures"}
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def nested(levels: int) -> Document:
    """Objects inside one another, that many levels deep."""
    deepest: Document = {}
    for _ in range(levels):
        deepest = {"a": deepest}
    return deepest


def as_json(value: Any) -> Any:
    return json.loads(json_util.dumps(value, json_options=json_util.RELAXED_JSON_OPTIONS))


def ids(*names: str) -> list[ObjectId]:
    return [an_id(name) for name in names]


def keys(changes: Iterable[Any]) -> list[Any]:
    return [change.key for change in changes]
