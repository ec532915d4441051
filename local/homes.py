"""Home pages of two accounts with different affinities, and the affinities that make them differ."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from bson import ObjectId

from shared.columns import FloatArray, id_array, id_keys
from shared.config import settings
from shared.store import Store

if TYPE_CHECKING:
    from functions.feed.feed_ranker import FeedRanker
    from functions.feed.pages import Page

COMPARED_ACCOUNTS = 60  # of the most active ones
MAX_LIKES = 4  # topics that are shown of an account
MIN_ENGAGEMENTS = 3  # with a topic that is shown


@dataclass(frozen=True, slots=True)
class Home:
    """The first page of an account.

    account  its id
    likes    topics by path: the account's share of engagements with the topic over its country's share, largest first
    follows  authors that it follows  [count]
    """

    account: ObjectId
    likes: dict[str, float]
    follows: int
    page: "Page"


def two_homes(store: Store, items: int, *, now: datetime) -> list[Home]:
    """The home of the most active account, and that of the active account whose topics differ most; none where fewer
    than two accounts have models.

    items  posts of each page
    """
    from functions.feed.feed_ranker import open_feed_ranker
    from functions.feed.options import Members

    feed_ranker = open_feed_ranker(store, settings().artifact_keys, settings().options.of(Members))
    feed_ranker.refresh(now)
    rows = store.analytics.mlArtifacts.find({}, {"account": 1}).sort([("metrics.acts", -1), ("account", 1)])
    accounts = [row["account"] for row in rows.limit(COMPARED_ACCOUNTS)]
    if len(accounts) < 2:
        return []
    vectors = [topic_vector(feed_ranker, account) for account in accounts]
    most_different = min(range(1, len(accounts)), key=lambda row: float(vectors[0] @ vectors[row]))
    return [home_of(store, feed_ranker, accounts[row], items, now) for row in (0, most_different)]


def home_of(store: Store, feed_ranker: "FeedRanker", account: ObjectId, items: int, now: datetime) -> Home:
    """The first page of an account that has a model, with its topics and follows."""
    from functions.feed import options, recommend_home
    from functions.feed.requests import HomeRequest

    home_options, request = settings().options.of(options.Home), HomeRequest(max_results=items)
    page = recommend_home.run(feed_ranker, home_options, str(account), request, now=now)
    personal = feed_ranker.viewer(account).personal
    assert personal is not None
    topics: list[dict[str, Any]] = list(store.analytics.topics.find({"path": {"$exists": True}}, {"path": 1}))
    names = dict(zip(id_keys(id_array(row["_id"] for row in topics)).tolist(), topics, strict=True)) if topics else {}
    frequent = personal.profile.topics[personal.profile.topics["acts"] >= MIN_ENGAGEMENTS]
    liked = np.sort(frequent, order="lift")[::-1]
    likes = {names[row["key"]]["path"]: float(np.exp(row["lift"])) for row in liked if int(row["key"]) in names}
    return Home(account, dict(list(likes.items())[:MAX_LIKES]), int(personal.profile.follows), page)


def topic_vector(feed_ranker: "FeedRanker", account: ObjectId) -> FloatArray:
    """(n_topics,) engagements of the account by topic of the post index, scaled to length 1."""
    post_index, personal = feed_ranker.post_index, feed_ranker.viewer(account).personal
    assert post_index is not None
    assert personal is not None
    order = np.argsort(post_index.topic_keys)
    engagements = np.zeros(len(order))
    keys = personal.profile.topics["key"]
    at = np.minimum(np.searchsorted(post_index.topic_keys[order], keys), max(len(order) - 1, 0))
    is_indexed = post_index.topic_keys[order][at] == keys
    engagements[at[is_indexed]] = personal.profile.topics["acts"][is_indexed]
    return np.asarray(engagements / max(float(np.linalg.norm(engagements)), 1e-9))
