"""How posts would be scored with another version of a model that ranks them: of a country's ranker, of that of all
countries, or of that of all members."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from functions.feed.candidate_features import FEATURES as OF_MEMBERS
from functions.feed.feed_ranker import FeedRanker
from functions.feed.global_personal_ranker import GLOBAL_PERSONAL_KEY, MEMBERS, GlobalPersonalRanker
from functions.feed.post_index import PostIndex
from functions.feed.scoring import Scoring, Viewer
from functions.feed.store.erasure_notes import ErasureNotes, LatestErasure
from shared.columns import BoolArray, IdArray, IntArray, id_keys, lookup
from shared.countries import COUNTRIES, UNKNOWN_COUNTRY
from shared.errors import BadEvent
from shared.ranking.counters import RELATIONS, Counters
from shared.ranking.country_ranker import COUNTRY, GLOBAL, CountryModel, Rankers
from shared.ranking.country_scores import CountryScores
from shared.ranking.features import FEATURES as OF_COUNTRIES
from shared.ranking.history import History, read_history
from shared.ranking.options import Coldstart
from shared.store import Store

NONE: Final = "none"  # in place of a version, where the key has no model of its own
READ_EVERY = timedelta(minutes=30)  # the network, whose engagements describe posts to countries' rankers


@dataclass(frozen=True, slots=True)
class ReadNetwork:
    """The network as of one moment, and the latest erasure until then."""

    history: History
    counters: Counters
    erased: LatestErasure


_cached: list[ReadNetwork] = []


def open_network(store: Store, options: Coldstart, *, now: datetime) -> ReadNetwork:
    """The network, kept by the container for half an hour, unless somebody is erased meanwhile."""
    erased = ErasureNotes(store).latest(now=now)
    if not _cached or abs(now - _cached[0].history.now) > READ_EVERY or _cached[0].erased != erased:
        _cached.clear()
        history = read_history(store, options, now=now)
        _cached.append(ReadNetwork(history, Counters(history), erased))
    return _cached[0]


def forget() -> None:
    """Drop the network, so that the next call reads it again."""
    _cached.clear()


class MemberVersions:
    """Versions of the ranker of all members; it ranks for accounts that have a model of their own."""

    def __init__(self, feed_ranker: FeedRanker, versions: Collection[str]) -> None:
        def ranker(version: str) -> GlobalPersonalRanker | None:
            if version == NONE:
                return None
            return feed_ranker.registry.kept(
                MEMBERS, GLOBAL_PERSONAL_KEY, version, OF_MEMBERS.fingerprint, GlobalPersonalRanker.of
            )

        self._rankers = [ranker(version) for version in versions]

    def known(self, post_index: PostIndex) -> BoolArray:
        """(n_posts,) which posts can be scored: all."""
        return np.ones(len(post_index), bool)

    def ranks_for(self, country: int) -> bool:
        """Whether a version may rank for accounts of a country: for all."""
        return True

    def ranks_for_viewer(self, viewer: Viewer) -> bool:
        """Whether a version ranks for the viewer."""
        return viewer.personal is not None

    def scorings(self, scoring: Scoring, posts: IntArray, countries: Collection[int]) -> list[Scoring]:
        """How each version scores posts, (n,) positions."""
        return [replace(scoring, global_ranker=ranker) for ranker in self._rankers]


class CountryVersions:
    """Versions of a country's ranker, or of that of all countries; each ranks for the countries without a model of
    their own that it stands in for, too."""

    def __init__(
        self,
        feed_ranker: FeedRanker,
        options: Coldstart,
        family: str,
        key: str,
        versions: Collection[str],
        *,
        now: datetime,
    ) -> None:
        registry, post_index = feed_ranker.registry, feed_ranker.scoring.post_index
        given = [
            None if version == NONE else registry.kept(family, key, version, OF_COUNTRIES.fingerprint, CountryModel.of)
            for version in versions
        ]
        self._rankers, self._options = [Rankers(registry, {(family, key): model}) for model in given], options
        self._network = open_network(feed_ranker.store, options, now=now)
        self._base = COUNTRIES.index(options.base_country)
        owners = {"", key, *registry.owners(COUNTRY)}
        described = set(post_index.countries.tolist())
        self._ranked_for = {
            country
            for country in (UNKNOWN_COUNTRY, *range(len(COUNTRIES)))
            for rankers, model in zip(self._rankers, given, strict=True)
            if model is not None and rankers.of(self._code(country, described, owners), options.base_country) is model
        }

    def _code(self, country: int, described: Collection[int], owners: Collection[str]) -> str:
        """The country whose ranker scores for this one, as an index of posts has it; empty for the unknown one."""
        if country == UNKNOWN_COUNTRY:
            return ""
        code = COUNTRIES[country] if country in described else self._options.base_country
        return code if code in owners else self._options.base_country

    def known(self, post_index: PostIndex) -> BoolArray:
        """(n_posts,) which posts can be scored: those of the network that was read."""
        return self._positions(post_index.ids) >= 0

    def ranks_for(self, country: int) -> bool:
        """Whether a version ranks for a country, index into COUNTRIES or UNKNOWN_COUNTRY."""
        return country in self._ranked_for

    def ranks_for_viewer(self, viewer: Viewer) -> bool:
        """Whether a version ranks for the viewer."""
        return self.ranks_for(viewer.country)

    def scorings(self, scoring: Scoring, posts: IntArray, countries: Collection[int]) -> list[Scoring]:
        """How each version scores these posts, (n,) positions that are known, for viewers of these countries."""
        index = scoring.post_index
        described = [country for country in index.countries.tolist() if country in countries]
        return [
            replace(scoring, by_country=self._scored(index, posts, described, rankers)) for rankers in self._rankers
        ]

    def _scored(self, index: PostIndex, posts: IntArray, countries: list[int], rankers: Rankers) -> PostIndex:
        """The index with the logits that these rankers give these posts, rounded as `build_post_index` does."""
        network, positions = self._network, self._positions(index.ids[posts])
        scores = CountryScores(network.history, network.counters, positions, rankers, self._options)
        by_relation = np.zeros((RELATIONS + 1, len(index)), np.float16)
        by_relation[:, posts] = scores.by_relation(self._base)
        logits = np.zeros((len(countries), len(index)), np.float16)
        for row, country in enumerate(countries):
            logits[row, posts] = scores.of(country)
        return replace(index, countries=np.array(countries, np.int16), logits=logits, by_relation=by_relation)

    def _positions(self, ids: IdArray) -> IntArray:
        return lookup(id_keys(ids), id_keys(self._network.history.posts.ids))


Versions = MemberVersions | CountryVersions


def versions_of(
    feed_ranker: FeedRanker, options: Coldstart, family: str, key: str, versions: Collection[str], *, now: datetime
) -> Versions:
    """Versions of a key, ready to score; "none" among them stands for no model of its own.

    Raises BadEvent for a family whose models rank no posts, NotFound for a version that is not kept, StaleModel for one
    that may not be used.
    """
    if family == MEMBERS:
        return MemberVersions(feed_ranker, versions)
    if family in (COUNTRY, GLOBAL):
        return CountryVersions(feed_ranker, options, family, key, versions, now=now)
    raise BadEvent(f"family: models of {family} rank no posts")
