"""python -m relay: send the changes of MongoDB to functions.

`run` follows every collection under custom.changes of serverless.yml until it is told to stop (SIGTERM, SIGHUP or
Ctrl-C), and replays the parked changes that the console asks for; several copies may run at once. `replay` sends all
parked changes again. Settings come from the environment, as for
the functions: MONGO_URI or MONGO_URI_PARAMETER, APP_DB, ANALYTICS_DB, FEEDKEEPER_OPTIONS; those of AWS as boto3
reads them.
"""

import signal

if __name__ == "__main__":  # as in local/__main__.py
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import threading
from typing import Annotated

import typer

from relay.follow import Follower
from relay.replay import Replayer
from relay.replay import replay as replayed
from relay.serve import serve
from relay.sinks import sink
from relay.watched import watched
from shared import command_line
from shared.config import Settings, settings
from shared.errors import BadConfig
from shared.runtime.options import Relay
from shared.runtime.secrets import fetch_secret
from shared.store import connect
from shared.store.malformed import collecting
from shared.store.parked_changes import SENT
from shared.store.topology import require_replica_set

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

Target = Annotated[
    str, typer.Option("--to", help="bus:NAME (EventBridge), queue:URL (SQS), function:NAME (Lambda), or here")
]


Only = Annotated[
    list[str] | None, typer.Option("--only", help="a collection to follow; again for another; all without it")
]


@app.command()
def run(to: Target, only: Only = None) -> None:
    """Follow every declared collection, or only some, and replay what the console asks for, until told to stop."""
    declared = watched()
    if unknown := set(only or ()) - {collection.collection for collection in declared}:
        raise BadConfig(f"--only {min(unknown)}: no such collection under custom.changes of serverless.yml")
    config, stop = configured(to), threading.Event()
    options = config.options.of(Relay)
    selected = [collection for collection in declared if not only or collection.collection in only]
    sinks = [sink(to, collection) for collection in selected]
    store = connect(config)  # its own: handlers in this process replace theirs when a secret is rotated
    require_replica_set(store.client)
    command_line.on_ending(lambda *_: stop.set())
    followers = [
        Follower(store, collection, receiver, options, stop)
        for collection, receiver in zip(selected, sinks, strict=True)
    ]
    by_function = {
        (stem, collection.collection): receiver
        for collection, receiver in zip(selected, sinks, strict=True)
        for stem in collection.stems
    }
    serve(followers, Replayer(store, by_function, options, stop), stop)


@app.command()
def replay(to: Target) -> None:
    """Send parked changes again; status 1 where some are left."""
    config = configured(to)
    sinks = {(stem, item.collection): sink(to, item) for item in watched() for stem in item.stems}
    store, sent, left = connect(config), 0, 0
    require_replica_set(store.client)
    with collecting() as malformed:
        for parked, outcome in replayed(
            store, store.parked_changes.waiting(), sinks, config.options.of(Relay).max_bytes
        ):
            sent, left = (sent + 1, left) if outcome == SENT else (sent, left + 1)
            typer.echo(f"{parked['_id'][:12]}  {parked['function']}  {parked['reason']}: {outcome}")
    left += len(malformed.ids)
    typer.echo(f"{sent} sent, {left} left")
    for key in malformed.ids:
        typer.echo(f"left where it is, since it is malformed: {key!r}")
    if left:
        raise typer.Exit(command_line.FAILED)


def configured(to: str) -> Settings:
    """The settings; BadConfig where handlers in this process would lack a key."""
    config = settings(fetch_secret)
    if to == "here" and not config.artifact_keys:
        raise BadConfig("ARTIFACT_KEYS is missing: functions in this process load models that it signs")
    return config


def main() -> None:
    """Run the program; an expected failure is one sentence, without a stack trace."""
    command_line.run(app)


if __name__ == "__main__":
    main()
