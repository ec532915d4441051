"""What a network of so many accounts costs a day, and which limit it meets first, out of saved results.

    python -m benchmarks.capacity
    python -m benchmarks.capacity --accounts 250000 --assume '{"pages": 10}' --prices '{"http_request": 0}'

Beyond the limits of the last table the work has to be cut up: it is priced as if that were done, at the same cost for
each post.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import limits
from benchmarks.estimate import Assumed, Line, Measurements, Network, Prices, TimeSpent
from benchmarks.table import Sheet
from shared import command_line

ACCOUNTS = [1e6, 1e8]


def sheets_of(measured: Measurements, assumed: Assumed, prices: Prices, accounts: Sequence[float]) -> list[Sheet]:
    """What one of everything costs, a day of each network, all of them side by side, and what they meet."""
    networks = [Network(one, assumed, measured) for one in accounts]
    days = [one.lines(prices) for one in networks]
    named = [f"{one:,.0f} accounts" for one in accounts]
    return [
        _of_each(networks[0]),
        *(_of_day(name, lines) for name, lines in zip(named, days, strict=True)),
        _of_sums(networks, named, days),
        limits.sheet_of(limits.limits(measured, assumed)),
    ]


def _of_each(network: Network) -> Sheet:
    rows = [
        (
            what,
            f"{one.seconds * 1_000:,.2f} ms",
            f"{one.gb_s * 1e6:,.0f}",
            f"{one.read:,.0f}",
            f"{one.written:,.0f}",
            f"{one.database_s * 1_000:,.2f} ms",
        )
        for what, one in network.each().items()
    ]
    columns = ("one", "Lambda", "GB s of a million", "documents read", "written", "of the database")
    return Sheet("What one costs", columns, rows)


def _of_day(name: str, lines: Sequence[Line]) -> Sheet:
    rows = [
        (
            one.what,
            one.number or (f"{one.spent.calls:,.0f} x" if one.spent.calls else ""),
            *(f"{value:,.0f}" if value else "" for value in (one.spent.seconds, one.spent.gb_s)),
            *(f"{value:,.0f}" if value else "" for value in (one.spent.read, one.spent.written)),
            f"{one.dollars:,.2f}",
        )
        for one in sorted(lines, key=lambda one: -one.dollars)
    ]
    columns = ("a day of", "number", "Lambda, s", "GB s", "documents read", "written", "$")
    return Sheet(f"{name}, a day", columns, rows)


def _of_sums(networks: Sequence[Network], named: Sequence[str], days: Sequence[Sequence[Line]]) -> Sheet:
    sums = [sum((line.spent for line in lines), TimeSpent()) for lines in days]
    told: dict[str, list[str]] = {
        "posts that count": [f"{one.posts:,.0f}" for one in networks],
        "Lambda, calls": [f"{one.calls:,.0f}" for one in sums],
        "Lambda, GB s": [f"{one.gb_s:,.0f}" for one in sums],
        "queue, messages": [f"{one.messages:,.0f}" for one in networks],
        "documents read": [f"{one.read:,.0f}" for one in sums],
        "documents written": [f"{one.written:,.0f}" for one in sums],
        "database, cores a node in the busiest minute": [f"{one.cores(one.functions()):,.1f}" for one in networks],
        "database, disk a node": [f"{one.stored_gb:,.0f} GB" for one in networks],
        "oplog": [f"{one.oplog_gb():,.1f} GB" for one in networks],
        "$": [f"{sum(line.dollars for line in lines):,.2f}" for lines in days],
        "$ for 1,000 accounts": [
            f"{sum(line.dollars for line in lines) / one.accounts * 1_000:.3f}"
            for one, lines in zip(networks, days, strict=True)
        ],
    }
    return Sheet("A day in all", ("", *named), [(what, *values) for what, values in told.items()])


def changed(known: Any, given: str, option: str) -> Any:
    """The dataclass with what a JSON object says instead; BadParameter names what it lacks.

    >>> changed(Prices(), '{"event": 2}', "--prices").event
    2.0
    """
    try:
        values = json.loads(given)
    except ValueError:
        raise typer.BadParameter(f"{option} is no JSON") from None
    names = [one.name for one in fields(known)]
    if not isinstance(values, dict) or values.keys() - set(names):
        raise typer.BadParameter(f"{option} is an object of {', '.join(names)}")
    wrong = [
        name for name, one in values.items() if type(one) not in (int, float) or not 0 <= one <= sys.float_info.max
    ]
    if wrong:
        raise typer.BadParameter(f"{option}: {wrong[0]} is not a number from 0 on")
    return replace(known, **{name: float(one) for name, one in values.items()})


def main(
    accounts: Annotated[list[float], typer.Option(min=1, help="of a network; several give a table each")] = ACCOUNTS,
    assume: Annotated[str, typer.Option(help="JSON, over the fields of Assumed")] = "{}",
    prices: Annotated[str, typer.Option(help="JSON, over the fields of Prices")] = "{}",
    markdown: Annotated[bool, typer.Option(help="as docs/capacity.md has the tables")] = False,
) -> None:
    """Estimate and print."""
    assumed, paid = changed(Assumed(), assume, "--assume"), changed(Prices(), prices, "--prices")
    for name in ("posts", "peak", "busy_ratio"):
        if not getattr(assumed, name):
            raise typer.BadParameter(f"--assume: {name} is not above 0")
    for sheet in sheets_of(Measurements(), assumed, paid, accounts):
        if markdown:
            print(sheet.markdown())
        else:
            sheet.show(Console(width=160))


if __name__ == "__main__":
    command_line.run(lambda: typer.run(main))
