"""Cuts of a history: how many there are, where they lie, and what happens in young networks."""

from dataclasses import fields, replace
from datetime import timedelta

import numpy as np
import pytest
from msgspec import structs

from shared.clock import hours
from shared.ranking.counters import Counters
from shared.ranking.evaluation_queries import draw_queries
from shared.ranking.examples import interacted_pairs
from shared.ranking.history import History, PostColumns, read_history
from shared.ranking.holdout import rolling_cuts
from tests.networks import NOON, QUICK


def test_earlier_cuts_are_added_until_there_are_enough_queries(history):
    counters = Counters(history)
    options = structs.replace(QUICK, holdout=timedelta(days=1), max_holdout=timedelta(days=6))
    (latest,) = rolling_cuts(history, counters, options, min_queries=1)
    three = rolling_cuts(history, counters, options, min_queries=2 * len(latest) + 1)
    most = rolling_cuts(history, counters, options, min_queries=10**6)

    assert len(latest) > 20
    assert 1 < len(three) < len(most) == 6
    assert [cut.at for cut in most] == [-24.0 * days for days in range(1, 7)]


def test_relevant_engagements_of_a_cut_are_after_it_and_before_the_next(history):
    options = structs.replace(QUICK, holdout=timedelta(days=1), max_holdout=timedelta(days=3))
    engagements = history.engagements

    for cut in rolling_cuts(history, Counters(history), options, min_queries=10**6):
        within = (engagements.at > cut.at) & (engagements.at <= cut.at + 24)
        later = set(zip(engagements.account[within].tolist(), engagements.post[within].tolist(), strict=True))
        for queries in cut.queries:
            posts = queries.described[queries.posts]
            accounts = np.repeat(queries.person, queries.relevant.sum(1))
            assert set(zip(accounts.tolist(), posts[queries.relevant].tolist(), strict=True)) <= later


def test_a_quiet_network_learns_from_more_days(history):
    options = structs.replace(QUICK, examples_span=timedelta(days=1))
    busy, quiet = (
        rolling_cuts(history, Counters(history), structs.replace(options, min_positives=least), min_queries=1)[
            0
        ].options
        for least in (10, 10**6)
    )

    assert busy.examples_span == timedelta(days=1)
    assert quiet.examples_span == options.window


def test_without_engagements_no_cut_has_queries(store):
    cuts = rolling_cuts(read_history(store, QUICK, now=NOON), Counters(read_history(store, QUICK, now=NOON)), QUICK, 10)

    assert [len(cut) for cut in cuts] == [0]


# How old a network is: the same history, of which there is only what happened in its last hours.

AGES = np.geomspace(6, 720, 30).tolist()
PER_POST = [column.name for column in fields(PostColumns) if column.name not in ("topic_of", "topic", "topic_keys")]


def of_the_last(history: History, age: float) -> History:
    """The history of the same network if it had begun so many hours ago."""
    posts = history.posts
    exists = posts.created > -age
    number, kept = np.cumsum(exists) - 1, exists[posts.topic_of]
    rows = {name: getattr(posts, name)[exists] for name in PER_POST}
    young_posts = replace(posts, topic_of=number[posts.topic_of[kept]], topic=posts.topic[kept], **rows)
    engagements, impressions = (
        replace(young, post=number[young.post])
        for young in (
            events.where(exists[events.post] & (events.at > -age))
            for events in (history.engagements, history.impressions)
        )
    )
    return replace(history, posts=young_posts, engagements=engagements, impressions=impressions)


def cuts_of_fixed_length(history, options):
    """Every cut that the options allow, each a whole holdout before the next: (at, queries)."""
    counters = Counters(history)
    for number in range(options.max_holdout // options.holdout):
        until = -hours(options.holdout * number)
        of_cut = structs.replace(options, holdout=options.holdout * (number + 1))
        at = -hours(of_cut.holdout)
        rng = np.random.default_rng(number)
        yield at, list(draw_queries(history, interacted_pairs(history, at), counters, of_cut, until, rng))


def test_no_age_has_less_evidence_than_a_younger_network_by_a_cliff(history):
    learnt, people = [], []
    for age in AGES:
        young = of_the_last(history, age)
        cuts = rolling_cuts(young, Counters(young), QUICK, min_queries=10**6)
        first = young.engagements.at.min()
        assert all(first < cut.at < 0 for cut in cuts)
        learnt.append(int((young.engagements.at <= cuts[0].at).sum()))
        people.append(len({person for cut in cuts for queries in cut.queries for person in queries.person.tolist()}))
        assert learnt[-1] >= len(young.engagements) / 2

    for counts in (learnt, people):
        assert all(count >= 0.9 * max(counts[: number + 1]) for number, count in enumerate(counts))
    of_44_hours = next(number for number, age in enumerate(AGES) if age >= 44)
    assert people[of_44_hours] > 20


@pytest.mark.parametrize("days", [14, 21, 30])
def test_a_long_history_is_cut_at_whole_holdouts_and_loses_none_that_has_a_past(history, days):
    long = of_the_last(history, days * 24)

    cuts = rolling_cuts(long, Counters(long), QUICK, min_queries=10**6)

    fixed = [(at, queries) for at, queries in cuts_of_fixed_length(long, QUICK) if long.engagements.at.min() < at]
    assert [cut.at for cut in cuts] == [at for at, _ in fixed]
    assert {cut.options.horizon for cut in cuts} == {QUICK.horizon}
    for cut, (_, queries) in zip(cuts, fixed, strict=True):
        assert len(cut.queries) == len(queries) > 0
        for rolled, whole in zip(cut.queries, queries, strict=True):
            for name in ("person", "posts", "filled", "relevant", "described"):
                assert (getattr(rolled, name) == getattr(whole, name)).all()


def test_a_few_engagements_long_ago_do_not_make_a_network_old(history):
    young = of_the_last(history, 44)
    late = history.engagements.at > -44
    few = np.flatnonzero(~late)[: len(young.engagements) // 10]
    with_few = replace(history, engagements=history.engagements.where(np.concatenate([few, np.flatnonzero(late)])))

    cuts = rolling_cuts(with_few, Counters(with_few), QUICK, min_queries=10**6)

    assert -24 < cuts[0].at < 0
    assert len(cuts) <= QUICK.max_holdout // QUICK.holdout
    assert len(cuts[0]) > 20


@pytest.mark.parametrize("hours_ago", [0.0, 1.0, 30.0, 500.0])
def test_engagements_of_one_moment_are_cut_after_it_and_give_no_queries(history, hours_ago):
    moment = replace(
        history, engagements=replace(history.engagements, at=np.full(len(history.engagements), -hours_ago))
    )

    cuts = rolling_cuts(moment, Counters(moment), QUICK, min_queries=10**6)

    assert all(cut.at >= -hours_ago for cut in cuts)
    assert sum(map(len, cuts)) == 0


def test_a_holdout_of_no_length_is_one_cut(history):
    (now,) = rolling_cuts(history, Counters(history), structs.replace(QUICK, holdout=timedelta(0)), min_queries=10**6)

    assert (now.at, len(now)) == (0, 0)
