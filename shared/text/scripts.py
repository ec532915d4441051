"""Which scripts a text is written in, and which of them name its language by themselves."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Final

THAI, LATIN, HAN, KANA, HANGUL = "THAI", "LATIN", "CJK", "KANA", "HANGUL"

# Scripts that one language has to itself in practice, by the first word of their letters' Unicode names. Not here:
# Latin, Cyrillic, Arabic, Devanagari, Ethiopic and Tibetan, which several languages share. Minorities share most of the
# others: letters that only they write are a stronger sign (`alphabets.may_be_written_in`). Bengali is here although
# Assamese shares it, since a library takes everyday Bengali for Assamese. Han is here where `language_of_han` says so.
SETTLES = {
    THAI: "th", "LAO": "lo", "KHMER": "km", "MYANMAR": "my", HANGUL: "ko", KANA: "ja", HAN: "zh", "BOPOMOFO": "zh",
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
# Letters of Han say by their charsets who writes them: national standards of Japan (cp932), of China (gb2312), of
# Taiwan (big5) and, for what these and Korea's (euc_kr) lack, of Hong Kong (big5hkscs). A letter of one side only is a
# strong sign. In 701 sentences (sib200, train) Japanese has none of China's alone, simplified Chinese none of Japan's,
# traditional Chinese two; 488, 695 and 212 have one of their own.
CHINA, TAIWAN, HONG_KONG, JAPAN, KOREA = "gb2312", "big5", "big5hkscs", "cp932", "euc_kr"
HONG_KONG_TOO = frozenset("裏綫羣峯牀粧啓")  # forms that it prefers, which big5 lacks and Japan's standard has
# Forms of print that Japanese writes beside those of its older standard ("森鷗外" for "森鴎外").
JAPAN_TOO = frozenset("俠俱剝吞啞噓嚙囊塡姸屛幷摑搔瀆潑焰瘦禱簞繫繡萊蔣蟬蠟醬頰鷗鹼麴軀麵𠮟")
CHINA_ONLY = frozenset("們很它麼")  # in Japan's standard, and yet not written in Japanese
ONLY_CHINESE, ONLY_JAPANESE, SIMPLIFIED, TRADITIONAL, COMMON, RARE = "zh", "ja", "simplified", "traditional", "all", ""
NOT_KOREAN = frozenset("這們很吃沒了嗎呢啊吧你您她它")  # in Korea's standard, and yet not written in Korean
STRONGER = 3  # times as many different strong signs outweigh those of the other side: a name, a quoted word
MIN_JAPANESE = 2  # different letters of Japanese only; one may be a name in a Chinese text
# Where there is no strong sign, a row of ten is Chinese, as 4 of 701 Japanese sentences begin; and so is one of these,
# a weak sign, since Japanese hardly writes them. They are the commonest such in Chinese, and one of everyday talk.
MIN_HAN = 10
CHINESE = frozenset("些但吃對將於是會來沒發經與這體")
MAX_RARE_RATIO = 1 / 5  # of letters that no standard has: Vietnamese and Zhuang in Han have more
# Kana beside Han are a weak sign of Japanese: names have them in Chinese, and "の" is everyday life in Taiwan. Hiragana
# right behind Han, but for that one, are endings and particles: each different row is a strong sign. Where signs are
# even, the part of kana decides that sentences have; where none is of Chinese, 7 % is the lowest in 30 characters
# (sib200, train).
STRONG, WEAK = 2, 1
SENTENCE_KANA_RATIO, MIN_KANA_RATIO = 0.3, 0.05

_HAN, _HIRAGANA, _KANA = r"[\u3005\u3400-\u9fff]", r"[\u3041-\u309f]", r"[\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff]"
_ENDING = re.compile(f"(?<={_HAN}){_HIRAGANA}+")
# Kana as words have them, which those of emoticons are not.
_IN_WORDS = re.compile(rf"{_HAN}{_KANA}|{_HIRAGANA}{_HAN}|[A-Za-z0-9」』]{_HIRAGANA}|({_KANA})(?!\1){_KANA}")
_NO_ENDING = frozenset("の")
_SYLLABLE = re.compile("[가-힣]")
# What stands right behind Han in Korean of mixed script: particles, and the endings of verbs and adjectives. Each
# different one is a strong sign of Korean; another word in Hangul there, such as a name, is none.
_PARTICLE = re.compile(
    f"(?<={_HAN})((?:들)?(?:은|는|이|가|을|를|의|에|에서|에게|와|과|로|으로|도|만|부터|까지)|적(?:인|으로)?"
    "|이(?:다|며|고|라|란|나)|(?:한|할|함|하는|하고|하여|하며|하게|했다|한다|된|될|됨|되는|되고|되어|되며|됐다|된다))(?![가-힣])"
)

_SAME = {"HIRAGANA": KANA, "KATAKANA": KANA, "KATAKANA-HIRAGANA": KANA, "IDEOGRAPHIC": HAN}
_WIDTHS = ("HALFWIDTH", "FULLWIDTH")

_MAX_KEPT = 8_192  # characters of a table: more than the posts of a day use


class _Table(dict[str, str]):
    """What a function says of each character that was met; to look it up costs less than a cached call."""

    def __init__(self, of: Callable[[str], str]) -> None:
        self._of = of

    def __missing__(self, character: str) -> str:
        if len(self) >= _MAX_KEPT:
            self.clear()
        said = self[character] = self._of(character)
        return said


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


SCRIPTS: Final = _Table(script_of)


def weights(text: str) -> dict[str, float]:
    """Letters of each script; a Latin letter counts LATIN_WEIGHT, and Han and kana together are of one script.

    >>> weights("max สวย"), weights("コーヒーを飲む"), weights("2026!")
    ({'LATIN': 1.0, 'THAI': 3.0}, {'KANA': 7.0}, {})
    """
    if text.isascii():
        letters = sum(map(str.isalpha, text))
        return {LATIN: letters * LATIN_WEIGHT} if letters else {}
    found: dict[str, float] = {}
    for character, times in Counter(text).items():
        script = SCRIPTS[character]
        if script:
            found[script] = found.get(script, 0.0) + times
    if LATIN in found:
        found[LATIN] *= LATIN_WEIGHT
    if HAN in found and KANA in found:
        han, kana = found.pop(HAN), found.pop(KANA)
        found[KANA if _is_japanese(text, kana / (han + kana)) else HAN] = han + kana
    if HAN in found and HANGUL in found and _is_korean(text):
        found[HANGUL] += found.pop(HAN)
    return found


def _is_japanese(text: str, kana_ratio: float) -> bool:
    """Whether kana make Han of the same text Japanese."""
    if not _IN_WORDS.search(text):
        return False
    letters = set(text)
    signs = list(map(_SIGNS.__getitem__, letters))
    chinese, weak = signs.count(ONLY_CHINESE), len(CHINESE & letters)
    japanese = signs.count(ONLY_JAPANESE) + len({*_ENDING.findall(text)} - _NO_ENDING)
    lead = STRONG * (japanese - chinese) + WEAK * (1 - weak)
    return lead >= 0 and kana_ratio >= (SENTENCE_KANA_RATIO if chinese and not lead else MIN_KANA_RATIO)


def _is_korean(text: str) -> bool:
    """Whether Hangul make Han of the same text Korean: by as many strong signs as there are of Chinese, letters that
    Korea's standard lacks and words that Korean does not have.

    >>> _is_korean("大韓民國은 民主共和國이다"), _is_korean("我们都爱看한국的电视剧"), _is_korean("我很喜歡아이유")
    (True, False, False)
    """
    korean = len(set(_PARTICLE.findall(text)))
    han = {letter for letter in text if SCRIPTS[letter] == HAN}
    chinese = sum(letter in NOT_KOREAN or not letter.encode(KOREA, "ignore") for letter in han)
    return korean > 0 and korean >= chinese


def main_script(found: dict[str, float], text: str) -> tuple[str, float]:
    """The script that most letters of a text are of, Thai before others, and their part, 0..1.

    Where there is another, one whose letters stand alone or only repeat, as in emoticons and laughter, is left out.

    >>> text = "so funny ㅋㅋㅋㅋㅋㅋ"
    >>> main_script(weights(text), text)
    ('LATIN', 1.0)
    """
    left = dict(found)
    script = _largest(left)
    while len(left) > 1 and not _stands_in_words(script, text):
        del left[script]
        script = _largest(left)
    return script, left[script] / sum(left.values())


def _largest(found: dict[str, float]) -> str:
    return THAI if is_thai(found) else max(found, key=found.__getitem__)


def _stands_in_words(script: str, text: str) -> bool:
    """Whether different letters of a script stand side by side somewhere."""
    if script == HANGUL:
        return _SYLLABLE.search(text) is not None  # each is letters side by side; those that stand alone are laughter
    if script == KANA:
        return _IN_WORDS.search(text) is not None
    return any(a != b and a.isalpha() and SCRIPTS[a] == script == SCRIPTS[b] for a, b in pairwise(text))


def is_thai(found: dict[str, float]) -> bool:
    """Whether letters, as `weights` gives them, make a text Thai: by their part, or a clause of them by a smaller part.

    >>> is_thai({"THAI": 6.0, "LATIN": 12.0}), is_thai({"THAI": 24.0, "LATIN": 32.0}), is_thai({"LATIN": 3.0})
    (False, True, False)
    """
    thai = found.get(THAI, 0.0)
    ratio = thai / sum(found.values())
    return ratio >= THAI_RATIO or (ratio >= THAI_CLAUSE_RATIO and thai >= THAI_CLAUSE_LETTERS)


def language_of_han(text: str) -> str:
    """The language of Han that no kana make Japanese: zh, ja, or nothing where their signs are few or contradict.

    >>> language_of_han("谢谢"), language_of_han("這是什麼"), language_of_han("駅前広場"), language_of_han("東京都庁")
    ('zh', 'zh', 'ja', '')
    """
    letters = [letter for letter in set(text) if SCRIPTS[letter] == HAN]
    signs = list(map(_SIGNS.__getitem__, letters))
    if signs.count(RARE) > MAX_RARE_RATIO * len(signs):
        return ""
    chinese, japanese, weak = signs.count(ONLY_CHINESE), signs.count(ONLY_JAPANESE), len(CHINESE.intersection(letters))
    # Where there are strong signs of both, the weak ones decide with them.
    if chinese and chinese + weak > STRONGER * japanese:
        return "zh"
    if japanese > STRONGER * chinese:
        return "ja" if japanese >= MIN_JAPANESE and not weak else ""
    # Letters of which some are simplified and others traditional stand side by side in Japanese.
    consistent = not chinese and not (SIMPLIFIED in signs and TRADITIONAL in signs)
    return "zh" if consistent and (weak or sum(map(text.count, letters)) >= MIN_HAN) else ""


def sign_of(letter: str) -> str:
    """Who writes a letter of Han, as far as the standards tell; RARE for what is in none, or no letter of Han.

    >>> sign_of("们"), sign_of("嘅"), sign_of("駅"), sign_of("国"), sign_of("國"), sign_of("山"), sign_of("の")
    ('zh', 'zh', 'ja', 'simplified', 'traditional', 'all', '')
    """
    charsets = charsets_of(letter) if SCRIPTS[letter] == HAN else frozenset()
    if not charsets:
        return RARE
    if JAPAN not in charsets or letter in CHINA_ONLY:
        return ONLY_CHINESE
    if len(charsets) == 1:
        return ONLY_JAPANESE
    return COMMON if len(charsets) == 3 else SIMPLIFIED if CHINA in charsets else TRADITIONAL


def charsets_of(letter: str) -> frozenset[str]:
    """Which of the standards of China, Taiwan and Japan have a letter; Hong Kong's counts as Taiwan's for a letter that
    none of them nor of Korea has. None of them for a rare one.

    >>> sorted(charsets_of("山")), sorted(charsets_of("駅")), sorted(charsets_of("嘅")), sorted(charsets_of("𡨸"))
    (['big5', 'cp932', 'gb2312'], ['cp932'], ['big5'], [])
    """
    found = {charset for charset in (CHINA, TAIWAN, JAPAN) if letter.encode(charset, "ignore")}
    of_hong_kong = letter.encode(HONG_KONG, "ignore") and not letter.encode(KOREA, "ignore")
    if letter in HONG_KONG_TOO or (of_hong_kong and not found):
        found.add(TAIWAN)
    if letter in JAPAN_TOO:
        found.add(JAPAN)
    return frozenset(found)


_SIGNS = _Table(sign_of)


def only(script: str, text: str) -> str:
    """The text without letters of other scripts, which a library would weigh too.

    >>> only("LATIN", "The word ดี means good, 2 letters")
    'The word    means good, 2 letters'
    """
    return "".join(c if SCRIPTS[c] in ("", script) else " " for c in text)
