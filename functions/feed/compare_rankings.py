"""What two versions of a model that ranks posts show first: to an account, to somebody new in a country, and to members
drawn at random. Both rank the same candidates. Writes nothing."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from random import Random
from typing import Any, Final

import numpy as np
from bson import ObjectId
from msgspec import structs, to_builtins

from functions.feed.candidate_sources import Candidates
from functions.feed.feed_ranker import FeedRanker
from functions.feed.home_feed import HomeFeed, Round
from functions.feed.model_versions import Versions, versions_of
from functions.feed.options import Home
from functions.feed.requests import MAX_DRAWS, Compared, CompareRequest
from functions.feed.scoring import Viewer
from functions.feed.store.accounts import MemberAccounts
from shared.columns import IntArray, id_array, object_ids
from shared.config import Options
from shared.countries import COUNTRIES, UNKNOWN_COUNTRY, country_of
from shared.errors import BadEvent
from shared.ml.rates import wilson
from shared.ranking.country_ranker import COUNTRY, GLOBAL, scores_from_logits
from shared.ranking.options import Coldstart
from shared.report import Report
from shared.store.deadline import TaskGroup

FIRST: Final = 20  # posts of each ranking
FOR_S = 4.0  # after which no further members are compared; the console waits for six seconds
AT_ONCE = 20  # members whose candidates are scored together

Retrieved = tuple[HomeFeed, Candidates]
NOBODY = ObjectId(bytes(12))


def run(
    feed_ranker: FeedRanker, options: Options, request: CompareRequest, in_time: Callable[[], bool], *, now: datetime
) -> tuple[Mapping[str, Any], Report]:
    """The first FIRST posts by either version: {ranksFor: whether a version ranks for this viewer, left: [{content,
    score, rank: from 1 on, other: rank by the other version, or null}, …], right: …}

    Of members drawn at random, the same for the same versions, among those for whom a version ranks: {compared: their
    number, overlap: the mean part, 0..1, of the first posts that both versions show, overlapInterval: [low, high] of 95
    %, changed: how many of them see another first post, changedInterval, more: what a request has as `earlier` to go on
    behind them, or null at the end}; null where nobody is compared. Those of `earlier` count too; ends with fewer than
    were asked for when `in_time` says so.

    Raises BadEvent for sums that no members have, NotFound for an unknown account, and what `versions_of` raises.
    """
    if max(request.earlier.overlaps, request.earlier.changed) > request.earlier.compared:
        raise BadEvent("earlier: overlaps and changed are at most compared")
    feed_ranker.refresh(now)
    both, home = (request.left, request.right), options.of(Home)
    versions = versions_of(feed_ranker, options.of(Coldstart), request.family, request.key, both, now=now)
    if request.members:
        sums = MemberSample(feed_ranker, home, versions, request, in_time, now).compared()
        return _effect(sums, request.members, ended=in_time()), Report(sums.compared, details=feed_ranker.details())
    viewer = feed_ranker.viewer(ObjectId(request.account_id)) if request.account_id else _newcomer(request)
    retrieved = list(_retrieved(feed_ranker, home, versions, [viewer], now))
    [(feed, candidates, rounds)] = _ranked(feed_ranker, versions, retrieved, shown=True)
    left, right = (candidates.post[chosen.selected] for chosen in rounds)
    sides = (_side(feed, rounds[0], left, right), _side(feed, rounds[1], right, left))
    answer = {"ranksFor": versions.ranks_for_viewer(viewer), "left": sides[0], "right": sides[1]}
    return answer, Report(1, details=feed_ranker.details())


def _newcomer(request: CompareRequest) -> Viewer:
    """Somebody new in the country of the key, who follows nobody and has engaged with nothing."""
    if request.family == GLOBAL:
        return Viewer(NOBODY, (), UNKNOWN_COUNTRY, None)
    if request.family != COUNTRY or request.key not in COUNTRIES:
        raise BadEvent("accountId: is needed where the key of the model is no country")
    return Viewer(NOBODY, (), COUNTRIES.index(request.key), None)


def _side(feed: HomeFeed, chosen: Round, own: IntArray, other: IntArray) -> list[dict[str, Any]]:
    """The posts of one version, (n,) positions, with their ranks by the other one."""
    ranks = {post: rank for rank, post in enumerate(other.tolist(), 1)}
    contents = object_ids(feed.post_index.ids[own])
    scores = scores_from_logits(chosen.logits[chosen.selected]).tolist()
    rows = zip(contents, own.tolist(), scores, strict=True)
    return [
        {"content": str(content), "score": score, "rank": rank, "other": ranks.get(post)}
        for rank, (content, post, score) in enumerate(rows, 1)
    ]


@dataclass(slots=True)
class MemberSample:
    """Members drawn at random, and how the versions differ for them.

    drawn  how many accounts were looked at
    """

    feed_ranker: FeedRanker
    home: Home
    versions: Versions
    request: CompareRequest
    in_time: Callable[[], bool]
    now: datetime
    drawn: int = 0

    def compared(self) -> Compared:
        """The members of the earlier calls and of this one; those of a batch that is cut are drawn again."""
        request, sums = self.request, self.request.earlier
        viewers = islice(self._viewers(), max(request.members - sums.compared, 0))
        numbers: list[int] = []

        def numbered() -> Iterator[Viewer]:
            for number, viewer in viewers:
                numbers.append(number)
                yield viewer

        retrieved = _retrieved(self.feed_ranker, self.home, self.versions, numbered(), self.now)
        compared = 0
        while batch := list(islice(retrieved, AT_ONCE)):
            for _, candidates, rounds in _ranked(self.feed_ranker, self.versions, batch, shown=False):
                left, right = (candidates.post[chosen.selected] for chosen in rounds)
                sums = _with(sums, left, right, drawn=numbers[compared] + 1)
                compared += 1
                if not self.in_time():
                    return sums
        return structs.replace(sums, drawn=max(self.drawn, sums.drawn))

    def _viewers(self) -> Iterator[tuple[int, Viewer]]:
        """Members for whom a version ranks, with the numbers of their draws."""
        request = self.request
        rng = Random(f"{request.family}/{request.key} {' '.join(sorted((request.left, request.right)))}")
        accounts = MemberAccounts(self.feed_ranker.store).drawn(rng, MAX_DRAWS, request.earlier.drawn)
        for number, account, country_code in accounts:
            if not self.in_time():
                return
            self.drawn = number + 1
            code = country_of(country_code)
            if code is None or self.versions.ranks_for(COUNTRIES.index(code)):
                viewer = self.feed_ranker.viewer(account)
                if self.versions.ranks_for_viewer(viewer):
                    yield number, viewer


def _with(sums: Compared, left: IntArray, right: IntArray, *, drawn: int) -> Compared:
    """The sums with those of one more member; one to whom a version shows nothing counts for nothing."""
    if not len(left) or not len(right):
        return structs.replace(sums, drawn=drawn)
    overlap = len(np.intersect1d(left, right)) / max(len(left), len(right))
    changed = sums.changed + int(left[0] != right[0])
    return Compared(drawn, sums.compared + 1, sums.overlaps + overlap, changed)


def _retrieved(
    feed_ranker: FeedRanker, home: Home, versions: Versions, viewers: Iterable[Viewer], now: datetime
) -> Iterator[Retrieved]:
    """The candidates of each viewer, of the posts that the versions can score."""
    unknown = ~versions.known(feed_ranker.scoring.post_index)
    for viewer in viewers:
        with TaskGroup(feed_ranker.threads) as tasks:
            reading = HomeFeed.start(tasks, feed_ranker, viewer, home, now=now)
        feed = reading(id_array([]))
        yield feed, feed.candidates(feed.excluded | unknown)


def _ranked(
    feed_ranker: FeedRanker, versions: Versions, retrieved: Sequence[Retrieved], *, shown: bool
) -> Iterator[tuple[HomeFeed, Candidates, list[Round]]]:
    """The candidates of each viewer, ranked by either version.

    shown  whether posts are to be shown, so that the database is asked whether they may be; else the index says so
    """
    visibility = feed_ranker.visibility
    posts = np.unique(np.concatenate([candidates.post for _, candidates in retrieved]))
    scorings = versions.scorings(feed_ranker.scoring, posts, {feed.viewer.country for feed, _ in retrieved})
    for feed, candidates in retrieved:

        def visible(posts: IntArray, blocked: Collection[ObjectId] = feed.blocked) -> IntArray:
            return visibility.still_visible(posts, blocked) if shown else posts

        yield feed, candidates, [feed.ranked(candidates, by_version, FIRST, visible) for by_version in scorings]


def _effect(sums: Compared, members: int, *, ended: bool) -> dict[str, Any]:
    """How much the first posts of members, by either version, overlap.

    ended  whether there was time to look at everybody who was drawn
    """
    more = None if ended or sums.compared >= members else to_builtins(sums)
    number = sums.compared
    return {
        "compared": number,
        "overlap": sums.overlaps / number if number else None,
        "overlapInterval": wilson(sums.overlaps, number) if number else None,
        "changed": sums.changed if number else None,
        "changedInterval": wilson(sums.changed, number) if number else None,
        "more": more,
    }
