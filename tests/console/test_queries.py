"""No page looks at the documents of a collection one after the other: MongoDB's profiler says so of every query."""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.app import ROUTES
from console.rights import PUBLIC, RIGHTS, ROLES
from console.store.audit_log import AuditLog
from console.store.guest_rows import FIRST
from console.store.members import Member, Members
from local.console_pages import paths
from local.query_profile import profiled
from shared.artifacts import TrainingOutcome, TrainingOutcomes
from shared.store import Store
from shared.store.job_runs import JobRun, key_of
from tests.console.requests import NOW, ask, logged_in
from tests.privacy.conftest import Town

MAX_EXAMINED = 251 * FIRST  # documents by one query of a page: that of the first rows of all lists

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
        Members(store).add(Member(f"a {role}", role, "en"), by="test", now=NOW)
    store.job_runs.record(
        JobRun("build_guest_feed", "schedule", "done", at, at, 1.0, key_of(at, "build_guest_feed", "1"))
        for at in (NOW - timedelta(hours=hours) for hours in range(5))
    )
    for number in range(5):
        AuditLog(store).append("a lead", "lead", "act", {"object": str(number)}, now=NOW)
        store.parked_changes.park(f"{number}", "classify_content", None, "documentKey: no", now=NOW)
    TrainingOutcomes(store.analytics).add([TrainingOutcome("topics", "all", "v1", NOW, "not better", None)])
    return paths(store)


def test_no_page_scans_a_collection(store: Store, pages: dict[str, str]) -> None:
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
