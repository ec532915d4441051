"""How well the live country rankers order posts for later engagements, which no function has seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from benchmarks.bench_database import NOW, BenchDatabase, Tell
from benchmarks.floors import BASELINE_RATIO_OF_THE_ORIGINAL, ORIGINAL, ORIGINAL_QUALITY, RATIOS, Figure
from benchmarks.ranking.post_scores import BASELINE, baselines, country_logits
from benchmarks.ranking.queries import PROTOCOLS, HeldOutEngagements
from benchmarks.table import Sheet, yes_or_no
from shared.columns import FloatArray
from shared.ml import ranking
from shared.ml.ranking import RankingMetrics
from shared.ranking.history import read_history
from shared.ranking.options import Coldstart

RESAMPLES = 1_000
MODEL = "model"


@dataclass(frozen=True, slots=True)
class CountryQuality:
    """The country rankers on one network under one protocol.

    lists     evaluation queries [count]
    ratio     NDCG@10 of the model over that of popularity x decay
    interval  95 % bootstrap interval of the ratio, over accounts
    rankers   NDCG@10, Recall@10 and AUC of each ranker
    answered  number of countries that each kind of model answered for
    """

    size: str
    seed: int
    protocol: str
    lists: int
    ratio: Figure
    interval: tuple[float, float]
    rankers: dict[str, RankingMetrics]
    answered: dict[str, int]


def evaluate(bench: BenchDatabase, tell: Tell) -> Iterator[CountryQuality]:
    """Compare the live rankers of a network with the baselines, under each protocol."""
    tell(f"{bench.size}, seed {bench.seed}: ranking every post for every country")
    history = read_history(bench.store, bench.settings.options.of(Coldstart), now=NOW)
    held_out = HeldOutEngagements.read(bench, history)
    countries = np.unique(held_out.country)
    by_country, answered = country_logits(bench, history, countries)
    for number, (protocol, recent_ratio) in enumerate(PROTOCOLS.items()):
        tell(f"{bench.size}, seed {bench.seed}: judging {protocol}")
        rng = np.random.default_rng([bench.seed, number])
        queries = held_out.queries(history, recent_ratio, rng)
        scores = {name: score[queries.posts] for name, score in baselines(history, rng).items()}
        scores[MODEL] = by_country[np.searchsorted(countries, queries.country)[:, None], queries.posts]
        model, baseline = (ranking.ndcg(scores[name], queries.relevant) for name in (MODEL, BASELINE))
        ratio = Figure(float(model.mean() / baseline.mean()), "x")
        rankers = {name: ranking.ranking_metrics(score, queries.relevant) for name, score in scores.items()}
        interval = bootstrap_interval(model, baseline, rng)
        yield CountryQuality(bench.size, bench.seed, protocol, len(model), ratio, interval, rankers, answered)


def bootstrap_interval(model: FloatArray, baseline: FloatArray, rng: np.random.Generator) -> tuple[float, float]:
    """95 % interval of the ratio of the mean NDCG, with the queries drawn anew with replacement.

    model, baseline  (n_queries,) NDCG@10
    """
    ratios = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        sample = rng.integers(len(model), size=len(model))
        ratios[i] = model[sample].mean() / baseline[sample].mean()
    low, high = np.quantile(ratios, (0.025, 0.975)).tolist()
    return low, high


def mean_ratios(qualities: Sequence[CountryQuality]) -> dict[tuple[str, str], Figure]:
    """The mean ratio over the seeds, by world and protocol: a floor holds for the mean of three networks."""
    ratios: dict[tuple[str, str], list[float]] = {}
    for quality in qualities:
        ratios.setdefault((quality.size, quality.protocol), []).append(quality.ratio.value)
    return {key: Figure(fmean(values), "x", RATIOS.get(key[0]), at_least=True) for key, values in ratios.items()}


def ratio_sheet(qualities: Sequence[CountryQuality]) -> Sheet:
    """NDCG@10 of the live rankers over popularity x decay, network by network."""
    rows = [
        (
            quality.size,
            str(quality.seed),
            quality.protocol,
            f"{quality.lists:,}",
            quality.ratio.text,
            f"{quality.interval[0]:.3f} - {quality.interval[1]:.3f}",
            quality.ratio.floor_text,
            yes_or_no([quality.ratio]),
            ", ".join(f"{name} ({number})" for name, number in quality.answered.items()),
            BASELINE_RATIO_OF_THE_ORIGINAL + " x",
        )
        for quality in qualities
    ]
    for (size, protocol), mean in mean_ratios(qualities).items():
        ratios = [one.ratio.value for one in qualities if (one.size, one.protocol) == (size, protocol)]
        spread = f"{min(ratios):.3f} - {max(ratios):.3f} (seeds)"
        rows.append((size, "mean", protocol, "", mean.text, spread, mean.floor_text, yes_or_no([mean]), "", ""))
    columns = (
        "world", "seed", "200 candidates", "people", "ratio", "95 %", "floor", "met", "answered by (countries)",
        ORIGINAL,
    )  # fmt: skip
    return Sheet("Country rankers, NDCG@10 over popularity x decay", columns, rows)


def ranker_sheet(qualities: Sequence[CountryQuality]) -> Sheet:
    """NDCG@10 / Recall@10 / AUC of each ranker, means over the seeds."""
    rows = []
    for size, protocol in dict.fromkeys((quality.size, quality.protocol) for quality in qualities):
        by_seed = [one.rankers for one in qualities if (one.size, one.protocol) == (size, protocol)]
        for name in by_seed[0]:
            mean = mean_text([rankers[name] for rankers in by_seed])
            rows.append((size, protocol, name, mean, ORIGINAL_QUALITY.get((name, size), "")))
    note = "How the original drew candidates was not published; its `model` is its cold start as shipped."
    return Sheet(
        "Rankers, NDCG@10 / Recall@10 / AUC", ("world", "200 candidates", "ranker", "mean", ORIGINAL), rows, note
    )


def mean_text(qualities: Sequence[RankingMetrics]) -> str:
    """The means over several networks as text: .278 / .294 / .825."""
    means = (fmean(getattr(quality, name) for quality in qualities) for name in ("ndcg_at_10", "recall_at_10", "auc"))
    return " / ".join(f"{mean:.3f}".removeprefix("0") for mean in means)
