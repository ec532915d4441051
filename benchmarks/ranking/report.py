"""Leaderboards as figures with floors, and as tables."""

from collections.abc import Sequence

import numpy as np

from benchmarks.floors import DEMO_PEOPLE, HALF_LIVES_H, NO_TASTE, PERSONAL, ROLLING, Figure
from benchmarks.ranking.evaluation import MIN_WARM_ENGAGEMENTS
from benchmarks.ranking.leaderboard import Leaderboard, RankerResult
from benchmarks.ranking.networks import DESKDROP
from benchmarks.ranking.post_scores import BASELINE
from benchmarks.ranking.rankers import (
    COUNTRY_RANKER,
    LIBRARIES,
    ORACLE,
    OWN_HALF_LIFE,
    PERSONAL_RANKER,
    PLANTED_HALF_LIFE,
)
from benchmarks.table import Sheet

FLOOR_PROTOCOLS = (
    "3/4 uniform, 1/4 last 2 days",
    "all posts",
)  # of demo worlds, of Deskdrop: those that floors are for
DEMO, WITH_HALF_LIFE, WITHOUT_TASTE = "people", "half-life", "no-taste"  # kinds of demo worlds, as their names begin


def figures(leaderboards: Sequence[Leaderboard]) -> dict[str, Figure]:
    """What may have a floor: means over the worlds of one size, or over the accounts of all cuts of Deskdrop."""
    by_name: dict[str, Figure] = {}
    for size in dict.fromkeys(size_of(board) for board in leaderboards):
        boards = [board for board in leaderboards if size_of(board) == size and board.protocol in FLOOR_PROTOCOLS]
        if not boards:
            continue
        if size == DESKDROP:
            by_name |= _figures_of_cuts([board for board in boards if board.warm])
        else:
            ndcg = {
                name: float(np.mean([board.outcomes[name].ndcg for board in boards])) for name in boards[0].outcomes
            }
            ratios = _ratios(size, ndcg)
            by_name |= {name: Figure(ratio, "x", floor, at_least=True) for name, (ratio, floor) in ratios.items()}
    return by_name


def size_of(board: Leaderboard) -> str:
    """The first word of the network's name: the size of a demo world, or Deskdrop."""
    return board.network.split()[0]


def _ratios(size: str, ndcg: dict[str, float]) -> dict[str, tuple[float, float | None]]:
    """(ratio, floor) by name, from the mean NDCG@10 of each ranker on demo worlds of one size."""
    kind, _, value = size.partition("-")
    personal, country, own = ndcg[PERSONAL_RANKER], ndcg[COUNTRY_RANKER], ndcg[OWN_HALF_LIFE]
    if kind == DEMO:
        return {f"{size}: personal over {OWN_HALF_LIFE}": (personal / own, DEMO_PEOPLE.get(int(value)))}
    if size.startswith(WITH_HALF_LIFE):
        floor = HALF_LIVES_H.get(int(size.removeprefix(WITH_HALF_LIFE)[1:]))
        names = (PLANTED_HALF_LIFE, OWN_HALF_LIFE)
        return {f"{size} h: country over {name}": (country / ndcg[name], floor) for name in names}
    if size.startswith(WITHOUT_TASTE):
        ratios = {"personal": personal / own, "country": country / own}
        return {f"{size}: {name} over {OWN_HALF_LIFE}": (ratio, NO_TASTE) for name, ratio in ratios.items()}
    return {
        f"{size}: over {BASELINE}": (personal / ndcg[BASELINE], PERSONAL["over the baseline"]),
        f"{size}: of the oracle": (personal / ndcg[ORACLE], PERSONAL["of the oracle"]),
    }


def _figures_of_cuts(boards: Sequence[Leaderboard]) -> dict[str, Figure]:
    """Deskdrop's warm accounts: all cuts together, and the worst cut; the comparison with libraries has no floor."""
    if not boards:
        return {}
    people = np.array([board.warm for board in boards])

    def pooled(name: str) -> float:
        return float(np.average([board.outcomes[name].warm for board in boards], weights=people))

    def gain_in_errors(board: Leaderboard) -> float:
        return board.gain / board.gain_error if board.gain_error > 0 else 0.0

    worst = min(boards, key=gain_in_errors)
    ratio = pooled(PERSONAL_RANKER) / max(pooled(OWN_HALF_LIFE), 1e-9)
    best = max(pooled(name) for name in LIBRARIES)
    error = float(np.sqrt(np.nansum((people * [board.gain_error for board in boards]) ** 2)) / people.sum())
    return {
        f"{DESKDROP}, warm, all cuts: over {OWN_HALF_LIFE}": Figure(ratio, "x", ROLLING["pooled"], at_least=True),
        f"{DESKDROP}, warm, all cuts: standard error of that": Figure(error / max(pooled(OWN_HALF_LIFE), 1e-9), "x"),
        f"{DESKDROP}, warm, worst cut ({worst.network.split()[1]}): gain": Figure(
            gain_in_errors(worst), "standard errors", ROLLING["worst cut"], at_least=True
        ),
        f"{DESKDROP}, warm, all cuts: above the better library": Figure(pooled(PERSONAL_RANKER) - best, "NDCG"),
    }


def sheets(leaderboards: Sequence[Leaderboard]) -> list[Sheet]:
    """A table for each size and protocol, and one of the floors."""
    tables = []
    for size, protocol in dict.fromkeys((size_of(board), board.protocol) for board in leaderboards):
        boards = [board for board in leaderboards if (size_of(board), board.protocol) == (size, protocol)]
        rows = [row_of([board.outcomes[name] for board in boards]) for name in boards[0].outcomes]
        people = (
            f"{sum(board.people for board in boards):,} people, {sum(board.warm for board in boards):,} of them warm: "
        )
        note = people + f"{MIN_WARM_ENGAGEMENTS} or more engagements before. ± is one standard error."
        columns = ("ranker", "NDCG@10", "Recall@10", "AUC", "coverage", "cold", "warm")
        tables.append(
            Sheet(f"Members' feeds, {size}, {len(boards)} networks, 200 candidates {protocol}", columns, rows, note)
        )
    floors = [
        (name, figure.text, figure.floor_text, {True: "yes", False: "NO", None: ""}[figure.met])
        for name, figure in figures(leaderboards).items()
    ]
    tables.append(Sheet("Members' feeds, NDCG@10 of the personal ranker", ("what", "measured", "floor", "met"), floors))
    return tables


def row_of(results: Sequence[RankerResult]) -> tuple[str, ...]:
    """One ranker's means over networks, with the standard error of the mean of independent ones."""

    def mean(name: str) -> float:
        return float(np.mean([getattr(result, name) for result in results]))

    def error(name: str) -> float:
        return float(np.sqrt(np.sum([getattr(result, name) ** 2 for result in results])) / len(results))

    return (
        results[0].ranker,
        f"{mean('ndcg'):.3f} ± {error('error'):.3f}",
        f"{mean('recall'):.3f}",
        f"{mean('auc'):.3f}",
        f"{mean('coverage'):.2f}",
        f"{mean('cold'):.3f}",
        f"{mean('warm'):.3f} ± {error('warm_error'):.3f}",
    )
