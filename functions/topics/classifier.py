"""The topics of a text: those whose prototypes are nearest in meaning, corrected by linear heads that are trained on
labelled texts.

Confidences are computed from the top of the taxonomy down: the topics below one parent share the confidence of their
parent by a softmax. On the first level they compete with the prototypes of small talk, further down with the parent's
own prototypes, so that a text can be about sports without being about any one sport.
"""

import hashlib
from dataclasses import astuple, dataclass, fields
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from functions.topics.groups import Group, groups_of
from functions.topics.prototypes import Prototypes, mean_of_nearest, numbered_phrases
from functions.topics.taxonomy import Taxonomy, ancestors, taxonomy
from shared.artifacts import Artifact
from shared.artifacts.snapshots import packed, unpacked
from shared.columns import BoolArray, Float32Array, IntArray
from shared.errors import StaleModel
from shared.text import embedding
from shared.text.vectors import EMBEDDING_SIZE

FAMILY: Final = "topics"
KEY: Final = "all"
FINGERPRINT: Final = hashlib.sha256(f"{taxonomy().fingerprint} {embedding.NAME}".encode()).hexdigest()[:12]

# The arrays of an artifact with their types.
_DTYPES: Final = {
    "phrase_topic": "<i8",
    "phrases": "<f2",
    "head_topic": "<i8",
    "weights": "<f4",
    "bias": "<f4",
    "rule": "<f8",
}
# The text that the version of a classifier without an artifact is made from. Versions are stored with every annotated
# post, so the names in it stay as they are, whatever the fields of `Rule` are called.
_RULE_OF_VERSION: Final = "Rule(sharpness={}, head_weight={}, undecided={}, threshold={})"


@dataclass(frozen=True, slots=True)
class Match:
    """A topic of a text.

    confidence  0..1, higher = surer; a parent's is at least that of each of its children
    """

    path: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Rule:
    """The numbers that turn similarities and heads into topics; docs/topics.md says how each was chosen.

    inverse_temperature  factor of similarities before the softmax, above 0; higher = confidences nearer to 0 and 1
    head_weight          factor of a head's output, which is added to the scaled similarity
    head_offset          output of a head that changes nothing; outputs are about 0 for no and 1 for yes
    threshold            confidence from which on a text gets a topic, 0..1
    """

    inverse_temperature: float = 35.0
    head_weight: float = 17.0
    head_offset: float = 0.35
    threshold: float = 0.3


@dataclass(frozen=True, slots=True)
class Heads:
    """One linear model for each topic that has enough labelled texts, which says whether a text is about the topic.

    topic    (n_heads,) positions in the taxonomy, ascending
    weights  (n_heads, 512)
    bias     (n_heads,)
    """

    topic: IntArray
    weights: Float32Array
    bias: Float32Array

    @classmethod
    def none(cls) -> "Heads":
        """No heads, as without labelled texts."""
        return cls(np.empty(0, np.int64), np.empty((0, EMBEDDING_SIZE), np.float32), np.empty(0, np.float32))

    def outputs(self, vectors: Float32Array) -> Float32Array:
        """(n, n_heads) about 0 for no and 1 for yes, not limited to 0..1.

        vectors  (n, 512)
        """
        return vectors @ self.weights.T + self.bias


