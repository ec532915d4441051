"""The real handler behind requests: who may ask what, forms of other sites, sessions that end, and files."""

import base64
import gzip
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from console import assets
from console.access import COOKIE
from console.app import ROUTES
from console.rights import PUBLIC, RIGHTS, ROLES, Role
from console.store.members import Member, Members
from console.store.sessions import Sessions, csrf_token
from local.functions import ROOT
from local.http import event_of
from shared.report import added
from shared.store import Store
from shared.store.job_runs import JobRun, key_of
from tests.console.requests import ask, logged_in

handler = import_module("console.handlers.serve_console").handler
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def running(deployed: None, store: Store) -> None:
    for role in ROLES:
        Members(store).enrol(Member(f"a {role}", role, "en"), by="test", now=NOW)


def path_of(route: Any) -> str:
    return (
        str(route.path)
        .replace("{file}", assets.address("console.css").rpartition("/")[2])
        .replace("{", "")
        .replace("}", "")
    )


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_role_may_do_what_the_table_of_rights_says(route: Any, role: Role, store: Store) -> None:
    token = logged_in(store, role)
    form = {"csrf": csrf_token(token)} if route.method == "POST" else None

    status = ask(route.method, path_of(route), token, form)["statusCode"]

    assert (status == 403) == (route.right not in (PUBLIC, "") and role not in RIGHTS[route.right])
    assert status < 500


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_who_is_not_logged_in_gets_nothing(route: Any) -> None:
    status = ask(route.method, path_of(route), form={} if route.method == "POST" else None)["statusCode"]

    assert route.right in (PUBLIC, *RIGHTS), "every route says who may use it"
    assert (status in (303, 401)) or route.right == PUBLIC


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", ""])
@pytest.mark.parametrize("route", [route for route in ROUTES if route.method == "POST"], ids=lambda route: route.path)
def test_a_form_of_another_site_is_refused(route: Any, site: str, store: Store) -> None:
    token = logged_in(store, "operator")

    answer = ask("POST", path_of(route), token, {"csrf": csrf_token(token)}, sec_fetch_site=site)

    assert answer["statusCode"] == 403


@pytest.mark.parametrize("csrf", ["", "0" * 64, "ก"])
def test_a_form_without_the_token_of_the_session_is_refused(csrf: str, store: Store) -> None:
    token = logged_in(store, "operator")

    assert ask("POST", "/console/logout", token, {"csrf": csrf})["statusCode"] == 403
    assert ask("POST", "/console/logout", token, {"csrf": csrf_token(token)})["statusCode"] == 303
    assert ask("GET", "/console", token)["statusCode"] == 303, "the session has ended"


@pytest.mark.parametrize("ago", [timedelta(minutes=31), timedelta(hours=9), timedelta(days=3)])
def test_a_session_ends(ago: timedelta, store: Store) -> None:
    assert ask("GET", "/console", logged_in(store, "viewer", at=NOW - ago))["statusCode"] == 303


def test_a_session_that_is_used_lasts_eight_hours(store: Store) -> None:
    began, token = NOW - timedelta(hours=8), logged_in(store, "viewer", at=NOW - timedelta(hours=8))
    sessions = Sessions(store)

    for minutes in range(0, 480, 20):
        assert sessions.find(token, now=began + timedelta(minutes=minutes))
    assert sessions.find(token, now=began + timedelta(hours=8)) is None


def test_a_session_ends_when_the_role_changes(store: Store) -> None:
    token = logged_in(store, "operator")

    Members(store).change_role("a operator", "viewer", instead_of="operator", by="a admin")

    assert ask("GET", "/console", token)["statusCode"] == 303


def test_the_database_holds_no_token(store: Store) -> None:
    token = logged_in(store, "operator")
    link = Sessions(store).login_link("admin", now=datetime.now(UTC))

    kept = json.dumps(
        [list(store.analytics[name].find()) for name in ("consoleSessions", "consoleLogins")], default=str
    )

    assert not any(secret in kept for secret in (token, csrf_token(token), link))


