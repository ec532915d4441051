"""Rules that all sources keep. Each is tried on a bad sample, which it has to refuse, and on a good one like it.

filler_names.json holds how many filler names each file may have, which is as many as it has: `pytest
tests/contract/test_house_rules.py -k filler --rewrite-golden` writes the present counts. Read the diff: they may only
become fewer.
"""

import ast
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from layers.build import ROOT

PACKAGES = ("functions", "shared", "console", "local", "relay", "layers", "benchmarks", "tests")
MAX_REPOSITORY_LINES, MAX_SHIPPED_LINES = 210, 250
FILLERS = {"one", "found", "some", "those", "what", "told", "thing"}  # names that do not say what they hold
ALLOWED_FILLERS = ROOT / "tests" / "contract" / "filler_names.json"  # counts by file
VAGUE_NAMES = {"utils", "helpers", "common", "misc", "base", "manager", "core", "constants"}
UNSAFE = {"pickle", "cPickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
CLOCKS = {"now", "utcnow", "today", "time", "time_ns"}

DESTRUCTIVE = {
    "drop", "drop_database", "drop_collection", "drop_index", "drop_indexes", "delete_one", "delete_many", "rename",
    "find_one_and_delete",
}  # fmt: skip
DESTRUCTIVE_COMMANDS = {"drop", "delete", "dropDatabase", "renameCollection", "dropIndexes", "convertToCapped"}
CHANGE_A_SERVER = {  # commands to a server, by which others who use it are harmed
    "configureFailPoint", "replSetStepDown", "replSetFreeze", "replSetReconfig", "replSetInitiate", "setParameter",
    "setFeatureCompatibilityVersion", "shutdown", "fsync", "fsyncUnlock", "killOp", "killAllSessions", "logRotate",
    "createUser", "updateUser", "dropUser", "dropAllUsersFromDatabase", "grantRolesToUser", "revokeRolesFromUser",
    "createRole", "updateRole", "dropRole", "setDefaultRWConcern",
}  # fmt: skip
DELETIONS = {"DeleteOne", "DeleteMany"}
BY_NAME = {"setattr", "getattr", "delattr", "hasattr", "patch"}  # calls that are given the name of an attribute
ARRAY = re.compile(r"\b(NDArray|ndarray|\w+Array)\b")
SHAPE = re.compile(r"\(([dkmn]|n_\w+|\d+)( \+ 1)?,( [\w +]+,?)*\)|\b(the|any) shape\b")  # (n,) or (n_posts, k)

Rule = Callable[[Path, ast.Module], Iterator[str]]


def sources(*folders: str) -> list[Path]:
    paths = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path.relative_to(ROOT) for path in paths if path.relative_to(ROOT).parts[:2] != ("layers", "build"))


OURS = sources(*PACKAGES)


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(module, name) of every import, also inside functions; the name is empty for a plain `import`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def within(path: Path, *folders: str) -> bool:
    return any(path.as_posix() == folder or path.as_posix().startswith(f"{folder}/") for folder in folders)


def in_store(path: Path) -> bool:
    """Whether a file is in `shared/store` or in the `store` of a domain."""
    return within(path, "shared/store", "console/store") or (
        path.parts[0] == "functions" and path.parts[2:3] == ("store",)
    )


