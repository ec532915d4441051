"""The script of a character."""

import unicodedata
from collections.abc import Callable
from typing import Final

THAI, LATIN, HAN, KANA, HANGUL = "THAI", "LATIN", "CJK", "KANA", "HANGUL"
EAST_ASIAN: Final = frozenset((HAN, KANA, HANGUL))  # languages mix them

_SAME = {"HIRAGANA": KANA, "KATAKANA": KANA, "KATAKANA-HIRAGANA": KANA, "IDEOGRAPHIC": HAN}
_WIDTHS = ("HALFWIDTH", "FULLWIDTH")

_MAX_CACHED = 8_192  # characters of a table: more than the posts of a day use


class CharacterTable(dict[str, str]):
    """The values of a function of one character, computed at the first use of each character: a lookup costs less than
    a cached call."""

    def __init__(self, compute: Callable[[str], str]) -> None:
        self._compute = compute

    def __missing__(self, character: str) -> str:
        if len(self) >= _MAX_CACHED:
            self.clear()
        value = self[character] = self._compute(character)
        return value


def script_of(character: str) -> str:
    """The script of a letter or a vowel sign: the first word of its Unicode name. Empty for other characters, and for
    accents, which belong to any script.

    >>> script_of("ก"), script_of("ー"), script_of("漢"), script_of("7"), script_of("!")
    ('THAI', 'KANA', 'CJK', '', '')
    """
    if unicodedata.category(character)[0] not in "LM":
        return ""
    words = unicodedata.name(character, "").split() or [""]
    first = words[1] if words[0] in _WIDTHS else words[0]
    return "" if first in ("COMBINING", "VARIATION", "MODIFIER") else _SAME.get(first, first)


SCRIPTS: Final = CharacterTable(script_of)
