"""Every importer, found among the commands, and every kind of damage: no line is lost in silence."""

import gzip
import inspect
import random
import re
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from local import __main__ as commands
from local.import_commands import importing
from local.tables import Tally, fault_of_id, lost_digits, rows
from tests.conftest import API_KEY, SIGNING_KEY

LINES = 40
COMMANDS = {
    command.callback.__name__: command.callback for command in importing.registered_commands if command.callback
}
IMPORTERS = set(COMMANDS)

HEADERS = {
    "deskdrop": "timestamp,eventType,contentId,personId,sessionId,userCountry",
    "harm": "source\tlang\ttext\tspam",
    "sentences": "topic\tlanguage\ttext",
}


def sound(importer):
    """The lines of a file that the importer takes whole, header first."""
    lines = {
        "deskdrop": [f"{1457963676 + n},VIEW,{100 + n},{200 + n},{300 + n},BR" for n in range(LINES)],
        "harm": [f"reviews\ten\tThe cat slept on chair {n}\t0" for n in range(LINES)],
        "sentences": [f"pets/cats\ten\tThe cat slept on chair {n}" for n in range(LINES)],
    }
    return [HEADERS[importer], *lines[importer]]


def changed(number, change):
    """A damage that changes one line and leaves the others as they are."""

    def damage(lines):
        return "\n".join([*lines[:number], change(lines[number]), *lines[number + 1 :], ""]).encode()

    return damage


# What is done to a file, and how many of its lines are kept at least; None where it has to be refused.
DAMAGE = {
    "none": (changed(3, str), LINES),
    "a byte order mark": (lambda lines: b"\xef\xbb\xbf" + "\n".join([*lines, ""]).encode(), LINES),
    "CRLF": (lambda lines: "\r\n".join([*lines, ""]).encode(), LINES),
    "CR": (lambda lines: "\r".join([*lines, ""]).encode(), LINES),
    "no last line break": (lambda lines: "\n".join(lines).encode(), LINES),
    "a last line cut short": (lambda lines: "\n".join([*lines[:-1], lines[-1][:8]]).encode(), LINES - 1),
    "a blank line": (changed(5, lambda line: f"\n{line}"), LINES),
    "a line of blanks": (changed(5, lambda line: f"   \n{line}"), LINES),
    "a quote that is never closed": (changed(3, lambda line: f'"{line}'), LINES - 1),
    "a quote within a field": (changed(3, lambda line: line[:4] + '"' + line[4:]), LINES - 1),
    "a field with a line break": (changed(3, lambda line: f'"{line[:4]}\n{line[4:]}"'), LINES - 1),
    "a field too many": (changed(3, lambda line: f"{line},more\tmore"), LINES - 1),
    "a field too few": (changed(3, lambda line: re.split(r"[,\t]", line)[0]), LINES - 1),
    "a NUL": (changed(3, lambda line: f"{line[:4]}\0{line[4:]}"), LINES - 1),
    "a line twice": (changed(3, lambda line: f"{line}\n{line}"), LINES),
    "the header again": (lambda lines: "\n".join([*lines, lines[0], ""]).encode(), LINES),
    "gzip": (lambda lines: gzip.compress("\n".join([*lines, ""]).encode()), LINES),
    "nothing but a header": (lambda lines: f"{lines[0]}\n".encode(), 0),
    "empty": (lambda lines: b"", None),
    "blank": (lambda lines: b"\n\n", None),
    "gzip cut short": (lambda lines: gzip.compress("\n".join(lines).encode())[:-9], None),
    "damaged gzip": (lambda lines: b"\x1f\x8b" + "\n".join(lines).encode(), None),
    "another encoding": (changed(3, lambda line: line) and (lambda lines: "\n".join(lines).encode("utf-16")), None),
    "a byte of another encoding": (lambda lines: "\n".join(lines).encode() + b"\xe9\n", None),
    "a column twice": (changed(0, lambda line: line + re.findall(r"[,\t]\w+$", line)[0]), None),
    "no header": (lambda lines: "\n".join([*lines[1:], ""]).encode(), None),
    "a header that is not closed": (changed(0, lambda line: f'"{line}'), None),
    "JSON": (lambda lines: b'{"topic": "pets", "text": "The cat slept"}\n' * LINES, None),
    "one endless line": (changed(3, lambda line: line + "x" * 200_000), None),
}


