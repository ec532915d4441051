"""A digest of what the profile of each account is made from, of a few bytes per day, so that changes are found.

Of each day it covers the engagements of the account, the posts that they are with, and the posts that the account
engaged with or read last; the follows stand apart, without a day. Digests of two moments can therefore be compared on
the days that both cover. The engagements of a whole country, which affinities are measured against, are not part of
it: they change all the time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from functions.feed.affinity_counters import FollowRows
from functions.feed.candidate_features import COUNTRY_PRIOR, LANGUAGE_PRIOR, TOPIC_PRIOR
from functions.feed.item_embeddings import RECENT_POSTS
from functions.feed.options import Members
from functions.feed.residual_model import HYPERPARAMETERS
from shared.clock import DAY_MS, HOUR_MS, epoch_ms
from shared.columns import FloatArray, IdArray, IntArray, KeyArray, combine_keys
from shared.provenance import digest
from shared.ranking.history import Events, History
from shared.ranking.options import Coldstart

# Names among the inputs that a manifest lists: of the digest, and of which model ranks for the account's country, whose
# scores the examples of trees hold; empty without trees.
INPUTS: Final = "inputs"
COUNTRY_RANKER: Final = "countryRanker"
_UNDATED = 0  # the day of follows
_SUM = np.dtype([("day", "<u2"), ("sum", "<u4")])


@dataclass(frozen=True, slots=True)
class Inputs:
    """Digests by account and day.

    account  (n,) number of the account, ascending
    sums     (n,) rows of a day [days since 1970], ascending within an account, and the sum of the hashes of that day
    """

    account: IntArray
    sums: IdArray

    @classmethod
    def of(cls, history: History, follows: FollowRows, recent: Events) -> "Inputs":
        """The digests of all accounts of a history; `recent` are the latest events of each, the oldest first."""
        posts, engagements = history.posts, history.engagements.where(history.engagements.account >= 0)
        pair = recent.account * len(posts) + recent.post
        latest = recent.where(len(pair) - 1 - np.unique(pair[::-1], return_index=True)[1])  # of each pair
        topics = np.zeros(len(posts), np.uint64)
        np.add.at(topics, posts.topic_of, _mix(combine_keys(posts.topic_keys[posts.topic])))
        post_hashes = combine_keys(posts.ids, posts.author_ids, posts.language, topics)
        hashes = (
            combine_keys(post_hashes[engagements.post], _milliseconds(history, engagements.at)),
            combine_keys(posts.ids[latest.post], _milliseconds(history, latest.at)),
        )
        return cls._summed(
            np.concatenate([engagements.account, latest.account, follows.account]),
            np.concatenate(
                [_days(history, engagements), _days(history, latest), np.full(len(follows.account), _UNDATED)]
            ),
            _mix(np.concatenate([*hashes, combine_keys(follows.followed)])),
        )

    @classmethod
    def read(cls, texts: Mapping[int, str]) -> "Inputs":
        """The digests that `text` gave, by account; an account with any other text has none."""
        stored = {account: _sums(texts[account]) for account in sorted(texts)}
        account = np.repeat(np.array(list(stored), np.int64), [len(sums) for sums in stored.values()])
        return cls(account, np.concatenate([np.empty(0, _SUM), *stored.values()]))

    @classmethod
    def _summed(cls, account: IntArray, day: IntArray, hashes: KeyArray) -> "Inputs":
        """Sums by account and day of hashes, (n,) all."""
        order = np.lexsort((day, account))
        account, day = account[order], day[order]
        first = np.flatnonzero(np.diff(account, prepend=-1) | np.diff(day, prepend=-1))
        sums = np.empty(len(first), _SUM)
        sums["day"] = day[first]
        if len(first):
            sums["sum"] = np.add.reduceat(hashes[order], first) >> np.uint64(32)
        return cls(account[first], sums)

    def text(self, account: int) -> str:
        """The digest of one account in hex digits, as the manifest of its model stores it."""
        first, end = np.searchsorted(self.account, [account, account + 1])
        return self.sums[first:end].tobytes().hex()

    def since(self, start_ms: int) -> "Inputs":
        """Without the days that began before a moment [ms since 1970]."""
        is_kept = (self.sums["day"] == _UNDATED) | (self.sums["day"].astype(np.int64) * DAY_MS >= start_ms)
        return Inputs(self.account[is_kept], self.sums[is_kept])

    def differing(self, other: "Inputs") -> IntArray:
        """(n,) the accounts whose digests differ, ascending."""
        own_keys, other_keys = (
            combine_keys(inputs.account, inputs.sums["day"], inputs.sums["sum"]) for inputs in (self, other)
        )
        unmatched = (self.account[~np.isin(own_keys, other_keys)], other.account[~np.isin(other_keys, own_keys)])
        return np.unique(np.concatenate(unmatched))


def _sums(text: str) -> IdArray:
    try:
        return np.frombuffer(bytes.fromhex(text), _SUM)
    except ValueError:
        return np.empty(0, _SUM)


def digest_of_options(coldstart: Coldstart, options: Members) -> str:
    """A digest of the options and hyper-parameters that decide which profile and which trees a history gives."""
    history = (coldstart.window, coldstart.age_from, coldstart.min_hashtag_posts, RECENT_POSTS)
    examples = (coldstart.horizon, coldstart.base_country, coldstart.min_country_positives)
    priors = (TOPIC_PRIOR, LANGUAGE_PRIOR, COUNTRY_PRIOR)
    trees = (options.trees_min_engagements, options.trees_min_gain_se, HYPERPARAMETERS)
    return digest(history, examples, priors, trees)


def history_until(history: History, moments: FloatArray) -> History:
    """The history without the events of each account after its moment, (n_accounts,) [hours, 0 is now]."""

    def earlier(events: Events) -> Events:
        return events.where((events.account >= 0) & (events.at <= moments[events.account]))

    return replace(history, engagements=earlier(history.engagements), impressions=earlier(history.impressions))


def _days(history: History, events: Events) -> IntArray:
    """(n,) day of each event or of its post, whichever is earlier: the first to leave a window [days since 1970]."""
    return _milliseconds(history, np.minimum(events.at, history.posts.created[events.post])) // DAY_MS


def _milliseconds(history: History, hours: FloatArray) -> IntArray:
    """(n,) [hours, 0 is the moment of the history] as [ms since 1970]."""
    return np.rint(hours * HOUR_MS).astype(np.int64) + epoch_ms(history.now)


def _mix(keys: KeyArray) -> KeyArray:
    """(n,) keys with their bits spread, so that different sets have different sums: the last steps of SplitMix64."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(keys ^ (keys >> np.uint64(31)))