def test_a_link_logs_in_once(store: Store) -> None:
    path = f"/console/login?link={Sessions(store).login_link('lead', now=datetime.now(UTC))}"

    first, second = ask("GET", path), ask("GET", path)

    assert (first["statusCode"], first["headers"]["Location"]) == (303, "/console")
    assert first["cookies"][0].startswith(f"{COOKIE}=")
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(first["cookies"][0].split("; "))
    assert (second["statusCode"], second["cookies"]) == (401, [])


@pytest.mark.parametrize(
    "path", ["https://example.org/", "//example.org", "/other", "javascript:alert(1)", "/console\r\nX: y"]
)
def test_a_login_leads_to_pages_of_the_console_only(path: str, store: Store) -> None:
    link = Sessions(store).login_link("viewer", now=datetime.now(UTC))

    answer = ask("GET", f"/console/login?{urlencode({'link': link, 'next': path})}")

    assert answer["headers"]["Location"] == "/console"


def test_the_gateway_names_the_identity(store: Store) -> None:
    def begin(claims: dict[str, str]) -> dict[str, Any]:
        event = event_of("POST", "/console/session", {"sec-fetch-site": "same-origin"}, b"x=")
        event["headers"]["content-type"] = "application/x-www-form-urlencoded"
        event["requestContext"]["authorizer"] = {"jwt": {"claims": claims, "scopes": None}}
        answer: dict[str, Any] = handler(event, None)
        return answer

    assert begin({"sub": "1", "email": "a operator", "email_verified": "true"})["statusCode"] == 303
    assert begin({"sub": "1", "email": "a operator"})["statusCode"] == 403
    assert begin({"sub": "a operator"})["statusCode"] == 303
    assert begin({"sub": "1", "email": "nobody"})["statusCode"] == 403
    assert begin({})["statusCode"] == 401


