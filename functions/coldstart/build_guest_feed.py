"""The feed that guests see: the best posts for every country, published without a gap."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from functions.coldstart.candidates import Candidates, choose, language_factor, spread
from shared.artifacts import Registry
from shared.config import Coldstart, GuestFeed
from shared.network.counters import ENGLISH, FOREIGN, HOME, RELATIONS, Counters, relation_keys, relations
from shared.network.countries import COUNTRIES, EVERYWHERE, LANGUAGES
from shared.network.features import FEATURES, Moments, PostsAt
from shared.network.history import NOBODYS, History, read_history
from shared.network.ranker import EVERYONE, GLOBAL, Ranker, Rankers, points
from shared.report import Report
from shared.store import Store
from shared.store.guest_feed import Staging, least_rows

NAME = "build_guest_feed"

Floats = NDArray[np.float64]
Best = tuple[NDArray[np.int64], Floats]  # places among the candidates and their scores, best first


def run(store: Store, registry: Registry, options: GuestFeed, coldstart: Coldstart, *, now: datetime) -> Report:
    """Rank the published posts for every country, and put the lists live in one step if they pass their checks.

    Refused says which check failed; the live feed then stays as it is. The partition `en` holds the list for viewers of
    no known country. The same data and `now` give the same rows.
    """
    with store.leases.hold(NAME) as lease, store.guest_feed.stage(now, lease.holder) as staging:
        live_since = store.guest_feed.generation()
        if live_since is not None and live_since > now:
            return Report.late()
        written, details = write_lists(store, staging, Rankers(registry), options, coldstart, now=now)
        staging.index()
        live, most = store.guest_feed.rows_by_country(), options.rows_per_country
        rows = staging.check(written, least_rows(live, written, options.least_rows_ratio, most))
        lease.renew()
        staging.publish()
    return Report(details.pop("posts"), rows, details=details)


def write_lists(
    store: Store, staging: Staging, rankers: Rankers, options: GuestFeed, coldstart: Coldstart, *, now: datetime
) -> tuple[dict[str, int], dict[str, int]]:
    """Write the list of every partition; returns its length by partition, and counts for the report.

    What the lists are made of is given back before they are indexed and checked.
    """
    history = read_history(store, coldstart, now=now)
    desk = Desk(history, choose(store, history.posts), rankers, options, coldstart)
    written = {partition: desk.write(staging, partition) for partition in (*COUNTRIES, EVERYWHERE)}
    counts = {"posts": len(history.posts), "countries": len(written), "lists": len(desk.lists)}
    return written, counts | {"refused_models": len(rankers.refused)}


@dataclass(frozen=True)
class Desk:
    """Where the lists are made. No slots, for the sake of what is kept: what two countries share is computed once."""

    history: History
    candidates: Candidates
    rankers: Rankers
    options: GuestFeed
    coldstart: Coldstart
    lists: dict[Hashable, Best] = field(default_factory=dict)
    _margins: dict[tuple[str, int], Floats] = field(default_factory=dict)

    def write(self, staging: Staging, partition: str) -> int:
        """Write the list of a country, or of everywhere; returns its length."""
        places, scores = self.best(NOBODYS if partition == EVERYWHERE else COUNTRIES.index(partition))
        entries = (self.candidates.entries[place] for place in places.tolist())
        return staging.put(partition, zip(entries, scores.tolist(), strict=True))

    def best(self, country: int) -> Best:
        """The list of a country."""
        ranker, taste = self.ranker_of(country), self.taste_of(country)
        read = LANGUAGES[COUNTRIES[country]] if country != NOBODYS else None
        key = (ranker.name, taste, read)
        if key not in self.lists:
            self.lists[key] = self._rank(ranker, taste, country)
        return self.lists[key]

    def ranker_of(self, country: int) -> Ranker:
        """Of the country; of all countries for nobody's."""
        base = self.coldstart.base_country
        if country != NOBODYS:
            return self.rankers.of(COUNTRIES[country], base)
        return self.rankers.own(GLOBAL, EVERYONE) or self.rankers.of(base, base)

    def taste_of(self, country: int) -> int:
        """The country whose engagements describe the posts: the first with enough of itself, the base and nobody's."""
        enough = self._acts_by_country >= self.coldstart.country_positives
        tastes = (country, COUNTRIES.index(self.coldstart.base_country))
        return NOBODYS if country == NOBODYS else next((one for one in tastes if enough[one]), NOBODYS)

    def _rank(self, ranker: Ranker, taste: int, country: int) -> Best:
        relation = relations(np.full(len(self._languages), country), self._languages)
        if taste == country:
            margins = ranker.margins(self._described(taste, relation))
        else:
            by_relation = self._margins_by_relation(ranker, taste)
            margins = by_relation[relation_keys(relation, unknown=RELATIONS), np.arange(len(relation))]
        fits = 1.0 if country == NOBODYS else language_factor(relation, self.options)
        scores = points(margins) * self.candidates.quality * fits
        scores = spread(scores, self.candidates.author, self.options.per_author_ratio)
        order = np.argsort(-scores, kind="stable")[: self.options.rows_per_country].copy()  # without the rest behind it
        return order, scores[order]

    def _margins_by_relation(self, ranker: Ranker, taste: int) -> Floats:
        """(4, n) margins of every candidate, were its language foreign, English, the reader's own or unknown."""
        key = (ranker.name, taste)
        if key not in self._margins:
            each = (np.full(len(self._languages), relation) for relation in (FOREIGN, ENGLISH, HOME, np.nan))
            self._margins[key] = np.array([ranker.margins(self._described(taste, relation)) for relation in each])
        return self._margins[key]

    def _described(self, taste: int, relation: Floats) -> NDArray[np.float32]:
        return FEATURES.matrix(Moments(self._posts, np.full(len(relation), taste), relation))

    @cached_property
    def _posts(self) -> PostsAt:
        return PostsAt(Counters(self.history), self.candidates.post, np.zeros(len(self.candidates.post)))

    @cached_property
    def _languages(self) -> NDArray[np.int64]:
        return self.history.posts.language[self.candidates.post]

    @cached_property
    def _acts_by_country(self) -> NDArray[np.int64]:
        known = self.history.acts.country[self.history.acts.country != NOBODYS]
        return np.bincount(known, minlength=len(COUNTRIES))
