"""Tables out of files, line by line: every line of a file is kept, skipped with a reason, or the file is refused.

A record is one line. So a quotation mark that is never closed costs its own line, and not those behind it; lines of a
field with a line break in it are skipped too, and counted.
"""

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from shared.errors import BadEvent, NotFound

MAX_LINE_LENGTH: Final = 131_072  # characters
MAX_ID_LENGTH: Final = 64  # characters
EXAMPLES: Final = 3  # lines that are named of each reason

Row = dict[str, str]


@dataclass(slots=True)
class Tally:
    """What became of the lines of a file below its header.

    read     lines, blank ones included
    kept     lines that are in what was written
    skipped  lines that were left out, by reason; `read` is the sum of both
    lines    the first lines of each reason; the header is line 1
    cut      whether the file ends without a line break, so that its last line may have lost something
    """

    read: int = 0
    kept: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    lines: dict[str, list[int]] = field(default_factory=dict)
    cut: bool = False

    def skip(self, line: int, reason: str) -> None:
        """Count a line that is left out."""
        self.skipped[reason] += 1
        if self.skipped[reason] <= EXAMPLES:
            self.lines.setdefault(reason, []).append(line)

    def told(self) -> list[str]:
        """The sum, and a line for each reason."""
        told = [f"{self.read} lines read = {self.kept} kept + {self.skipped.total()} skipped"]
        for reason, number in sorted(self.skipped.items()):
            lines = ", ".join(map(str, self.lines[reason]))
            told.append(f"  skipped {number}: {reason} (line {lines}{', …' if number > EXAMPLES else ''})")
        return [*told, *(["  the last line has no line break: it may have been cut short"] if self.cut else ())]


def rows(file: Path, tally: Tally, *, needed: Sequence[str], tabs: bool = False) -> Iterator[tuple[int, Row]]:
    """The number and the fields, stripped, of each line that has as many fields as the header; `tally` counts all.

    needed  columns that the header must name
    tabs    fields are apart by tabs and never quoted; by commas and perhaps quoted otherwise
    Raises NotFound without the file, BadEvent where it is no such table: empty, another encoding than UTF-8, damaged or
    truncated gzip, a header that lacks a column or names one twice, a line longer than MAX_LINE_LENGTH.
    """
    with opened(file) as text:
        names: list[str] = []
        for number, line in enumerate(iter(lambda: text.readline(MAX_LINE_LENGTH), ""), start=1):
            if len(line) == MAX_LINE_LENGTH:
                raise BadEvent(f"{file} is not CSV: line {number} has {MAX_LINE_LENGTH:,} characters or more")
            if number == 1:
                names = _header(file, line, needed, tabs=tabs)
                continue
            tally.read += 1
            tally.cut = not line.endswith("\n")
            fields = _fields(line.rstrip("\n"), tabs=tabs)
            if isinstance(fields, str):
                tally.skip(number, fields)
            elif len(fields) != len(names):
                tally.skip(number, "wrong number of fields")
            else:
                yield number, dict(zip(names, fields, strict=True))
        if not names:
            raise BadEvent(f"{file} is empty")


def _header(file: Path, line: str, needed: Sequence[str], *, tabs: bool) -> list[str]:
    names = _fields(line.rstrip("\n"), tabs=tabs)
    if isinstance(names, str):
        raise BadEvent(f"{file} has no header in its first line: {names}")
    if missing := [name for name in needed if name not in names]:
        raise BadEvent(f"{file} has no column {', '.join(missing)}")
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise BadEvent(f"{file} has two columns {', '.join(twice)}")
    return names


def _fields(line: str, *, tabs: bool) -> list[str] | str:
    """The fields of a line, or why it has none."""
    if not line.strip():
        return "blank line"
    if "\0" in line:
        return "a NUL character"
    if tabs:
        return [part.strip() for part in line.split("\t")]
    try:
        return [part.strip() for part in next(csv.reader([line], strict=True))]
    except csv.Error:
        return "a quotation mark that is not closed in its line, or stands within a field"


@contextmanager
def opened(file: Path) -> Iterator[TextIO]:
    """The file as text, unzipped when it is gzip, with line breaks of any system; what goes wrong while the body reads
    it becomes a BadEvent."""
    try:
        with file.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if file.suffix == ".gz" and not zipped:
                raise BadEvent(f"{file} is {'not gzip' if raw.read(1) else 'empty'}")
            with io.TextIOWrapper(gzip.open(raw) if zipped else raw, encoding="utf-8-sig") as text:
                yield text
    except FileNotFoundError as error:
        raise NotFound(f"{file} does not exist") from error
    except EOFError as error:
        raise BadEvent(f"{file} is truncated: its gzip data end too early") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadEvent(f"{file} is damaged gzip: {error}") from error
    except OSError as error:
        raise BadEvent(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadEvent(f"{file} is not UTF-8: byte {error.object[error.start]:#04x}") from error


EXACT: Final = 2**53  # up to here a floating-point number holds every whole number
ZEROS: Final = "0" * 8  # at the end of a longer one: of random numbers, one in a hundred million
_NUMBER = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,20}", re.ASCII)
_WORD = re.compile(rf"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9_:-]{{0,{MAX_ID_LENGTH - 1}}}", re.ASCII)
_HEXADECIMAL = re.compile(r"[0-9a-f]{24}|[0-9a-f]{32}", re.IGNORECASE)
_NO_VALUE = frozenset({"nan", "na", "n-a", "nil", "null", "none", "undefined", "inf", "infinity", "true", "false"})


def fault_of_id(text: str) -> str:
    """Why a text cannot be an id; empty where it can: a whole number, or a word of letters, digits, `_`, `:` and `-`.

    >>> fault_of_id("-3141592653589793238"), fault_of_id("-3.14159E+18"), fault_of_id("123.0"), fault_of_id("")
    ('', 'an id that is a floating-point number', 'an id that is a floating-point number', 'missing id')
    """
    if not text:
        return "missing id"
    if _HEXADECIMAL.fullmatch(text):
        return ""
    if _NUMBER.fullmatch(text):
        return "an id that is a floating-point number"
    if _WHOLE.fullmatch(text):
        return "an id that has lost digits" if abs(int(text)) > EXACT and text.endswith(ZEROS) else ""
    return "an id that is none" if text.lower() in _NO_VALUE or not _WORD.fullmatch(text) else ""


MIN_LONG: Final = 3  # ids that a judgement on digits lost in the others needs
DIGITS: Final = 16  # significant decimal digits of what a floating-point number holds beyond


def lost_digits(ids: Iterable[str]) -> bool:
    """Whether most long numbers among different ids are such as a floating-point number can hold, so that several ids
    have become one: a random number of 19 digits is such a one in three of a thousand cases."""
    long = [int(one) for one in ids if _WHOLE.fullmatch(one) and abs(int(one)) > EXACT]
    rounded = sum(int(float(one)) == one or len(str(abs(one)).rstrip("0")) <= DIGITS for one in long)
    return len(long) >= MIN_LONG and 2 * rounded > len(long)
