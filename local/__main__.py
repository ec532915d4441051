"""python -m local: the whole service on this machine.

Data stays in .feedkeeper/ between commands, in an embedded MongoDB; with MONGO_URI set, that server is used instead.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from local.functions import PIPELINE, ROOT, all_functions, function
from local.mongod import mongo_server
from shared.config import preset
from shared.errors import AppError
from shared.store import Store, open_store, schema

HOME = ROOT / ".feedkeeper"
SHOWN = ("th", "us", "jp")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
importing = typer.Typer(no_args_is_help=True, help="Bring in events of another system.")
app.add_typer(importing, name="import")
console = Console()

Step = Callable[[str, int, int], None]


@app.command()
def demo(
    size: Annotated[str, typer.Option(help="of the demo network: XS, S, M or L")] = "S",
    rows: Annotated[int, typer.Option(help="of each feed to print")] = 5,
) -> None:
    """Fill an empty database with a demo network, run every function once, print what came out."""
    began = time.perf_counter()
    with workspace(None, prefix="demo-", started=began) as store:
        now = datetime.now(UTC)
        fill(store, size, now=now, with_text=True)
        run_pipeline(now)
        for country in SHOWN:
            feed_of(store, country, rows, now)
        drop(store)
    say("everything", time.perf_counter() - began)


@app.command()
def dev(size: Annotated[str, typer.Option(help="of the network that an empty database is filled with")] = "S") -> None:
    """Keep the service running: every function when its schedule is due, until Ctrl-C."""
    with workspace(HOME) as store:
        if not store.app.contents.estimated_document_count():
            fill(store, size, now=datetime.now(UTC), with_text=True)
            run_pipeline(datetime.now(UTC))
        scheduled = [one for one in all_functions().values() if one.cron]
        console.print(f"{len(scheduled)} schedules; the database is {store.client.address}; Ctrl-C ends it")
        due = {one: one.due(datetime.now(UTC)) for one in scheduled}
        while True:
            next_one = min(scheduled, key=lambda one: due[one] or datetime.max.replace(tzinfo=UTC))
            moment = due[next_one] or datetime.now(UTC)
            time.sleep(max((moment - datetime.now(UTC)).total_seconds(), 0))
            run_one(next_one.stem, moment, survive=True)
            due[next_one] = next_one.due(moment)


@app.command()
def world(
    size: Annotated[str, typer.Option(help="XS, S, M or L")] = "S",
    seed: Annotated[int, typer.Option(help="the same seed draws the same network")] = 7,
    with_text: Annotated[bool, typer.Option(help="also what a text pipeline would know: languages and topics")] = False,
) -> None:
    """Replace the data by a demo network with a known truth."""
    with workspace(HOME) as store:
        fill(store, size, now=datetime.now(UTC), seed=seed, with_text=with_text)


@importing.command()
def deskdrop(
    file: Annotated[Path, typer.Argument(help="interactions.csv or interactions.csv.gz")],
    keep_times: Annotated[bool, typer.Option(help="do not move the last event to now")] = False,
    renew_shift: Annotated[bool, typer.Option(help="move the events to now once more")] = False,
) -> None:
    """Bring in the events of an internal social network."""
    from local.deskdrop import import_deskdrop

    with workspace(HOME) as store, progress_bars() as step:
        report = import_deskdrop(
            file,
            store.app,
            store.analytics,
            now=datetime.now(UTC),
            keep_times=keep_times,
            renew_shift=renew_shift,
            progress=step,
        )
    console.print(
        f"{report.read} events read: {report.accounts} accounts, {report.contents} contents, {report.engagements} "
        f"engagements, {report.feed_items} feed items; {report.changed} documents changed; last event {report.last_at}"
    )
    for reason, number in sorted(report.skipped.items()):
        console.print(f"  skipped {number}: {reason}")


@app.command()
def run(stems: Annotated[list[str], typer.Argument(help="functions by name, or `all` for the whole pipeline")]) -> None:
    """Run functions now, through their real handlers."""
    with workspace(HOME):
        now = datetime.now(UTC)
        for stem in PIPELINE if stems == ["all"] else stems:
            run_one(stem, now)


@app.command()
def feed(
    countries: Annotated[list[str], typer.Argument(help="codes such as th; `en` is the list for no known country")],
    rows: Annotated[int, typer.Option(help="to print")] = 10,
) -> None:
    """Print guest feeds."""
    with workspace(HOME) as store:
        for country in countries:
            feed_of(store, country, rows, datetime.now(UTC))


@contextmanager
def workspace(home: Path | None, *, prefix: str = "", started: float | None = None) -> Iterator[Store]:
    """A server, settings for the handlers, and a store with every index."""
    began = started or time.perf_counter()
    with mongo_server(home and home / "mongodb") as uri:
        preset(
            {
                "MONGO_URI": uri,
                "DB_PREFIX": prefix,
                "ARTIFACT_KEYS": signing_key(home),
                "LOG_LEVEL": "WARNING",
                "POWERTOOLS_METRICS_DISABLED": "true",
            }
        )
        store = open_store()
        schema.apply(store.app, store.analytics)
        say("MongoDB", time.perf_counter() - began)
        yield store


def signing_key(home: Path | None) -> str:
    """A key of this data folder's own, made at the first use."""
    if home is None:
        return secrets.token_hex(32)
    home.mkdir(parents=True, exist_ok=True)
    file = home / "artifact-key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
    return file.read_text()


