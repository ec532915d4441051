"""docs/operations.md speaks of what there is: its alarms, functions, commands and options."""

import re
from dataclasses import fields

import pytest

from layers.build import ROOT
from shared.config import Options
from tests.contract.conftest import Deployment
from tests.contract.test_commands import COMMANDS

SECTIONS = "|".join(section.name for section in fields(Options))
PAGE = (ROOT / "docs" / "operations.md").read_text()


def test_every_alarm_is_explained_and_no_other(deployment: Deployment) -> None:
    alarms = {name for name, one in deployment.resources.items() if one["Type"] == "AWS::CloudWatch::Alarm"}
    of_functions = {name for name in alarms if name.endswith(("ErrorsAlarm", "ThrottlesAlarm"))}
    explained = set(re.findall(r"`(\w+Alarm)`", PAGE))

    assert explained == alarms - of_functions
    assert {"`…ErrorsAlarm`", "`…ThrottlesAlarm`"} <= set(re.findall(r"`…\w+Alarm`", PAGE))


def test_every_function_that_is_named_is_there(deployment: Deployment) -> None:
    verbs = "|".join(sorted({re.match(r"[a-z]+", key)[0] for key in deployment.functions}))  # type: ignore[index]
    named = set(re.findall(rf"`((?:{verbs})[A-Z]\w+)`", PAGE))

    assert named
    assert named - deployment.functions.keys() == set()


def test_every_command_that_is_named_answers() -> None:
    named = set(re.findall(r"python -m ([a-z.]+)", PAGE.replace("\n", " ")))

    assert named - {"shared.store.schema"} <= set(COMMANDS), "those are tried one by one"
    assert "shared.store.schema" in named, "which has tests of its own"


@pytest.mark.parametrize("option", sorted(set(re.findall(rf"`((?:{SECTIONS})\.[a-z_]+)`", PAGE))))
def test_every_option_that_is_named_is_there(option: str) -> None:
    section, name = option.split(".")

    assert hasattr(getattr(Options(), section), name)


def test_the_concurrency_that_is_reserved_is_told(deployment: Deployment) -> None:
    reserved = sum(function["reservedConcurrency"] for function in deployment.functions.values())

    assert f"({reserved} in all)" in PAGE
