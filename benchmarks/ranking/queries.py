"""Evaluation queries: for an account, candidate posts to order, and which of them it engaged with later."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.bench_database import BenchDatabase
from shared.columns import BoolArray, IntArray, id_keys, lookup
from shared.countries import COUNTRIES, SPELLINGS, UNKNOWN_COUNTRY, country_of
from shared.ranking.history import History
from shared.store.column_reader import read_columns

CANDIDATES = 200  # of a query
RECENT_HOURS = 48.0

# Part of the candidates that is drawn from the last two days; the others come from the whole window.
PROTOCOLS = {"uniform": 0.0, "3/4 uniform, 1/4 last 2 days": 0.25}


@dataclass(frozen=True, slots=True)
class NetworkQueries:
    """One row per account.

    account   (n_queries,) number of the account in the history
    country   (n_queries,) index into COUNTRIES, or UNKNOWN_COUNTRY
    posts     (n_queries, n_candidates) position among the posts of the history, shuffled
    relevant  (n_queries, n_candidates) whether the account engaged with the candidate later
    """

    account: IntArray
    country: IntArray
    posts: IntArray
    relevant: BoolArray


@dataclass(frozen=True, slots=True)
class HeldOutEngagements:
    """Engagements of the held-out future, for the accounts that have any.

    account     (n_accounts,) number of the account in the history
    country     (n_accounts,) index into COUNTRIES, or UNKNOWN_COUNTRY
    relevant    n_accounts times (n,) posts that the account engaged with later
    interacted  n_accounts times (n,) posts that the account had engaged with before
    """

    account: IntArray
    country: IntArray
    relevant: list[IntArray]
    interacted: list[IntArray]

    @classmethod
    def read(cls, bench: BenchDatabase, history: History) -> "HeldOutEngagements":
        """Read a world's truth. Posts are positions among those of the history: the published ones of its window."""
        accounts = bench.store.people.accounts(SPELLINGS)
        keys, posts = id_keys(accounts["id"]), id_keys(history.posts.ids)
        country_of_code = np.array([COUNTRIES.index(str(country_of(code))) for code in SPELLINGS] + [UNKNOWN_COUNTRY])
        later, before = (
            _posts_by_account(source, keys, posts)
            for source in (bench.truth["heldout_engagements"], bench.store.app["engagements"])
        )
        numbers = [number for number in range(len(keys)) if len(later(number))]
        relevant, interacted = ([posts_of(number) for number in numbers] for posts_of in (later, before))
        country = country_of_code[accounts["country"]][numbers]
        return cls(np.array(numbers, np.int64), country, relevant, interacted)

    def queries(self, history: History, recent_ratio: float, rng: np.random.Generator) -> NetworkQueries:
        """Draw candidates: the posts that each account engaged with later, and posts that it had not interacted with.

        A query has 200 candidates, or half of all posts in a network that has fewer than twice as many. Accounts that
        interacted with so many posts that too few are left have no query.

        recent_ratio  part of the candidates that is drawn from the last two days, 0..1
        """
        created = history.posts.created
        length = min(CANDIDATES, len(created) // 2)
        recent = np.flatnonzero(created >= -RECENT_HOURS)
        n_recent = min(int(recent_ratio * length), len(recent))
        rows, posts, relevant = [], [], []
        for row, (positives, interacted) in enumerate(zip(self.relevant, self.interacted, strict=True)):
            positives = positives[:length]
            n_excluded = len(positives) + len(interacted)
            drawn = np.concatenate(
                [
                    rng.choice(recent, n_recent, replace=False, shuffle=False),
                    rng.choice(len(created), min(length + n_recent + n_excluded, len(created)), replace=False),
                ]
            )
            first = np.sort(np.unique(drawn, return_index=True)[1])
            negatives = drawn[first][~np.isin(drawn[first], np.concatenate([positives, interacted]))]
            candidates = np.concatenate([positives, negatives[: length - len(positives)]])
            order = rng.permutation(
                len(candidates)
            )  # a stable sort keeps ties in order, which must not favour anything
            if len(candidates) == length:
                rows.append(row)
                posts.append(candidates[order])
                relevant.append(order < len(positives))
        selected, shape = np.array(rows, np.int64), (len(rows), length)
        return NetworkQueries(
            self.account[selected],
            self.country[selected],
            np.array(posts, np.int64).reshape(shape),
            np.array(relevant, np.bool_).reshape(shape),
        )


def _posts_by_account(
    source: object, accounts: NDArray[np.uint64], posts: NDArray[np.uint64]
) -> Callable[[int], IntArray]:
    """Read a collection of engagements; the function gives the (n,) posts of an account by its number, once each."""
    columns = read_columns(source, [], {"account": ("id", "$account"), "content": ("id", "$targetRef.$id")})  # type: ignore[arg-type]
    account, post = lookup(id_keys(columns["account"]), accounts), lookup(id_keys(columns["content"]), posts)
    is_known = (account >= 0) & (post >= 0)
    pairs = np.unique(account[is_known] * len(posts) + post[is_known])
    start = np.searchsorted(pairs, np.arange(len(accounts) + 1) * len(posts))
    return lambda number: pairs[start[number] : start[number + 1]] % len(posts)
