"""Write the reference pages out of the code, or check that they say what the code says.

python -m local.reference            writes docs/functions.md, docs/options.md and docs/collections.md
python -m local.reference --check    writes nothing; names the pages that differ, code 1 where any does
"""

import inspect
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

from msgspec import Struct, structs

from local.functions import ROOT, Function, all_functions
from shared import command_line
from shared.config import Section, sections
from shared.store import schema

DOCS = ROOT / "docs"
GENERATED = "<!-- Written by `make docs` out of the code; edit the code. -->"


def pages() -> dict[str, str]:
    """The text of each page by the name of its file."""
    return {
        "functions.md": "\n".join(_functions()) + "\n",
        "options.md": "\n".join(_options()) + "\n",
        "collections.md": "\n".join(_collections()) + "\n",
    }


def _functions() -> Iterator[str]:
    yield from ("# Functions", "", GENERATED, "")
    yield "Every function is safe to run twice, late or beside another copy of itself. Handlers are in"
    yield "`functions/<domain>/handlers/`, jobs in `functions/<domain>/`. Not named are leases,"
    yield "watermarks, the tombstones and users by which functions leave out erased accounts, and"
    yield "`jobRuns`, to which every function writes what it did."
    by_domain: dict[str, list[Function]] = {}
    for function in all_functions().values():
        by_domain.setdefault(function.location, []).append(function)
    for folder, functions in by_domain.items():
        yield from ("", f"## {functions[0].domain}", "", f"[{folder}](../{folder}/README.md)", "")
        yield from ("| function | fires | what it does | reads | writes |", "|---|---|---|---|---|")
        for function in functions:
            effect, facts = described(function)
            yield _row(f"`{function.stem}`", facts["Trigger"], effect, facts["Reads"], facts["Writes"])


def described(function: Function) -> tuple[str, dict[str, str]]:
    """What a handler's docstring says: its effect, and by word what fires it, what it reads and what it writes."""
    handler = ROOT / function.location / "handlers" / f"{function.stem}.py"
    effect, _, rest = inspect.cleandoc(handler.read_text().split('"""')[1]).partition("\n\n")
    facts: dict[str, str] = {"Reads": "", "Writes": ""}
    word = ""
    for line in rest.splitlines():
        if named := re.match(r"(Trigger|Reads|Writes) +(.+)", line):
            word = named[1]
            facts[word] = named[2]
        elif line.startswith(" ") and word:
            facts[word] += f" {line.strip()}"
        else:
            word = ""
    return " ".join(effect.split()).rstrip("."), facts


def _options() -> Iterator[str]:
    yield from ("# Options", "", GENERATED, "")
    yield "Overridden by `FEEDKEEPER_OPTIONS`, a JSON object by section and name; spans are in hours:"
    yield '`{"guest_feed": {"rows_per_country": 500}, "content_stats": {"window": 336}}`. In a deployment it stands'
    yield "under `provider.environment` of serverless.yml, beside `APP_DB`, `ANALYTICS_DB` and `DB_PREFIX`, which name"
    yield "the databases; the relay and `python -m shared.store` read their own environment. Every function checks all"
    yield "sections. They are declared in the `options.py` of a domain or of a package of `shared`."
    for name, section in sections().items():
        defaults, sentences = section(), comments(section)
        yield from ("", f"## {name}", "", "| option | default | |", "|---|---|---|")
        for option in structs.fields(section):
            default = _default(getattr(defaults, option.name))
            yield _row(f"`{option.encode_name}`", default, sentences[option.name])


def comments(section: type[Section]) -> dict[str, str]:
    """The comment behind each field of a section of options, by its name in Python."""
    sentences: dict[str, str] = {}
    name = ""
    for before, token in pairwise(tokenize.generate_tokens(io.StringIO(inspect.getsource(section)).readline)):
        if before.type == tokenize.NAME and token.string == ":":
            name = before.string
        elif token.type == tokenize.COMMENT and before.type != tokenize.NL:
            sentences.setdefault(name, token.string.removeprefix("# "))
    return sentences


def _default(value: Any) -> str:
    if isinstance(value, Struct):
        parts = structs.fields(value)
        return ", ".join(f"{part.encode_name} {getattr(value, part.name):g}" for part in parts)
    return f"{value / timedelta(hours=1):g} h" if isinstance(value, timedelta) else f"{value}"


def _collections() -> Iterator[str]:
    yield from ("# Collections", "", GENERATED, "")
    yield "What stands in MongoDB: who writes it, by which natural key, whose ids it holds, and what an erasure does"
    yield "with them. `python -m shared.store plan` names the indexes that a database lacks, `apply` makes them."
    for database, title in (("app", "app-db"), ("analytics", "analytics-db")):
        yield from (
            "",
            f"## {title}",
            "",
            "| collection | written by | key | ids of | indexes |",
            "|---|---|---|---|---|",
        )
        for collection in sorted(schema.COLLECTIONS, key=lambda collection: collection.name.lower()):
            if collection.database == database:
                indexes = "<br>".join(map(_index, collection.indexes))
                about = "<br>".join(_about(about, collection) for about in collection.about)
                yield _row(f"`{collection.name}`", collection.owner, ", ".join(collection.key), about, indexes)


def _index(index: schema.Index) -> str:
    marks = [word for word, is_so in (("unique", index.unique), ("sparse", index.sparse)) if is_so]
    if index.expires_after is not None:
        marks.append(f"expires after {index.expires_after.days} d" if index.expires_after else "expires")
    keys = ", ".join(f"{field}" if direction > 0 else f"-{field}" for field, direction in index.keys)
    return f"{keys} ({', '.join(marks)})" if marks else keys


def _about(about: schema.About, collection: schema.Collection) -> str:
    if collection.owner == "application":
        return f"{about.subject}: `{about.path}`"
    removal = {"document": "removed", "element": "removed from the list", "field": "unset"}
    effect = f"stays {about.stays}" if about.stays else removal.get(about.removal, "made anew without it")
    return f"{about.subject}: `{about.path}`, {effect}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with `--check` compare them; 1 where a page differs, 2 for any other word."""
    if list(arguments) not in ([], ["--check"]):
        print(__doc__)
        return 2
    differing = []
    for name, text in pages().items():
        file = DOCS / name
        if not arguments:
            file.write_text(text)
        elif not file.exists() or file.read_text() != text:
            differing.append(file.relative_to(ROOT).as_posix())
    for name in differing:
        print(f"{name} does not say what the code says: run make docs")
    return 1 if differing else 0


if __name__ == "__main__":
    command_line.run(lambda: main(sys.argv[1:]))
