"""Ranks given posts for one account, on demand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from bson import ObjectId

from functions.feed.feed_ranker import FeedRanker
from functions.feed.requests import MAX_CONTENTS
from functions.feed.store.relationships import Relationships
from shared.documents import id_bytes
from shared.store.deadline import TaskGroup

# Callers have always been given this text, with its line break and spaces.
ERROR_REMARK = "Sorry, Can not predict the contents \n                please change the contents."


def run(feed_ranker: FeedRanker, account: str, contents: Sequence[str], *, now: datetime) -> dict[str, float]:
    """A finite score, 0 or more, higher is better, for every requested id, as it was written; the highest first.

    0 for whatever is not the id of a post that the account may be shown. NotFound for an unknown account.
    """
    feed_ranker.refresh(now)
    visibility, relationships = feed_ranker.visibility, Relationships(feed_ranker.store)
    raw_ids = {text: raw for text in contents if (raw := id_bytes(text))}
    ids = np.frombuffer(b"".join(raw_ids.values()), "V12")
    post = feed_ranker.positions(ids)
    with TaskGroup(feed_ranker.threads) as tasks:
        visible = visibility.start(tasks, ids, post)  # answered while the posts are scored
        viewer = feed_ranker.viewer(ObjectId(account))
        blocked = tasks.submit(relationships.blocked, viewer.users)
        scores = feed_ranker.scores(viewer, ids, post, now)
    scores[~visibility.visible_to(visible(), ids, blocked.result())] = 0
    by_id = dict.fromkeys(contents, 0.0) | dict(zip(raw_ids, scores.tolist(), strict=True))
    return dict(sorted(by_id.items(), key=lambda pair: -pair[1]))


def answer(scores: Mapping[str, float]) -> dict[str, Any]:
    """The answer of /ds_service/personalize_content_predict, and of a direct call."""
    return {"code": 200, "result": dict(scores), "remark": "OK"}


def error_response(payload: Any, reason: str) -> dict[str, Any]:
    """The answer of a call that failed: 0 for each requested id, and the reason."""
    requested = payload.get("contents") if isinstance(payload, dict) else None
    listed = requested[:MAX_CONTENTS] if isinstance(requested, list) else []
    contents = [content for content in listed if isinstance(content, str)]
    return {"code": 1001, "result": dict.fromkeys(contents, 0), "remark": ERROR_REMARK, "reason": reason}
