"""What networks cost: the arithmetic and its inputs."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import typer

from benchmarks import scale
from benchmarks.capacity import ACCOUNTS, main, sheets_of, with_changes
from benchmarks.cost.assumptions import Assumed, Prices
from benchmarks.cost.growth import SAVED, fit, growths
from benchmarks.cost.limits import ELSE, limits
from benchmarks.cost.measurements import Measurements
from benchmarks.cost.network import Network
from benchmarks.load.jobs import JOBS
from local.functions import ROOT, all_functions


@pytest.fixture(scope="module")
def measured() -> Measurements:
    return Measurements()


@pytest.fixture
def million(measured: Measurements) -> Network:
    return Network(1e6, Assumed(), measured)


def dollars(network: Network, prices: Prices) -> dict[str, float]:
    return {line.title: line.dollars for line in network.lines(prices)}


def test_every_job_was_measured_at_three_sizes(measured: Measurements) -> None:
    assert {job.stem for job in JOBS} == {stem for stem, _ in measured.growths}
    assert {tuple(growth.seconds.measured) for growth in measured.growths.values()} == {("S", "M", "L")}


def test_of_a_size_in_two_files_the_later_counts(tmp_path: Path) -> None:
    saved = json.loads(SAVED[1].read_text())
    for job in saved["jobs"]:
        for run in job["runs"]:
            run["seconds"] += 1_000
    later = tmp_path / "later.json"
    later.write_text(json.dumps(saved))

    assert all(growth.seconds.measured["M"] > 1_000 for growth in growths([*SAVED, later]))
    assert all(growth.seconds.measured["M"] < 1_000 for growth in growths([later, *SAVED]))


def test_answers_and_changes_cost_each_the_same_and_jobs_less_than_each(million: Network) -> None:
    once, twice = million.functions(), replace(million, accounts=2e6).functions()

    for stem in ("serve_feed", "classify_content"):
        assert twice[stem].calls == pytest.approx(2 * once[stem].calls)
        assert twice[stem].gb_s == pytest.approx(2 * once[stem].gb_s)
    for stem in ("train_coldstart", "refresh_catalogue"):
        assert once[stem].gb_s < twice[stem].gb_s < 2 * once[stem].gb_s, "what a run costs in any case is paid once"


def test_all_that_runs_by_itself_is_in_the_bill(million: Network) -> None:
    by_hand = {
        "rank_contents",
        "recommend_home",
        "recommend_people",
        "explain_ranking",
        "compare_rankings",
        "promote_artifact",
        "erase_account",
        "serve_console",
    }
    # A change for each verdict, and for each post, user or account that is withdrawn, of which there are some dozens.
    rare_changes = {"apply_verdicts", "remove_withdrawn"}

    stems = {function.stem for function in all_functions().values()} - {*million.unmeasured()}
    assert set(million.functions()) == stems - by_hand - rare_changes
    assert million.functions().keys() < dollars(million, Prices()).keys()


def test_habits_and_prices_are_inputs(million: Network) -> None:
    idle = replace(million, assumed=Assumed(pages=0, rankings=0, changes_a_post=0, active_ratio=0))
    dear = replace(Prices(), event=1.0)

    assert idle.functions().keys() & {"serve_feed", "classify_content"} == set()
    assert dollars(idle, Prices())["HTTP API"] == 0
    assert not {"serve_feed", "classify_content"} & {
        limit.title
        for limit in limits(idle.measured, idle.assumed)
        if limit.kind == ELSE and limit.accounts < float("inf")
    }
    assert dollars(million, dear)["event bus"] == million.functions()["classify_content"].calls
    assert dollars(million, dear)["HTTP API"] == dollars(million, Prices())["HTTP API"] > 0


def test_the_first_limit_comes_first(measured: Measurements) -> None:
    accounts = [limit.accounts for limit in limits(measured, Assumed())]

    assert all(earlier <= later for earlier, later in pairwise(accounts))
    assert 0 < accounts[0] < 1e6, "the jobs that hold the whole network"


def test_the_page_has_the_tables_of_the_saved_results(measured: Measurements) -> None:
    page = (ROOT / "docs" / "capacity.md").read_text()
    sheets = [scale.sheet_of(growths(SAVED)), *sheets_of(measured, Assumed(), Prices(), ACCOUNTS)]

    for sheet in sheets:
        assert sheet.markdown().strip() in page, sheet.title


def test_a_linear_growth_is_fitted_and_a_curved_one_is_not_believed() -> None:
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
    ("text", "message"),
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
def test_a_malformed_input_is_named(text: str, message: str) -> None:
    with pytest.raises(typer.BadParameter, match=message):
        with_changes(Prices(), text, "--prices")


@pytest.mark.parametrize("name", ["posts", "peak", "busy_ratio"])
def test_divisors_must_be_above_0(name: str) -> None:
    with pytest.raises(typer.BadParameter, match=f"{name} is not above 0"):
        main([1e6], json.dumps({name: 0}))


def test_results_of_an_older_bench_are_refused(tmp_path: Path) -> None:
    saved = tmp_path / "old.json"
    saved.write_text(json.dumps({"jobs": [{"stem": "a_job", "kind": "first", "size": "S", "runs": [{"seconds": 1}]}]}))

    with pytest.raises(typer.BadParameter, match=r"old\.json does not say"):
        growths([saved])
