"""No page looks at the documents of a collection one after the other: MongoDB's profiler says so of every query."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.collection import Collection

from console.app import ROUTES
from console.rights import PUBLIC, RIGHTS, ROLES
from console.store.audit_log import AuditLog
from console.store.members import Member, Members
from local.console_pages import paths
from local.query_profile import profiled
from shared.artifacts import TrainingOutcome, TrainingOutcomes
from shared.documents import Document
from shared.store import Store
from shared.store.job_runs import JobRun, key_of
from tests.console.requests import NOW, ask, logged_in
from tests.privacy.conftest import Town

LONG = 12_000  # rows of each list
# Documents by one query of a page: those that are counted at most. The first rows of all lists of guests are less.
MAX_EXAMINED = 10_000

STATUS = {  # of a network whose members log in by links, and which has too few engagements for a ranker
    "/console/login/callback": 404,
    "/console/models/{family}/{key}/rankings": 400,
}


@pytest.fixture
def pages(store: Store, deployed: None) -> dict[str, str]:
    """A network in which every function ran; a path of each page, by the path of its route."""
    town = Town(store)
    town.prepare()
    for role in ROLES:
        Members(store).enrol(Member(f"a {role}", role, "en"), by="test", now=NOW)
    store.job_runs.record(
        JobRun("build_guest_feed", "schedule", "done", at, at, 1.0, key_of(at, "build_guest_feed", "1"))
        for at in (NOW - timedelta(hours=hours) for hours in range(5))
    )
    for number in range(5):
        AuditLog(store).append("a lead", "lead", "act", {"object": str(number)}, now=NOW)
        store.parked_changes.park(f"{number}", "classify_content", None, "documentKey: no", now=NOW)
    TrainingOutcomes(store.analytics).add([TrainingOutcome("topics", "all", "v1", NOW, "not better", None)])
    return paths(store)


def multiply(collection: Collection[Document], row: Document, **varied: Callable[[int], Any]) -> None:
    """Insert a row so often, each time with other values of some fields."""
    values = [{name: value(number) for name, value in varied.items()} for number in range(LONG)]
    collection.insert_many([{**row, **fields} for fields in values], ordered=False)


def lengthen(store: Store) -> None:
    """Make every list that has no end long."""
    app, analytics = store.app, store.analytics

    def first(name: str) -> Document:
        return (app if name in ("contentinfo", "contents") else analytics)[name].find_one({}) or {}

    def earlier(number: int) -> datetime:
        return NOW - timedelta(minutes=number)

    def function(number: int) -> str:
        return ("build_guest_feed", "train_topics")[number % 2]

    def key(number: int) -> str:
        return key_of(earlier(number), function(number), str(number))

    multiply(analytics.jobRuns, first("jobRuns"), function=function, startedAt=earlier, endedAt=earlier, _id=key)
    multiply(analytics.auditLog, first("auditLog"), _id=lambda number: 100 + number)
    multiply(analytics.parkedChanges, first("parkedChanges"), _id=lambda number: f"parked {number}", firstAt=earlier)
    multiply(analytics.consoleMembers, first("consoleMembers"), _id=lambda number: f"{number}@example.org")
    outcome = first("trainingOutcomes")
    multiply(analytics.trainingOutcomes, outcome, _id=lambda number: f"outcome {number}", at=earlier)
    version = analytics.artifactVersions.find_one({"family": "topics"}, {"artifact": 0}) or {}
    multiply(
        analytics.artifactVersions,
        version,
        _id=lambda _: ObjectId(),
        version=lambda number: f"2025{number:05d}T000000Z",
    )
    erasure = {"erasedAt": NOW, "completedAt": NOW, "users": [], "posts": [], "credentials": []}
    multiply(analytics.erasures, erasure, _id=lambda _: ObjectId(), erasedAt=earlier)
    multiply(analytics.feedperformances, first("feedperformances"), _id=lambda number: NOW - timedelta(days=number))
    suspect = {"model": "v1", "sampled": False, "reasons": [], "score": 0.5, "createdAt": NOW}
    suspect |= {"firstSeenAt": NOW, "lastSeenAt": NOW}
    multiply(app.suspiciouscredentials, suspect, seenCredential=lambda number: f"device {number}")
    multiply(app.contentinfo, first("contentinfo"), _id=lambda _: ObjectId(), contentId=lambda _: ObjectId())


@pytest.mark.parametrize("lists", ["short", "long"])
def test_no_page_scans_a_collection(store: Store, pages: dict[str, str], lists: str) -> None:
    if lists == "long":
        lengthen(store)
    tokens = {role: logged_in(store, role) for role in ROLES}
    rights = {route.path: route.right for route in ROUTES if route.method == "GET"}
    for route, path in pages.items():
        right = rights[route]
        role = next(role for role in ROLES if right == PUBLIC or role in RIGHTS[right])

        with profiled(store.app, store.analytics) as operations:
            status = ask("GET", path, tokens[role])["statusCode"]

        assert status == STATUS.get(route, 200), path
        assert [operation for operation in operations if operation.scans_collection] == [], path
        assert max([operation.examined for operation in operations], default=0) <= MAX_EXAMINED, path


def test_the_profiler_tells_a_scan(store: Store, deployed: None) -> None:
    store.app.contents.insert_many([{"payload": {"message": text}} for text in ("x", "y")])

    with profiled(store.app, store.analytics) as operations:
        list(store.app.contents.find({"payload.message": "x"}))

    assert [operation.scans_collection for operation in operations] == [True]
