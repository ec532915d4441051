"""Sentences of our own about harm, from which a fresh deployment learns before anybody has rated a post.

`harm_sentences.tsv` has one sentence a line: the label that it is about, language, kind, labels, text. One about a
label has it, perhaps beside others, or is innocent and uses the same words: news, medicine, fiction, quotation,
counter-speech, negation, figures of speech. All labels of all sentences are rated.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from functions.moderation.labels import LABELS
from shared.errors import BadConfig

FILE: Final = Path(__file__).with_name("harm_sentences.tsv")
HEAD: Final = "about\tlanguage\tkind\tlabels\ttext"


@dataclass(frozen=True, slots=True)
class HarmSentence:
    """One sentence.

    about     the label that it has, or could be taken to have
    language  ISO 639-1 code
    kind      what sort of post it is, in a word
    labels    those that it has; none for an innocent one
    """

    about: str
    language: str
    kind: str
    labels: frozenset[str]
    text: str


@lru_cache(maxsize=1)
def harm_sentences() -> tuple[HarmSentence, ...]:
    """The sentences of this version."""
    return parse(FILE.read_text(encoding="utf-8"))


def parse(text: str) -> tuple[HarmSentence, ...]:
    """The sentences of a table; BadConfig names the line that is none."""
    head, *lines = text.splitlines()
    if head != HEAD:
        raise BadConfig(f"{FILE.name}: line 1 has to be {HEAD!r}")
    return tuple(_sentence(number, line) for number, line in enumerate(lines, 2))


def _sentence(number: int, line: str) -> HarmSentence:
    fields = line.split("\t")
    if len(fields) != len(HEAD.split("\t")):
        raise BadConfig(f"{FILE.name}: line {number} has {len(fields)} fields")
    about, language, kind, labels, text = fields
    has = frozenset(labels.split(",")) if labels else frozenset[str]()
    if unknown := sorted((has | {about}) - set(LABELS)):
        raise BadConfig(f"{FILE.name}: line {number} has the label {unknown[0]!r}, which is none")
    if has and about not in has:
        raise BadConfig(f"{FILE.name}: line {number} is about {about}, which it has not")
    if not text.strip():
        raise BadConfig(f"{FILE.name}: line {number} has no text")
    return HarmSentence(about, language, kind, has, text)
