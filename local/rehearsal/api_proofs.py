"""Proofs of the HTTP API and of the keys that sign its tokens."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

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


def token_of(account: str, key: str) -> str:
    """A token that is valid for five minutes."""
    return token_for(account, key.encode(), now=datetime.now(UTC), valid_for=timedelta(minutes=5))


def ask(stage: Stage, body: Mapping[str, Any], token: str) -> tuple[int, Any]:
    """(status, answer) of the deployed API."""
    port = stage.cloud.endpoint.rpartition(":")[2]
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Host": f"{stage.physical['HttpApi']}.execute-api.localhost:{port}",
    }
    request = urllib.request.Request(stage.cloud.endpoint + RANK, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=allowed(60)) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.loads(refusal.read() or b"null")
