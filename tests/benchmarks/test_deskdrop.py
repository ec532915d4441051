"""Rankers can be evaluated on any file of events, or one sentence says why not."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from benchmarks.ranking import __main__ as command
from benchmarks.ranking.deskdrop import MIN_EVENTS, read_deskdrop
from benchmarks.ranking.networks import evaluate_deskdrop
from benchmarks.ranking.report import sheets
from local.deskdrop import COLUMNS
from shared.errors import AppError

HEAD = ",".join(COLUMNS) + "\n"


def silent(step: str) -> None:
    pass


def row(number: int, people: int, kind: str = "LIKE") -> str:
    return f"{1_460_000_000 + 3_600 * number},{kind},{number // 2},{number % people},{number},BR\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        (HEAD, "has 0 usable events"),
        (HEAD + row(1, 2), "has 1 usable events"),
        (HEAD + "".join(row(n, 3, "UNHEARD OF") for n in range(50)), "has 0 usable events"),
        ("one,two\n1,2\n", "has no column timestamp"),
        ("\x00\x01\x02", "has no header"),
    ],
    ids=["empty", "head alone", "one event", "unknown events", "another table", "no text"],
)
def test_a_file_without_enough_events_is_refused_in_one_sentence(
    tmp_path: Path, mongo_uri: str, monkeypatch: pytest.MonkeyPatch, content: str, message: str
) -> None:
    monkeypatch.setenv("MONGO_URI", mongo_uri)
    file = tmp_path / "events.csv"
    file.write_text(content)

    result = CliRunner().invoke(command.app, ["--deskdrop", str(file)])

    assert isinstance(result.exception, AppError)
    assert message in str(result.exception)


def test_every_line_of_the_file_is_accounted_for(tmp_path: Path) -> None:
    file, lines = tmp_path / "events.csv", list[str]()
    events = "".join(row(n, 4) for n in range(MIN_EVENTS))
    file.write_text(HEAD + events + row(0, 4) + row(99, 4, "UNHEARD OF") + "\n")

    assert len(read_deskdrop(file, datetime.now(UTC), lines.append)) == MIN_EVENTS + 1
    assert lines == [
        f"{MIN_EVENTS + 3} lines read = {MIN_EVENTS} kept + 3 skipped",
        f"  skipped 1: blank line (line {MIN_EVENTS + 4})",
        f"  skipped 1: repeated engagement (line {MIN_EVENTS + 2})",
        f"  skipped 1: unknown event type (line {MIN_EVENTS + 3})",
    ]


@pytest.mark.parametrize(("events", "people"), [(MIN_EVENTS, 1), (30, 30), (60, 4)])
def test_a_tiny_file_gives_leaderboards_with_accounts_or_none(
    tmp_path: Path, mongo_uri: str, events: int, people: int
) -> None:
    file = tmp_path / "events.csv.gz"
    file.write_bytes(gzip.compress((HEAD + "".join(row(n, people) for n in range(events))).encode()))

    leaderboards = evaluate_deskdrop(mongo_uri, read_deskdrop(file, datetime.now(UTC), silent), silent, [50, 90])

    assert all(board.people > 0 for board in leaderboards)
    assert all(sheet.rows or sheet.columns for sheet in sheets(leaderboards))


@pytest.mark.parametrize("text", ["x", "1,,y", "-3", "0", "101"])
def test_malformed_cuts_are_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="--cuts"):
        command.numbers_of(text, "--cuts", low=1, high=90)


def test_networks_are_named_after_their_options() -> None:
    networks = command.networks_of("60,200", "8", "60")

    assert list(networks) == ["people-60", "people-200", "half-life-8", "no-taste-60"]
    assert networks["half-life-8"].half_life_hours == 8
    assert networks["no-taste-60"].tastes == "none"
