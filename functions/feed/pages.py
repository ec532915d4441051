"""Pages of the home, and the answers that present them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bson import ObjectId

from functions.feed.candidate_sources import CandidateSource
from functions.feed.post_index import PostIndex
from shared.ranking.country_ranker import scores_from_logits

REASONS: Mapping[CandidateSource, str] = {
    "following": "by someone whom you follow",
    "alike": "liked by people who like what you like",
    "meaning": "about the like of what you engaged with",
    "trending": "liked in your country",
    "new": "by someone whom few know yet",
}
# The application's names of the sources.
AGGREGATORS: Mapping[CandidateSource, str] = {"following": "following-cast", "trending": "trending"}


@dataclass(frozen=True, slots=True)
class Item:
    """One post of a page.

    score   above 0, higher is better
    source  the first one that had the post
    model   versions of the models that scored it
    """

    content: ObjectId
    author: ObjectId
    score: float
    source: CandidateSource
    model: str


@dataclass(frozen=True, slots=True)
class Page:
    """Items, the best first, and the cursor that asks for the next page; empty where there is none."""

    items: Sequence[Item]
    cursor: str


def make_item(post_index: PostIndex, post: int, logit: float, source: CandidateSource, model: str) -> Item:
    """The item for the post at this position of the index, with its logit as the score."""
    author = post_index.author_ids[post_index.author[post]]
    score = float(scores_from_logits(np.array([logit]))[0])
    return Item(ObjectId(post_index.ids[post].tobytes()), ObjectId(author.tobytes()), score, source, model)


def suggestions(page: Page) -> dict[str, Any]:
    """The answer of /v2/data-services/suggest/contents: the items as the application reads them."""
    return {"payload": [_suggestion(item) for item in page.items]}


def home(page: Page) -> dict[str, Any]:
    """The answer of /feed/home: the items with their reasons, and the cursor of the next page."""
    reasons = [{"source": item.source, "reason": REASONS[item.source], "model": item.model} for item in page.items]
    items = [_suggestion(item) | reason for item, reason in zip(page.items, reasons, strict=True)]
    return {"items": items, "cursor": page.cursor}


def error_response(payload: Any, reason: str) -> dict[str, Any]:
    """The answer of a direct call that failed: an empty page, and the reason."""
    return {"code": 1001, "items": [], "cursor": "", "reason": reason}


def _suggestion(item: Item) -> dict[str, Any]:
    aggregator: dict[str, Any] = {"name": AGGREGATORS.get(item.source, "default")}
    if item.source == "following":
        aggregator["user"] = [str(item.author)]
    return {"content": str(item.content), "score": item.score, "aggregator": aggregator, "author": str(item.author)}
