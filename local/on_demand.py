"""Payloads for the functions that a call or a request fires, with ids of the database."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from local.accounts import members
from local.functions import all_functions
from local.http import event_of
from shared.config import settings
from shared.errors import NotFound
from shared.store import Store, schema

ITEMS = 10  # of a page or a list
TOKEN_FOR = timedelta(minutes=5)


def requests(store: Store, now: datetime) -> dict[str, Mapping[str, Any]]:
    """A payload for each such function by stem, in an order in which they can be called: erasing comes last.

    Raises NotFound where there is no published account or no live topic model.
    """
    from shared.runtime.tokens import token_for

    accounts = members(store, 2)
    model = store.analytics[schema.TOPIC_ARTIFACTS.name].find_one({"family": "topics"}, {"version": 1})
    if not accounts or (model is None and "train_topics" in all_functions()):
        raise NotFound("there is no published account, or no topic model: python -m local run all")
    model_to_promote = {"family": "topics", "key": "all", "version": model["version"]} if model else None
    viewer, erased = str(accounts[0].account), str(accounts[-1].account)
    contents: list[ObjectId] = [
        row["_id"] for row in store.app[schema.CONTENTS.name].find({"visibility": "publish"}, {"_id": 1}).limit(ITEMS)
    ]
    token = token_for(viewer, settings().api_keys[0], now=now, valid_for=TOKEN_FOR)
    home = event_of("GET", f"/feed/home?maxResults={ITEMS}", {"authorization": f"Bearer {token}"}, b"")
    return {
        "rank_contents": {"accountId": viewer, "contents": [str(content) for content in contents]},
        "recommend_home": {"accountId": viewer, "maxResults": ITEMS},
        "explain_ranking": {"accountId": viewer, "maxResults": ITEMS},
        "compare_rankings": {"family": "members", "key": "all", "left": "none", "right": "none", "accountId": viewer},
        "recommend_people": {"accountId": viewer, "maxResults": ITEMS},
        "serve_feed": home,
        "serve_console": event_of("GET", "/console/login", {}, b""),
        **({"promote_artifact": model_to_promote} if model_to_promote else {}),
        "erase_account": {"accountId": erased},
    }
