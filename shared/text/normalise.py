"""Plain texts: the words of a post without links, mentions, hash signs and emoji; and the number of these words."""

import re
from math import ceil

from shared.text.cleaning import cleaned
from shared.text.hashtags import without_marks

MAX_CHARACTERS = 5_000  # of a text that are read, which bounds the time; the longest posts have fewer

# Handles are Latin letters and digits; so is the part of an e-mail address before the "@".
_MENTION = re.compile(r"(?<![A-Za-z0-9_.%+-])@[A-Za-z0-9_À-ɏ]++(?>(?:\.[a-z0-9_]++|@[A-Za-z0-9-]++)*)")
# Lone surrogates, controls and the byte order mark; and the zero-width space, which separates words like any other.
_NOT_PRINTED = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\ufeff\ud800-\udfff]")

# Letters, vowel signs included, that correspond to one English word in scripts without spaces between words. From
# parallel sentences (sib200, train): Thai 5.5, Lao 5.3, Khmer 6.1, Burmese 7.0, Han 1.6, kana beside Han 3.2.
_LETTERS_PER_WORD = (
    (re.compile("[\u0e01-\u0e4e\u0e81-\u0edf]"), 5.0),
    (re.compile("[\u1780-\u17d3]"), 6.0),
    (re.compile("[\u1000-\u109f\uaa60-\uaa7f]"), 7.0),
    (re.compile("[\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"), 1.6),
    (re.compile("[\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d]"), 3.2),
)
_WORD = re.compile(r"[^\W\d_][^\s!-&(-/:-@\[-`{-~\xa0-\xbf\u2010-\u2018\u201a-\u206f\u3000-\u303f]*+")


def plain(text: str) -> str:
    """The words of a raw text as one line of at most MAX_CHARACTERS; empty where there are none.

    >>> plain("@ann Top 10 reasons ☺ for #coffee: https://example.com/a?b=1")
    'Top 10 reasons for coffee:'
    >>> plain("Great day.Tomorrow\\nwe travel"), plain("ดูที่https://example.com/aครับ")
    ('Great day.Tomorrow we travel', 'ดูที่ ครับ')
    """
    text = cleaned(text[:MAX_CHARACTERS])
    if "#" in text:
        text = without_marks(text)
    if "@" in text:
        text = _MENTION.sub(" ", text)
    if not text.isprintable():
        text = _NOT_PRINTED.sub(" ", text)
    return " ".join(text.split())[:MAX_CHARACTERS]


def tokens(text: str) -> int:
    """The number of words of a plain text: its runs of letters; an estimate in scripts without spaces between words.

    >>> tokens("It's 7 o'clock in Bangkok"), tokens("วันนี้อากาศดี"), tokens("2026 !!"), tokens("我喜歡喝咖啡")
    (4, 3, 0, 4)
    """
    estimated = 0.0
    if not text.isascii():
        for letters, per_word in _LETTERS_PER_WORD:
            text, count = letters.subn(" ", text)
            estimated += count / per_word
    return len(_WORD.findall(text)) + ceil(estimated)
