"""What the score of a row of the guest feed is made of, as it is stored with the row.

For example: {ranker: "th 20260130T041500Z", engagements: 12, ageHours: 3.5, halfLifeHours: 24, decay: 0.9, model: 1.4,
quality: 0.8, language: 1, relation: 1, author: 0.7, features: [{name: "recent24", value: 2.1, factor: 1.2}, …],
others: 0.9}

The score is (engagements + 1) · decay · model · quality · language · author; `model` is the product of the factors of
the features and of `others`, which are all other features and what every post has. `relation` is what the post's
language is to the country, as the feature `language` says it; null where nobody named the language.
"""

import math
from collections.abc import Sequence

import numpy as np

from shared.columns import Float32Array, FloatArray
from shared.documents import Document
from shared.ranking.country_ranker import Ranker
from shared.ranking.features import FEATURES, decayed_popularity_of, popularity_of

MAX_FEATURES = 8  # of a row, those that change its score most
_NAMES = FEATURES.names
_AGE, _RELATION = _NAMES.index("age"), _NAMES.index("language")


def score_factors(
    ranker: Ranker, matrix: Float32Array, *, quality: FloatArray, language: FloatArray, author: FloatArray
) -> Sequence[Document]:
    """What the scores of n posts are made of.

    matrix    (n, n_features) what the ranker reads
    quality   (n,) factor by the quality of the post
    language  (n,) factor by its language
    author    (n,) factor by the posts of its author that stand above it
    """
    engagements, decayed = popularity_of(matrix), decayed_popularity_of(matrix)
    model = np.exp(ranker.logits(matrix) - decayed)
    contributions = ranker.contributions(matrix)[:, : len(_NAMES)]
    largest = np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, :MAX_FEATURES]
    strongest = np.take_along_axis(contributions, largest, axis=1)
    columns = {
        "engagements": engagements,
        "ageHours": matrix[:, _AGE],
        "decay": np.exp(decayed) / (engagements + 1),
        "model": model,
        "quality": quality,
        "language": language,
        "relation": matrix[:, _RELATION],
        "author": author,
        "others": model / np.exp(strongest.sum(1)),
    }
    made_with = {"ranker": f"{ranker.name} {ranker.version}".rstrip(), "halfLifeHours": ranker.decay.half_life_hours}
    values = np.take_along_axis(matrix, largest, axis=1)
    features = zip(largest.tolist(), values.tolist(), np.exp(strongest).tolist(), strict=True)
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [
        made_with
        | {name: _known(value) for name, value in zip(columns, row, strict=True)}
        | {"features": [_feature(*feature) for feature in zip(*of_row, strict=True) if feature[2] != 1]}
        for row, of_row in zip(rows, features, strict=True)
    ]


def _feature(number: int, value: float, factor: float) -> Document:
    return {"name": _NAMES[number], "value": _known(value), "factor": factor}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
