"""README, the pages of docs/ and docstrings say what the code says."""

import ast
import re
from collections.abc import Iterator

import pytest
from msgspec import structs

from local import __main__ as commands
from local import reference
from local.functions import ROOT, all_functions
from relay.watched import watched
from shared.config import sections
from shared.store import schema
from tests.contract.test_house_rules import OURS

README = (ROOT / "README.md").read_text()
LOCAL = (ROOT / "docs" / "local.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("functions/*/README.md"))]
DOMAINS = sorted({function.domain for function in all_functions().values()})
MAX_README_LINES, MAX_DOMAIN_LINES = 150, 15


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= MAX_README_LINES


def test_the_reference_says_what_the_code_says() -> None:
    assert reference.main(["--check"]) == 0


def test_a_page_that_differs_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(reference, "pages", lambda: {"options.md": "something else"})

    assert reference.main(["--check"]) == 1
    assert capsys.readouterr().out == "docs/options.md does not say what the code says: run make docs\n"


def test_every_function_option_and_collection_is_in_the_reference() -> None:
    pages = reference.pages()

    assert set(re.findall(r"^\| `(\w+)` \|", pages["functions.md"], re.MULTILINE)) == set(all_functions())
    options = re.findall(r"^\| `(\w+)` \|", pages["options.md"], re.MULTILINE)
    fields = {section: structs.fields(section) for section in sections().values()}
    assert options == [field.encode_name for of_section in fields.values() for field in of_section]
    for section, of_section in fields.items():
        assert all(reference.comments(section)[field.name] for field in of_section)
    named = set(re.findall(r"^\| `(\w+)` \|", pages["collections.md"], re.MULTILINE))
    assert named == {collection.name for collection in schema.COLLECTIONS}


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_says_in_ten_lines_what_it_does_and_how_it_fails(domain: str) -> None:
    own = {stem for stem, function in all_functions().items() if function.domain == domain}
    folder = folder_of(domain)
    page = (ROOT / folder / "README.md").read_text()

    assert len(page.splitlines()) <= MAX_DOMAIN_LINES
    assert own <= set(re.findall(r"`(\w+)`", page))
    assert all(f"- **{part}:**" in page for part in ("Functions", "Reads", "Writes", "Fails"))
    assert f"[{domain}]({folder}/README.md)" in README


def folder_of(domain: str) -> str:
    [folder] = {function.location for function in all_functions().values() if function.domain == domain}
    return folder


def collections(text: str) -> set[str]:
    """The collections that a text names, each with its database; a name without one has that of the name before.

    >>> sorted(collections("app.contents, users; analytics.topics, and what is not stored"))
    ['analytics.topics', 'app.contents', 'app.users']
    """
    known = {f"{collection.database}.{collection.name}" for collection in schema.COLLECTIONS}
    named, database = set[str](), ""
    for qualifier, word in re.findall(r"(?:\b(app|analytics)\.)?(\w+)", text):
        database = qualifier or database
        if qualifier or f"{database}.{word}" in known:
            named.add(f"{database}.{word}")
    assert named <= known, f"there is no {', '.join(sorted(named - known))}"
    return named


@pytest.mark.parametrize("part", ["Reads", "Writes"])
@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_names_the_collections_that_its_handlers_name(domain: str, part: str) -> None:
    page = (ROOT / folder_of(domain) / "README.md").read_text()
    said = re.search(rf"^- \*\*{part}:\*\* (.+?)(?=^- |\Z)", page, re.MULTILINE | re.DOTALL)
    handlers = [
        reference.described(function)[1][part] for function in all_functions().values() if function.domain == domain
    ]

    assert said
    assert collections(said[1]) == set[str]().union(*map(collections, handlers))


def test_the_demo_is_said_to_run_each_function_by_what_fires_it():
    """Whether a demo really runs them is tested in tests/local/test_ownership.py."""
    functions, queued = all_functions(), {"train_personal"}
    scheduled = {stem for stem, function in functions.items() if function.cron}
    changed = {stem for collection in watched() for stem in collection.stems}
    called = functions.keys() - scheduled - changed - queued
    said = " ".join(LOCAL.split())

    assert f"the {len(functions)} functions `make demo` runs each" in said
    assert (
        f"{len(scheduled)} fired by a schedule, 1 by the queue, {len(changed)} by changes, {len(called)} by a call"
        in said
    )
    assert f"{len(functions)} of {len(functions)} functions ran" in README
    listed = re.search(r"by a call or a request \(([^)]+)\)", said)
    assert listed
    assert set(re.findall(r"`(\w+)`", listed[1])) == called


def test_every_command_that_a_page_names_is_there() -> None:
    named = {word for page in PAGES for word in re.findall(r"python -m local (\w+)", page.read_text())}
    existing = {
        command.callback.__name__ for command in commands.app.registered_commands if command.callback is not None
    } | {"import"}

    assert existing - {"demo", "dev"} <= named <= existing


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands_of = re.compile(r"(?:^|`)make (\w+)", re.MULTILINE)
    named = {word for page in PAGES for word in commands_of.findall(page.read_text())}

    assert {"demo", "dev", "test", "check", "bench", "package"} <= named <= targets


def test_every_file_that_a_page_names_exists() -> None:
    missing = [
        f"{page.relative_to(ROOT)}: {name}"
        for page in PAGES
        for name in re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", page.read_text())
        if not (page.parent / name).exists()
    ]

    assert missing == []


def texts() -> Iterator[tuple[str, str]]:
    """(place, text) of every page and docstring."""
    for page in PAGES:
        yield str(page.relative_to(ROOT)), page.read_text()
    for path in OURS:
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield f"{path} {getattr(node, 'name', '')}".strip(), ast.get_docstring(node) or ""


def members(node: ast.ClassDef) -> set[str]:
    """Names of the methods, fields and class variables of a class."""
    methods = {member.name for member in node.body if isinstance(member, ast.FunctionDef)}
    fields = {ast.unparse(member.target) for member in node.body if isinstance(member, ast.AnnAssign)}
    variables = {ast.unparse(name) for member in node.body if isinstance(member, ast.Assign) for name in member.targets}
    return methods | fields | variables


def test_every_member_of_our_classes_that_a_text_names_exists() -> None:
    """Such as `Engagements.between`; of classes of others nothing is said."""
    trees = [ast.parse((ROOT / path).read_text()) for path in OURS]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    ours = {node.name: set[str]() for node in classes}
    for node in classes:
        ours[node.name] |= members(node)
    named = [
        (place, name, member) for place, text in texts() for name, member in re.findall(r"`([A-Z]\w+)\.(\w+)", text)
    ]

    assert ("Accounts", "exposures") in {(name, member) for _, name, member in named}
    assert [
        f"{place}: {name}.{member}" for place, name, member in named if name in ours and member not in ours[name]
    ] == []


def test_every_file_or_module_that_a_text_names_exists() -> None:
    """Such as `shared/config`, `python -m benchmarks.scale` or a function of a file (`functions/…/serve_feed.handler`);
    paths with a placeholder, and files that Python makes, are left out."""
    folders = "|".join(sorted({path.parts[0] for path in OURS} | {"docs", "events", "requirements"}))
    path = re.compile(rf"(?<![\w/.<-])((?:{folders})/[\w./*<>-]*\w)(?![\w/*<>])")
    missing = []
    for place, text in texts():
        for name in path.findall(text):
            files = (ROOT / name, (ROOT / name).with_suffix(".py"))
            if not any(file.exists() for file in files) and not any(part in name for part in ("*", "<", "__pycache__")):
                missing.append(f"{place}: {name}")
        for module in re.findall(rf"python -m ((?:{folders})[\w.]*\w)", text):
            folder = ROOT / module.replace(".", "/")
            if not any(file.exists() for file in (folder / "__main__.py", folder.with_suffix(".py"))):
                missing.append(f"{place}: python -m {module}")

    assert missing == []
