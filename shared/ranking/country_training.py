"""How trees of countries are fitted, on what decayed popularity leaves unexplained."""

from dataclasses import dataclass

import numpy as np

from shared.ml import trees
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import GLOBAL_KEY, CountryModel
from shared.ranking.decay import PopularityDecay
from shared.ranking.examples import draw_examples
from shared.ranking.features import FEATURES, decayed_popularity_of
from shared.ranking.history import History
from shared.ranking.holdout import Cut

# Weight of a leaf, at least: much of it, so that few examples change little of what popularity says; less where a
# country goes on from a parent, with few examples and few trees.
_MIN_LEAF, _MIN_LEAF_OF_COUNTRY = 20.0, 5.0
_PARAMETERS = {
    "objective": "reg:logistic",
    "reg_lambda": 2.0,
    "subsample": 0.7,
    "colsample_bytree": 0.7,
    "max_bin": 64,
}


@dataclass(frozen=True, slots=True)
class CountryTrainer:
    """What models of countries learn from, and the decay that they add to."""

    history: History
    counters: Counters
    decay: PopularityDecay

    def everyone(self, cut: Cut, version: str, weight: float = 1.0) -> CountryModel | None:
        """A model of all countries, of what was before a cut; None where there was no engagement to learn from."""
        options = cut.options
        model = self.fit(cut, options.max_positives, options.rounds, options.learning_rate)
        return CountryModel(GLOBAL_KEY, version, model, self.decay, weight) if model else None

    def fit(
        self, cut: Cut, most: int, rounds: int, rate: float, *, country: int | None = None, start: bytes | None = None
    ) -> bytes:
        """Trees of at most `most` engagements, of one country or of all; empty where there are none to learn from."""
        rng = np.random.default_rng(0)
        examples = draw_examples(self.history, cut.touched, cut.options, rng, most=most, country=country)
        if not examples.label.any() or examples.label.all():
            return b""
        matrix = FEATURES.matrix(examples.moments(self.counters, self.decay))
        base = decayed_popularity_of(matrix)
        least_leaf = _MIN_LEAF if start is None else _MIN_LEAF_OF_COUNTRY
        chosen = {"learning_rate": rate, "max_depth": cut.options.max_depth, "min_child_weight": least_leaf}
        return trees.fit(
            matrix,
            examples.label,
            examples.weight,
            parameters=_PARAMETERS | chosen,
            rounds=rounds,
            monotone_sign=FEATURES.monotone_sign,
            start=start,
            base=base - np.average(base, weights=examples.weight),
        )
