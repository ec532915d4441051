"""The scripts that a text is written in, and the languages that follow from a script alone."""

import re
from collections import Counter
from itertools import pairwise

from shared.text.characters import HAN, HANGUL, KANA, LATIN, SCRIPTS, THAI
from shared.text.han import KANA_IN_WORDS, is_japanese, is_korean

# The language of each script that in practice one language has to itself. Not here: Latin, Cyrillic, Arabic,
# Devanagari, Ethiopic and Tibetan, which several languages share. Minorities share most of the others: letters that
# only they write are a stronger sign (`alphabets.may_be_written_in`). Bengali is here although Assamese shares it,
# since a library takes everyday Bengali for Assamese. The language of Han comes from `han.language_of_han` instead.
LANGUAGE_OF_SCRIPT = {
    THAI: "th", "LAO": "lo", "KHMER": "km", "MYANMAR": "my", HANGUL: "ko", KANA: "ja", HAN: "zh", "BOPOMOFO": "zh",
    "TAMIL": "ta", "BENGALI": "bn", "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml", "SINHALA": "si",
    "GUJARATI": "gu", "GURMUKHI": "pa", "ORIYA": "or", "HEBREW": "he", "GREEK": "el", "GEORGIAN": "ka",
    "ARMENIAN": "hy", "THAANA": "dv",
}  # fmt: skip

# Names, brands and hashtags are in Latin letters everywhere: three Latin letters count as one of another script.
LATIN_WEIGHT = 1 / 3
# So a text is Thai from a quarter of Thai letters on, and one Thai word leaves an English sentence English. A clause,
# about four words, is something that only Thais can read: a seventh of Thai letters is enough for it. Of the posts with
# Thai letters (wisesight) 99.9 % are Thai by this rule, 99.8 % without the clause.
THAI_RATIO, THAI_CLAUSE_RATIO, THAI_CLAUSE_LETTERS = 1 / 2, 1 / 3, 20

_SYLLABLE = re.compile("[가-힣]")


def weights(text: str) -> dict[str, float]:
    """The number of letters of each script, Latin letters times LATIN_WEIGHT. In a Japanese text Han count as kana, in
    a Chinese one kana count as Han, and in a Korean one Han count as Hangul.

    >>> weights("max สวย"), weights("コーヒーを飲む"), weights("2026!")
    ({'LATIN': 1.0, 'THAI': 3.0}, {'KANA': 7.0}, {})
    """
    if text.isascii():
        letters = sum(map(str.isalpha, text))
        return {LATIN: letters * LATIN_WEIGHT} if letters else {}
    by_script: dict[str, float] = {}
    for character, count in Counter(text).items():
        script = SCRIPTS[character]
        if script:
            by_script[script] = by_script.get(script, 0.0) + count
    if LATIN in by_script:
        by_script[LATIN] *= LATIN_WEIGHT
    if HAN in by_script and KANA in by_script:
        han, kana = by_script.pop(HAN), by_script.pop(KANA)
        by_script[KANA if is_japanese(text, kana / (han + kana)) else HAN] = han + kana
    if HAN in by_script and HANGUL in by_script and is_korean(text):
        by_script[HANGUL] += by_script.pop(HAN)
    return by_script


def main_script(by_script: dict[str, float], text: str) -> tuple[str, float]:
    """The script of most letters of a text, Thai before others, and its part of the letters, 0..1.

    by_script  `weights` of the text, not empty
    A script whose letters stand alone or only repeat, as in emoticons and laughter, is left out where there is another.

    >>> text = "so funny ㅋㅋㅋㅋㅋㅋ"
    >>> main_script(weights(text), text)
    ('LATIN', 1.0)
    """
    candidates = dict(by_script)
    script = _largest(candidates)
    while len(candidates) > 1 and not _stands_in_words(script, text):
        del candidates[script]
        script = _largest(candidates)
    return script, candidates[script] / sum(candidates.values())


def _largest(by_script: dict[str, float]) -> str:
    return THAI if is_thai(by_script) else max(by_script, key=by_script.__getitem__)


def _stands_in_words(script: str, text: str) -> bool:
    """Whether different letters of a script stand side by side somewhere in the text."""
    if script == HANGUL:
        return _SYLLABLE.search(text) is not None  # a syllable has several letters; single letters are laughter
    if script == KANA:
        return KANA_IN_WORDS.search(text) is not None
    return any(a != b and a.isalpha() and SCRIPTS[a] == script == SCRIPTS[b] for a, b in pairwise(text))


def is_thai(by_script: dict[str, float]) -> bool:
    """Whether a text is Thai by the part of its Thai letters; for a clause of them a smaller part is enough.

    by_script  `weights` of the text, not empty

    >>> is_thai({"THAI": 6.0, "LATIN": 12.0}), is_thai({"THAI": 24.0, "LATIN": 32.0}), is_thai({"LATIN": 3.0})
    (False, True, False)
    """
    thai = by_script.get(THAI, 0.0)
    ratio = thai / sum(by_script.values())
    return ratio >= THAI_RATIO or (ratio >= THAI_CLAUSE_RATIO and thai >= THAI_CLAUSE_LETTERS)


def only(script: str, text: str) -> str:
    """The text with a space for each letter of another script, which a library would take into account too.

    >>> only("LATIN", "The word ดี means good, 2 letters")
    'The word    means good, 2 letters'
    """
    return "".join(c if SCRIPTS[c] in ("", script) else " " for c in text)
