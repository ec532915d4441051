"""The language of Han characters: Chinese, Japanese or Korean.

A character that only one side writes is a strong sign of that side. Which side writes it follows from the national
charsets of Japan (cp932), China (gb2312), Taiwan (big5) and, for characters that these and Korea's (euc_kr) lack, Hong
Kong (big5hkscs). In 701 sentences (sib200, train), Japanese has no character of China's alone, simplified Chinese none
of Japan's alone, traditional Chinese two; 488, 695 and 212 of them have one of their own side.
"""

import re

from shared.text.characters import HAN, SCRIPTS, CharacterTable

CHINA, TAIWAN, HONG_KONG, JAPAN, KOREA = "gb2312", "big5", "big5hkscs", "cp932", "euc_kr"
HONG_KONG_TOO = frozenset("裏綫羣峯牀粧啓")  # forms that Hong Kong prefers, which big5 lacks and cp932 has
# Printed forms that Japanese writes beside those of its older charset ("森鷗外" for "森鴎外").
JAPAN_TOO = frozenset("俠俱剝吞啞噓嚙囊塡姸屛幷摑搔瀆潑焰瘦禱簞繫繡萊蔣蟬蠟醬頰鷗鹼麴軀麵𠮟")
CHINA_ONLY = frozenset("們很它麼")  # in cp932, but not written in Japanese
ONLY_CHINESE, ONLY_JAPANESE, SIMPLIFIED, TRADITIONAL, COMMON, RARE = "zh", "ja", "simplified", "traditional", "all", ""
NOT_KOREAN = frozenset("這們很吃沒了嗎呢啊吧你您她它")  # in euc_kr, but not written in Korean
STRONGER = 3  # a side needs more than so many times the strong signs of the other: names and quotes have a few
MIN_JAPANESE = 2  # different characters of Japan's alone; a single one may be a name in a Chinese text
# Without a strong sign, ten characters in all are Chinese: 4 of 701 Japanese sentences begin with as many. So is one of
# the characters below, a weak sign, which Japanese hardly writes: the commonest of them in Chinese, and one of everyday
# talk.
MIN_HAN = 10
CHINESE = frozenset("些但吃對將於是會來沒發經與這體")
MAX_RARE_RATIO = 1 / 5  # of characters that no charset has; Vietnamese and Zhuang in Han have more
# Kana beside Han are a weak sign of Japanese: Chinese has them in names, and "の" is everyday writing in Taiwan.
# Hiragana right after Han, except that one, are endings and particles: each different run is a strong sign. Where the
# signs are balanced, the part of kana decides: as much as in sentences where there are signs of Chinese, otherwise
# little, since 7 % is the lowest in 30 characters of Japanese (sib200, train).
STRONG, WEAK = 2, 1
SENTENCE_KANA_RATIO, MIN_KANA_RATIO = 0.3, 0.05

_HAN, _HIRAGANA, _KANA = r"[\u3005\u3400-\u9fff]", r"[\u3041-\u309f]", r"[\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff]"
_ENDING = re.compile(f"(?<={_HAN}){_HIRAGANA}+")
_NO_ENDING = frozenset("の")
# Kana as they stand in words, which those of emoticons do not.
KANA_IN_WORDS = re.compile(rf"{_HAN}{_KANA}|{_HIRAGANA}{_HAN}|[A-Za-z0-9」』]{_HIRAGANA}|({_KANA})(?!\1){_KANA}")
# What follows Han in Korean of mixed script: particles, and the endings of verbs and adjectives. Each different one is
# a strong sign of Korean; any other word in Hangul, such as a name, is none.
_PARTICLE = re.compile(
    f"(?<={_HAN})((?:들)?(?:은|는|이|가|을|를|의|에|에서|에게|와|과|로|으로|도|만|부터|까지)|적(?:인|으로)?"
    "|이(?:다|며|고|라|란|나)|(?:한|할|함|하는|하고|하여|하며|하게|했다|한다|된|될|됨|되는|되고|되어|되며|됐다|된다))(?![가-힣])"
)


def is_japanese(text: str, kana_ratio: float) -> bool:
    """Whether a text of Han and kana is Japanese, so that both count as one script.

    kana_ratio  part of kana among its kana and Han, 0..1
    """
    if not KANA_IN_WORDS.search(text):
        return False
    letters = set(text)
    signs = list(map(_SIGNS.__getitem__, letters))
    chinese, weak = signs.count(ONLY_CHINESE), len(CHINESE & letters)
    japanese = signs.count(ONLY_JAPANESE) + len({*_ENDING.findall(text)} - _NO_ENDING)
    lead = STRONG * (japanese - chinese) + WEAK * (1 - weak)
    return lead >= 0 and kana_ratio >= (SENTENCE_KANA_RATIO if chinese and not lead else MIN_KANA_RATIO)


def is_korean(text: str) -> bool:
    """Whether a text of Han and Hangul is Korean, so that both count as one script: it has at least as many strong
    signs of Korean as of Chinese. Signs of Chinese are characters that euc_kr lacks or that Korean does not write.

    >>> is_korean("大韓民國은 民主共和國이다"), is_korean("我们都爱看한국的电视剧"), is_korean("我很喜歡아이유")
    (True, False, False)
    """
    korean = len(set(_PARTICLE.findall(text)))
    han = {letter for letter in text if SCRIPTS[letter] == HAN}
    chinese = sum(letter in NOT_KOREAN or not letter.encode(KOREA, "ignore") for letter in han)
    return korean > 0 and korean >= chinese


def language_of_han(text: str) -> str:
    """The language of Han that are not written with Japanese kana: zh, ja, or empty where there are too few signs or
    they contradict each other.

    >>> language_of_han("谢谢"), language_of_han("這是什麼"), language_of_han("駅前広場"), language_of_han("東京都庁")
    ('zh', 'zh', 'ja', '')
    """
    letters = [letter for letter in set(text) if SCRIPTS[letter] == HAN]
    signs = list(map(_SIGNS.__getitem__, letters))
    if signs.count(RARE) > MAX_RARE_RATIO * len(signs):
        return ""
    chinese, japanese, weak = signs.count(ONLY_CHINESE), signs.count(ONLY_JAPANESE), len(CHINESE.intersection(letters))
    # Weak signs count only together with strong ones, where there are strong signs of both sides.
    if chinese and chinese + weak > STRONGER * japanese:
        return "zh"
    if japanese > STRONGER * chinese:
        return "ja" if japanese >= MIN_JAPANESE and not weak else ""
    # Only Japanese has simplified and traditional characters in one text.
    consistent = not chinese and not (SIMPLIFIED in signs and TRADITIONAL in signs)
    return "zh" if consistent and (weak or sum(map(text.count, letters)) >= MIN_HAN) else ""


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


_SIGNS = CharacterTable(sign_of)
