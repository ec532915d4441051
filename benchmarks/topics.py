"""How well topics are found, in every language that the embedding serves, and how often in posts that have none.

Sentences with one topic of seven are sib200's: five folds over its train and dev parts by `index_id`, so that one
sentence in two languages never stands on both sides. Heads learn from English alone. Posts and small talk are our own.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.floors import TOPICS, Figure
from benchmarks.table import Sheet, told_met
from functions.topics.classifier import Classifier, Heads, Phrases, Rule
from functions.topics.taxonomy import taxonomy
from functions.topics.train_topics import Examples, fit_heads
from shared import command_line
from shared.columns import Float32Array, IntArray
from shared.config import Topics
from shared.text import embedding

RESULTS = Path(__file__).parent / "results"
POSTS = Path(__file__).with_name("topic_posts.tsv")

FOLDS, SEEDS = 5, 10  # parts, and further ways to draw them

# The topic that stands for each class, in the whole and in the English of fourteen.
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


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Sentences of one language in the order of `index_id`.

    classes  names, sorted
    label    (n,) index into the classes
    is_dev   (n,) whether it belongs to the dev part
    vectors  (n, 512)
    """

    classes: tuple[str, ...]
    label: IntArray
    is_dev: NDArray[np.bool_]
    vectors: Float32Array

    @classmethod
    def read(cls, folder: Path, classes: dict[str, str]) -> "Corpus":
        """The train and dev parts; the test part is not read."""
        rows = []
        for part in ("train", "dev"):
            with (folder / f"{part}.tsv").open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
                rows += [(int(row["index_id"]), row["category"], row["text"], part == "dev") for row in reader]
        rows.sort()
        names = tuple(sorted(classes))
        label = np.array([names.index(row[1]) for row in rows])
        return cls(names, label, np.array([row[3] for row in rows]), embedding.embed([row[2] for row in rows]))

    def part(self, rows: NDArray[np.bool_]) -> "Corpus":
        """Those of these rows."""
        return Corpus(self.classes, self.label[rows], self.is_dev[rows], self.vectors[rows])

    def right(self, confidences: Float32Array, columns: IntArray) -> NDArray[np.bool_]:
        """(n,) whether the class of the surest topic is the one that is named."""
        return np.asarray(confidences[:, columns].argmax(axis=1) == self.label)


@dataclass(frozen=True, slots=True)
class Language:
    """Accuracy in one language, 0..1.

    majority   of always naming the most frequent class
    zero_shot  of phrases alone, on all sentences
    heads      of phrases and heads on sentences that no head has seen, folds by position modulo five
    folds      the same, fold by fold
    mean       the same, mean over other ways to draw the folds
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
    """What phrases alone give from one confidence on.

    precision, recall, f1  on the dev part of every supported language, over the seven classes
    none_class_prototypes  part of the posts without a topic that get one
    posts_precision        part of the topics given to our posts that lie on the branch that was meant
    posts_found            part of our posts that get the very topic that was meant, or one below it
    """

    threshold: float
    precision: float
    recall: float
    f1: float
    none_class_prototypes: float
    posts_precision: float
    posts_found: float


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that one run found."""

    languages: list[Language]
    fourteen: Language
    thresholds: list[AtThreshold]

    def figures(self) -> list[Figure]:
        """All that have a floor."""
        return [one.heads for one in self.languages if one.heads.floor is not None]

    def sheets(self) -> list[Sheet]:
        """The tables of this run."""
        rows = [_row(one) for one in [*self.languages, self.fourteen]]
        columns = ("language", "sentences", "majority", "zero-shot", "with heads", "floor", "met", "mean", "by fold")
        note = (
            f"Accuracy. Heads learn from English only. Folds: position in the order of index_id modulo {FOLDS}; mean: "
            f"over {SEEDS} random assignments, with the least and the most. * not served: shown to see why."
        )
        found = [Sheet("Topics of sentences (sib200)", columns, rows, note)]
        at = [tuple(f"{value:.2f}" for value in asdict(one).values()) for one in self.thresholds]
        names = (
            "threshold", "precision", "recall", "F1",
            "small talk with a topic", "our posts: precision", "our posts: found",
        )  # fmt: skip
        said = (
            f"Phrases alone. Precision, recall and F1 on the dev part of {len(SUPPORTED)} languages, over the seven "
            f"topics only. The threshold in use is {Rule().threshold}."
        )
        return [*found, Sheet("Confidence from which a topic is given", names, at, said)]

    def save(self) -> None:
        """Write `topics.json` and `topics.md`."""
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "topics.json").write_text(json.dumps(asdict(self), indent=1) + "\n")
        (RESULTS / "topics.md").write_text("\n".join(["# topics\n", *(sheet.markdown() for sheet in self.sheets())]))


def measure(data: Path) -> Results | None:
    """All figures; None where the sentences are not on this machine."""
    root = data / "sib200"
    if not root.is_dir():
        return None
    prototypes = Phrases.of(taxonomy())
    corpora = {code: Corpus.read(root / name, CLASSES) for code, name in (SUPPORTED | REFUSED).items()}
    languages = list(in_languages(corpora, prototypes, CLASSES))
    english = Corpus.read(root / "eng_14", FOURTEEN)
    (fourteen,) = in_languages({"en": english}, prototypes, FOURTEEN)
    return Results(languages, fourteen, list(at_thresholds([corpora[code] for code in SUPPORTED], prototypes)))


