"""How well members' feeds are ranked, beside what needs no model, two libraries, and the best that is possible.

    python -m benchmarks.ranking --world S --seeds 7,8,9
    python -m benchmarks.ranking --people 60,200,600 --half-lives 8,30,96 --no-taste 60,200,600
    python -m benchmarks.ranking --deskdrop ../shared/data/deskdrop/interactions.csv.gz --cuts 50,60,70,80,90

Every ranker orders the same candidates of the same accounts by what was known before a cut in time, and is measured by
the engagements after it.
"""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.ranking.deskdrop import FUTURE, read_deskdrop
from benchmarks.ranking.leaderboard import Leaderboard
from benchmarks.ranking.networks import evaluate_deskdrop, evaluate_worlds, world_of
from benchmarks.ranking.report import DEMO, WITH_HALF_LIFE, WITHOUT_TASTE, figures, sheets
from local.mongod import mongo_server
from local.parameters import readable_file, seed_number, several, world_size
from local.world import SIZES, WorldOptions
from local.world.sizes import MIN_USERS
from shared import command_line

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def main(
    world: Annotated[
        str | None, typer.Option(parser=world_size, metavar="SIZE", help="of the demo networks: XS, S, M or L")
    ] = None,
    seeds: Annotated[
        str, typer.Option(parser=several(seed_number), metavar="SEEDS", help="of the demo networks")
    ] = "7,8,9",
    people: Annotated[str, typer.Option(help="of small demo networks, several apart by commas")] = "",
    half_lives: Annotated[str, typer.Option(help="of popularity [h], in demo networks of 1,000 people")] = "",
    no_taste: Annotated[str, typer.Option(help="people of networks without any taste")] = "",
    deskdrop: Annotated[
        Path | None, typer.Option(parser=readable_file, metavar="FILE", help="interactions.csv.gz")
    ] = None,
    cuts: Annotated[str, typer.Option(help="percent of Deskdrop's events that are the past")] = "50,60,70,80,90",
) -> None:
    """Train, rank and print; exit with 1 when a floor is missed."""
    console = Console(width=None if Console().is_terminal else 200)
    world_seeds, networks = [int(seed) for seed in seeds.split(",")], networks_of(people, half_lives, no_taste)
    deskdrop_cuts = numbers_of(cuts, "--cuts", low=1, high=100 - FUTURE)
    if world:
        networks[world] = SIZES[world]
    if not networks and not deskdrop:
        raise typer.BadParameter("--world, --people, --half-lives, --no-taste, --deskdrop: one of them at least")
    say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
    events = read_deskdrop(deskdrop, datetime.now(UTC), say) if deskdrop else []
    leaderboards: list[Leaderboard] = []
    with mongo_server() as uri, console.status("") as status:
        for size, options in networks.items():
            leaderboards += evaluate_worlds(uri, size, options, world_seeds, status.update)
        if events:
            leaderboards += evaluate_deskdrop(uri, events, status.update, deskdrop_cuts)
    for sheet in sheets(leaderboards) if leaderboards else ():
        sheet.show(console)
    if not leaderboards:
        console.print("nobody to judge by: no account engaged later with what was there before")
    raise typer.Exit(0 if all(figure.met is not False for figure in figures(leaderboards).values()) else 1)


def networks_of(people: str, half_lives: str, no_taste: str) -> dict[str, WorldOptions]:
    """The demo worlds that the options ask for, by name; BadParameter where one of them is no list of numbers."""
    networks = {f"{DEMO}-{users}": world_of(users) for users in numbers_of(people, "--people", low=MIN_USERS)}
    for hours in numbers_of(half_lives, "--half-lives", low=1):
        networks[f"{WITH_HALF_LIFE}-{hours}"] = world_of(1_000, half_life_hours=float(hours))
    for users in numbers_of(no_taste, "--no-taste", low=MIN_USERS):
        networks[f"{WITHOUT_TASTE}-{users}"] = world_of(users, tastes="none")
    return networks


def numbers_of(text: str, option: str, low: int = 0, high: int = 1_000_000) -> list[int]:
    """Whole numbers in low..high, separated by commas; BadParameter for anything else."""
    try:
        numbers = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise typer.BadParameter(f"{option}: {text} is no list of whole numbers") from None
    if any(not low <= number <= high for number in numbers):
        raise typer.BadParameter(f"{option}: each must lie in {low}..{high}")
    return numbers


if __name__ == "__main__":
    command_line.run(app)
