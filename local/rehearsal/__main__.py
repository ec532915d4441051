"""python -m local.rehearsal: deploy to a stand-in for AWS on this machine, fire everything, watch what comes of it.

Ends with a table of what was proven, and with code 1 where something was not. Needs Node; leaves nothing behind but its
log in .rehearsal/ and what the next rehearsal need not install again.
"""

import argparse
import json
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from botocore.exceptions import ClientError
from pymongo.errors import PyMongoError
from rich.table import Table
from rich.text import Text

from layers.build import add_our_byte_code, build_all, lock
from layers.package import RESULT, TEMPLATE, install_osls, start_osls
from local.rehearsal.cloud import HOME, STAGE, VERSION, Cloud, cloud
from local.rehearsal.operator import DEPLOYING, Operator, blocks
from local.rehearsal.proofs import ASIDE, FIRST, LAST, MEANWHILE
from local.rehearsal.stage import Disproved, Stage
from local.terminal import console, say
from local.waiting import wait_for
from local.workspace import fill, workspace
from shared import command_line
from shared.config import own_server, settings
from shared.errors import AppError, BadConfig

SIZE = "XS"
BEFORE = ("aws ssm", ".venv/bin/python -m shared", "make")  # commands of docs/deploying.md that come first


@dataclass(slots=True)
class ProofResult:
    """One row of the table: a proof by its title, its time [s], and its result or its error as text."""

    title: str
    seconds: float
    result: str
    proven: bool


@dataclass(slots=True)
class Rehearsal:
    """The proofs so far."""

    results: list[ProofResult] = field(default_factory=list)

    def prove(self, title: str, proof: Callable[[], str]) -> None:
        """Add a row and print it; an expected error makes a row that is not proven."""
        began = time.perf_counter()
        try:
            result, proven = proof(), True
        except (Disproved, AppError, ClientError, PyMongoError, subprocess.SubprocessError) as error:
            result, proven = f"{type(error).__name__}: {error}", False
        took = time.perf_counter() - began
        self.results.append(ProofResult(title, took, result, proven))
        say(title, took, result if proven else f"NOT PROVEN: {result}")

    def show(self) -> None:
        """Print the table."""
        table = Table(title="the rehearsal", title_justify="left")
        for heading in ("what", "proven", "s", "told"):
            table.add_column(Text(heading), justify="right" if heading == "s" else "left")
        for row in self.results:
            table.add_row(
                Text(row.title), "yes" if row.proven else "[red]NO[/]", f"{row.seconds:.1f}", Text(row.result)
            )
        console.print(table)


def rehearse() -> bool:
    """Deploy, prove everything, print the table; return whether all was proven."""
    if own_server():
        raise BadConfig("MONGO_URI is set, but a rehearsal fills a server of its own: unset it")
    with lock("package"):
        install_osls()  # first: where Node is missing, it is told before anything is written
    HOME.mkdir(exist_ok=True)
    began = time.perf_counter()
    rehearsal = Rehearsal()
    with workspace(None) as store, cloud() as running_cloud:
        say("the stand-in for AWS", time.perf_counter() - began, running_cloud.endpoint)
        fill(store, SIZE, now=datetime.now(UTC), with_text=True)
        operator = Operator(running_cloud, settings().mongo_uri)
        rehearsal.prove("secrets, indexes, a package", lambda: prepared(operator))
        build_all(VERSION)
        add_our_byte_code(VERSION)
        rehearsal.prove("a deployment cut short", lambda: cut_short(running_cloud))
        rehearsal.prove("deployed", lambda: deployed(operator))
        template = json.loads((RESULT / TEMPLATE).read_text())["Resources"]
        stage = Stage(running_cloud, store, operator, running_cloud.resources(), template)
        for proof in FIRST:
            rehearsal.prove(title_of(proof), partial(proof, stage))
        with ThreadPoolExecutor() as aside:
            futures = {proof: aside.submit(proof, stage) for proof in ASIDE}
            for proof in MEANWHILE:
                rehearsal.prove(title_of(proof), partial(proof, stage))
            for proof, future in futures.items():
                rehearsal.prove(title_of(proof), future.result)
        for proof in LAST:
            rehearsal.prove(title_of(proof), partial(proof, stage))
        rehearsal.prove("removed", lambda: removed(operator))
        rehearsal.prove("every command of the page", lambda: all_typed(operator))
    rehearsal.show()
    return all(row.proven for row in rehearsal.results)


def title_of(proof: Callable[[Stage], str]) -> str:
    """The name of a proof in words.

    >>> def a_post_is_described(stage): ...
    >>> title_of(a_post_is_described)
    'a post is described'
    """
    return proof.__name__.replace("_", " ")


def commands() -> list[str]:
    """Of "Deploy" in docs/deploying.md."""
    return next(one for one in blocks(DEPLOYING) if one.heading == "Deploy").lines


def prepared(operator: Operator) -> str:
    """Type the commands that come before the deployment."""
    before = [line for line in commands() if line.startswith(BEFORE)]
    for line in before:
        operator.shell([line])
    return f"{len(before)} commands of docs/deploying.md"


def deployed(operator: Operator) -> str:
    """Deploy by all commands of docs/deploying.md but the last, which follows the database and is typed later."""
    *before_last, _ = (line for line in commands() if not line.startswith(BEFORE))
    with lock("package"):
        operator.shell(before_last)
    return f"{len(operator.cloud.resources())} resources, by {len(before_last)} commands of docs/deploying.md"


def cut_short(cloud: Cloud) -> str:
    """Kill a deployment as soon as there is a stack, as where a connection breaks; the next deployment continues it."""
    with (
        lock("package"),
        (HOME / "osls.log").open("wb") as log,
        start_osls("deploy", STAGE, VERSION, cloud.endpoint, log) as process,
    ):
        wait_for("the first resource", cloud.resources, within_s=120)
        process.kill()
    return f"killed when it had {len(cloud.resources())} resources"


def removed(operator: Operator) -> str:
    """Remove the stage by the page's commands."""
    with lock("package"):
        operator.types("Several stages")
    remaining = operator.cloud.client("lambda").list_functions()["Functions"]
    if remaining:
        raise Disproved(f"{len(remaining)} functions are left")
    return "nothing is left"


def all_typed(operator: Operator) -> str:
    """Every block of the page was typed."""
    if untyped := operator.untyped():
        raise Disproved(f"not typed: {', '.join(block.heading for block in untyped)}")
    return f"{len(operator.typed)} blocks of docs/operations.md were typed"


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    command_line.run(lambda: 0 if rehearse() else 1)


if __name__ == "__main__":
    main()
