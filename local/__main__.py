"""python -m local: the whole service on this machine.

Data stays in .feedkeeper/ between commands, in an embedded MongoDB; with MONGO_URI set, that server is used instead.
"""

import signal

if __name__ == "__main__":  # a library that is being imported may swallow Ctrl-C, or end in a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Annotated

import typer
from pymongo.database import Database

from local.functions import all_functions, function
from local.parameters import number, object_id, one_of, partition, readable_file, seed_number, unicode_text, world_size
from local.runs import run_and_say, run_pipeline
from local.tables import Tally
from local.terminal import console, progress_bars, say
from local.workspace import HOME, alone, api_key, fill, typed, whole, workspace
from shared import command_line
from shared.config import preset
from shared.config.options import Tokens
from shared.documents import Document
from shared.errors import NotFound, Refused
from shared.store import Store, schema

SHOWN = ("th", "us", "jp")
SIGNS = ("ARTIFACT_KEYS",)  # settings that functions need which make models or trust them
MAX_TOKEN_HOURS = Tokens().longest_life / timedelta(hours=1)  # a longer one would be refused

Size = Annotated[str, typer.Option(parser=world_size, metavar="SIZE", help="of the demo network: XS, S, M or L")]
Rows = Annotated[int, typer.Option(min=1, max=1000, help="to print")]
YesEmpty = Annotated[
    list[str] | None,
    typer.Option(help="a database of the server of MONGO_URI that may be written over although others filled it"),
]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
importing = typer.Typer(no_args_is_help=True, help="Bring in what others have.")
app.add_typer(importing, name="import")


@app.callback(help=__doc__)
def choose(
    context: typer.Context, data: Annotated[Path, typer.Option(help="where the data are between commands")] = HOME
) -> None:
    context.obj = data


@app.command()
def demo(size: Size = "S", rows: Rows = 5) -> None:
    """Fill databases of its own with a demo network, run every function once, print what came out."""
    from local import show
    from local.changes import relaying
    from local.demo import tell_story
    from local.homes import two_homes
    from local.on_demand import requests
    from local.posts import Author
    from local.reviews import by_truth, detectors
    from local.reviews import review as reviewed

    began = time.perf_counter()
    with workspace(None, prefix=f"demo-{token_hex(6)}-", started=began) as store:
        now, ran = datetime.now(UTC), set[str]()
        fill(store, size, now=now)
        ran |= run_pipeline(store, now, anew=True)
        for country in SHOWN:
            feed_of(store, country, rows, now)
        show.homes(console, store, two_homes(store, 2 * rows, now=now), now=now)
        found = store.suspects.waiting()
        with relaying(store, lambda run: ran.add(run.stem)) as relay:
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
        for stem, request in requests(store, datetime.now(UTC)).items():
            ran |= run_and_say(stem, datetime.now(UTC), request)
    idle = set() if found else {"apply_verdicts"}  # a small network may have no suspect to judge
    say("everything", time.perf_counter() - began, f"{len(ran)} of {len(all_functions())} functions ran")
    if left := sorted(all_functions().keys() - ran - idle):
        raise Refused(f"the demo does not run {', '.join(left)}")


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
    from local.screen import Screen

    def fills(store: Store) -> Sequence[Database[Document]]:
        return whole(store) if lacks_network(store) else ()

    with workspace(context.obj, needs=("ARTIFACT_KEYS", "API_KEYS"), fills=fills, named=yes_empty or ()) as store:
        with alone(context.obj):
            prepare(store, size)
        screen = Screen(console)
        try:
            serve(store, screen, threading.Event(), port, typed(context.obj))
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
    with workspace(context.obj, needs=SIGNS) as store:
        # Where `dev` runs, its relay has the lease, and this one has nothing to do.
        with relaying(store, lambda run: failed.append(run) if run.failure else None) as relay:
            relay.await_start()
            answer = Author(store, relay.check).publish(text, within)
        show.answers(console, "", [answer])
    if answer.info is None:
        console.print(f"the post is kept: `{typed(context.obj)} run reclassify_contents` describes it", soft_wrap=True)
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
        suspects = store.suspects.waiting()
        if not suspects:
            console.print("nobody is suspected")
            return
        # Where `dev` runs, its relay has the lease, and this one has nothing to do.
        with relaying(store, lambda run: None, [schema.SUSPECTS.name]) as relay:
            relay.await_start()
            done = reviewed(store, suspects, ask, relay.check)
        given = len(done.bots) + len(done.people)
        console.print(
            f"{given} of {len(done.suspects)} suspects judged; train_bot_detector learns from it within the hour"
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
    """Replace the data by a demo network with a known truth."""
    with alone(context.obj), workspace(context.obj, fills=whole, named=yes_empty or ()) as store:
        fill(store, size, now=datetime.now(UTC), seed=seed, with_text=with_text)


@importing.command()
def deskdrop(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(parser=readable_file, metavar="FILE", help="interactions.csv or interactions.csv.gz")
    ],
    keep_times: Annotated[bool, typer.Option(help="do not move the last event to now")] = False,
    renew_shift: Annotated[bool, typer.Option(help="move the events to now once more")] = False,
    yes_empty: YesEmpty = None,
) -> None:
    """Bring in the events of an internal social network."""
    from local.deskdrop import import_deskdrop

    def fills(store: Store) -> Sequence[Database[Document]]:
        return store.app, store.analytics

    with (
        alone(context.obj),
        workspace(context.obj, fills=fills, named=yes_empty or ()) as store,
        progress_bars() as step,
    ):
        report = import_deskdrop(
            file,
            store.app,
            store.analytics,
            now=datetime.now(UTC),
            keep_times=keep_times,
            renew_shift=renew_shift,
            progress=step,
        )
    say_sum(report.tally)
    console.print(
        f"{report.accounts} accounts, {report.contents} contents, {report.engagements} engagements, "
        f"{report.feed_items} feed items; {report.changed} documents changed; last event {report.last_at}",
        soft_wrap=True,
    )


