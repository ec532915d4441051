"""python -m benchmarks.language: how often a language is named rightly, how fast, and what is refused.

Reads sib200 (its dev part only: thresholds were chosen on train), udhr and wisesight below --data, and says so where
they are absent. Ends with code 1 when a floor is missed.
"""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.floors import Figure
from benchmarks.table import Sheet, told_met
from shared import command_line
from shared.config import Language
from shared.text import UNKNOWN, NamedLanguage, Namer, identifier, plain
from shared.text.language import ENGINES

RESULTS = Path(__file__).parent / "results"
CUT = 30  # characters of a cut text
DEFAULT = "scripts + py3langid (default)"
RIGHT_FLOORS = {"sib200, 26 languages": 0.97, f"sib200, 26 languages, {CUT} characters": 0.95, "wisesight": 0.99}
PER_SECOND_FLOORS = {"sib200, 26 languages": 5_000.0}  # on one core

# By the first letters of a folder of sib200, and of a language of udhr.
CODES = {
    "arb": "ar", "ben": "bn", "cmn": "zh", "deu": "de", "eng": "en", "fra": "fr", "heb": "he", "hin": "hi", "ind": "id",
    "ita": "it", "jpn": "ja", "khm": "km", "kor": "ko", "lao": "lo", "mya": "my", "nld": "nl", "pes": "fa", "pol": "pl",
    "por": "pt", "rus": "ru", "spa": "es", "swe": "sv", "tam": "ta", "tgl": "tl", "tha": "th", "tur": "tr", "ukr": "uk",
    "vie": "vi", "zho": "zh", "zsm": "ms",
}  # fmt: skip
# Served beside the 26 most used, and not counted for the floors: their scripts settle them, so they would flatter.
MORE = frozenset(("km", "lo", "my"))
NOT_IN_LANGDETECT = MORE | {"ms"}
# In scripts that no language has to itself; each is tried as one that is not served.
SHARED_SCRIPT = (
    "ar", "de", "en", "es", "fa", "fr", "hi", "id", "it", "ms", "nl", "pl", "pt", "ru", "sv", "tl", "tr", "uk", "vi",
)  # fmt: skip

Labelled = Sequence[tuple[str, str]]  # the language, the text


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What one way of naming makes of one set of texts."""

    way: str
    data: str
    texts: int
    right: Figure  # ratio of all texts, 0..1
    unknown_ratio: float
    per_second: Figure
    worst: dict[str, float]  # the three languages that are named rightly least often

    def row(self) -> tuple[str, ...]:
        """As a line of the sheet."""
        floors = [] if self.right.floor is None else [f"≥ {self.right.floor:.0%}"]
        floors += [self.per_second.floor_told] if self.per_second.floor else []
        return (
            self.way,
            self.data,
            f"{self.texts:,}",
            f"{self.right.value:.2%}",
            f"{self.unknown_ratio:.2%}",
            f"{self.right.value / (1 - self.unknown_ratio):.2%}" if self.unknown_ratio < 1 else "",
            f"{self.per_second.value:,.0f}",
            ", ".join(floors),
            told_met((self.right, self.per_second)),
            ", ".join(f"{code} {ratio:.0%}" for code, ratio in self.worst.items()),
        )


def measure(data: Path) -> list[Accuracy]:
    """Every way on every set that is below `data`; only the default has floors."""
    sets = texts_in(data)
    return [judge(way, name, title, texts) for way, name in ways().items() for title, texts in sets.items()]


def sheet_of(found: Sequence[Accuracy]) -> Sheet:
    """One line per way and set."""
    columns = (
        "way", "texts of", "texts", "right", "n/a", "right of named", "texts/s", "floor", "met", "worst languages"
    )  # fmt: skip
    note = "n/a counts as wrong. texts/s: of CPU time on one core, from the raw text on. langdetect knows no Malay."
    return Sheet("Languages", columns, [one.row() for one in found], note)


def ways() -> dict[str, Namer]:
    """Each library by itself, and behind the scripts."""
    served = frozenset(Language().served.split())
    known = served - NOT_IN_LANGDETECT
    return {
        "py3langid alone": _alone("py3langid", served),
        "langdetect alone": _alone("langdetect", known),
        "scripts + langdetect": identifier(Language(engine="langdetect", served=" ".join(sorted(known | MORE)))),
        DEFAULT: identifier(Language()),
    }


def _alone(engine: str, served: frozenset[str]) -> Namer:
    """The library's first choice among the served languages, however unsure."""
    chances = ENGINES[engine](served)

    def name(text: str) -> NamedLanguage:
        found = chances(plain(text)) or {UNKNOWN: 0.0}
        code = max(found, key=found.__getitem__)
        return NamedLanguage(code, found[code])

    return name


