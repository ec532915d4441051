"""The evaluation itself: what it compares is comparable, and its formulas are right."""

from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks import ranking
from benchmarks.places import NOW, open_place
from benchmarks.quality import BASELINE, EvaluationQueries, People
from benchmarks.ranking import LIBRARIES, ORACLE, PERSONAL_RANKER, Evaluation, Leaderboard
from shared.ranking.history import read_history
from tests.factories import account


def silent(what: str) -> None:
    pass


@pytest.fixture(scope="module")
def contest(mongo_uri: str) -> Iterator[Evaluation]:
    """A small world with every model, and lists of what its people did later."""
    with open_place(mongo_uri, "XS", 7, silent) as place:
        place.add_text()
        place.store.app.accounts.insert_one(account("account of somebody who never does anything", now=NOW))
        ranking.train(place, NOW, silent)
        history = read_history(place.store, place.settings.options.coldstart, now=NOW, with_exposures=True)
        people = People.read(place, history)
        lists = people.lists(history, 0.25, np.random.default_rng(0))
        yield Evaluation(place, NOW, history, lists, 7)


@pytest.fixture(scope="module")
def standing(contest: Evaluation) -> Leaderboard:
    rankers = {**ranking.RANKERS, ORACLE: ranking.by_truth}
    return ranking.stand(contest, rankers, "XS 7", ranking.JUDGED, silent)


def test_the_oracle_is_above_all_and_what_learns_is_above_what_does_not(standing: Leaderboard) -> None:
    ndcg = {name: one.ndcg for name, one in standing.outcomes.items()}

    assert max(ndcg, key=ndcg.__getitem__) == ORACLE
    assert ndcg[PERSONAL_RANKER] > 1.2 * ndcg[BASELINE] > 2 * ndcg["random"]
    assert 100 < standing.warm <= standing.people <= 200


def test_no_candidate_was_touched_before_and_each_list_has_what_was_chosen(contest: Evaluation) -> None:
    engagements, posts = contest.history.engagements, len(contest.history.posts)
    touched = np.unique(engagements.account * posts + engagements.post)
    candidates = contest.lists.account[:, None] * posts + contest.lists.posts

    assert not np.isin(candidates, touched).any()
    assert contest.lists.chosen.any(1).all()
    assert not contest.lists.chosen.all(1).any()


def test_every_ranker_scores_every_candidate_with_a_number(contest: Evaluation) -> None:
    for name, score in ranking.RANKERS.items():
        scores = score(contest)
        assert scores.shape == contest.lists.posts.shape, name
        assert np.isfinite(scores).all(), name


def test_a_library_is_neutral_towards_whom_it_does_not_know(contest: Evaluation) -> None:
    quiet = np.setdiff1d(np.arange(len(contest.history.accounts.ids)), contest.touched.nonzero()[0])[:1]
    lists = contest.lists
    one = EvaluationQueries(quiet, lists.country[: len(quiet)], lists.posts[: len(quiet)], lists.chosen[: len(quiet)])

    for name in LIBRARIES:
        scores = ranking.RANKERS[name](Evaluation(contest.place, NOW, contest.history, one, 7))
        assert len(quiet) == 1
        assert np.ptp(scores) < 1e-3, name


def test_floors_are_told_for_worlds(standing: Leaderboard) -> None:
    found = ranking.figures([standing])

    assert set(found) == {f"XS: over {BASELINE}", "XS: of the oracle"}
    assert 0.5 < found["XS: of the oracle"].value < 1


def test_errors_of_several_networks_add_as_independent_ones_do(standing: Leaderboard) -> None:
    one = standing.outcomes[PERSONAL_RANKER]

    row = ranking.row_of([one, one])

    assert row[0] == PERSONAL_RANKER
    assert row[1] == f"{one.ndcg:.3f} ± {one.error / np.sqrt(2):.3f}"
