"""Clean texts of links, HTML entities and emoji, in compatible characters, before hashtags and words are searched.

Each pattern takes linear time: a run of characters is matched possessively, and starts only where the run before it has
ended.
"""

import re
from html import unescape
from html.entities import html5

from shared.text.compatibility import compatible

# Groups are repeated in an atomic group, not by a possessive quantifier: in a long run of Python 3.11.7, one of those
# matched a single repetition.
# An ampersand that was escaped several times becomes one; then the entity that it begins is decoded once.
_AMPERSANDS = re.compile(r"&(?:(?:amp|AMP|#0{0,5}38|#[xX]0{0,4}26);)+")
_ENTITY = re.compile(r"&(?:#\d{1,7}+(?:;|(?!\w))|#[xX][0-9a-fA-F]{1,6}+;|[A-Za-z][A-Za-z0-9]{1,31}+;)")

# A link ends at white space. It also ends at a letter of another script, as Thai and Chinese continue without a space,
# unless the link itself continues there: after a "/" or "=" it may hold any letter. A bare domain needs a top-level
# domain that is no word ("day.Tomorrow", "fun.me", "stop.in my" stay), or is one of the best known link shorteners with
# a path.
_TAIL = r"[!-~]*+(?:(?:(?<=[/=?&#_%(-])|(?<=www\.))\S++)?"
_SCHEMES = r"https?://|ftp://|(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,30}+://"
_SCHEMES += r"|(?<![a-z])(?:mailto|tel|sms|sip|xmpp|magnet):(?=[^\s#])"
_SCHEME = re.compile(rf"(?:{_SCHEMES}){_TAIL}", re.IGNORECASE)
_WWW = re.compile(rf"(?<![a-z0-9.@-])www\.{_TAIL}", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""(?<![a-z])href=["']?[^\s"'<>]*+""", re.IGNORECASE)
_ENDINGS = r"(?:com|net|org|info|edu|gov|(?:co|com|net|org|ac)\.[a-z]{2}|(?:go|or|in|ne)\.(?:th|jp|kr))"
_SHORT = r"(?:bit\.ly|t\.co|t\.me|wa\.me|fb\.me|fb\.watch|youtu\.be|lin\.ee|goo\.gl|amzn\.to|is\.gd)/"
_BEFORE_HOST = r"(?<![A-Za-z0-9_.@#-])"
_DOMAIN = re.compile(
    rf"{_BEFORE_HOST}(?:{_SHORT}{_TAIL}|(?:[A-Za-z0-9-]++\.)+{_ENDINGS}(?![A-Za-z0-9@-]|\.[a-z])(?:[/?:#]{_TAIL})?)"
)
# In a word with a hash sign, any host with a path or a query is a link: of any top-level domain, of numbers, of any
# script. A label may be of several scripts.
_NOT_IN_LABELS = "\\s\x00-,./:-@\\[-`{-\x7f\u2000-\u206f\u3000-\u303f\uff00-\uff0f"
_LABEL, _LETTER = f"[^{_NOT_IN_LABELS}]", f"[^{_NOT_IN_LABELS}A-Za-z0-9-]"
_LABELS = rf"(?<![_.@#])(?<!{_LABEL})(?>(?:{_LABEL}++\.)+)"
_TOP_LEVEL = rf"(?:xn--[A-Za-z0-9-]{{2,59}}|[A-Za-z]{{2,24}}|(?<={_LETTER}\.){_LETTER}{{2,24}})"
_PORT_AND_PATH = rf"(?::\d{{1,5}})?[/?]{_TAIL}"
_NAMED_HOST_AND_PATH = re.compile(rf"{_LABELS}{_TOP_LEVEL}{_PORT_AND_PATH}")
_HOST_AND_PATH = re.compile(rf"{_BEFORE_HOST}(?:\d{{1,3}}(?:\.\d{{1,3}}){{3}}|localhost){_PORT_AND_PATH}")
# Thai, Lao, Burmese, Khmer, kana and Han have no spaces between words: what is of them in the first label may be the
# sentence before the link, and stays.
_UNSPACED = re.compile("[^.]*[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_WORD = re.compile(r"(?<!\S)\S++")
_MARKDOWN_TARGET = re.compile(r"(?<=\])\([^()\s]*+(?>(?:\([^()\s]*+\)[^()\s]*+)*)\)")

# Pictures, not all symbols; joiner and selectors only after a picture, since Indic and Persian words contain joiners.
# Letters in squares and circles whose compatible form is a letter are not pictures.
_PICTURE = "\U0001f000-\U0001f0ff\U0001f150-\U0001f169\U0001f16d-\U0001f18f\U0001f191-\U0001faff"
_PICTURE += "\u2600-\u2775\u2794-\u27bf\u231a\u231b\u2328\u23cf\u23e9-\u23fa\u25aa\u25ab\u25b6\u25c0"
_PICTURE += "\u25fb-\u25fe\u2194-\u21aa\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\U000e0020-\U000e007f"
# Invisible characters within words: soft hyphens, marks of direction, variation selectors, fillers. Joiners stay.
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U000e0000-\U000e001f\U000e0080-\U000e0fff"
)
_NOT_TEXT = re.compile(
    rf"[0-9*#]\ufe0f?\u20e3|[©®™ℹ‼⁉〰〽㊗㊙Ⓜ]\ufe0f|[{_PICTURE}][{_PICTURE}\u200d\ufe0f\u20e3]*+|([{_INVISIBLE}])"
)


def cleaned(text: str) -> str:
    """The text with a space for each link and emoji and with decoded entities, in compatible characters.

    >>> cleaned("Rock &#39;n&#39; roll 🎸 https://example.com/a#b"), cleaned("ｗｏｗ #️⃣ 1")
    ("Rock 'n' roll    ", 'wow   1')
    """
    if "&" in text:
        text = _ENTITY.sub(_decoded, _AMPERSANDS.sub("&", text))
    text = _without_links(text)
    if text.isascii():
        return text
    text = _NOT_TEXT.sub(_space_for_picture, text)
    form = compatible(text)
    return form if form == text else _without_links(form)


def visible(text: str) -> str:
    """The text with a space for each emoji and without invisible characters, in compatible characters."""
    return text if text.isascii() else compatible(_NOT_TEXT.sub(_space_for_picture, text))


def _without_links(text: str) -> str:
    if "](" in text:
        text = _MARKDOWN_TARGET.sub(" ", text)
    if "=" in text:
        text = _ATTRIBUTE.sub(" ", text)
    if ":" in text:
        text = _SCHEME.sub(" ", text)
    if "." in text:
        text = _DOMAIN.sub(" ", _WWW.sub(" ", text))
    if "#" in text and ("/" in text or "?" in text):
        text = _WORD.sub(_without_hosts, text)
    return text


def _without_hosts(word: re.Match[str]) -> str:
    """The word without its links that begin with a host, if it has a hash sign."""
    if "#" not in word[0]:
        return word[0]
    return _HOST_AND_PATH.sub(" ", _NAMED_HOST_AND_PATH.sub(_space_after_sentence, word[0]))


def _space_after_sentence(link: re.Match[str]) -> str:
    """A space for a link, after what may be the sentence before it."""
    sentence = _UNSPACED.match(link[0])
    return f"{sentence[0]} " if sentence else " "


def _decoded(entity: re.Match[str]) -> str:
    """The character of an entity; text that only looks like an entity stays as it is."""
    named = entity[0][1] != "#"
    return entity[0] if named and entity[0][1:] not in html5 else unescape(entity[0])


def _space_for_picture(match: re.Match[str]) -> str:
    """A space for a picture, nothing for an invisible character."""
    return "" if match[1] else " "
