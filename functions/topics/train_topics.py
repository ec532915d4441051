"""Train the topic classifier: the prototypes of the taxonomy, and linear heads learnt from labelled texts."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from functions.topics.classifier import FAMILY, FINGERPRINT, KEY, Classifier, Heads, Rule
from functions.topics.corrections import corrected_texts, remove_outdated, training_texts
from functions.topics.options import Topics
from functions.topics.prototypes import Prototypes
from functions.topics.store.labelled_texts import LabelledText, LabelledTexts
from functions.topics.taxonomy import ancestors, taxonomy
from shared.artifacts import Artifact, Challenge, Manifest, Registry, outcome_of
from shared.columns import BoolArray, Float32Array, IntArray
from shared.ml.ridge import ridge_loo
from shared.provenance import digest
from shared.report import Detail, Report
from shared.store import Store, schema
from shared.text import PREPARATION, embedding
from shared.text.normalise import plain
from shared.text.vectors import EMBEDDING_SIZE

NAME: Final = "train_topics"

PENALTIES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)  # of a head's squared weights; leave-one-out chooses
HEAD_FOLDS: Final = 5  # parts of the labelled texts, each scored by heads that were fitted on the others


@dataclass(frozen=True, slots=True)
class LabelledEmbeddings:
    """Labelled texts as vectors and targets, with topics in the order of the taxonomy.

    vectors  (n, 512) embeddings
    about    (n, n_topics) whether the text is labelled with the topic or one below it
    unknown  (n, n_topics) whether it is labelled only with one above the topic, which says nothing about the topic
    """

    vectors: Float32Array
    about: BoolArray
    unknown: BoolArray

    @classmethod
    def of(cls, vectors: Float32Array, labels: Sequence[Iterable[str]]) -> "LabelledEmbeddings":
        """Examples of texts with these embeddings and labels.

        vectors  (n, 512)
        labels   for each text the paths of its topics, all of them in the taxonomy
        """
        paths = taxonomy().paths
        number_of = {path: number for number, path in enumerate(paths)}
        about = np.zeros((len(labels), len(paths)), np.bool_)
        unknown = np.zeros_like(about)
        for row, topics in enumerate(labels):
            for topic in topics:
                about[row, [number_of[path] for path in (topic, *ancestors(topic))]] = True
                unknown[row, [number_of[path] for path in paths if path.startswith(topic + "/")]] = True
        return cls(vectors, about, unknown & ~about)

    def __len__(self) -> int:
        return len(self.vectors)

    def part(self, rows: BoolArray) -> "LabelledEmbeddings":
        """The examples of these rows, (n,)."""
        return LabelledEmbeddings(self.vectors[rows], self.about[rows], self.unknown[rows])


def run(store: Store, registry: Registry, options: Topics, *, now: datetime) -> Report:
    """Train when the taxonomy, the embedding, the labelled or corrected texts or an option changed; promote what is not
    worse. Corrections of posts that are gone or erased are deleted before.

    Heads are kept if their cross-validated F1 is at least that of the prototypes alone. The classifier is promoted if
    its F1 is at least that of the live one on texts that neither was trained on. Safe to repeat.

    Changes are those since the newest version that was ever live: an older version that was brought back stays until
    there is something new to learn from. Raises Conflict where another version was promoted during the training; that
    one stays live.
    """
    with store.leases.hold(NAME):
        removed = remove_outdated(store) + store.erasures.sweep(schema.TOPIC_CORRECTIONS)
        trained_on = training_signature(store, options, now)
        challenge = Challenge.begin(registry, FAMILY, KEY, now=now)
        live, refused = registry.load(FAMILY, KEY, FINGERPRINT, _Live.read)
        newest = registry.newest(FAMILY, KEY)
        if live and not refused and newest and newest.metrics.get("trained_on") == trained_on:
            return Report(removed=removed, details={"skipped": "nothing changed"})

        texts, malformed = training_texts(store, options.max_labelled, now=now)
        topics = set(taxonomy().paths)
        usable = [text for text in texts if is_usable(text, topics)]
        vectors = embedding.embed([plain(text.text) for text in usable])
        examples = LabelledEmbeddings.of(vectors, [text.topics for text in usable])
        prototypes = Prototypes.of(taxonomy())
        heads, metrics, unseen = train_heads(prototypes, examples, options)
        metrics |= compare_with_live(live, usable, examples, unseen, options.min_head_texts)
        promoted = metrics.get("newer_candidate", 1.0) >= metrics.get("newer_live", 0.0)
        frozen: dict[str, Detail] = {}
        if promoted:
            window = (usable[-1].updated_at, usable[0].updated_at) if usable else (now, now)
            promoted = challenge.promote(
                Classifier(prototypes, heads).to_bytes(),
                window=window,
                features=(embedding.NAME,),
                fingerprint=FINGERPRINT,
                metrics=metrics | {"trained_on": trained_on},
                libraries={"numpy": np.__version__},
            )
            frozen = {} if promoted else {"frozen": KEY}
        challenge.conclude(outcome_of(promoted, is_frozen=bool(frozen)), metrics)
    details: dict[str, Detail] = {name: round(value, 4) for name, value in metrics.items()}
    details |= {"promoted": int(promoted), "refused": len(refused), "unusable": len(texts) - len(usable), **frozen}
    return Report(len(texts) + len(malformed), int(promoted), removed, malformed=malformed, details=details)


@dataclass(frozen=True, slots=True)
class _Live:
    manifest: Manifest
    classifier: Classifier

    @classmethod
    def read(cls, artifact: Artifact) -> "_Live":
        return cls(artifact.manifest, Classifier.read(artifact))


def training_signature(store: Store, options: Topics, now: datetime) -> dict[str, Any]:
    """Everything that a model depends on, as its manifest keeps it: training again with the same signature gives the
    same model."""
    labelled = LabelledTexts(store).extent(now=now)
    corrected = corrected_texts(store, options.max_labelled, now=now)
    return {
        "labelled": labelled.count,
        "until": labelled.until and labelled.until.isoformat(),
        "which": labelled.fingerprint,
        "corrected": digest([(text.text, text.topics) for text in corrected]),
        "options": [options.min_head_texts, HEAD_FOLDS, options.max_labelled],
        "fingerprint": FINGERPRINT,
        "rule": list(astuple(Rule())),
        "preparation": str(PREPARATION),
    }


def is_usable(text: LabelledText, topics: Set[str]) -> bool:
    """Whether the embedding supports the language of the text, if it is known, and these topics include those of the
    text."""
    return text.language in (None, *embedding.SUPPORTED) and topics >= set(text.topics)


def compare_with_live(
    live: _Live | None,
    texts: Sequence[LabelledText],
    examples: LabelledEmbeddings,
    unseen: Float32Array,
    min_texts: int,
) -> dict[str, float]:
    """F1 of the live classifier and of the candidate on the texts that changed after the live one was trained; empty
    with fewer than `min_texts` of them.

    unseen  (n, n_topics) the candidate's cross-validated confidences 0..1
    """
    newer = np.array([live is not None and text.updated_at > live.manifest.window[1] for text in texts], np.bool_)
    if live is None or newer.sum() < min_texts:
        return {}
    part = examples.part(newer)
    topics = np.flatnonzero(part.about.any(axis=0))
    return {
        "newer_live": f1(live.classifier.confidences(part.vectors), part, topics),
        "newer_candidate": f1(unseen[newer], part, topics),
    }


def train_heads(
    prototypes: Prototypes, examples: LabelledEmbeddings, options: Topics
) -> tuple[Heads, dict[str, float], Float32Array]:
    """The heads, none where they do not help; F1 with and without heads; and (n, n_topics) confidences 0..1 in each
    text, cross-validated where heads are used."""
    heads = fit_heads(prototypes, examples, options.min_head_texts)
    without_heads = Classifier(prototypes, Heads.none()).confidences(examples.vectors)
    metrics: dict[str, float] = {"labelled": len(examples), "heads": len(heads.topic)}
    if not heads.topic.size:
        return heads, metrics, without_heads
    with_heads = out_of_fold(prototypes, examples, options)
    metrics["f1_phrases"] = f1(without_heads, examples, heads.topic)
    metrics["f1_heads"] = f1(with_heads, examples, heads.topic)
    if metrics["f1_heads"] >= metrics["f1_phrases"]:
        return heads, metrics, with_heads
    return Heads.none(), metrics | {"heads": 0}, without_heads


def out_of_fold(prototypes: Prototypes, examples: LabelledEmbeddings, options: Topics) -> Float32Array:
    """(n, n_topics) cross-validated confidences 0..1: each text is scored by heads that were fitted without it."""
    fold = np.arange(len(examples)) % HEAD_FOLDS
    confidences = np.empty(examples.about.shape, np.float32)
    for held_out in np.unique(fold):
        heads = fit_heads(prototypes, examples.part(fold != held_out), options.min_head_texts)
        test_vectors = examples.vectors[fold == held_out]
        confidences[fold == held_out] = Classifier(prototypes, heads).confidences(test_vectors)
    return confidences


def fit_heads(prototypes: Prototypes, examples: LabelledEmbeddings, min_texts: int) -> Heads:
    """A head for each topic that at least `min_texts` texts are about and as many are not.

    A head is a ridge regression of "about the topic" (1 or 0) on the vectors; the prototypes are examples like the
    texts.
    """
    paths = np.array([*taxonomy().paths, ""])
    of_prototypes = LabelledEmbeddings.of(
        prototypes.vectors, [[path] if path else [] for path in paths[prototypes.topic]]
    )
    vectors = np.concatenate([examples.vectors, of_prototypes.vectors])
    about = np.concatenate([examples.about, of_prototypes.about])
    unknown = np.concatenate([examples.unknown, of_prototypes.unknown])
    positive = examples.about.sum(axis=0)
    negative = (~examples.about & ~examples.unknown).sum(axis=0)
    topics = np.flatnonzero((positive >= max(min_texts, 1)) & (negative >= max(min_texts, 1)))
    weights = np.empty((len(topics), EMBEDDING_SIZE), np.float32)
    bias = np.empty(len(topics), np.float32)
    # Heads with the same known rows are fitted together.
    masks, mask_of = np.unique(unknown[:, topics], axis=1, return_inverse=True)
    for number in range(masks.shape[1]):
        rows, fitted = np.flatnonzero(~masks[:, number].astype(np.bool_)), mask_of.ravel() == number
        ridge = ridge_loo(vectors[rows], about[np.ix_(rows, topics[fitted])], PENALTIES)
        weights[fitted], bias[fitted] = ridge.weights, ridge.bias
    return Heads(topics, weights, bias)


def f1(confidences: Float32Array, examples: LabelledEmbeddings, topics: IntArray) -> float:
    """Micro-averaged F1 of these topics over all texts, 0..1, where it is known whether a text is about a topic.

    confidences  (n, n_topics) 0..1
    topics       positions in the taxonomy

    >>> examples = LabelledEmbeddings.of(np.zeros((2, 512), np.float32), [["sports"], ["pets/cats"]])
    >>> topics = np.flatnonzero(examples.about.any(axis=0))
    >>> f1(examples.about.astype(np.float32), examples, topics)
    1.0
    """
    is_known = ~examples.unknown[:, topics]
    predicted = (confidences[:, topics] >= Rule().threshold) & is_known
    labelled = examples.about[:, topics] & is_known
    total = int(predicted.sum() + labelled.sum())
    return 2 * int((predicted & labelled).sum()) / total if total else 0.0
