"""docs/operations.md speaks of what there is: its alarms, functions, commands and options.

What stands in blocks of shell is typed by a rehearsal, which proves that nothing was left out.
"""

import os
import re
import subprocess

import pytest
from pymongo import MongoClient

from layers.build import ROOT
from local.functions import function, pipeline
from local.mongod import mongo_server
from local.rehearsal.operator import DEPLOYING, blocks
from local.rehearsal.operator import PAGE as PAGE_FILE
from shared.config import sections
from shared.documents import Document
from tests.conftest import SIGNING_KEY
from tests.contract.conftest import Deployment

SECTIONS = "|".join(sections())
PAGE = PAGE_FILE.read_text()
PAGES = "".join(page.read_text() for page in ROOT.glob("docs/*.md") if page.stem != "decisions")  # which has old names
TYPED_HERE = re.compile(r"`\.venv/bin/python -m ([^`]+)`")  # in a sentence, so that no rehearsal types it


def test_every_alarm_is_explained_and_no_other(deployment: Deployment) -> None:
    resources = deployment.resources
    alarms = {name for name, resource in resources.items() if resource["Type"] == "AWS::CloudWatch::Alarm"}
    of_functions = {name for name in alarms if name.endswith(("ErrorsAlarm", "ThrottlesAlarm"))}
    explained = set(re.findall(r"`(\w+Alarm)`", PAGE))

    assert explained == alarms - of_functions
    assert {"`…ErrorsAlarm`", "`…ThrottlesAlarm`"} <= set(re.findall(r"`…\w+Alarm`", PAGE))


def test_every_function_that_is_named_is_there(deployment: Deployment) -> None:
    verbs = "|".join(sorted({re.match(r"[a-z]+", key)[0] for key in deployment.functions}))  # type: ignore[index]
    named = set(re.findall(rf"`((?:{verbs})[A-Z]\w+)`", PAGE))

    assert named
    assert named - deployment.functions.keys() == set()


def test_no_command_stands_where_no_rehearsal_looks() -> None:
    languages = re.findall(r"^```(\w*)\n.*?^```$", PAGE, re.M | re.S)
    commands = re.findall(r"`((?:aws|osls|make|node_modules|python)[ /][^`]*)`", PAGE)

    assert set(languages) == {"sh", "yaml"}
    assert commands == ["make rehearse"]


def test_what_a_sentence_has_typed_here_does_what_it_says() -> None:
    commands = [command.split() for command in TYPED_HERE.findall(PAGE)]
    assert sorted(command[1] for command in commands) == ["erase", "review", "run"]

    with mongo_server(private=True) as uri, MongoClient[Document](uri) as client:
        environment = {**os.environ, "MONGO_URI": uri, "ARTIFACT_KEYS": SIGNING_KEY}

        def typed(*words: str) -> str:
            command = [str(ROOT / ".venv/bin/python"), "-m", *words]
            ended = subprocess.run(
                command, cwd=ROOT, env=environment, input="", capture_output=True, text=True, check=False
            )
            assert ended.returncode == 0, ended.stderr
            return ended.stdout

        typed("local", "world", "--size", "XS")
        account = str(client["app-db"].accounts.find_one({}, {"_id": 1})["_id"])  # type: ignore[index]
        said = {words[1]: typed(*(account if word == "ACCOUNT" else word for word in words)) for words in commands}

        assert client["app-db"].contentinfo.count_documents({"topicState": {"$exists": True}}) > 500
        assert [str(erasure["_id"]) for erasure in client["analytics-db"].erasures.find()] == [account]
        assert "suspect" in said["review"]


def test_the_deployment_is_filled_in_the_order_of_the_pipeline() -> None:
    (block,) = (item for item in blocks(PAGE_FILE) if item.heading == "The first deployment")
    names = re.findall(r"[a-z]+[A-Z]\w+", block.text.partition("; do")[0])

    assert names == [function(stem).key for stem in pipeline()]


def test_the_deployment_is_ten_lines_and_ends_with_the_relay_that_the_page_knows() -> None:
    (deploy,) = (block for block in blocks(DEPLOYING) if block.heading == "Deploy")
    (ways,) = (block for block in blocks(PAGE_FILE) if block.heading == "How changes reach the functions")

    assert len(deploy.text.splitlines()) == 10
    assert ways.lines[0].partition("#")[0].strip() == deploy.lines[-1]


@pytest.mark.parametrize("option", sorted(set(re.findall(rf"`((?:{SECTIONS})\.[a-z_]+)`", PAGES))))
def test_every_option_that_is_named_is_there(option: str) -> None:
    section, name = option.split(".")

    assert name in sections()[section].__struct_encode_fields__


def test_the_concurrency_that_is_reserved_is_told(deployment: Deployment) -> None:
    reserved = sum(function["reservedConcurrency"] for function in deployment.functions.values())

    assert f"({reserved} in all)" in PAGE
