"""Logging in with an OpenID Connect provider: the code flow with PKCE in a real browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

import pytest

from console.store.audit_log import AuditLog
from console.store.members import Member, Members
from local.http import Listener, serving
from shared.config import forget_settings, load
from shared.errors import BadConfig
from shared.store import Store
from tests.networks import NOON

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CLIENT = "console-of-a-test"
FAILED = "The login has failed."

Claims = dict[str, str]


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Provider:
    """An OpenID Connect provider that asks for nothing: whoever is sent to it is the identity of `claims`.

    failing  what goes wrong: "state", "nonce", "denied", or nothing
    """

    def __init__(self) -> None:
        self.claims: Claims = {"sub": "42", "email": "ana@example.org", "email_verified": "true"}
        self.failing = ""
        self.asked: dict[str, str] = {}

    def handler(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        if event["rawPath"] == "/authorize":
            self.asked = dict(event["queryStringParameters"])
            given = {"state": "another" if self.failing == "state" else self.asked["state"], "code": "the code"}
            if self.failing == "denied":
                given = {"state": self.asked["state"], "error": "access_denied"}
            return {"statusCode": 302, "headers": {"Location": f"{self.asked['redirect_uri']}?{urlencode(given)}"}}
        if event["rawPath"] != "/token":
            return {"statusCode": 404, "headers": {}, "body": ""}
        form = {name: values[0] for name, values in parse_qs(_body(event)).items()}
        challenge = _base64url(hashlib.sha256(form["code_verifier"].encode()).digest())
        same = ("client_id", "redirect_uri")
        is_sound = challenge == self.asked["code_challenge"] and form["code"] == "the code"
        is_sound = is_sound and all(form[name] == self.asked[name] for name in same)
        nonce = "another" if self.failing == "nonce" else self.asked["nonce"]
        parts = [json.dumps(part).encode() for part in ({"alg": "none"}, self.claims | {"nonce": nonce})]
        headers = {"Access-Control-Allow-Origin": "*", "Content-Type": "application/json"}
        body = json.dumps({"id_token": ".".join([*map(_base64url, parts), "signature"])})
        return {"statusCode": 200 if is_sound else 400, "headers": headers, "body": body if is_sound else "{}"}


def _body(event: dict[str, Any]) -> str:
    body = str(event.get("body") or "")
    return base64.b64decode(body).decode() if event.get("isBase64Encoded") else body


def with_authorizer(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The console behind a gateway that reads the claims of the token with which a session begins."""
    if event["rawPath"] == "/console/session":
        token = event["headers"]["authorization"].removeprefix("Bearer ")
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        event["requestContext"]["authorizer"] = {"jwt": {"claims": claims, "scopes": None}}
    answer: dict[str, Any] = import_module("console.handlers.serve_console").handler(event, context)
    return answer


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch, deployed: None) -> Iterator[Provider]:
    stand_in = Provider()
    with Listener() as listener, serving(stand_in.handler, listener) as address:
        monkeypatch.setenv("OIDC_CLIENT_ID", CLIENT)
        monkeypatch.setenv("OIDC_AUTHORIZE_URL", f"{address}/authorize")
        monkeypatch.setenv("OIDC_TOKEN_URL", f"{address}/token")
        forget_settings()
        yield stand_in


@pytest.fixture
def address(provider: Provider) -> Iterator[str]:
    with Listener() as listener, serving(with_authorizer, listener) as address:
        yield address


@pytest.fixture
def opened(browser: Browser) -> Iterator[Page]:
    """A page that may go to another origin, as logging in does."""
    with browser.new_context() as context:
        yield context.new_page()


def test_a_member_logs_in_and_gets_where_the_link_led(
    opened: Page, address: str, provider: Provider, store: Store
) -> None:
    Members(store).enrol(Member("ana@example.org", "operator", "en"), by="test", now=NOON)

    opened.goto(f"{address}/console/changes")
    opened.get_by_role("button", name="Log in with your organisation").press("Enter")
    opened.wait_for_url(f"{address}/console/changes")

    assert "ana@example.org" in opened.inner_text("header")
    assert (provider.asked["client_id"], provider.asked["code_challenge_method"]) == (CLIENT, "S256")
    assert [cookie["name"] for cookie in opened.context.cookies()] == ["__Host-session"]
    assert opened.evaluate("sessionStorage.length") == 0
    assert AuditLog(store).newest(None, 10) == []


@pytest.mark.parametrize(
    ("failing", "said"), [("state", "(state)"), ("nonce", "(nonce)"), ("denied", "(access_denied)")]
)
def test_an_answer_that_is_not_to_the_question_begins_no_session(
    opened: Page, address: str, provider: Provider, store: Store, failing: str, said: str
) -> None:
    Members(store).enrol(Member("ana@example.org", "operator", "en"), by="test", now=NOON)
    provider.failing = failing

    opened.goto(f"{address}/console/login")
    opened.get_by_role("button", name="Log in with your organisation").click()
    opened.get_by_role("alert").wait_for()

    assert opened.get_by_role("alert").inner_text() == f"{FAILED} {said}"
    assert opened.url == f"{address}/console/login/callback"
    assert opened.context.cookies() == []


@pytest.mark.parametrize(
    "claims",
    [{"sub": "42", "email": "bob@example.org", "email_verified": "true"}, {"sub": "42", "email": "ana@example.org"}],
    ids=["nobody", "an address that is not verified"],
)
def test_who_is_no_member_is_told(opened: Page, address: str, provider: Provider, store: Store, claims: Claims) -> None:
    Members(store).enrol(Member("ana@example.org", "operator", "en"), by="test", now=NOON)
    provider.claims = claims

    opened.goto(f"{address}/console/login")
    opened.get_by_role("button", name="Log in with your organisation").click()
    opened.get_by_role("alert").wait_for()

    assert "is no member of this console; an admin can add members" in opened.get_by_role("alert").inner_text()
    assert opened.context.cookies() == []


def test_the_page_that_comes_back_may_ask_the_provider_alone(
    opened: Page, address: str, log_in: Callable[..., None]
) -> None:
    policies = {}
    opened.on(
        "response", lambda answer: policies.update({answer.url: answer.headers.get("content-security-policy", "")})
    )
    opened.goto(f"{address}/console/login")
    opened.goto(f"{address}/console/login/callback?code=x&state=y")
    opened.get_by_role("alert").wait_for()

    connect = [re.search("connect-src ([^;]*);", policy) for url, policy in policies.items() if "/console/login" in url]
    assert [found and found[1].count("http://127.0.0.1:") for found in connect] == [0, 1]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"OIDC_CLIENT_ID": "x"}, "OIDC_AUTHORIZE_URL is missing"),
        (
            {"OIDC_CLIENT_ID": "x", "OIDC_AUTHORIZE_URL": "http://id.example.org", "OIDC_TOKEN_URL": "https://x"},
            "OIDC_AUTHORIZE_URL: needs an address of HTTPS",
        ),
    ],
)
def test_settings_of_a_provider_are_whole(environment: dict[str, str], values: dict[str, str], said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        load(environment | values)
