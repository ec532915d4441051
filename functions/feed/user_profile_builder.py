"""Builds the profiles of accounts from the affinities that a history counts."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from functions.feed.affinity_counters import AffinityCounters
from functions.feed.candidate_features import language_keys
from functions.feed.user_profile import AUTHOR_ROW, LANGUAGE_ROW, TOPIC_ROW, UserProfile
from shared.clock import epoch_hours
from shared.columns import FloatArray, IntArray, id_keys
from shared.countries import COUNTRIES, UNKNOWN_COUNTRY


def profiles_now(affinities: AffinityCounters, accounts: IntArray) -> Iterator[UserProfile]:
    """The profile of each of these accounts, (n,) numbers, as of the moment of the history."""
    history = affinities.history
    posts, engagements = history.posts, history.engagements
    now = epoch_hours(history.now)
    author_keys = id_keys(posts.author_ids)[np.unique(posts.author, return_index=True)[1]]
    order = np.argsort(engagements.account, kind="stable")  # within an account in the order of time
    start = np.searchsorted(engagements.account[order], [accounts, accounts + 1])
    events = affinities.item_embeddings.recent
    recent = np.searchsorted(events.account, [accounts, accounts + 1])
    first_pair = accounts * affinities.n_authors
    followed = np.searchsorted(affinities.follows, [first_pair, (accounts + 1) * affinities.n_authors])
    posts_of = [engagements.post[order[first:end]] for first, end in start.T.tolist()]
    topics_of = [np.unique(affinities.counters.topics_of(post)[1], return_counts=True) for post in posts_of]
    languages_of = [np.unique(posts.language[post]) for post in posts_of]
    topic_lifts = _split_by_account(affinities.topic_log_lift, accounts, [topics for topics, _ in topics_of])
    language_lifts = _split_by_account(affinities.language_log_lift, accounts, languages_of)
    for row, account in enumerate(accounts.tolist()):
        post, (topics, topic_acts) = posts_of[row], topics_of[row]
        follows = affinities.follows[followed[0, row] : followed[1, row]] - account * affinities.n_authors
        authors, author_acts = np.unique(np.concatenate([posts.author[post], follows]), return_counts=True)
        is_followed = np.isin(authors, follows)
        last = np.full(len(authors), -np.inf)
        at = engagements.at[order[start[0, row] : start[1, row]]]
        np.maximum.at(last, np.searchsorted(authors, posts.author[post]), at)
        country = history.accounts.country[account]
        newest_first = events.post[recent[0, row] : recent[1, row]][::-1]
        distinct = newest_first[np.sort(np.unique(newest_first, return_index=True)[1])]
        yield UserProfile(
            country="" if country == UNKNOWN_COUNTRY else COUNTRIES[country],
            acts=float(len(post)),
            topic_acts=float(topic_acts.sum()),
            follows=float(len(follows)),
            topics=_table(TOPIC_ROW, posts.topic_keys[topics], lift=topic_lifts[row], acts=topic_acts),
            languages=_table(LANGUAGE_ROW, language_keys(languages_of[row]), lift=language_lifts[row]),
            authors=_table(
                AUTHOR_ROW, author_keys[authors], acts=author_acts - is_followed, last=last + now, followed=is_followed
            ),
            posts=posts.ids[distinct],
        )


def _split_by_account(
    log_lift: Callable[[IntArray, IntArray, FloatArray], FloatArray],
    accounts: IntArray,
    values_of: Sequence[IntArray],
) -> list[FloatArray]:
    """The log lift of each account's values, which are topics or languages, as of now; computed in one call."""
    numbers = [len(values) for values in values_of]
    values = np.concatenate(values_of) if values_of else np.empty(0, np.int64)
    lifts = log_lift(np.repeat(accounts, numbers), values, np.zeros(len(values)))
    return np.split(lifts, np.cumsum(numbers)[:-1])


def _table(layout: np.dtype[np.void], keys: NDArray[Any], **columns: NDArray[Any]) -> NDArray[np.void]:
    """(n,) rows in the order of their keys."""
    order = np.argsort(keys, kind="stable")
    table = np.zeros(len(keys), layout)
    table["key"] = keys[order]
    for name, values in columns.items():
        table[name] = values[order]
    return table
