"""Posts in the order of one account, on demand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId

from functions.feed.desk import Desk
from shared.store.deadline import Threads

MOST = 2_000  # ids of one call

# The text that callers have always been given, its line break and spaces included.
SORRY = "Sorry, Can not predict the contents \n                please change the contents."


def run(desk: Desk, account: str, contents: Sequence[str], *, now: datetime) -> dict[str, float]:
    """A finite score, 0 or more, for every id that was asked for, as it was written, in descending order.

    What is no id of a post that the account may be shown, such as a user's, gets 0. NotFound where there is no such
    account.
    """
    desk.look(now)
    ids = {text: ObjectId(text) for text in contents if ObjectId.is_valid(text)}
    posts = list(dict.fromkeys(ids.values()))
    with Threads(1) as aside:
        asked = aside.submit(desk.shown, posts)  # while they are scored
        reader = desk.reader(ObjectId(account))
        blocked = desk.store.relationships.blocked(reader.users)
        scores = desk.scores(reader, posts, now)
    shown = asked.result().by_none_of(blocked, desk.catalogue)
    found = {text: scores[ids[text]] if ids.get(text) in shown else 0.0 for text in contents}
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def answer(result: Mapping[str, float]) -> dict[str, Any]:
    """As callers expect it."""
    return {"code": 200, "result": dict(result), "remark": "OK"}


def sorry(payload: Any, reason: str) -> dict[str, Any]:
    """What callers expect where nothing can be ranked: 0 for each id that was asked for, and why."""
    asked = payload.get("contents") if isinstance(payload, dict) else None
    contents = [one for one in asked[:MOST] if isinstance(one, str)] if isinstance(asked, list) else []
    return {"code": 1001, "result": dict.fromkeys(contents, 0), "remark": SORRY, "reason": reason}
