"""The rules of the house, read off the sources. Each is tried on a bad sample, so that it is known to bite."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from layers.build import ROOT
from layers.service import load_service
from tests.contract.conftest import handlers, key_of

PACKAGES = ("functions", "shared", "local", "relay", "layers", "benchmarks", "tests")
MAX_HANDLER_LINES, MAX_REPOSITORY_LINES = 25, 210
DRAWERS = {"utils", "helpers", "common", "misc", "base", "manager", "core", "constants"}
UNSAFE = {"pickle", "cPickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
CLOCKS = {"now", "utcnow", "today", "time", "time_ns"}

DESTRUCTIVE = {
    "drop", "drop_database", "drop_collection", "drop_index", "drop_indexes", "delete_one", "delete_many", "rename",
    "find_one_and_delete",
}  # fmt: skip
DESTRUCTIVE_COMMANDS = {"drop", "delete", "dropDatabase", "renameCollection", "dropIndexes", "convertToCapped"}
DELETIONS = {"DeleteOne", "DeleteMany"}

Rule = Callable[[Path, ast.Module], Iterator[str]]


def sources(*folders: str) -> list[Path]:
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path.relative_to(ROOT) for path in found if path.relative_to(ROOT).parts[:2] != ("layers", "build"))


OURS = sources(*PACKAGES)


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(module, name) of every import, wherever it stands; the name is empty for a plain `import`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def within(path: Path, *folders: str) -> bool:
    return any(path.as_posix() == folder or path.as_posix().startswith(f"{folder}/") for folder in folders)


def is_of(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def arrows_point_down(path: Path, tree: ast.Module) -> Iterator[str]:
    """Handlers → jobs → shared; no domain knows another; nothing that is shipped knows what is not."""
    shipped = within(path, "functions", "shared")
    is_handler = path.parts[0] == "functions" and "handlers" in path.parts
    for module, name in imported(tree):
        target = f"{module}.{name}" if name and module in ("functions", "shared") else module
        if shipped and is_of(target, "local", "relay", "layers", "benchmarks", "tests"):
            yield f"{path} imports {target}, which is not shipped"
        if within(path, "shared") and is_of(target, "functions"):
            yield f"{path} imports {target}: shared knows no domain"
        if within(path, "functions") and is_of(target, "functions") and target.split(".")[1] != path.parts[1]:
            yield f"{path} imports {target}, another domain"
        if shipped and not is_handler and not within(path, "shared/runtime") and is_of(target, "shared.runtime"):
            yield f"{path} imports {target}: only handlers do"


def handlers_hold_the_settings(path: Path, tree: ast.Module) -> Iterator[str]:
    """Jobs and rooms are given what they need."""
    may = within(path, "shared/runtime", "shared/config", "shared/store/connection.py", "shared/store/__main__.py")
    if not within(path, "functions", "shared") or "handlers" in path.parts or may or path.name == "__init__.py":
        return
    for module, name in imported(tree):
        if name in ("settings", "open_store", "load") and is_of(module, "shared.config", "shared.store"):
            yield f"{path} asks for {name} instead of being given it"


def drivers_stay_in_their_rooms(path: Path, tree: ast.Module) -> Iterator[str]:
    """MongoDB in the store and the artifacts, AWS in the runtime, trees in ml; all may name the type ObjectId."""
    if not within(path, "functions", "shared"):
        return
    for module, name in imported(tree):
        of_mongo = is_of(module, "pymongo", "bson", "gridfs") and (module, name) != ("bson", "ObjectId")
        if of_mongo and not within(path, "shared/store", "shared/artifacts"):
            yield f"{path} imports {module} {name}: the store speaks to MongoDB"
        if is_of(module, "boto3", "botocore", "aws_lambda_powertools") and not within(path, "shared/runtime"):
            yield f"{path} imports {module}: the runtime speaks to AWS"
        if is_of(module, "xgboost") and not within(path, "shared/ml"):
            yield f"{path} imports xgboost: shared/ml grows trees"


def only_env_reads_the_environment(path: Path, tree: ast.Module) -> Iterator[str]:
    if within(path, "functions", "shared") and not within(path, "shared/config/env.py"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb"):
                yield f"{path}:{node.lineno} reads the environment"
        for module, name in imported(tree):
            if module == "os" and name in ("environ", "getenv"):
                yield f"{path} imports os.{name}"


def only_the_runtime_reads_the_clock(path: Path, tree: ast.Module) -> Iterator[str]:
    if within(path, "functions", "shared") and not within(path, "shared/runtime"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
                owner = node.func.value
                name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
                if name in ("datetime", "date", "time"):
                    yield f"{path}:{node.lineno} reads the clock"
        for module, name in imported(tree):
            if module == "time" and name in CLOCKS:
                yield f"{path} imports time.{name}"


def nothing_runs_what_it_reads(path: Path, tree: ast.Module) -> Iterator[str]:
    """No pickle and no eval: what stands in a database is data. Tests may make what must be refused."""
    if within(path, "tests"):
        return
    for module, _ in imported(tree):
        if is_of(module, *UNSAFE):
            yield f"{path} imports {module}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec", "compile", "__import__"):
                yield f"{path}:{node.lineno} calls {node.func.id}"
            if any(k.arg == "allow_pickle" and getattr(k.value, "value", True) is not False for k in node.keywords):
                yield f"{path}:{node.lineno} allows pickle"


def only_the_runtime_catches_everything(path: Path, tree: ast.Module) -> Iterator[str]:
    if within(path, "shared/runtime"):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(kind is None or getattr(kind, "id", "") in ("Exception", "BaseException") for kind in kinds):
                yield f"{path}:{node.lineno} catches everything"


def one_room_destroys(path: Path, tree: ast.Module) -> Iterator[str]:
    """What commands and benchmarks drop, empty, rename or replace whole goes through local/ownership.py, which asks for
    proof; and nothing is chosen for it by the beginning of its name."""
    if not within(path, "local", "relay", "benchmarks") or path.as_posix() == "local/ownership.py":
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in DESTRUCTIVE:
            owner = node.func.value
            if not (isinstance(owner, ast.Name) and owner.id in ("ownership", "os", "shutil")):
                yield f"{path}:{node.lineno} calls {node.func.attr}"
        if isinstance(node, ast.Constant) and node.value == "$out":
            yield f"{path}:{node.lineno} replaces a collection by $out"
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "command":
            named = {one.value for one in ast.walk(node) if isinstance(one, ast.Constant)}
            yield from (f"{path}:{node.lineno} commands {one!r}" for one in named & DESTRUCTIVE_COMMANDS)
        if isinstance(node, ast.Name | ast.Attribute) and getattr(node, "attr", getattr(node, "id", "")) in DELETIONS:
            yield f"{path}:{node.lineno} names a deletion of a bulk write"


def every_file_has_a_name_of_its_own(path: Path, tree: ast.Module) -> Iterator[str]:
    if path.stem in DRAWERS or set(path.parts) & DRAWERS:
        yield f"{path} is a drawer"


def every_package_says_what_lives_in_it(path: Path, tree: ast.Module) -> Iterator[str]:
    if path.name == "__init__.py" and not within(path, "tests") and not ast.get_docstring(tree):
        yield f"{path} has no docstring"


def repositories_stay_short(path: Path, tree: ast.Module) -> Iterator[str]:
    length = max((node.end_lineno or 0 for node in tree.body), default=0)
    if within(path, "shared/store") and path.name != "schema.py" and length > MAX_REPOSITORY_LINES:
        yield f"{path} has {length} lines"


def what_is_public_says_what_it_does(path: Path, tree: ast.Module) -> Iterator[str]:
    """Modules, classes, functions and methods of what is shipped; a handler's body and small properties speak alone."""
    if not within(path, "functions", "shared") or "handlers" in path.parts:
        return
    if tree.body and not ast.get_docstring(tree):
        yield f"{path} has no docstring"
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            says = ast.get_docstring(node) or (isinstance(node, ast.ClassDef) and one_of_its_room(path, tree, node))
            if not says:
                yield f"{path}:{node.lineno} {node.name} has no docstring"


