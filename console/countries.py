"""Names of countries in the languages of the console: countries.tsv, by the names of Unicode CLDR."""

from functools import cache
from pathlib import Path

from console.messages import message
from shared.countries import GLOBAL_PARTITION

FILE = Path(__file__).parent / "countries.tsv"  # code, and its name in English and in Thai
EVERYWHERE = GLOBAL_PARTITION


def country_name(code: str, language: str) -> str:
    """The name of a country, or of the list for everywhere.

    >>> country_name("th", "en"), country_name("en", "en")
    ('Thailand', 'Everywhere')
    """
    return message("feeds.everywhere", language) if code == EVERYWHERE else _names()[code][language]


def matches(code: str, typed: str) -> bool:
    """Whether the code is the typed text, or a name in any language has it somewhere.

    >>> matches("th", "thai"), matches("th", "TH"), matches("th", "ไทย"), matches("th", "us")
    (True, True, True, False)
    """
    sought = typed.strip().casefold()
    names = (country_name(code, language).casefold() for language in ("en", "th"))
    return code == sought or any(sought in name for name in names)


@cache
def _names() -> dict[str, dict[str, str]]:
    rows = (line.split("\t") for line in FILE.read_text().splitlines())
    return {code: {"en": english, "th": thai} for code, english, thai in rows}
