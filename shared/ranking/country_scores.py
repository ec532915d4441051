"""What the ranker of every country says of posts now."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shared.columns import FloatArray, IntArray
from shared.config import Coldstart
from shared.countries import COUNTRIES
from shared.ranking.counters import ENGLISH, FOREIGN, HOME, RELATIONS, Counters, relation_keys, relations
from shared.ranking.country_ranker import GLOBAL, GLOBAL_KEY, Ranker, Rankers
from shared.ranking.decay import PopularityDecay
from shared.ranking.features import FEATURES, PointInTimeCountryRows, PointInTimePosts
from shared.ranking.half_life import estimate_decay
from shared.ranking.history import UNKNOWN_COUNTRY, History

ROWS_AT_ONCE = 50_000  # that are described at once; more only need more memory


@dataclass(frozen=True)
class CountryScores:
    """Scores of posts by country. No slots, for the sake of what is kept: what two countries share is computed once.

    history   of the network
    counters  of the same
    post      (n,) position among its posts
    """

    history: History
    counters: Counters
    post: IntArray
    rankers: Rankers
    options: Coldstart
    _by_relation: dict[tuple[str, int], FloatArray] = field(default_factory=dict)
    _posts: dict[PopularityDecay, PointInTimePosts] = field(default_factory=dict)

    def of(self, country: int) -> FloatArray:
        """(n,) log odds of an engagement by people of that country; NOBODYS: by people of no known country."""
        ranker, taste = self.ranker_of(country), self.profile_country(country)
        relation = self.relation_to(country)
        if taste == country:
            return ranker.logits(self._described(taste, relation, ranker.decay))
        return self.by_relation(country)[relation_keys(relation, unknown=RELATIONS), np.arange(len(relation))]

    def by_relation(self, country: int) -> FloatArray:
        """(4, n) the same, were the language of every post foreign to them, English, their own or unknown."""
        ranker, taste = self.ranker_of(country), self.profile_country(country)
        key = (ranker.name, taste)
        if key not in self._by_relation:
            each = (np.full(len(self.post), relation) for relation in (FOREIGN, ENGLISH, HOME, np.nan))
            self._by_relation[key] = np.array(
                [ranker.logits(self._described(taste, one, ranker.decay)) for one in each]
            )
        return self._by_relation[key]

    def at(self, post: IntArray, country: IntArray, at: FloatArray) -> FloatArray:
        """(m,) the same of any posts for people of any countries at any moments [hours, 0 is now]."""
        found = np.empty(len(post))
        for one in np.unique(country).tolist():
            rows = np.flatnonzero(country == one)
            for some in np.array_split(rows, max(len(rows) // ROWS_AT_ONCE, 1)):
                relation = relations(country[some], self.history.posts.language[post[some]])
                ranker, taste = self.ranker_of(one), np.full(len(some), self.profile_country(one))
                posts = PointInTimePosts(self.counters, post[some], at[some], ranker.decay)
                found[some] = ranker.logits(FEATURES.matrix(PointInTimeCountryRows(posts, taste, relation)))
        return found

    def ranker_of(self, country: int) -> Ranker:
        """Of the country; of all countries for nobody's; decayed popularity where there is no model."""
        base = self.options.base_country
        known = self.rankers.own(GLOBAL, GLOBAL_KEY) if country == UNKNOWN_COUNTRY else None
        return known or self.rankers.of(
            base if country == UNKNOWN_COUNTRY else COUNTRIES[country], base, lambda: self.decay
        )

    @cached_property
    def decay(self) -> PopularityDecay:
        """Of popularity: as the model of all countries has learnt it, else as it is estimated now."""
        model = self.rankers.own(GLOBAL, GLOBAL_KEY)
        return model.decay if model else estimate_decay(self.history, self.counters, self.options)

    def profile_country(self, country: int) -> int:
        """The country whose engagements describe the posts: the first with enough of itself, the base and nobody's."""
        enough = self._acts_by_country >= self.options.country_positives
        tastes = (country, COUNTRIES.index(self.options.base_country))
        return (
            UNKNOWN_COUNTRY
            if country == UNKNOWN_COUNTRY
            else next((one for one in tastes if enough[one]), UNKNOWN_COUNTRY)
        )

    def countries_with_profile(self) -> Sequence[int]:
        """The countries whose own engagements describe the posts."""
        return np.flatnonzero(self._acts_by_country >= self.options.country_positives).tolist()

    def relation_to(self, country: int) -> FloatArray:
        """(n,) what the language of each post is to people of that country."""
        languages = self.history.posts.language[self.post]
        return relations(np.full(len(languages), country), languages)

    def _described(self, taste: int, relation: FloatArray, decay: PopularityDecay) -> NDArray[np.float32]:
        if decay not in self._posts:
            self._posts[decay] = PointInTimePosts(self.counters, self.post, np.zeros(len(self.post)), decay)
        return FEATURES.matrix(PointInTimeCountryRows(self._posts[decay], np.full(len(relation), taste), relation))

    @cached_property
    def _acts_by_country(self) -> IntArray:
        known = self.history.engagements.country[self.history.engagements.country != UNKNOWN_COUNTRY]
        return np.bincount(known, minlength=len(COUNTRIES))
