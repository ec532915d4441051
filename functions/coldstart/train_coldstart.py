"""A ranker for the guests of every country."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from shared.artifacts import Artifact, Manifest, Registry
from shared.columns import FloatArray
from shared.config import Coldstart
from shared.countries import COUNTRIES
from shared.ml import trees
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import COUNTRY, GLOBAL, GLOBAL_KEY, CountryModel, DecayedPopularity, Ranker, Rankers
from shared.ranking.country_training import CountryTrainer
from shared.ranking.evidence import Evidence
from shared.ranking.features import FEATURES, popularity_of
from shared.ranking.half_life import estimate_decay
from shared.ranking.history import UNKNOWN_COUNTRY, History, read_history
from shared.ranking.holdout import Cut, EvaluationQueries, rolling_cuts, why_skipped
from shared.report import Detail, Report
from shared.store import Store

NAME = "train_coldstart"


@dataclass(frozen=True, slots=True)
class Training:
    """What one run works with, and what it found out.

    cuts  the latest first: models that become live are of what was before that one
    """

    registry: Registry
    rankers: Rankers
    learner: CountryTrainer
    cuts: Sequence[Cut]
    promoted: list[str] = field(default_factory=list)

    @property
    def history(self) -> History:
        return self.learner.history

    @property
    def options(self) -> Coldstart:
        return self.cuts[0].options

    @property
    def version(self) -> str:
        """The same for a run that is repeated."""
        return f"{self.history.now:%Y%m%dT%H%M%SZ}"

    def promote(self, family: str, model: CountryModel, metrics: Mapping[str, float]) -> CountryModel:
        """Keep the model and make it live."""
        now, options = self.history.now, self.options
        manifest = Manifest(
            family=family,
            key=model.name,
            version=model.version,
            trained_at=now,
            window=(now - options.holdout - options.examples_span, now - options.holdout),
            features=FEATURES.names,
            fingerprint=FEATURES.fingerprint,
            metrics={**metrics, **model.metrics()},
            libraries={"xgboost": trees.version()},
        )
        self.registry.add(Artifact(manifest, model.model))
        live = self.registry.live_version(family, model.name)
        self.registry.promote(family, model.name, model.version, instead_of=live, at=now)
        self.promoted.append(model.name)
        return model


def run(store: Store, registry: Registry, options: Coldstart, *, now: datetime) -> Report:
    """Train a model of all countries and one for each with enough data, and make live what orders the holdout better.

    Every country has a document afterwards: its own model, or the name of the one that answers for it. A run with
    nothing to learn from, or nobody to judge by, says so and changes no model of all countries.
    """
    with store.leases.hold(NAME):
        history = read_history(store, options, now=now, with_exposures=True)
        training = prepare(registry, history, options)
        everyone, details = train_everyone(training)
        train_countries(training, everyone)
        aliased = write_alias(training, now)
    details |= {"promoted": len(training.promoted), "refused": len(training.rankers.refused)}
    return Report(len(history.engagements) + len(history.seen), len(training.promoted) + aliased, details=details)


def prepare(registry: Registry, history: History, options: Coldstart) -> Training:
    """What to train with, and what to judge by."""
    counters = Counters(history)
    cuts = rolling_cuts(history, counters, options, options.judged_lists)
    learner = CountryTrainer(history, counters, estimate_decay(history, counters, options))
    return Training(registry, Rankers(registry), learner, cuts)


def train_everyone(training: Training) -> tuple[CountryModel | None, dict[str, Detail]]:
    """Train the model of all countries, let it count by the evidence for it, and promote it if it counts for anything
    where none is live, or orders the latest holdout better than the live one.

    Returns the model that is live afterwards, None without one, and what was measured.
    """
    live, queries = training.rankers.own(GLOBAL, GLOBAL_KEY), training.cuts[0].queries
    model = training.learner.everyone(training.cuts[0], training.version)
    if model is None or not any(map(len, training.cuts)):
        return live, {"skipped": why_skipped(training.history, training.cuts)}
    evidence = evidence_for(training, model)
    model = CountryModel(model.name, model.version, model.model, model.decay, evidence.weight)
    metrics = measured(queries, model, {"live": live})
    used = evidence.metrics() | {"engagements": float(len(training.history.engagements))}
    better = model.weight > 0 if live is None else metrics.get("model", 0.0) > metrics.get("live", 0.0)
    if better:
        live = training.promote(GLOBAL, model, metrics | used)
    ndcg = {f"ndcg_{name}": round(value, 4) for name, value in metrics.items() if name != "lists"}
    used |= model.metrics()
    return live, {**ndcg, **{name: round(value, 4) for name, value in used.items()}}


def evidence_for(training: Training, model: CountryModel) -> Evidence:
    """What the trees gain over popularity with the same decay, at every cut with trees of what was before it."""
    popularity = DecayedPopularity(model.decay)
    person, gain, cuts = [np.empty(0, np.int64)], [np.empty(0)], 0
    for cut in filter(len, training.cuts):
        of_cut = model if cut is training.cuts[0] else training.learner.everyone(cut, training.version)
        if of_cut is None:
            continue
        cuts += 1
        for queries in cut.queries:
            person.append(queries.person)
            gain.append(queries.ndcg(of_cut) - queries.ndcg(popularity))
    return Evidence.of(np.concatenate(person), np.concatenate(gain), cuts)


def train_countries(training: Training, everyone: CountryModel | None) -> None:
    """Give each country with enough data a model of its own if that is better than its parent: the base country first,
    whose parent is the model of all, then the others, whose parent is the base country's.

    One that has a model, and no longer the data for another, keeps it unless that is surely worse than its parent.
    """
    options = training.options
    if everyone is None:
        return
    holdout = {
        COUNTRIES[queries.country]: queries
        for queries in training.cuts[0].queries
        if queries.country != UNKNOWN_COUNTRY
    }
    trained = {
        key
        for key, queries in holdout.items()
        if len(queries) >= options.country_lists and has_positives(training, key)
    }
    with_model = training.registry.owners(COUNTRY) & set(COUNTRIES)
    parent = everyone
    for key in sorted(trained | with_model, key=lambda country: (country != options.base_country, country)):
        if key in trained:
            live = train_country(training, holdout[key], parent)
        else:
            live = keep(training, key, holdout.get(key), parent)
        if key == options.base_country:
            parent = live or parent


def has_positives(training: Training, country: str) -> bool:
    """Whether there are engagements enough for a model of the country's own."""
    engagements = training.history.engagements
    return int((engagements.country == COUNTRIES.index(country)).sum()) >= training.options.country_positives


