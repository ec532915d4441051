"""What docs/deploying.md and docs/operations.md have an operator type, typed into a shell as it stands there."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from layers.build import PYTHON, ROOT
from local.rehearsal.cloud import REGION, STAGE, VERSION, Cloud, environment_of_its_own
from local.waiting import allowed
from shared.errors import Refused

DEPLOYING, PAGE = ROOT / "docs" / "deploying.md", ROOT / "docs" / "operations.md"
OURS = ("make rehearse", "export ")  # what a rehearsal is, and values that it has of its own
MAX_S = 900
# The first version of the command line has addresses of its own for SQS.
ELSEWHERE = 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }'


@dataclass(frozen=True, slots=True)
class Block:
    """Commands below a heading; `text` is theirs, whole."""

    heading: str
    text: str

    @property
    def lines(self) -> list[str]:
        """Those that a rehearsal types, without comments; a command may go on in the next."""
        return [line for line in self.text.splitlines() if not line.startswith(OURS)]


def blocks(page: Path) -> list[Block]:
    """All that are marked as typed by a rehearsal, in order."""
    heading, found = "", []
    for part in re.finditer(r"^#+ (?P<heading>[^\n]+)$|^```sh\n(?P<text>.*?)^```$", page.read_text(), re.M | re.S):
        if part["heading"]:
            heading = part["heading"]
        else:
            found.append(Block(heading, part["text"]))
    return found


@dataclass(slots=True)
class Operator:
    """Somebody at a shell, with this cloud for AWS and that database.

    typed  blocks of the page so far
    """

    cloud: Cloud
    uri: str
    typed: list[Block] = field(default_factory=list)

    def types(self, heading: str, number: int = 0, /, *, more: str = "", **given: str) -> str:
        """Type that block of the page, and give what was answered; Refused with what was said where it fails.

        more   words at the end of a line that calls osls
        given  variables that the page leaves to the operator
        """
        helpers, *_ = blocks(PAGE)
        return self.shell([*helpers.lines, *self.reads(heading, number)], more=more, **given)

    def reads(self, heading: str, number: int = 0) -> list[str]:
        """The lines of that block of the page, to be typed."""
        block = [one for one in blocks(PAGE) if one.heading == heading][number]
        self.typed.append(block)
        return block.lines

    def shell(self, lines: list[str], *, more: str = "", **given: str) -> str:
        ended = subprocess.run(
            ["bash", "-c", self._script(lines, more)],
            cwd=ROOT, env=self._environment() | given, capture_output=True, text=True, check=False,
            timeout=allowed(MAX_S),
        )  # fmt: skip
        if ended.returncode:
            raise Refused(f"{lines[-1].strip()}: code {ended.returncode}, {ended.stderr.strip()[-1000:]}")
        return ended.stdout

    @contextmanager
    def running(self, line: str, **given: str) -> Iterator[None]:
        """A command that goes on until it is asked to end."""
        helpers, *_ = blocks(PAGE)
        script = self._script([*helpers.lines, f"exec {line}"], "")
        environment = self._environment() | given
        process = subprocess.Popen(["bash", "-c", script], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=allowed(20))

    def left(self) -> list[Block]:
        """Blocks of the page that were not typed; the first is typed with each."""
        return [one for one in blocks(PAGE)[1:] if one not in self.typed]

    def _script(self, lines: list[str], more: str) -> str:
        if VERSION != PYTHON:  # the stand-in runs functions under a Python of this machine
            more += f" --param runtime=python{VERSION} --param byteCode=cpython-{VERSION.replace('.', '')}"
        lines = [f"{line} {more}" if line.startswith("node_modules/.bin/osls") else line for line in lines]
        return "\n".join(["set -euo pipefail", ELSEWHERE, *lines])

    def _environment(self) -> dict[str, str]:
        commands = environment_of_its_own().parent
        return self.cloud.environment() | {
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "STAGE": STAGE,
            "AWS_REGION": REGION,
            "MONGO_URI": self.uri,
            "MAIL": "operator@example.org",
            "LOG_LEVEL": "WARNING",
        }
