"""The language of Han characters: Chinese, Japanese or Korean.

A character that only one side writes is a strong sign of that side. Which side writes it follows from the national
charsets of Japan (cp932), China (gb2312), Taiwan (big5) and, for characters that these and Korea's (euc_kr) lack, Hong
Kong (big5hkscs). In 701 sentences (sib200, train), Japanese has no character of China's alone, simplified Chinese none
of Japan's alone, traditional Chinese two; 488, 695 and 212 of them have one of their own side.
"""

import re
from dataclasses import dataclass

from shared.text.characters import HAN, SCRIPTS, CharacterTable

CHINA, TAIWAN, HONG_KONG, JAPAN, KOREA = "gb2312", "big5", "big5hkscs", "cp932", "euc_kr"
HONG_KONG_TOO = frozenset("裏綫羣峯牀粧啓")  # forms that Hong Kong prefers, which big5 lacks and cp932 has
# Printed forms that Japanese writes beside those of its older charset ("森鷗外" for "森鴎外").
JAPAN_TOO = frozenset("俠俱剝吞啞噓嚙囊塡姸屛幷摑搔瀆潑焰瘦禱簞繫繡萊蔣蟬蠟醬頰鷗鹼麴軀麵𠮟")
CHINA_ONLY = frozenset("們很它麼")  # in cp932, but not written in Japanese
ONLY_CHINESE, ONLY_JAPANESE, SIMPLIFIED, TRADITIONAL, COMMON, RARE = "zh", "ja", "simplified", "traditional", "all", ""
NOT_KOREAN = frozenset("這們很吃沒了嗎呢啊吧你您她它")  # in euc_kr, but not written in Korean
MIN_JAPANESE = 2  # different characters of Japan's alone; a single one may be a name in a Chinese text
# Without a strong sign, ten characters in all are Chinese: 4 of 701 Japanese sentences begin with as many. So is one of
# the characters below, a weak sign, which Japanese hardly writes: the commonest of them in Chinese, and one of everyday
# talk.
MIN_HAN = 10
CHINESE = frozenset("些但吃對將於是會來沒發經與這體")
MAX_RARE_RATIO = 1 / 5  # of characters that no charset has; Vietnamese and Zhuang in Han have more
# Characters of the second level of Japan's standard, the rarer half, are weak signs of Chinese too, unless only
# Japanese writes them: 15 of 701 Japanese sentences have one and none has more, 79 % of the simplified and 97 % of the
# traditional Chinese ones have some (sib200, train).
SECOND_LEVEL = b"\x98\x9f"  # the first of them in cp932
# Kana beside Han are a weak sign of Japanese, two where they are different ones: Chinese has them in names, and "の" is
# everyday writing in Taiwan.
# Hiragana right after Han, except that one and what follows names, are endings and particles: each different run is a
# strong sign, unless the Han right before it have one already: a quoted word is one sign. So are simplified beside
# traditional characters: of 701 sentences, 355 in Japanese have both and none in Chinese. Where neither side has more
# strong signs and Chinese not more weak ones, the part of kana decides: as much as in sentences where there are strong
# signs or many Han, otherwise little.
STRONG, WEAK = 2, 1
MAX_WEAK_KANA = 2
SENTENCE_KANA_RATIO, MIN_KANA_RATIO = 0.3, 0.1
MIN_CERTAINTY = 1 / 2  # part of the signs, below which a language is not named though it has more strong ones

_HAN, _HIRAGANA, _KANA = r"[\u3005\u3400-\u9fff]", r"[\u3041-\u309f]", r"[\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff]"
_WORD = re.compile(f"({_HAN}+)({_HIRAGANA}+)")
_KANA_LETTERS = frozenset(filter(re.compile(_KANA).match, map(chr, range(0x3041, 0x3100))))
_NO_ENDING = frozenset(("の", "さん", "ちゃん", "くん"))
# Kana as they stand in words, which those of emoticons do not.
KANA_IN_WORDS = re.compile(rf"{_HAN}{_KANA}|{_HIRAGANA}{_HAN}|[A-Za-z0-9」』]{_HIRAGANA}|({_KANA})(?!\1){_KANA}")
# What follows Han in Korean of mixed script: particles, and the endings of verbs and adjectives. Each different one is
# a strong sign of Korean; any other word in Hangul, such as a name, is none.
_PARTICLE = re.compile(
    f"(?<={_HAN})((?:들)?(?:은|는|이|가|을|를|의|에|에서|에게|와|과|로|으로|도|만|부터|까지)|적(?:인|으로)?"
    "|이(?:다|며|고|라|란|나)|(?:한|할|함|하는|하고|하여|하며|하게|했다|한다|된|될|됨|되는|되고|되어|되며|됐다|된다))(?![가-힣])"
)


@dataclass(frozen=True, slots=True)
class _Signs:
    """The different signs of Chinese and Japanese in a text.

    chinese, japanese            strong signs
    weak_chinese, weak_japanese  weak ones
    many_han                     whether there are MIN_HAN, one of the weak signs of Chinese
    """

    chinese: int
    japanese: int
    weak_chinese: int
    weak_japanese: int
    many_han: bool

    @property
    def lead(self) -> int:
        """Positive where Japanese has more strong signs, or as many and more weak ones; negative for Chinese."""
        return self.japanese - self.chinese or self.weak_japanese - self.weak_chinese

    def part(self, code: str) -> float:
        """The part of a language's signs, 0..1: half for a single weak one, 1 where there is none of either."""
        chinese = STRONG * self.chinese + WEAK * self.weak_chinese
        japanese = STRONG * self.japanese + WEAK * self.weak_japanese
        return (japanese if code == "ja" else chinese) / max(chinese + japanese, STRONG) if chinese + japanese else 1.0


