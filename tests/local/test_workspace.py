"""What commands share: keys, a server, and the rest of an interrupted start."""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from pymongo import MongoClient
from typer.testing import CliRunner

from functions.stats.options import ContentStats
from local import __main__ as commands
from local import dev, ownership, runs, workspace
from local.deskdrop import import_deskdrop
from local.functions import ROOT, pipeline
from local.mongod import mongo_server
from local.workspace import alone, random_text, replacing_lock, serving_lock, whole
from local.world import SIZES, build_world, write_world
from shared.config import own_server, presetting
from shared.documents import Document
from shared.errors import BadConfig, BadEvent, Conflict
from shared.store import schema
from shared.store.leases import under_way
from shared.store.watermarks import Period
from tests.waiting import allowed

TINY = replace(SIZES["XS"], users=20, contents=20, engagements=20, feed_items=20)


class CutShort(Exception):
    """Stands for a process that is killed."""


@pytest.fixture
def prepared(store, databases, monkeypatch):
    """Runs `prepare` with functions that only note their names, up to a given one; gives the names."""
    ran, interrupted_at = [], [""]

    def run(stem, now, payload=None):
        if stem in interrupted_at:
            raise CutShort
        ran.append(stem)
        return {stem}

    def fill(store, size, *, now):
        def step(name, done, total):
            if name in interrupted_at:
                raise CutShort

        runs.record_first_runs(store)
        write_world(build_world(TINY, now=datetime.now(UTC)), *whole(store), progress=step)

    monkeypatch.setattr(runs, "run_and_say", run)
    monkeypatch.setattr(dev, "fill", fill)

    def prepare(until=""):
        ran.clear()
        interrupted_at[0] = until
        with suppress(CutShort):
            dev.prepare(store, "XS")
        return list(ran)

    return prepare


def test_a_start_that_was_cut_short_is_completed_by_the_next(prepared, store):
    ownership.claim(store.app, store.analytics)
    for collection in ("users", "contents", "feeditems"):
        assert prepared(until=collection) == []
        assert dev.lacks_network(store)
    first = prepared(until="train_coldstart")
    assert not dev.lacks_network(store)
    assert store.app.feeditems.find_one()

    second = prepared()

    assert [*first, *second] == list(pipeline())
    assert second[0] == "train_coldstart"
    assert prepared() == []


EVENTS = "timestamp,eventType,contentId,personId,sessionId,userCountry\n1457963676,LIKE,c1,ann,s1,BR\n"


@pytest.fixture
def events(tmp_path):
    """A table that can be imported, and one that is refused."""
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(EVENTS)
    bad.write_text(EVENTS.replace(",", ";"))
    return good, bad


