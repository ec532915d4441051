"""Which scripts a text is written in, and which of them name its language by themselves."""

import unicodedata
from collections import Counter
from functools import lru_cache

THAI, LATIN, HAN, KANA = "THAI", "LATIN", "CJK", "KANA"

# Scripts that one language has to itself in practice, by the first word of their letters' Unicode names. Not here:
# Latin, Cyrillic, Arabic, Devanagari, Ethiopic and Tibetan, which several languages share. Bengali is here although
# Assamese shares it, since a library takes everyday Bengali for Assamese. Han is here for where `is_chinese` holds.
SETTLES = {
    THAI: "th", "LAO": "lo", "KHMER": "km", "MYANMAR": "my", "HANGUL": "ko", KANA: "ja", HAN: "zh", "BOPOMOFO": "zh",
    "TAMIL": "ta", "BENGALI": "bn", "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml", "SINHALA": "si",
    "GUJARATI": "gu", "GURMUKHI": "pa", "ORIYA": "or", "HEBREW": "he", "GREEK": "el", "GEORGIAN": "ka",
    "ARMENIAN": "hy", "THAANA": "dv",
}  # fmt: skip

# Names, brands and hashtags are in Latin letters everywhere, and say little: three count as one of another script.
LATIN_WEIGHT = 1 / 3
# So a text is Thai from a quarter of Thai letters on, and one Thai word leaves an English sentence English. A clause,
# about four words, is something that only Thais can read: it need not be more than a seventh of the letters.
# Of the posts with Thai letters (wisesight) 99.9 % are Thai by this, 99.8 % without the clause.
THAI_RATIO, THAI_CLAUSE_RATIO, THAI_CLAUSE_LETTERS = 1 / 2, 1 / 3, 20
# Kana beside Han that make a text Japanese; the lowest in 30 characters is 7 % (sib200, train), and less is a
# brand's one "の" in Chinese. Beside Han that only Chinese writes they need the part that they have in sentences.
LEAST_KANA_RATIO, SENTENCE_KANA_RATIO = 0.05, 0.3
# Han without kana say by their charsets who writes them: national standards of Japan (cp932), of China (gb2312) and of
# Taiwan (big5). A letter of one side only is a strong sign. In 701 sentences (sib200, train) Japanese has none of
# China's alone, simplified Chinese none of Japan's, traditional Chinese two; 488, 695 and 212 have one of their own.
CHINA, TAIWAN, JAPAN = "gb2312", "big5", "cp932"
HONG_KONG = frozenset("裏綫羣峯牀粧啓")  # forms that it prefers, which big5 lacks and Japan's standard has
STRONGER = 3  # times as many different strong signs outweigh those of the other side: a name, a quoted word
LEAST_JAPANESE = 2  # different letters of Japanese only; one may be a name in a Chinese text
# Where there is no strong sign, a row of ten is Chinese, as 4 of 701 Japanese sentences begin, and so is one of these:
# Japan's standard has them, but Japanese does not write them. They are the commonest such in Chinese, names left out,
# and one of everyday talk.
LEAST_HAN = 10
CHINESE = frozenset("些但吃它對將很於是會來沒發經與這們體")

_SAME = {"HIRAGANA": KANA, "KATAKANA": KANA, "KATAKANA-HIRAGANA": KANA, "IDEOGRAPHIC": HAN}
_WIDTHS = ("HALFWIDTH", "FULLWIDTH")


@lru_cache(maxsize=8192)  # more letters than the posts of a day use
def script_of(character: str) -> str:
    """The script of a letter or a vowel sign; empty for anything else, and for accents that any script takes.

    >>> script_of("ก"), script_of("ー"), script_of("漢"), script_of("7"), script_of("!")
    ('THAI', 'KANA', 'CJK', '', '')
    """
    if unicodedata.category(character)[0] not in "LM":
        return ""
    words = unicodedata.name(character, "").split() or [""]
    first = words[1] if words[0] in _WIDTHS else words[0]
    return "" if first in ("COMBINING", "VARIATION", "MODIFIER") else _SAME.get(first, first)


