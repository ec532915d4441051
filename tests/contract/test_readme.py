"""README says what the code says."""

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from local import __main__ as commands
from local.functions import ROOT, all_functions
from relay.watched import watched
from shared.config import Options, options

README = (ROOT / "README.md").read_text()


def table_of_functions() -> Iterator[str]:
    """One row per function of serverless.yml, with the first line of its handler."""
    for stem, function in all_functions().items():
        handler = (ROOT / "functions" / function.domain / "handlers" / f"{stem}.py").read_text()
        said = handler.split('"""')[1]
        first = said.strip().splitlines()[0].rstrip(".")
        fires = re.search(r"Trigger +(.+)", said)
        assert fires, f"{stem}: the handler does not say what fires it"
        yield f"| {function.domain} | `{stem}` | {fires[1]} | {first} |"


def table_of_options() -> Iterator[str]:
    """One row per option of options.py, with its default and its sentence."""
    sentences = comments(Path(options.__file__).read_text())
    for section in fields(Options):
        kind = getattr(Options(), section.name)
        for option in fields(kind):
            value = getattr(kind, option.name)
            shown = (
                ", ".join(f"{f.name} {getattr(value, f.name):g}" for f in fields(value))
                if nested(value)
                else plain(value)
            )
            yield f"| `{section.name}.{option.name}` | {shown} | {sentences[type(kind).__name__, option.name]} |"


def comments(source: str) -> dict[tuple[str, str], str]:
    """The comment behind each field, by class and field."""
    found: dict[tuple[str, str], str] = {}
    owner = name = ""
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for before, token in pairwise(tokens):
        if before.string == "class":
            owner = token.string
        elif before.type == tokenize.NAME and token.string == ":":
            name = before.string
        elif token.type == tokenize.COMMENT and before.type != tokenize.NL:
            found.setdefault((owner, name), token.string.removeprefix("# "))
    return found


def nested(value: object) -> bool:
    return hasattr(value, "__dataclass_fields__")


def plain(value: object) -> str:
    return f"{value / timedelta(hours=1):g} h" if isinstance(value, timedelta) else f"{value}"


def test_every_function_is_in_the_table():
    wanted = list(table_of_functions())

    assert len(wanted) == len(all_functions())
    assert [row for row in wanted if row not in README] == []


def test_no_function_is_in_the_table_that_does_not_exist():
    listed = re.findall(r"^\| \w+ \| `(\w+)` \|", README, re.MULTILINE)

    assert sorted(listed) == sorted(all_functions())


def test_every_option_is_in_the_table_with_its_default_and_sentence():
    assert [row for row in table_of_options() if row not in README] == []


def test_no_option_is_in_the_table_that_does_not_exist():
    listed = re.findall(r"^\| `(\w+\.\w+)` \|", README, re.MULTILINE)

    assert sorted(listed) == sorted(row.split("`")[1] for row in table_of_options())


def test_the_demo_is_said_to_run_each_function_by_what_fires_it():
    """Which of them a demo really runs is asked in tests/local/test_ownership.py."""
    functions, queued = all_functions(), {"train_personal"}
    scheduled = {stem for stem, one in functions.items() if one.cron}
    changed = {stem for one in watched() for stem in one.stems}
    called = functions.keys() - scheduled - changed - queued
    said = " ".join(README.split())

    assert f"the {len(functions)} functions `make demo` runs each" in said
    assert (
        f"{len(scheduled)} fired by a schedule, 1 by the queue, {len(changed)} by changes, {len(called)} by a call"
        in said
    )
    assert f"{len(functions)} of {len(functions)} functions ran" in README
    listed = re.search(r"by a call or a request \(([^)]+)\)", said)
    assert listed
    assert set(re.findall(r"`(\w+)`", listed[1])) == called


def test_every_command_that_the_readme_names_is_there():
    named = set(re.findall(r"python -m local (\w+)", README))
    there = {one.callback.__name__ for one in commands.app.registered_commands if one.callback} | {"import"}

    assert there - {"demo", "dev"} <= named <= there


def test_every_make_target_that_the_readme_names_exists():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    named = set(re.findall(r"\bmake (\w+)", README))

    assert {"demo", "dev", "test", "check", "bench", "package"} <= named <= targets


def test_every_file_that_the_readme_names_exists():
    named = set(re.findall(r"\]\(([\w./-]+)\)", README))

    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
