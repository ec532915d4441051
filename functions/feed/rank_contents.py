"""Posts in the order of one account, on demand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from bson import ObjectId

from functions.feed.feed_ranker import FeedRanker
from shared.documents import id_bytes
from shared.store.deadline import TaskGroup

MAX_CONTENTS = 2_000  # ids of one call

# The text that callers have always been given, its line break and spaces included.
SORRY = "Sorry, Can not predict the contents \n                please change the contents."


def run(feed_ranker: FeedRanker, account: str, contents: Sequence[str], *, now: datetime) -> dict[str, float]:
    """A finite score, 0 or more, for every id that was asked for, as it was written, in descending order.

    What is no id of a post that the account may be shown, such as a user's, gets 0. NotFound where there is no such
    account.
    """
    feed_ranker.refresh(now)
    asked = {text: content for text in contents if (content := id_bytes(text))}
    ids = np.frombuffer(b"".join(asked.values()), "V12")
    post = feed_ranker.positions(ids)
    with TaskGroup(feed_ranker.threads) as tasks:
        shown = tasks.submit(feed_ranker.shown, ids, post)  # while they are scored
        viewer = feed_ranker.viewer(ObjectId(account))
        blocked = tasks.submit(feed_ranker.store.relationships.blocked, viewer.users)
        scores = feed_ranker.scores(viewer, ids, post, now)
    scores[~feed_ranker.shown_to(shown.result(), ids, blocked.result())] = 0
    found = dict.fromkeys(contents, 0.0) | dict(zip(asked, scores.tolist(), strict=True))
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def answer(result: Mapping[str, float]) -> dict[str, Any]:
    """As callers expect it."""
    return {"code": 200, "result": dict(result), "remark": "OK"}


def error_response(payload: Any, reason: str) -> dict[str, Any]:
    """What callers expect where nothing can be ranked: 0 for each id that was asked for, and why."""
    asked = payload.get("contents") if isinstance(payload, dict) else None
    contents = [one for one in asked[:MAX_CONTENTS] if isinstance(one, str)] if isinstance(asked, list) else []
    return {"code": 1001, "result": dict.fromkeys(contents, 0), "remark": SORRY, "reason": reason}