@pytest.fixture
def imported(tmp_path, environment, databases, monkeypatch):
    """Runs an import command on the databases of this test; gives (result, output)."""
    for name, value in {**environment, "ARTIFACT_KEYS": SIGNING_KEY, "API_KEYS": API_KEY}.items():
        monkeypatch.setenv(name, value)

    def run(importer, content):
        file = tmp_path / "table.txt"
        file.write_bytes(content)
        result = CliRunner().invoke(commands.app, ["--data", str(tmp_path), "import", importer, str(file)])
        return result, result.output

    return run


def test_every_importer_is_tested_here_and_prints_its_summary():
    assert set(HEADERS) == IMPORTERS
    for command in COMMANDS.values():
        assert "print_summary(report.tally)" in inspect.getsource(command)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("importer", sorted(IMPORTERS))
def test_no_line_is_lost_in_silence(imported, databases, importer, damage):
    apply_damage, min_kept = DAMAGE[damage]
    content = apply_damage(sound(importer))

    result, output = imported(importer, content)

    if min_kept is None:
        assert result.exit_code == 1
        assert type(result.exception).__name__ == "BadEvent", output
        assert written(databases, importer).find_one() is None
        return
    read, kept, skipped = map(int, re.findall(r"(\d+) lines read = (\d+) kept \+ (\d+) skipped", output)[0])
    plain = gzip.decompress(content) if damage == "gzip" else content
    lines = list(re.split(r"\r\n|\r|\n", plain.decode("utf-8-sig")))
    assert read == len(lines) - 1 - (not lines[-1])
    assert read == kept + skipped
    assert skipped == sum(map(int, re.findall(r"skipped (\d+): ", output)))
    assert kept >= min_kept
    assert result.exit_code == (0 if kept else 1), output
    assert written(databases, importer).count_documents({}) == kept
    assert ("cut short" in output) == (not plain.endswith((b"\n", b"\r")))


def written(databases, importer):
    """The collection that has a document for each line."""
    return {
        "deskdrop": databases.app.feeditems,
        "harm": databases.analytics.labelledHarms,
        "sentences": databases.analytics.labelledTexts,
    }[importer]


def test_a_line_that_is_left_out_is_named_by_its_number(tmp_path):
    file, tally = tmp_path / "table.csv", Tally()
    file.write_text("a,b\n1,2\n1\n\n1\n1\n1\n")

    assert [line for line, _ in rows(file, tally, needed=["a"])] == [2]
    tally.kept = 1

    assert tally.summary() == [
        "6 lines read = 1 kept + 5 skipped",
        "  skipped 1: blank line (line 4)",
        "  skipped 4: wrong number of fields (line 3, 5, 6, …)",
    ]


@pytest.mark.parametrize(
    "text",
    ["1", "-8845298781299428018", "0", "c1", "65f0a1b2c3d4e5f60718293a", "1e10000000000000000000ab", "ann_2", "a" * 64],
)
def test_what_can_be_an_id_is_one(text):
    assert fault_of_id(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "", "1.0", "-3.14159E+18", "3.14159e18", "1e18", "1E+18", ".5", "5.", "+1.5", "1,000", "nan", "NaN", "inf",
        "null", "None", "#N/A", "1" * 21, "a" * 65, "-", "--1", "１２３", "a b", "a\u200bb",
        "3141590000000000000", "TRUE",
    ],
)  # fmt: skip
def test_what_cannot_be_an_id_is_none(text):
    assert fault_of_id(text) != ""


def test_random_ids_are_not_taken_for_such_that_lost_digits():
    ids = [str(-9_000_000_000_000_000_000 + n * 900_000_000_000_001) for n in range(1, 20_000)]

    assert not lost_digits(ids)
    assert lost_digits([str(int(float(number))) for number in ids])
    assert not lost_digits(["9007199254740993"])


