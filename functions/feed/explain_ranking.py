"""What an account's home would show now, and why each post stands where it stands. Writes nothing."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from bson import ObjectId

from functions.feed.candidate_features import FEATURES
from functions.feed.feed_ranker import FeedRanker
from functions.feed.home_feed import HomeFeed, Round
from functions.feed.options import Home
from functions.feed.requests import ItemsRequest, limit_of
from functions.feed.scoring import Scoring, Viewer
from shared.columns import FloatArray, IntArray, id_array, object_ids
from shared.countries import COUNTRIES, UNKNOWN_COUNTRY
from shared.ranking.country_ranker import scores_from_logits
from shared.store.deadline import TaskGroup


def run(
    feed_ranker: FeedRanker, options: Home, account: str, request: ItemsRequest, *, now: datetime
) -> Mapping[str, Any]:
    """The first page of an account's home as `recommend_home` would make it, each post with what its score is made of:

    {model: versions that score, as of a page, country: code or "", hasOwnModel: whether a model of the account's own
    scores, perAuthorOrTopic, exploreEvery: options of the re-ranking, items: [{content, author, rank: from 1 on,
    scoreRank: the rank by score alone, score, sources: of candidates, the first one first, logits: see `_logits`,
    features: {name: value or null}, what the rankers of members read}, …]}

    Raises NotFound for an unknown account, Unavailable before a post index exists.
    """
    feed_ranker.refresh(now)
    scoring, visibility = feed_ranker.scoring, feed_ranker.visibility
    with TaskGroup(feed_ranker.threads) as tasks:
        viewer = feed_ranker.viewer(ObjectId(account))
        reading = HomeFeed.start(tasks, feed_ranker, viewer, options, now=now)
    feed = reading(id_array([]))

    def still_visible(posts: IntArray) -> IntArray:
        return visibility.still_visible(posts, feed.blocked)

    limit, items = limit_of(request.max_results, options.items), list[dict[str, Any]]()
    for chosen in feed.rounds(scoring, limit, still_visible):
        items += _explained(feed, chosen, len(items))
    return {
        "model": scoring.version_for(viewer),
        "country": "" if viewer.country == UNKNOWN_COUNTRY else COUNTRIES[viewer.country],
        "hasOwnModel": _has_own_model(scoring, viewer),
        "perAuthorOrTopic": options.max_consecutive,
        "exploreEvery": options.exploration_interval,
        "items": items,
    }


def _has_own_model(scoring: Scoring, viewer: Viewer) -> bool:
    return viewer.personal is not None and scoring.global_ranker is not None


def _explained(feed: HomeFeed, chosen: Round, before: int) -> list[dict[str, Any]]:
    """The chosen posts of a round with what their scores are made of; `before` posts stand above them."""
    post_index, rows = feed.post_index, np.array(chosen.selected, np.int64)
    posts = chosen.candidates.post[rows]
    order = np.argsort(-chosen.logits, kind="stable")
    order = order[~np.isin(order, chosen.refused)]
    score_rank = np.empty(len(chosen.logits), np.int64)
    score_rank[order] = np.arange(len(order))
    parts = _logits(chosen)
    matrix = FEATURES.matrix(chosen.parts.features) if chosen.parts.features else None
    contents, authors = object_ids(post_index.ids[posts]), object_ids(post_index.author_ids[post_index.author[posts]])
    return [
        {
            "content": str(contents[place]),
            "author": str(authors[place]),
            "rank": before + place + 1,
            "scoreRank": before + int(score_rank[row]) + 1,
            "score": float(scores_from_logits(chosen.logits[[row]])[0]),
            "sources": chosen.candidates.sources[row],
            "logits": {name: float(values[row]) for name, values in parts.items()},
            "features": {} if matrix is None else dict(zip(FEATURES.names, map(_known, matrix[row]), strict=True)),
        }
        for place, row in enumerate(rows.tolist())
    ]


def _logits(chosen: Round) -> dict[str, FloatArray]:
    """What is added, one after the other, until the score is reached, (n,) each [log odds]: `country` by its ranker,
    `members` by that of all members, `own` by the account's trees, `fewEngagements` by what is taken back where the
    account has few, and `quality`. What no model adds is left out."""
    parts = chosen.parts
    steps = {"country": parts.country, "members": parts.members, "own": parts.own}
    steps |= {"fewEngagements": parts.logits, "quality": chosen.logits}
    added, before = dict[str, FloatArray](), np.zeros(1)
    for name, reached in steps.items():
        if reached is not None and reached is not before:
            added[name], before = reached - before, reached
    return added


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
