"""Requests to the real handler, as a browser on a page of the console sends them."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

from console.access import COOKIE
from console.rights import Role
from console.store.sessions import Sessions
from local.http import event_of
from shared.store import Store

handler = import_module("console.handlers.serve_console").handler
NOW = datetime.now(UTC)


def logged_in(store: Store, role: Role, *, at: datetime = NOW) -> str:
    return Sessions(store).start(f"a {role}", role, now=at)


def ask(method: str, path: str, token: str = "", form: dict[str, str] | None = None, **headers: str) -> dict[str, Any]:
    """The answer to a request of a browser on a page of the console, unless headers say otherwise."""
    sent = {"sec-fetch-site": "same-origin"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        sent["cookie"] = f"{COOKIE}={token}"
    if form is not None:
        sent["content-type"] = "application/x-www-form-urlencoded"
    answer: dict[str, Any] = handler(event_of(method, path, sent, urlencode(form or {}).encode()), None)
    return answer
