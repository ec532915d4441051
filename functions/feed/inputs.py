"""What the taste of each account is made from, as a few bytes a day that are others where any of it is.

Of a day they sum up what the account did with posts, and what those are, and what it engaged with or read last; beside
the days stands whom it follows. So the days that two moments share can be compared, though one of them reaches further
back. What a whole country did, which affinities are measured against, is no part of them: it changes all the time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from functions.feed.candidate_features import FollowRows
from shared.clock import HOUR_MS, epoch_ms
from shared.columns import FloatArray, IntArray, combine_keys
from shared.ranking.history import Events, History

INPUTS: Final = "inputs"  # their name among what a model was made from
DAY_MS = 86_400_000
_UNDATED = 0  # the day of what has none
_SUM = np.dtype([("day", "<u2"), ("sum", "<u4")])

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Inputs:
    """account  (n,) numbers, ascending
    sums     (n,) day since 1970, ascending within an account, and the sum of the hashes of what is of that day
    """

    account: IntArray
    sums: NDArray[np.void]

    @classmethod
    def of(cls, history: History, follows: FollowRows, recent: Events) -> "Inputs":
        """Of all accounts; `recent` are the last events of each, the oldest first."""
        posts, engagements = history.posts, history.engagements.where(history.engagements.account >= 0)
        number = recent.account * len(posts) + recent.post
        seen = recent.where(len(number) - 1 - np.unique(number[::-1], return_index=True)[1])
        topics = np.zeros(len(posts), np.uint64)
        np.add.at(topics, posts.topic_of, _scattered(combine_keys(posts.topic_keys[posts.topic])))
        made_of = combine_keys(posts.ids, posts.author_ids, posts.language, topics)
        hashes = (
            combine_keys(made_of[engagements.post], _ms(history, engagements.at)),
            combine_keys(posts.ids[seen.post], _ms(history, seen.at)),
        )
        return cls._summed(
            np.concatenate([engagements.account, seen.account, follows.account]),
            np.concatenate(
                [_days(history, engagements), _days(history, seen), np.full(len(follows.account), _UNDATED)]
            ),
            _scattered(np.concatenate([*hashes, combine_keys(follows.followed)])),
        )

    @classmethod
    def read(cls, texts: Mapping[int, str]) -> "Inputs":
        """Those that `text` gave of some accounts; nothing of an account whose text is none of these."""
        stored = {account: _sums(texts[account]) for account in sorted(texts)}
        account = np.repeat(np.array(list(stored), np.int64), [len(sums) for sums in stored.values()])
        return cls(account, np.concatenate([np.empty(0, _SUM), *stored.values()]))

    @classmethod
    def _summed(cls, account: IntArray, day: IntArray, hashes: Hashes) -> "Inputs":
        order = np.lexsort((day, account))
        account, day = account[order], day[order]
        first = np.flatnonzero(np.diff(account, prepend=-1) | np.diff(day, prepend=-1))
        sums = np.empty(len(first), _SUM)
        sums["day"] = day[first]
        if len(first):
            sums["sum"] = np.add.reduceat(hashes[order], first) >> np.uint64(32)
        return cls(account[first], sums)

    def text(self, account: int) -> str:
        """Of one account, as its model keeps it."""
        first, end = np.searchsorted(self.account, [account, account + 1])
        return self.sums[first:end].tobytes().hex()

    def since(self, start_ms: int) -> "Inputs":
        """Without the days that began before then."""
        kept = (self.sums["day"] == _UNDATED) | (self.sums["day"].astype(np.int64) * DAY_MS >= start_ms)
        return Inputs(self.account[kept], self.sums[kept])

    def differing(self, other: "Inputs") -> IntArray:
        """The accounts that are not made from the same in both, ascending."""
        ours, theirs = (combine_keys(one.account, one.sums["day"], one.sums["sum"]) for one in (self, other))
        only = (self.account[~np.isin(ours, theirs)], other.account[~np.isin(theirs, ours)])
        return np.unique(np.concatenate(only))


def _sums(text: str) -> NDArray[np.void]:
    try:
        return np.frombuffer(bytes.fromhex(text), _SUM)
    except ValueError:
        return np.empty(0, _SUM)


def until(history: History, moments: FloatArray) -> History:
    """The same without what each account did or saw after its moment, (n_accounts,) [hours, 0 is now]."""

    def earlier(events: Events) -> Events:
        return events.where((events.account >= 0) & (events.at <= moments[events.account]))

    return replace(history, engagements=earlier(history.engagements), seen=earlier(history.seen))


def _days(history: History, events: Events) -> IntArray:
    """(n,) the day from which on an event is out of the window, or its post is."""
    return _ms(history, np.minimum(events.at, history.posts.created[events.post])) // DAY_MS


def _ms(history: History, hours: FloatArray) -> IntArray:
    """Hours since the moment of a history as milliseconds since 1970."""
    return np.rint(hours * HOUR_MS).astype(np.int64) + epoch_ms(history.now)


def _scattered(keys: Hashes) -> Hashes:
    """Keys of which sums are as different as the keys are: the last steps of SplitMix64."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(keys ^ (keys >> np.uint64(31)))
