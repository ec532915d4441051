"""The commands of `python -m local import`: bring in data of others, and say what became of every line."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pymongo.database import Database

from local.parameters import YesEmpty, readable_file
from local.tables import Tally
from local.terminal import console, progress_bars
from local.workspace import alone, workspace
from shared.documents import Document
from shared.errors import Refused
from shared.store import Store

importing = typer.Typer(no_args_is_help=True, help="Bring in what others have.")


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
    print_summary(report.tally)
    console.print(
        f"{report.accounts} accounts, {report.contents} contents, {report.engagements} engagements, "
        f"{report.feed_items} feed items; {report.changed} documents changed; last event {report.last_at}",
        markup=False,
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
    print_summary(report.tally)
    console.print(f"{report.texts} texts; {report.changed} documents changed", markup=False)


@importing.command()
def harm(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            parser=readable_file, metavar="FILE", help="a table of source, lang, text and labels, apart by tabs"
        ),
    ],
    yes_empty: YesEmpty = None,
) -> None:
    """Bring in texts that are rated for harm."""
    from local.harms import import_harms

    def fills(store: Store) -> Sequence[Database[Document]]:
        return (store.analytics,)

    with alone(context.obj), workspace(context.obj, fills=fills, named=yes_empty or ()) as store:
        report = import_harms(file, store.analytics, now=datetime.now(UTC))
    print_summary(report.tally)
    console.print(f"{report.texts} texts; {report.changed} documents changed", markup=False)


def print_summary(tally: Tally) -> None:
    """Print how many lines were kept and skipped; Refused where none could be kept."""
    for line in tally.summary():
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if not tally.kept:
        raise Refused("no line of the file could be kept")