def one_of_its_room(path: Path, tree: ast.Module, node: ast.ClassDef) -> bool:
    """A repository is its module, whose docstring shows a document; a section of options is its commented fields."""
    repository = within(path, "shared/store") and "{" in (ast.get_docstring(tree) or "")
    return repository or within(path, "shared/config/options.py")


def nothing_is_printed(path: Path, tree: ast.Module) -> Iterator[str]:
    if within(path, "functions", "shared"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
                yield f"{path}:{node.lineno} prints"


def limits_of_time_grow_with_the_machine(path: Path, tree: ast.Module) -> Iterator[str]:
    """In tests, and in what they run on this machine: what waits for a thread or a process, and what says that
    something was quick, or late, asks `allowed`. In tests nothing else waits for a number of seconds."""
    if not within(path, "tests", "local") or path.name == "waiting.py":
        return
    tested = within(path, "tests")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            limits = [keyword.value for keyword in node.keywords if keyword.arg == "timeout"]
            limits += node.args if node.func.attr in ("wait", "join", "communicate") else []
            if any(fixed_seconds(limit) > 1 for limit in limits):
                yield f"{path}:{node.lineno} waits no longer on a slow machine"
            moments = [keyword.value for keyword in node.keywords if keyword.arg == "within_s"]
            moments += node.args if node.func.attr == "sleep" else []
            if tested and any(fixed_seconds(moment) > 0 for moment in moments):
                yield f"{path}:{node.lineno} waits for a moment, not for a condition"
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.BinOp) and reads_a_timer(node.left):
            limits_it = not tested or any(isinstance(operator, ast.Lt | ast.LtE) for operator in node.ops)
            if limits_it and any(fixed_seconds(limit) or isinstance(limit, ast.Name) for limit in node.comparators):
                yield f"{path}:{node.lineno} demands the same of a slow machine"
        if not tested and isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and reads_a_timer(node):
            yield f"{path}:{node.lineno} sets a deadline that is the same on a slow machine"


