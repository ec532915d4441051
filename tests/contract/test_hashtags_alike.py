"""Statistics, ranking and text processing find the same hashtags in any post."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.stats.options import HashtagStats
from functions.stats.store.hashtag_stats import HashtagStatistics
from shared.columns import object_ids
from shared.text.hashtags import hashtags
from shared.text.normalise import plain
from tests.factories import an_id, post
from tests.networks import NOON

NAMES = (
    "goal", "GOAL", "Straße", "İstanbul", "น้ำ", "می\u200cخواهم", "ロング・タグ", "𝗴𝗼𝗮𝗹", "2026", "39", "a-b", "goal.",
    "hello world", "rock&#39;n", "https://example.org/#top", "\ufe0f\u20e3", "🔥", "_", "\u0301x", "",
)  # fmt: skip
SIGNS = ("#", "＃", "﹟", "&num;", "&amp;num;", "&#35;", "")
AROUND = ("", " ", "F", "&", "#", "see https://example.org/a", "[top](", "\ud83d", "ก")
MESSAGES = st.lists(st.tuples(st.sampled_from(AROUND), st.sampled_from(SIGNS), st.sampled_from(NAMES)), max_size=6).map(
    lambda pieces: "".join(map("".join, pieces)).encode("utf-8", "ignore").decode()
)
# Values that applications store in `hashtags`: names in other spellings, texts that are no hashtags, other types.
KEPT = st.one_of(
    st.lists(st.one_of(st.sampled_from(NAMES), st.sampled_from(["#goal", "x" * 1_000, 7, None])), max_size=4),
    st.sampled_from([None, "goal", {"0": "goal"}]),
)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(MESSAGES, KEPT), min_size=1, max_size=30))
def test_a_post_has_the_same_hashtags_everywhere(store, databases, posts):
    said: dict[Any, str] = {an_id(str(n)): message for n, (message, _) in enumerate(posts)}
    databases.app.contents.delete_many({})
    databases.app.contents.insert_many(
        post(str(n), now=NOON, payload={"message": message}, hashtags=kept) for n, (message, kept) in enumerate(posts)
    )

    ids, names = store.posts.hashtags(NOON - timedelta(days=1), NOON, "createdAt")
    ranking = dict(zip(object_ids(ids), names, strict=True))
    statistics = {row["_id"]: row["names"] for row in HashtagStatistics(store).posts(HashtagStats(), now=NOON)}

    expected = {key: tags for key, text in said.items() if (tags := hashtags(text))}
    assert statistics == ranking == expected


@pytest.mark.parametrize("name", ["goal", "น้ำ", "ロング・タグ", "2026"])
def test_the_words_of_a_text_lose_the_sign_of_a_hashtag_and_of_nothing_else(name):
    assert plain(f"#{name} F#{name} a") == f"{name} F#{name} a"
