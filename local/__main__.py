"""python -m local: the whole service on this machine.

Data stays in .feedkeeper/ between commands, in an embedded MongoDB; with MONGO_URI set, that server is used instead.
"""

import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from pymongo.errors import PyMongoError

from local.functions import PIPELINE, function
from local.runs import run_and_say, run_pipeline
from local.terminal import console, progress_bars, say
from local.workspace import HOME, drop, fill, signing_key, workspace
from shared.config import preset
from shared.errors import AppError
from shared.store import Store, as_app_error

SHOWN = ("th", "us", "jp")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
importing = typer.Typer(no_args_is_help=True, help="Bring in what others have.")
app.add_typer(importing, name="import")


@app.callback(help=__doc__)
def choose(
    context: typer.Context, data: Annotated[Path, typer.Option(help="where the data are between commands")] = HOME
) -> None:
    context.obj = data
    preset({"LOG_LEVEL": "WARNING", "POWERTOOLS_METRICS_DISABLED": "true"})  # loggers look as soon as they are imported


@app.command()
def demo(
    size: Annotated[str, typer.Option(help="of the demo network: XS, S, M or L")] = "S",
    rows: Annotated[int, typer.Option(help="of each feed to print")] = 5,
) -> None:
    """Fill an empty database with a demo network, run every function once, print what came out."""
    from local import show
    from local.changes import relaying
    from local.demo import tell_story
    from local.homes import two_homes
    from local.posts import Author
    from local.reviews import by_truth, detectors
    from local.reviews import review as reviewed

    began = time.perf_counter()
    with workspace(None, prefix="demo-", started=began) as store:
        now = datetime.now(UTC)
        fill(store, size, now=now)
        run_pipeline(now)
        for country in SHOWN:
            feed_of(store, country, rows, now)
        show.homes(console, store, two_homes(store, 2 * rows, now=now), now=now)
        found = store.suspects.waiting()
        with relaying(store, lambda run: None) as relay:
            relay.await_start()
            story = tell_story(Author(store, relay.check))
            judged = reviewed(store, found, by_truth(store), relay.check)
        show.answers(console, "posts written while the relay runs", story.published)
        show.answers(console, "one with another text, and one withdrawn", [story.edited, story.withdrawn])
        suspicious = [one for one in found if not one.sampled]
        show.suspects(console, f"{len(suspicious)} suspects, the first {min(rows, len(suspicious))}", suspicious[:rows])
        say(
            "verdicts",
            judged.seconds,
            f"bots {len(judged.bots)}  people {len(judged.people)}, all taken over as labels",
        )
        run_and_say("train_bot_detector", datetime.now(UTC))
        show.detector_report(console, detectors(store))
        drop(store)
    say("everything", time.perf_counter() - began)


@app.command()
def dev(
    context: typer.Context,
    size: Annotated[str, typer.Option(help="of the network that an empty database is filled with")] = "S",
    port: Annotated[int, typer.Option(help="that the HTTP API is served at, on this machine only")] = 8080,
) -> None:
    """Keep the service running, HTTP included: every function when its schedule, a change or a request fires it, until
    Ctrl-C."""
    from local.dev import serve
    from local.screen import Screen

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with workspace(context.obj) as store:
        if not store.app.users.estimated_document_count():
            fill(store, size, now=datetime.now(UTC))
            run_pipeline(datetime.now(UTC))
        screen = Screen(console)
        try:
            serve(store, screen, threading.Event(), port)
        except KeyboardInterrupt:
            screen.say("ended; the relay has sent what it had read")


@app.command()
def post(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="in any language")],
    within: Annotated[float, typer.Option(help="seconds to wait for what becomes known of it")] = 20.0,
) -> None:
    """Write a post, and show its language and topics as they come back."""
    from local import show
    from local.changes import relaying
    from local.posts import Author
    from local.runs import Run

    failed: list[Run] = []
    with workspace(context.obj) as store:
        # Where `dev` runs, its relay has the lease, and this one has nothing to do.
        with relaying(store, lambda run: failed.append(run) if run.failure else None) as relay:
            relay.await_start()
            answer = Author(store, relay.check).publish(text, within)
        show.answers(console, "", [answer])
    if answer.info is None:
        console.print("the post is kept: `python -m local run reclassify_contents` describes it", soft_wrap=True)
        for last in failed[-1:]:
            console.print(f"{last.stem} {last.told}", markup=False, soft_wrap=True)
        raise typer.Exit(1)