def texts_in(data: Path) -> dict[str, Labelled]:
    """The sets of texts that are there, whole, cut, and too short for their script's languages to be told apart."""
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
        "wisesight, with Thai letters": [one for one in posts if _has_thai(one[1])],
    }
    cut = {f"{title}, {CUT} characters": [(code, text[:CUT]) for code, text in texts] for title, texts in whole.items()}
    unsettled = [(code, text.split()) for code, text in sib if code in SHARED_SCRIPT]
    little = {
        f"sib200, {len(SHARED_SCRIPT)} languages, {told}": [(code, " ".join(words[:n])) for code, words in unsettled]
        for n, told in ((1, "1 word"), (2, "2 words"))
    }
    return {title: texts for title, texts in (whole | cut | little).items() if texts}


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line]


def _has_thai(text: str) -> bool:
    return any("\u0e01" <= letter <= "\u0e4e" for letter in text)


def judge(way: str, name: Namer, title: str, texts: Labelled) -> Accuracy:
    """Name each text once; count, and take the time."""
    name(texts[0][1])
    began = time.process_time()
    said = [name(text).code for _, text in texts]
    took = time.process_time() - began
    of_language = Counter(code for code, _ in texts)
    right = Counter(code for (code, _), one in zip(texts, said, strict=True) if code == one)
    worst = sorted(of_language, key=lambda code: right[code] / of_language[code])[:3]
    floored = way == DEFAULT
    return Accuracy(
        way,
        title,
        len(texts),
        Figure(right.total() / len(texts), "ratio", RIGHT_FLOORS.get(title) if floored else None, at_least=True),
        said.count(UNKNOWN) / len(texts),
        Figure(len(texts) / took, "/s", PER_SECOND_FLOORS.get(title) if floored else None, at_least=True),
        {code: right[code] / of_language[code] for code in worst},
    )


def refusals(data: Path) -> Sheet:
    """How often the default calls a language unknown that it does not serve: each in turn is left out of the served."""
    sets, served = texts_in(data), Language().served.split()
    titles = ("sib200, 26 languages", f"sib200, 26 languages, {CUT} characters")
    rows: list[tuple[str, list[float]]] = []
    for left_out in SHARED_SCRIPT:
        name = identifier(replace(Language(), served=" ".join(code for code in served if code != left_out)))
        said = [[name(text).code for code, text in sets[title] if code == left_out] for title in titles]
        rows.append((left_out, [codes.count(UNKNOWN) / len(codes) for codes in said]))
    rows.append(("mean", [fmean(ratios[at] for _, ratios in rows) for at in range(len(titles))]))
    told = [(code, *(f"{ratio:.0%}" for ratio in ratios)) for code, ratios in rows]
    return Sheet("Called n/a where not served", ("language", "full sentences", f"{CUT} characters"), told)


def bench(
    data: Annotated[Path, typer.Option(help="the folder of the data sets")] = Path("../shared/data"),
) -> None:
    """Measure, print, save."""
    console = Console() if Console().is_terminal else Console(width=200)
    if not texts_in(data):
        console.print(f"no sib200, udhr or wisesight below {data}: skipped")
        return
    found = measure(data)
    sheets = [sheet_of(found), refusals(data)] if (data / "sib200").is_dir() else [sheet_of(found)]
    for sheet in sheets:
        sheet.show(console)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "language.json").write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")
    (RESULTS / "language.md").write_text("\n".join(["# language\n", *(sheet.markdown() for sheet in sheets)]))
    asked = [met for one in found for met in (one.right.met, one.per_second.met) if met is not None]
    console.print(f"{sum(asked)} of {len(asked)} floors met")
    raise typer.Exit(0 if all(asked) else 1)


if __name__ == "__main__":
    command_line.run(lambda: typer.run(bench))