@importing.command()
def sentences(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            parser=readable_file, metavar="FILE", help="a table of topic, text and perhaps language, apart by tabs"
        ),
    ],
    yes_empty: YesEmpty = None,
) -> None:
    """Bring in sentences whose topics are known, for train_topics to learn from."""
    from local.sentences import import_sentences

    def fills(store: Store) -> Sequence[Database[Document]]:
        return (store.analytics,)

    with alone(context.obj), workspace(context.obj, fills=fills, named=yes_empty or ()) as store:
        report = import_sentences(file, store.analytics, now=datetime.now(UTC))
    say_sum(report.tally)
    console.print(f"{report.texts} texts; {report.changed} documents changed")


def say_sum(tally: Tally) -> None:
    """What became of every line; Refused where none could be kept."""
    for line in tally.told():
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if not tally.kept:
        raise Refused("no line of the file could be kept")


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
    with workspace(context.obj, needs=SIGNS) as store:
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
        found = members(store, rows)
    if not found:
        raise NotFound(f"there is no published account yet: {typed(context.obj)} world, or import deskdrop FILE")
    for one in found:
        console.print(
            f"{one.account}  {one.country or '--'}  {one.acts:>6} acts  {one.name}", markup=False, highlight=False
        )


@app.command()
def erase(
    context: typer.Context,
    account: Annotated[str, typer.Argument(parser=object_id, metavar="ACCOUNT", help="its id; see `accounts`")],
) -> None:
    """Forget an account: its model, its statistics, and its posts in feeds."""
    with workspace(context.obj):
        report = function("erase_account").invoke(at=datetime.now(UTC), payload={"accountId": account})
    console.print("  ".join(f"{name} {value}" for name, value in report.items()), soft_wrap=True)
    if not report["read"] and not report.get("removed"):
        console.print(f"nothing was known of {account}; it is remembered as erased all the same", soft_wrap=True)


@app.command()
def token(
    context: typer.Context,
    subject: Annotated[
        str, typer.Argument(parser=unicode_text, metavar="ACCOUNT", help="its id, see `accounts`; or a service's name")
    ],
    service: Annotated[bool, typer.Option(help="of a service, which may ask for any account")] = False,
    hours: Annotated[
        float, typer.Option(parser=number(0.01, MAX_TOKEN_HOURS), metavar="HOURS", help="that it is valid for")
    ] = 12.0,
) -> None:
    """Print a token for requests to the HTTP API that `dev` serves."""
    from shared.runtime.tokens import token_for

    subject = subject if service else object_id(subject)
    made = token_for(
        subject, api_key(context.obj), service=service, now=datetime.now(UTC), valid_for=timedelta(hours=hours)
    )
    console.print(made, soft_wrap=True, highlight=False)


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
        lacking = [country for country in countries if not feed_of(store, country, rows, datetime.now(UTC))]
    if lacking:
        raise NotFound(f"there is no feed for {', '.join(lacking)} yet: {typed(context.obj)} run all")


def feed_of(store: Store, country: str, rows: int, now: datetime) -> bool:
    """Print the head of one feed; returns whether there is one."""
    from local import show

    return show.guest_feed(console, store, country, rows, now=now) > 0


def main() -> None:
    """What was foreseen is one sentence, without a trace. The terminal's silence is this process's, not the app's."""
    preset({"LOG_LEVEL": "WARNING", "POWERTOOLS_METRICS_DISABLED": "true"})  # loggers look as soon as they are imported
    command_line.run(app)


if __name__ == "__main__":
    main()
