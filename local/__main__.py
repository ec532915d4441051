"""python -m local: the whole service on this machine.

Data stays in .feedkeeper/ between commands, in an embedded MongoDB; with MONGO_URI set, that server is used instead.
"""

import signal

if __name__ == "__main__":  # Ctrl-C during the imports would end in a traceback, or be swallowed by a library
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, cast

import typer
from pymongo.database import Database

from console.rights import ROLES, Role
from local.functions import all_functions, function
from local.import_commands import importing
from local.parameters import YesEmpty, number, object_id, one_of, partition, seed_number, unicode_text, world_size
from local.runs import run_and_say, run_pipeline
from local.terminal import console
from local.workspace import HOME, alone, api_key, fill, replacing_lock, serving_lock, typed, whole, workspace
from shared import command_line
from shared.config import preset
from shared.documents import Document
from shared.errors import NotFound
from shared.store import Store, schema

SIGNING = ("ARTIFACT_KEYS",)  # settings that functions need which write or read models


def token_hours(text: str) -> float:
    """How long a token is to be valid for [hours]; at most what `Tokens` allows, since others are refused."""
    from shared.runtime.options import Tokens  # here, since it loads the loggers before their level is set

    return float(number(0.01, Tokens().max_lifetime / timedelta(hours=1))(text))


Size = Annotated[str, typer.Option(parser=world_size, metavar="SIZE", help="of the demo network: XS, S, M or L")]
Rows = Annotated[int, typer.Option(min=1, max=1000, help="to print")]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(importing, name="import")


@app.callback(help=__doc__)
def choose(
    context: typer.Context, data: Annotated[Path, typer.Option(help="where the data are between commands")] = HOME
) -> None:
    context.obj = data


@app.command()
def demo(size: Size = "S", rows: Rows = 5) -> None:
    """Fill databases of its own with a demo network, run every function once, print what came out."""
    from local.demo import run_demo

    run_demo(size, rows)


@app.command()
def dev(
    context: typer.Context,
    size: Size = "S",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="that the HTTP API is served at, on this machine only")
    ] = 8080,
    yes_empty: YesEmpty = None,
) -> None:
    """Keep the service running, HTTP included: every function when its schedule, a change or a request fires it, until
    Ctrl-C. An empty database gets a demo network first."""
    from local.dev import lacks_network, prepare, serve
    from local.http import Listener
    from local.screen import Screen

    def fills(store: Store) -> Sequence[Database[Document]]:
        return whole(store) if lacks_network(store) else ()

    with (
        Listener(port) as listener,  # first: a port in use is told before anything is written
        serving_lock(context.obj),
        workspace(context.obj, needs=("ARTIFACT_KEYS", "API_KEYS"), fills=fills, named=yes_empty or ()) as store,
    ):
        with alone(context.obj):
            prepare(store, size)
        screen = Screen(console)
        try:
            serve(store, screen, threading.Event(), listener, typed(context.obj))
        except (KeyboardInterrupt, command_line.Ended):
            screen.say("ended; the relay has sent what it had read")


@app.command()
def post(
    context: typer.Context,
    text: Annotated[str, typer.Argument(parser=unicode_text, metavar="TEXT", help="in any language")],
    within: Annotated[
        float, typer.Option(parser=number(0, 3_600), metavar="SECONDS", help="to wait for what becomes known of it")
    ] = 20.0,
) -> None:
    """Write a post, and show its language and topics as they come back."""
    from local import show
    from local.changes import relaying
    from local.posts import Author
    from local.runs import Run

    failed: list[Run] = []
    with workspace(context.obj, needs=SIGNING) as store:
        # Where `dev` runs, its relay has the lease, and this one has nothing to do.
        with relaying(store, lambda run: failed.append(run) if run.failure else None) as relay:
            relay.await_start()
            answer = Author(store, relay.check).publish(text, within)
        show.answers(console, "", [answer])
    if answer.info is None:
        console.print(
            f"the post is kept: `{typed(context.obj)} run reclassify_contents` describes it",
            soft_wrap=True,
            markup=False,
        )
        for last in failed[-1:]:
            console.print(f"{last.stem} {last.summary}", markup=False, soft_wrap=True)
        raise typer.Exit(1)


@app.command()
def login(
    context: typer.Context,
    role: Annotated[str, typer.Argument(parser=one_of(ROLES), metavar="ROLE", help=" or ".join(ROLES))] = "operator",
) -> None:
    """Print a path that logs in to the console of `dev` once, within ten minutes."""
    from local.dev import login_path

    with workspace(context.obj) as store:
        console.print(login_path(store, cast("Role", role)), soft_wrap=True, markup=False)


