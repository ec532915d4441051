from dataclasses import dataclass, field, fields, replace
from datetime import timedelta

import numpy as np
import pytest

from shared.clock import hours
from shared.countries import COUNTRIES
from shared.ranking.counters import Counters
from shared.ranking.decay import PopularityDecay
from shared.ranking.examples import touched_until
from shared.ranking.features import FEATURES
from shared.ranking.history import UNKNOWN_COUNTRY, History, Posts, read_history
from shared.ranking.holdout import holdout_lists, rolling_cuts
from tests.factories import account, engagement, post
from tests.networks import HOUR, NOON, QUICK

CUT = -48.0


def lists_of(history, **options):
    chosen = replace(QUICK, **options)
    return list(
        holdout_lists(history, touched_until(history, CUT), Counters(history), chosen, 0.0, np.random.default_rng(0))
    )


def column(one, name):
    """(n_lists, n_candidates) a feature of every candidate."""
    return one.matrix(PopularityDecay())[one.posts, FEATURES.names.index(name)]


@dataclass(frozen=True)
class Fixed:
    """A ranker that says the same of each post whatever is known of it."""

    scores: np.ndarray
    decay: PopularityDecay = field(default_factory=PopularityDecay)
    name: str = "fixed"

    def logits(self, matrix):
        return self.scores


@pytest.fixture
def judged(store, databases):
    """Twelve posts, 60 to 71 h old, and one of the holdout. Cat liked p0 and p1 before it, p0, p2 and p3 in it."""
    app = databases.app
    app.contents.insert_many([post(f"p{n}", now=NOON, age_hours=60 + n) for n in range(12)])
    app.contents.insert_one(post("new", now=NOON, age_hours=40))
    app.accounts.insert_one(account("account of cat", now=NOON))
    moments = [("p0", 50), ("p1", 49), ("p0", 20), ("p2", 20), ("p3", 10), ("p2", 9), ("new", 5)]
    app.engagements.insert_many([engagement("cat", what, at=NOON - ago * HOUR) for what, ago in moments])
    app.engagements.insert_one(engagement("a stranger", "p4", at=NOON - HOUR))
    return read_history(store, QUICK, now=NOON)


def test_chosen_is_what_one_turned_to_later_and_had_not_touched_before(judged):
    (one,) = lists_of(judged, candidates=8)

    ages = column(one, "age") - 12  # a post of 60 h was 12 h old at the beginning of the holdout
    assert COUNTRIES[one.country] == "th"
    assert one.posts.shape == (1, 8)
    assert sorted(ages[one.chosen].tolist()) == [2, 3]


def test_candidates_were_there_and_untouched_when_the_holdout_began(judged):
    (one,) = lists_of(judged, candidates=10)

    assert sorted((column(one, "age") - 12)[0].tolist()) == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]


def test_candidates_are_described_as_nobody_knew_the_holdout(judged):
    (one,) = lists_of(judged, candidates=10)

    assert column(one, "likeCount").max() == 0


def test_who_has_touched_most_posts_is_judged_by_those_that_are_left(judged):
    (queries,) = lists_of(judged, candidates=12)

    filled = queries.posts[queries.filled]
    assert queries.posts.shape == queries.filled.shape == queries.chosen.shape == (1, 12)
    assert len(set(filled.tolist())) == len(filled) == 10
    assert not queries.chosen[~queries.filled].any()
    assert sorted((column(queries, "age") - 12)[queries.chosen].tolist()) == [2, 3]


def test_what_fills_up_a_list_is_behind_every_candidate(judged):
    (queries,) = lists_of(judged, candidates=12)
    best = Fixed(np.where(np.isin(np.arange(len(queries.described)), queries.posts[queries.chosen]), 1.0, -9.0))

    assert queries.ndcg(best).tolist() == [1.0]
    assert queries.ndcg_of(np.zeros(queries.posts.shape)) < 1


