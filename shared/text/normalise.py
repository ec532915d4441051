"""The words of a text, without links, mentions, hashtag marks and emoji, in compatible characters; and their number."""

import re
from math import ceil

from shared.text.cleaning import cleaned
from shared.text.hashtags import without_marks

MAX_CHARACTERS = 5_000  # of a text that are read: the longest posts hold fewer, and time stays bounded

# Handles are Latin letters and digits; what stands before the "@" of an e-mail address is one too.
_MENTION = re.compile(r"(?<![A-Za-z0-9_.%+-])@[A-Za-z0-9_À-ɏ]++(?:\.[a-z0-9_]++|@[A-Za-z0-9-]++)*+")
# Half characters, controls, the byte order mark; the space of no width parts words, as any other does.
_NOTHING = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\ufeff\ud800-\udfff]")

# Letters, vowel signs included, that say as much as an English word where no space parts words.
# From parallel sentences (sib200, train): Thai 5.5, Lao 5.3, Khmer 6.1, Burmese 7.0, Han 1.6, kana beside Han 3.2.
_LETTERS_PER_WORD = (
    (re.compile("[\u0e01-\u0e4e\u0e81-\u0edf]"), 5.0),
    (re.compile("[\u1780-\u17d3]"), 6.0),
    (re.compile("[\u1000-\u109f\uaa60-\uaa7f]"), 7.0),
    (re.compile("[\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"), 1.6),
    (re.compile("[\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d]"), 3.2),
)
_WORD = re.compile(r"[^\W\d_][^\s!-&(-/:-@\[-`{-~\xa0-\xbf\u2010-\u2018\u201a-\u206f\u3000-\u303f]*+")


def plain(text: str) -> str:
    """The words of a post as one line of at most MAX_CHARACTERS; empty where there are none.

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
        text = _NOTHING.sub(" ", text)
    return " ".join(text.split())[:MAX_CHARACTERS]


def tokens(text: str) -> int:
    """How many words a plain text has: runs of letters; estimated where no space parts words.

    >>> tokens("It's 7 o'clock in Bangkok"), tokens("วันนี้อากาศดี"), tokens("2026 !!"), tokens("我喜歡喝咖啡")
    (4, 3, 0, 4)
    """
    estimated = 0.0
    if not text.isascii():
        for letters, per_word in _LETTERS_PER_WORD:
            text, found = letters.subn(" ", text)
            estimated += found / per_word
    return len(_WORD.findall(text)) + ceil(estimated)
