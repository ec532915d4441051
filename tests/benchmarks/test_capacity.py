"""What networks cost: the arithmetic, and its inputs."""

import json
from pathlib import Path

import pytest
import typer

from benchmarks.capacity import Prices, changed
from benchmarks.scale import fit, growths


def test_a_line_is_found_again_and_one_that_is_none_is_not_believed() -> None:
    line = fit({"S": 1 + 5_000e-4, "M": 1 + 50_000e-4, "L": 1 + 150_000e-4})
    curved = fit({"S": 1.0, "M": 100.0, "L": 900.0})

    assert (round(line.fixed, 6), round(line.each * 1e4, 6), round(line.exponent, 2)) == (1.0, 1.0, 0.7)
    assert line.fits
    assert line.reaches(line.at(7e6)) == pytest.approx(7e6)
    assert not curved.fits


def test_what_does_not_grow_reaches_no_limit() -> None:
    assert fit({"S": 2.0, "M": 2.0, "L": 2.0}).reaches(900.0) == float("inf")
    assert fit({"S": 0.0, "M": 3.0, "L": 2.0}).at(1e9) == 3.0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{", "no JSON"),
        ("[]", "object of lambda_gb_s"),
        ('{"tea": 1}', "object of lambda_gb_s"),
        ('{"event": -1}', "event is not a number"),
        ('{"event": true}', "event is not a number"),
        ('{"event": "1"}', "event is not a number"),
        ('{"event": Infinity}', "event is not a number"),
    ],
)
def test_an_input_that_is_none_is_named(given: str, said: str) -> None:
    with pytest.raises(typer.BadParameter, match=said):
        changed(Prices(), given, "--prices")


def test_results_of_an_older_bench_are_refused(tmp_path: Path) -> None:
    saved = tmp_path / "old.json"
    saved.write_text(json.dumps({"jobs": [{"stem": "a_job", "kind": "first", "size": "S", "runs": [{"seconds": 1}]}]}))

    with pytest.raises(typer.BadParameter, match=r"old\.json does not say"):
        growths([saved])
