"""How often languages are named rightly, and how fast: py3langid, langdetect, and each of them behind the scripts."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from msgspec.structs import replace

from benchmarks.floors import Figure
from benchmarks.table import Sheet, yes_or_no
from shared.text.language import ENGINES, UNKNOWN, NamedLanguage, Namer, identifier
from shared.text.normalise import plain
from shared.text.options import Language

CUT = 30  # characters that are kept of a cut text
DEFAULT = "scripts + py3langid (default)"
RIGHT_FLOORS = {"sib200, 26 languages": 0.97, f"sib200, 26 languages, {CUT} characters": 0.95, "wisesight": 0.99}
PER_SECOND_FLOORS = {"sib200, 26 languages": 5_000.0}  # on one core

# ISO 639-1 by the first three letters of a folder of sib200, and of a language of udhr.
CODES = {
    "arb": "ar", "ben": "bn", "cmn": "zh", "deu": "de", "eng": "en", "fra": "fr", "heb": "he", "hin": "hi", "ind": "id",
    "ita": "it", "jpn": "ja", "khm": "km", "kor": "ko", "lao": "lo", "mya": "my", "nld": "nl", "pes": "fa", "pol": "pl",
    "por": "pt", "rus": "ru", "spa": "es", "swe": "sv", "tam": "ta", "tgl": "tl", "tha": "th", "tur": "tr", "ukr": "uk",
    "vie": "vi", "zho": "zh", "zsm": "ms",
}  # fmt: skip
# Served beside the 26 most used, and not counted for the floors: their scripts alone tell them, so they are too easy.
MORE = frozenset(("km", "lo", "my"))
NOT_IN_LANGDETECT = MORE | {"ms"}
# In scripts that several languages share; each is tried as one that is not served.
SHARED_SCRIPT = (
    "ar", "de", "en", "es", "fa", "fr", "hi", "id", "it", "ms", "nl", "pl", "pt", "ru", "sv", "tl", "tr", "uk", "vi",
)  # fmt: skip

Labelled = Sequence[tuple[str, str]]  # (language, text)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """One way of naming on one set of texts.

    right          texts whose language is named rightly, 0..1
    unknown_ratio  texts whose language is said to be unknown, 0..1
    per_second     texts per second of processor time
    worst          ratio of right texts of the three languages with the lowest, 0..1
    """

    way: str
    data: str
    texts: int
    right: Figure
    unknown_ratio: float
    per_second: Figure
    worst: dict[str, float]

    def row(self) -> tuple[str, ...]:
        """A row of the sheet."""
        floors = [] if self.right.floor is None else [f"≥ {self.right.floor:.0%}"]
        floors += [self.per_second.floor_text] if self.per_second.floor else []
        return (
            self.way,
            self.data,
            f"{self.texts:,}",
            f"{self.right.value:.2%}",
            f"{self.unknown_ratio:.2%}",
            f"{self.right.value / (1 - self.unknown_ratio):.2%}" if self.unknown_ratio < 1 else "",
            f"{self.per_second.value:,.0f}",
            ", ".join(floors),
            yes_or_no((self.right, self.per_second)),
            ", ".join(f"{code} {ratio:.0%}" for code, ratio in self.worst.items()),
        )


def measure(data: Path) -> list[Accuracy]:
    """Measure every way on every set of texts that is below `data`; only the default way has floors."""
    sets = texts_in(data)
    return [accuracy_of(way, name, title, texts) for way, name in ways().items() for title, texts in sets.items()]


def sheet_of(accuracies: Sequence[Accuracy]) -> Sheet:
    """One row per way and set of texts."""
    columns = (
        "way", "texts of", "texts", "right", "n/a", "right of named", "texts/s", "floor", "met", "worst languages"
    )  # fmt: skip
    note = "n/a counts as wrong. texts/s: of CPU time on one core, from the raw text on. langdetect knows no Malay."
    return Sheet("Languages", columns, [accuracy.row() for accuracy in accuracies], note)


def ways() -> dict[str, Namer]:
    """Each library alone, and where the script of a text does not settle its language."""
    served = frozenset(Language().served.split())
    served_by_langdetect = served - NOT_IN_LANGDETECT
    return {
        "py3langid alone": _alone("py3langid", served),
        "langdetect alone": _alone("langdetect", served_by_langdetect),
        "scripts + langdetect": identifier(
            Language(engine="langdetect", served=" ".join(sorted(served_by_langdetect | MORE)))
        ),
        DEFAULT: identifier(Language()),
    }


def _alone(engine: str, served: frozenset[str]) -> Namer:
    """The library's most probable served language, however improbable."""
    probabilities_of = ENGINES[engine](served)

    def name(text: str) -> NamedLanguage:
        probabilities = probabilities_of(plain(text)) or {UNKNOWN: 0.0}
        code = max(probabilities, key=probabilities.__getitem__)
        return NamedLanguage(code, probabilities[code])

    return name


