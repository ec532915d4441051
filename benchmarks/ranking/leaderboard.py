"""All rankers on one network: NDCG, recall, AUC and coverage of each."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.bench_database import Tell
from benchmarks.ranking.evaluation import Evaluation, Score
from benchmarks.ranking.rankers import OWN_HALF_LIFE, PERSONAL_RANKER
from shared.columns import FloatArray
from shared.ml import ranking


@dataclass(frozen=True, slots=True)
class RankerResult:
    """One ranker on one network.

    ndcg, recall, auc  at 10, means over accounts, 0..1, higher is better
    error              standard error of the NDCG
    coverage           part of the candidates that stand among the first ten of some query, 0..1
    cold, warm         NDCG of accounts with little and with enough history; nan where there are none
    warm_error         standard error of `warm`
    """

    ranker: str
    ndcg: float
    error: float
    recall: float
    auc: float
    coverage: float
    cold: float
    warm: float
    warm_error: float


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """All rankers on one network under one protocol.

    people, warm      accounts with a query, and how many of them are warm [count]
    gain, gain_error  NDCG of the personal ranker minus that of decayed popularity with its own half-life, paired by
                      warm account: the mean, and its standard error
    """

    network: str
    protocol: str
    people: int
    warm: int
    outcomes: dict[str, RankerResult]
    gain: float = float("nan")
    gain_error: float = float("nan")


def leaderboard(
    evaluation: Evaluation, rankers: Mapping[str, Score], network: str, protocol: str, tell: Tell
) -> Leaderboard:
    """Have each ranker order the queries, and measure the orders."""
    scores = {}
    for name, score in rankers.items():
        tell(f"{network}, {protocol}: {name}")
        scores[name] = score(evaluation)
    results = {name: result_of(name, values, evaluation) for name, values in scores.items()}
    ndcg = [ranking.ndcg(scores[name], evaluation.queries.relevant) for name in (PERSONAL_RANKER, OWN_HALF_LIFE)]
    gain = (ndcg[0] - ndcg[1])[evaluation.warm]
    people, warm = len(evaluation.warm), int(evaluation.warm.sum())
    return Leaderboard(network, protocol, people, warm, results, mean_of(gain), error_of(gain))


def result_of(name: str, scores: FloatArray, evaluation: Evaluation) -> RankerResult:
    """How well scores (n_queries, n_candidates) order the queries."""
    queries, warm = evaluation.queries, evaluation.warm
    values = ranking.ndcg(scores, queries.relevant)
    first = np.take_along_axis(queries.posts, np.argsort(-scores, axis=1, kind="stable")[:, :10], 1)
    return RankerResult(
        ranker=name,
        ndcg=mean_of(values),
        error=error_of(values),
        recall=mean_of(ranking.recall(scores, queries.relevant)),
        auc=mean_of(ranking.auc(scores, queries.relevant)),
        coverage=len(np.unique(first)) / max(len(np.unique(queries.posts)), 1),
        cold=mean_of(values[~warm]),
        warm=mean_of(values[warm]),
        warm_error=error_of(values[warm]),
    )


def mean_of(values: FloatArray) -> float:
    """The mean; nan of an empty array."""
    return float(values.mean()) if len(values) else float("nan")


def error_of(values: FloatArray) -> float:
    """Standard error of the mean; nan of fewer than two.

    >>> round(error_of(np.array([0.0, 1.0, 0.0, 1.0])), 4)
    0.2887
    """
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
