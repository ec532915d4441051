"""What a training of the rankers of countries works with, and the promotion and evaluation of its models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from shared.artifacts import Challenge, Outcome, Registry, TrainingOutcome, TrainingOutcomes, version_at
from shared.columns import FloatArray
from shared.errors import Conflict
from shared.ml import trees
from shared.ranking.country_ranker import CountryModel, DecayedPopularity, Ranker, Rankers
from shared.ranking.country_training import HYPERPARAMETERS, CountryTrainer
from shared.ranking.evaluation_queries import EvaluationQueries
from shared.ranking.features import FEATURES, popularity_of
from shared.ranking.history import History
from shared.ranking.holdout import Cut
from shared.ranking.options import Coldstart
from shared.report import Detail


@dataclass(frozen=True, slots=True)
class Training:
    """What a run works with.

    rankers   that are live
    live      versions that were live when the training began, by family and key
    cuts      the latest first; models that are promoted learn from before that one
    promoted  keys of the models that the run has made live
    frozen    keys whose live models stay, since they are frozen, though the run found better ones
    outcomes  of the keys that had anything to learn from, or a model
    """

    registry: Registry
    rankers: Rankers
    live: Mapping[tuple[str, str], str]
    trainer: CountryTrainer
    cuts: Sequence[Cut]
    promoted: list[str] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)
    outcomes: list[TrainingOutcome] = field(default_factory=list)

    @property
    def history(self) -> History:
        return self.trainer.history

    @property
    def options(self) -> Coldstart:
        """The options of the latest cut."""
        return self.cuts[0].options

    @property
    def version(self) -> str:
        """Version of all models of the run; the same if the run is repeated for the same moment."""
        return version_at(self.history.now)

    def promote(
        self, family: str, model: CountryModel, metrics: Mapping[str, float], measures: Mapping[str, float]
    ) -> CountryModel | None:
        """Store the model, and make it live unless its key is frozen; returns what is live then, if anything.

        measures  what decided, for the outcome
        """
        now, options = self.history.now, self.options
        challenge = self._challenge(family, model.name)
        try:
            promoted = challenge.promote(
                model.model,
                window=(now - options.holdout - options.examples_span, now - options.holdout),
                features=FEATURES.names,
                fingerprint=FEATURES.fingerprint,
                metrics={**metrics, **model.metrics(), "hyperparameters": HYPERPARAMETERS},
                libraries={"xgboost": trees.version()},
            )
        except Conflict:  # the other countries are trained all the same
            self.outcomes.append(challenge.outcome("overtaken", measures))
            return self.rankers.own(family, model.name)
        (self.promoted if promoted else self.frozen).append(model.name)
        self.outcomes.append(challenge.outcome("promoted" if promoted else "frozen", measures))
        return model if promoted else self.rankers.own(family, model.name)

    def give_up(self, family: str, key: str, parent: str, measures: Mapping[str, float]) -> CountryModel | None:
        """Use the model of `parent` in place of the key's own, unless the key is frozen; returns the model of its own
        that is live then, if any."""
        challenge = self._challenge(family, key)
        try:
            given_up = challenge.give_up(parent)
        except Conflict:
            self.outcomes.append(challenge.outcome("overtaken", measures))
            return self.rankers.own(family, key)
        self.outcomes.append(challenge.outcome("given up" if given_up else "frozen", measures))
        if given_up:
            return None
        self.frozen.append(key)
        return self.rankers.own(family, key)

    def keep(self, family: str, key: str, outcome: Outcome, measures: Mapping[str, float]) -> None:
        """Note why what is live stays."""
        self.outcomes.append(self._challenge(family, key).outcome(outcome, measures))

    def _challenge(self, family: str, key: str) -> Challenge:
        """A challenge of the version that was live when the training began."""
        return Challenge(self.registry, family, key, self.history.now, self.live.get((family, key)))

    def conclude(self) -> None:
        """Store what came of the trainings of all keys."""
        TrainingOutcomes(self.registry.database).add(self.outcomes)

    def details(self) -> dict[str, Detail]:
        """What the run did with its models, for the report."""
        frozen: dict[str, Detail] = {"frozen": ", ".join(self.frozen)} if self.frozen else {}
        return {"promoted": len(self.promoted), "refused": len(self.rankers.refused), **frozen}


def mean_ndcg(
    queries: Sequence[EvaluationQueries], model: CountryModel, comparisons: Mapping[str, Ranker | None]
) -> dict[str, float]:
    """Mean NDCG@10 over all queries, 0..1, of the model, of the baselines and of the rankers to compare that exist, by
    name; and the number of queries as `lists`. Empty without queries.

    queries  by country
    """
    if not queries:
        return {}
    rng = np.random.default_rng(0)
    ndcg: dict[str, list[FloatArray]] = {
        "random": [group.ndcg_of(rng.random(len(group.described))[group.posts]) for group in queries],
        "popularity": [group.ndcg_of(popularity_of(group.matrix(model.decay))[group.posts]) for group in queries],
    }
    rankers = {"decayed_popularity": DecayedPopularity(model.decay), "model": model, **comparisons}
    ndcg |= {name: [group.ndcg(ranker) for group in queries] for name, ranker in rankers.items() if ranker is not None}
    means = {name: float(np.concatenate(values).mean()) for name, values in ndcg.items()}
    return means | {"lists": float(sum(map(len, queries)))}
