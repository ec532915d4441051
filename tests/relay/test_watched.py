"""The collections that serverless.yml declares, and that the functions listen to the same ones."""

import re
from typing import get_args

import pytest

from layers.build import ROOT
from layers.service import load_service
from relay.sinks import DETAIL_TYPE
from relay.watched import Watched, watched
from shared.change import Kind
from shared.errors import BadConfig

SERVICE = load_service()

FUNCTIONS = "functions: {classifyContent: {handler: functions/topics/handlers/classify_content.handler}}\n"
SOUND = "{functions: [classifyContent], when: [payload], carry: [payload.message]}"


@pytest.fixture
def declared(tmp_path):
    """Reads the declarations in a text."""

    def read(text):
        (tmp_path / "serverless.yml").write_text(text)
        return watched(tmp_path / "serverless.yml")

    return read


def test_what_is_declared():
    assert watched() == [
        Watched(
            collection="contents",
            handlers=(
                "functions/topics/handlers/classify_content.handler",
                "functions/coldstart/handlers/remove_withdrawn.handler",
            ),
            when=("payload", "visibility", "author", "originalPost", "isRecast"),
            carry=("payload.message", "visibility", "updatedAt"),
        ),
        Watched(
            collection="suspiciouscredentials",
            handlers=("functions/bots/handlers/apply_verdicts.handler",),
            when=("verificationStatus", "verifiedAt"),
            carry=("verificationStatus",),
        ),
        Watched(
            collection="users",
            handlers=("functions/coldstart/handlers/remove_withdrawn.handler",),
            when=("visibility", "ownerAccount"),
            carry=("visibility",),
        ),
        Watched(
            collection="accounts",
            handlers=("functions/coldstart/handlers/remove_withdrawn.handler",),
            when=("visibility",),
            carry=("visibility",),
        ),
    ]


@pytest.mark.parametrize("collection", watched(), ids=lambda item: item.collection)
def test_what_a_collection_fires_are_handlers_for_its_changes(collection):
    for handler in collection.handlers:
        said = (ROOT / handler.replace(".handler", ".py")).read_text()

        assert re.search(rf'^@on_change\(.*"{collection.collection}"', said, re.MULTILINE)
    assert collection.projection.keys() == set(collection.carry)


def test_functions_listen_to_what_is_declared_and_to_nothing_else():
    listening = {
        (name, kind, tuple(sorted(pattern["detail"]["operationType"])))
        for name, function in SERVICE["functions"].items()
        for event in function.get("events", ())
        if "eventBridge" in event
        for pattern in [event["eventBridge"]["pattern"]]
        for kind in pattern["detail-type"]
    }

    assert listening == {
        (name, DETAIL_TYPE.format(f"app-db.{collection}"), tuple(sorted(get_args(Kind))))
        for collection, entry in SERVICE["custom"]["changes"].items()
        for name in entry["functions"]
    }


def test_several_collections_keep_their_order(declared):
    collections = declared(f"{FUNCTIONS}custom: {{changes: {{users: {SOUND}, contents: {SOUND}}}}}")

    assert [item.collection for item in collections] == ["users", "contents"]
    assert {(item.stems, item.when, item.carry) for item in collections} == {
        (("classify_content",), ("payload",), ("payload.message",))
    }


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "functions: is missing"),
        (f"custom: {{changes: {{contents: {SOUND}}}}}", "functions: is missing"),
        (FUNCTIONS, r"custom\.changes: is missing"),
        (f"{FUNCTIONS}custom: {{other: 1}}", r"custom\.changes: is missing"),
        (f"{FUNCTIONS}custom:\n  changes:\n", r"custom\.changes: is missing"),
        (f"{FUNCTIONS}custom: {{changes: [contents]}}", r"custom\.changes: is missing"),
        (f"{FUNCTIONS}custom: {{changes: {{contents: classifyContent}}}}", r"custom\.changes\.contents: is missing"),
        (
            f"{FUNCTIONS}custom: {{changes: {{contents: {{functions: [other], when: [], carry: []}}}}}}",
            r"custom\.changes\.contents\.functions: no function other",
        ),
        (
            f"{FUNCTIONS}custom: {{changes: {{contents: {{when: [], carry: []}}}}}}",
            r"custom\.changes\.contents\.functions: needs a list of names",
        ),
        (
            f"{FUNCTIONS}custom: {{changes: {{contents: {{functions: [classifyContent], carry: [payload]}}}}}}",
            r"custom\.changes\.contents\.when: needs a list of fields",
        ),
        (
            f"{FUNCTIONS}custom: {{changes: {{contents: {{functions: [classifyContent], when: [a], carry: b}}}}}}",
            r"custom\.changes\.contents\.carry: needs a list of fields",
        ),
    ],
)
def test_what_is_missing_is_named(declared, text, named):
    with pytest.raises(BadConfig, match=rf"serverless\.yml: {named}"):
        declared(text)
