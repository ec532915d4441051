"""A ranker for the guests of every country."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from shared.artifacts import Artifact, Manifest, Registry
from shared.config import Coldstart
from shared.ml import trees
from shared.network.counters import Counters
from shared.network.countries import COUNTRIES
from shared.network.examples import draw_examples
from shared.network.features import FEATURES, decayed_popularity_of, popularity_of
from shared.network.history import NOBODYS, History, read_history
from shared.network.holdout import Lists, judge_by
from shared.network.ranker import COUNTRY, EVERYONE, GLOBAL, CountryModel, Ranker, Rankers
from shared.report import Detail, Report
from shared.store import Store

NAME = "train_coldstart"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Training:
    """What one run works with, and what it found out."""

    registry: Registry
    rankers: Rankers
    options: Coldstart
    history: History
    touched: NDArray[np.int64]
    counters: Counters
    promoted: list[str] = field(default_factory=list)

    @property
    def version(self) -> str:
        """The same for a run that is repeated."""
        return f"{self.history.now:%Y%m%dT%H%M%SZ}"

    def fit(
        self, most: int, rounds: int, rate: float, *, country: int | None = None, start: bytes | None = None
    ) -> bytes:
        """A model of at most `most` engagements, of one country or of all; empty where there are none to learn from."""
        rng = np.random.default_rng(0)
        examples = draw_examples(self.history, self.touched, self.options, rng, most=most, country=country)
        if not examples.label.any() or examples.label.all():
            return b""
        matrix = FEATURES.matrix(examples.moments(self.counters))
        parameters = _PARAMETERS | {"learning_rate": rate, "max_depth": self.options.max_depth}
        return trees.fit(
            matrix,
            examples.label,
            examples.weight,
            parameters=parameters,
            rounds=rounds,
            rises=FEATURES.rises,
            start=start,
        )

    def promote(self, family: str, key: str, model: bytes, metrics: dict[str, float]) -> CountryModel:
        """Keep the model and make it live."""
        now, options = self.history.now, self.options
        manifest = Manifest(
            family=family,
            key=key,
            version=self.version,
            trained_at=now,
            window=(now - options.holdout - options.examples_span, now - options.holdout),
            features=FEATURES.names,
            fingerprint=FEATURES.fingerprint,
            metrics=metrics,
            libraries={"xgboost": trees.version()},
        )
        self.registry.add(Artifact(manifest, model))
        live = self.registry.live_version(family, key)
        self.registry.promote(family, key, self.version, instead_of=live, at=now)
        self.promoted.append(key)
        return CountryModel(key, self.version, model)


_PARAMETERS = {
    "objective": "reg:logistic",
    "min_child_weight": 5.0,
    "reg_lambda": 2.0,
    "subsample": 0.7,
    "colsample_bytree": 0.7,
    "max_bin": 64,
}


def run(store: Store, registry: Registry, options: Coldstart, *, now: datetime) -> Report:
    """Train a model of all countries and one for each with enough data, and make live what orders the holdout better.

    Every country has a document afterwards: its own model, or the name of the one that answers for it. A run without
    enough data says so and changes no model.
    """
    with store.leases.hold(NAME):
        history = read_history(store, options, now=now, with_exposures=True)
        training, lists = prepare(registry, history, options)
        everyone, details = train_everyone(training, lists)
        train_countries(training, lists, everyone)
        aliased = stand_in(training, now)
    details |= {"promoted": len(training.promoted), "refused": len(training.rankers.refused)}
    return Report(len(history.acts) + len(history.seen), len(training.promoted) + aliased, details=details)


def prepare(registry: Registry, history: History, options: Coldstart) -> tuple[Training, list[Lists]]:
    """What to train with, and lists to judge by."""
    counters = Counters(history)
    judging = judge_by(history, counters, options, options.country_lists)
    training = Training(registry, Rankers(registry), judging.options, history, judging.touched, counters)
    return training, judging.lists


def train_everyone(training: Training, lists: Sequence[Lists]) -> tuple[CountryModel | None, dict[str, Detail]]:
    """Train the model of all countries and promote it if it beats the live one, or popularity where there is none.

    Returns the model that is live afterwards, None without one, and what was measured.
    """
    options = training.options
    live = training.rankers.own(GLOBAL, EVERYONE)
    if sum(map(len, lists)) < options.country_lists:
        return live, {"skipped": "too few people in the holdout to judge by"}
    model = training.fit(options.max_positives, options.rounds, options.learning_rate)
    if not model:
        return live, {"skipped": "no engagement to learn from"}
    challenger = CountryModel(EVERYONE, training.version, model)
    metrics = measured(lists, challenger, {"live": live})
    if metrics["model"] > metrics.get("live", metrics["decayed_popularity"]):
        live = training.promote(GLOBAL, EVERYONE, model, metrics)
    return live, {f"ndcg_{name}": round(value, 4) for name, value in metrics.items() if name != "lists"}


def train_countries(training: Training, lists: Sequence[Lists], everyone: CountryModel | None) -> None:
    """Give each country with enough data a model of its own if that is better than its parent: the base country first,
    whose parent is the model of all, then the others, whose parent is the base country's."""
    options = training.options
    base = COUNTRIES.index(options.base_country)
    parent = everyone
    for those in sorted(lists, key=lambda one: one.country != base):
        if those.country == NOBODYS or len(those) < options.country_lists:
            continue
        kept = train_country(training, those, parent)
        if those.country == base:
            parent = kept or parent


