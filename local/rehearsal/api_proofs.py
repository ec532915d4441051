"""Proofs of the HTTP API, of the keys that sign its tokens, and of the console."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any

from console.access import HOME, LOGIN
from local.dev import login_path
from local.rehearsal.stage import Disproved, Stage, somebody
from local.waiting import allowed
from shared.runtime.tokens import token_for

RANK = "/ds_service/personalize_content_predict"


def a_key_is_rotated(stage: Stage) -> str:
    """Tokens of the old and of the new key are accepted while both are set, and tokens of no other key."""
    old = stage.secret("api-keys")
    stage.operator.types("Secrets")
    new, second = stage.secret("api-keys").split(",")
    if second != old:
        raise Disproved("the old key is gone")
    account = somebody(stage.store)
    published = stage.store.app.contents.find({"visibility": "publish"}, {"_id": 1}).limit(10)
    posts = [str(post["_id"]) for post in published]
    body = {"accountId": account, "contents": posts}
    for key in (old, new):
        status, answer = ask(stage, body, token_of(account, key))
        scores = answer.get("result", {})
        if status != 200 or set(scores) != set(posts) or not any(scores.values()):
            raise Disproved(f"{RANK} answers {status}: {answer}")
    status, answer = ask(stage, body, token_of(account, "another key, which nobody has deployed"))
    if status != 401:
        raise Disproved(f"{RANK} answers {status} to a bad token: {answer}")
    stage.operator.types("Secrets", 1)
    if stage.secret("api-keys") != new:
        raise Disproved("the new key is not alone")
    return f"200 with {len(posts)} scores by the old key and by the new one; 401 for a bad token"


def the_console_is_read(stage: Stage) -> str:
    """A link logs an operator in, and the first page says how the guest feed is; nobody else is shown it."""
    status, headers, _ = page_of(stage, HOME)
    if status != 303 or not headers.get("location", "").startswith(LOGIN):
        raise Disproved(f"{HOME} answers {status} to somebody who is not logged in")
    status, headers, text = page_of(stage, login_path(stage.store, "operator"))
    cookie = headers.get("set-cookie", "").partition(";")[0]
    if status != 303 or not cookie:
        raise Disproved(f"{LOGIN} answers {status} to a link, and sets {cookie or 'no cookie'}: {text[:500]}")
    status, _, text = page_of(stage, HOME, Cookie=cookie)
    if status != 200 or "<h1>Today</h1>" not in text or "Guest feed" not in text:
        raise Disproved(f"{HOME} answers {status}: {text[:500]}")
    return f"303 without a session; logged in by a link, {len(text) / 1_000:.1f} kB of Today"


def page_of(stage: Stage, path: str, **headers: str) -> tuple[int, Mapping[str, str], str]:
    """(status, headers by name in lower case, text) of the deployed API, without following redirects."""
    request = urllib.request.Request(stage.cloud.endpoint + path, headers={"Host": host_of(stage), **headers})
    try:
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=allowed(60)) as answer:
            return answer.status, _lower(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, _lower(refusal.headers), refusal.read().decode()


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """None: the redirect itself is the answer."""


def token_of(account: str, key: str) -> str:
    """A token that is valid for five minutes."""
    return token_for(account, key.encode(), now=datetime.now(UTC), valid_for=timedelta(minutes=5))


def ask(stage: Stage, body: Mapping[str, Any], token: str) -> tuple[int, Any]:
    """(status, answer) of the deployed API."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Host": host_of(stage),
    }
    request = urllib.request.Request(stage.cloud.endpoint + RANK, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=allowed(60)) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.loads(refusal.read() or b"null")


def host_of(stage: Stage) -> str:
    """The host of the deployed API, by which the stand-in finds it."""
    return f"{stage.physical['HttpApi']}.execute-api.localhost:{stage.cloud.endpoint.rpartition(':')[2]}"
