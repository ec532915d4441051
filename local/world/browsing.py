"""Which post a person picks who looks for a topic."""

import numpy as np
from numpy.random import Generator

from local.world.draws import DAY, choose_by_row
from local.world.people import People
from local.world.posts import NO_POST, Posts
from local.world.sizes import WorldOptions
from local.world.vocabulary import COUNTRIES, TOPICS, languages_of
from shared.columns import FloatArray, IntArray

STEP = 4 * 3600.0  # for which the pull of the posts is held constant [s]
VISIBLE = 14 * DAY  # age of posts that can be picked [s]
HALF_LIFE = 30 * 3600.0  # of the pull [s]
MIN_VISIBLE = 5  # posts; with fewer, nobody browses


def browse(
    rng: Generator, options: WorldOptions, people: People, posts: Posts, at: FloatArray, person: IntArray
) -> IntArray:
    """(n,) the post that each person picks at each moment, NO_POST where the topic has none; `at` ascends.

    A post is picked in proportion to quality x decay with age x match of language, within a topic drawn by taste.
    """
    topic = choose_by_row(rng, people.taste[person])
    viewer_class = reader_classes(options.countries, people)[person]
    uniform = rng.random(len(at))
    affinity = affinity_of(options)
    post = np.full(len(at), NO_POST)
    for begin in np.arange(-options.days * DAY, options.holdout_days * DAY, STEP):
        rows = slice(*np.searchsorted(at, [begin, begin + STEP]))
        shown = slice(*np.searchsorted(posts.created_at, [begin - VISIBLE, begin]))
        if shown.stop - shown.start < MIN_VISIBLE:
            continue
        pull = posts.quality[shown] * decay(posts.created_at[shown] - begin, options)
        appeal = pull * affinity[:, posts.language[shown]]
        picked = _pick(appeal, posts.topic[shown], topic[rows], viewer_class[rows], uniform[rows])
        post[rows] = np.where(picked == NO_POST, NO_POST, shown.start + picked)
    return post


def decay(since: FloatArray, options: WorldOptions) -> FloatArray:
    """(n,) part of the pull of posts that is left, above 0.01.

    since  (n,) minus the age of each post [s]
    """
    half_life = HALF_LIFE if options.half_life_hours is None else options.half_life_hours * 3600.0
    left: FloatArray = np.exp2(since / half_life) + 0.01
    return left


def affinity_of(options: WorldOptions) -> FloatArray:
    """(n_classes, n_languages) as `language_affinity`, or 1 throughout where nobody has a taste."""
    affinity = language_affinity(options.countries)
    return np.ones_like(affinity) if options.tastes == "none" else affinity


def _pick(
    appeal: FloatArray, post_topic: IntArray, topic: IntArray, viewer_class: IntArray, uniform: FloatArray
) -> IntArray:
    """(n,) position of the picked post among the n_posts visible ones, NO_POST where the topic has none.

    appeal        (n_classes, n_posts) weight of each post for each class of viewers, above 0
    post_topic    (n_posts,)
    topic         (n,) that is looked for
    viewer_class  (n,) of the person who looks
    uniform       (n,) random numbers, 0..1

    Draws by inversion of the cumulative weights. Those of class k are scaled to k..k + 1, topic after topic, so that
    one binary search serves all classes.
    """
    classes, shown = appeal.shape
    order = np.argsort(post_topic, kind="stable")
    starts = np.searchsorted(post_topic[order], np.arange(len(TOPICS) + 1))
    cumulative = np.zeros((classes, shown + 1))
    np.cumsum(appeal[:, order], axis=1, out=cumulative[:, 1:])
    cumulative /= cumulative[:, -1:]
    first, last = starts[topic], starts[topic + 1] - 1
    low, high = cumulative[viewer_class, first], cumulative[viewer_class, last + 1]
    steps = (cumulative[:, 1:] + np.arange(classes)[:, None]).ravel()
    drawn = viewer_class + low + uniform * (high - low)
    position = np.searchsorted(steps, drawn, side="right") - viewer_class * shown
    inside = np.maximum(first, np.minimum(position, last))  # rounding may lead past the topic's posts
    return np.where(last >= first, order[np.minimum(inside, shown - 1)], NO_POST)


def reader_classes(countries: int, people: People) -> IntArray:
    """(n_people,) class of each person: home language, and whether it reads English too; a class sees posts alike."""
    languages = languages_of(countries)
    home = np.array([languages.index(c.language) for c in COUNTRIES[:countries]])
    classes: IntArray = home[people.country] * 2 + people.bilingual
    return classes


def language_affinity(countries: int) -> FloatArray:
    """(n_classes, n_languages) weight of posts by language: 1 for the home language, less for English, little else."""
    languages = languages_of(countries)
    affinity = np.full((len(languages) * 2, len(languages)), 0.03)
    affinity[0::2, languages.index("en")] = 0.15
    affinity[1::2, languages.index("en")] = 0.7
    for home in range(len(languages)):
        affinity[home * 2 : home * 2 + 2, home] = 1.0
    return affinity
