"""The sentences of the console, in every language of its pages: messages.tsv, one line for each key."""

from functools import cache
from pathlib import Path

FILE = Path(__file__).parent / "messages.tsv"


def message(key: str, language: str, /, **values: object) -> str:
    """The sentence of that key, with the values in its braces.

    >>> message("nav.today", "en")
    'Today'
    """
    return messages()[language][key].format(**values)


@cache
def messages() -> dict[str, dict[str, str]]:
    """All sentences by language and key."""
    head, *rows = (line.split("\t") for line in FILE.read_text().splitlines())
    return {language: {row[0]: row[column] for row in rows} for column, language in enumerate(head) if column}
