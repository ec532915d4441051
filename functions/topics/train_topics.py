"""A classifier of topics, of the taxonomy's phrases and of what labelled texts add to them."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from functions.topics.classifier import FAMILY, FINGERPRINT, KEY, Classifier, Heads, Phrases, Rule
from functions.topics.taxonomy import ancestors, taxonomy
from shared.artifacts import Artifact, Manifest, Registry
from shared.columns import BoolArray, FloatArray
from shared.config import Topics
from shared.report import Report
from shared.store import Store
from shared.store.labelled_texts import LabelledText
from shared.text import PREPARATION, embedding
from shared.text.normalise import plain
from shared.text.vectors import EMBEDDING_SIZE

NAME: Final = "train_topics"

PENALTIES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)  # of large weights; which one, the examples themselves decide


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts with what they are about.

    vectors  (n, 512)
    about    (n, n_topics) the topic or one below it is named
    unknown  (n, n_topics) only one above it is named, which says nothing about it
    """

    vectors: NDArray[np.float32]
    about: BoolArray
    unknown: BoolArray

    @classmethod
    def of(cls, vectors: NDArray[np.float32], named: Sequence[Iterable[str]]) -> "Examples":
        """Of each text its vector and the paths that it is labelled with, all of them in the taxonomy."""
        paths = taxonomy().paths
        place = {path: number for number, path in enumerate(paths)}
        about = np.zeros((len(named), len(paths)), np.bool_)
        unknown = np.zeros_like(about)
        for row, labels in enumerate(named):
            for label in labels:
                about[row, [place[path] for path in (label, *ancestors(label))]] = True
                unknown[row, [place[path] for path in paths if path.startswith(label + "/")]] = True
        return cls(vectors, about, unknown & ~about)

    def __len__(self) -> int:
        return len(self.vectors)

    def part(self, rows: BoolArray) -> "Examples":
        """Those of these rows."""
        return Examples(self.vectors[rows], self.about[rows], self.unknown[rows])


def run(store: Store, registry: Registry, options: Topics, *, now: datetime) -> Report:
    """Train when the taxonomy, the embedding, the labelled texts or an option changed, and make live what is not worse.

    Heads are kept if they find the topics of texts that they have not seen at least as well as phrases alone, and the
    whole becomes live if it does so at least as well as the live one, on texts that neither has seen. Safe to repeat.

    What changed is told by the newest version that was ever live: an older one that was brought back stays until there
    is something new to learn from. Conflict where another version was made live during the training; that one stays.
    """
    with store.leases.hold(NAME):
        trained_on = training_signature(store, options, now)
        instead_of = registry.live_version(FAMILY, KEY)
        live, refused = registry.load(FAMILY, KEY, FINGERPRINT, _Live.read)
        newest = registry.newest(FAMILY, KEY)
        if live and not refused and newest and newest.metrics.get("trained_on") == trained_on:
            return Report(details={"skipped": "nothing changed"})

        texts, malformed = store.labelled_texts.newest(options.labelled_most, now=now)
        known = set(taxonomy().paths)
        usable = [one for one in texts if one.language in (None, *embedding.SUPPORTED) and known.issuperset(one.topics)]
        examples = Examples.of(embedding.embed([plain(one.text) for one in usable]), [one.topics for one in usable])
        prototypes = Phrases.of(taxonomy())
        heads, metrics, unseen = judged(prototypes, examples, options)
        metrics |= compare_with_live(live, usable, examples, unseen, options.head_texts)
        better = metrics.get("newer_candidate", 1.0) >= metrics.get("newer_live", 0.0)
        if better:
            window = (usable[-1].updated_at, usable[0].updated_at) if usable else (now, now)
            manifest = manifest_of(window, metrics | {"trained_on": trained_on}, now)
            registry.add(Artifact(manifest, Classifier(prototypes, heads).to_bytes()))
            registry.promote(FAMILY, KEY, manifest.version, instead_of=instead_of, at=now)
    details = {name: round(value, 4) for name, value in metrics.items()}
    details |= {"promoted": int(better), "refused": len(refused), "unusable": len(texts) - len(usable)}
    return Report(len(texts) + len(malformed), int(better), malformed=malformed, details=details)


@dataclass(frozen=True, slots=True)
class _Live:
    manifest: Manifest
    classifier: Classifier

    @classmethod
    def read(cls, artifact: Artifact) -> "_Live":
        return cls(artifact.manifest, Classifier.read(artifact))


def training_signature(store: Store, options: Topics, now: datetime) -> dict[str, Any]:
    """What a model depends on, as its manifest keeps it: where that is the same, a run makes the same again."""
    extent = store.labelled_texts.extent(now=now)
    return {
        "labelled": extent.count,
        "until": extent.until and extent.until.isoformat(),
        "which": extent.fingerprint,
        "options": [options.head_texts, options.head_folds, options.labelled_most],
        "fingerprint": FINGERPRINT,
        "rule": list(astuple(Rule())),
        "preparation": str(PREPARATION),
    }


def compare_with_live(
    live: _Live | None, texts: Sequence[LabelledText], examples: Examples, unseen: NDArray[np.float32], fewest: int
) -> dict[str, float]:
    """F1 of the live classifier and of the candidate on the texts that came after the live one; empty without enough.

    unseen  (n, n_topics) the candidate's confidences in each text as if never seen
    """
    newer = np.array([live is not None and one.updated_at > live.manifest.window[1] for one in texts], np.bool_)
    if live is None or newer.sum() < fewest:
        return {}
    part = examples.part(newer)
    topics = np.flatnonzero(part.about.any(axis=0))
    return {
        "newer_live": f1(live.classifier.confidences(part.vectors), part, topics),
        "newer_candidate": f1(unseen[newer], part, topics),
    }