class Classifier:
    """Topics for vectors of `shared.text.embedding`, in the languages that it supports.

    version  of the artifact; without an artifact a hash of taxonomy, embedding and rule
    """

    def __init__(
        self,
        prototypes: Prototypes,
        heads: Heads,
        rule: Rule = Rule(),
        version: str = FINGERPRINT,
        tree: Taxonomy | None = None,
    ) -> None:
        self.version = version
        self.prototypes = prototypes
        self.heads = heads
        self.rule = rule
        self._tree = tree or taxonomy()

    @classmethod
    def of_taxonomy(cls) -> "Classifier":
        """The prototypes of the taxonomy without heads, for a start without an artifact."""
        rule = _RULE_OF_VERSION.format(*astuple(Rule()))
        version = hashlib.sha256(f"{FINGERPRINT} {rule}".encode()).hexdigest()[:12]
        return cls(Prototypes.of(taxonomy()), Heads.none(), version=version)

    @classmethod
    def read(cls, artifact: Artifact) -> "Classifier":
        """The classifier of an artifact; StaleModel where its arrays are not those of a classifier for this
        taxonomy."""
        arrays = _arrays_of(artifact.model)
        n_topics = len(taxonomy().paths)
        prototypes = Prototypes(arrays["phrase_topic"], arrays["phrases"].astype(np.float32))
        heads = Heads(arrays["head_topic"], arrays["weights"], arrays["bias"])
        rule = arrays["rule"]
        shapes = [
            (prototypes.vectors, (len(prototypes.topic), EMBEDDING_SIZE)),
            (heads.weights, (len(heads.topic), EMBEDDING_SIZE)),
            (heads.bias, (len(heads.topic),)),
            (rule, (len(fields(Rule)),)),
        ]
        if any(array.shape != shape for array, shape in shapes):
            raise StaleModel("the arrays of a classifier do not fit together")
        if not all(np.isfinite(array).all() for array, _ in shapes):
            raise StaleModel("the numbers of a classifier are not all finite")
        if prototypes.topic.tolist() != [number for number, _ in numbered_phrases(taxonomy())]:
            raise StaleModel("the phrases of a classifier are not those of all topics")
        if (np.diff(heads.topic, prepend=-1, append=n_topics) <= 0).any():
            raise StaleModel("the heads of a classifier are not in the order of the topics")
        return cls(prototypes, heads, Rule(*map(float, rule)), artifact.manifest.version)

    def to_bytes(self) -> bytes:
        """The arrays of the classifier as the model of an artifact; equal classifiers give equal bytes."""
        arrays: dict[str, NDArray[Any]] = {
            "phrase_topic": self.prototypes.topic,
            "phrases": self.prototypes.vectors,
            "head_topic": self.heads.topic,
            "weights": self.heads.weights,
            "bias": self.heads.bias,
            "rule": np.array(astuple(self.rule)),
        }
        return packed({name: arrays[name].astype(dtype) for name, dtype in _DTYPES.items()})

    def classify(self, vectors: Float32Array, limit: int) -> list[list[Match]]:
        """The topics of each vector, the surest first, with all topics above them; none where no topic reaches the
        threshold.

        vectors  (n, 512)
        limit    topics of a text at most, the lowest of their branches; those above them do not count
        """
        confidences = self.confidences(vectors)
        sure = confidences >= self.rule.threshold
        lowest = sure & ~(sure @ self._is_child)
        return [
            self._matches(row, np.flatnonzero(topics), limit) for row, topics in zip(confidences, lowest, strict=True)
        ]

    def confidences(self, vectors: Float32Array) -> Float32Array:
        """(n, n_topics) confidences 0..1 of every topic in the order of the taxonomy, also below the threshold.

        vectors  (n, 512)
        """
        similarities = vectors @ self.prototypes.vectors.T
        outputs = self.heads.outputs(vectors) - self.rule.head_offset
        confidences = np.ones((len(vectors), len(self._tree.paths)), np.float32)
        for group in self._groups:
            logits = np.column_stack([mean_of_nearest(similarities[:, columns]) for columns in group.prototypes])
            logits *= self.rule.inverse_temperature
            logits[:, group.headed] += self.rule.head_weight * outputs[:, group.heads]
            shares = _softmax(logits)[:, :-1]
            parent = group.parent
            confidences[:, group.children] = shares if parent < 0 else shares * confidences[:, [parent]]
        return confidences

    def _matches(self, confidences: Float32Array, lowest: IntArray, limit: int) -> list[Match]:
        """The surest of these topics and all above them, the surest first.

        confidences  (n_topics,) of one text
        lowest       positions of its topics of which none is above another
        """
        best = lowest[np.argsort(-confidences[lowest], kind="stable")][:limit]
        paths = self._tree.paths
        matched = {paths[number] for number in best}
        matched |= {above for path in matched for above in ancestors(path)}
        matches = [Match(path, float(confidences[number])) for number, path in enumerate(paths) if path in matched]
        return sorted(matches, key=lambda match: -match.confidence)

    @cached_property
    def _is_child(self) -> BoolArray:
        """(n_topics, n_topics) whether the topic of the row is a child of the topic of the column."""
        number_of = {path: number for number, path in enumerate(self._tree.paths)}
        is_child = np.zeros((len(number_of), len(number_of)), np.bool_)
        for topic in self._tree.topics:
            if topic.parent:
                is_child[number_of[topic.path], number_of[topic.parent]] = True
        return is_child

    @cached_property
    def _groups(self) -> list[Group]:
        return list(groups_of(self._tree, self.prototypes.topic, self.heads.topic))


def _softmax(logits: Float32Array) -> Float32Array:
    """(n, n_classes) shares 0..1 of which each row adds up to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Float32Array = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _arrays_of(model: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an artifact's model by name; StaleModel where one is missing or of another type."""
    arrays = unpacked(model)
    for name, dtype in _DTYPES.items():
        if name not in arrays or arrays[name].dtype.str != dtype or arrays[name].ndim == 0:
            raise StaleModel(f"the array {name} of a classifier is missing or of another type")
    return arrays
