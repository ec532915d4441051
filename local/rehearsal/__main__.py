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

from layers.build import add_our_byte_code, build_all, lock
from layers.package import RESULT, TEMPLATE, start_osls
from local.rehearsal.cloud import HOME, STAGE, VERSION, Cloud, cloud
from local.rehearsal.operator import DEPLOYING, Operator, blocks
from local.rehearsal.proofs import ASIDE, FIRST, LAST, MEANWHILE, Disproved, Stage
from local.terminal import console, say
from local.waiting import wait_for
from local.workspace import fill, workspace
from shared import command_line
from shared.config import own_server, settings
from shared.errors import AppError, BadConfig

SIZE = "XS"
BEFORE = ("aws ssm", ".venv/bin/python -m shared", "make")  # commands of docs/deploying.md that come first


@dataclass(slots=True)
class Told:
    """One row of the table."""

    what: str
    seconds: float
    told: str
    proven: bool


@dataclass(slots=True)
class Rehearsal:
    """What was proven so far."""

    told: list[Told] = field(default_factory=list)

    def prove(self, what: str, proof: Callable[[], str]) -> None:
        """One row, said at once; what goes wrong in a way that we foresee is a row too, and the next goes on."""
        began = time.perf_counter()
        try:
            said, proven = proof(), True
        except (Disproved, AppError, ClientError, PyMongoError, subprocess.SubprocessError) as error:
            said, proven = f"{type(error).__name__}: {error}", False
        took = time.perf_counter() - began
        self.told.append(Told(what, took, said, proven))
        say(what, took, said if proven else f"NOT PROVEN: {said}")

    def show(self) -> None:
        table = Table(title="the rehearsal", title_justify="left")
        for heading in ("what", "proven", "s", "told"):
            table.add_column(heading, justify="right" if heading == "s" else "left")
        for one in self.told:
            table.add_row(one.what, "yes" if one.proven else "[red]NO[/]", f"{one.seconds:.1f}", one.told)
        console.print(table)


def rehearse() -> bool:
    """Whether all was proven."""
    if own_server():
        raise BadConfig("MONGO_URI is set, but a rehearsal fills a server of its own: unset it")
    HOME.mkdir(exist_ok=True)
    began = time.perf_counter()
    rehearsal = Rehearsal()
    with workspace(None) as store, cloud() as standing:
        say("the stand-in for AWS", time.perf_counter() - began, standing.endpoint)
        fill(store, SIZE, now=datetime.now(UTC), with_text=True)
        operator = Operator(standing, settings().mongo_uri)
        rehearsal.prove("secrets, indexes, a package", lambda: prepared(operator))
        build_all(VERSION)
        add_our_byte_code(VERSION)
        rehearsal.prove("a deployment cut short", lambda: cut_short(standing))
        rehearsal.prove("deployed", lambda: deployed(operator))
        template = json.loads((RESULT / TEMPLATE).read_text())["Resources"]
        stage = Stage(standing, store, operator, standing.resources(), template)
        for proof in FIRST:
            rehearsal.prove(told_of(proof), partial(proof, stage))
        with ThreadPoolExecutor() as aside:
            waited_for = {proof: aside.submit(proof, stage) for proof in ASIDE}
            for proof in MEANWHILE:
                rehearsal.prove(told_of(proof), partial(proof, stage))
            for proof, answer in waited_for.items():
                rehearsal.prove(told_of(proof), answer.result)
        for proof in LAST:
            rehearsal.prove(told_of(proof), partial(proof, stage))
        rehearsal.prove("removed", lambda: removed(operator))
        rehearsal.prove("every command of the page", lambda: all_typed(operator))
    rehearsal.show()
    return all(one.proven for one in rehearsal.told)


def told_of(proof: Callable[[Stage], str]) -> str:
    """
    >>> def a_post_is_described(stage): ...
    >>> told_of(a_post_is_described)
    'a post is described'
    """
    return proof.__name__.replace("_", " ")


def commands() -> list[str]:
    """Of "Deploy" in docs/deploying.md."""
    return next(one for one in blocks(DEPLOYING) if one.heading == "Deploy").lines


def prepared(operator: Operator) -> str:
    """What comes before the deployment."""
    before = [line for line in commands() if line.startswith(BEFORE)]
    for line in before:
        operator.shell([line])
    return f"{len(before)} commands of docs/deploying.md"


def deployed(operator: Operator) -> str:
    """By the commands of docs/deploying.md, the last of which follows the database and is typed when it is time."""
    *most, _ = (line for line in commands() if not line.startswith(BEFORE))
    with lock("package"):
        operator.shell(most)
    return f"{len(operator.cloud.resources())} resources, by {len(most)} commands of docs/deploying.md"


def cut_short(standing: Cloud) -> str:
    """Killed as soon as there is a stack, as where a connection breaks; what it leaves is deployed over."""
    with (
        lock("package"),
        (HOME / "osls.log").open("wb") as log,
        start_osls("deploy", STAGE, VERSION, standing.endpoint, log) as process,
    ):
        wait_for("the first resource", standing.resources, within_s=120)
        process.kill()
    return f"killed when it had {len(standing.resources())} resources"


def removed(operator: Operator) -> str:
    """As the page says."""
    with lock("package"):
        operator.types("Several stages")
    left = operator.cloud.client("lambda").list_functions()["Functions"]
    if left:
        raise Disproved(f"{len(left)} functions are left")
    return "nothing is left"


def all_typed(operator: Operator) -> str:
    """Nothing stands there that was not tried."""
    if operator.left():
        raise Disproved(f"not typed: {', '.join(one.heading for one in operator.left())}")
    return f"{len(operator.typed)} blocks of docs/operations.md were typed"


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    command_line.run(lambda: 0 if rehearse() else 1)


if __name__ == "__main__":
    main()
