"""The table of collections, and the command that creates their indexes."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta

import pytest

from layers.build import ROOT
from shared.config import load
from shared.errors import BadConfig
from shared.store import connect, schema
from shared.store.__main__ import main
from shared.store.options import ExposureFields

TOTAL = sum(len(collection.indexes) for collection in schema.COLLECTIONS)


def indexes(databases):
    return {
        (database.name, name): sorted(database[name].index_information())
        for database in (databases.app, databases.analytics)
        for name in database.list_collection_names()
    }


def test_every_index_is_created_once(databases):
    assert schema.apply(databases.app, databases.analytics) == TOTAL
    made = indexes(databases)

    assert schema.apply(databases.app, databases.analytics) == 0
    assert indexes(databases) == made
    assert list(schema.missing(databases.app, databases.analytics)) == []


def test_every_index_is_created_as_the_schema_has_it(databases):
    schema.apply(databases.app, databases.analytics)

    for collection in schema.COLLECTIONS:
        database = databases.app if collection.database == "app" else databases.analytics
        information = database[collection.name].index_information()
        for index in collection.indexes:
            assert tuple(information[index.name]["key"]) == index.keys
            assert information[index.name].get("unique", False) == index.unique
            expires = None if index.expires_after is None else index.expires_after.total_seconds()
            assert information[index.name].get("expireAfterSeconds") == expires


def test_exposures_get_their_indexes_in_the_collection_that_the_options_name(databases):
    names = ExposureFields(collection="feeditemv2s", off_screen="offViewAt", credential="seenUUID")

    schema.apply(databases.app, databases.analytics, names)

    information = databases.app.feeditemv2s.index_information()
    assert {
        "seenUUID_1_seenAt_1_content_1_offViewAt_-1",
        "updatedAt_1_seenUUID_1",
        "viewer_1_seenAt_-1",
    } <= information.keys()
    assert "feeditems" not in databases.app.list_collection_names()


def test_indexes_of_another_program_are_kept_and_recognised(databases):
    databases.app.contents.create_index("castcleId", name="theirs")
    databases.app.contents.create_index([("visibility", 1), ("createdAt", -1)], name="named otherwise")

    made = schema.apply(databases.app, databases.analytics)

    assert made == TOTAL - 1
    assert {"theirs", "named otherwise"} <= databases.app.contents.index_information().keys()


def test_two_documents_with_one_unique_key_are_named_by_their_index(databases):
    databases.app.contentinfo.insert_many([{"contentId": 1}, {"contentId": 1}])

    with pytest.raises(BadConfig, match="index contentId_1 on contentinfo"):
        schema.apply(databases.app, databases.analytics)


def test_an_index_with_other_options_is_named(databases):
    databases.analytics.leases.create_index("until", expireAfterSeconds=int(timedelta(days=9).total_seconds()))

    with pytest.raises(BadConfig, match="index until_1 on leases: code 85, An ") as caught:
        schema.apply(databases.app, databases.analytics)
    assert "clusterTime" not in str(caught.value)


def run(*arguments):
    lines: list[str] = []
    return main(list(arguments), lines.append), lines


def test_a_plan_names_the_missing_indexes_and_changes_nothing(databases, deployed):
    code, lines = run("plan")

    assert code == 0
    assert "app.contentinfo: index contentId_1 (unique)" in lines
    assert len(lines) == TOTAL + 1
    assert lines[-1] == "nothing was changed"
    assert indexes(databases) == {}


def test_apply_creates_the_planned_indexes_and_then_none_is_missing(databases, deployed):
    planned = run("plan")[1][:-1]

    code, lines = run("apply")

    assert code == 0
    assert lines == [*planned, f"{TOTAL} indexes made"]
    assert run("plan")[1] == ["nothing was changed"]


@pytest.mark.parametrize("arguments", [[], ["drop"], ["plan", "apply"]])
def test_other_arguments_are_answered_with_the_usage(arguments):
    code, lines = run(*arguments)

    assert code == 2
    assert lines == ["usage: python -m shared.store plan|apply"]


def test_the_old_command_works_and_names_the_new_one(environment):
    command = subprocess.run(
        [sys.executable, "-m", "shared.store.schema", "drop"],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert command.returncode == 2
    assert command.stdout == "usage: python -m shared.store plan|apply\n"
    assert command.stderr == "python -m shared.store.schema is now python -m shared.store\n"


def test_no_collection_is_listed_twice():
    names = [(collection.database, collection.name) for collection in schema.COLLECTIONS]

    assert len(set(names)) == len(names)


def test_every_collection_of_the_module_is_in_the_table():
    defined = [value for value in vars(schema).values() if isinstance(value, schema.Collection)]

    assert sorted(map(id, defined)) == sorted(map(id, schema.COLLECTIONS))


def test_indexes_are_created_nowhere_else():
    makers = re.compile(r"""\.(create_index|create_indexes|ensure_index)\b|["']createIndexes["']\s*:""")
    allowed = {
        "shared/store/schema/plan.py",
        "shared/store/guest_feed.py",
    }  # a staging collection has its live one's indexes

    creating = {
        path.relative_to(ROOT).as_posix()
        for folder in ("functions", "shared")
        for path in (ROOT / folder).rglob("*.py")
        if makers.search(path.read_text())
    }

    assert "shared/store/schema/plan.py" in creating
    assert creating <= allowed


TAKEN = [table.name for table in schema.COLLECTIONS if table.database == "app" and table is not schema.FEED_ITEMS]


@pytest.mark.parametrize(
    "names",
    [
        *({"collection": name} for name in TAKEN),
        *({"credential": name} for name in ("seenAt", "content", "updatedAt", "offScreenAt")),
        *({"off_screen": name} for name in ("seenAt", "content", "seenCredential")),
    ],
    ids=str,
)
def test_exposures_cannot_have_a_name_that_is_taken(names):
    settings = load({"MONGO_URI": "mongodb://127.0.0.1:9/", "FEEDKEEPER_OPTIONS": json.dumps({"exposures": names})})

    with pytest.raises(BadConfig, match="exposures") as caught:
        connect(settings)

    assert next(iter(names)) in str(caught.value)
    assert str(caught.value).count("\n") == 0
