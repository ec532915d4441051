"""python -m local.rehearsal: deploy to a stand-in for AWS on this machine, fire everything, watch what comes of it.

Ends with a table of what was proven, and with code 1 where something was not. Needs Node; leaves nothing behind but its
log in .rehearsal/ and what the next rehearsal need not install again.
"""

import argparse
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from botocore.exceptions import ClientError
from pymongo.errors import PyMongoError
from rich.table import Table

from layers.build import add_our_byte_code, build_all, lock
from layers.package import osls, start_osls
from local.rehearsal.cloud import HOME, STAGE, VERSION, Cloud, cloud
from local.rehearsal.proofs import PROOFS, Disproved, Stage
from local.rehearsal.waiting import wait_for
from local.terminal import console, say
from local.workspace import fill, workspace
from shared.config import own_server, settings
from shared.errors import AppError, BadConfig

SIZE = "XS"


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
    with lock("package"), workspace(None) as store, cloud() as standing:
        say("the stand-in for AWS", time.perf_counter() - began, standing.endpoint)
        fill(store, SIZE, now=datetime.now(UTC), with_text=True)
        chosen = settings()
        tell_secrets(standing, chosen.mongo_uri, chosen.artifact_keys[0], chosen.api_keys[0])
        build_all(VERSION)
        add_our_byte_code(VERSION)
        rehearsal.prove("a deployment cut short", lambda: cut_short(standing))
        rehearsal.prove("deployed", lambda: deploy(standing))
        stage = Stage(standing, store, standing.resources(), chosen.api_keys[0])
        for proof in PROOFS:
            rehearsal.prove(proof.__name__.replace("_", " "), lambda proof=proof: proof(stage))  # type: ignore[misc]
        rehearsal.prove("removed", lambda: remove(standing))
    rehearsal.show()
    return all(one.proven for one in rehearsal.told)


def tell_secrets(standing: Cloud, uri: str, artifact_key: bytes, api_key: bytes) -> None:
    """As an operator does before the first deployment."""
    ssm = standing.client("ssm")
    secrets = {"mongo-uri": uri, "artifact-keys": artifact_key.decode(), "api-keys": api_key.decode()}
    for name, value in secrets.items():
        ssm.put_parameter(Name=f"/feedkeeper/{STAGE}/{name}", Type="SecureString", Value=value)


def cut_short(standing: Cloud) -> str:
    """Killed as soon as there is a stack, as where a connection breaks; what it leaves is deployed over."""
    with (HOME / "osls.log").open("wb") as log, start_osls("deploy", STAGE, VERSION, standing.endpoint, log) as process:
        wait_for("the first resource", standing.resources, within_s=120)
        process.kill()
    return f"killed when it had {len(standing.resources())} resources"


def deploy(standing: Cloud) -> str:
    with (HOME / "osls.log").open("ab") as log:
        osls("deploy", STAGE, VERSION, standing.endpoint, log)
    return f"{len(standing.resources())} resources"


def remove(standing: Cloud) -> str:
    with (HOME / "osls.log").open("ab") as log:
        osls("remove", STAGE, VERSION, standing.endpoint, log)
    left = standing.client("lambda").list_functions()["Functions"]
    if left:
        raise Disproved(f"{len(left)} functions are left")
    return "nothing is left"


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    try:
        done = rehearse()
    except AppError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None
    raise SystemExit(0 if done else 1)


if __name__ == "__main__":
    main()
