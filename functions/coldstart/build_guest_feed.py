"""The feed that guests see: the best posts for every country, published without a gap."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from functions.coldstart.candidates import Candidates, choose, language_factor, spread
from shared.artifacts import Registry
from shared.columns import FloatArray
from shared.config import Coldstart, GuestFeed
from shared.countries import COUNTRIES, GLOBAL_PARTITION, LANGUAGES
from shared.errors import Refused
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import Rankers, scores_from_logits
from shared.ranking.country_scores import CountryScores
from shared.ranking.history import UNKNOWN_COUNTRY, read_history
from shared.report import Report
from shared.store import Store, schema
from shared.store.guest_feed import Staging, least_rows

NAME = "build_guest_feed"
NOTHING_TO_SHOW = "no post of the window may be shown"

Best = tuple[NDArray[np.int64], FloatArray]  # places among the candidates and their scores, best first


def run(store: Store, registry: Registry, options: GuestFeed, coldstart: Coldstart, *, now: datetime) -> Report:
    """Rank the published posts for every country, and put the lists live in one step if they pass their checks.

    Refused says which check failed; the live feed then stays as it is, but for what may no longer be shown, which is
    removed from it by every run. Where no post of the window may be shown, that is all that a run does. The partition
    `en` holds the list for viewers of no known country. The same data and `now` give the same rows.
    """
    with store.leases.hold(NAME) as lease, store.guest_feed.stage(now, lease.holder) as staging:
        live_since = store.guest_feed.generation(now=now)
        if live_since is not None and live_since > now:
            return Report.late()
        written, details = write_lists(store, staging, Rankers(registry), options, coldstart, now=now)
        staging.index()
        removed = store.guest_feed.remove_withdrawn_from_live()
        live = store.guest_feed.young_by_country(now - coldstart.window, coldstart.age_from)
        rows = staging.check(least_rows(live, written, options.least_rows_ratio, options.rows_per_country))
        if not (rows or removed) and store.contents.are_none():
            raise Refused("guest feed: there is no post that may be shown")
        if not rows:
            return Report(details.pop("posts"), removed=removed, details=details | {"skipped": NOTHING_TO_SHOW})
        lease.renew()
        staging.publish()
        rows -= store.erasures.sweep(schema.GUEST_FEED)
    return Report(details.pop("posts"), rows, removed, details=details)


def write_lists(
    store: Store, staging: Staging, rankers: Rankers, options: GuestFeed, coldstart: Coldstart, *, now: datetime
) -> tuple[dict[str, int], dict[str, int]]:
    """Write the list of every partition; returns its length by partition, and counts for the report.

    What the lists are made of is given back before they are indexed and checked.
    """
    history = read_history(store, coldstart, now=now)
    candidates = choose(store, history.posts)
    builder = GuestFeedBuilder(
        CountryScores(history, Counters(history), candidates.post, rankers, coldstart), candidates, options
    )
    written = {partition: builder.write(staging, partition) for partition in (*COUNTRIES, GLOBAL_PARTITION)}
    counts = {"posts": len(history.posts), "countries": len(written), "lists": len(builder.lists)}
    return written, counts | {"refused_models": len(rankers.refused)}


@dataclass(frozen=True, slots=True)
class GuestFeedBuilder:
    """Where the lists are made; what two countries share is computed once."""

    logits: CountryScores
    candidates: Candidates
    options: GuestFeed
    lists: dict[Hashable, Best] = field(default_factory=dict)

    def write(self, staging: Staging, partition: str) -> int:
        """Write the list of a country, or of everywhere; returns its length."""
        places, scores = self.best(UNKNOWN_COUNTRY if partition == GLOBAL_PARTITION else COUNTRIES.index(partition))
        entries = (self.candidates.entries[place] for place in places.tolist())
        return staging.put(partition, zip(entries, scores.tolist(), strict=True))

    def best(self, country: int) -> Best:
        """The list of a country."""
        ranker, taste = self.logits.ranker_of(country), self.logits.profile_country(country)
        read = LANGUAGES[COUNTRIES[country]] if country != UNKNOWN_COUNTRY else None
        key = (ranker.name, taste, read)
        if key not in self.lists:
            self.lists[key] = self._rank(country)
        return self.lists[key]

    def _rank(self, country: int) -> Best:
        fits = 1.0 if country == UNKNOWN_COUNTRY else language_factor(self.logits.relation_to(country), self.options)
        scores = scores_from_logits(self.logits.of(country)) * self.candidates.quality * fits
        scores = spread(scores, self.candidates.author, self.options.per_author_ratio)
        order = np.argsort(-scores, kind="stable")[: self.options.rows_per_country].copy()  # without the rest behind it
        return order, scores[order]
