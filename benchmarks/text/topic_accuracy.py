"""Accuracy of topics on sib200, in every language that the embedding serves; and precision on posts of our own.

Sentences of sib200 have one topic of seven. Five folds over its train and dev parts by `index_id` keep a sentence and
its translations on one side. Heads are trained on English alone.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.floors import TOPICS, Figure
from benchmarks.table import Sheet, yes_or_no
from benchmarks.text.our_posts import read_posts
from functions.topics.classifier import Classifier, Heads, Rule
from functions.topics.options import Topics
from functions.topics.prototypes import Prototypes
from functions.topics.taxonomy import taxonomy
from functions.topics.train_topics import LabelledEmbeddings, fit_heads
from shared.columns import BoolArray, Float32Array, IntArray
from shared.text import embedding

FOLDS, ASSIGNMENTS = 5, 10  # folds, and random ways to assign sentences to them

# Path of the topic that stands for each class of sib200, and of its English part with fourteen classes.
CLASSES = {
    "entertainment": "entertainment",
    "geography": "geography",
    "health": "health",
    "politics": "politics",
    "science/technology": "science-technology",
    "sports": "sports",
    "travel": "travel",
}
FOURTEEN = {name: path for name, path in CLASSES.items() if name != "science/technology"} | {
    "business": "business",
    "crime": "society/crime",
    "disasters": "society/disasters",
    "education": "education",
    "nature": "nature",
    "religion": "religion",
    "science": "science-technology/science",
    "technology": "science-technology/technology",
}
SUPPORTED = {
    "en": "eng_Latn", "th": "tha_Thai", "ar": "arb_Arab", "de": "deu_Latn", "es": "spa_Latn", "fr": "fra_Latn",
    "id": "ind_Latn", "it": "ita_Latn", "ja": "jpn_Jpan", "ko": "kor_Hang", "nl": "nld_Latn", "pl": "pol_Latn",
    "pt": "por_Latn", "ru": "rus_Cyrl", "tr": "tur_Latn", "zh": "zho_Hans",
}  # fmt: skip
REFUSED = {"ms": "zsm_Latn", "vi": "vie_Latn", "hi": "hin_Deva"}
THRESHOLDS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.5)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Sentences of one language in the order of `index_id`.

    classes  their names, sorted
    label    (n,) index into `classes`
    is_dev   (n,) whether the sentence belongs to the dev part
    vectors  (n, 512) text embeddings
    """

    classes: tuple[str, ...]
    label: IntArray
    is_dev: BoolArray
    vectors: Float32Array

    @classmethod
    def read(cls, folder: Path, classes: dict[str, str]) -> "Corpus":
        """Read the train and dev parts of a language, without the test part, and embed them."""
        rows = []
        for part in ("train", "dev"):
            with (folder / f"{part}.tsv").open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
                rows += [(int(row["index_id"]), row["category"], row["text"], part == "dev") for row in reader]
        rows.sort()
        names = tuple(sorted(classes))
        label = np.array([names.index(row[1]) for row in rows])
        return cls(names, label, np.array([row[3] for row in rows]), embedding.embed([row[2] for row in rows]))

    def part(self, rows: BoolArray) -> "Corpus":
        """The sentences that a mask (n,) selects."""
        return Corpus(self.classes, self.label[rows], self.is_dev[rows], self.vectors[rows])

    def right(self, confidences: Float32Array, columns: IntArray) -> BoolArray:
        """(n,) whether the class with the highest confidence is the label.

        confidences  (n, n_topics) of every topic, 0..1
        columns      (n_classes,) column of each class
        """
        return np.asarray(confidences[:, columns].argmax(axis=1) == self.label)


