"""Texts: their plain words, hashtags, language and embedding.

Lives here: compatible characters, plain texts, hashtags, scripts, alphabets, the language of a text, and (in a module
of its own) embeddings.
Does not live here: topics, lexicons, anything that knows what a post is.

Heavy libraries are loaded at first use: `import shared.text` needs neither numpy nor a library that names languages.
"""

from typing import Final

from shared.text.language import UNKNOWN, NamedLanguage, Namer, identifier
from shared.text.normalise import MAX_CHARACTERS, plain, tokens

# Raise it whenever a text may get other words, hashtags or another language: stored annotations are then outdated.
PREPARATION: Final = 5

__all__ = ["MAX_CHARACTERS", "PREPARATION", "UNKNOWN", "NamedLanguage", "Namer", "identifier", "plain", "tokens"]
