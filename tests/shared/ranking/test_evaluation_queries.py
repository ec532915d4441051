"""Evaluation queries: which posts are candidates, and which of them are relevant."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from msgspec.structs import replace

from shared.countries import COUNTRIES, UNKNOWN_COUNTRY
from shared.ranking.counters import Counters
from shared.ranking.decay import PopularityDecay
from shared.ranking.evaluation_queries import draw_queries
from shared.ranking.examples import interacted_pairs
from shared.ranking.features import FEATURES
from shared.ranking.history import read_history
from tests.factories import account, engagement, post
from tests.networks import HOUR, NOON, QUICK

CUT = -48.0


def queries_of(history, **overrides):
    options = replace(QUICK, **overrides)
    interacted = interacted_pairs(history, CUT)
    return list(draw_queries(history, interacted, Counters(history), options, 0.0, np.random.default_rng(0)))


def column(queries, name):
    """(n_queries, n_candidates) a feature of every candidate."""
    return queries.matrix(PopularityDecay())[queries.posts, FEATURES.names.index(name)]


@dataclass(frozen=True)
class Fixed:
    """A ranker with the same scores whatever the features are."""

    scores: np.ndarray
    decay: PopularityDecay = field(default_factory=PopularityDecay)
    name: str = "fixed"

    def logits(self, matrix):
        return self.scores


@pytest.fixture
def network_of_cat(store, databases):
    """Twelve posts, 60 to 71 h old, and one of the holdout. Cat liked p0 and p1 before it, p0, p2 and p3 in it."""
    app = databases.app
    app.contents.insert_many([post(f"p{n}", now=NOON, age_hours=60 + n) for n in range(12)])
    app.contents.insert_one(post("new", now=NOON, age_hours=40))
    app.accounts.insert_one(account("account of cat", now=NOON))
    moments = [("p0", 50), ("p1", 49), ("p0", 20), ("p2", 20), ("p3", 10), ("p2", 9), ("new", 5)]
    app.engagements.insert_many([engagement("cat", name, at=NOON - ago * HOUR) for name, ago in moments])
    app.engagements.insert_one(engagement("a stranger", "p4", at=NOON - HOUR))
    return read_history(store, QUICK, now=NOON)


def test_relevant_is_what_an_account_engaged_with_later_and_not_before(network_of_cat):
    (queries,) = queries_of(network_of_cat, candidates=8)

    ages = column(queries, "age") - 12  # a post of 60 h was 12 h old at the beginning of the holdout
    assert COUNTRIES[queries.country] == "th"
    assert queries.posts.shape == (1, 8)
    assert sorted(ages[queries.relevant].tolist()) == [2, 3]


def test_candidates_existed_and_were_new_to_the_account_when_the_holdout_began(network_of_cat):
    (queries,) = queries_of(network_of_cat, candidates=10)

    assert sorted((column(queries, "age") - 12)[0].tolist()) == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]


def test_features_of_candidates_know_nothing_of_the_holdout(network_of_cat):
    (queries,) = queries_of(network_of_cat, candidates=10)

    assert column(queries, "likeCount").max() == 0


def test_an_account_that_engaged_with_most_posts_is_evaluated_on_the_others(network_of_cat):
    (queries,) = queries_of(network_of_cat, candidates=12)

    filled = queries.posts[queries.filled]
    assert queries.posts.shape == queries.filled.shape == queries.relevant.shape == (1, 12)
    assert len(set(filled.tolist())) == len(filled) == 10
    assert not queries.relevant[~queries.filled].any()
    assert sorted((column(queries, "age") - 12)[queries.relevant].tolist()) == [2, 3]


def test_columns_without_a_candidate_rank_behind_every_candidate(network_of_cat):
    (queries,) = queries_of(network_of_cat, candidates=12)
    best = Fixed(np.where(np.isin(np.arange(len(queries.described)), queries.posts[queries.relevant]), 1.0, -9.0))

    assert queries.ndcg(best).tolist() == [1.0]
    assert queries.ndcg_of(np.zeros(queries.posts.shape)) < 1


@pytest.mark.parametrize("posts", [12, 40, 100, 150, 190, 260, 400])
def test_accounts_of_a_network_of_any_size_have_queries(store, databases, posts):
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

    (queries,) = queries_of(history, candidates=200)

    assert len(queries) == len(people)


def test_an_empty_history_gives_no_queries(store):
    assert queries_of(read_history(store, QUICK, now=NOON)) == []


def test_queries_are_whole(history):
    groups = queries_of(history)

    assert [queries.country for queries in groups] == [UNKNOWN_COUNTRY, *map(COUNTRIES.index, ("jp", "th", "us"))]
    for queries in groups:
        assert queries.posts.shape == queries.relevant.shape == (len(queries), QUICK.candidates)
        assert (queries.relevant.sum(1) > 0).all()
        assert (queries.relevant.sum(1) < QUICK.candidates).all()
        assert all(len(set(row)) == QUICK.candidates for row in queries.posts.tolist())
        assert (column(queries, "age") >= 0).all()


def test_a_ranker_that_knows_the_relevant_posts_reaches_the_top_and_chance_does_not(history):
    (queries, *_) = queries_of(history)
    relevant = np.zeros((len(queries), len(queries.described)), bool)
    relevant[np.arange(len(queries))[:, None], queries.posts] = queries.relevant

    by_chance = queries.ndcg(Fixed(np.random.default_rng(0).random(len(queries.described))))
    of_the_first = queries.ndcg(Fixed(relevant[0].astype(float)))

    assert of_the_first[0] == 1.0
    assert by_chance.mean() < 0.3


def test_there_are_no_more_queries_of_a_country_than_asked_for(history):
    assert all(len(queries) <= 5 for queries in queries_of(history, max_queries_per_country=5))