@dataclass(frozen=True, slots=True)
class LanguageAccuracy:
    """Accuracy in one language, 0..1.

    majority   of always naming the most frequent class
    zero_shot  of prototypes alone, on all sentences
    heads      of prototypes and heads on sentences that no head was trained on, folds by position modulo FOLDS
    folds      the same, fold by fold
    mean       the same, mean over random assignments to folds
    spread     the lowest and the highest of these assignments
    """

    code: str
    sentences: int
    majority: float
    zero_shot: float
    heads: Figure
    folds: tuple[float, ...]
    mean: float
    spread: tuple[float, float]


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """What prototypes alone find with one threshold of confidence; all ratios 0..1.

    precision, recall, f1  on the dev part of every supported language, over the seven classes
    small_talk             posts without a topic that get one; lower is better
    posts_precision        topics given to our posts that lie on the branch of the right topic
    posts_found            our posts that get the right topic, or one below it
    """

    threshold: float
    precision: float
    recall: float
    f1: float
    small_talk: float
    posts_precision: float
    posts_found: float


@dataclass(frozen=True, slots=True)
class TopicResults:
    """Everything that one run measured."""

    languages: list[LanguageAccuracy]
    fourteen: LanguageAccuracy
    thresholds: list[AtThreshold]

    def figures(self) -> list[Figure]:
        """The figures that have a floor."""
        return [accuracy.heads for accuracy in self.languages if accuracy.heads.floor is not None]

    def sheets(self) -> list[Sheet]:
        """The tables of this run."""
        rows = [_row(accuracy) for accuracy in [*self.languages, self.fourteen]]
        columns = ("language", "sentences", "majority", "zero-shot", "with heads", "floor", "met", "mean", "by fold")
        note = (
            f"Accuracy. Heads learn from English only. Folds: position in the order of index_id modulo {FOLDS}; mean: "
            f"over {ASSIGNMENTS} random assignments, with the least and the most. * not served: shown to see why."
        )
        by_language = Sheet("Topics of sentences (sib200)", columns, rows, note)
        rows = [tuple(f"{value:.2f}" for value in asdict(row).values()) for row in self.thresholds]
        names = (
            "threshold", "precision", "recall", "F1",
            "small talk with a topic", "our posts: precision", "our posts: found",
        )  # fmt: skip
        note = (
            f"Phrases alone. Precision, recall and F1 on the dev part of {len(SUPPORTED)} languages, over the seven "
            f"topics only. The threshold in use is {Rule().threshold}."
        )
        return [by_language, Sheet("Confidence from which a topic is given", names, rows, note)]


def measure(data: Path) -> TopicResults | None:
    """Measure everything; None where sib200 is not below `data`."""
    root = data / "sib200"
    if not root.is_dir():
        return None
    prototypes = Prototypes.of(taxonomy())
    corpora = {code: Corpus.read(root / name, CLASSES) for code, name in (SUPPORTED | REFUSED).items()}
    languages = list(in_languages(corpora, prototypes, CLASSES))
    english = Corpus.read(root / "eng_14", FOURTEEN)
    (fourteen,) = in_languages({"en": english}, prototypes, FOURTEEN)
    return TopicResults(languages, fourteen, list(at_thresholds([corpora[code] for code in SUPPORTED], prototypes)))


