"""Why a text has a topic: the phrase that is nearest to it in meaning, and what labelled texts say."""

from functools import cache
from typing import Any

import numpy as np

from functions.topics.classifier import Classifier, Match
from functions.topics.prototypes import numbered_phrases
from functions.topics.taxonomy import taxonomy
from shared.columns import Float32Array, IntArray


def evidence(classifier: Classifier, vector: Float32Array, match: Match) -> dict[str, Any]:
    """The evidence for a topic of a text, as contentinfo keeps it.

    vector  (512,) embedding of the text
    returns the path and confidence of the match; `phrase` of the topic or of one below it, and its `similarity` to the
            text, -1..1; and the output of the topic's `head`, about 0 for no and 1 for yes, where it has one
    """
    number, branch = _branch(match.path)
    counting = np.flatnonzero(np.isin(classifier.prototypes.topic, branch))
    similarities = classifier.prototypes.vectors[counting] @ vector
    nearest = int(similarities.argmax())
    fields = {
        "path": match.path,
        "confidence": round(match.confidence, 4),
        "phrase": _phrases()[counting[nearest]],
        "similarity": round(float(similarities[nearest]), 4),
    }
    heads = np.flatnonzero(classifier.heads.topic == number)
    if heads.size:
        fields["head"] = round(float(classifier.heads.outputs(vector[np.newaxis])[0, heads[0]]), 4)
    return fields


@cache
def _phrases() -> list[str]:
    return [phrase for _, phrase in numbered_phrases(taxonomy())]


@cache
def _branch(path: str) -> tuple[int, IntArray]:
    """The position of a topic in the taxonomy, and those of the topic and all below it."""
    paths = taxonomy().paths
    return paths.index(path), np.flatnonzero([f"{each}/".startswith(f"{path}/") for each in paths])
