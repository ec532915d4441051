"""Judging on the events of a file works on any file, or says in one sentence why it cannot."""

import gzip
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from benchmarks import ranking
from benchmarks.deskdrop import MIN_EVENTS
from local.deskdrop import COLUMNS
from shared.errors import AppError

HEAD = ",".join(COLUMNS) + "\n"


def silent(what: str) -> None:
    pass


def row(number: int, people: int, kind: str = "LIKE") -> str:
    return f"{1_460_000_000 + 3_600 * number},{kind},{number // 2},{number % people},{number},BR\n"


@pytest.mark.parametrize(
    ("content", "said"),
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
def test_a_file_that_nothing_can_be_judged_on_is_refused_in_one_sentence(
    tmp_path: Path, mongo_uri: str, monkeypatch: pytest.MonkeyPatch, content: str, said: str
) -> None:
    monkeypatch.setenv("MONGO_URI", mongo_uri)
    file = tmp_path / "events.csv"
    file.write_text(content)

    result = CliRunner().invoke(ranking.app, ["--deskdrop", str(file)])

    assert isinstance(result.exception, AppError)
    assert said in str(result.exception)


@pytest.mark.parametrize(("events", "people"), [(MIN_EVENTS, 1), (30, 30), (60, 4)])
def test_a_tiny_file_is_judged_on_or_has_nobody_to_judge_by(
    tmp_path: Path, mongo_uri: str, events: int, people: int
) -> None:
    file = tmp_path / "events.csv.gz"
    file.write_bytes(gzip.compress((HEAD + "".join(row(n, people) for n in range(events))).encode()))

    found = ranking.stand_deskdrop(mongo_uri, file, silent, [50, 90])

    assert all(one.people > 0 for one in found)
    assert all(sheet.rows or sheet.columns for sheet in ranking.sheets(found))


@pytest.mark.parametrize("given", ["x", "1,,y", "-3", "0", "101"])
def test_cuts_that_are_none_are_refused(given: str) -> None:
    with pytest.raises(typer.BadParameter, match="--cuts"):
        ranking.numbers_of(given, "--cuts", least=1, most=90)


def test_networks_are_named_after_what_is_asked_of_them() -> None:
    found = ranking.networks_of("60,200", "8", "60")

    assert list(found) == ["people-60", "people-200", "half-life-8", "no-taste-60"]
    assert found["half-life-8"].half_life_hours == 8
    assert found["no-taste-60"].tastes == "none"
