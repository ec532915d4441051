"""Whatever the fields of a request hold, the console answers it, and never with an error of its own."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from console.app import ROUTES
from console.rights import PUBLIC, RIGHTS, ROLES
from console.store.members import Member, Members
from console.store.sessions import csrf_token
from local.http import event_of
from shared.api import Route
from shared.store import Store
from tests.console.requests import NOW, ask, handler, logged_in

ODD = (
    "", " ", "0", "-1", "1e309", "NaN", str(2**63), str(2**46), "null", "true", "[]", "{}", '{"$gt": ""}', "$where",
    "\0", "\ud7ff", "ก" * 40, "x" * 3_000, "a/b", "..", "%00", "%zz", "<script>1</script>", "'", '"', ";", "&",
    "\r\nSet-Cookie: a=b", "f" * 24, "F" * 24, "f" * 23, "th", "zz", "country", "topics", "all", "operator",
    "build_guest_feed", "20260101T000000Z",
)  # fmt: skip
FIELDS = st.one_of(st.sampled_from(ODD), st.text(max_size=80))
SLOW = [HealthCheck.too_slow]
PAGES = [route for route in ROUTES if not route.path.startswith("/console/static")]


def values_of(route: Route[Any], data: st.DataObject) -> tuple[str, dict[str, str]]:
    """A path of the route and some fields, known and unknown, with odd values."""
    names = [field.encode_name for field in structs.fields(route.request)]
    segments = {name: data.draw(FIELDS) for name in names if f"{{{name}}}" in route.path}
    path = route.path
    for name, value in segments.items():
        path = path.replace(f"{{{name}}}", quote(value, safe="", errors="replace") or "-")
    kept = [name for name in (*names, "unknown") if name not in segments and data.draw(st.booleans())]
    return path, {name: data.draw(FIELDS) for name in kept}


@pytest.mark.parametrize("route", PAGES, ids=lambda route: f"{route.method} {route.path}")
def test_a_request_with_odd_fields_is_answered(route: Route[Any], store: Store, deployed: None) -> None:
    role = next(role for role in ROLES if route.right == PUBLIC or role in RIGHTS[route.right])
    Members(store).enrol(Member(f"a {role}", role, "en"), by="test", now=NOW)
    token = logged_in(store, role)

    @given(st.data())
    @settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=SLOW)
    def answered(data: st.DataObject) -> None:
        path, fields = values_of(route, data)
        if route.method == "GET":
            answer = ask("GET", f"{path}?{urlencode(fields, errors='replace')}" if fields else path, token)
        else:
            answer = ask("POST", path, token, {"csrf": csrf_token(token), **fields})
        assert answer["statusCode"] < 500, (path, fields)
        assert "<script>1" not in str(answer["body"])
        assert "\n" not in str(answer["headers"].get("Location", ""))

    answered()


@given(st.binary(max_size=300), st.sampled_from(("GET", "POST", "PUT", "DELETE", "HEAD", "x")), FIELDS, FIELDS)
@example(b"\xff", "POST", "/console/members", "__Host-session=")
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def answered_without_session(body: bytes, method: str, path: str, cookie: str) -> None:
    headers = {"cookie": cookie, "sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}
    answer = handler(event_of(method, f"/console/{quote(path, errors='replace')}", headers, body), None)
    assert answer["statusCode"] < 500


def test_odd_requests_without_a_session_are_answered(store: Store, deployed: None) -> None:
    answered_without_session()
