"""Every counter of the network, as it stood at any moment of the history."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.clock import DAY_HOURS
from shared.columns import FloatArray, IntArray
from shared.countries import COUNTRIES, LANGUAGES
from shared.ml.asof import AsOf
from shared.ranking.history import COUNTED, LANGUAGE_CODES, UNKNOWN_COUNTRY, History
from shared.store.posts import OTHER_LANGUAGE, UNKNOWN_LANGUAGE

# A key of its own for acts of people whose country is not known.
N_COUNTRY_BUCKETS = len(COUNTRIES) + 1

# What a language is to the people of a country.
HOME, ENGLISH, FOREIGN = 1.0, 0.5, 0.0
RELATIONS = 3


class Counters:
    """Counts by post, author, topic and language, in all and in each country, and posts by author and topic."""

    def __init__(self, history: History) -> None:
        posts, engagements = history.posts, history.engagements
        self.posts = posts
        author = posts.author[engagements.post]
        place = country_bucket(engagements.country)
        origin = float(min(posts.created.min(initial=0.0), engagements.at.min(initial=0.0)))

        def engagements_by(
            keys: IntArray, half_life_hours: float | None = None, at: NDArray[np.float64] = engagements.at
        ) -> AsOf:
            return AsOf(keys, at, origin, half_life_hours)

        self.of_post_kind = engagements_by(engagements.post * len(COUNTED) + engagements.kind)
        self.of_author_kind = engagements_by(author * len(COUNTED) + engagements.kind)
        self.of_post_in_6_hours = engagements_by(engagements.post, DAY_HOURS / 4)
        self.of_post_in_a_day = engagements_by(engagements.post, DAY_HOURS)
        self.of_post_in_3_days = engagements_by(engagements.post, DAY_HOURS * 3)
        self.of_author_in_3_days = engagements_by(author, DAY_HOURS * 3)
        self.of_post_here = engagements_by(engagements.post * N_COUNTRY_BUCKETS + place)
        self.of_post_here_in_a_day = engagements_by(engagements.post * N_COUNTRY_BUCKETS + place, DAY_HOURS)
        self.of_author_here = engagements_by(author * N_COUNTRY_BUCKETS + place)
        self.here = engagements_by(place)
        self.anywhere = engagements_by(np.zeros(len(engagements), np.int64))
        self.posts_by_author = AsOf(posts.author, posts.created, origin)
        self.posts_by_anyone = AsOf(np.zeros(len(posts), np.int64), posts.created, origin)

        relation = relations(engagements.country, posts.language[engagements.post])
        self.of_relation_here = engagements_by(place * RELATIONS + relation_keys(relation))

        self.topic_start = np.searchsorted(posts.topic_of, np.arange(len(posts) + 1))
        act, topic = self.topics_of(engagements.post)
        self.of_topic = engagements_by(topic, at=engagements.at[act])
        self.of_topic_here = engagements_by(topic * N_COUNTRY_BUCKETS + place[act], at=engagements.at[act])
        self.posts_on_topic = AsOf(posts.topic, posts.created[posts.topic_of], origin)

    def engagements_of_post(self, post: IntArray, at: FloatArray) -> FloatArray:
        """(n,) engagements of any kind with each post before each moment."""
        return np.asarray(sum(self.of_post_kind.count(post * len(COUNTED) + kind, at) for kind in range(len(COUNTED))))

    def topics_of(self, post: IntArray) -> tuple[IntArray, IntArray]:
        """Every topic of each of these posts: position in `post`, and topic; both (n_found,)."""
        return all_of(self.topic_start, self.posts.topic, post)


def all_of(start: NDArray[Any], values: NDArray[Any], rows: IntArray) -> tuple[IntArray, IntArray]:
    """Every value of each of these rows: position in `rows`, and value; both (n_found,).

    start, values  row i has values[start[i]:start[i + 1]]

    >>> [found.tolist() for found in all_of(np.array([0, 2, 2, 3]), np.array([7, 8, 9]), np.array([2, 0]))]
    [[0, 1, 1], [9, 7, 8]]
    """
    first = start[rows].astype(np.int64)
    number = start[rows + 1] - first
    which = np.repeat(np.arange(len(rows)), number)
    within = np.arange(len(which)) - np.repeat(np.cumsum(number) - number, number)
    return which, values[np.repeat(first, number) + within].astype(np.int64)


def relations(countries: IntArray, languages: IntArray) -> FloatArray:
    """(n,) what each language is to readers of each country; nan where either is not known."""
    related: FloatArray = _relation_table()[country_bucket(countries), languages - OTHER_LANGUAGE]
    return related


@cache
def _relation_table() -> FloatArray:
    """(country, language)"""
    table = np.full((N_COUNTRY_BUCKETS, len(LANGUAGE_CODES) - OTHER_LANGUAGE), FOREIGN)
    table[:, LANGUAGE_CODES.index("en") - OTHER_LANGUAGE] = ENGLISH
    for row, country in enumerate(COUNTRIES):
        table[row, [LANGUAGE_CODES.index(code) - OTHER_LANGUAGE for code in LANGUAGES[country]]] = HOME
    table[:, UNKNOWN_LANGUAGE - OTHER_LANGUAGE] = np.nan
    table[len(COUNTRIES)] = np.nan
    return table


def country_bucket(country: IntArray) -> IntArray:
    """Countries as keys of counters."""
    return np.where(country == UNKNOWN_COUNTRY, len(COUNTRIES), country)


def relation_keys(language: FloatArray, unknown: int = 0) -> IntArray:
    """Relations as keys of counters, FOREIGN first; unknown ones count as foreign unless told otherwise."""
    return np.where(np.isnan(language), unknown, np.nan_to_num(language) * 2).astype(np.int64)
