"""Which route answers: exact paths before those with braces, and what a segment may hold."""

from typing import Any

import pytest
from msgspec import Struct

from shared.api import Route
from shared.errors import MethodNotAllowed, NotFound
from shared.runtime.routing import RouteTable


def route(method: Any, path: str) -> Route[Any]:
    return Route(method, path, "", Struct, lambda *_: {})


TABLE: RouteTable[Any] = RouteTable(
    [
        route("GET", "/models"),
        route("GET", "/models/new"),
        route("GET", "/models/{family}"),
        route("POST", "/models/{family}/{key}/promote"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "template", "segments"),
    [
        ("GET", "/models", "/models", {}),
        ("GET", "/models/new", "/models/new", {}),
        ("GET", "/models/country", "/models/{family}", {"family": "country"}),
        (
            "POST",
            "/models/a-b_c.d~e/th/promote",
            "/models/{family}/{key}/promote",
            {"family": "a-b_c.d~e", "key": "th"},
        ),
    ],
)
def test_a_route_is_found(method: str, path: str, template: str, segments: dict[str, str]) -> None:
    answering, values = TABLE.find(method, path)

    assert (answering.path, values) == (template, segments)


@pytest.mark.parametrize(
    "path",
    ["", "/", "/model", "/models/", "/models/a/b", "/models/%61", "/models/ก", f"/models/{'a' * 129}", "/models/a\n"],
)
def test_another_path_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        TABLE.find("GET", path)


def test_another_method_is_told_which_there_are() -> None:
    with pytest.raises(MethodNotAllowed, match="needs GET"):
        TABLE.find("POST", "/models/country")