@pytest.mark.parametrize("posts", [12, 40, 100, 150, 190, 260, 400])
def test_people_of_a_network_of_any_size_are_judged_by(store, databases, posts):
    """Each of 30 people likes every second post once, half of them in the holdout."""
    app, rng = databases.app, np.random.default_rng(posts)
    people = [f"u{number}" for number in range(30)]
    app.contents.insert_many([post(f"p{n}", now=NOON, age_hours=60 + n) for n in range(posts)])
    app.accounts.insert_many([account(f"account of {who}", now=NOON) for who in people])
    liked = [
        (who, n, hours) for who in people for n, hours in enumerate(rng.uniform(1, 55, posts)) if rng.random() < 0.5
    ]
    app.engagements.insert_many([engagement(who, f"p{n}", at=NOON - hours * HOUR) for who, n, hours in liked])
    history = read_history(store, QUICK, now=NOON)

    (queries,) = lists_of(history, candidates=200)

    assert len(queries) == len(people)


def test_an_empty_history_gives_no_lists(store):
    assert lists_of(read_history(store, QUICK, now=NOON)) == []


def test_the_lists_of_a_world_are_whole(history):
    queries = lists_of(history)

    assert [one.country for one in queries] == [UNKNOWN_COUNTRY, *map(COUNTRIES.index, ("jp", "th", "us"))]
    for one in queries:
        assert one.posts.shape == one.chosen.shape == (len(one), QUICK.candidates)
        assert (one.chosen.sum(1) > 0).all()
        assert (one.chosen.sum(1) < QUICK.candidates).all()
        assert all(len(set(row)) == QUICK.candidates for row in one.posts.tolist())
        assert (column(one, "age") >= 0).all()


def test_who_knows_what_was_chosen_reaches_the_top_and_chance_does_not(history):
    (one, *_) = lists_of(history)
    chosen = np.zeros((len(one), len(one.described)), bool)
    chosen[np.arange(len(one))[:, None], one.posts] = one.chosen

    by_chance = one.ndcg(Fixed(np.random.default_rng(0).random(len(one.described))))
    of_the_first = one.ndcg(Fixed(chosen[0].astype(float)))

    assert of_the_first[0] == 1.0
    assert by_chance.mean() < 0.3


def test_no_more_people_are_judged_by_than_asked_for(history):
    assert all(len(one) <= 5 for one in lists_of(history, lists_per_country=5))


def test_earlier_cuts_are_added_until_enough_people_are_judged_by(history):
    counters = Counters(history)
    options = replace(QUICK, holdout=timedelta(days=1), longest_holdout=timedelta(days=6))
    (latest,) = rolling_cuts(history, counters, options, enough=1)
    three = rolling_cuts(history, counters, options, enough=2 * len(latest) + 1)
    most = rolling_cuts(history, counters, options, enough=10**6)

    assert len(latest) > 20
    assert 1 < len(three) < len(most) == 6
    assert [cut.at for cut in most] == [-24.0 * days for days in range(1, 7)]


def test_what_a_cut_is_judged_by_happened_in_the_time_after_it_and_before_the_next(history):
    options = replace(QUICK, holdout=timedelta(days=1), longest_holdout=timedelta(days=3))
    engagements = history.engagements

    for cut in rolling_cuts(history, Counters(history), options, enough=10**6):
        within = (engagements.at > cut.at) & (engagements.at <= cut.at + 24)
        later = set(zip(engagements.account[within].tolist(), engagements.post[within].tolist(), strict=True))
        for queries in cut.queries:
            chosen = queries.described[queries.posts]
            pairs = zip(
                np.repeat(queries.person, queries.chosen.sum(1)).tolist(), chosen[queries.chosen].tolist(), strict=True
            )
            assert set(pairs) <= later


def test_a_quiet_network_learns_from_more_days(history):
    options = replace(QUICK, examples_span=timedelta(days=1))
    busy, quiet = (
        rolling_cuts(history, Counters(history), replace(options, least_positives=least), enough=1)[0].options
        for least in (10, 10**6)
    )

    assert busy.examples_span == timedelta(days=1)
    assert quiet.examples_span == options.window


def test_whoever_did_nothing_is_judged_by_at_no_cut(store):
    cuts = rolling_cuts(read_history(store, QUICK, now=NOON), Counters(read_history(store, QUICK, now=NOON)), QUICK, 10)

    assert [len(cut) for cut in cuts] == [0]


# How old a network is: the same history, of which there is only what happened in its last hours.

AGES = np.geomspace(6, 720, 30).tolist()
PER_POST = [column.name for column in fields(Posts) if column.name not in ("topic_of", "topic", "topic_keys")]


