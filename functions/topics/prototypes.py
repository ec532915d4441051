"""Prototypes: the embedded phrases that describe the topics, and how similar a text is to those of one topic."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from functions.topics.taxonomy import Taxonomy
from shared.columns import Float32Array, IntArray
from shared.text import embedding

NONE_CLASS: Final = -1  # stands for "no topic" where a position in the taxonomy is expected
N_NEAREST: Final = 3  # prototypes of a topic that count for it, those of the topics below it included


@dataclass(frozen=True, slots=True)
class Prototypes:
    """The phrases that describe the topics.

    topic    (n_prototypes,) positions in the taxonomy, NONE_CLASS for small talk
    vectors  (n_prototypes, 512) unit rows, rounded to float16
    """

    topic: IntArray
    vectors: Float32Array

    @classmethod
    def of(cls, tree: Taxonomy) -> "Prototypes":
        """Embed every phrase of the taxonomy, in about 0.4 s."""
        rows = numbered_phrases(tree)
        vectors = embedding.embed([phrase for _, phrase in rows])
        return cls(np.array([number for number, _ in rows]), vectors.astype(np.float16).astype(np.float32))


def numbered_phrases(tree: Taxonomy) -> list[tuple[int, str]]:
    """The position in the taxonomy and the phrase of every prototype, in the order of `Prototypes`."""
    rows = [(number, phrase) for number, topic in enumerate(tree.topics) for phrase in topic.prototypes]
    return rows + [(NONE_CLASS, phrase) for phrase in tree.none_class_prototypes]


def mean_of_nearest(similarities: Float32Array) -> Float32Array:
    """(n,) mean of the `N_NEAREST` highest similarities of each row, or of all where there are fewer.

    similarities  (n, n_prototypes of one topic) dot products of unit vectors, -1..1, higher = closer in meaning
    """
    count = min(N_NEAREST, similarities.shape[1])
    nearest: Float32Array = np.partition(similarities, -count, axis=1)[:, -count:].mean(axis=1)
    return nearest
