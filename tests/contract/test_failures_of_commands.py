"""Every command, with each parameter wrong and with databases that cannot be used: one sentence, no stack trace."""

import ast
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from importlib import import_module

import pytest
import typer
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from layers.build import ROOT
from local.mongod import dies_with_us, find_binary, free_port
from shared import command_line
from shared.config import forget_settings
from shared.documents import Document
from shared.errors import BadConfig
from shared.store import connection
from tests.conftest import API_KEY, SIGNING_KEY
from tests.contract.test_house_rules import OURS
from tests.signals import heed_signals
from tests.waiting import until

# Processes that a benchmark starts, and whose stack trace it shows; nobody types these commands.
CHILDREN = {
    "benchmarks/load/invoke.py",
    "benchmarks/load/launch.py",
    "benchmarks/load/answers.py",
    "benchmarks/load/pages.py",
}
NOBODY = "mongodb://127.0.0.1:9/?replicaSet=nobody"
ACCOUNT = "65f0a1b2c3d4e5f60718293a"


def programs():
    """Paths of the modules that can be run."""
    guards = [path for path in OURS if 'if __name__ == "__main__":' in (ROOT / path).read_text()]
    return [path for path in guards if path.parts[0] != "tests" and path.as_posix() not in CHILDREN]


def module_of(path):
    return ".".join(path.with_suffix("").parts).removesuffix(".__main__")


def of_typer(path):
    """The command of a module that uses typer; None for any other module."""
    module = import_module(".".join(path.with_suffix("").parts))
    if isinstance(getattr(module, "app", None), typer.Typer):
        return typer.main.get_command(module.app)
    if "typer.run(" in (ROOT / path).read_text():
        app = typer.Typer()
        app.command()(getattr(module, "main", None) or module.bench)
        return typer.main.get_command(app)
    return None


def leaves(command, words=()):
    """Every command without subcommands, with the words before its parameters."""
    for name, subcommand in getattr(command, "commands", {}).items():
        yield from leaves(subcommand, (*words, name))
    if not hasattr(command, "commands"):
        yield words, command


# A valid value of each parameter, by its name; options that are not listed keep their defaults.
FINE = {
    "stems": "prune_artifacts",
    "account": ACCOUNT,
    "subject": ACCOUNT,
    "countries": "th",
    "text": "a post",
    "to": "here",
}
REQUIRED_OPTIONS = {"to": "--to", "world": "--world", "port": "--port"}
FINE_OPTIONS = {"world": "XS", "port": "0"}  # without it there would be nothing to do; any port that is free


def typed(folder, words, command, wrong=None, value=None):
    """The words of a command, with valid parameters.

    wrong  name of a parameter that gets `value` instead
    """
    options, arguments = [], []
    for parameter in command.params:
        name = parameter.name
        text = value if name == wrong else FINE.get(name)
        if parameter.param_type_name == "argument":
            if name in ("file", "files") and name != wrong:
                text = str(folder / "table.txt") if name == "file" else None
            arguments += [text] if text is not None else []
        elif name == wrong or name in REQUIRED_OPTIONS:
            text = text if text is not None else FINE_OPTIONS.get(name)
            options += [max(parameter.opts, key=len), text] if text is not None and not parameter.is_flag else []
    return [*words, *options, *(["--", *arguments] if arguments else [])]


CASES = [
    (path, words, command)
    for path in programs()
    for top in [of_typer(path)]
    if top is not None
    for words, command in leaves(top)
]
TOUCHES_NO_DATABASE = (
    "benchmarks.capacity",
    "benchmarks.scale",
    "benchmarks.language",
    "benchmarks.topics",
    "local token",
)


def each_of(cases):
    """Parametrizes a test with these commands."""
    names = [" ".join([module_of(path), *words]) for path, words, _ in cases]
    return pytest.mark.parametrize(("path", "words", "command"), cases, ids=names)


each_command = each_of(CASES)
each_command_of_a_database = each_of(
    [case for case in CASES if not " ".join([module_of(case[0]), *case[1]]).startswith(TOUCHES_NO_DATABASE)]
)


@pytest.fixture
def ended(tmp_path, monkeypatch, capsys):
    """Runs a program in this process, and returns its exit status and stderr. Anything but an exit fails the test."""
    (tmp_path / "table.txt").write_text("topic\ttext\n")
    (tmp_path / "blocked").write_text("a file where a folder is wanted")
    monkeypatch.setattr(connection, "ANSWER_WITHIN_MS", 100)
    monkeypatch.setattr("relay.__main__.signal.signal", lambda number, handler: None)
    for name, value in {"MONGO_URI": NOBODY, "ARTIFACT_KEYS": SIGNING_KEY, "API_KEYS": API_KEY}.items():
        monkeypatch.setenv(name, value)

    def run(path, arguments):
        forget_settings()
        capsys.readouterr()
        top = of_typer(path)
        words = ["--data", str(tmp_path), *arguments] if module_of(path) == "local" else arguments
        with pytest.raises(SystemExit) as exit_of:
            command_line.run(lambda: top(words, prog_name="program"))
        said = capsys.readouterr()
        forget_settings()
        return exit_of.value.code, said.err.encode("ascii", "backslashreplace").decode()

    return run


