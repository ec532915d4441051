"""Every counter of the network, as it stood at any moment of the history."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.clock import DAY_HOURS
from shared.columns import FloatArray, IntArray, expand_ranges
from shared.countries import COUNTRIES, LANGUAGES, UNKNOWN_COUNTRY
from shared.engagement_kinds import POSITIVE_KINDS
from shared.ml.asof import AsOf
from shared.ranking.history import LANGUAGE_CODES, History
from shared.store.posts import OTHER_LANGUAGE, UNKNOWN_LANGUAGE

# Every country, and one bucket for the engagements of accounts of unknown country.
N_COUNTRY_BUCKETS = len(COUNTRIES) + 1

# Relation of a language to a country: it is read there, it is English, or neither. nan if either is not known.
HOME, ENGLISH, FOREIGN = 1.0, 0.5, 0.0
RELATIONS = 3


class Counters:
    """Engagements by post, author, topic and language, in total and by country, and posts by author and topic.

    Each counter is named after its key. `decayed_6h`, `decayed_24h` and `decayed_72h` count an event 2^(-age /
    half-life), with a half-life of that many hours; the others count it 1. The key of several columns is
    `first * number of values of the second + second`, where the second is a kind (POSITIVE_KINDS), a country bucket or
    a key of a relation.
    """

    def __init__(self, history: History) -> None:
        posts, engagements = history.posts, history.engagements
        self.posts = posts
        author = posts.author[engagements.post]
        bucket = country_bucket(engagements.country)
        origin = float(min(posts.created.min(initial=0.0), engagements.at.min(initial=0.0)))

        def engagements_by(
            keys: IntArray, half_life_hours: float | None = None, at: NDArray[np.float64] = engagements.at
        ) -> AsOf:
            return AsOf(keys, at, origin, half_life_hours)

        self.by_post_kind = engagements_by(engagements.post * len(POSITIVE_KINDS) + engagements.kind)
        self.by_author_kind = engagements_by(author * len(POSITIVE_KINDS) + engagements.kind)
        self.by_post_decayed_6h = engagements_by(engagements.post, DAY_HOURS / 4)
        self.by_post_decayed_24h = engagements_by(engagements.post, DAY_HOURS)
        self.by_post_decayed_72h = engagements_by(engagements.post, DAY_HOURS * 3)
        self.by_author_decayed_72h = engagements_by(author, DAY_HOURS * 3)
        self.by_post_country = engagements_by(engagements.post * N_COUNTRY_BUCKETS + bucket)
        self.by_post_country_decayed_24h = engagements_by(engagements.post * N_COUNTRY_BUCKETS + bucket, DAY_HOURS)
        self.by_author_country = engagements_by(author * N_COUNTRY_BUCKETS + bucket)
        self.by_country = engagements_by(bucket)
        self.total = engagements_by(np.zeros(len(engagements), np.int64))
        self.posts_by_author = AsOf(posts.author, posts.created, origin)
        self.posts_total = AsOf(np.zeros(len(posts), np.int64), posts.created, origin)

        relation = relations(engagements.country, posts.language[engagements.post])
        self.by_country_relation = engagements_by(bucket * RELATIONS + relation_keys(relation))

        self.topic_start = np.searchsorted(posts.topic_of, np.arange(len(posts) + 1))
        engagement, topic = self.topics_of(engagements.post)
        self.by_topic = engagements_by(topic, at=engagements.at[engagement])
        self.by_topic_country = engagements_by(
            topic * N_COUNTRY_BUCKETS + bucket[engagement], at=engagements.at[engagement]
        )
        self.posts_by_topic = AsOf(posts.topic, posts.created[posts.topic_of], origin)

    def engagements_of_post(self, post: IntArray, at: FloatArray) -> FloatArray:
        """(n,) engagements of all kinds with each post, (n,), before each moment, (n,) [hours, 0 is now]."""
        n_kinds = len(POSITIVE_KINDS)
        return np.asarray(sum(self.by_post_kind.count(post * n_kinds + kind, at) for kind in range(n_kinds)))

    def topics_of(self, post: IntArray) -> tuple[IntArray, IntArray]:
        """Every topic of each of these posts: position in `post`, and topic; (n_pairs,) each."""
        return all_of(self.topic_start, self.posts.topic, post)


def all_of(start: NDArray[Any], values: NDArray[Any], rows: IntArray) -> tuple[IntArray, IntArray]:
    """Every value of each of these rows: position in `rows`, and value; (n_pairs,) each.

    start, values  row i has values[start[i]:start[i + 1]]

    >>> [pairs.tolist() for pairs in all_of(np.array([0, 2, 2, 3]), np.array([7, 8, 9]), np.array([2, 0]))]
    [[0, 1, 1], [9, 7, 8]]
    """
    first = start[rows].astype(np.int64)
    which, position = expand_ranges(first, start[rows + 1] - first)
    return which, values[position].astype(np.int64)


def relations(countries: IntArray, languages: IntArray) -> FloatArray:
    """(n,) HOME, ENGLISH or FOREIGN: what each language is to each country; nan if either is not known."""
    relation: FloatArray = _relation_table()[country_bucket(countries), languages - OTHER_LANGUAGE]
    return relation


@cache
def _relation_table() -> FloatArray:
    """(n_country_buckets, n_languages) relation, with the language's index less OTHER_LANGUAGE as the column."""
    table = np.full((N_COUNTRY_BUCKETS, len(LANGUAGE_CODES) - OTHER_LANGUAGE), FOREIGN)
    table[:, LANGUAGE_CODES.index("en") - OTHER_LANGUAGE] = ENGLISH
    for row, country in enumerate(COUNTRIES):
        table[row, [LANGUAGE_CODES.index(code) - OTHER_LANGUAGE for code in LANGUAGES[country]]] = HOME
    table[:, UNKNOWN_LANGUAGE - OTHER_LANGUAGE] = np.nan
    table[len(COUNTRIES)] = np.nan
    return table


def country_bucket(country: IntArray) -> IntArray:
    """(n,) countries as keys of counters, 0..N_COUNTRY_BUCKETS - 1; the last one is UNKNOWN_COUNTRY's."""
    return np.where(country == UNKNOWN_COUNTRY, len(COUNTRIES), country)


def relation_keys(language: FloatArray, unknown: int = 0) -> IntArray:
    """(n,) relations as keys of counters: 0 FOREIGN, 1 ENGLISH, 2 HOME, and `unknown` for nan."""
    return np.where(np.isnan(language), unknown, np.nan_to_num(language) * 2).astype(np.int64)