@pytest.mark.parametrize("ending", ["refused", "cancelled"])
def test_what_was_imported_stays_where_a_later_command_ends_before_it_writes(tmp_path, events, monkeypatch, ending):
    def cancelled(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.delenv("MONGO_URI", raising=False)
    monkeypatch.setattr("local.world.build_world", cancelled)
    runner, home, (good, bad) = CliRunner(), ["--data", str(tmp_path / "home")], events
    later = ["import", "deskdrop", str(bad)] if ending == "refused" else ["world", "--size", "L"]
    with mongo_server(tmp_path / "home" / "mongodb", cache_gb=0.25):  # which each command uses
        brought = runner.invoke(commands.app, [*home, "import", "deskdrop", str(good)])
        assert brought.exit_code == 0, brought.output
        ended = runner.invoke(commands.app, [*home, *later])
        assert isinstance(ended.exception, BadEvent if ending == "refused" else SystemExit), ended.output

        with workspace.workspace(tmp_path / "home") as store:
            assert not dev.lacks_network(store)
            assert store.app.engagements.count_documents({}) == 1


def test_an_import_into_half_a_network_is_not_replaced_and_a_refused_one_changes_nothing(prepared, store, events):
    good, bad = events
    ownership.claim(store.app, store.analytics)
    prepared(until="contents")
    with ownership.filling(store.app, store.analytics):
        with pytest.raises(BadEvent):
            import_deskdrop(bad, store.app, store.analytics, now=datetime.now(UTC))
        assert dev.lacks_network(store)

        import_deskdrop(good, store.app, store.analytics, now=datetime.now(UTC))

    assert not dev.lacks_network(store)


@pytest.mark.parametrize("until", ["accounts", "users"])
def test_an_import_that_was_cut_short_is_not_replaced(store, events, until):
    def step(name, done, total):
        if name == until:
            raise CutShort

    with suppress(CutShort), ownership.filling(store.app, store.analytics):
        import_deskdrop(events[0], store.app, store.analytics, now=datetime.now(UTC), progress=step)

    assert store.app[until].find_one()
    assert not dev.lacks_network(store)


def test_a_function_that_another_run_holds_remains_with_all_later_ones(store, monkeypatch):
    def skipping(stem):
        return {"skipped": under_way(stem) if stem in held else "there is too little of it"}

    held, order = {"train_topics"}, ["refresh_content_stats", "train_topics", "reclassify_contents"]
    monkeypatch.setattr(runs, "pipeline", lambda: tuple(order))
    monkeypatch.setattr(runs, "function", lambda stem: SimpleNamespace(stem=stem, invoke=lambda **_: skipping(stem)))

    def remaining():
        return store.analytics[runs.FIRST_RUNS].find_one()["left"]

    assert runs.run_pipeline(store, datetime.now(UTC), anew=True) == {order[0], order[2]}
    assert remaining() == order[1:]
    held.clear()
    assert runs.run_pipeline(store, datetime.now(UTC), anew=False) == set(order[1:])
    assert remaining() == []


def test_messages_that_a_killed_process_had_queued_are_queued_again(store):
    now = datetime.now(UTC)
    store.analytics[runs.FIRST_RUNS].insert_one(runs.PIPELINE_RECORD | {"left": ["refresh_content_stats"]})
    options = ContentStats()
    store.watermarks.advance("refresh_content_stats", options, Period(None, now, late=False), now=now)
    assert store.watermarks.period("refresh_content_stats", options, now=now).since is not None
    since = []

    def run(stem, now):
        since.append(store.watermarks.period(stem, options, now=now).since)
        return {stem}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "run_and_say", run)
        runs.run_pipeline(store, now, anew=False)

    assert since == [None]


def held_lease():
    return {"_id": "train_topics", "holder": "killed", "until": datetime.now(UTC) + timedelta(minutes=10)}


def test_a_server_that_has_just_started_on_a_folder_has_no_leases(tmp_path, monkeypatch):
    monkeypatch.delenv("MONGO_URI", raising=False)
    with mongo_server(tmp_path / "mongodb", cache_gb=0.25) as uri, MongoClient[Document](uri) as client:
        client["analytics-db"].leases.insert_one(held_lease())
        with workspace.workspace(tmp_path) as store, pytest.raises(Conflict), store.leases.hold("train_topics"):
            pytest.fail("another process uses that server, and may hold it")

    with workspace.workspace(tmp_path) as store, store.leases.hold("train_topics"):
        pass


@pytest.mark.usefixtures("deployed")
def test_leases_on_the_server_of_somebody_else_stay(databases, tmp_path):
    databases.analytics.leases.insert_one(held_lease())

    for home in (tmp_path, None):
        with workspace.workspace(home) as store, pytest.raises(Conflict), store.leases.hold("train_topics"):
            pytest.fail("it is held")


def test_a_network_that_others_wrote_is_left_as_it_is(prepared, store):
    store.app.users.insert_one({"visibility": "publish"})

    assert prepared() == []
    assert store.app.list_collection_names(filter={"name": ownership.MARKER}) == []


