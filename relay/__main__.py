"""python -m relay: send the changes of MongoDB to functions.

`run` follows every collection under custom.changes of serverless.yml until it is told to stop (SIGTERM, SIGHUP or
Ctrl-C), and may run beside a copy of itself. `replay` sends again what was parked. Settings come from the environment,
as for the functions: MONGO_URI or MONGO_URI_PARAMETER, APP_DB, ANALYTICS_DB, FEEDKEEPER_OPTIONS; those of AWS as boto3
reads them.
"""

import signal

if __name__ == "__main__":  # as in local/__main__.py
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import threading
from typing import Annotated

import typer

from relay.follow import Follower
from relay.replay import replay as replayed
from relay.serve import serve
from relay.sinks import sink
from relay.watched import watched
from shared import command_line
from shared.config import Settings, settings
from shared.errors import BadConfig
from shared.runtime.secrets import fetch_secret
from shared.store import connect
from shared.store.malformed import collecting
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
    """Follow every declared collection, or only some, until told to stop."""
    declared = watched()
    if unknown := set(only or ()) - {one.collection for one in declared}:
        raise BadConfig(f"--only {min(unknown)}: no such collection under custom.changes of serverless.yml")
    chosen, stop = configured(to), threading.Event()
    followed = [(one, sink(to, one)) for one in declared if one.collection in (only or (one.collection,))]
    store = connect(chosen)  # its own: that of handlers in this process is made anew when a secret is rotated
    require_replica_set(store.client)
    command_line.on_ending(lambda *_: stop.set())
    serve([Follower(store, one, to_sink, chosen.options.relay, stop) for one, to_sink in followed], stop)


@app.command()
def replay(to: Target) -> None:
    """Send again what was parked."""
    chosen = configured(to)
    sinks = {(stem, one.collection): sink(to, one) for one in watched() for stem in one.stems}
    store, count = connect(chosen), 0
    require_replica_set(store.client)
    with collecting() as malformed:
        for parked, what in replayed(store, sinks, chosen.options.relay.most_bytes):
            count += 1
            typer.echo(f"{parked['_id'][:12]}  {parked['function']}  {parked['reason']}: {what}")
    typer.echo(f"{count} were parked")
    for one in malformed.ids:
        typer.echo(f"left where it is, since it is malformed: {one!r}")


def configured(to: str) -> Settings:
    """The settings; BadConfig where functions in this process would lack one."""
    chosen = settings(fetch_secret)
    if to == "here" and not chosen.artifact_keys:
        raise BadConfig("ARTIFACT_KEYS is missing: functions in this process load models that it signs")
    return chosen


def main() -> None:
    """What was foreseen is one sentence, without a trace."""
    command_line.run(app)


if __name__ == "__main__":
    main()