def shortest(number):
    """A number as JavaScript prints it, in as few digits as tell it from its neighbours, and zeros."""
    return int(Decimal(repr(float(number))))


ROUNDED = {
    "JavaScript": shortest,
    "int64 from float64": lambda number: int(float(number)),
    "a spreadsheet": lambda number: int(Decimal(f"{float(number):.14e}")),
}


def numbers(kind, count=1_000):
    """Distinct ids as programs make them."""
    drawn = random.Random(7)
    make = {
        "16 digits, above 2^53": lambda n: 9_100_000_000_000_000 + 7 * n,
        "16 digits, drawn": lambda n: drawn.randrange(2**53 + 1, 10**16),
        "17 digits": lambda n: drawn.randrange(10**16, 10**17),
        "18 digits": lambda n: drawn.randrange(10**17, 10**18),
        "19 digits": lambda n: drawn.randrange(10**18, 2**63),
        "20 digits": lambda n: drawn.randrange(10**19, 2**64),
        "negative": lambda n: -drawn.randrange(10**18, 2**63),
        "snowflakes": lambda n: 1_780_000_000_000_000_000 + n // 2 * 419_430_412_345 + n % 2,
        "snowflakes of one machine": lambda n: (424_000_000_000 + 100_003 * n) << 22,
        "snowflakes of many machines": lambda n: (424_000_000_000 + 10_007 * n) << 22 | drawn.randrange(1_024) << 12,
        "milliseconds as nanoseconds": lambda n: (1_780_000_000_000 + 7 * n) * 1_000_000,
        "short": lambda n: 100 + n,
    }[kind]
    return [make(n) for n in range(count)]


LONG = ["16 digits, above 2^53", "16 digits, drawn", "17 digits", "18 digits", "19 digits", "20 digits", "negative"]
SPARE = ["snowflakes of one machine", "snowflakes of many machines", "milliseconds as nanoseconds", "short"]


@pytest.mark.parametrize("kind", [*LONG, "snowflakes", *SPARE])
def test_sound_ids_of_any_length_are_taken(kind):
    for count in (1, 2, 3, 30, 1_000):
        assert not lost_digits(map(str, numbers(kind, count))), count


@pytest.mark.parametrize("way", ROUNDED)
@pytest.mark.parametrize("kind", [*LONG, "snowflakes"])
def test_rounded_ids_of_any_length_are_refused(kind, way):
    ids = {ROUNDED[way](number) for number in numbers(kind)}

    assert lost_digits(map(str, ids))


@pytest.mark.parametrize("way", ROUNDED)
def test_a_column_is_refused_also_if_only_a_part_of_it_was_rounded(way):
    ids = numbers("19 digits")

    assert lost_digits(map(str, [*map(ROUNDED[way], ids[:200]), *ids[200:]]))


def test_three_ids_of_19_digits_are_enough_and_one_is_not():
    ids = [str(shortest(number)) for number in numbers("19 digits", 3)]

    assert lost_digits(ids)
    assert not lost_digits(ids[:1])


@pytest.mark.parametrize(("limit", "spacing"), [(2**54, 2), (2**57, 16), (2**63, 1_024)])
def test_as_many_sound_ids_look_rounded_as_chance_gives(limit, spacing):
    drawn = random.Random(3)
    ids = [drawn.randrange(limit // 2 + 1, limit) for _ in range(100_000)]

    for form in (shortest, lambda number: int(float(number))):
        assert sum(form(number) == number for number in ids) == pytest.approx(100_000 / spacing, rel=0.35)


def test_posts_that_javascript_merged_are_not_imported(imported, databases):
    posts = [shortest(number) for number in numbers("snowflakes", 200)]
    lines = [HEADERS["deskdrop"], *(f"{1457963676 + n},LIKE,{post},{n % 9},{n},BR" for n, post in enumerate(posts))]

    result, _ = imported("deskdrop", "\n".join([*lines, ""]).encode())

    assert "contentId went through floating-point numbers" in str(result.exception)
    assert databases.app.contents.find_one() is None