def fixed_seconds(node: ast.expr) -> float:
    """The number that is written there, 0 for anything else."""
    value = node.value if isinstance(node, ast.Constant) else None
    return float(value) if isinstance(value, int | float) else 0.0


def reads_a_timer(node: ast.expr) -> bool:
    return any(getattr(inner, "attr", "") in ("monotonic", "perf_counter") for inner in ast.walk(node))


# Each rule with a bad file, and a good one that looks alike.
RULES: dict[Rule, list[tuple[str, str, str, str]]] = {
    arrows_point_down: [
        ("functions/a/job.py", "from functions.b import x", "functions/a/job.py", "from functions.a import x"),
        ("functions/a/job.py", "from functions import b", "functions/a/job.py", "from functions import a"),
        ("functions/a/job.py", "import shared.runtime", "functions/a/handlers/job.py", "import shared.runtime"),
        ("functions/a/job.py", "from shared import runtime", "functions/a/job.py", "from shared import clock"),
        ("shared/ml/x.py", "from functions.a import y", "local/x.py", "from functions.a import y"),
        ("shared/ml/x.py", "def f():\n    import local.mongod", "tests/x.py", "import local.mongod"),
    ],
    handlers_hold_the_settings: [
        (
            "functions/a/job.py",
            "from shared.config import settings",
            "functions/a/job.py",
            "from shared.config import X",
        ),
        ("shared/ml/x.py", "from shared.store import open_store", "shared/ml/x.py", "from shared.store import Store"),
    ],
    drivers_stay_in_their_rooms: [
        ("functions/a/job.py", "import pymongo", "shared/store/x.py", "import pymongo"),
        ("functions/a/job.py", "from bson import DBRef", "functions/a/job.py", "from bson import ObjectId"),
        ("functions/a/job.py", "import boto3", "shared/runtime/x.py", "import boto3"),
        ("shared/store/x.py", "from aws_lambda_powertools import Logger", "tests/x.py", "import boto3"),
        ("functions/a/job.py", "import xgboost as xgb", "shared/ml/x.py", "import xgboost as xgb"),
    ],
    only_env_reads_the_environment: [
        ("shared/x.py", "import os\nos.environ['A']", "shared/config/env.py", "import os\nos.environ['A']"),
        ("functions/a/job.py", "from os import getenv", "functions/a/job.py", "from os import sep"),
    ],
    only_the_runtime_reads_the_clock: [
        ("functions/a/job.py", "datetime.now(UTC)", "shared/runtime/x.py", "datetime.now(UTC)"),
        ("functions/a/job.py", "dt.datetime.utcnow()", "functions/a/job.py", "options.now()"),
        ("shared/x.py", "import time\ntime.time()", "local/x.py", "import time\ntime.time()"),
        ("shared/x.py", "from time import time", "shared/x.py", "from time import sleep"),
    ],
    nothing_runs_what_it_reads: [
        ("local/x.py", "import pickle", "tests/x.py", "import pickle"),
        ("shared/x.py", "from joblib import load", "shared/x.py", "from json import load"),
        ("shared/x.py", "eval('1')", "shared/x.py", "literal_eval('1')"),
        ("shared/x.py", "np.load(f, allow_pickle=True)", "shared/x.py", "np.load(f, allow_pickle=False)"),
    ],
    only_the_runtime_catches_everything: [
        ("shared/x.py", "try: f()\nexcept Exception: pass", "shared/runtime/x.py", "try: f()\nexcept Exception: pass"),
        ("local/x.py", "try: f()\nexcept: pass", "local/x.py", "try: f()\nexcept ValueError: pass"),
        ("tests/x.py", "try: f()\nexcept (OSError, BaseException): g()", "tests/x.py", "f()"),
    ],
    one_room_destroys: [
        ("local/x.py", "client.drop_database(name)", "local/ownership.py", "client.drop_database(name)"),
        ("local/world/x.py", "store.app[name].drop()", "local/world/x.py", "ownership.drop_collection(collection)"),
        ("benchmarks/x.py", "store.app.posts.delete_many({})", "shared/store/x.py", "posts.delete_many({})"),
        ("relay/x.py", "rows.rename('x', dropTarget=True)", "relay/x.py", "rows.replace_one({}, {})"),
        ("local/x.py", "database.aggregate([{'$out': 'x'}])", "local/x.py", "database.aggregate([{'$match': {}}])"),
        ("local/x.py", "database.command('dropDatabase')", "local/x.py", "database.command('ping')"),
        ("local/x.py", "rows.bulk_write([DeleteMany({})])", "local/x.py", "rows.bulk_write([ReplaceOne({}, {})])"),
    ],
    every_file_has_a_name_of_its_own: [
        ("shared/utils.py", "", "shared/useful.py", ""),
        ("functions/common/x.py", "", "functions/commons/x.py", ""),
    ],
    every_package_says_what_lives_in_it: [
        ("shared/x/__init__.py", "x = 1", "shared/x/__init__.py", "'''Rooms.'''"),
        ("functions/x/__init__.py", "", "tests/__init__.py", ""),
    ],
    repositories_stay_short: [
        ("shared/store/x.py", "\n" * MAX_REPOSITORY_LINES + "x = 1", "shared/store/x.py", "x = 1"),
    ],
    what_is_public_says_what_it_does: [
        ("shared/x.py", "'''X.'''\ndef f(): ...", "shared/x.py", "'''X.'''\ndef _f(): ..."),
        ("shared/x.py", "'''X.'''\nclass A: ...", "shared/x.py", "'''X.'''\nclass A:\n    '''A.'''"),
        ("functions/a/x.py", "x = 1", "functions/a/handlers/x.py", "'''X.'''\ndef handler(tick): ..."),
        ("shared/store/x.py", "'''Y.'''\nclass A: ...", "shared/store/x.py", "'''For example: {}.'''\nclass A: ..."),
    ],
    nothing_is_printed: [("shared/x.py", "print('x')", "local/x.py", "print('x')")],
    limits_of_time_grow_with_the_machine: [
        ("tests/x.py", "thread.join(30)", "tests/x.py", "thread.join(allowed(30))"),
        ("tests/x.py", "subprocess.run(c, timeout=60)", "relay/x.py", "subprocess.run(c, timeout=60)"),
        ("local/x.py", "process.wait(timeout=20)", "local/x.py", "process.wait(timeout=allowed(20))"),
        ("local/x.py", "end = time.monotonic() + READY_S", "local/x.py", "began = time.monotonic()"),
        ("local/x.py", "time.perf_counter() - t > WITHIN_S", "local/x.py", "is_late(t, WITHIN_S)"),
        ("tests/x.py", "time.sleep(0.5)", "tests/x.py", "until(lambda: done)"),
        ("tests/x.py", "author.publish('a', within_s=0.5)", "tests/x.py", "author.publish('a', within_s=0)"),
        ("tests/x.py", "time.monotonic() - t < 5", "tests/x.py", "time.monotonic() - t < allowed(5)"),
        ("tests/x.py", "time.monotonic() - t < LIMIT", "tests/x.py", "time.monotonic() - t > LIMIT"),
    ],
}

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


