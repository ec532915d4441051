"""Home pages of two accounts that like different things, and what makes them differ."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from bson import ObjectId

from functions.feed import recommend_home
from functions.feed.feed_ranker import FeedRanker, open_feed_ranker
from functions.feed.recommend_home import HomeRequest, Page
from shared.columns import id_array, id_keys
from shared.config import settings
from shared.store import Store

LOOKED_AT = 60  # of the most active accounts
TOPICS_TOLD = 4
MIN_ACTS = 3  # that a topic is told from


@dataclass(frozen=True, slots=True)
class Home:
    """A page of an account.

    account  its id
    likes    what it does more than its country, by the name of the topic [times]
    follows  how many it follows
    """

    account: ObjectId
    likes: dict[str, float]
    follows: int
    page: Page


def two_homes(store: Store, items: int, *, now: datetime) -> list[Home]:
    """Of the most active account, and of the one among the others whose taste is the most unlike."""
    feed_ranker = open_feed_ranker(store, settings().artifact_keys, settings().options.members)
    feed_ranker.refresh(now)
    rows = store.analytics.mlArtifacts.find({}, {"account": 1}).sort([("metrics.acts", -1), ("account", 1)])
    accounts = [row["account"] for row in rows.limit(LOOKED_AT)]
    if len(accounts) < 2:
        return []
    tastes = [acts_by_topic(feed_ranker, account) for account in accounts]
    first = tastes[0]
    unlike = min(range(1, len(accounts)), key=lambda one: float(first @ tastes[one]))
    return [home_of(store, feed_ranker, accounts[one], items, now) for one in (0, unlike)]


def home_of(store: Store, feed_ranker: FeedRanker, account: ObjectId, items: int, now: datetime) -> Home:
    """The first page, and what the account likes."""
    options = settings().options
    page = recommend_home.run(feed_ranker, options.home, HomeRequest(str(account), items), now=now)
    personal = feed_ranker.viewer(account).personal
    assert personal is not None
    topics: list[dict[str, Any]] = list(store.analytics.topics.find({"path": {"$exists": True}}, {"path": 1}))
    names = dict(zip(id_keys(id_array(row["_id"] for row in topics)).tolist(), topics, strict=True)) if topics else {}
    often = personal.profile.topics[personal.profile.topics["acts"] >= MIN_ACTS]
    liked = np.sort(often, order="lift")[::-1]
    told = {names[row["key"]]["path"]: float(np.exp(row["lift"])) for row in liked if int(row["key"]) in names}
    return Home(account, dict(list(told.items())[:TOPICS_TOLD]), int(personal.profile.follows), page)


def acts_by_topic(feed_ranker: FeedRanker, account: ObjectId) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(n_topics,) share of each topic of the catalogue in what the account did, of length 1."""
    post_index, personal = feed_ranker.post_index, feed_ranker.viewer(account).personal
    assert post_index is not None
    assert personal is not None
    order = np.argsort(post_index.topic_keys)
    acts = np.zeros(len(order))
    keys = personal.profile.topics["key"]
    at = np.minimum(np.searchsorted(post_index.topic_keys[order], keys), max(len(order) - 1, 0))
    same = post_index.topic_keys[order][at] == keys
    acts[at[same]] = personal.profile.topics["acts"][same]
    return np.asarray(acts / max(float(np.linalg.norm(acts)), 1e-9))
