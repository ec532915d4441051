"""What commands may destroy: databases that they can prove to have made, or that the user named."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from uuid import uuid4

import jwt
import pytest
from bson import ObjectId
from pymongo import MongoClient
from typer.testing import CliRunner

from benchmarks import bench_database
from local import __main__ as commands
from local import ownership
from local.deskdrop import import_deskdrop
from local.functions import ROOT, all_functions
from local.ownership import MARKER, claim, drop_collection, drop_database, filling, is_empty, is_owned, owning
from shared.artifacts.manifest import Artifact
from shared.documents import Document
from shared.errors import BadConfig, Forbidden
from tests.conftest import API_KEY, SIGNING_KEY
from tests.signals import heed_signals
from tests.waiting import allowed, until

DEADLINE_S = 120
NAMES = ("app-db", "analytics-db", "eval-db")


@pytest.fixture
def theirs(client):
    """Two databases of somebody else, with a document each, dropped in the end."""
    names = [f"u{uuid4().hex[:12]}-{part}" for part in ("one", "two")]
    for name in names:
        client[name].things.insert_one({"_id": "kept"})
    yield [client[name] for name in names]
    for name in names:
        client.drop_database(name)


def holds(database):
    return [document["_id"] for document in database.things.find()]


def test_a_database_of_somebody_else_is_neither_claimed_nor_emptied_nor_dropped(theirs):
    first, second = theirs

    for destroy in (
        lambda: claim(first),
        lambda: drop_database(first),
        lambda: drop_collection(first.things),
        lambda: ownership.delete(first.things, {}),
        lambda: filling(first).__enter__(),
    ):
        with pytest.raises(Forbidden, match=f"--yes-empty {first.name}"):
            destroy()
    assert MARKER not in first.list_collection_names()
    with pytest.raises(Forbidden, match=f"--yes-empty {first.name} --yes-empty {second.name}"):
        claim(first, second)
    assert [holds(database) for database in theirs] == [["kept"], ["kept"]]


def test_of_several_none_is_claimed_where_one_is_somebody_elses(theirs, databases):
    with pytest.raises(Forbidden):
        claim(databases.app, theirs[0])

    assert databases.app.list_collection_names() == []


def test_what_this_process_claimed_it_may_empty_and_drop(databases, client):
    claim(databases.app)
    databases.app.things.insert_one({"_id": "ours"})

    drop_collection(databases.app.things)
    databases.app.things.insert_one({"_id": "ours again"})
    drop_database(databases.app)

    assert databases.app.name not in client.list_database_names()


def test_a_marker_that_was_copied_proves_nothing_under_another_name(theirs, databases):
    claim(databases.app)

    theirs[0][MARKER].insert_many(list(databases.app[MARKER].find()))

    assert not is_owned(theirs[0])
    with pytest.raises(Forbidden):
        drop_database(theirs[0])
    assert holds(theirs[0]) == ["kept"]


def test_a_marker_proves_nothing_to_another_owner(databases):
    with owning("the token of a folder", (), lasting=True):
        claim(databases.app)
        databases.app.things.insert_one({"_id": "of the folder"})
        assert is_owned(databases.app)

    assert not is_owned(databases.app)
    with pytest.raises(Forbidden):
        drop_collection(databases.app.things)


def test_a_marker_that_was_taken_away_proves_nothing_any_more(databases):
    claim(databases.app)
    databases.app.things.insert_one({"_id": "by now somebody's"})
    databases.app[MARKER].delete_many({})

    with pytest.raises(Forbidden):
        drop_database(databases.app)


def test_what_the_user_named_may_be_emptied_and_nothing_else(theirs):
    named, other = theirs
    with owning(None, [named.name], lasting=False):
        with filling(named):
            drop_collection(named.things)
        with pytest.raises(Forbidden, match=other.name):
            drop_collection(other.things)
    assert [holds(database) for database in theirs] == [[], ["kept"]]


def test_on_the_server_of_somebody_else_nothing_is_left_to_prove_once_a_filling_is_done(databases):
    with owning("the token of a folder", (), lasting=False):
        with filling(databases.app):
            databases.app.things.insert_one({"_id": "filled"})
            assert is_owned(databases.app)
        assert not is_owned(databases.app)
        assert MARKER not in databases.app.list_collection_names() or is_empty(databases.app) is False
        with pytest.raises(Forbidden):
            drop_collection(databases.app.things)


def test_a_filling_that_was_cut_short_may_be_taken_up_for_a_day(databases):
    with owning("the token of a folder", (), lasting=False):
        cut_short = filling(databases.app)
        cut_short.__enter__()  # and never left
        databases.app.things.insert_one({"_id": "half"})
        assert is_owned(databases.app)

        [marker] = databases.app[MARKER].find()
        databases.app[MARKER].delete_one({"_id": marker["_id"]})
        databases.app[MARKER].insert_one(marker | {"_id": ObjectId("6a0000000000000000000000")})
        assert not is_owned(databases.app)


def test_a_filling_that_fails_before_it_writes_leaves_nothing(databases):
    with owning("t", (), lasting=False), pytest.raises(BadConfig), filling(databases.app):
        raise BadConfig("no")

    assert databases.app[MARKER].find_one() is None


# -- commands, on a server that somebody else uses ------------------------------------------------------------------


@pytest.fixture(scope="module")
def busy():
    """A server with databases of somebody else, under the names that commands have for theirs."""
    from local.mongod import mongo_server

    with mongo_server(private=True, cache_gb=0.25) as uri, MongoClient[Document](uri, tz_aware=True) as connected:
        for name in (*NAMES, "demo-app-db", "demo-precious", "bench-S-7-app-db", "other"):
            connected[name].users.insert_one({"_id": f"a user of {name}"})
            connected[name].precious.insert_one({"_id": f"kept in {name}"})
        yield uri, connected


def everything(client):
    """Every document of the databases that somebody else made."""
    return {
        (name, collection): list(client[name][collection].find())
        for name in sorted(client.list_database_names())
        if name not in ("admin", "config", "local")
        for collection in sorted(client[name].list_collection_names())
    }


def environment_of(uri, **more):
    kept = {name: value for name, value in os.environ.items() if name not in ("MONGO_URI", "DB_PREFIX")}
    return kept | {"MONGO_URI": uri} | more


def typed(uri, folder, *words, **more):
    """Runs `python -m local` on that server."""
    return subprocess.run(
        [sys.executable, "-m", "local", "--data", str(folder), *words],
        cwd=ROOT, env=environment_of(uri, **more), capture_output=True, text=True, check=False, input="",
        timeout=allowed(500),
    )  # fmt: skip


def all_of(client):
    """Every document and every index of the databases that somebody else made."""
    documents = everything(client)
    return documents, {key: client[key[0]][key[1]].index_information() for key in documents}


@pytest.mark.parametrize(
    "words",
    [["accounts"], ["feed", "th"], ["review"], ["token", "65f0a1b2c3d4e5f60718293a"], ["run", "measure_feed"]],
    ids=" ".join,
)
def test_a_command_that_reads_makes_neither_collections_nor_indexes(busy, folder, words):
    uri, client = busy
    before = all_of(client)

    answer = typed(uri, folder, *words, API_KEYS=API_KEY, ARTIFACT_KEYS=SIGNING_KEY)

    assert "Traceback" not in answer.stderr, answer.stderr
    documents, indexes = all_of(client)
    created = {key for key in documents.keys() - before[0].keys() if words[0] != "run" or key[0] == "app-db"}
    assert not created
    assert {key: documents[key] for key in before[0]} == before[0]
    assert {key: indexes[key] for key in before[1]} == before[1]


EVENTS = "timestamp,eventType,contentId,personId,sessionId,userCountry\n1457963676,VIEW,1,2,3,BR\n"
SENTENCES = "topic\ttext\npets/cats\tThe cat slept\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "events.csv").write_text(EVENTS)
    (tmp_path / "sentences.tsv").write_text(SENTENCES)
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ["world", "--size", "XS"],
        ["world", "--size", "XS", "--yes-empty", "app-db"],
        ["world", "--size", "XS", "--yes-empty", "app"],
        ["import", "deskdrop", "events.csv"],
        ["import", "sentences", "sentences.tsv"],
        ["run", "all"],
        ["run", "build_guest_feed"],
        ["post", "a post"],
        ["dev", "--port", "0"],
    ],
    ids=" ".join,
)
def test_a_command_that_would_change_what_is_not_its_own_is_refused_before_it_writes(busy, folder, words):
    uri, client = busy
    before = everything(client)

    answer = typed(uri, folder, *[str(folder / word) if "." in word else word for word in words])

    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert answer.stderr.count("\n") == 1, answer.stderr
    assert answer.stderr.startswith(("Forbidden: ", "BadConfig: ARTIFACT_KEYS"))
    assert everything(client) == before


def test_a_demo_leaves_the_server_as_it_was_and_runs_every_function(busy, folder):
    uri, client = busy
    before = everything(client)

    answer = typed(uri, folder, "demo", "--size", "XS")

    assert answer.returncode == 0, answer.stdout + answer.stderr
    stems = set(all_functions())
    ran = {stem for stem in stems if f"\n{stem} " in answer.stdout}
    assert f"{len(stems) - 1} of {len(stems)} functions ran" in answer.stdout  # so few people raise no suspicion
    assert stems - ran <= {"classify_content", "apply_verdicts", "remove_withdrawn"}  # a change fires these
    assert everything(client) == before


@contextmanager
def running(uri, folder, *words):
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "--data", str(folder), *words],
        cwd=ROOT, env=environment_of(uri), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=heed_signals,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
def test_a_demo_that_is_cut_short_leaves_what_is_not_its_own(busy, folder, end):
    uri, client = busy
    before = everything(client)

    def ours():
        return [name for name in client.list_database_names() if (name, "precious") not in before and "demo" in name]

    with running(uri, folder, "demo", "--size", "XS") as process:
        until(lambda: any(client[name].users.find_one() for name in ours() if name.endswith("app-db")))
        process.send_signal(end)
        process.wait(allowed(DEADLINE_S))
        errors = process.stderr.read()

    if end == signal.SIGINT:
        assert ours() == []
        assert "Traceback" not in errors
    remaining = ours()
    assert all(client[name][MARKER].find_one() for name in remaining), "what a killed demo leaves bears its marker"
    assert {key: documents for key, documents in everything(client).items() if key[0] not in remaining} == before
    for name in remaining:
        client.drop_database(name)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_demo_that_ends_while_its_indexes_are_made_leaves_nothing(busy, folder, end):
    uri, client = busy
    before = everything(client)
    names = set(client.list_database_names())

    with running(uri, folder, "demo", "--size", "XS") as process:
        claimed = until(lambda: set(client.list_database_names()) - names)
        process.send_signal(end)
        process.wait(allowed(DEADLINE_S))
        errors = process.stderr.read()

    assert all(name.startswith("demo-") for name in claimed)
    assert process.returncode == 128 + end
    assert "Traceback" not in errors
    assert set(client.list_database_names()) == names
    assert everything(client) == before


def test_a_network_of_the_bench_has_a_name_of_its_own_and_is_dropped_alone(busy):
    uri, client = busy
    before = everything(client)

    with bench_database.databases(uri, "S-7", {}) as (_, settings, store):
        assert settings.app_db not in NAMES
        store.app.users.insert_one({"_id": 1})
        assert everything(client) != before

    assert everything(client) == before


def test_world_replaces_what_the_user_named_whole_and_leaves_other_collections(busy, folder):
    uri, client = busy
    consent = [word for name in NAMES for word in ("--yes-empty", name)]
    unnamed = {key: value for key, value in everything(client).items() if key[0] not in NAMES}

    answer = typed(uri, folder, "world", "--size", "XS", *consent)
    again = typed(uri, folder, "world", "--size", "XS")

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert client["app-db"].users.count_documents({}) > 100
    assert client["app-db"].precious.count_documents({}) == 1
    assert again.returncode == 1, "consent holds for one command"
    assert {key: value for key, value in everything(client).items() if key[0] not in NAMES} == unnamed


def test_run_signs_with_the_keys_of_the_deployment_on_the_server_of_somebody_else(busy, folder):
    uri, client = busy

    answer = typed(uri, folder, "run", "train_topics", ARTIFACT_KEYS=SIGNING_KEY)

    assert answer.returncode == 0, answer.stdout + answer.stderr
    document = client["analytics-db"].mlArtifacts_topics.find_one()
    assert Artifact.unseal(document, [part.strip().encode() for part in SIGNING_KEY.split(",")])
    assert not (folder / "artifact-key").exists()


def test_token_is_of_the_deployment_or_there_is_none(folder, monkeypatch):
    account = "65f0a1b2c3d4e5f60718293a"
    assert typed("mongodb://nowhere.invalid/?replicaSet=x", folder, "token", account).returncode == 1
    answer = typed("mongodb://nowhere.invalid/?replicaSet=x", folder, "token", account, API_KEYS=API_KEY)
    assert answer.returncode == 0
    claims = jwt.decode(answer.stdout.strip(), API_KEY, ["HS256"], audience="feedkeeper-feeds")
    assert claims["sub"] == account


def test_the_databases_of_an_import_are_claimed_by_the_command_and_not_by_the_reader(databases, noon, folder):
    runner = CliRunner()

    assert import_deskdrop(folder / "events.csv", databases.app, databases.analytics, now=noon).accounts == 2
    assert runner.invoke(commands.app, ["world", "--size", "none"]).exit_code == 2