def weights(text: str) -> dict[str, float]:
    """Letters of each script; a Latin letter counts LATIN_WEIGHT, and kana take the Han that they stand by.

    >>> weights("max สวย"), weights("コーヒーを飲む"), weights("2026!")
    ({'LATIN': 1.0, 'THAI': 3.0}, {'KANA': 7.0}, {})
    """
    if text.isascii():
        letters = sum(map(str.isalpha, text))
        return {LATIN: letters * LATIN_WEIGHT} if letters else {}
    found: Counter[str] = Counter()
    for character, times in Counter(text).items():
        found[script_of(character)] += times
    del found[""]
    if found[KANA] and found[KANA] >= _least_kana_ratio(text) * (found[KANA] + found[HAN]):
        found[KANA] += found.pop(HAN, 0)
    return {script: n * LATIN_WEIGHT if script == LATIN else float(n) for script, n in found.items() if n}


def _least_kana_ratio(text: str) -> float:
    """The part that kana need beside Han to make them Japanese."""
    charsets = [charsets_of(letter) for letter in set(text) if script_of(letter) == HAN]
    chinese = sum(JAPAN not in found for found in charsets if found)
    return SENTENCE_KANA_RATIO if chinese > sum(found == {JAPAN} for found in charsets) else LEAST_KANA_RATIO


def is_thai(found: dict[str, float]) -> bool:
    """Whether letters, as `weights` gives them, make a text Thai: by their part, or a clause of them by a smaller part.

    >>> is_thai({"THAI": 6.0, "LATIN": 12.0}), is_thai({"THAI": 24.0, "LATIN": 32.0}), is_thai({"LATIN": 3.0})
    (False, True, False)
    """
    thai = found.get(THAI, 0.0)
    ratio = thai / sum(found.values())
    return ratio >= THAI_RATIO or (ratio >= THAI_CLAUSE_RATIO and thai >= THAI_CLAUSE_LETTERS)


def language_of_han(text: str) -> str:
    """The language of Han that stand without kana: zh, ja, or nothing where their signs are few or contradict.

    >>> language_of_han("谢谢"), language_of_han("這是什麼"), language_of_han("駅前広場"), language_of_han("東京都庁")
    ('zh', 'zh', 'ja', '')
    """
    han = [letter for letter in text if script_of(letter) == HAN]
    charsets = [charsets_of(letter) for letter in set(han)]
    chinese = sum(JAPAN not in found for found in charsets if found)
    japanese = sum(found == {JAPAN} for found in charsets)
    weak = len(CHINESE.intersection(han))
    # Where there are strong signs of both, the weak ones decide with them.
    if chinese and chinese + weak > STRONGER * japanese:
        return "zh"
    if japanese > STRONGER * chinese:
        return "ja" if japanese >= LEAST_JAPANESE and not weak else ""
    # Letters of which some are simplified and others traditional stand side by side in Japanese.
    consistent = any(all(charset in found for found in charsets if found) for charset in (CHINA, TAIWAN))
    return "zh" if not chinese and consistent and (weak or len(han) >= LEAST_HAN) else ""


@lru_cache(maxsize=8192)
def charsets_of(letter: str) -> frozenset[str]:
    """Which of the three standards have a letter; none of them for a rare one.

    >>> sorted(charsets_of("山")), sorted(charsets_of("駅")), sorted(charsets_of("们")), sorted(charsets_of("𠮷"))
    (['big5', 'cp932', 'gb2312'], ['cp932'], ['gb2312'], [])
    """
    found = {charset for charset in (CHINA, TAIWAN, JAPAN) if letter.encode(charset, "ignore")}
    return frozenset(found | {TAIWAN} if letter in HONG_KONG else found)


def only(script: str, text: str) -> str:
    """The text without letters of other scripts, which a library would weigh too.

    >>> only("LATIN", "The word ดี means good, 2 letters")
    'The word    means good, 2 letters'
    """
    return "".join(c if script_of(c) in ("", script) else " " for c in text)