def fill(store: Store, size: str, *, now: datetime, seed: int = 7, with_text: bool = False) -> None:
    """Write a demo network over what the databases hold."""
    from local.world import SIZES, build_world, write_world

    if size not in SIZES:
        raise typer.BadParameter(f"size is one of {', '.join(SIZES)}")
    began = time.perf_counter()
    truth = store.client[store.app.name.removesuffix("app-db") + "eval-db"]
    options = replace(SIZES[size], seed=seed, with_text=with_text)
    with progress_bars() as step:
        counts = write_world(build_world(options, now=now), store.app, store.analytics, truth, progress=step)
    schema.apply(store.app, store.analytics)
    made = f"{counts.users} users, {counts.contents} contents, "
    made += f"{counts.engagements} engagements, {counts.feeditems} views"
    say(f"demo network {size}", time.perf_counter() - began, made)


def run_pipeline(now: datetime) -> None:
    """Every function once, in the order that a new network needs."""
    for stem in PIPELINE:
        run_one(stem, now)


def run_one(stem: str, now: datetime, *, survive: bool = False) -> None:
    """Run a function and say what it did; with `survive` a failure is said and not raised."""
    began = time.perf_counter()
    try:
        with console.status(stem):
            result = function(stem).invoke(at=now)
    except AppError as error:
        if not survive:
            raise
        result = {"failed": str(error)}
    say(stem, time.perf_counter() - began, "  ".join(f"{name} {value}" for name, value in result.items()))


def feed_of(store: Store, country: str, rows: int, now: datetime) -> None:
    from local import show

    if not show.guest_feed(console, store, country, rows, now=now):
        console.print(f"no feed for {country} yet: python -m local run all")


def drop(store: Store) -> None:
    """Leave nothing of the demo on a server that is not ours alone."""
    prefix = store.app.name.removesuffix("app-db")
    for name in store.client.list_database_names():
        if name.startswith(prefix):
            store.client.drop_database(name)


def say(what: str, seconds: float, told: str = "") -> None:
    console.print(f"{what:<26}{seconds:>7.1f} s  {told}", highlight=False, soft_wrap=True)


@contextmanager
def progress_bars() -> Iterator[Step]:
    """One bar per step, gone when all is done."""
    columns = TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def step(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total or None)
            bars.update(tasks[name], completed=done)

        yield step


def main() -> None:
    """Errors that we foresaw are one line, without a trace."""
    try:
        app()
    except AppError as error:
        console.print(f"[red]{type(error).__name__}[/]: {error}", soft_wrap=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
