"""Which topics a text has: those whose phrases are nearest in meaning, sharpened by heads learnt from labelled texts.

From the top of the taxonomy down, the topics of one parent share what their parent got. Of the first level they share
with small talk, of a lower one with the parent's own phrases, so that a text can be about sports but no sport.
"""

import hashlib
import io
import zipfile
from dataclasses import astuple, dataclass, fields
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from functions.topics.taxonomy import Taxonomy, ancestors, taxonomy
from shared.artifacts import Artifact
from shared.columns import Float32Array, IntArray
from shared.errors import StaleModel
from shared.text import embedding
from shared.text.vectors import EMBEDDING_SIZE

FAMILY: Final = "topics"  # where the registry keeps it
KEY: Final = "all"
NEAREST: Final = 3  # phrases of a topic that count for it, those below it included
FINGERPRINT: Final = hashlib.sha256(f"{taxonomy().fingerprint} {embedding.NAME}".encode()).hexdigest()[:12]

_NO_TOPIC = -1

# The arrays of an artifact, and what each is of.
_KINDS: Final = {
    "phrase_topic": "<i8",
    "phrases": "<f2",
    "head_topic": "<i8",
    "weights": "<f4",
    "bias": "<f4",
    "rule": "<f8",
}


@dataclass(frozen=True, slots=True)
class Match:
    """A topic of a text.

    confidence  0..1, higher is surer; a parent's is at least that of each child
    """

    path: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Rule:
    """How near is near enough; how each number was found stands in docs/topics.md.

    inverse_temperature  by which similarities are multiplied before they compete
    head_weight  of a head's answer beside them, in the same unit
    head_offset  answer of a head that changes nothing: 0 is no, 1 is yes
    threshold    confidence from which a topic is given, 0..1
    """

    inverse_temperature: float = 35.0
    head_weight: float = 17.0
    head_offset: float = 0.35
    threshold: float = 0.3


@dataclass(frozen=True, slots=True)
class Heads:
    """Linear answers to "is it about this?", for the topics that have enough labelled texts.

    topic    (n_heads,) positions in the taxonomy, ascending
    weights  (n_heads, 512)
    bias     (n_heads,)
    """

    topic: IntArray
    weights: Float32Array
    bias: Float32Array

    @classmethod
    def none(cls) -> "Heads":
        """No labelled texts, so no heads."""
        return cls(np.empty(0, np.int64), np.empty((0, EMBEDDING_SIZE), np.float32), np.empty(0, np.float32))

    def answers(self, vectors: Float32Array) -> Float32Array:
        """(n, n_heads) about 0 for no and 1 for yes, sometimes beyond."""
        return vectors @ self.weights.T + self.bias


@dataclass(frozen=True, slots=True)
class Phrases:
    """What describes the topics.

    topic    (n_phrases,) positions in the taxonomy, -1 for small talk
    vectors  (n_phrases, 512) unit rows, as exact as float16
    """

    topic: IntArray
    vectors: Float32Array

    @classmethod
    def of(cls, tree: Taxonomy) -> "Phrases":
        """Embed every phrase, in about 0.4 s."""
        rows = [(place, phrase) for place, one in enumerate(tree.topics) for phrase in one.prototypes]
        rows += [(_NO_TOPIC, phrase) for phrase in tree.none_class_prototypes]
        vectors = embedding.embed([phrase for _, phrase in rows])
        return cls(np.array([place for place, _ in rows]), vectors.astype(np.float16).astype(np.float32))


@dataclass(frozen=True, slots=True)
class Group:
    """Topics of one parent, which compete.

    parent    position in the taxonomy, -1 above the first level
    children  (n_children,) positions
    prototypes  for each child, and last for none of them, the phrases that speak for it
    heads     of the children that have one: position among the heads
    headed    and among the children
    """

    parent: int
    children: IntArray
    prototypes: tuple[IntArray, ...]
    heads: IntArray
    headed: IntArray