@app.command()
def review(context: typer.Context) -> None:
    """Show suspects with what speaks against them, and take verdicts."""
    from local import show
    from local.changes import relaying
    from local.reviews import review as reviewed
    from shared.store.suspects import Suspect

    left: list[bool] = []  # whether the reviewer has gone

    def ask(one: Suspect) -> bool | None:
        if left:
            return None
        since = f"{one.first_seen_at:%d %b %H:%M} to {one.last_seen_at:%d %b %H:%M}"
        console.print(f"[bold]{one.credential}[/]  score {one.score:.3f}  readings of {since}", highlight=False)
        for line in show.reasons_of(one):
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
        said = ""
        while said not in ("b", "p", "s", "q"):
            said = typer.prompt("  [b]ot, [p]erson, [s]kip or [q]uit").strip().lower()
        if said == "q":
            left.append(True)
        return {"b": True, "p": False}.get(said)

    with workspace(context.obj) as store:
        # Where `dev` runs, its relay has the lease, and this one has nothing to do.
        with relaying(store, lambda run: None) as relay:
            relay.await_start()
            done = reviewed(store, store.suspects.waiting(), ask, relay.check)
        given = len(done.bots) + len(done.people)
        console.print(
            f"{given} of {len(done.suspects)} suspects judged; train_bot_detector learns from it within the hour"
        )


@app.command()
def world(
    context: typer.Context,
    size: Annotated[str, typer.Option(help="XS, S, M or L")] = "S",
    seed: Annotated[int, typer.Option(help="the same seed draws the same network")] = 7,
    with_text: Annotated[bool, typer.Option(help="also what a text pipeline would know: languages and topics")] = False,
) -> None:
    """Replace the data by a demo network with a known truth."""
    with workspace(context.obj) as store:
        fill(store, size, now=datetime.now(UTC), seed=seed, with_text=with_text)


@importing.command()
def deskdrop(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="interactions.csv or interactions.csv.gz")],
    keep_times: Annotated[bool, typer.Option(help="do not move the last event to now")] = False,
    renew_shift: Annotated[bool, typer.Option(help="move the events to now once more")] = False,
) -> None:
    """Bring in the events of an internal social network."""
    from local.deskdrop import import_deskdrop

    with workspace(context.obj) as store, progress_bars() as step:
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


@importing.command()
def sentences(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="a table of topic, text and perhaps language, apart by tabs")],
) -> None:
    """Bring in sentences whose topics are known, for train_topics to learn from."""
    from local.sentences import import_sentences

    with workspace(context.obj) as store:
        report = import_sentences(file, store.analytics, now=datetime.now(UTC))
    console.print(f"{report.read} lines read: {report.texts} texts; {report.changed} documents changed")
    for line, why in report.skipped:
        console.print(f"  line {line} skipped: {why}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def run(
    context: typer.Context,
    stems: Annotated[list[str], typer.Argument(help="functions by name, or `all` for the whole pipeline")],
) -> None:
    """Run functions now, through their real handlers."""
    with workspace(context.obj):
        now = datetime.now(UTC)
        for stem in PIPELINE if stems == ["all"] else stems:
            run_and_say(stem, now)


@app.command()
def erase(
    context: typer.Context, account: Annotated[str, typer.Argument(help="id of the account, 24 hexadecimal digits")]
) -> None:
    """Forget an account: its model, its statistics, and its posts in feeds."""
    with workspace(context.obj):
        found = function("erase_account").invoke(at=datetime.now(UTC), payload={"accountId": account})
    console.print("  ".join(f"{name} {value}" for name, value in found.items()), soft_wrap=True)


@app.command()
def token(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(help="id of an account, or the name of a service")],
    service: Annotated[bool, typer.Option(help="of a service, which may ask for any account")] = False,
    hours: Annotated[float, typer.Option(help="that it is valid for")] = 12.0,
) -> None:
    """Print a token for requests to the HTTP API that `dev` serves."""
    from shared.runtime.tokens import token_for

    key = signing_key(context.obj, "api-key").encode()
    made = token_for(subject, key, service=service, now=datetime.now(UTC), valid_for=timedelta(hours=hours))
    console.print(made, soft_wrap=True, highlight=False)


@app.command()
def feed(
    context: typer.Context,
    countries: Annotated[list[str], typer.Argument(help="codes such as th; `en` is the list for no known country")],
    rows: Annotated[int, typer.Option(help="to print")] = 10,
) -> None:
    """Print guest feeds."""
    with workspace(context.obj) as store:
        for country in countries:
            feed_of(store, country, rows, datetime.now(UTC))


def feed_of(store: Store, country: str, rows: int, now: datetime) -> None:
    """Print the head of one feed, or how to get it."""
    from local import show

    if not show.guest_feed(console, store, country, rows, now=now):
        console.print(f"no feed for {country} yet: python -m local run all")


def main() -> None:
    """Errors that we foresaw are one line, without a trace."""
    try:
        app()
    except (AppError, PyMongoError) as error:
        known = as_app_error(error) or error
        console.print(f"[red]{type(known).__name__}[/]: {known}", soft_wrap=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
