"""A post's words: without what is not language, in which language, how many.

Lives here: plain text, scripts, the language of a text, and (in a module of its own) its meaning as numbers.
Does not live here: topics, lexicons, anything that knows what a post is.

What is heavy is loaded at first use: `import shared.text` needs neither numpy nor a library that names languages.
"""

from shared.text.language import UNKNOWN, NamedLanguage, Namer, identifier
from shared.text.normalise import MOST_CHARACTERS, plain, tokens

__all__ = ["MOST_CHARACTERS", "UNKNOWN", "NamedLanguage", "Namer", "identifier", "plain", "tokens"]