class Classifier:
    """Topics for vectors of `shared.text.embedding`, in the languages that it supports.

    version  of the artifact, else a fingerprint of taxonomy, embedding and rule
    """

    def __init__(
        self,
        prototypes: Phrases,
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
    def of_phrases(cls) -> "Classifier":
        """The taxonomy alone, for a start without an artifact."""
        version = hashlib.sha256(f"{FINGERPRINT} {Rule()}".encode()).hexdigest()[:12]
        return cls(Phrases.of(taxonomy()), Heads.none(), version=version)

    @classmethod
    def read(cls, artifact: Artifact) -> "Classifier":
        """The classifier of an artifact; StaleModel where its bytes are none for this taxonomy."""
        found = _arrays(artifact.model)
        topics = len(taxonomy().paths)
        prototypes = Phrases(found["phrase_topic"], found["phrases"].astype(np.float32))
        heads = Heads(found["head_topic"], found["weights"], found["bias"])
        rule = found["rule"]
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
        if set(prototypes.topic.tolist()) != set(range(_NO_TOPIC, topics)):
            raise StaleModel("the phrases of a classifier are not those of all topics")
        if (np.diff(heads.topic, prepend=-1, append=topics) <= 0).any():
            raise StaleModel("the heads of a classifier are not in the order of the topics")
        return cls(prototypes, heads, Rule(*map(float, rule)), artifact.manifest.version)

    def to_bytes(self) -> bytes:
        """As `read` takes it; equal classifiers give equal bytes."""
        file = io.BytesIO()
        arrays: dict[str, NDArray[Any]] = {
            "phrase_topic": self.prototypes.topic,
            "phrases": self.prototypes.vectors,
            "head_topic": self.heads.topic,
            "weights": self.heads.weights,
            "bias": self.heads.bias,
            "rule": np.array(astuple(self.rule)),
        }
        np.savez(file, **{name: arrays[name].astype(kind) for name, kind in _KINDS.items()})  # type: ignore[arg-type]  # its stub takes the names of arrays for flags
        return file.getvalue()

    def classify(self, vectors: Float32Array, most: int) -> list[list[Match]]:
        """The topics of each vector, best first, with all that are above them; nothing where nothing is sure.

        vectors  (n, 512)
        most     topics of a text, the lowest of their branch; those above them are not counted
        """
        confidences = self.confidences(vectors)
        sure = confidences >= self.rule.threshold
        lowest = sure & ~(sure @ self._is_child)
        return [self._matches(row, np.flatnonzero(at), most) for row, at in zip(confidences, lowest, strict=True)]

    def confidences(self, vectors: Float32Array) -> Float32Array:
        """(n, n_topics) 0..1, of every topic in the order of the taxonomy, whether it is sure or not."""
        nearness = vectors @ self.prototypes.vectors.T
        answers = self.heads.answers(vectors) - self.rule.head_offset
        found = np.ones((len(vectors), len(self._tree.paths)), np.float32)
        for group in self._groups:
            score = np.column_stack([_nearest(nearness[:, columns]) for columns in group.prototypes])
            score *= self.rule.inverse_temperature
            score[:, group.headed] += self.rule.head_weight * answers[:, group.heads]
            shares = _softmax(score)[:, :-1]
            found[:, group.children] = shares if group.parent < 0 else shares * found[:, [group.parent]]
        return found

    def _matches(self, confidences: Float32Array, lowest: IntArray, most: int) -> list[Match]:
        best = lowest[np.argsort(-confidences[lowest], kind="stable")][:most]
        paths = self._tree.paths
        given = {paths[place] for place in best}
        given |= {above for path in given for above in ancestors(path)}
        matches = [Match(path, float(confidences[place])) for place, path in enumerate(paths) if path in given]
        return sorted(matches, key=lambda match: -match.confidence)

    @cached_property
    def _is_child(self) -> NDArray[np.bool_]:
        """(n_topics, n_topics) True where the row's topic is a child of the column's."""
        place = {path: number for number, path in enumerate(self._tree.paths)}
        found = np.zeros((len(place), len(place)), np.bool_)
        for topic in self._tree.topics:
            if topic.parent:
                found[place[topic.path], place[topic.parent]] = True
        return found

    @cached_property
    def _groups(self) -> list[Group]:
        """Parents before their children."""
        paths = self._tree.paths
        below = {
            path: [place for place, one in enumerate(paths) if (one + "/").startswith(path + "/")] for path in paths
        }
        groups = []
        for parent, name in enumerate(("", *paths), start=-1):
            children = np.array([place for place, topic in enumerate(self._tree.topics) if topic.parent == name])
            if not children.size:
                continue
            speak = [np.flatnonzero(np.isin(self.prototypes.topic, below[paths[child]])) for child in children]
            speak.append(np.flatnonzero(self.prototypes.topic == parent))
            _, headed, heads = np.intersect1d(children, self.heads.topic, return_indices=True)
            groups.append(Group(parent, children, tuple(speak), heads, headed))
        return groups


def _nearest(nearness: Float32Array) -> Float32Array:
    """(n,) mean of the nearest `NEAREST` columns, or of all where there are fewer."""
    count = min(NEAREST, nearness.shape[1])
    nearest: Float32Array = np.partition(nearness, -count, axis=1)[:, -count:].mean(axis=1)
    return nearest


def _softmax(scores: Float32Array) -> Float32Array:
    """Rows that add up to 1."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Float32Array = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _arrays(model: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an artifact's bytes, by name; nothing in them is run."""
    try:
        with np.load(io.BytesIO(model), allow_pickle=False) as stored:
            found = {name: stored[name] for name in _KINDS}
    except (ValueError, KeyError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise StaleModel(f"the bytes of a classifier cannot be read: {type(error).__name__}") from None
    wrong = [name for name, kind in _KINDS.items() if found[name].dtype.str != kind or found[name].ndim == 0]
    if wrong:
        raise StaleModel(f"the array {wrong[0]} of a classifier is of another kind")
    return found
