"""What two versions of a model that ranks posts show first: to an account, to somebody new in a country, and to members
drawn by lot. Both rank the same candidates. Writes nothing."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from random import Random
from typing import Any, Final

import numpy as np
from bson import ObjectId

from functions.feed.candidate_sources import Candidates
from functions.feed.feed_ranker import FeedRanker
from functions.feed.home_feed import HomeFeed, Round
from functions.feed.model_versions import Versions, versions_of
from functions.feed.options import Home
from functions.feed.requests import CompareRequest
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
DRAWS = 4_000  # accounts that are looked at to find the members

Retrieved = tuple[HomeFeed, Candidates]
NOBODY = ObjectId(bytes(12))


def run(
    feed_ranker: FeedRanker, options: Options, request: CompareRequest, in_time: Callable[[], bool], *, now: datetime
) -> tuple[Mapping[str, Any], Report]:
    """The first FIRST posts by either version: {ranksFor: whether a version ranks for this viewer, left: [{content,
    score, rank: from 1 on, other: rank by the other version, or null}, …], right: …}

    Of members drawn by lot, the same for the same versions, among those for whom a version ranks: {compared: their
    number, overlap: the mean part, 0..1, of the first posts that both versions show, overlapInterval: [low, high] of 95
    %, changed: how many of them see another first post, changedInterval}; both null where nobody is compared. Ends with
    fewer of them when `in_time` says so.

    Raises NotFound for an unknown account, and what `versions_of` raises.
    """
    feed_ranker.refresh(now)
    both, home = (request.left, request.right), options.of(Home)
    versions = versions_of(feed_ranker, options.of(Coldstart), request.family, request.key, both, now=now)
    if request.members:
        lot = Random(f"{request.family}/{request.key} {request.left} {request.right}")
        pairs = list(_by_lot(feed_ranker, home, versions, lot, request.members, in_time, now))
        return _effect(pairs), Report(len(pairs), details=feed_ranker.details())
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


def _by_lot(
    feed_ranker: FeedRanker,
    home: Home,
    versions: Versions,
    lot: Random,
    members: int,
    in_time: Callable[[], bool],
    now: datetime,
) -> Iterator[list[IntArray]]:
    """Of each member, the first posts by either version, as positions."""
    viewers = islice(_viewers(feed_ranker, versions, lot, in_time), members)
    retrieved = _retrieved(feed_ranker, home, versions, viewers, now)
    while drawn := list(islice(retrieved, AT_ONCE)):
        for _, candidates, rounds in _ranked(feed_ranker, versions, drawn, shown=False):
            yield [candidates.post[chosen.selected] for chosen in rounds]
            if not in_time():
                return


def _viewers(feed_ranker: FeedRanker, versions: Versions, lot: Random, in_time: Callable[[], bool]) -> Iterator[Viewer]:
    """Members for whom a version ranks."""
    for account, country_code in MemberAccounts(feed_ranker.store).drawn(lot, DRAWS):
        if not in_time():
            return
        code = country_of(country_code)
        if code is None or versions.ranks_for(COUNTRIES.index(code)):
            viewer = feed_ranker.viewer(account)
            if versions.ranks_for_viewer(viewer):
                yield viewer


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


def _effect(pairs: Sequence[Sequence[IntArray]]) -> dict[str, Any]:
    """How much the first posts of members, by either version, overlap."""
    pairs = [(left, right) for left, right in pairs if len(left) and len(right)]
    if not pairs:
        return {"compared": 0, "overlap": None, "overlapInterval": None, "changed": None, "changedInterval": None}
    overlaps = [len(np.intersect1d(left, right)) / max(len(left), len(right)) for left, right in pairs]
    changed = sum(int(left[0] != right[0]) for left, right in pairs)
    return {
        "compared": len(pairs),
        "overlap": sum(overlaps) / len(pairs),
        "overlapInterval": wilson(sum(overlaps), len(pairs)),
        "changed": changed,
        "changedInterval": wilson(changed, len(pairs)),
    }