def texts_in(data: Path) -> dict[str, Labelled]:
    """The sets of labelled texts below `data` by title: whole, cut to CUT characters, and cut to one or two words."""
    sib = [
        (CODES[path.parent.name[:3]], line.split("\t")[2])
        for path in sorted(data.glob("sib200/*_*/dev.tsv"))
        if path.parent.name[:3] in CODES and path.parent.name != "eng_14"
        for line in _lines(path)[1:]
    ]
    udhr = [line.split("\t") for path in data.glob("udhr/*.tsv") for line in _lines(path)[1:]]
    posts = [("th", line) for path in data.glob("wisesight/*.txt") for line in _lines(path)]
    whole = {
        "sib200, 26 languages": [(code, text) for code, text in sib if code not in MORE],
        "sib200, 29 languages": sib,
        "udhr": [(CODES[code[:3]], text) for code, text in udhr],
        "wisesight": posts,
        "wisesight, with Thai letters": [(code, text) for code, text in posts if _has_thai(text)],
    }
    cut = {f"{title}, {CUT} characters": [(code, text[:CUT]) for code, text in texts] for title, texts in whole.items()}
    split_texts = [(code, text.split()) for code, text in sib if code in SHARED_SCRIPT]
    words_only = {
        f"sib200, {len(SHARED_SCRIPT)} languages, {number}": [
            (code, " ".join(words[:n])) for code, words in split_texts
        ]
        for n, number in ((1, "1 word"), (2, "2 words"))
    }
    return {title: texts for title, texts in (whole | cut | words_only).items() if texts}


def _lines(path: Path) -> list[str]:
    """All lines of a file, blank ones included: each is a text that counts."""
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def _has_thai(text: str) -> bool:
    return any("\u0e01" <= letter <= "\u0e4e" for letter in text)


def accuracy_of(way: str, name: Namer, title: str, texts: Labelled) -> Accuracy:
    """Name the language of each text once."""
    name(texts[0][1])
    began = time.process_time()
    named = [name(text).code for _, text in texts]
    took = time.process_time() - began
    of_language = Counter(code for code, _ in texts)
    right = Counter(code for (code, _), answer in zip(texts, named, strict=True) if code == answer)
    worst = sorted(of_language, key=lambda code: right[code] / of_language[code])[:3]
    has_floors = way == DEFAULT
    return Accuracy(
        way,
        title,
        len(texts),
        Figure(right.total() / len(texts), "ratio", RIGHT_FLOORS.get(title) if has_floors else None, at_least=True),
        named.count(UNKNOWN) / len(texts),
        Figure(len(texts) / took, "/s", PER_SECOND_FLOORS.get(title) if has_floors else None, at_least=True),
        {code: right[code] / of_language[code] for code in worst},
    )


def refusal_sheet(data: Path) -> Sheet:
    """How often the default way says that a language which it does not serve is unknown: each is left out in turn."""
    sets, served = texts_in(data), Language().served.split()
    titles = ("sib200, 26 languages", f"sib200, 26 languages, {CUT} characters")
    rows: list[tuple[str, list[float]]] = []
    for left_out in SHARED_SCRIPT:
        name = identifier(replace(Language(), served=" ".join(code for code in served if code != left_out)))
        named = [[name(text).code for code, text in sets[title] if code == left_out] for title in titles]
        rows.append((left_out, [codes.count(UNKNOWN) / len(codes) for codes in named]))
    rows.append(("mean", [fmean(ratios[at] for _, ratios in rows) for at in range(len(titles))]))
    cells = [(code, *(f"{ratio:.0%}" for ratio in ratios)) for code, ratios in rows]
    return Sheet("Called n/a where not served", ("language", "full sentences", f"{CUT} characters"), cells)
