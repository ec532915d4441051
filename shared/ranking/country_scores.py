"""Scores of posts by the ranker of every country."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from shared.columns import Float32Array, FloatArray, IntArray
from shared.countries import COUNTRIES, UNKNOWN_COUNTRY
from shared.ranking.counters import ENGLISH, FOREIGN, HOME, RELATIONS, Counters, relation_keys, relations
from shared.ranking.country_ranker import GLOBAL, GLOBAL_KEY, Ranker, Rankers
from shared.ranking.decay import PopularityDecay
from shared.ranking.features import FEATURES
from shared.ranking.half_life import estimate_decay
from shared.ranking.history import History
from shared.ranking.options import Coldstart
from shared.ranking.point_in_time import PointInTimeCountryRows, PointInTimePosts

ROWS_AT_ONCE = 50_000  # rows whose features are computed at once; more take more memory and no less time


@dataclass(frozen=True)
class CountryScores:
    """Scores of posts by country. No slots: what two countries share is computed once and kept.

    history   of the network
    counters  of the same history
    post      (n,) positions among its posts
    """

    history: History
    counters: Counters
    post: IntArray
    rankers: Rankers
    options: Coldstart
    _by_relation: dict[tuple[str, int], FloatArray] = field(default_factory=dict)
    _posts: dict[PopularityDecay, PointInTimePosts] = field(default_factory=dict)

    def of(self, country: int) -> FloatArray:
        """(n,) log odds of an engagement now by viewers of that country, or of UNKNOWN_COUNTRY."""
        ranker, profile_country = self.ranker_of(country), self.profile_country(country)
        relation = self.relation_to(country)
        if profile_country == country:
            return ranker.logits(self._features(profile_country, relation, ranker.decay))
        return self.by_relation(country)[relation_keys(relation, unknown=RELATIONS), np.arange(len(relation))]

    def by_relation(self, country: int) -> FloatArray:
        """(4, n) the same if the language of every post were, to that country, FOREIGN, ENGLISH, HOME or unknown."""
        ranker, profile_country = self.ranker_of(country), self.profile_country(country)
        key = (ranker.name, profile_country)
        if key not in self._by_relation:
            columns = (np.full(len(self.post), relation) for relation in (FOREIGN, ENGLISH, HOME, np.nan))
            self._by_relation[key] = np.array(
                [ranker.logits(self._features(profile_country, relation, ranker.decay)) for relation in columns]
            )
        return self._by_relation[key]

    def features(self, country: int, rows: IntArray) -> Float32Array:
        """(m, n_features) what the ranker of the country reads now about some of the posts.

        rows  (m,) positions in `post`
        """
        decay, profile_country = self.ranker_of(country).decay, self.profile_country(country)
        posts = PointInTimePosts(self.counters, self.post[rows], np.zeros(len(rows)), decay)
        relation = relations(np.full(len(rows), country), self.history.posts.language[self.post[rows]])
        return FEATURES.matrix(PointInTimeCountryRows(posts, np.full(len(rows), profile_country), relation))

    def at(self, post: IntArray, country: IntArray, at: FloatArray) -> FloatArray:
        """(m,) log odds of an engagement with any posts, by viewers of any countries, at any moments.

        post     (m,) positions among the posts of the history
        country  (m,) index into COUNTRIES, or UNKNOWN_COUNTRY
        at       (m,) [hours, 0 is now]
        """
        logits = np.empty(len(post))
        for number in np.unique(country).tolist():
            rows = np.flatnonzero(country == number)
            ranker, profile_country = self.ranker_of(number), self.profile_country(number)
            for batch in np.array_split(rows, max(len(rows) // ROWS_AT_ONCE, 1)):
                relation = relations(country[batch], self.history.posts.language[post[batch]])
                posts = PointInTimePosts(self.counters, post[batch], at[batch], ranker.decay)
                described = PointInTimeCountryRows(posts, np.full(len(batch), profile_country), relation)
                logits[batch] = ranker.logits(FEATURES.matrix(described))
        return logits

    def ranker_of(self, country: int) -> Ranker:
        """The ranker of the country; the model of all countries for UNKNOWN_COUNTRY; decayed popularity if no model may
        be used."""
        code = "" if country == UNKNOWN_COUNTRY else COUNTRIES[country]
        return self.rankers.of(code, self.options.base_country, lambda: self.decay)

    @cached_property
    def decay(self) -> PopularityDecay:
        """Of popularity: as the model of all countries has learnt it, else estimated from the history."""
        model = self.rankers.own(GLOBAL, GLOBAL_KEY)
        return model.decay if model else estimate_decay(self.history, self.counters, self.options)

    def profile_country(self, country: int) -> int:
        """The country whose engagements describe the posts: the first with enough engagements of the country itself and
        the base country, else UNKNOWN_COUNTRY, which has those of everybody."""
        has_profile = self._engagements_by_country >= self.options.min_country_positives
        countries = (country, COUNTRIES.index(self.options.base_country))
        return (
            UNKNOWN_COUNTRY
            if country == UNKNOWN_COUNTRY
            else next((number for number in countries if has_profile[number]), UNKNOWN_COUNTRY)
        )

    def countries_with_profile(self) -> Sequence[int]:
        """The countries whose own engagements describe the posts, ascending."""
        return np.flatnonzero(self._engagements_by_country >= self.options.min_country_positives).tolist()

    def relation_to(self, country: int) -> FloatArray:
        """(n,) what the language of each post is to viewers of that country: HOME, ENGLISH, FOREIGN or nan."""
        languages = self.history.posts.language[self.post]
        return relations(np.full(len(languages), country), languages)

    def _features(self, profile_country: int, relation: FloatArray, decay: PopularityDecay) -> Float32Array:
        """(n, n_features) of the posts now."""
        if decay not in self._posts:
            self._posts[decay] = PointInTimePosts(self.counters, self.post, np.zeros(len(self.post)), decay)
        countries = np.full(len(relation), profile_country)
        return FEATURES.matrix(PointInTimeCountryRows(self._posts[decay], countries, relation))

    @cached_property
    def _engagements_by_country(self) -> IntArray:
        """(n_countries,) engagements from each known country [count]."""
        country = self.history.engagements.country[self.history.engagements.country != UNKNOWN_COUNTRY]
        return np.bincount(country, minlength=len(COUNTRIES))
