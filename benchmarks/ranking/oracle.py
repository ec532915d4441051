"""The best possible order: by the probabilities that the demo world itself draws engagements from.

65 % of a person's engagements come by browsing, the others by following. Browsing draws a topic by taste, and within it
a post by quality, age and language; following draws an author whom the person follows, and mostly the newest post.
"""

import numpy as np

from local.world import World
from local.world.browsing import VISIBLE, affinity_of, decay, reader_classes
from local.world.engagements import FOLLOWED_VISIBLE, FOLLOWING_RATIO, NEWEST_RATIO
from local.world.vocabulary import TOPICS
from shared.columns import FloatArray, IntArray

MOMENTS_H = (6, 18, 30, 42, 54, 66)  # of the three held-out days [h]


def engagement_rates(world: World, person: IntArray, post: IntArray) -> FloatArray:
    """(n_people, n_candidates) rate at which each person engages with each post, averaged over the held-out time.

    Higher ranks first; the unit is arbitrary, but the same for all.

    person  (n_people,) index into the world's people
    post    (n_people, n_candidates) index into the world's posts
    """
    rates = np.zeros(post.shape)
    for hour in MOMENTS_H:
        at = hour * 3_600.0
        following = FOLLOWING_RATIO if world.options.tastes == "planted" else 0.0
        rates += (1 - following) * _browsing(world, person, post, at)
        rates += following * _following(world, person, post, at)
    return rates / len(MOMENTS_H)


def _browsing(world: World, person: IntArray, post: IntArray, at: float) -> FloatArray:
    """(n_people, n_candidates) probability that a browsing person picks each post at a moment [s from now]."""
    posts, options = world.posts, world.options
    viewer = reader_classes(options.countries, world.people)[person]
    pull = posts.quality * decay(posts.created_at - at, options)
    pull = pull * (at - posts.created_at < VISIBLE)
    appeal = pull * affinity_of(options)[:, posts.language]  # (n_classes, n_posts)
    by_topic = np.array([np.bincount(posts.topic, weights, len(TOPICS)) for weights in appeal])
    topic = posts.topic[post]
    total = np.maximum(by_topic[viewer[:, None], topic], 1e-12)
    return np.asarray(world.people.taste[person[:, None], topic] * appeal[viewer[:, None], post] / total)


def _following(world: World, person: IntArray, post: IntArray, at: float) -> FloatArray:
    """(n_people, n_candidates) probability that a person who looks at a followed author picks each post."""
    posts, follows = world.posts, world.follows
    order = np.lexsort((-posts.created_at, posts.author))
    author = posts.author[order]
    first = np.searchsorted(author, author)
    newer_posts = np.empty(len(order))  # of the same author [count]
    newer_posts[order] = np.arange(len(order)) - first
    newest = np.full(int(posts.author.max()) + 1, -np.inf)
    np.maximum.at(newest, posts.author, posts.created_at)
    probability = NEWEST_RATIO * (1 - NEWEST_RATIO) ** newer_posts * (at - newest[posts.author] < FOLLOWED_VISIBLE)
    authors = int(max(posts.author.max(), follows.author.max())) + 1
    pairs = np.sort(follows.followers() * authors + follows.author)
    candidate_pairs = person[:, None] * authors + posts.author[post]
    followed = pairs[np.minimum(np.searchsorted(pairs, candidate_pairs), len(pairs) - 1)] == candidate_pairs
    return np.asarray(followed * probability[post] / np.maximum(follows.counts()[person], 1)[:, None])