@each_rule
def test_the_house_keeps_its_rule(rule: Rule) -> None:
    assert [breach for path in OURS for breach in rule(path, ast.parse((ROOT / path).read_text()))] == []


@each_rule
def test_a_rule_tells_bad_from_good(rule: Rule) -> None:
    for bad_path, bad, good_path, good in RULES[rule]:
        assert list(rule(Path(bad_path), ast.parse(bad))), f"{rule.__name__} lets {bad!r} pass"
        assert list(rule(Path(good_path), ast.parse(good))) == [], f"{rule.__name__} refuses {good!r}"


def test_the_rules_see_the_whole_house() -> None:
    assert {path.parts[0] for path in OURS} >= {"functions", "shared", "local", "layers", "tests"}
    assert Path("shared/store/client.py") in OURS


each_handler = pytest.mark.parametrize("path", handlers(), ids=lambda path: path.stem)


@each_handler
def test_a_handler_fits_on_one_screen(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_HANDLER_LINES


@each_handler
def test_a_handler_says_trigger_reads_and_writes(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text())) or ""

    assert [word for word in ("Trigger", "Reads", "Writes") if f"\n{word} " not in said] == []


@each_handler
def test_a_handler_decides_nothing(path: Path) -> None:
    branches = (ast.If, ast.For, ast.While, ast.Try, ast.IfExp, ast.comprehension)

    assert [type(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, branches)] == []


@each_handler
def test_one_stem_stands_in_five_places(path: Path) -> None:
    domain, stem = path.relative_to(ROOT).parts[1], path.stem
    keys = load_service()["functions"]

    assert (ROOT / "functions" / domain / f"{stem}.py").exists(), "the job"
    assert (ROOT / "events" / domain / f"{stem}.json").exists(), "the event"
    assert (ROOT / "tests" / domain / f"test_{stem}.py").exists(), "the test"
    assert keys[key_of(path)]["handler"] == f"functions/{domain}/handlers/{stem}.handler", "the key in serverless.yml"


def test_every_job_has_a_door() -> None:
    jobs = [
        path
        for path in sources("functions")
        if len(path.parts) == 3
        and any(isinstance(n, ast.FunctionDef) and n.name == "run" for n in ast.parse((ROOT / path).read_text()).body)
    ]

    assert jobs
    assert [job for job in jobs if not (ROOT / job.parent / "handlers" / job.name).exists()] == []