@app.command()
def review(context: typer.Context) -> None:
    """Show suspects with what speaks against them, and take verdicts."""
    from functions.bots.store.suspects import Suspects
    from local.changes import relaying
    from local.reviews import at_terminal
    from local.reviews import review as reviewed

    with workspace(context.obj) as store:
        suspects = Suspects(store).waiting()
        if not suspects:
            console.print("nobody is suspected")
            return
        # Where `dev` runs, its relay has the lease, and this one has nothing to do.
        with relaying(store, lambda run: None, [schema.SUSPECTS.name]) as relay:
            relay.await_start()
            result = reviewed(store, suspects, at_terminal(), relay.check)
        judged = len(result.bots) + len(result.people)
        console.print(
            f"{judged} of {len(result.suspects)} suspects judged; train_bot_detector learns from it within the hour",
            markup=False,
        )


@app.command()
def world(
    context: typer.Context,
    size: Size = "S",
    seed: Annotated[
        int, typer.Option(parser=seed_number, metavar="NUMBER", help="the same seed draws the same network")
    ] = 7,
    with_text: Annotated[bool, typer.Option(help="also what a text pipeline would know: languages and topics")] = False,
    yes_empty: YesEmpty = None,
) -> None:
    """Replace the data, and all that was derived from them, by a demo network with a known truth."""
    with (
        alone(context.obj),
        replacing_lock(context.obj),
        workspace(context.obj, fills=whole, named=yes_empty or ()) as store,
    ):
        fill(store, size, now=datetime.now(UTC), seed=seed, with_text=with_text)


@app.command()
def run(
    context: typer.Context,
    stems: Annotated[
        list[str],
        typer.Argument(
            parser=one_of((*all_functions(), "all")),
            metavar="FUNCTION...",
            help="functions by name, or `all` for those that a schedule fires and what they queue",
        ),
    ],
) -> None:
    """Run functions now, through their real handlers; those that a change or a call fires with their sample events."""
    with workspace(context.obj, needs=SIGNING) as store:
        for stem in stems:
            if stem == "all":
                run_pipeline(store, datetime.now(UTC), anew=True)
            else:
                run_and_say(stem, datetime.now(UTC))


@app.command()
def accounts(context: typer.Context, rows: Rows = 10) -> None:
    """List accounts whose ids `token` and `erase` take, those with the most engagements first."""
    from local.accounts import members

    with workspace(context.obj) as store:
        listed = members(store, rows)
    if not listed:
        raise NotFound(f"there is no published account yet: {typed(context.obj)} world, or import deskdrop FILE")
    for member in listed:
        line = f"{member.account}  {member.country or '--'}  {member.engagements:>6} acts  {member.name}"
        console.print(line, markup=False, highlight=False)


@app.command()
def erase(
    context: typer.Context,
    account: Annotated[str, typer.Argument(parser=object_id, metavar="ACCOUNT", help="its id; see `accounts`")],
) -> None:
    """Forget an account: its model, its statistics, and its posts in feeds."""
    with workspace(context.obj):
        report = function("erase_account").invoke(at=datetime.now(UTC), payload={"accountId": account})
    console.print("  ".join(f"{name} {value}" for name, value in report.items()), soft_wrap=True, markup=False)
    if not report["read"] and not report.get("removed"):
        console.print(
            f"nothing of {account} was found; it is remembered as erased all the same", soft_wrap=True, markup=False
        )


@app.command()
def token(
    context: typer.Context,
    subject: Annotated[
        str, typer.Argument(parser=unicode_text, metavar="ACCOUNT", help="its id, see `accounts`; or a service's name")
    ],
    service: Annotated[bool, typer.Option(help="of a service, which may ask for any account")] = False,
    hours: Annotated[float, typer.Option(parser=token_hours, metavar="HOURS", help="that it is valid for")] = 12.0,
) -> None:
    """Print a token for requests to the HTTP API that `dev` serves."""
    from shared.runtime.tokens import token_for

    subject = subject if service else object_id(subject)
    signed = token_for(
        subject, api_key(context.obj), service=service, now=datetime.now(UTC), valid_for=timedelta(hours=hours)
    )
    console.print(signed, soft_wrap=True, highlight=False, markup=False)


@app.command()
def feed(
    context: typer.Context,
    countries: Annotated[
        list[str],
        typer.Argument(
            parser=partition, metavar="COUNTRY...", help="codes such as th; `en` is the list for no known country"
        ),
    ],
    rows: Rows = 10,
) -> None:
    """Print guest feeds."""
    with workspace(context.obj) as store:
        missing = [country for country in countries if not feed_of(store, country, rows, datetime.now(UTC))]
    if missing:
        raise NotFound(f"there is no feed for {', '.join(missing)} yet: {typed(context.obj)} run all")


def feed_of(store: Store, country: str, rows: int, now: datetime) -> bool:
    """Print the first rows of a country's feed; return whether it has one."""
    from local import show

    return show.guest_feed(console, store, country, rows, now=now) > 0


def main() -> None:
    """Run the command without logs and metrics; an expected failure is one sentence, without a trace."""
    preset({"LOG_LEVEL": "WARNING", "POWERTOOLS_METRICS_DISABLED": "true"})  # loggers read it when they are imported
    command_line.run(app)


if __name__ == "__main__":
    main()
