"""What a hashtag is and how it is spelt, for statistics, ranking and the words of a text alike.

The syntax is that of UAX #31, Unicode Identifiers and Syntax, hashtag identifiers (UAX31-D2), with this profile:

- Start: `#`, `﹟`, `＃`, with no Continue character before it ("F#sharp" has no hashtag), nor an ampersand, which is
  what is left of a broken entity;
- Continue: XID_Continue, that is letters, marks, digits and `_`. Neither emoji, which statistics would count apart
  from the word that they decorate, nor `-` and `+`, which end a hashtag in the large networks;
- Medial, between two of these: the middle dots `·` and `・`, the marks that stand in words of Hebrew (maqaf, geresh,
  gershayim), Tibetan (tsheg) and Japanese (`゠`), and the joiners U+200C and U+200D. A joiner may also end a name
  behind a virama, where it chooses the form of a letter;
- at least one letter or digit, digits alone included ("#2026"); no mark at the beginning; MAX_NAME_LENGTH at most.

Links, entities and emoji are taken out first, and the text is brought to its compatible form.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from shared.text.cleaning import cleaned, visible

MAX_NAME_LENGTH: Final = 200  # characters; nobody types a longer one twice

HASH_SIGNS: Final = ("#", "\uff03", "\ufe5f", "&num;")  # a text without any of them has no hashtag

_MARKED = re.compile("|".join(HASH_SIGNS))
_CANDIDATE = re.compile(rf"#([^\0-\x20!-/:-@\[-^`{{-\x7f\s]{{1,{MAX_NAME_LENGTH + 1}}})")
_JOINERS = "\u200c\u200d"
_MEDIAL = frozenset("\u00b7\u05be\u05f3\u05f4\u0f0b\u30a0\u30fb" + _JOINERS)  # as they are in a compatible form
_VIRAMA = 9  # canonical combining class
# Turkish and others write İ for i and I for ı; full case folding leaves the dot of the one and the want of it.
_DOTTED_OR_NOT = re.compile("i\u0307+|ı")


def hashtags(text: str) -> list[str]:
    """The spellings of a raw text's hashtags, each once, in the order of the text.

    >>> hashtags("#Goal #goal ＃Straße #می‌خواهم F#sharp https://example.com/#top &#39;")
    ['goal', 'strasse', 'می\u200cخواهم']
    """
    found: dict[str, None] = {}
    for word in text.split():  # no link, entity or name goes on behind white space
        if _MARKED.search(word):
            found |= dict.fromkeys(_of_word(word) if len(word) <= MAX_NAME_LENGTH else _of_word.__wrapped__(word))
    return list(found)


@lru_cache(maxsize=8192)  # people repeat each other's
def spelling(name: str) -> str:
    """One spelling per name: compatible characters, full case folding, no variants, joiners kept, no hash sign.

    >>> spelling("STRASSE") == spelling("straße"), spelling("İstanbul"), spelling("#ＧＯＡＬ")
    (True, 'istanbul', 'goal')
    """
    name = visible(name)
    folded = name.casefold()
    return (folded if folded.isascii() else visible(_DOTTED_OR_NOT.sub("i", visible(folded)))).strip(" #")


def without_marks(text: str) -> str:
    """A cleaned text with a space for the hash sign of each hashtag."""
    pieces, end = [], 0
    for sign, _ in _found(text):
        pieces.append(text[end:sign])
        end = sign + 1
    return " ".join([*pieces, text[end:]])


@lru_cache(maxsize=8192)
def _of_word(word: str) -> tuple[str, ...]:
    return tuple(spelling(name) for _, name in _found(cleaned(word)))


def _found(text: str) -> Iterator[tuple[int, str]]:
    """Where the hash sign of each hashtag of a cleaned text stands, and the name behind it."""
    for candidate in _CANDIDATE.finditer(text):
        sign = candidate.start()
        if sign and (text[sign - 1] == "&" or _continues(text[sign - 1])):
            continue
        name = _name(candidate[1])
        if name and len(name) <= MAX_NAME_LENGTH:
            yield sign, name


def _name(run: str) -> str:
    """The name that a run begins with; empty where it begins with none."""
    whole = run.isascii() or (f"_{run}".isidentifier() and _MEDIAL.isdisjoint(run))
    name = run if whole else run[: _end(run)]
    sound = any(map(str.isalnum, name)) and unicodedata.category(name[0])[0] != "M"
    return name if sound else ""


def _end(run: str) -> int:
    """How many characters of a run are Continue* (Medial Continue+)*."""
    end = 0
    for at, character in enumerate(run):
        closes = character in _JOINERS and at == end > 0 and unicodedata.combining(run[at - 1]) == _VIRAMA
        if closes or _continues(character):
            end = at + 1
        elif character not in _MEDIAL or not 0 < at == end:
            break
    return end


@lru_cache(maxsize=8192)
def _continues(character: str) -> bool:
    """Whether a character is one of XID_Continue, as this Python's Unicode has it, and not a medial one."""
    return character not in _MEDIAL and f"_{character}".isidentifier()
