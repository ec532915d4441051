"""Compatible characters: one form for letters that only look different (full-width, mathematical, circled, half-width).

Unicode's compatibility composition (NFKC) does nearly all of it. It is not applied where it would split or change a
word:

- spacing accents, which would become a space and an accent ("don´t"), and Arabic ligatures that contain a space;
- Thai and Lao am, which keyboards write as one letter: two letters would make "น้ำ" another word;
- single Korean letters ("ㅋㅋㅋ"), which would become parts of a syllable;
- the signs ™ and ℠, which would become letters of the name before them.

Letters in parentheses become letters without them.
"""

import re
from unicodedata import decomposition, is_normalized, normalize

_SPACING = "\u00a8\u00af\u00b4\u00b8\u02d8-\u02dd\u037a\u0384\u0385\u1fbd\u1fbf-\u1fc1\u1fcd-\u1fcf\u1fdd-\u1fdf"
_SPACING += "\u1fed\u1fee\u1ffd\u1ffe\u2017\u203e\u309b\u309c\ufc5e-\ufc63\ufdfa\ufdfb\ufe49-\ufe4c\ufe70-\ufe7f\uffe3"
_AM, _LAO_AM, _LONE_JAMO, _MARKS = "\u0e33", "\u0eb3", "\u3131-\u318e", "\u2120\u2122"
_HAN = "\u4e00-\u9fff"  # compatible already: left out, since each costs as much time as ten other letters
_COMPOSED = re.compile(f"[^{_SPACING}{_AM}{_LAO_AM}{_LONE_JAMO}{_MARKS}{_HAN}]+")

# Nikhahit, an optional tone mark, and aa, which people also type for an am.
_TWO_FOR_AM = re.compile("\u0e4d([\u0e48-\u0e4b]?)\u0e32")
_TWO_FOR_LAO_AM = re.compile("\u0ecd([\u0ec8-\u0ecb]?)\u0eb2")

_ENCLOSED = re.compile("[\u2474-\u24b5\u3200-\u3243\uffa0-\uffdc\U0001f110-\U0001f12a\U0001f240-\U0001f248]")


def compatible(text: str) -> str:
    """The text in compatible characters; the same text where it is compatible already.

    >>> compatible("𝗦𝗮𝗹𝗲 ｓａｌｅ Ⓢ⒜🄻🄴"), compatible("ｺｰﾋｰ"), compatible("น้ำ don´t ㅋㅋ ™")
    ('Sale sale SaLE', 'コーヒー', 'น้ำ don´t ㅋㅋ ™')
    """
    if text.isascii():
        return text
    if "\u0e4d" in text:
        text = _TWO_FOR_AM.sub(rf"\1{_AM}", text)
    if "\u0ecd" in text:
        text = _TWO_FOR_LAO_AM.sub(rf"\1{_LAO_AM}", text)
    if is_normalized("NFKC", text.replace(_AM, "").replace(_LAO_AM, "")):
        return text
    return _COMPOSED.sub(lambda run: normalize("NFKC", run[0]), _ENCLOSED.sub(_without_enclosure, text))


def _without_enclosure(enclosed: re.Match[str]) -> str:
    """The letter without its parentheses; a half-width Korean letter as the full-width one."""
    if enclosed[0] < "\uffa0" or enclosed[0] > "\uffff":
        return normalize("NFKC", enclosed[0]).strip("()〔〕")
    full = decomposition(enclosed[0]).removeprefix("<narrow> ")
    return chr(int(full, 16)) if full else enclosed[0]
