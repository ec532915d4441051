"""The best order that anybody could give: by the chances that the world itself draws from.

A person does 65 % of its acts by browsing and the others by following. Browsing picks a topic by taste, and within it a
post by quality, age and language; following picks one of those who are followed, and of them mostly the newest post.
"""

import numpy as np

from local.world import World
from local.world.acts import FOLLOWED_VISIBLE, FOLLOWING_RATIO, NEWEST_RATIO
from local.world.browsing import VISIBLE, affinity_of, decay, reader_classes
from local.world.vocabulary import TOPICS
from shared.columns import FloatArray, IntArray

MOMENTS_H = (6, 18, 30, 42, 54, 66)  # of the three held-out days


def chances(world: World, person: IntArray, post: IntArray) -> FloatArray:
    """(n_people, n_candidates) how often each person is drawn to each post, as a mean over the held-out time.

    person  (n_people,) index into the world's people
    post    (n_people, n_candidates) index into the world's posts
    """
    found = np.zeros(post.shape)
    for hour in MOMENTS_H:
        at = hour * 3_600.0
        following = FOLLOWING_RATIO if world.options.tastes == "planted" else 0.0
        found += (1 - following) * _browsing(world, person, post, at)
        found += following * _following(world, person, post, at)
    return found / len(MOMENTS_H)


def _browsing(world: World, person: IntArray, post: IntArray, at: float) -> FloatArray:
    posts, options = world.posts, world.options
    viewer = reader_classes(options.countries, world.people)[person]
    pull = posts.quality * decay(posts.created_at - at, options)
    pull = pull * (at - posts.created_at < VISIBLE)
    appeal = pull * affinity_of(options)[:, posts.language]  # (classes, posts)
    shelves = np.array([np.bincount(posts.topic, one, len(TOPICS)) for one in appeal])
    topic = posts.topic[post]
    shelf = np.maximum(shelves[viewer[:, None], topic], 1e-12)
    return np.asarray(world.people.taste[person[:, None], topic] * appeal[viewer[:, None], post] / shelf)


def _following(world: World, person: IntArray, post: IntArray, at: float) -> FloatArray:
    posts, follows = world.posts, world.follows
    order = np.lexsort((-posts.created_at, posts.author))
    author = posts.author[order]
    first = np.searchsorted(author, author)
    back = np.empty(len(order))
    back[order] = np.arange(len(order)) - first
    newest = np.full(int(posts.author.max()) + 1, -np.inf)
    np.maximum.at(newest, posts.author, posts.created_at)
    turn = NEWEST_RATIO * (1 - NEWEST_RATIO) ** back * (at - newest[posts.author] < FOLLOWED_VISIBLE)
    authors = int(max(posts.author.max(), follows.author.max())) + 1
    pairs = np.sort(follows.followers() * authors + follows.author)
    asked = person[:, None] * authors + posts.author[post]
    followed = pairs[np.minimum(np.searchsorted(pairs, asked), len(pairs) - 1)] == asked
    return np.asarray(followed * turn[post] / np.maximum(follows.counts()[person], 1)[:, None])
