"""The guest feed: the best posts for every country, published in one step."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from functions.coldstart.candidates import CountryCandidates, language_factor, select_candidates, spread
from functions.coldstart.factors import score_factors
from functions.coldstart.options import GuestFeedOptions
from shared.artifacts import Registry
from shared.columns import FloatArray, IntArray
from shared.countries import COUNTRIES, GLOBAL_PARTITION, LANGUAGES, UNKNOWN_COUNTRY
from shared.documents import Document
from shared.errors import Refused
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import Rankers, scores_from_logits
from shared.ranking.country_scores import CountryScores
from shared.ranking.history import read_history
from shared.ranking.options import Coldstart
from shared.report import Report
from shared.store import Store, schema
from shared.store.guest_feed import Staging
from shared.store.guest_items import min_rows

NAME = "build_guest_feed"
NOTHING_TO_SHOW = "no post of the window may be shown"


@dataclass(frozen=True, slots=True)
class RankedList:
    """A list, best first.

    positions  (n_rows,) among the candidates
    scores     (n_rows,)
    factors    what the scores of the first rows are made of
    """

    positions: IntArray
    scores: FloatArray
    factors: Sequence[Document]


def run(store: Store, registry: Registry, options: GuestFeedOptions, coldstart: Coldstart, *, now: datetime) -> Report:
    """Rank the published posts for every country, and publish all lists in one step if they pass their checks.

    Every run removes from the live feed what may no longer be shown, even if it publishes nothing. Where no post of the
    window may be shown, it does only that. The partition `en` holds the list for viewers of unknown country. The same
    data and `now` give the same rows. Raises Refused with the check that failed; the live feed then stays.
    """
    with store.leases.hold(NAME) as lease, store.guest_feed.stage(now, lease.holder) as staging:
        live_since = store.guest_feed.generation(now=now)
        if live_since is not None and live_since > now:
            return Report.late()
        written, details = write_lists(store, staging, Rankers(registry), options, coldstart, now=now)
        staging.index()
        removed = store.guest_feed.remove_withdrawn_from_live()
        live = store.guest_feed.young_by_country(now - coldstart.window, coldstart.age_from)
        rows = staging.check(min_rows(live, written, options.min_rows_ratio, options.rows_per_country))
        if not (rows or removed) and store.contents.are_none():
            raise Refused("guest feed: there is no post that may be shown")
        if not rows:
            return Report(details.pop("posts"), removed=removed, details=details | {"skipped": NOTHING_TO_SHOW})
        lease.renew()
        staging.publish()
        rows -= store.erasures.sweep(schema.GUEST_FEED)
    return Report(details.pop("posts"), rows, removed, details=details)


def write_lists(
    store: Store, staging: Staging, rankers: Rankers, options: GuestFeedOptions, coldstart: Coldstart, *, now: datetime
) -> tuple[dict[str, int], dict[str, int]]:
    """Write the list of every partition; returns its length by partition, and counts for the report.

    A function of its own, so that the memory of the history is free before the lists are indexed and checked.
    """
    history = read_history(store, coldstart, now=now)
    candidates = select_candidates(store, history.posts)
    builder = GuestFeedBuilder(
        CountryScores(history, Counters(history), candidates.post, rankers, coldstart), candidates, options
    )
    written = {partition: builder.write(staging, partition) for partition in (*COUNTRIES, GLOBAL_PARTITION)}
    counts = {"posts": len(history.posts), "countries": len(written), "lists": len(builder.lists)}
    return written, counts | {"refused_models": len(rankers.refused)}


@dataclass(frozen=True, slots=True)
class GuestFeedBuilder:
    """Ranks the candidates for every country; a list that several countries share is ranked once.

    lists  by ranker, profile country and languages that are read
    """

    country_scores: CountryScores
    candidates: CountryCandidates
    options: GuestFeedOptions
    lists: dict[Hashable, RankedList] = field(default_factory=dict)

    def write(self, staging: Staging, partition: str) -> int:
        """Write the list of a country, or of GLOBAL_PARTITION; returns its length."""
        is_global = partition == GLOBAL_PARTITION
        ranked = self.ranked(UNKNOWN_COUNTRY if is_global else COUNTRIES.index(partition))
        entries = (self.candidates.entries[position] for position in ranked.positions.tolist())
        return staging.put(partition, zip(entries, ranked.scores.tolist(), strict=True), ranked.factors)

    def ranked(self, country: int) -> RankedList:
        """The list of a country, given as an index into COUNTRIES or UNKNOWN_COUNTRY."""
        ranker, profile_country = self.country_scores.ranker_of(country), self.country_scores.profile_country(country)
        languages = LANGUAGES[COUNTRIES[country]] if country != UNKNOWN_COUNTRY else None
        key = (ranker.name, profile_country, languages)
        if key not in self.lists:
            self.lists[key] = self._rank(country)
        return self.lists[key]

    def _rank(self, country: int) -> RankedList:
        relation = self.country_scores.relation_to(country)
        factor = 1.0 if country == UNKNOWN_COUNTRY else language_factor(relation, self.options)
        of_post = scores_from_logits(self.country_scores.of(country)) * self.candidates.quality * factor
        scores = spread(of_post, self.candidates.author, self.options.per_author_ratio)
        # A copy, since a view would keep the whole order in memory.
        order = np.argsort(-scores, kind="stable")[: self.options.rows_per_country].copy()
        first = order[: self.options.explained_rows]
        factors = score_factors(
            self.country_scores.ranker_of(country),
            self.country_scores.features(country, first),
            quality=self.candidates.quality[first],
            language=np.broadcast_to(factor, scores.shape)[first],
            author=scores[first] / of_post[first],
        )
        return RankedList(order, scores[order], factors)