def test_a_key_is_made_once_however_many_ask_at_the_same_moment(tmp_path):
    keys, start = [], threading.Barrier(8)

    def ask():
        start.wait()
        keys.append(random_text(tmp_path / "new" / "folder", "artifact-key"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(keys)) == 1
    assert len(keys[0]) == 64
    assert (tmp_path / "new" / "folder" / "artifact-key").stat().st_mode & 0o777 == 0o600
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 1


@pytest.mark.parametrize("name", ["artifact-key", "api-key", "owner"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; delete it"),
        (b" \n", "is empty"),
        (b"\xff\xfe" * 20, "is damaged: it is not UTF-8; delete it"),
        (b"abc\0def" * 9, "is damaged: it is not one line of text"),
    ],
)
def test_a_damaged_file_of_the_data_folder_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(BadConfig, match=f"{tmp_path}/{name} {message}"):
        random_text(tmp_path, name)


def test_a_file_of_the_data_folder_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "api-key").mkdir()

    with pytest.raises(BadConfig, match="api-key cannot be read: Is a directory; delete it"):
        random_text(tmp_path, "api-key")


def test_two_commands_do_not_fill_one_folder_at_once(tmp_path):
    with alone(tmp_path), pytest.raises(Conflict, match="another command"), alone(tmp_path):
        pytest.fail("both fill")
    with alone(tmp_path):
        pass


def test_what_a_running_service_has_is_not_replaced(tmp_path):
    with serving_lock(tmp_path), serving_lock(tmp_path):
        with pytest.raises(Conflict, match="`make dev` runs on this database"), replacing_lock(tmp_path):
            pytest.fail("replaced")
        with alone(tmp_path):
            pass
    with (
        replacing_lock(tmp_path),
        pytest.raises(Conflict, match="another command is replacing"),
        serving_lock(tmp_path),
    ):
        pytest.fail("served")


def test_a_new_network_comes_in_place_of_all_that_was_derived_from_the_former_one(store, databases, monkeypatch):
    monkeypatch.setitem(SIZES, "XS", TINY)
    ownership.claim(*whole(store))
    derived = [collection for collection in schema.OURS if collection is not schema.LEASES]
    for collection in derived:
        database = store.app if collection.database == "app" else store.analytics
        database[collection.name].insert_one({"of": "the former network"})

    workspace.fill(store, "XS", now=datetime.now(UTC))

    left = [
        name
        for database in (store.app, store.analytics)
        for name in database.list_collection_names()
        if database[name].find_one({"of": "the former network"})
    ]
    assert left == []
    assert {row["name"] for row in store.analytics.contentStats.list_indexes()} > {"_id_"}
    assert store.analytics[runs.FIRST_RUNS].find_one()["left"] == list(pipeline())


def test_the_environment_is_afterwards_what_it_was(monkeypatch):
    monkeypatch.setenv("DB_PREFIX", "before")
    monkeypatch.delenv("MONGO_URI", raising=False)

    with suppress(CutShort), presetting({"DB_PREFIX": "now", "MONGO_URI": "mongodb://here/"}):
        assert own_server() == "mongodb://here/"
        raise CutShort

    assert own_server() is None
    assert os.environ["DB_PREFIX"] == "before"


def test_a_workspace_can_be_had_twice_in_one_process(monkeypatch):
    monkeypatch.delenv("MONGO_URI", raising=False)
    for _ in range(2):
        with workspace.workspace(None, prefix="twice-") as store:
            store.app.users.insert_one({"_id": 1})
    assert own_server() is None


def test_two_commands_at_once_on_a_fresh_folder_share_its_server(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "MONGO_URI"}
    command = [sys.executable, "-m", "local", "--data", str(tmp_path), "world", "--size", "XS"]
    processes = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=allowed(400)) for process in processes]

    statuses = sorted(process.returncode for process in processes)
    assert statuses in ([0, 0], [0, 1]), outputs
    for process, (_, stderr) in zip(processes, outputs, strict=True):
        assert stderr == "" if process.returncode == 0 else "Conflict: another command is filling this database\n"
    again = subprocess.run(
        [*command[:-3], "accounts", "--rows", "3"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert again.returncode == 0, again.stderr
    ids = [line.split()[0] for line in again.stdout.splitlines()[1:]]
    assert len(ids) == 3
    token = subprocess.run([*command[:-3], "token", ids[0]], cwd=ROOT, env=environment, capture_output=True, text=True)
    erased = subprocess.run([*command[:-3], "erase", ids[0]], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (token.returncode, erased.returncode) == (0, 0), token.stderr + erased.stderr
    assert token.stdout.count(".") == 2