def in_languages(corpora: dict[str, Corpus], prototypes: Phrases, classes: dict[str, str]) -> Iterator[Language]:
    """Accuracy in each language, by heads that learnt from the English of the other folds."""
    english, columns = corpora["en"], _places(classes)
    assignments = [np.arange(len(english.label)) % FOLDS]
    rng = np.random.default_rng(0)
    assignments += [rng.permutation(assignments[0]) for _ in range(SEEDS)]
    right = {code: np.zeros((len(assignments), len(one.label)), np.bool_) for code, one in corpora.items()}
    named = [[classes[english.classes[label]]] for label in english.label]
    examples = Examples.of(english.vectors, named)
    for number, fold in enumerate(assignments):
        for held in range(FOLDS):
            heads = fit_heads(prototypes, examples.part(fold != held), Topics().head_texts)
            classifier = Classifier(prototypes, heads)
            for code, one in corpora.items():
                part = one.part(fold == held)
                right[code][number, fold == held] = part.right(classifier.confidences(part.vectors), columns)
    plain = Classifier(prototypes, Heads.none())
    for code, one in corpora.items():
        accuracy = right[code].mean(axis=1)
        floor = TOPICS.get(code) if classes is CLASSES else None
        yield Language(
            code=code if classes is CLASSES else f"{code}, {len(classes)} topics",
            sentences=len(one.label),
            majority=float(np.bincount(one.label).max() / len(one.label)),
            zero_shot=float(one.right(plain.confidences(one.vectors), columns).mean()),
            heads=Figure(float(accuracy[0]), "accuracy", floor, at_least=True),
            folds=tuple(float(right[code][0, assignments[0] == held].mean()) for held in range(FOLDS)),
            mean=float(accuracy[1:].mean()),
            spread=(float(accuracy[1:].min()), float(accuracy[1:].max())),
        )


def at_thresholds(corpora: Sequence[Corpus], prototypes: Phrases) -> Iterator[AtThreshold]:
    """What phrases alone give on the dev part of these languages, and on our own posts."""
    plain, columns = Classifier(prototypes, Heads.none()), _places(CLASSES)
    confidences = np.concatenate([plain.confidences(one.vectors[one.is_dev])[:, columns] for one in corpora])
    named = np.concatenate([one.label[one.is_dev] for one in corpora])[:, None] == np.arange(len(CLASSES))
    posts = read_posts()
    vectors = embedding.embed([text for _, text in posts])
    for threshold in THRESHOLDS:
        given = confidences >= threshold
        both = (given & named).sum()
        matches = Classifier(prototypes, Heads.none(), Rule(threshold=threshold)).classify(vectors, most=Topics().most)
        paths = [[match.path for match in found] for found in matches]
        lowest = [[one for one in found if not any(_within(other, one) for other in found)] for found in paths]
        topical = [(meant, found, low) for (meant, _), found, low in zip(posts, paths, lowest, strict=True) if meant]
        talk = [bool(found) for (meant, _), found in zip(posts, paths, strict=True) if not meant]
        branch = [
            one == meant or _within(one, meant) or _within(meant, one) for meant, _, low in topical for one in low
        ]
        yield AtThreshold(
            threshold=threshold,
            precision=float(both / given.sum()),
            recall=float(both / named.sum()),
            f1=float(2 * both / (given.sum() + named.sum())),
            none_class_prototypes=float(np.mean(talk)),
            posts_precision=float(np.mean(branch)),
            posts_found=float(np.mean([any(o == m or _within(o, m) for o in found) for m, found, _ in topical])),
        )


def read_posts() -> list[tuple[str, str]]:
    """(topic, text) of our own posts; small talk has no topic."""
    with POSTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [(row["topic"], row["text"]) for row in rows]


def _within(path: str, above: str) -> bool:
    return path.startswith(above + "/")


def _places(classes: dict[str, str]) -> IntArray:
    return np.array([taxonomy().paths.index(classes[name]) for name in sorted(classes)])


def _row(one: Language) -> tuple[str, ...]:
    return (
        one.code + ("*" if one.code in REFUSED else ""),
        f"{one.sentences:,}",
        f"{one.majority:.3f}",
        f"{one.zero_shot:.3f}",
        f"{one.heads.value:.3f}",
        one.heads.floor_told,
        told_met([one.heads]),
        f"{one.mean:.3f} ({one.spread[0]:.3f} - {one.spread[1]:.3f})",
        " ".join(f"{value:.3f}" for value in one.folds),
    )


@app.command(help=__doc__)
def bench(
    data: Annotated[Path, typer.Option(help="folder of the data sets")] = Path("../shared/data"),
) -> None:
    """Measure, print, save."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    found = measure(data)
    if found is None:
        console.print(f"skipped: there is no {data / 'sib200'}")
        return
    for sheet in found.sheets():
        sheet.show(console)
    found.save()
    met = [figure.met for figure in found.figures()]
    console.print(f"{sum(map(bool, met))} of {len(met)} floors met")
    raise typer.Exit(0 if all(met) else 1)


if __name__ == "__main__":
    command_line.run(app)
