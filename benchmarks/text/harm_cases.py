"""Cases that show whether a model of harm understands counter-speech, quotation and negation; none learns from them.

`harm_cases.tsv` has one case a line: language, kind, labels, number of its group, text. A group is in one language: a
plainly harmful text, and innocent ones that use much of its wording.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("harm_cases.tsv")
INNOCENT: Final = ("counter-speech", "quotation", "negation")
PLAIN: Final = "plain"


@dataclass(frozen=True, slots=True)
class HarmCase:
    """One case.

    kind    one of INNOCENT, or PLAIN
    labels  of a plain one; an innocent one has none
    group   of cases with the same words
    """

    language: str
    kind: str
    labels: frozenset[str]
    group: int
    text: str


def harm_cases() -> list[HarmCase]:
    """All cases, group by group."""
    _, *lines = FILE.read_text(encoding="utf-8").splitlines()
    cases = []
    for line in lines:
        language, kind, labels, group, text = line.split("\t")
        cases.append(HarmCase(language, kind, frozenset(filter(None, labels.split(","))), int(group), text))
    return cases
