"""What a network of so many accounts costs a day, and which limit it meets first, out of saved results.

    python -m benchmarks.capacity
    python -m benchmarks.capacity --accounts 250000 --assume '{"pages": 10}' --prices '{"http_request": 0}'

Beyond the limits of the last table the work has to be divided: it is priced as if that were done, at the same cost for
each post.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks.cost import limits
from benchmarks.cost.assumptions import Assumed, Prices
from benchmarks.cost.measurements import Measurements, TimeSpent
from benchmarks.cost.network import Line, Network
from benchmarks.table import Sheet
from shared import command_line

ACCOUNTS = [1e6, 1e8]


def sheets_of(measured: Measurements, assumed: Assumed, prices: Prices, accounts: Sequence[float]) -> list[Sheet]:
    """Tables: the cost of one of everything, a day of each network, the networks side by side, and the limits."""
    networks = [Network(number, assumed, measured) for number in accounts]
    days = [network.lines(prices) for network in networks]
    names = [f"{number:,.0f} accounts" for number in accounts]
    return [
        _of_each(networks[0]),
        *(_of_day(name, lines) for name, lines in zip(names, days, strict=True)),
        _of_sums(networks, names, days),
        limits.sheet_of(limits.limits(measured, assumed)),
    ]


def _of_each(network: Network) -> Sheet:
    """What one answer, change, trained account and post cost."""
    rows = [
        (
            title,
            f"{spent.seconds * 1_000:,.2f} ms",
            f"{spent.gb_s * 1e6:,.0f}",
            f"{spent.read:,.0f}",
            f"{spent.written:,.0f}",
            f"{spent.database_s * 1_000:,.2f} ms",
        )
        for title, spent in network.each().items()
    ]
    columns = ("one", "Lambda", "GB s of a million", "documents read", "written", "of the database")
    return Sheet("What one costs", columns, rows)


def _of_day(name: str, lines: Sequence[Line]) -> Sheet:
    """A day of one network, the dearest line first."""
    rows = [
        (
            line.title,
            line.number or (f"{line.spent.calls:,.0f} x" if line.spent.calls else ""),
            *(f"{value:,.0f}" if value else "" for value in (line.spent.seconds, line.spent.gb_s)),
            *(f"{value:,.0f}" if value else "" for value in (line.spent.read, line.spent.written)),
            f"{line.dollars:,.2f}",
        )
        for line in sorted(lines, key=lambda line: -line.dollars)
    ]
    columns = ("a day of", "number", "Lambda, s", "GB s", "documents read", "written", "$")
    return Sheet(f"{name}, a day", columns, rows)


def _of_sums(networks: Sequence[Network], names: Sequence[str], days: Sequence[Sequence[Line]]) -> Sheet:
    """The sums of a day, one column per network."""
    sums = [sum((line.spent for line in lines), TimeSpent()) for lines in days]
    cells: dict[str, list[str]] = {
        "posts that count": [f"{network.posts:,.0f}" for network in networks],
        "Lambda, calls": [f"{spent.calls:,.0f}" for spent in sums],
        "Lambda, GB s": [f"{spent.gb_s:,.0f}" for spent in sums],
        "queue, messages": [f"{network.messages:,.0f}" for network in networks],
        "documents read": [f"{spent.read:,.0f}" for spent in sums],
        "documents written": [f"{spent.written:,.0f}" for spent in sums],
        "database, cores a node in the busiest minute": [
            f"{network.cores(network.functions()):,.1f}" for network in networks
        ],
        "database, disk a node": [f"{network.stored_gb:,.0f} GB" for network in networks],
        "oplog": [f"{network.oplog_gb():,.1f} GB" for network in networks],
        "$": [f"{sum(line.dollars for line in lines):,.2f}" for lines in days],
        "$ for 1,000 accounts": [
            f"{sum(line.dollars for line in lines) / network.accounts * 1_000:.3f}"
            for network, lines in zip(networks, days, strict=True)
        ],
    }
    return Sheet("A day in all", ("", *names), [(title, *values) for title, values in cells.items()])


def with_changes(dataclass: Any, text: str, option: str) -> Any:
    """The dataclass with the fields that a JSON object gives; BadParameter where it is no object of these numbers.

    >>> with_changes(Prices(), '{"event": 2}', "--prices").event
    2.0
    """
    try:
        values = json.loads(text)
    except ValueError:
        raise typer.BadParameter(f"{option} is no JSON") from None
    names = [field.name for field in fields(dataclass)]
    if not isinstance(values, dict) or values.keys() - set(names):
        raise typer.BadParameter(f"{option} is an object of {', '.join(names)}")
    wrong = [
        name
        for name, value in values.items()
        if type(value) not in (int, float) or not 0 <= value <= sys.float_info.max
    ]
    if wrong:
        raise typer.BadParameter(f"{option}: {wrong[0]} is not a number from 0 on")
    return replace(dataclass, **{name: float(value) for name, value in values.items()})


def main(
    accounts: Annotated[list[float], typer.Option(min=1, help="of a network; several give a table each")] = ACCOUNTS,
    assume: Annotated[str, typer.Option(help="JSON, over the fields of Assumed")] = "{}",
    prices: Annotated[str, typer.Option(help="JSON, over the fields of Prices")] = "{}",
    markdown: Annotated[bool, typer.Option(help="as docs/capacity.md has the tables")] = False,
) -> None:
    """Estimate and print."""
    assumed = with_changes(Assumed(), assume, "--assume")
    dollars = with_changes(Prices(), prices, "--prices")
    for name in ("posts", "peak", "busy_ratio"):
        if not getattr(assumed, name):
            raise typer.BadParameter(f"--assume: {name} is not above 0")
    measured = Measurements()
    if unmeasured := Network(0, assumed, measured).unmeasured():
        print(f"Without {', '.join(unmeasured)}, newer than the saved results.\n")
    for sheet in sheets_of(measured, assumed, dollars, accounts):
        if markdown:
            print(sheet.markdown())
        else:
            sheet.show(Console(width=160))


if __name__ == "__main__":
    command_line.run(lambda: typer.run(main))
