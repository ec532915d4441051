"""Training of the rankers for the guests of every country."""

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from functions.coldstart.country_models import train_countries, write_aliases
from functions.coldstart.training import Training, mean_ndcg
from shared.artifacts import Registry
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import COUNTRY, GLOBAL, GLOBAL_KEY, CountryModel, DecayedPopularity, Rankers
from shared.ranking.country_training import CountryTrainer
from shared.ranking.gain_estimate import GainEstimate
from shared.ranking.half_life import estimate_decay
from shared.ranking.history import History, read_history
from shared.ranking.holdout import rolling_cuts, why_skipped
from shared.ranking.options import Coldstart
from shared.report import Detail, Report
from shared.store import Store

NAME = "train_coldstart"


def run(store: Store, registry: Registry, options: Coldstart, *, now: datetime) -> Report:
    """Train a model of all countries and one of each country with enough data; promote those that rank better on the
    latest holdout.

    Afterwards every country has a document: its own model, or the name of the country whose model is used for it. A run
    with nothing to learn from, or without queries to evaluate on, says so in its report and changes no model of all
    countries.
    """
    with store.leases.hold(NAME):
        live = {
            (family, key): version
            for family in (COUNTRY, GLOBAL)
            for key, version in registry.live_versions(family).items()
        }
        history = read_history(store, options, now=now, with_exposures=True)
        training = prepare(registry, live, history, options)
        try:
            global_model, details = train_global(training)
            train_countries(training, global_model)
            aliased = write_aliases(training, now)
        finally:  # also of the keys before one at which the run ends
            training.conclude()
    read = len(history.engagements) + len(history.impressions)
    return Report(read, len(training.promoted) + aliased, details=details | training.details())


def prepare(registry: Registry, live: Mapping[tuple[str, str], str], history: History, options: Coldstart) -> Training:
    """Count the history, draw the queries of every cut, and estimate the decay of popularity."""
    counters = Counters(history)
    cuts = rolling_cuts(history, counters, options, options.min_queries)
    trainer = CountryTrainer(history, counters, estimate_decay(history, counters, options))
    return Training(registry, Rankers(registry), live, trainer, cuts)


def train_global(training: Training) -> tuple[CountryModel | None, dict[str, Detail]]:
    """Train the model of all countries, with the weight of its estimated gain, and promote it if it beats the live one
    on the latest holdout, or, if none is live, if its weight is above 0.

    Returns the model that is live afterwards, if any, and details for the report.
    """
    live, queries = training.rankers.own(GLOBAL, GLOBAL_KEY), training.cuts[0].queries
    model = training.trainer.train_global(training.cuts[0], training.version)
    if model is None or not any(map(len, training.cuts)):
        too_few = {"engagements": len(training.history.engagements), "lists": sum(map(len, training.cuts))}
        too_few |= {"engagements_needed": 1, "lists_needed": 1}
        training.keep(GLOBAL, GLOBAL_KEY, "too little data", too_few)
        return live, {"skipped": why_skipped(training.history, training.cuts)}
    estimate = estimate_gain(training, model)
    model = CountryModel(model.name, model.version, model.model, model.decay, estimate.weight)
    metrics = mean_ndcg(queries, model, {"live": live})
    evidence = estimate.metrics() | {"engagements": float(len(training.history.engagements))}
    ndcg = {f"ndcg_{name}": round(value, 4) for name, value in metrics.items() if name != "lists"}
    measures = ndcg | evidence | {"lists": metrics.get("lists", 0.0)}
    if estimate.is_promoted(metrics, has_live=live is not None):
        live = training.promote(GLOBAL, model, metrics | evidence, measures)
    else:
        training.keep(GLOBAL, GLOBAL_KEY, "not better", measures)
    evidence |= model.metrics()
    return live, {**ndcg, **{name: round(value, 4) for name, value in evidence.items()}}


def estimate_gain(training: Training, model: CountryModel) -> GainEstimate:
    """The gain of the trees over popularity with the same decay, at every cut with trees that learnt from before it.

    model  that learnt from before the latest cut
    """
    popularity = DecayedPopularity(model.decay)
    person, gain, cuts = [np.empty(0, np.int64)], [np.empty(0)], 0
    for cut in filter(len, training.cuts):
        of_cut = model if cut is training.cuts[0] else training.trainer.train_global(cut, training.version)
        if of_cut is None:
            continue
        cuts += 1
        for queries in cut.queries:
            person.append(queries.person)
            gain.append(queries.ndcg(of_cut) - queries.ndcg(popularity))
    return GainEstimate.of(np.concatenate(person), np.concatenate(gain), cuts)
