"""Types of command-line parameters; BadParameter for what is out of range, before a command begins."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from local.world.sizes import SIZES
from shared.countries import GLOBAL_PARTITION, country_of
from shared.documents import is_id


def number(low: float, high: float) -> Callable[[str | float], float]:
    """A parser of finite numbers in low..high.

    >>> number(0, 24)("12")
    12.0
    """

    def parse(text: str | float) -> float:
        try:
            value = float(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not a number") from None
        if not (math.isfinite(value) and low <= value <= high):
            raise typer.BadParameter(f"{text} is not a number from {low:g} to {high:g}")
        return value

    return parse


def one_of(names: tuple[str, ...]) -> Callable[[str], str]:
    """A parser that accepts one of these words."""

    def parse(text: str) -> str:
        if text not in names:
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(names)}")
        return text

    return parse


world_size = one_of(tuple(SIZES))


def several(each: Callable[[str], object]) -> Callable[[str], str]:
    """A parser of a list separated by commas, each part of which another parser checks.

    >>> several(number(0, 9))("7,8")
    '7,8'
    """

    def parse(text: str) -> str:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not parts:
            raise typer.BadParameter("one at least")
        for part in parts:
            each(part)
        return ",".join(parts)

    return parse


def seed_number(text: str | int) -> int:
    """Parse the seed of a random generator, 0 to 2^63 - 1."""
    text = str(text)
    if not (text.isascii() and text.isdigit() and int(text) < 2**63):
        raise typer.BadParameter(f"{text!r} is not a whole number from 0 to 2^63 - 1")
    return int(text)


def object_id(text: str) -> str:
    """Parse an id of 24 hexadecimal digits."""
    if not is_id(text):
        raise typer.BadParameter(f"{text!r} is not an id of 24 hexadecimal digits; `local accounts` lists some")
    return text.lower()


def partition(text: str) -> str:
    """Parse a country of the guest feed, or the partition for viewers of no known country."""
    if country_of(text) is None and text != GLOBAL_PARTITION:
        raise typer.BadParameter(f"{text!r} is no country code of two letters, nor {GLOBAL_PARTITION!r}")
    return country_of(text) or text


def unicode_text(text: str) -> str:
    """Parse text that MongoDB can store: a terminal may pass on bytes that are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise typer.BadParameter("this is not UTF-8") from None
    if not text.strip():
        raise typer.BadParameter("there is no text")
    return text


def readable_file(text: str | Path) -> Path:
    """Parse the path of a file that can be opened."""
    path = Path(text)
    try:
        if path.is_dir():
            raise typer.BadParameter(f"{path} is a folder")
        with path.open("rb"):
            return path
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None


YesEmpty = Annotated[
    list[str] | None,
    typer.Option(help="a database of the server of MONGO_URI that may be written over although others filled it"),
]
