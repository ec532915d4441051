"""Which post catches the eye of somebody who looks for a topic."""

import numpy as np
from numpy.random import Generator

from local.world.draws import DAY, choose_by_row
from local.world.people import People
from local.world.posts import NO_POST, Posts
from local.world.sizes import WorldOptions
from local.world.vocabulary import COUNTRIES, TOPICS, languages_of
from shared.columns import FloatArray, IntArray

STEP = 4 * 3600.0  # how long the pull of the posts is held constant [s]
VISIBLE = 14 * DAY
HALF_LIFE = 30 * 3600.0
MIN_VISIBLE = 5  # with less to choose from, nobody browses


def browse(
    rng: Generator, options: WorldOptions, people: People, posts: Posts, at: FloatArray, person: IntArray
) -> IntArray:
    """(n,) the post that each person picks at each moment, NO_POST where the topic has none; `at` ascends.

    A post is picked in proportion to quality x decay with age x match of language, within a topic drawn by taste.
    """
    topic = choose_by_row(rng, people.taste[person])
    reader = reader_classes(options.countries, people)[person]
    chance = rng.random(len(at))
    affinity = affinity_of(options)
    post = np.full(len(at), NO_POST)
    for begin in np.arange(-options.days * DAY, options.holdout_days * DAY, STEP):
        acts = slice(*np.searchsorted(at, [begin, begin + STEP]))
        shown = slice(*np.searchsorted(posts.created_at, [begin - VISIBLE, begin]))
        if shown.stop - shown.start < MIN_VISIBLE:
            continue
        pull = posts.quality[shown] * decay(posts.created_at[shown] - begin, options)
        appeal = pull * affinity[:, posts.language[shown]]
        picked = _pick(appeal, posts.topic[shown], topic[acts], reader[acts], chance[acts])
        post[acts] = np.where(picked == NO_POST, NO_POST, shown.start + picked)
    return post


def decay(since: FloatArray, options: WorldOptions) -> FloatArray:
    """What is left of the pull of posts, by the moment of each against now [s, below 0]."""
    half_life = HALF_LIFE if options.half_life_hours is None else options.half_life_hours * 3600.0
    left: FloatArray = np.exp2(since / half_life) + 0.01
    return left


def affinity_of(options: WorldOptions) -> FloatArray:
    """(n_classes, n_languages) of `language_affinity`, or 1 throughout where nobody has a taste."""
    affinity = language_affinity(options.countries)
    return np.ones_like(affinity) if options.tastes == "none" else affinity


def _pick(appeal: FloatArray, post_topic: IntArray, topic: IntArray, reader: IntArray, chance: FloatArray) -> IntArray:
    """(n_acts,) position of the chosen post among the n_posts on show, NO_POST where the topic has none.

    appeal      (n_classes, n_posts)  weight of each post for each class of readers, above 0
    post_topic  (n_posts,)
    topic, reader, chance  (n_acts,)  what is looked for, by which class, and a draw from 0..1

    One ladder holds all classes: class k climbs from k to k + 1, topic after topic, so one binary search serves all.
    """
    classes, shown = appeal.shape
    order = np.argsort(post_topic, kind="stable")
    shelves = np.searchsorted(post_topic[order], np.arange(len(TOPICS) + 1))
    ladder = np.zeros((classes, shown + 1))
    np.cumsum(appeal[:, order], axis=1, out=ladder[:, 1:])
    ladder /= ladder[:, -1:]
    first, last = shelves[topic], shelves[topic + 1] - 1
    low, high = ladder[reader, first], ladder[reader, last + 1]
    rungs = (ladder[:, 1:] + np.arange(classes)[:, None]).ravel()
    place = np.searchsorted(rungs, reader + low + chance * (high - low), side="right") - reader * shown
    inside = np.maximum(first, np.minimum(place, last))  # the sum may round past the shelf
    return np.where(last >= first, order[np.minimum(inside, shown - 1)], NO_POST)


def reader_classes(countries: int, people: People) -> IntArray:
    """(n_people,) people of one home language, bilingual or not, see the same posts alike."""
    languages = languages_of(countries)
    home = np.array([languages.index(c.language) for c in COUNTRIES[:countries]])
    classes: IntArray = home[people.country] * 2 + people.bilingual
    return classes


def language_affinity(countries: int) -> FloatArray:
    """(n_classes, n_languages) 1 for the home language, less for English, little for any other."""
    languages = languages_of(countries)
    affinity = np.full((len(languages) * 2, len(languages)), 0.03)
    affinity[0::2, languages.index("en")] = 0.15
    affinity[1::2, languages.index("en")] = 0.7
    for home in range(len(languages)):
        affinity[home * 2 : home * 2 + 2, home] = 1.0
    return affinity