def test_files_are_kept_for_ever_and_others_are_not_found() -> None:
    answer = ask("GET", assets.address("console.css"))

    assert (answer["statusCode"], answer["headers"]["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in answer["headers"]["Cache-Control"]
    for file in ("console.css", "..%2Fapp.py", "manifest.json", "console.000000000000.css"):
        assert ask("GET", f"{assets.PATH}{file}")["statusCode"] in (303, 404)


def test_pages_are_shown_again_to_nobody_unasked_and_load_nothing_from_elsewhere(store: Store) -> None:
    for path in ("/console", "/console/nothing", "/console/login"):
        headers = ask("GET", path, logged_in(store, "viewer"))["headers"]

        assert headers["Cache-Control"] == ("no-store" if path == "/console/nothing" else "private, no-cache")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")


def test_what_a_browser_has_already_is_not_sent_again(store: Store) -> None:
    token = logged_in(store, "viewer")
    first = ask("GET", "/console/members", logged_in(store, "admin"))
    page = ask("GET", "/console/changes", token)

    again = ask("GET", "/console/changes", token, if_none_match=page["headers"]["ETag"])

    assert (again["statusCode"], again["body"]) == (304, "")
    assert again["headers"]["ETag"] == page["headers"]["ETag"] != first["headers"]["ETag"]
    assert "Cookie" in again["headers"]["Vary"]
    other = ask("GET", "/console/changes", logged_in(store, "lead"), if_none_match=page["headers"]["ETag"])
    assert other["statusCode"] == 200, "the page of another session has another token"
    assert ask("GET", "/console/nothing", token, if_none_match="*")["statusCode"] == 404


def test_pages_and_files_are_compressed_for_who_takes_it(store: Store) -> None:
    token = logged_in(store, "viewer")
    for path in ("/console", assets.address("htmx.js")):
        plain, packed = ask("GET", path, token), ask("GET", path, token, accept_encoding="br, gzip")

        assert packed["headers"]["Content-Encoding"] == "gzip"
        raw = base64.b64decode(packed["body"])
        body = base64.b64decode(plain["body"]) if plain["isBase64Encoded"] else plain["body"].encode()
        assert gzip.decompress(raw) == body
        assert len(raw) < len(body) / 2
        assert plain["headers"]["ETag"] == packed["headers"]["ETag"]
        assert "Accept-Encoding" in plain["headers"]["Vary"]
    font = next(file.name for file in assets.VENDOR.iterdir() if file.suffix == ".woff2")
    assert "Content-Encoding" not in ask("GET", assets.PATH + font, accept_encoding="gzip")["headers"]


def test_logging_out_empties_the_cache(store: Store) -> None:
    token = logged_in(store, "viewer")

    answer = ask("POST", "/console/logout", token, {"csrf": csrf_token(token)})

    assert answer["headers"]["Clear-Site-Data"] == '"cache"'


def test_a_member_chooses_the_language(store: Store) -> None:
    token = logged_in(store, "viewer")
    form = {"csrf": csrf_token(token), "language": "th", "next": "/console"}

    assert ask("POST", "/console/language", token, form)["headers"]["Location"] == "/console"
    assert '<html lang="th">' in ask("GET", "/console", token)["body"]
    assert ask("POST", "/console/language", token, form | {"language": "xx"})["statusCode"] == 422


@pytest.mark.parametrize("role", ROLES)
def test_today_leads_nobody_to_what_is_not_allowed(role: Role, store: Store) -> None:
    token = logged_in(store, role)
    paths = set(re.findall(r'href="(/console[^"]*)"', ask("GET", "/console", token)["body"]))

    assert len(paths) > 4
    assert {path: ask("GET", path, token)["statusCode"] for path in paths} == dict.fromkeys(paths, 200)


@pytest.mark.parametrize("query", ["", "?family=country&find=a%26b%2B+%E0%B8%81"])
def test_language_and_login_lead_back_to_the_same_page(store: Store, query: str) -> None:
    address = f"/console/models{query}"
    token = logged_in(store, "viewer")

    [back] = re.findall(r'name="next" value="([^"]*)"', ask("GET", address, token)["body"])
    form = {"csrf": csrf_token(token), "language": "th", "next": unescape(back)}
    login = ask("GET", address)["headers"]["Location"]

    assert ask("POST", "/console/language", token, form)["headers"]["Location"] == address
    assert parse_qs(urlsplit(login).query) == {"next": [address]}


def test_the_language_of_the_browser_counts_before_the_login() -> None:
    assert '<html lang="th">' in ask("GET", "/console/login", accept_language="de,th-TH;q=0.8,en")["body"]


def test_the_sample_of_its_event_is_answered() -> None:
    event = json.loads((ROOT / "events" / "console" / "serve_console.json").read_text())

    assert handler(event, None)["statusCode"] == 200


def test_the_page_about_the_console_has_the_table_of_rights() -> None:
    rows = re.findall(r"^\| ([a-z ]+) \| (.+) \|$", (ROOT / "docs" / "console.md").read_text(), re.MULTILINE)
    said = {right: [mark == "●" for mark in marks.split(" | ")] for right, marks in rows if marks.count("|") == 4}

    assert said.pop("right") == [False] * len(ROLES)
    assert said == {right: [role in roles for role in ROLES] for right, roles in RIGHTS.items()}


def test_a_function_that_has_succeeded_after_it_failed_is_not_told_as_failing(store: Store) -> None:
    """Also where both are in one window, whose sums have no order of their own."""
    began = datetime.now(UTC) - timedelta(minutes=4)
    for outcome, minutes in (("failed", 1), ("done", 3)):
        ended = began + timedelta(minutes=minutes)
        key = key_of(began, "serve_feed", outcome)
        store.job_runs.record([JobRun("serve_feed", "request", outcome, began, ended, 1.0, key, reason="away")])

    assert "serve_feed" not in ask("GET", "/console", logged_in(store, "viewer"))["body"]


def test_a_function_that_failed_last_is_told(store: Store) -> None:
    began = datetime.now(UTC) - timedelta(minutes=4)
    for outcome, minutes in (("failed", 3), ("done", 1)):
        ended = began + timedelta(minutes=minutes)
        key = key_of(began, "serve_feed", outcome)
        store.job_runs.record([JobRun("serve_feed", "request", outcome, began, ended, 1.0, key, reason="away")])

    assert "serve_feed failed" in ask("GET", "/console", logged_in(store, "viewer"))["body"]


def test_answers_are_counted_by_their_status(store: Store, recorded: Callable[[], list[JobRun]]) -> None:
    token = logged_in(store, "viewer")
    for path in ("/console/changes", "/console/jobs", "/console/nothing"):
        ask("GET", path, token)

    report = added(run.report for run in recorded())
    assert (report["status 200"], report["status 404"]) == (2, 1)
    assert "status" not in report