def of_the_last(history: History, age: float) -> History:
    """The history of the same network, had it begun so many hours ago."""
    posts = history.posts
    there = posts.created > -age
    number, kept = np.cumsum(there) - 1, there[posts.topic_of]
    rows = {name: getattr(posts, name)[there] for name in PER_POST}
    left = replace(posts, topic_of=number[posts.topic_of[kept]], topic=posts.topic[kept], **rows)
    engagements, seen = (
        replace(events, post=number[events.post])
        for events in (
            all_of.where(there[all_of.post] & (all_of.at > -age)) for all_of in (history.engagements, history.seen)
        )
    )
    return replace(history, posts=left, engagements=engagements, seen=seen)


def cuts_of_fixed_length(history, options):
    """Every cut that the options allow, each a whole holdout before the next: (at, lists)."""
    counters = Counters(history)
    for number in range(options.longest_holdout // options.holdout):
        until = -hours(options.holdout * number)
        of_cut = replace(options, holdout=options.holdout * (number + 1))
        at = -hours(of_cut.holdout)
        rng = np.random.default_rng(number)
        yield at, list(holdout_lists(history, touched_until(history, at), counters, of_cut, until, rng))


def test_no_age_has_less_evidence_than_a_younger_network_by_a_cliff(history):
    learnt, judged = [], []
    for age in AGES:
        young = of_the_last(history, age)
        cuts = rolling_cuts(young, Counters(young), QUICK, enough=10**6)
        first = young.engagements.at.min()
        assert all(first < cut.at < 0 for cut in cuts)
        learnt.append(int((young.engagements.at <= cuts[0].at).sum()))
        judged.append(len({person for cut in cuts for queries in cut.queries for person in queries.person.tolist()}))
        assert learnt[-1] >= len(young.engagements) / 2

    for counts in (learnt, judged):
        assert all(count >= 0.9 * max(counts[: number + 1]) for number, count in enumerate(counts))
    of_44_hours = next(number for number, age in enumerate(AGES) if age >= 44)
    assert judged[of_44_hours] > 20


@pytest.mark.parametrize("days", [14, 21, 30])
def test_a_long_history_is_cut_at_whole_holdouts_and_loses_none_that_has_a_past(history, days):
    long = of_the_last(history, days * 24)

    cuts = rolling_cuts(long, Counters(long), QUICK, enough=10**6)

    fixed = [(at, queries) for at, queries in cuts_of_fixed_length(long, QUICK) if long.engagements.at.min() < at]
    assert [cut.at for cut in cuts] == [at for at, _ in fixed]
    assert {cut.options.horizon for cut in cuts} == {QUICK.horizon}
    for cut, (_, queries) in zip(cuts, fixed, strict=True):
        assert len(cut.queries) == len(queries) > 0
        for rolled, whole in zip(cut.queries, queries, strict=True):
            for name in ("person", "posts", "filled", "chosen", "described"):
                assert (getattr(rolled, name) == getattr(whole, name)).all()


def test_a_few_engagements_long_ago_do_not_make_a_network_old(history):
    young = of_the_last(history, 44)
    late = history.engagements.at > -44
    few = np.flatnonzero(~late)[: len(young.engagements) // 10]
    with_few = replace(history, engagements=history.engagements.where(np.concatenate([few, np.flatnonzero(late)])))

    cuts = rolling_cuts(with_few, Counters(with_few), QUICK, enough=10**6)

    assert -24 < cuts[0].at < 0
    assert len(cuts) <= QUICK.longest_holdout // QUICK.holdout
    assert len(cuts[0]) > 20


@pytest.mark.parametrize("hours_ago", [0.0, 1.0, 30.0, 500.0])
def test_what_happened_in_one_moment_is_cut_after_it_and_judges_nobody(history, hours_ago):
    moment = replace(
        history, engagements=replace(history.engagements, at=np.full(len(history.engagements), -hours_ago))
    )

    cuts = rolling_cuts(moment, Counters(moment), QUICK, enough=10**6)

    assert all(cut.at >= -hours_ago for cut in cuts)
    assert sum(map(len, cuts)) == 0


def test_a_holdout_of_no_length_is_one_cut(history):
    (now,) = rolling_cuts(history, Counters(history), replace(QUICK, holdout=timedelta(0)), enough=10**6)

    assert (now.at, len(now)) == (0, 0)