def in_languages(
    corpora: dict[str, Corpus], prototypes: Prototypes, classes: dict[str, str]
) -> Iterator[LanguageAccuracy]:
    """Accuracy in each language, with heads trained on the English sentences of the other folds.

    corpora  by language, with the same sentences in the same order
    classes  path of the topic by name of the class
    """
    english, columns = corpora["en"], _columns_of(classes)
    assignments = [np.arange(len(english.label)) % FOLDS]
    rng = np.random.default_rng(0)
    assignments += [rng.permutation(assignments[0]) for _ in range(ASSIGNMENTS)]
    right = {code: np.zeros((len(assignments), len(corpus.label)), np.bool_) for code, corpus in corpora.items()}
    labels = [[classes[english.classes[label]]] for label in english.label]
    examples = LabelledEmbeddings.of(english.vectors, labels)
    for number, fold in enumerate(assignments):
        for held in range(FOLDS):
            heads = fit_heads(prototypes, examples.part(fold != held), Topics().min_head_texts)
            classifier = Classifier(prototypes, heads)
            for code, corpus in corpora.items():
                part = corpus.part(fold == held)
                right[code][number, fold == held] = part.right(classifier.confidences(part.vectors), columns)
    without_heads = Classifier(prototypes, Heads.none())
    for code, corpus in corpora.items():
        accuracy = right[code].mean(axis=1)
        floor = TOPICS.get(code) if classes is CLASSES else None
        yield LanguageAccuracy(
            code=code if classes is CLASSES else f"{code}, {len(classes)} topics",
            sentences=len(corpus.label),
            majority=float(np.bincount(corpus.label).max() / len(corpus.label)),
            zero_shot=float(corpus.right(without_heads.confidences(corpus.vectors), columns).mean()),
            heads=Figure(float(accuracy[0]), "accuracy", floor, at_least=True),
            folds=tuple(float(right[code][0, assignments[0] == held].mean()) for held in range(FOLDS)),
            mean=float(accuracy[1:].mean()),
            spread=(float(accuracy[1:].min()), float(accuracy[1:].max())),
        )


def at_thresholds(corpora: Sequence[Corpus], prototypes: Prototypes) -> Iterator[AtThreshold]:
    """What prototypes alone find on the dev part of these languages, and on our own posts, threshold by threshold."""
    without_heads, columns = Classifier(prototypes, Heads.none()), _columns_of(CLASSES)
    confidences = np.concatenate([without_heads.confidences(one.vectors[one.is_dev])[:, columns] for one in corpora])
    labelled = np.concatenate([one.label[one.is_dev] for one in corpora])[:, None] == np.arange(len(CLASSES))
    posts = read_posts()
    vectors = embedding.embed([text for _, text in posts])
    for threshold in THRESHOLDS:
        predicted = confidences >= threshold
        hits = (predicted & labelled).sum()
        matches = Classifier(prototypes, Heads.none(), Rule(threshold=threshold)).classify(
            vectors, limit=Topics().max_topics
        )
        by_post = [[match.path for match in of_post] for of_post in matches]  # paths of the topics of each post
        lowest = [[path for path in paths if not any(_is_below(other, path) for other in paths)] for paths in by_post]
        topical = [(label, paths, low) for (label, _), paths, low in zip(posts, by_post, lowest, strict=True) if label]
        small_talk = [bool(paths) for (label, _), paths in zip(posts, by_post, strict=True) if not label]
        on_branch = [
            path == label or _is_below(path, label) or _is_below(label, path)
            for label, _, low in topical
            for path in low
        ]
        yield AtThreshold(
            threshold=threshold,
            precision=float(hits / predicted.sum()),
            recall=float(hits / labelled.sum()),
            f1=float(2 * hits / (predicted.sum() + labelled.sum())),
            small_talk=float(np.mean(small_talk)),
            posts_precision=float(np.mean(on_branch)),
            posts_found=float(
                np.mean([any(p == label or _is_below(p, label) for p in paths) for label, paths, _ in topical])
            ),
        )


def _is_below(path: str, above: str) -> bool:
    return path.startswith(above + "/")


def _columns_of(classes: dict[str, str]) -> IntArray:
    """(n_classes,) position of each class's topic in the taxonomy, by name of the class."""
    return np.array([taxonomy().paths.index(classes[name]) for name in sorted(classes)])


def _row(accuracy: LanguageAccuracy) -> tuple[str, ...]:
    return (
        accuracy.code + ("*" if accuracy.code in REFUSED else ""),
        f"{accuracy.sentences:,}",
        f"{accuracy.majority:.3f}",
        f"{accuracy.zero_shot:.3f}",
        f"{accuracy.heads.value:.3f}",
        accuracy.heads.floor_text,
        yes_or_no([accuracy.heads]),
        f"{accuracy.mean:.3f} ({accuracy.spread[0]:.3f} - {accuracy.spread[1]:.3f})",
        " ".join(f"{value:.3f}" for value in accuracy.folds),
    )