def test_every_program_ends_by_the_one_entry():
    assert len(programs()) >= 10
    for path in programs():
        names = {
            node.attr for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.Attribute)
        }
        assert "run" in names, path
        assert "command_line" in (ROOT / path).read_text(), path


JUNK = ["nan", "inf", "-1", "0", "99999999999999999999", "", "nothing-such", "\udcff"]


@each_command
def test_a_wrong_parameter_is_refused_or_does_no_harm(ended, tmp_path, path, words, command):
    for parameter in command.params:
        name = parameter.name
        if name in ("help", "data") or getattr(parameter, "is_flag", False):
            continue
        for junk in JUNK:
            status, said = ended(path, typed(tmp_path, words, command, name, junk))
            assert status in (0, 1, 2), (name, ascii(junk), said)
            if status == 1:
                assert said.count("\n") == 1, (name, ascii(junk), said)
            if status == 2:
                assert "Error" in said, (name, ascii(junk), said)


@each_command_of_a_database
@pytest.mark.parametrize(
    "uri",
    [
        NOBODY, "nonsense", "http://127.0.0.1/", "mongodb://", "mongodb://[::1", "mongodb://127.0.0.1:99999/",
        "mongodb://127.0.0.1:9/?tls=true&tlsCAFile=/no/such/file.pem", "mongodb+srv://127.0.0.1/",
    ],
)  # fmt: skip
def test_a_database_that_cannot_be_used_is_said_in_a_sentence(ended, tmp_path, monkeypatch, path, words, command, uri):
    monkeypatch.setenv("MONGO_URI", uri)

    status, said = ended(path, typed(tmp_path, words, command))

    assert status == 1, said
    assert said.count("\n") == 1, said
    assert said.startswith(("BadConfig: MONGO_URI", "Unavailable: the database")), said


@pytest.fixture(scope="module")
def standalone(tmp_path_factory):
    """A server that is no replica set."""
    folder, port = tmp_path_factory.mktemp("standalone"), free_port()
    command = [
        str(find_binary()),
        "--port",
        str(port),
        "--dbpath",
        str(folder),
        "--bind_ip",
        "127.0.0.1",
        "--nounixsocket",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=dies_with_us(os.getpid()))
    with MongoClient[Document]("127.0.0.1", port, serverSelectionTimeoutMS=200) as client:

        def answers():
            assert process.poll() is None
            with suppress(PyMongoError):
                return client.admin.command("ping")

        until(answers, 120)
        yield f"mongodb://127.0.0.1:{port}/", client
    process.kill()
    process.wait()


def test_a_standalone_server_is_refused_before_anything_is_written(ended, standalone, tmp_path, monkeypatch):
    uri, client = standalone
    monkeypatch.setattr(connection, "ANSWER_WITHIN_MS", 20_000)
    monkeypatch.setenv("MONGO_URI", uri)
    before = client.list_database_names()

    for path, words, command in CASES:
        name = module_of(path)
        if name in ("local", "relay") and "token" not in words:
            status, said = ended(path, typed(tmp_path, words, command))
            assert (status, said.count("\n")) == (1, 1), said
            assert "replica set" in said, (words, said)
    assert client.list_database_names() == before
    assert schema_says(uri, "apply")[1].startswith("BadConfig: MONGO_URI names a standalone server")


