"""The evaluation of rankers: their queries are valid, their scores complete, and the formulas right."""

from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.bench_database import NOW, open_bench_database
from benchmarks.ranking.evaluation import Evaluation
from benchmarks.ranking.leaderboard import Leaderboard, leaderboard
from benchmarks.ranking.networks import train
from benchmarks.ranking.post_scores import BASELINE
from benchmarks.ranking.queries import HeldOutEngagements, NetworkQueries
from benchmarks.ranking.rankers import LIBRARIES, ORACLE, PERSONAL_RANKER, RANKERS, by_truth
from benchmarks.ranking.report import FLOOR_PROTOCOLS, figures, row_of
from shared.ranking.history import read_history
from shared.ranking.options import Coldstart
from tests.factories import account


def silent(step: str) -> None:
    pass


@pytest.fixture(scope="module")
def evaluation(mongo_uri: str) -> Iterator[Evaluation]:
    """A small world with every model trained, and queries from its held-out engagements."""
    with open_bench_database(mongo_uri, "XS", 7, silent) as bench:
        bench.add_text()
        bench.store.app.accounts.insert_one(account("account of somebody who never does anything", now=NOW))
        train(bench, NOW, silent)
        history = read_history(bench.store, bench.settings.options.of(Coldstart), now=NOW, with_exposures=True)
        held_out = HeldOutEngagements.read(bench, history)
        queries = held_out.queries(history, 0.25, np.random.default_rng(0))
        yield Evaluation(bench, NOW, history, queries, 7)


@pytest.fixture(scope="module")
def board(evaluation: Evaluation) -> Leaderboard:
    rankers = {**RANKERS, ORACLE: by_truth}
    return leaderboard(evaluation, rankers, "XS 7", FLOOR_PROTOCOLS[0], silent)


def test_the_oracle_is_above_all_and_what_learns_is_above_what_does_not(board: Leaderboard) -> None:
    ndcg = {name: result.ndcg for name, result in board.outcomes.items()}

    assert max(ndcg, key=ndcg.__getitem__) == ORACLE
    assert ndcg[PERSONAL_RANKER] > 1.2 * ndcg[BASELINE] > 2 * ndcg["random"]
    assert 100 < board.warm <= board.people <= 200


def test_no_candidate_was_interacted_with_before_and_each_query_has_relevant_posts(evaluation: Evaluation) -> None:
    engagements, posts = evaluation.history.engagements, len(evaluation.history.posts)
    interacted = np.unique(engagements.account * posts + engagements.post)
    candidates = evaluation.queries.account[:, None] * posts + evaluation.queries.posts

    assert not np.isin(candidates, interacted).any()
    assert evaluation.queries.relevant.any(1).all()
    assert not evaluation.queries.relevant.all(1).any()


def test_every_ranker_scores_every_candidate_with_a_number(evaluation: Evaluation) -> None:
    for name, score in RANKERS.items():
        scores = score(evaluation)
        assert scores.shape == evaluation.queries.posts.shape, name
        assert np.isfinite(scores).all(), name


def test_a_library_is_neutral_towards_an_unknown_account(evaluation: Evaluation) -> None:
    quiet = np.setdiff1d(np.arange(len(evaluation.history.accounts.ids)), evaluation.interactions.nonzero()[0])[:1]
    queries = evaluation.queries
    n = len(quiet)
    of_quiet = NetworkQueries(quiet, queries.country[:n], queries.posts[:n], queries.relevant[:n])

    for name in LIBRARIES:
        scores = RANKERS[name](Evaluation(evaluation.bench, NOW, evaluation.history, of_quiet, 7))
        assert len(quiet) == 1
        assert np.ptp(scores) < 1e-3, name


def test_worlds_have_figures_with_floors(board: Leaderboard) -> None:
    by_name = figures([board])

    assert set(by_name) == {f"XS: over {BASELINE}", "XS: of the oracle"}
    assert 0.5 < by_name["XS: of the oracle"].value < 1


def test_errors_of_several_networks_add_as_independent_ones_do(board: Leaderboard) -> None:
    result = board.outcomes[PERSONAL_RANKER]

    row = row_of([result, result])

    assert row[0] == PERSONAL_RANKER
    assert row[1] == f"{result.ndcg:.3f} ± {result.error / np.sqrt(2):.3f}"