def manifest_of(window: tuple[datetime, datetime], metrics: dict[str, Any], now: datetime) -> Manifest:
    """Of the model that this run made."""
    return Manifest(
        family=FAMILY,
        key=KEY,
        version=f"{now:%Y%m%dT%H%M%SZ}",
        trained_at=now,
        window=window,
        features=(embedding.NAME,),
        fingerprint=FINGERPRINT,
        metrics=metrics,
        libraries={"numpy": np.__version__},
    )


def judged(
    prototypes: Phrases, examples: Examples, options: Topics
) -> tuple[Heads, dict[str, float], NDArray[np.float32]]:
    """The heads worth having, F1 with and without heads, and (n, n_topics) confidences in texts as if never seen."""
    heads = fit_heads(prototypes, examples, options.head_texts)
    plain = Classifier(prototypes, Heads.none()).confidences(examples.vectors)
    metrics: dict[str, float] = {"labelled": len(examples), "heads": len(heads.topic)}
    if not heads.topic.size:
        return heads, metrics, plain
    sharpened = held_out(prototypes, examples, options)
    metrics |= {"f1_phrases": f1(plain, examples, heads.topic), "f1_heads": f1(sharpened, examples, heads.topic)}
    if metrics["f1_heads"] >= metrics["f1_phrases"]:
        return heads, metrics, sharpened
    return Heads.none(), metrics | {"heads": 0}, plain


def held_out(prototypes: Phrases, examples: Examples, options: Topics) -> NDArray[np.float32]:
    """(n, n_topics) confidences in each text, by heads that learnt from the other parts."""
    part = np.arange(len(examples)) % max(options.head_folds, 2)
    found = np.empty(examples.about.shape, np.float32)
    for number in np.unique(part):
        heads = fit_heads(prototypes, examples.part(part != number), options.head_texts)
        found[part == number] = Classifier(prototypes, heads).confidences(examples.vectors[part == number])
    return found


def fit_heads(prototypes: Phrases, examples: Examples, fewest: int) -> Heads:
    """A head for each topic that at least `fewest` texts are about and as many are not; phrases are examples like them.

    Regularised least squares, one topic against the rest, in closed form.
    """
    paths = np.array([*taxonomy().paths, ""])
    described = Examples.of(prototypes.vectors, [[path] if path else [] for path in paths[prototypes.topic]])
    vectors = np.concatenate([examples.vectors, described.vectors])
    about = np.concatenate([examples.about, described.about])
    unknown = np.concatenate([examples.unknown, described.unknown])
    for_it = examples.about.sum(axis=0)
    against = (~examples.about & ~examples.unknown).sum(axis=0)
    topics = np.flatnonzero((for_it >= max(fewest, 1)) & (against >= max(fewest, 1)))
    weights = np.empty((len(topics), EMBEDDING_SIZE), np.float32)
    bias = np.empty(len(topics), np.float32)
    masks, which = np.unique(unknown[:, topics], axis=1, return_inverse=True)  # heads that are asked about the same
    for number in range(masks.shape[1]):
        told, those = np.flatnonzero(~masks[:, number].astype(np.bool_)), which.ravel() == number
        weights[those], bias[those] = ridge_loo(vectors[told], about[np.ix_(told, topics[those])])
    return Heads(topics, weights, bias)


def ridge_loo(vectors: NDArray[np.float32], about: BoolArray) -> tuple[FloatArray, FloatArray]:
    """(n_heads, 512) weights and (n_heads,) bias that give 1 where `about` (n, n_heads) is true and else 0.

    Of the penalties, the one with which each example is best told by all the others; that needs no second fit (PRESS,
    Allen 1974).
    """
    middle, share = vectors.mean(axis=0, dtype=np.float64), about.mean(axis=0)
    spread, axes = np.linalg.eigh((vectors - middle).T @ (vectors - middle))
    along = (vectors - middle) @ axes
    target = along.T @ (about - share)
    errors = []
    for penalty in PENALTIES:
        shrunk = 1 / (spread + penalty)
        leverage = along**2 @ shrunk + 1 / len(vectors)
        missed = (about - share - along @ (shrunk[:, None] * target)) / (1 - leverage)[:, None]
        errors.append((missed**2).sum())
    penalty = PENALTIES[int(np.argmin(errors))]
    weights = target.T / (spread + penalty) @ axes.T
    return weights, share - weights @ middle


def f1(confidences: NDArray[np.float32], examples: Examples, topics: NDArray[np.int64]) -> float:
    """Twice the topics that are right over those given and those named, 0..1, among these topics.

    >>> examples = Examples.of(np.zeros((2, 512), np.float32), [["sports"], ["pets/cats"]])
    >>> topics = np.flatnonzero(examples.about.any(axis=0))
    >>> f1(examples.about.astype(np.float32), examples, topics)
    1.0
    """
    known = ~examples.unknown[:, topics]
    given = (confidences[:, topics] >= Rule().threshold) & known
    named = examples.about[:, topics] & known
    both = int(given.sum() + named.sum())
    return 2 * int((given & named).sum()) / both if both else 0.0
