from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np
import pytest

from shared.network.counters import Counters
from shared.network.countries import COUNTRIES
from shared.network.decay import Decay
from shared.network.examples import touched_until
from shared.network.features import FEATURES
from shared.network.history import NOBODYS, read_history
from shared.network.holdout import holdout_lists, rolling_cuts
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
    return one.matrix(Decay())[one.posts, FEATURES.names.index(name)]


@dataclass(frozen=True)
class Fixed:
    """A ranker that says the same of each post whatever is known of it."""

    scores: np.ndarray
    decay: Decay = field(default_factory=Decay)
    name: str = "fixed"

    def margins(self, matrix):
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
    (lists,) = lists_of(judged, candidates=12)

    filled = lists.posts[lists.filled]
    assert lists.posts.shape == lists.filled.shape == lists.chosen.shape == (1, 12)
    assert len(set(filled.tolist())) == len(filled) == 10
    assert not lists.chosen[~lists.filled].any()
    assert sorted((column(lists, "age") - 12)[lists.chosen].tolist()) == [2, 3]


def test_what_fills_up_a_list_is_behind_every_candidate(judged):
    (lists,) = lists_of(judged, candidates=12)
    best = Fixed(np.where(np.isin(np.arange(len(lists.described)), lists.posts[lists.chosen]), 1.0, -9.0))

    assert lists.ndcg(best).tolist() == [1.0]
    assert lists.ndcg_of(np.zeros(lists.posts.shape)) < 1


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

    (lists,) = lists_of(history, candidates=200)

    assert len(lists) == len(people)


def test_an_empty_history_gives_no_lists(store):
    assert lists_of(read_history(store, QUICK, now=NOON)) == []


def test_the_lists_of_a_world_are_whole(history):
    lists = lists_of(history)

    assert [one.country for one in lists] == [NOBODYS, *map(COUNTRIES.index, ("jp", "th", "us"))]
    for one in lists:
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
    acts = history.acts

    for cut in rolling_cuts(history, Counters(history), options, enough=10**6):
        within = (acts.at > cut.at) & (acts.at <= cut.at + 24)
        later = set(zip(acts.actor[within].tolist(), acts.post[within].tolist(), strict=True))
        for lists in cut.lists:
            chosen = lists.described[lists.posts]
            pairs = zip(
                np.repeat(lists.person, lists.chosen.sum(1)).tolist(), chosen[lists.chosen].tolist(), strict=True
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

    assert [len(cut) for cut in cuts] == [0] * (QUICK.longest_holdout // QUICK.holdout)
