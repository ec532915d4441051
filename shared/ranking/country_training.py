"""Training of the trees of countries, which learn what decayed popularity leaves unexplained."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from shared.ml import trees
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import GLOBAL_KEY, CountryModel
from shared.ranking.decay import PopularityDecay
from shared.ranking.examples import KIND_PRIOR, SKIPPED_WEIGHT, draw_examples
from shared.ranking.features import FEATURES, decayed_popularity_of
from shared.ranking.history import History
from shared.ranking.holdout import Cut

# Least weight of the examples in a leaf: high, so that few examples change little of the order by popularity; lower for
# a country that continues a parent's trees, since it has fewer examples and adds fewer trees.
_MIN_LEAF, _MIN_LEAF_OF_COUNTRY = 20.0, 5.0
COUNTRY_LEARNING_RATE: Final = 0.03  # of the trees that a country adds to its parent's
_PARAMETERS = {
    "objective": "reg:logistic",
    "reg_lambda": 2.0,
    "subsample": 0.7,
    "colsample_bytree": 0.7,
    "max_bin": 64,
}
HYPERPARAMETERS: Final = {  # as manifests name them
    "kind_prior": KIND_PRIOR,
    "passed_over_weight": SKIPPED_WEIGHT,
    "country_learning_rate": COUNTRY_LEARNING_RATE,
}


@dataclass(frozen=True, slots=True)
class CountryTrainer:
    """What models of countries learn from, and the decay of the popularity that they add to."""

    history: History
    counters: Counters
    decay: PopularityDecay

    def train_global(self, cut: Cut, version: str, weight: float = 1.0) -> CountryModel | None:
        """A model of all countries that learns from before a cut; None if there is no engagement to learn from."""
        options = cut.options
        model = self.fit(cut, options.max_positives, options.rounds, options.learning_rate)
        return CountryModel(GLOBAL_KEY, version, model, self.decay, weight) if model else None

    def fit(
        self,
        cut: Cut,
        max_positives: int,
        rounds: int,
        learning_rate: float,
        *,
        country: int | None = None,
        start: bytes | None = None,
    ) -> bytes:
        """Trees as XGBoost's UBJSON, which learn from before a cut; empty if there are no engagements to learn from.

        max_positives  engagements that become examples, at most
        country        index into COUNTRIES; the examples of all countries without one
        start          trees of a parent that are continued for `rounds` more
        """
        rng = np.random.default_rng(0)
        examples = draw_examples(
            self.history, cut.interacted_pairs, cut.options, rng, max_positives=max_positives, country=country
        )
        if not examples.label.any() or examples.label.all():
            return b""
        matrix = FEATURES.matrix(examples.point_in_time(self.counters, self.decay))
        base = decayed_popularity_of(matrix)
        min_leaf = _MIN_LEAF if start is None else _MIN_LEAF_OF_COUNTRY
        parameters = {
            "learning_rate": learning_rate,
            "max_depth": cut.options.max_depth,
            "min_child_weight": min_leaf,
        }
        return trees.fit(
            matrix,
            examples.label,
            examples.weight,
            parameters=_PARAMETERS | parameters,
            rounds=rounds,
            monotone_sign=FEATURES.monotone_sign,
            start=start,
            base=base - np.average(base, weights=examples.weight),
        )
