"""Tables in files, line by line: every line is kept or skipped with a reason, or the whole file is refused.

A record is one line: an unclosed quotation mark costs its own line alone. The lines of a field that contains a line
break are skipped too, and counted.
"""

import csv
import gzip
import io
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final, TextIO

from shared.errors import BadEvent, NotFound

MAX_LINE_LENGTH: Final = 131_072  # characters
MAX_ID_LENGTH: Final = 64  # characters
EXAMPLES: Final = 3  # line numbers that are shown of each reason

Row = dict[str, str]


@dataclass(slots=True)
class Tally:
    """Counts of the lines of a file below its header.

    read     lines, blank ones included
    kept     lines that are in what was written
    skipped  lines that were left out, by reason; `read` is the sum of both
    lines    numbers of the first lines of each reason; the header is line 1
    cut      whether the file ends without a line break, so that its last line may be incomplete
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

    def summary(self) -> list[str]:
        """The sums as text, and a line for each reason."""
        lines = [f"{self.read} lines read = {self.kept} kept + {self.skipped.total()} skipped"]
        for reason, number in sorted(self.skipped.items()):
            examples = ", ".join(map(str, self.lines[reason]))
            lines.append(f"  skipped {number}: {reason} (line {examples}{', …' if number > EXAMPLES else ''})")
        return [*lines, *(["  the last line has no line break: it may have been cut short"] if self.cut else ())]


def rows(
    file: Path, tally: Tally, *, needed: Sequence[str], tabs: bool = False, quoted: bool = True
) -> Iterator[tuple[int, Row]]:
    """(number, stripped fields by column) of each line that has as many fields as the header; `tally` counts all lines.

    needed  columns that the header must name
    tabs    whether fields are separated by tabs; else by commas
    quoted  whether a field may be in quotation marks, which are doubled within it
    Raises NotFound without the file, BadEvent where it is no such table: empty, another encoding than UTF-8, damaged or
    truncated gzip, a header that lacks a column or names one twice, a line longer than MAX_LINE_LENGTH.
    """
    with opened(file) as text:
        names: list[str] = []
        for number, line in enumerate(iter(lambda: text.readline(MAX_LINE_LENGTH), ""), start=1):
            if len(line) == MAX_LINE_LENGTH:
                raise BadEvent(f"{file} is not CSV: line {number} has {MAX_LINE_LENGTH:,} characters or more")
            if number == 1:
                names = _header(file, _fields(line.rstrip("\n"), tabs=tabs, quoted=quoted), needed)
                continue
            tally.read += 1
            tally.cut = not line.endswith("\n")
            fields = _fields(line.rstrip("\n"), tabs=tabs, quoted=quoted)
            if isinstance(fields, str):
                tally.skip(number, fields)
            elif len(fields) != len(names):
                tally.skip(number, "wrong number of fields")
            else:
                yield number, dict(zip(names, fields, strict=True))
        if not names:
            raise BadEvent(f"{file} is empty")


def _header(file: Path, names: list[str] | str, needed: Sequence[str]) -> list[str]:
    if isinstance(names, str):
        raise BadEvent(f"{file} has no header in its first line: {names}")
    if missing := [name for name in needed if name not in names]:
        raise BadEvent(f"{file} has no column {', '.join(missing)}")
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise BadEvent(f"{file} has two columns {', '.join(twice)}")
    return names


def _fields(line: str, *, tabs: bool, quoted: bool) -> list[str] | str:
    """The fields of a line, or the reason why it has none."""
    if not line.strip():
        return "blank line"
    if "\0" in line:
        return "a NUL character"
    separator = "\t" if tabs else ","
    if not quoted:
        return [part.strip() for part in line.split(separator)]
    try:
        return [part.strip() for part in next(csv.reader([line], strict=True, delimiter=separator))]
    except csv.Error:
        return "a quotation mark that is not closed in its line, or stands within a field"


@contextmanager
def opened(file: Path) -> Iterator[TextIO]:
    """The file as text, decompressed if it is gzip, with line breaks of any system.

    Raises NotFound without the file, BadEvent for a damaged one, also while the body reads it.
    """
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


EXACT: Final = 2**53  # up to here floating-point numbers represent every whole number
ZEROS: Final = "0" * 8  # one in a hundred million random numbers ends with them
_NUMBER = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,20}", re.ASCII)
_WORD = re.compile(rf"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9_:-]{{0,{MAX_ID_LENGTH - 1}}}", re.ASCII)
_HEXADECIMAL = re.compile(r"[0-9a-f]{24}|[0-9a-f]{32}", re.IGNORECASE)
_NO_VALUE = frozenset({"nan", "na", "n-a", "nil", "null", "none", "undefined", "inf", "infinity", "true", "false"})


def fault_of_id(text: str) -> str:
    """Why a text is no id; empty where it is one: a whole number, or a word of letters, digits, `_`, `:` and `-`.

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


DIGITS: Final = 15  # significant decimal digits that a spreadsheet keeps; nothing rounds ids to fewer
UNLIKELY: Final = 1e-6  # chance of sound ids to be refused, if their last digits are random
MARKED: Final = 0.1  # share of a column's ids, beyond those that chance explains, that makes it one of rounded ids


def lost_digits(ids: Iterable[str]) -> bool:
    """Whether the long numbers among distinct ids look as if they went through floating-point numbers.

    Several ids have then become one. A floating-point number stands for `ulp` whole numbers, as many as lie between it
    and the next one: 2 of 16 digits, 512 or 1,024 of most of 19. Programs print it in one of two forms:

    - as few digits as tell it from its neighbours, and zeros: JavaScript, and spreadsheets, which keep 15 digits;
    - all its digits, of which the last bits are zero: int64 from a column of float64. Half of such numbers are odd
      multiples of `ulp`. Ids that are multiples of more are no rounded ones: they have bits that are always zero.
      Nor are those that end with three zeros, such as times.

    So one whole number of `ulp` has either form by chance. The ids of a column are expected to have it as often as
    the sum of 1 / ulp over all of them. They are refused where a tenth of the others has it too, and where as many
    would come by chance in fewer than one in a million columns. That is Hoeffding's bound: of n ids with the mean
    chance p, the share q or more have the form with a probability of at most exp(-n D), D being the relative entropy
    q ln(q / p) + (1 - q) ln((1 - q) / (1 - p)). Three ids of 19 digits are enough for it, or 20 of 16 digits.
    """
    long = [number for number in (abs(int(text)) for text in ids if _WHOLE.fullmatch(text)) if number > EXACT]
    spacings = [int(math.ulp(float(number))) for number in long]
    multiples = [
        number // ulp for number, ulp in zip(long, spacings, strict=True) if number % ulp == 0 < number % 1_000
    ]
    shortest = sum(map(_has_shortest_form, long))
    exact = min(len(multiples), 4 * sum(multiple % 2 for multiple in multiples))
    return _is_above_chance(max(shortest, exact), len(long), sum(1 / ulp for ulp in spacings))


def _has_shortest_form(number: int) -> bool:
    """Whether a number consists of the fewest digits that tell its floating-point number from others, and zeros."""
    return int(Decimal(repr(float(number)))) == number and len(str(number).rstrip("0")) >= DIGITS


def _is_above_chance(rounded: int, long: int, expected: float) -> bool:
    """Whether so many ids that look rounded, of so many long ones, are far more than are expected [count]."""
    if rounded <= expected + MARKED * (long - expected):
        return False
    entropy = rounded * math.log(rounded / expected)
    if rounded < long:
        entropy += (long - rounded) * math.log((long - rounded) / (long - expected))
    return entropy > -math.log(UNLIKELY)
