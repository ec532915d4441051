"""Texts: their plain words, hashtags, language and embedding.

Lives here: compatible characters, plain texts, hashtags, scripts, alphabets, the language of a text, and (in a module
of its own) embeddings.
Does not live here: topics, lexicons, anything that knows what a post is.

Heavy libraries are loaded at first use. The package imports none of its modules: statistics need hashtags alone.
"""

from typing import Final

# Raise it whenever a text may get other words, hashtags or another language: stored annotations are then outdated.
PREPARATION: Final = 7
