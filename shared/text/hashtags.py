"""The hashtags of a text and their spelling; the only definition, for statistics, ranking and plain texts.

The syntax is that of UAX #31, Unicode Identifiers and Syntax, hashtag identifiers (UAX31-D2), with this profile:

- Start: `#`, `﹟`, `＃`, with no Continue character before it ("F#sharp" has no hashtag), nor an ampersand, which
  remains of a broken entity;
- Continue: XID_Continue, that is letters, marks, digits and `_`. Neither emoji, which would give a decorated word
  statistics of its own, nor `-` and `+`, which end a hashtag in the large networks;
- Medial, between two of these: the middle dots `·` and `・`, the marks within words of Hebrew (maqaf, geresh,
  gershayim), Tibetan (tsheg) and Japanese (`゠`), and the joiners U+200C and U+200D. A joiner may also end a name
  after a virama, where it selects the form of a letter;
- at least one letter or digit, digits alone included ("#2026"); no mark at the beginning; MAX_NAME_LENGTH at most.

Links, entities and emoji are removed first, and the text is brought to compatible characters.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from shared.text.cleaning import cleaned, visible

MAX_NAME_LENGTH: Final = 200  # characters; longer ones are not used twice

# A text without any of them has no hashtag. The last is an entity's end, whose ampersand may be escaped many times.
HASH_SIGNS: Final = ("#", "\uff03", "\ufe5f", "num;")

_MARKED = re.compile("|".join(HASH_SIGNS))
_CANDIDATE = re.compile(rf"#([^\0-\x20!-/:-@\[-^`{{-\x7f\s]{{1,{MAX_NAME_LENGTH + 1}}})")
_JOINERS = "\u200c\u200d"
_MEDIAL = frozenset("\u00b7\u05be\u05f3\u05f4\u0f0b\u30a0\u30fb" + _JOINERS)  # in their compatible form
_VIRAMA = 9  # canonical combining class
# Turkish and other languages write İ for i and I for ı; full case folding keeps the dot of İ and the dotless ı.
_DOTTED_OR_DOTLESS_I = re.compile("i\u0307+|ı")


def hashtags(text: str) -> list[str]:
    """The spellings of a raw text's hashtags, each once, in the order of the text.

    >>> hashtags("#Goal #goal ＃Straße #می‌خواهم F#sharp https://example.com/#top &#39;")
    ['goal', 'strasse', 'می\u200cخواهم']
    """
    names: dict[str, None] = {}
    for word in text.split():  # links, entities and names end at white space
        if _MARKED.search(word):
            names |= dict.fromkeys(_of_word(word) if len(word) <= MAX_NAME_LENGTH else _of_word.__wrapped__(word))
    return list(names)


@lru_cache(maxsize=8192)  # many posts have the same hashtags
def spelling(name: str) -> str:
    """One spelling per name: compatible characters, full case folding, no variants, joiners kept, no hash sign.

    >>> spelling("STRASSE") == spelling("straße"), spelling("İstanbul"), spelling("#ＧＯＡＬ")
    (True, 'istanbul', 'goal')
    """
    name = visible(name)
    folded = name.casefold()
    return (folded if folded.isascii() else visible(_DOTTED_OR_DOTLESS_I.sub("i", visible(folded)))).strip(" #")


def without_marks(text: str) -> str:
    """The cleaned text with a space for the hash sign of each hashtag."""
    pieces, end = [], 0
    for sign, _ in _signs_and_names(text):
        pieces.append(text[end:sign])
        end = sign + 1
    return " ".join([*pieces, text[end:]])


@lru_cache(maxsize=8192)
def _of_word(word: str) -> tuple[str, ...]:
    """The spellings of the hashtags of a raw word."""
    return tuple(spelling(name) for _, name in _signs_and_names(cleaned(word)))


def _signs_and_names(text: str) -> Iterator[tuple[int, str]]:
    """The position of the hash sign and the name of each hashtag of a cleaned text."""
    for candidate in _CANDIDATE.finditer(text):
        sign = candidate.start()
        if sign and (text[sign - 1] == "&" or _continues(text[sign - 1])):
            continue
        name = _name(candidate[1])
        if name and len(name) <= MAX_NAME_LENGTH:
            yield sign, name


def _name(run: str) -> str:
    """The name at the beginning of a run of characters; empty where there is none."""
    is_whole = run.isascii() or (f"_{run}".isidentifier() and _MEDIAL.isdisjoint(run))
    name = run if is_whole else run[: _end(run)]
    is_valid = any(map(str.isalnum, name)) and unicodedata.category(name[0])[0] != "M"
    return name if is_valid else ""


def _end(run: str) -> int:
    """The length of the longest beginning of a run that is Continue* (Medial Continue+)*."""
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
    """Whether a character is in XID_Continue, by the Unicode version of this Python, and not a medial one."""
    return character not in _MEDIAL and f"_{character}".isidentifier()