def train_country(training: Training, lists: Lists, parent: CountryModel | None) -> CountryModel | None:
    """Continue the parent with the country's own examples; returns the model that is live afterwards, None if none is.

    A model of its own must beat its parent by `margin` standard errors, and the one that is live in any case. One that
    is live and falls behind the parent is given up.
    """
    options, key = training.options, COUNTRIES[lists.country]
    live = training.rankers.own(COUNTRY, key)
    acts = training.history.acts
    if (acts.country == lists.country).sum() < options.country_positives:
        return live
    model = training.fit(
        options.country_engagements,
        options.country_rounds,
        options.country_learning_rate,
        country=lists.country,
        start=parent.model if parent else None,
    )
    parent_ndcg = lists.ndcg(parent.margins if parent else decayed_popularity_of)
    live_ndcg = lists.ndcg(live.margins) if live else None
    if model:
        challenger = CountryModel(key, training.version, model)
        gain = lists.ndcg(challenger.margins) - parent_ndcg
        better = gain.mean() > options.margin * gain.std(ddof=1) / np.sqrt(len(gain))
        if better and (live_ndcg is None or (gain + parent_ndcg).mean() > live_ndcg.mean()):
            metrics = measured([lists], challenger, {"live": live, "parent": parent})
            return training.promote(COUNTRY, key, model, metrics)
    if live_ndcg is not None and live_ndcg.mean() < parent_ndcg.mean():
        training.registry.stand_in(COUNTRY, [key], _parent_of(key, options), at=training.history.now)
        return None
    return live


def stand_in(training: Training, now: datetime) -> int:
    """Name the parent of every country without a model of its own; returns how many documents changed."""
    own = training.registry.owners(COUNTRY)
    changed = 0
    for parent in (training.options.base_country, EVERYONE):
        keys = [key for key in COUNTRIES if key not in own and _parent_of(key, training.options) == parent]
        changed += training.registry.stand_in(COUNTRY, keys, parent, at=now)
    return changed


def measured(lists: Sequence[Lists], model: Ranker, others: dict[str, Ranker | None]) -> dict[str, float]:
    """Mean NDCG@10 over all lists of the model, of the baselines and of others that are there, 0..1."""
    rng = np.random.default_rng(0)
    scores: dict[str, Callable[[NDArray[np.float32]], Floats]] = {
        "random": lambda matrix: rng.random(len(matrix)),
        "popularity": popularity_of,
        "decayed_popularity": decayed_popularity_of,
        "model": model.margins,
    }
    scores |= {name: other.margins for name, other in others.items() if other is not None}
    means = {name: float(np.concatenate([one.ndcg(score) for one in lists]).mean()) for name, score in scores.items()}
    return means | {"lists": float(sum(map(len, lists)))}


def _parent_of(country: str, options: Coldstart) -> str:
    return EVERYONE if country == options.base_country else options.base_country
