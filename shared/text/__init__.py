"""A post's words: without what is not language, in which language, how many; and its hashtags.

Lives here: compatible characters, plain text, hashtags, scripts, alphabets, the language of a text, and (in a module of
its own) its meaning as numbers.
Does not live here: topics, lexicons, anything that knows what a post is.

What is heavy is loaded at first use: `import shared.text` needs neither numpy nor a library that names languages.
"""

from typing import Final

from shared.text.language import UNKNOWN, NamedLanguage, Namer, identifier
from shared.text.normalise import MAX_CHARACTERS, plain, tokens

# Raised whenever the same post may get other words, hashtags or another language: what was kept of it is outdated.
PREPARATION: Final = 5

__all__ = ["MAX_CHARACTERS", "PREPARATION", "UNKNOWN", "NamedLanguage", "Namer", "identifier", "plain", "tokens"]
