"""A text without links, mentions, hashtag marks and emoji; every script stays as it was written.

Each pattern is linear: a run is matched possessively and starts only where the run before it has ended.
"""

import re
from math import ceil

MOST_CHARACTERS = 5_000  # of a text that are read: the longest posts hold fewer, and time stays bounded

# A link ends at white space; at a letter of another script too, as Thai and Chinese go on without a space, unless
# the link itself goes on there: after a "/" or "=" it may hold any letter. A bare domain has an ending that is no
# word ("day.Tomorrow", "fun.me", "stop.in my" stay) or is one of the best known short ones, with a path.
_TAIL = r"[!-~]*+(?:(?<=[/=?&#_%-])\S++)?"
_ENDINGS = r"(?:com|net|org|info|edu|gov|(?:co|com|net|org|ac)\.[a-z]{2}|(?:go|or|in|ne)\.(?:th|jp|kr))"
_SHORT = r"(?:bit\.ly|t\.co|t\.me|wa\.me|fb\.me|fb\.watch|youtu\.be|lin\.ee|goo\.gl|amzn\.to|is\.gd)/"
_LINK = re.compile(rf"(?:https?://|ftp://|(?<![a-z0-9.@-])www\.){_TAIL}", re.IGNORECASE)
_DOMAIN = re.compile(
    rf"(?<![A-Za-z0-9_.@-])(?:{_SHORT}{_TAIL}|(?:[A-Za-z0-9-]++\.)+{_ENDINGS}(?![A-Za-z0-9@-]|\.[a-z])(?:[/?:#]{_TAIL})?)"
)
# Handles are Latin letters and digits; what stands before the "@" of an e-mail address is one too.
_MENTION = re.compile(r"(?<![A-Za-z0-9_.%+-])[@＠][A-Za-z0-9_À-ɏ]++(?:\.[a-z0-9_]++|@[A-Za-z0-9-]++)*+")
_HASHTAG = re.compile(r"[#＃](?=\w)")
# Pictures, not all symbols; the joiner and the selectors only behind one, since Indic and Persian words hold joiners.
_PICTURE = (
    "\U0001f000-\U0001faff\u2600-\u2775\u2794-\u27bf\u231a\u231b\u2328\u23cf\u23e9-\u23fa\u25aa\u25ab\u25b6\u25c0"
)
_PICTURE += "\u25fb-\u25fe\u2194-\u21aa\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\U000e0020-\U000e007f"
_EMOJI = re.compile(
    rf"[0-9*#]\ufe0f?\u20e3|[©®™ℹ‼⁉〰〽㊗㊙]\ufe0f|[{_PICTURE}][{_PICTURE}\u200d\ufe0f\u20e3]*+|[\ufe0e\ufe0f]"
)
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
    """The words of a post as one line of at most MOST_CHARACTERS; empty where there are none.

    >>> plain("@ann Top 10 reasons ☺ for #coffee: https://example.com/a?b=1")
    'Top 10 reasons for coffee:'
    >>> plain("Great day.Tomorrow\\nwe travel"), plain("ดูที่https://example.com/aครับ")
    ('Great day.Tomorrow we travel', 'ดูที่ ครับ')
    """
    text = text[:MOST_CHARACTERS]
    if ":" in text or "." in text:
        text = _DOMAIN.sub(" ", _LINK.sub(" ", text))
    if not text.isascii():
        text = _EMOJI.sub(" ", text)
    if "@" in text or "＠" in text:
        text = _MENTION.sub(" ", text)
    if "#" in text or "＃" in text:
        text = _HASHTAG.sub(" ", text)
    if not text.isprintable():
        text = _NOTHING.sub(" ", text)
    return " ".join(text.split())


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