def _signs_in(text: str) -> _Signs:
    letters = set(text)
    signs = list(map(_SIGNS.__getitem__, letters))
    kana = letters & _KANA_LETTERS
    words = _WORD.findall(text) if kana else ()
    endings = {ending for han, ending in words if not any(_SIGNS[letter] == ONLY_JAPANESE for letter in han)}
    endings -= _NO_ENDING
    japanese = signs.count(ONLY_JAPANESE) + len(endings) + (SIMPLIFIED in signs and TRADITIONAL in signs)
    han = [letter for letter, sign in zip(letters, signs, strict=True) if sign != RARE]
    many_han = not japanese and (len(han) >= MIN_HAN or sum(map(text.count, han)) >= MIN_HAN)
    return _Signs(
        signs.count(ONLY_CHINESE),
        japanese,
        sum(letter in CHINESE or _RARER[letter] != "" for letter in han) + many_han,
        min(len(kana), MAX_WEAK_KANA) if kana and KANA_IN_WORDS.search(text) else 0,
        many_han,
    )


def is_japanese(text: str, kana_ratio: float) -> bool:
    """Whether a text of Han and kana is Japanese, so that both count as one script.

    kana_ratio  part of kana among its kana and Han, 0..1
    """
    signs = _signs_in(text)
    if not signs.weak_japanese:
        return False
    if signs.japanese > signs.chinese:
        return True
    is_sentence = signs.chinese > 0 or signs.many_han
    return signs.lead >= 0 and kana_ratio >= (SENTENCE_KANA_RATIO if is_sentence else MIN_KANA_RATIO)


def certainty(code: str, text: str) -> float:
    """How far the signs in a text of Han, kana or Hangul agree on a language, 0..1: the part of its signs among those
    of Chinese and of Japanese or, for Korean, of Korean.

    >>> certainty("ja", "駅前のビル"), certainty("zh", "我們去東京駅吃飯"), certainty("ko", "我们의愛")
    (1.0, 0.6, 0.5)
    """
    if code != "ko":
        return _signs_in(text).part(code)
    korean, chinese = _signs_beside_hangul(text)
    return korean / (korean + chinese) if korean else 1.0


def is_korean(text: str) -> bool:
    """Whether a text of Han and Hangul is Korean, so that both count as one script: it has at least as many strong
    signs of Korean as of Chinese. Signs of Chinese are characters that euc_kr lacks or that Korean does not write.

    >>> is_korean("大韓民國은 民主共和國이다"), is_korean("我们都爱看한국的电视剧"), is_korean("我很喜歡아이유")
    (True, False, False)
    """
    korean, chinese = _signs_beside_hangul(text)
    return korean > 0 and korean >= chinese


def _signs_beside_hangul(text: str) -> tuple[int, int]:
    """The number of strong signs of Korean and of Chinese."""
    han = {letter for letter in text if SCRIPTS[letter] == HAN}
    chinese = sum(letter in NOT_KOREAN or not letter.encode(KOREA, "ignore") for letter in han)
    return len(set(_PARTICLE.findall(text))), chinese


def language_of_han(text: str) -> str:
    """The language of Han that are not written with Japanese kana: zh, ja, or empty where there are too few signs or
    they contradict each other.

    >>> language_of_han("谢谢"), language_of_han("這是什麼"), language_of_han("駅前広場"), language_of_han("東京都庁")
    ('zh', 'zh', 'ja', '')
    """
    han = [letter for letter in text if SCRIPTS[letter] == HAN]
    letters = set(han)
    if list(map(_SIGNS.__getitem__, letters)).count(RARE) > MAX_RARE_RATIO * len(letters):
        return ""
    signs = _signs_in("".join(han))
    if signs.chinese or signs.japanese:
        code = "zh" if signs.lead < 0 else "ja" if signs.lead > 0 and signs.japanese >= MIN_JAPANESE else ""
        return code if signs.part(code) >= MIN_CERTAINTY else ""
    return "zh" if signs.many_han or not CHINESE.isdisjoint(letters) else ""


def sign_of(letter: str) -> str:
    """Who writes a Han character, as far as the charsets show; RARE for one that is in none, or that is not Han.

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
    """Which of the charsets of China, Taiwan and Japan have a character; empty for a rare one. A character of Hong
    Kong's charset that is in none of these nor in Korea's counts as Taiwan's.

    >>> sorted(charsets_of("山")), sorted(charsets_of("駅")), sorted(charsets_of("嘅")), sorted(charsets_of("𡨸"))
    (['big5', 'cp932', 'gb2312'], ['cp932'], ['big5'], [])
    """
    charsets = {charset for charset in (CHINA, TAIWAN, JAPAN) if letter.encode(charset, "ignore")}
    of_hong_kong = letter.encode(HONG_KONG, "ignore") and not letter.encode(KOREA, "ignore")
    if letter in HONG_KONG_TOO or (of_hong_kong and not charsets):
        charsets.add(TAIWAN)
    if letter in JAPAN_TOO:
        charsets.add(JAPAN)
    return frozenset(charsets)


def _rarer(letter: str) -> str:
    """The character, if it is of the second level and written not only in Japanese; else empty."""
    is_rarer = _SIGNS[letter] in (SIMPLIFIED, TRADITIONAL, COMMON) and letter.encode(JAPAN, "ignore") >= SECOND_LEVEL
    return letter if is_rarer else ""


_SIGNS, _RARER = CharacterTable(sign_of), CharacterTable(_rarer)