def is_of(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def imports_point_down(path: Path, tree: ast.Module) -> Iterator[str]:
    """Handlers import jobs, jobs import shared; no domain imports another; shipped code imports shipped code only. The
    console imports what domains store, and their jobs."""
    shipped = within(path, "functions", "shared", "console")
    is_handler = within(path, "functions", "console") and "handlers" in path.parts
    for module, name in imported(tree):
        target = f"{module}.{name}" if name and module in ("functions", "shared") else module
        if shipped and is_of(target, "local", "relay", "layers", "benchmarks", "tests"):
            yield f"{path} imports {target}, which is not shipped"
        if within(path, "functions", "shared") and is_of(target, "console"):
            yield f"{path} imports {target}: only people need the console"
        if within(path, "console") and ".handlers" in target and is_of(target, "functions"):
            yield f"{path} imports {target}: the console calls jobs, not handlers"
        if within(path, "shared") and is_of(target, "functions"):
            yield f"{path} imports {target}: shared knows no domain"
        if within(path, "functions") and is_of(target, "functions") and target.split(".")[1] != path.parts[1]:
            yield f"{path} imports {target}, another domain"
        of_runtime = is_of(target, "shared.runtime") and target != "shared.runtime.http_request"
        if shipped and not is_handler and not within(path, "shared/runtime") and of_runtime:
            yield f"{path} imports {target}: only handlers do"


def options_stand_alone(path: Path, tree: ast.Module) -> Iterator[str]:
    """Every function imports the sections of all domains to check what an operator gives, whatever its layers hold."""
    if path.name != "options.py" or not within(path, "functions", "shared") or within(path, "shared/config"):
        return
    for module, name in imported(tree):
        ours = is_of(module, "shared.config", "shared.errors")
        if not ours and module.split(".")[0] not in ("msgspec", *sys.stdlib_module_names):
            yield f"{path} imports {module} {name}"


def handlers_hold_the_settings(path: Path, tree: ast.Module) -> Iterator[str]:
    """Jobs and shared code get settings and stores as arguments."""
    may = within(path, "shared/runtime", "shared/config", "shared/store/connection.py", "shared/store/__main__.py")
    if (
        not within(path, "functions", "shared", "console")
        or may
        or path.name == "__init__.py"
        or "handlers" in path.parts
    ):
        return
    for module, name in imported(tree):
        if name in ("settings", "open_store", "load") and is_of(module, "shared.config", "shared.store"):
            yield f"{path} asks for {name} instead of being given it"


def drivers_stay_in_their_packages(path: Path, tree: ast.Module) -> Iterator[str]:
    """MongoDB in stores and the artifacts, AWS in the runtime, xgboost in ml; all may import the type ObjectId."""
    if not within(path, "functions", "shared", "console"):
        return
    for module, name in imported(tree):
        of_mongo = is_of(module, "pymongo", "bson", "gridfs") and (module, name) != ("bson", "ObjectId")
        if of_mongo and not in_store(path) and not within(path, "shared/artifacts"):
            yield f"{path} imports {module} {name}: a store speaks to MongoDB"
        if is_of(module, "boto3", "botocore", "aws_lambda_powertools") and not within(path, "shared/runtime"):
            yield f"{path} imports {module}: the runtime speaks to AWS"
        if is_of(module, "xgboost") and not within(path, "shared/ml"):
            yield f"{path} imports xgboost: shared/ml grows trees"


def only_env_reads_the_environment(path: Path, tree: ast.Module) -> Iterator[str]:
    if within(path, "functions", "shared", "console") and not within(path, "shared/config/env.py"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb"):
                yield f"{path}:{node.lineno} reads the environment"
        for module, name in imported(tree):
            if module == "os" and name in ("environ", "getenv"):
                yield f"{path} imports os.{name}"


def only_the_runtime_reads_the_clock(path: Path, tree: ast.Module) -> Iterator[str]:
    if within(path, "functions", "shared", "console") and not within(path, "shared/runtime"):
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
    """No pickle and no eval: the content of a database is never run. Tests may make objects that must be refused."""
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


def the_latest_are_those_until_now(path: Path, tree: ast.Module) -> Iterator[str]:
    """A limited read of the latest has an upper bound: documents that a wrong clock dates ahead would take all places.

    A field is taken for a date unless it is a constant that does not end with At.
    """
    if not in_store(path):
        return
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        nodes = list(ast.walk(function))
        constants = {node.value for node in nodes if isinstance(node, ast.Constant)}
        called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        if constants & {"$lt", "$lte", "$not"} or called & {"period", "in_window"}:
            continue
        calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
        methods = {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)}
        orders: list[ast.expr] = []
        for call in calls:
            name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            given = [keyword.value for keyword in call.keywords if keyword.arg == "sort"]
            orders += given if name == "find_one" or "limit" in methods else []
            orders += call.args[:1] if name == "sort" and "limit" in methods else []
        for stage in (node for node in nodes if isinstance(node, ast.Dict) and "$limit" in constants):
            pairs = zip(stage.keys, stage.values, strict=True)
            orders += [value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "$sort"]
        for order in orders:
            values = [node.value for node in ast.walk(order) if isinstance(node, ast.Constant)]
            names = [value for value in values if isinstance(value, str)]
            if not names or any(name.endswith("At") for name in names):
                yield f"{path}:{order.lineno} reads the latest without an upper bound"


def one_module_deletes(path: Path, tree: ast.Module) -> Iterator[str]:
    """Commands and benchmarks drop, empty, rename or replace databases and collections through local/ownership.py only,
    which checks that they are ours."""
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
            values = {inner.value for inner in ast.walk(node) if isinstance(inner, ast.Constant)}
            yield from (f"{path}:{node.lineno} commands {name!r}" for name in values & DESTRUCTIVE_COMMANDS)
        if isinstance(node, ast.Name | ast.Attribute) and getattr(node, "attr", getattr(node, "id", "")) in DELETIONS:
            yield f"{path}:{node.lineno} names a deletion of a bulk write"


def only_private_servers_are_changed(path: Path, tree: ast.Module) -> Iterator[str]:
    """Tests send commands that change a server only where they have one of their own: the fixture `private_server`, or
    `mongo_server(private=True)`. Any other server may be that of MONGO_URI, which others use."""
    if not within(path, "tests") or has_a_private_server(tree):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "command":
            values = {inner.value for inner in ast.walk(node) if isinstance(inner, ast.Constant)}
            yield from (f"{path}:{node.lineno} commands {name!r}" for name in sorted(CHANGE_A_SERVER & values))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "falling_silent":
            yield f"{path}:{node.lineno} silences a server"


def has_a_private_server(tree: ast.Module) -> bool:
    """Whether a file starts a private server or asks for the fixture."""
    nodes = list(ast.walk(tree))
    asked = any(isinstance(node, ast.arg) and node.arg == "private_server" for node in nodes)
    starts = (node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "mongo_server")
    named = (keyword for node in starts for keyword in node.keywords if keyword.arg == "private")
    return asked or any(getattr(keyword.value, "value", False) is True for keyword in named)


def every_file_has_a_name_of_its_own(path: Path, tree: ast.Module) -> Iterator[str]:
    if path.stem in VAGUE_NAMES or set(path.parts) & VAGUE_NAMES:
        yield f"{path} has a name that fits anything"


def every_package_says_what_lives_in_it(path: Path, tree: ast.Module) -> Iterator[str]:
    if path.name == "__init__.py" and not within(path, "tests") and not ast.get_docstring(tree):
        yield f"{path} has no docstring"


def lines_of(tree: ast.Module) -> int:
    return max((node.end_lineno or 0 for node in tree.body), default=0)


def repositories_stay_short(path: Path, tree: ast.Module) -> Iterator[str]:
    if in_store(path) and lines_of(tree) > MAX_REPOSITORY_LINES:
        yield f"{path} has {lines_of(tree)} lines"


def shipped_files_stay_short(path: Path, tree: ast.Module) -> Iterator[str]:
    if within(path, "functions", "shared", "console", "relay") and lines_of(tree) > MAX_SHIPPED_LINES:
        yield f"{path} has {lines_of(tree)} lines"


def what_is_public_says_what_it_does(path: Path, tree: ast.Module) -> Iterator[str]:
    """Public modules, classes and functions of shipped code have a docstring; methods and handlers need none."""
    if not within(path, "functions", "shared", "console") or "handlers" in path.parts:
        return
    if tree.body and not ast.get_docstring(tree):
        yield f"{path} has no docstring"
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            is_explained = isinstance(node, ast.ClassDef) and its_module_explains_it(path, tree)
            if not ast.get_docstring(node) and not is_explained:
                yield f"{path}:{node.lineno} {node.name} has no docstring"


def its_module_explains_it(path: Path, tree: ast.Module) -> bool:
    """A repository is explained by the document in its module's docstring, a section of options by its fields."""
    repository = in_store(path) and "{" in (ast.get_docstring(tree) or "")
    return repository or path.name == "options.py"


def arrays_have_shapes(path: Path, tree: ast.Module) -> Iterator[str]:
    """Public functions that are given or return arrays, and classes of arrays, say a shape, such as (n,) or (n, k);
    for a property or `__init__` its class may do so. Tables (`Columns`) are described where they are made."""
    if not within(path, "functions", "shared", "console"):
        return
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or is_private(node.name):
            continue
        if has_arrays(node) and not says_a_shape(node):
            yield f"{path}:{node.lineno} {node.name} says no shape"
        for method in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(method, ast.FunctionDef) and not is_private(method.name) and has_arrays(method):
                is_property = any("property" in ast.unparse(decorator) for decorator in method.decorator_list)
                of_class = is_property or method.name == "__init__"
                if not (says_a_shape(method) or (of_class and says_a_shape(node))):
                    yield f"{path}:{method.lineno} {node.name}.{method.name} says no shape"


def has_arrays(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether a function is given or returns arrays, or public fields of a class are arrays."""
    if isinstance(node, ast.ClassDef):
        fields = [field for field in node.body if isinstance(field, ast.AnnAssign)]
        annotations = [field.annotation for field in fields if not is_private(ast.unparse(field.target))]
    else:
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        annotations = [annotation for annotation in (*(of.annotation for of in given), node.returns) if annotation]
    return any(ARRAY.search(ast.unparse(annotation)) for annotation in annotations)


def says_a_shape(node: ast.FunctionDef | ast.ClassDef) -> bool:
    return SHAPE.search(ast.get_docstring(node) or "") is not None


def nothing_is_printed(path: Path, tree: ast.Module) -> Iterator[str]:
    if within(path, "functions", "shared", "console"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
                yield f"{path}:{node.lineno} prints"


def markup_is_written_here(path: Path, tree: ast.Module) -> Iterator[str]:
    """What is printed to a console or put into a table is a constant, a number or a Text: anything else might contain
    what Rich takes for markup. `console.print` may turn markup off instead."""
    if not within(path, "local", "relay", "layers", "benchmarks"):
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        shown: list[ast.expr] = [given[key] for key in ("title", "caption") if key in given and name == "Table"]
        if name in ("add_row", "add_column") or (name == "print" and prints_to_console(node.func)):
            is_plain = name == "print" and getattr(given.get("markup"), "value", True) is False
            shown += [] if is_plain else node.args
        if any(not (holds_no_markup(value) or getattr(value, "id", "") == "table") for value in shown):
            yield f"{path}:{node.lineno} may print markup of somebody else"


def prints_to_console(function: ast.expr) -> bool:
    owner = function.value if isinstance(function, ast.Attribute) else None
    return getattr(owner, "attr", getattr(owner, "id", "")).endswith("console")


def holds_no_markup(node: ast.expr) -> bool:
    """Whether an expression is a constant, a Text, a choice of such, or a text of which only formatted numbers vary."""
    match node:
        case ast.Constant():
            return True
        case ast.IfExp():
            return holds_no_markup(node.body) and holds_no_markup(node.orelse)
        case ast.JoinedStr():
            parts = [part for part in node.values if isinstance(part, ast.FormattedValue)]
            return all(part.format_spec and ast.unparse(part.format_spec)[-2] in "dfg" for part in parts)
        case ast.Starred(value=ast.Call(func=ast.Name(id="map"), args=[ast.Name(id="Text"), *_])):
            return True
        case ast.Call(func=ast.Name(id="Text" | "escape") | ast.Attribute(value=ast.Name(id="Text"))):
            return True
    return False


def limits_of_time_grow_with_the_machine(path: Path, tree: ast.Module) -> Iterator[str]:
    """In tests and local code, time-outs and comparisons with a duration use `allowed`, which grows on a slow machine.
    Tests never wait for a fixed number of seconds."""
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
            moments += node.args if node.func.attr in ("sleep", "wait_for_timeout") else []
            if tested and any(fixed_seconds(moment) > 0 for moment in moments):
                yield f"{path}:{node.lineno} waits for a moment, not for a condition"
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.BinOp) and reads_a_timer(node.left):
            limits_it = not tested or any(isinstance(operator, ast.Lt | ast.LtE) for operator in node.ops)
            if limits_it and any(fixed_seconds(limit) or isinstance(limit, ast.Name) for limit in node.comparators):
                yield f"{path}:{node.lineno} demands the same of a slow machine"
        if not tested and isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and reads_a_timer(node):
            yield f"{path}:{node.lineno} sets a deadline that is the same on a slow machine"


def private_names_are_left_alone(path: Path, tree: ast.Module) -> Iterator[str]:
    """Tests and benchmarks use no name that begins with one underscore: of no module, and of no object but their own.

    A class may use its own in another instance of it, as in benchmarks/cost/network.py.
    """
    if not within(path, "tests", "benchmarks"):
        return
    own = {id(attribute) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for attribute in of_its_own(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and id(node) not in own:
            yield f"{path}:{node.lineno} uses {node.attr}"
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in BY_NAME:
            for name in (argument.value for argument in node.args[:2] if isinstance(argument, ast.Constant)):
                if isinstance(name, str) and is_private(*name.split(".")):
                    yield f"{path}:{node.lineno} uses {name}"
    for module, name in imported(tree):
        if is_private(name, *module.split(".")):
            yield f"{path} imports {module} {name}"


def of_its_own(node: ast.ClassDef) -> Iterator[ast.Attribute]:
    """The attributes that a class uses of itself, and those named like its methods that it uses of anything."""
    methods = {member.name for member in node.body if isinstance(member, ast.FunctionDef)}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute):
            of_itself = isinstance(inner.value, ast.Name) and inner.value.id in ("self", "cls")
            if of_itself or inner.attr in methods:
                yield inner


def is_private(*names: str) -> bool:
    """Whether any of these names begins with one underscore."""
    return any(name.startswith("_") and not name.startswith("__") for name in names)


def fixed_seconds(node: ast.expr) -> float:
    """The value of a number, 0 for any other expression."""
    value = node.value if isinstance(node, ast.Constant) else None
    return float(value) if isinstance(value, int | float) else 0.0


def reads_a_timer(node: ast.expr) -> bool:
    return any(getattr(inner, "attr", "") in ("monotonic", "perf_counter") for inner in ast.walk(node))


# Each rule with pairs of a bad file and a good one that looks like it.
RULES: dict[Rule, list[tuple[str, str, str, str]]] = {
    imports_point_down: [
        ("functions/a/job.py", "from functions.b import x", "functions/a/job.py", "from functions.a import x"),
        ("functions/a/job.py", "from functions import b", "functions/a/job.py", "from functions import a"),
        ("functions/a/job.py", "import shared.runtime", "functions/a/handlers/job.py", "import shared.runtime"),
        ("functions/a/job.py", "from shared import runtime", "functions/a/job.py", "from shared import clock"),
        ("shared/ml/x.py", "from functions.a import y", "local/x.py", "from functions.a import y"),
        ("shared/ml/x.py", "def f():\n    import local.mongod", "tests/x.py", "import local.mongod"),
    ],
    options_stand_alone: [
        ("functions/a/options.py", "import numpy", "functions/a/job.py", "import numpy"),
        (
            "functions/a/options.py",
            "from shared.store import x",
            "functions/a/options.py",
            "from shared.config import X",
        ),
        ("shared/a/options.py", "from functions import a", "shared/a/options.py", "from datetime import timedelta"),
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
    drivers_stay_in_their_packages: [
        ("functions/a/job.py", "import pymongo", "shared/store/x.py", "import pymongo"),
        ("functions/store/x.py", "import pymongo", "functions/a/store/x.py", "import pymongo"),
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
    the_latest_are_those_until_now: [
        (
            "shared/store/x.py",
            "def f(): return rows.find({'seenAt': {'$type': 'date'}}).sort('seenAt', -1).limit(9)",
            "shared/store/x.py",
            "def f(): return rows.find({'seenAt': {'$lte': now}}).sort('seenAt', -1).limit(9)",
        ),
        (
            "functions/x/store/y.py",
            "def f(): return rows.find_one({}, sort=[(clock, -1)])",
            "functions/x/store/y.py",
            "def f(): return rows.find_one({clock: period(EPOCH, now)}, sort=[(clock, -1)])",
        ),
        (
            "shared/store/x.py",
            "def f(): return rows.aggregate([{'$sort': {'at': 1, 'verifiedAt': -1}}, {'$limit': 9}])",
            "shared/store/x.py",
            "def f(): return rows.aggregate([{'$sort': {'score': -1}}, {'$limit': 9}])",
        ),
    ],
    one_module_deletes: [
        ("local/x.py", "client.drop_database(name)", "local/ownership.py", "client.drop_database(name)"),
        ("local/world/x.py", "store.app[name].drop()", "local/world/x.py", "ownership.drop_collection(collection)"),
        ("benchmarks/x.py", "store.app.posts.delete_many({})", "shared/store/x.py", "posts.delete_many({})"),
        ("relay/x.py", "rows.rename('x', dropTarget=True)", "relay/x.py", "rows.replace_one({}, {})"),
        ("local/x.py", "database.aggregate([{'$out': 'x'}])", "local/x.py", "database.aggregate([{'$match': {}}])"),
        ("local/x.py", "database.command('dropDatabase')", "local/x.py", "database.command('ping')"),
        ("local/x.py", "rows.bulk_write([DeleteMany({})])", "local/x.py", "rows.bulk_write([ReplaceOne({}, {})])"),
    ],
    only_private_servers_are_changed: [
        (
            "tests/x.py",
            "def f(client): client.admin.command('replSetStepDown', 3)",
            "tests/x.py",
            "def f(private_server): client.admin.command('replSetStepDown', 3)",
        ),
        (
            "tests/x.py",
            "with mongo_server() as uri: admin.command({'configureFailPoint': 'x', 'mode': 'off'})",
            "tests/x.py",
            "with mongo_server(private=True) as uri: admin.command({'configureFailPoint': 'x', 'mode': 'off'})",
        ),
        (
            "tests/x.py",
            "with mongo_server(private=False) as uri: admin.command('createUser', 'x')",
            "tests/x.py",
            "with mongo_server() as uri: admin.command('serverStatus')",
        ),
        (
            "tests/x.py",
            "falling_silent(uri, 'find')",
            "tests/x.py",
            "def f(private_server): falling_silent(uri, 'find')",
        ),
        ("tests/x.py", "client.admin.command('shutdown')", "local/mongod.py", "client.admin.command('shutdown')"),
    ],
    every_file_has_a_name_of_its_own: [
        ("shared/utils.py", "", "shared/useful.py", ""),
        ("functions/common/x.py", "", "functions/commons/x.py", ""),
    ],
    every_package_says_what_lives_in_it: [
        ("shared/x/__init__.py", "x = 1", "shared/x/__init__.py", "'''Packages.'''"),
        ("functions/x/__init__.py", "", "tests/__init__.py", ""),
    ],
    repositories_stay_short: [
        ("shared/store/x.py", "\n" * MAX_REPOSITORY_LINES + "x = 1", "shared/store/x.py", "x = 1"),
        ("functions/a/store/x.py", "\n" * MAX_REPOSITORY_LINES + "x = 1", "functions/a/store/x.py", "x = 1"),
    ],
    shipped_files_stay_short: [
        ("shared/x.py", "\n" * MAX_SHIPPED_LINES + "x = 1", "shared/x.py", "\n" * (MAX_SHIPPED_LINES - 1) + "x = 1"),
        ("relay/x.py", "\n" * MAX_SHIPPED_LINES + "x = 1", "local/x.py", "\n" * MAX_SHIPPED_LINES + "x = 1"),
    ],
    what_is_public_says_what_it_does: [
        ("shared/x.py", "'''X.'''\ndef f(): ...", "shared/x.py", "'''X.'''\ndef _f(): ..."),
        ("shared/x.py", "'''X.'''\nclass A: ...", "shared/x.py", "'''X.'''\nclass A:\n    '''A.'''"),
        ("functions/a/x.py", "x = 1", "functions/a/handlers/x.py", "'''X.'''\ndef handler(tick): ..."),
        ("shared/store/x.py", "'''Y.'''\nclass A: ...", "shared/store/x.py", "'''For example: {}.'''\nclass A: ..."),
        ("functions/a/x.py", "'''{}.'''\nclass A: ...", "functions/a/store/x.py", "'''{}.'''\nclass A: ..."),
    ],
    arrays_have_shapes: [
        ("shared/x.py", "def f(x: IntArray): '''(x, y)'''", "shared/x.py", "def f(x: IntArray): '''Mean of (n,).'''"),
        ("shared/x.py", "def f() -> IntArray: ...", "shared/x.py", "def f() -> IntArray: '''(n_posts, 4) counts.'''"),
        ("shared/x.py", "def f() -> 'NDArray[Any]': ...", "shared/x.py", "def f() -> Columns: ..."),
        (
            "functions/a/x.py",
            "class A:\n    '''A.'''\n    x: IdArray",
            "functions/a/x.py",
            "class A:\n    '''A.'''\n    _x: IdArray",
        ),
        (
            "functions/a/x.py",
            "class A:\n    '''All (n,).'''\n    def f(self) -> BoolArray: ...",
            "functions/a/x.py",
            "class A:\n    '''All (n,).'''\n    @property\n    def f(self) -> BoolArray: ...",
        ),
    ],
    nothing_is_printed: [("shared/x.py", "print('x')", "local/x.py", "print('x')")],
    markup_is_written_here: [
        ("local/x.py", "console.print(f'{name} ends')", "local/x.py", "console.print(f'{name} ends', markup=False)"),
        ("local/x.py", "console.print(line)", "local/x.py", "console.print(table)"),
        ("local/x.py", "self._console.print(line)", "local/x.py", "self._console.print(Text(line, style))"),
        ("relay/x.py", "console.print(' '.join(names))", "relay/x.py", "console.print('[red]NO[/]')"),
        ("local/x.py", "console.print(x, markup=True)", "local/x.py", "console.print(escape(x))"),
        (
            "local/x.py",
            "table.add_row(f'{score:.3f}', str(name))",
            "local/x.py",
            "table.add_row(f'{score:.3f}', Text(x))",
        ),
        ("local/x.py", "table.add_row(f'{name:<10}')", "local/x.py", "table.add_row('[red]NO[/]' if x else 'yes')"),
        ("benchmarks/x.py", "table.add_row(*row)", "benchmarks/x.py", "table.add_row(*map(Text, row))"),
        ("local/x.py", "table.add_column(name)", "local/x.py", "table.add_column(Text.assemble((name, 'bold')))"),
        ("local/x.py", "Table(title=title)", "local/x.py", "Table(title=Text(title))"),
        ("layers/x.py", "Table(title='x', caption=note)", "layers/x.py", "f(title=title)"),
    ],
    limits_of_time_grow_with_the_machine: [
        ("tests/x.py", "thread.join(30)", "tests/x.py", "thread.join(allowed(30))"),
        ("tests/x.py", "subprocess.run(c, timeout=60)", "relay/x.py", "subprocess.run(c, timeout=60)"),
        ("local/x.py", "process.wait(timeout=20)", "local/x.py", "process.wait(timeout=allowed(20))"),
        ("local/x.py", "end = time.monotonic() + READY_S", "local/x.py", "began = time.monotonic()"),
        ("local/x.py", "time.perf_counter() - t > WITHIN_S", "local/x.py", "is_late(t, WITHIN_S)"),
        ("tests/x.py", "time.sleep(0.5)", "tests/x.py", "until(lambda: done)"),
        ("tests/x.py", "page.wait_for_timeout(500)", "tests/x.py", "page.wait_for_load_state()"),
        ("tests/x.py", "author.publish('a', within_s=0.5)", "tests/x.py", "author.publish('a', within_s=0)"),
        ("tests/x.py", "time.monotonic() - t < 5", "tests/x.py", "time.monotonic() - t < allowed(5)"),
        ("tests/x.py", "time.monotonic() - t < LIMIT", "tests/x.py", "time.monotonic() - t > LIMIT"),
    ],
    private_names_are_left_alone: [
        ("tests/x.py", "x._y()", "tests/x.py", "x.__name__"),
        ("benchmarks/x.py", "x._y", "shared/x.py", "x._y"),
        ("tests/x.py", "self._y", "tests/x.py", "class X:\n    def f(self): self._y = self._z"),
        ("tests/x.py", "self.x._y", "tests/x.py", "class X:\n    def _y(self): replace(self)._y()"),
        ("tests/x.py", "class X:\n    def f(self): x._y", "tests/x.py", "class X:\n    def f(self): x.y"),
        ("tests/x.py", "patched.setattr(X, '_y', f)", "tests/x.py", "patched.setattr(X, 'y', '_z')"),
        ("tests/x.py", "patched.setattr('x._y.z', f)", "tests/x.py", "patched.setattr('x.__main__.z', f)"),
        ("tests/x.py", "getattr(x, '_y')", "tests/x.py", "row.get('_id')"),
        ("tests/x.py", "from x import _y", "tests/x.py", "from __future__ import annotations"),
        ("tests/x.py", "import x._y", "tests/x.py", "import x as _y"),
    ],
}

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


@each_rule
def test_all_sources_keep_the_rule(rule: Rule) -> None:
    assert [breach for path in OURS for breach in rule(path, ast.parse((ROOT / path).read_text()))] == []


@each_rule
def test_a_rule_tells_bad_from_good(rule: Rule) -> None:
    for bad_path, bad, good_path, good in RULES[rule]:
        assert list(rule(Path(bad_path), ast.parse(bad))), f"{rule.__name__} lets {bad!r} pass"
        assert list(rule(Path(good_path), ast.parse(good))) == [], f"{rule.__name__} refuses {good!r}"


def test_the_rules_see_all_sources() -> None:
    assert {path.parts[0] for path in OURS} >= {"functions", "shared", "local", "layers", "tests"}
    assert Path("shared/store/client.py") in OURS


def filler_names(tree: ast.Module) -> list[str]:
    """Line and name of every variable, argument, function and class with a filler name, in order of lines. Names inside
    comprehensions and lambdas, which are short, are accepted."""
    short = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)
    accepted = {id(inner) for node in ast.walk(tree) if isinstance(node, short) for inner in ast.walk(node)}

    def name_of(node: ast.AST) -> str:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            return node.name
        if id(node) in accepted:
            return ""
        if isinstance(node, ast.arg):
            return node.arg
        return node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else ""

    names = ((getattr(node, "lineno", 0), name_of(node)) for node in ast.walk(tree))
    return [f"line {line} {name}" for line, name in sorted(names) if name in FILLERS]


def filler_differences(names: Mapping[str, Sequence[str]], allowed: Mapping[str, int]) -> Iterator[str]:
    """The files that have more filler names than allowed, and those that have fewer: their allowance is to be lowered.

    names  filler names by file
    """
    for path in sorted(names.keys() | allowed.keys()):
        present, limit = names.get(path, ()), allowed.get(path, 0)
        if len(present) > limit:
            yield f"{path}: {len(present)} filler names, {limit} are allowed: {', '.join(present)}"
        if len(present) < limit:
            yield f"{path}: {len(present)} filler names, {limit} are allowed: lower the allowance"


def test_filler_names_only_become_fewer(request: pytest.FixtureRequest) -> None:
    by_file = {path.as_posix(): filler_names(ast.parse((ROOT / path).read_text())) for path in OURS}
    if request.config.getoption("--rewrite-golden"):
        counts = {path: len(names) for path, names in by_file.items() if names}
        ALLOWED_FILLERS.write_text(json.dumps(counts, indent=1, sort_keys=True) + "\n")

    assert list(filler_differences(by_file, json.loads(ALLOWED_FILLERS.read_text()))) == []


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ("one = 1", "first = 1"),
        ("for some, rest in pairs: pass", "for key, value in pairs: pass"),
        ("with open(f) as found: pass", "with open(f) as file: pass"),
        ("if (told := f()): pass", "if (answer := f()): pass"),
        ("def f(what): pass", "f = lambda what: what"),
        ("def f(*, those=()): pass", "f(those=1)"),
        ("def thing(): pass", "thing()"),
        ("class one: pass", "x.one = 1"),
        ("x = [y for y in z]; one = x", "x = [one for one in z]"),
    ],
)
def test_a_filler_name_is_told_from_others(bad: str, good: str) -> None:
    assert len(filler_names(ast.parse(bad))) == 1, f"{bad!r} passes"
    assert filler_names(ast.parse(good)) == [], f"{good!r} is refused"


def test_filler_names_above_and_below_the_allowance_are_named() -> None:
    names = {"a.py": ["line 3 one", "line 7 told"], "b.py": ["line 1 what"], "c.py": ["line 2 some"]}

    assert list(filler_differences(names, {"a.py": 1, "b.py": 1, "c.py": 4, "gone.py": 2})) == [
        "a.py: 2 filler names, 1 are allowed: line 3 one, line 7 told",
        "c.py: 1 filler names, 4 are allowed: lower the allowance",
        "gone.py: 0 filler names, 2 are allowed: lower the allowance",
    ]


def test_a_class_of_what_is_deployed_has_its_name_alone() -> None:
    """One name, one meaning: whoever searches for a class finds one."""
    places: dict[str, list[str]] = {}
    for path in OURS:
        if path.parts[0] in ("functions", "shared", "relay"):
            for node in ast.parse((ROOT / path).read_text()).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places.setdefault(node.name, []).append(str(path))

    assert len(places) > 100
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}
