"""No page looks at the documents of a collection one after the other: MongoDB's profiler says so of every query."""

from __future__ import annotations

import pytest

from console.app import ROUTES
from console.rights import PUBLIC, RIGHTS, ROLES
from console.store.members import Member, Members
from console.store.replays import MAX_NUMBER
from local.console_pages import paths
from local.long_lists import lengthen, start_lists
from local.query_profile import profiled
from shared.store import Store
from shared.store.malformed import collecting
from tests.console.requests import NOW, ask, logged_in
from tests.privacy.conftest import Town

LONG = 12_000  # rows of each list
MAX_EXAMINED = MAX_NUMBER  # documents by one query of a page

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
    start_lists(store, NOW)
    return paths(store)


@pytest.mark.parametrize("lists", ["short", "long"])
def test_no_page_scans_a_collection(store: Store, pages: dict[str, str], lists: str) -> None:
    if lists == "long":
        lengthen(store, LONG, NOW)
    tokens = {role: logged_in(store, role) for role in ROLES}
    rights = {route.path: route.right for route in ROUTES if route.method == "GET"}
    for route, path in pages.items():
        right = rights[route]
        role = next(role for role in ROLES if right == PUBLIC or role in RIGHTS[right])

        with profiled(store.app, store.analytics) as operations, collecting() as malformed:
            status = ask("GET", path, tokens[role])["statusCode"]

        assert status == STATUS.get(route, 200), path
        assert malformed.ids == [], path
        assert [operation for operation in operations if operation.scans_collection] == [], path
        assert max([operation.examined for operation in operations], default=0) <= MAX_EXAMINED, path


def test_the_profiler_tells_a_scan(store: Store, deployed: None) -> None:
    store.app.contents.insert_many([{"payload": {"message": text}} for text in ("x", "y")])

    with profiled(store.app, store.analytics) as operations:
        list(store.app.contents.find({"payload.message": "x"}))

    assert [operation.scans_collection for operation in operations] == [True]