def schema_says(uri, word):
    environment = {name: value for name, value in os.environ.items() if name != "MONGO_URI"}
    environment |= {"MONGO_URI": uri} if uri else {}
    answer = subprocess.run(
        [sys.executable, "-m", "shared.store", word],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return answer.returncode, answer.stderr + answer.stdout


@pytest.mark.parametrize(
    ("uri", "word", "status", "said"),
    [
        ("", "plan", 1, "BadConfig: MONGO_URI is missing"),
        ("", "apply", 1, "BadConfig: MONGO_URI is missing"),
        ("http://nonsense/", "apply", 1, "BadConfig: MONGO_URI cannot be used"),
        ("mongodb://127.0.0.1:9/?tls=true&tlsCAFile=/no/such.pem", "plan", 1, "BadConfig: MONGO_URI cannot be used"),
        ("", "drop", 2, "usage: "),
    ],
)
def test_the_schema_says_what_it_lacks(uri, word, status, said):
    code, output = schema_says(uri, word)

    assert code == status
    assert output.startswith(said)
    assert output.count("\n") == 1


@pytest.mark.parametrize("path", [path for path in programs() if of_typer(path) is None and "schema" not in path.name])
def test_a_program_without_subcommands_refuses_what_it_does_not_know(path):
    for words in (["--nothing-such"], ["nothing", "such"], ["--stage", "nothing-such"], ["--python", "2"]):
        answer = subprocess.run(
            [sys.executable, "-m", module_of(path), *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert answer.returncode in (1, 2), answer.stderr
        assert "Traceback" not in answer.stderr


def failing(error):
    raise error


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (BadConfig("X is missing\nand more"), 1, "BadConfig: X is missing and more\n"),
        (PermissionError(13, "Permission denied", "/folder"), 1, "PermissionError: /folder: Permission denied\n"),
        (PyMongoError("secret"), 1, "Unavailable: the database failed: PyMongoError\n"),
        (subprocess.CalledProcessError(3, ["npm"]), 1, None),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (command_line.Ended(signal.SIGTERM), 143, "ended by SIGTERM\n"),
        (command_line.Ended(signal.SIGHUP), 129, "ended by SIGHUP\n"),
        (SystemExit(7), 7, ""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_foreseen_ends_in_a_sentence_and_a_status(capsys, error, status, said):
    with pytest.raises(SystemExit) as ended:
        command_line.run(lambda: failing(error))

    assert ended.value.code == status
    assert said is None or capsys.readouterr().err == said


ENDED = """
import signal, sys, time
from local.mongod import mongo_server
from shared import command_line

def wait():
    print("busy", flush=True)
    for _ in range(60_000):  # a signal between a check for signals and a sleep is only noticed when that one ends
        time.sleep(0.01)

class Swallows:
    def __del__(self):  # as a callback of native code does
        wait()

def program():
    with mongo_server(cache_gb=0.25):
        if sys.argv[1] == "swallowed":
            Swallows()
        wait()

command_line.run(program)
"""


@pytest.fixture
def busy(tmp_path):
    """Starts a program that runs an embedded database and is busy; its temporary folder is `tmp_path`."""
    environment = {name: value for name, value in os.environ.items() if name != "MONGO_URI"}

    @contextmanager
    def start(*words, before=()):
        with subprocess.Popen(
            [*before, sys.executable, "-c", ENDED, *words],
            cwd=ROOT, env=environment | {"TMPDIR": str(tmp_path)}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed_signals,
        ) as process:  # fmt: skip
            try:
                assert process.stdout
                assert process.stdout.readline() == "busy\n"
                yield process
            finally:
                process.kill()

    return start


@pytest.mark.parametrize("number", command_line.ENDINGS, ids=lambda number: number.name)
@pytest.mark.parametrize("where", ["waiting", "swallowed"])
def test_what_asks_a_program_to_end_has_it_clean_up(busy, tmp_path, where, number):
    with busy(where) as process:
        assert list(tmp_path.iterdir()) != []
        process.send_signal(number)
        said = process.stderr.read()

    assert process.wait() == 128 + number
    assert said == ("interrupted\n" if number == signal.SIGINT else f"ended by {number.name}\n")
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_that_closes_sends_more_than_one_signal(busy, tmp_path):
    with busy("waiting") as process:
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
            process.send_signal(number)
        process.stderr.read()

    assert process.wait() in (128 + signal.SIGHUP, 128 + signal.SIGTERM)
    assert list(tmp_path.iterdir()) == []


def test_nohup_keeps_a_program_running_when_its_terminal_closes(busy, tmp_path):
    with busy("waiting", before=["nohup"]) as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        process.stderr.read()

    assert process.wait() == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_handlers_of_signals_are_set_in_one_place():
    importing = {"local/__main__.py", "relay/__main__.py"}  # where a library that is imported may swallow Ctrl-C
    sources = {path.as_posix(): (ROOT / path).read_text() for path in OURS if path.parts[0] != "tests"}

    assert {path for path, text in sources.items() if "signal.signal(" in text} == importing | {
        "shared/command_line.py"
    }
    assert {sources[path].count("signal.signal(") for path in importing} == {1}


def test_handlers_are_what_they_were_when_a_program_has_ended():
    before = [signal.getsignal(number) for number in command_line.ENDINGS]

    with pytest.raises(SystemExit):
        command_line.run(lambda: 0)

    assert [signal.getsignal(number) for number in command_line.ENDINGS] == before


def test_a_mistake_of_ours_keeps_its_trace():
    with pytest.raises(ZeroDivisionError):
        command_line.run(lambda: 1 / 0)


def test_a_reader_that_has_gone_ends_a_command_quietly(tmp_path):
    script = "from shared import command_line\ncommand_line.run(lambda: [print('line') for _ in range(100_000)] and 0)"
    command = f'{sys.executable} -c "{script}" 2>{tmp_path / "said"} | head -1'

    answer = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)

    assert answer.stdout == "line\n"
    assert (tmp_path / "said").read_text() == ""


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "blocked").write_text("")
    environment = {name: value for name, value in os.environ.items() if name != "MONGO_URI"}
    for words in (["accounts"], ["world", "--size", "XS"], ["token", ACCOUNT]):
        answer = subprocess.run(
            [sys.executable, "-m", "local", "--data", str(tmp_path / "blocked" / "data"), *words],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert answer.returncode == 1
        assert answer.stderr.count("\n") == 1, answer.stderr
        assert "blocked" in answer.stderr
