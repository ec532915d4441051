"""Whatever is malformed in a field that a function reads: it serves the other documents, and reports this one.

The fields are those that the function's own commands name while it runs on a sound network, and all that they are in.
Then every kind of junk is put into each of them, in a document of its own and many at the same time, and the function
runs again through its handler until all have had their turn.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.errors import BulkWriteError

from functions.feed import train_personal
from local.functions import function
from shared.artifacts.families import FAMILIES
from shared.config import HERE, forget_settings, settings
from shared.documents import Document
from shared.errors import AppError
from shared.report import Report
from shared.runtime import invocation
from shared.store import close_store, connect, connection, schema
from tests.conftest import API_KEY, SIGNING_KEY
from tests.faults.busy_network import LATER, NAMES, OPTIONS, Network, call, grow, request_to
from tests.faults.junk import AS_AN_ID, JUNK, broken, plan_of
from tests.faults.reads import Fields, Recorder

# Signed: a changed document is refused as a whole, which tests/faults/test_models.py shows.
SIGNED = {family.live for family in FAMILIES.values()} | {schema.ARTIFACT_VERSIONS.name, schema.SNAPSHOTS.name}
# One document for each function, which tests/shared/store/test_leases.py spoils.
SINGLE = {schema.LEASES.name}

# Fields where a malformed value has no effect.
DOES_NOTHING = {
    ("engagements", "_id"),  # read with the document, and never used
    ("feeditems", "_id"),  # the same
    ("relationships", "_id"),  # only sorted by
    ("feeditems", "createdAt"),  # used in place of a malformed `updatedAt`, which is reported
}

SPOILT_RATIO = 0.45  # of the documents of a collection, at the same time
LEAST_DOCUMENTS = 60  # of a collection all whose fields have every kind of junk


@pytest.fixture(scope="module")
def network(mongo_uri: str, client: MongoClient[Document]) -> Iterator[Network]:
    recorder, patch = Recorder(), pytest.MonkeyPatch()
    patch.setattr(connection, "MongoClient", recorder.client())
    prefix = f"m{ObjectId()}"[:13] + "-"
    environment = {"MONGO_URI": mongo_uri, "DB_PREFIX": prefix, "ARTIFACT_KEYS": SIGNING_KEY, "TRAINING_QUEUE": HERE}
    environment |= {"API_KEYS": API_KEY, "FEEDKEEPER_OPTIONS": json.dumps(OPTIONS)}
    for name, value in environment.items():
        patch.setenv(name, value)
    forget_settings()
    close_store()
    network = Network(connect(settings()), recorder, f"{prefix}copies")
    try:
        grow(network)
        yield network
    finally:
        network.store.client.close()
        patch.undo()
        close_store()
        forget_settings()
        train_personal.forget()
        for name in client.list_database_names():
            if name.startswith(prefix):
                client.drop_database(name)


def plans_of(network: Network, collection: str, paths: Iterable[str]) -> list[list[tuple[str, str]]]:
    """Fields and kinds of junk for them, of which each turn puts one list into documents: all pairs have their turn,
    and a part of the documents stays sound. Pairs of `_id` are in each, since few functions report a document by it."""
    plan = plan_of(one_of_each_map(paths))
    ids, others = [pair for pair in plan if pair[0] == "_id"], [pair for pair in plan if pair[0] != "_id"]
    spoilt = int(network.database(collection).estimated_document_count() * SPOILT_RATIO)
    ids = ids[: max(spoilt // 2, 1)]
    step = max(spoilt - len(ids), 1)
    return [ids + others[first : first + step] for first in range(0, max(len(others), 1), step)]


def one_of_each_map(paths: Iterable[str]) -> list[str]:
    """The paths with one id in place of all ids that are names of fields, as in a map by topic."""
    return list({re.sub("[0-9a-f]{24}", "id", path): path for path in sorted(paths)}.values())


def spoil(network: Network, fields: Fields, turn: int, function: str) -> dict[str, tuple[str, str, str]]:
    """Put the junk of one turn into documents, each kind into a document of its own. Returns collection, path and kind
    of junk by the id of the document."""
    spoilt: dict[str, tuple[str, str, str]] = {}
    for collection in sorted(fields.keys() - (SIGNED | SINGLE)):
        rows = network.database(collection)
        documents = [row for row in rows.find() if row["_id"] not in (network.account, network.user)]
        documents.sort(
            key=lambda row: all(str(own) not in str(row) for own in (network.account, network.user, function))
        )
        plans = plans_of(network, collection, fields[collection])
        selected = list(zip(documents, plans[turn % len(plans)], strict=False))
        written = []
        for document, (path, name) in selected:
            dated = {"updatedAt": LATER - timedelta(minutes=1)} if "updatedAt" in document else {}
            if path == "_id":
                written.append(document | dated | {"_id": AS_AN_ID[name](collection)})
                spoilt[repr(written[-1]["_id"])] = (collection, path, name)
            else:
                written.append(broken(document | dated, path, name))
                spoilt[repr(document["_id"])] = (collection, path, name)
        rows.delete_many({"_id": {"$in": [document["_id"] for document, _ in selected]}})
        if written:
            with suppress(BulkWriteError):  # the same junk twice in a field that is unique
                rows.insert_many(written, ordered=False)
    return spoilt


def turns_of(network: Network, fields: Fields) -> int:
    """How often to run a function so that all pairs of all collections but the smallest have their turn."""
    names = fields.keys() - (SIGNED | SINGLE)
    large = [name for name in names if network.database(name).estimated_document_count() > LEAST_DOCUMENTS]
    return max((len(plans_of(network, name, fields[name])) for name in large), default=1)


def test_junk_in_any_field_affects_no_other_document_and_is_reported(network, monkeypatch):
    reports = recorded_reports(monkeypatch)
    failures: dict[str, str] = {}
    used: set[tuple[str, str]] = set()
    reported: set[tuple[str, str]] = set()
    for number, name in enumerate(NAMES):
        clean = network.recorded(name, partial(call, network, name))
        network.restore(network.recorder.written)
        assert served(name, clean) is None, name
        assert not reports[-1].malformed, name
        fields = network.read[name]
        used |= {
            (table, path) for table, paths in fields.items() for path, uses in paths.items() if "filter" not in uses
        }
        for turn in range(turns_of(network, fields)):
            spoilt = spoil(network, fields, number + turn, name)
            try:
                answer = spoilt_run(network, name, full=turn == 0)
                if why := served(name, answer):
                    failures[name] = f"{why}: {answer}"[:500]
            except AppError as error:
                failures[name] = f"{error!r}: {error.__context__!r}"
            finally:
                network.restore(network.recorder.written | set(fields) | {schema.WATERMARKS.name})
            reported |= {spoilt[key][:2] for key in map(repr, reports[-1].malformed) if key in spoilt}

    assert failures == {}
    owned = {table.name for table in schema.COLLECTIONS if table.owner == "application"}
    assert {(table, path) for table, path in used if table in owned} - reported <= DOES_NOTHING


# Fields that jobs use of documents whose signature they do not check.
UNSEALED = ("account", "family", "version", "fingerprint", "windowTo", "madeFrom", "promotedAt", "aliasOf", "outdated")


def test_junk_beside_signed_documents_stops_no_function(network):
    call(network, "train_personal")
    for collection in sorted(SIGNED):
        rows = network.database(collection)
        kept = rows.find_one({"family": {"$exists": True}}, {"_id": 0})
        if kept is None:  # there were too few data to train one
            name, family = next(pair for pair in FAMILIES.items() if pair[1].live == collection)
            kept = {"family": name, "model": family.kind, "account": "x", "version": "20260101T000000Z"}
        of_accounts = isinstance(kept["account"], ObjectId)
        documents = []
        for path, name in ((path, name) for path in UNSEALED for name in JUNK):
            own = {"_id": str(ObjectId()), "account": ObjectId() if of_accounts else f"junk {ObjectId()}"}
            documents.append(broken({**kept, **own, "artifact": b"junk"}, path, name))
        with suppress(BulkWriteError):  # some have the same key of a unique index
            rows.insert_many(documents, ordered=False)
    failures: dict[str, str] = {}
    for name in NAMES:
        try:
            answer = spoilt_run(network, name, full=True)
            if why := served(name, answer):
                failures[name] = f"{why}: {answer}"[:500]
        except AppError as error:
            failures[name] = f"{error!r}: {error.__context__!r}"
        finally:
            network.restore((network.recorder.written - SIGNED) | {schema.WATERMARKS.name})
    network.restore(set(SIGNED))

    assert failures == {}


def recorded_reports(monkeypatch: pytest.MonkeyPatch) -> list[Report]:
    """The reports of all invocations from now on."""
    reports: list[Report] = []
    publish_report = invocation.publish_report

    def remember(name: str, report: Report) -> None:
        reports.append(report)
        publish_report(name, report)

    monkeypatch.setattr(invocation, "publish_report", remember)
    return reports


def spoilt_run(network: Network, name: str, *, full: bool) -> Any:
    """Run a function; `full` as if it had never run before."""
    if full:
        network.store.analytics.watermarks.delete_many({"_id": name})
    network.recorder.written, network.recorder.on = set(), True
    try:
        return call(network, name)
    finally:
        network.recorder.on = False


def served(name: str, answer: Any) -> str | None:
    """Why an answer is a failure; None for a success."""
    if name.startswith("/"):
        body = json.loads(answer["body"])
        is_success = answer["statusCode"] == 200 and body.get("code", 200) == 200 and any(body.values())
        return None if is_success else "no answer"
    if "batchItemFailures" in answer:
        return "not done" if answer["batchItemFailures"] else None
    return "no answer" if answer.get("code") == 1001 or answer.get("parked") else None


def test_junk_in_the_page_that_a_cursor_names_is_a_bad_cursor(network):
    pages, home = network.store.analytics.homePages, "/feed/home"
    cursor = json.loads(call(network, home)["body"])["cursor"]
    page = pages.find_one({"_id": cursor})
    statuses = {}
    for path, name in ((path, name) for path in page.keys() - {"_id"} for name in JUNK):
        pages.delete_one({"_id": cursor})
        pages.insert_one(broken(page, path, name))
        event = request_to(network, home) | {"rawQueryString": f"cursor={cursor}"}
        event["queryStringParameters"] = {"cursor": cursor}
        statuses[path, name] = function("serve_feed").handler(event, None)["statusCode"]
    pages.delete_one({"_id": cursor})

    assert {junk: status for junk, status in statuses.items() if status not in (200, 400)} == {}
    assert 400 in statuses.values()
