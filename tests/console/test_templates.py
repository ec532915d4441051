"""Templates show their records and nothing else, and every sentence is there in every language."""

import dataclasses
import re
import string
from pathlib import Path
from typing import Any, get_args

import pytest
from jinja2 import Environment, nodes

import console
from console import lines
from console.messages import message, messages
from console.rights import ROLES
from console.store.audit_log import ACTS
from console.templates import Failure, said
from console.views import modules
from local.functions import all_functions
from local.reference import described
from shared.api import SERVER_ERROR, STATUS

FOLDER = Path(console.__file__).parent
TEMPLATES = sorted(path.relative_to(FOLDER / "templates").as_posix() for path in FOLDER.glob("templates/**/*.html"))


def records() -> list[Any]:
    defined = [value for module in modules() for value in vars(module).values() if hasattr(value, "template")]
    return [Failure, *{record.template: record for record in defined if record is not Failure}.values()]


def parsed(template: str) -> nodes.Template:
    return Environment(autoescape=True).parse((FOLDER / "templates" / template).read_text())


def test_every_template_but_the_base_has_a_record() -> None:
    parts = {name for name in TEMPLATES if name == "base.html" or name.rpartition("/")[2].startswith("_")}

    assert {record.template for record in records()} == set(TEMPLATES) - parts


@pytest.mark.parametrize("record", records(), ids=lambda record: record.template)
def test_a_template_shows_all_fields_of_its_record_and_no_others(record: Any) -> None:
    shown = {
        node.attr
        for node in parsed(record.template).find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name) and node.node.name == "page"
    }

    assert shown - {"path"} == {field.name for field in dataclasses.fields(record)}


@pytest.mark.parametrize("template", sorted(set(TEMPLATES) - {"_forms.html"}))
def test_what_becomes_of_an_error_is_the_same_everywhere(template: str) -> None:
    """By console.js; and a form loses what was typed unless it is one of `in_page`."""
    text = (FOLDER / "templates" / template).read_text()
    nothing_typed = {"/console/language", "/console/logout"} if template == "base.html" else set()

    assert set(re.findall(r'method="post" action="([^"]*)"', text)) == nothing_typed
    assert text.count('method="post"') == len(nothing_typed)
    assert "hx-status" not in text
    assert "hx-post" not in text


@pytest.mark.parametrize("template", TEMPLATES)
def test_nothing_is_marked_as_safe_and_nothing_runs_in_a_page(template: str) -> None:
    text = (FOLDER / "templates" / template).read_text()

    assert not re.search(r"\|\s*safe\b|autoescape|<style|style=|\son\w+=|javascript:|https?://", text)
    assert all('src="' in script or "application/json" in script for script in re.findall(r"<script[^>]*>", text))


def test_every_key_is_there_in_every_language() -> None:
    by_language = messages()
    keys = [set(sentences) for sentences in by_language.values()]

    assert set(by_language) == {"en", "th"}
    assert keys[0] == keys[1]
    for key in keys[0]:
        fields = [
            {name for _, name, _, _ in string.Formatter().parse(sentences[key]) if name is not None}
            for sentences in by_language.values()
        ]
        assert fields[0] == fields[1], key
        assert all(sentences[key].strip() for sentences in by_language.values()), key


def test_every_act_has_its_words() -> None:
    assert all(said(f"act.{act.replace(' ', '_')}") for act in ACTS)


def test_every_function_is_told_as_its_documentation_tells_it() -> None:
    for function in all_functions().values():
        assert message(f"jobs.what.{function.stem}", "en") == described(function)[0]


def test_every_key_that_is_named_exists() -> None:
    texts = [path.read_text() for path in [*FOLDER.rglob("*.html"), *FOLDER.rglob("*.py")]]
    named = {key for text in texts for key in re.findall(r"\bt\('([\w.]+)'[,)]", text)}
    made = {f"role.{role}" for role in ROLES} | {f"state.{state}" for state in get_args(lines.State)}
    made |= {f"failure.{status}" for status in [*STATUS.values(), SERVER_ERROR]}

    assert named | made <= messages()["en"].keys()
