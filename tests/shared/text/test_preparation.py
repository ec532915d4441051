"""What is kept of texts is made anew where the same text gets other words or hashtags."""

import hashlib
import unicodedata

from functions.stats.store import hashtag_stats
from shared.text import PREPARATION
from shared.text.hashtags import hashtags
from shared.text.normalise import plain

# Characters that have been assigned for so long that every Python knows the same of them.
CHARACTERS = [
    chr(code) for code in range(0x30000) if unicodedata.ucd_3_2_0.category(chr(code)) not in ("Cn", "Cs", "Co")
]
TEXTS = [f"#a{character}b {character}c &amp; https://example.com/#{character}" for character in CHARACTERS]


def digest(answers):
    return hashlib.sha256("\n".join(answers).encode()).hexdigest()[:16]


def test_other_words_or_hashtags_have_another_number():
    """Where a digest is another one on purpose, raise the number and write both down here."""
    words = digest(plain(text) for text in TEXTS)
    names = digest(" ".join(hashtags(text)) for text in TEXTS)

    assert (PREPARATION, words, names) == (7, "dd37074335427c8c", "6ac13346c3f166d3")
    assert (hashtag_stats.LAYOUT, names) == ("5", "6ac13346c3f166d3")
