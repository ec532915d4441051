"""What docs/deploying.md and docs/operations.md have an operator type, typed into a shell as it stands there."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from layers.build import PYTHON, ROOT
from local.rehearsal.cloud import REGION, STAGE, VERSION, Cloud, cloud_python
from local.waiting import allowed
from shared.errors import Refused

DEPLOYING, PAGE = ROOT / "docs" / "deploying.md", ROOT / "docs" / "operations.md"
SKIPPED = ("make rehearse", "export ")  # the rehearsal itself, and values that it sets itself
MAX_S = 900  # of a block
# The first version of the AWS command line has fixed addresses for SQS.
AWS_AT_ENDPOINT = 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }'


@dataclass(frozen=True, slots=True)
class Block:
    """Commands below a heading, as one text."""

    heading: str
    text: str

    @property
    def lines(self) -> list[str]:
        """The lines that a rehearsal types; a command may take several."""
        return [line for line in self.text.splitlines() if not line.startswith(SKIPPED)]


def blocks(page: Path) -> list[Block]:
    """All blocks of shell commands of a page, in order."""
    heading, in_order = "", []
    for part in re.finditer(r"^#+ (?P<heading>[^\n]+)$|^```sh\n(?P<text>.*?)^```$", page.read_text(), re.M | re.S):
        if part["heading"]:
            heading = part["heading"]
        else:
            in_order.append(Block(heading, part["text"]))
    return in_order


@dataclass(slots=True)
class Operator:
    """Types commands into a shell, with this cloud for AWS and this database.

    uri    of the database
    typed  blocks of the page so far
    """

    cloud: Cloud
    uri: str
    typed: list[Block] = field(default_factory=list)

    def types(self, heading: str, number: int = 0, /, *, more: str = "", **variables: str) -> str:
        """Type a block of the page, and return its output; Refused with the error output where it fails.

        number     of the block below that heading
        more       words at the end of a line that calls osls
        variables  that the page leaves to the operator
        """
        helpers, *_ = blocks(PAGE)
        return self.shell([*helpers.lines, *self.reads(heading, number)], more=more, **variables)

    def reads(self, heading: str, number: int = 0) -> list[str]:
        """The lines of a block of the page, which counts as typed."""
        block = [candidate for candidate in blocks(PAGE) if candidate.heading == heading][number]
        self.typed.append(block)
        return block.lines

    def shell(self, lines: list[str], *, more: str = "", **variables: str) -> str:
        """Type lines, and return their output; Refused with the error output where they fail."""
        ended = subprocess.run(
            ["bash", "-c", self._script(lines, more)],
            cwd=ROOT, env=self._environment() | variables, capture_output=True, text=True, check=False,
            timeout=allowed(MAX_S),
        )  # fmt: skip
        if ended.returncode:
            raise Refused(f"{lines[-1].strip()}: code {ended.returncode}, {ended.stderr.strip()[-1000:]}")
        return ended.stdout

    @contextmanager
    def running(self, line: str, **variables: str) -> Iterator[None]:
        """Run a command while the body runs, and then ask it to end."""
        helpers, *_ = blocks(PAGE)
        script = self._script([*helpers.lines, f"exec {line}"], "")
        environment = self._environment() | variables
        process = subprocess.Popen(["bash", "-c", script], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=allowed(20))

    def untyped(self) -> list[Block]:
        """Blocks of the page that were not typed; the first is typed with each other."""
        return [block for block in blocks(PAGE)[1:] if block not in self.typed]

    def _script(self, lines: list[str], more: str) -> str:
        if VERSION != PYTHON:  # the stand-in runs functions by a Python of this machine
            more += f" --param runtime=python{VERSION} --param byteCode=cpython-{VERSION.replace('.', '')}"
        lines = [f"{line} {more}" if line.startswith("node_modules/.bin/osls") else line for line in lines]
        return "\n".join(["set -euo pipefail", AWS_AT_ENDPOINT, *lines])

    def _environment(self) -> dict[str, str]:
        commands = cloud_python().parent
        return self.cloud.environment() | {
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "STAGE": STAGE,
            "AWS_REGION": REGION,
            "MONGO_URI": self.uri,
            "MAIL": "operator@example.org",
            "LOG_LEVEL": "WARNING",
        }
