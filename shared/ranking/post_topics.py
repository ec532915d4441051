"""Topics of posts as pairs of positions; hashtags take the place of topics for posts without any."""

import hashlib
from datetime import datetime

import numpy as np

from shared.columns import IntArray, KeyArray, id_keys, lookup
from shared.ranking.options import Coldstart
from shared.store import Store


def read_post_topics(
    store: Store, options: Coldstart, posts: KeyArray, start: datetime, now: datetime
) -> tuple[IntArray, IntArray, KeyArray]:
    """(post, topic) pairs ordered by post, (n_pairs,) each, and the key of each topic, (n_topics,).

    The topics are those of contentinfo. A post without one has the hashtags of its message that at least
    `options.hashtag_uses` such posts use.

    posts  (n_posts,) keys of the posts
    """
    pairs = store.content_topics.pairs()
    topics, topic = np.unique(id_keys(pairs["topic"]), return_inverse=True)
    post = lookup(id_keys(pairs["content"]), posts)
    in_history = post >= 0
    tagged, names = store.posts.hashtags(start, now, options.age_from)
    posts_of = _posts_by_hashtag(lookup(id_keys(tagged), posts), names, set(post[in_history].tolist()))
    hashtags = [name for name in sorted(posts_of) if len(posts_of[name]) >= options.min_hashtag_posts]
    hashtag_post = [np.array(posts_of[name], np.int64) for name in hashtags]
    hashtag = [np.full(len(posts_of[name]), len(topics) + number) for number, name in enumerate(hashtags)]
    pair_post = np.concatenate([post[in_history], *hashtag_post])
    pair_topic = np.concatenate([topic[in_history], *hashtag])
    order = np.argsort(pair_post, kind="stable")
    return pair_post[order], pair_topic[order], np.concatenate([topics, *(hashtag_key(name) for name in hashtags)])


def hashtag_key(name: str) -> KeyArray:
    """(1,) the key of a hashtag that takes the place of a topic.

    >>> hashtag_key("goal") == hashtag_key("goal"), hashtag_key("goal") == hashtag_key("gold")
    (array([ True]), array([False]))
    """
    return np.frombuffer(hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest(), np.uint64)


def _posts_by_hashtag(posts: IntArray, names: list[list[str]], with_topic: set[int]) -> dict[str, list[int]]:
    """Positions of the posts without a topic that use each hashtag.

    posts  (n,) positions, -1 for a post that is not in the history; `names` are the hashtags of each
    """
    posts_of: dict[str, list[int]] = {}
    for post, hashtags in zip(posts.tolist(), names, strict=True):
        if post >= 0 and post not in with_topic:
            for name in set(hashtags):
                posts_of.setdefault(name, []).append(post)
    return posts_of