def keep(training: Training, key: str, queries: EvaluationQueries | None, parent: CountryModel) -> CountryModel | None:
    """The country's live model; None where it falls behind the parent by `margin` standard errors among the people that
    there are, however few, so that it is given up."""
    live = training.rankers.own(COUNTRY, key)
    if live is None or queries is None or len(queries) < 2:
        return live
    behind = queries.ndcg(parent) - queries.ndcg(live)
    if behind.mean() <= training.options.margin * behind.std(ddof=1) / np.sqrt(len(behind)):
        return live
    give_up(training, key)
    return None


def give_up(training: Training, key: str) -> None:
    """Let the parent answer for a country that has a model of its own."""
    training.registry.write_alias(COUNTRY, [key], _parent_of(key, training.options), at=training.history.now)


def train_country(training: Training, queries: EvaluationQueries, parent: CountryModel) -> CountryModel | None:
    """Continue the parent with the country's own examples; returns the model that is live afterwards, None if none is.

    A model of its own must beat its parent by `margin` standard errors, and the one that is live in any case. One that
    is live and falls behind the parent is given up.
    """
    options, key = training.options, COUNTRIES[queries.country]
    live = training.rankers.own(COUNTRY, key)
    model = replace(training.learner, decay=parent.decay).fit(
        training.cuts[0],
        options.country_engagements,
        options.country_rounds,
        options.country_learning_rate,
        country=queries.country,
        start=parent.model,
    )
    parent_ndcg = queries.ndcg(parent)
    live_ndcg = queries.ndcg(live) if live else None
    if model:
        challenger = CountryModel(key, training.version, model, parent.decay, parent.weight)
        gain = queries.ndcg(challenger) - parent_ndcg
        better = len(gain) > 1 and gain.mean() > options.margin * gain.std(ddof=1) / np.sqrt(len(gain))
        if better and (live_ndcg is None or (gain + parent_ndcg).mean() > live_ndcg.mean()):
            metrics = measured([queries], challenger, {"live": live, "parent": parent})
            return training.promote(COUNTRY, challenger, metrics)
    if live_ndcg is not None and live_ndcg.mean() < parent_ndcg.mean():
        give_up(training, key)
        return None
    return live


def write_alias(training: Training, now: datetime) -> int:
    """Name the parent of every country without a model of its own; returns how many documents changed."""
    own = training.registry.owners(COUNTRY)
    changed = 0
    for parent in (training.options.base_country, GLOBAL_KEY):
        keys = [key for key in COUNTRIES if key not in own and _parent_of(key, training.options) == parent]
        changed += training.registry.write_alias(COUNTRY, keys, parent, at=now)
    return changed


def measured(
    queries: Sequence[EvaluationQueries], model: CountryModel, others: Mapping[str, Ranker | None]
) -> dict[str, float]:
    """Mean NDCG@10 over all lists of the model, of the baselines and of others that are there, 0..1; nothing without
    lists."""
    if not queries:
        return {}
    rng = np.random.default_rng(0)
    scores: dict[str, list[FloatArray]] = {
        "random": [one.ndcg_of(rng.random(len(one.described))[one.posts]) for one in queries],
        "popularity": [one.ndcg_of(popularity_of(one.matrix(model.decay))[one.posts]) for one in queries],
    }
    rankers = {"decayed_popularity": DecayedPopularity(model.decay), "model": model, **others}
    scores |= {name: [one.ndcg(ranker) for one in queries] for name, ranker in rankers.items() if ranker is not None}
    means = {name: float(np.concatenate(values).mean()) for name, values in scores.items()}
    return means | {"lists": float(sum(map(len, queries)))}


def _parent_of(country: str, options: Coldstart) -> str:
    return GLOBAL_KEY if country == options.base_country else options.base_country
