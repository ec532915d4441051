"""Parsing requests of an HTTP API: a malformed one is refused, and the error names the part at fault."""

import base64
import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from shared.api import Route
from shared.errors import BadEvent, TooLarge, UnsupportedMedia
from shared.runtime.http_request import FORM, HttpRequest, parsed
from tests.waiting import allowed


def event(body: Any = None, *, query: str = "", **more: Any) -> dict[str, Any]:
    context = {"http": {"method": "POST", "path": "/feed"}, "stage": "$default"}
    made = {"rawPath": "/feed", "rawQueryString": query, "headers": {}, "requestContext": context, "body": body}
    return made | more


def body_of(raw: bytes, content_type: str | None = "application/json", **headers: str) -> Any:
    encoded = event(base64.b64encode(raw).decode(), isBase64Encoded=True)
    encoded["headers"] = headers | ({} if content_type is None else {"content-type": content_type})
    return parsed(HttpRequest.of(encoded).text(encoded))


FORM_ROUTE: Route[Any] = Route("POST", "/feed", "", Struct, lambda *_: {}, takes_form=True)
JSON_TYPES = [
    None,
    "",
    "application/json",
    "Application/JSON",
    "APPLICATION/JSON; CHARSET=UTF-8",
    'application/json;charset="utf-8"',
    "application/json ; profile=x",
    "application/json; charset=US-ASCII",
]
OTHER_TYPES = [
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "text/json",
    "application/json-patch+json",
    "application/jsonx",
    "application/json,application/json",
    "application/json; charset=utf-16",
    "application/json; charset=latin-1",
    "json",
    ";",
    "\x00",
]


@pytest.mark.parametrize("content_type", JSON_TYPES)
def test_a_media_type_is_compared_without_case_and_parameters(content_type: str | None) -> None:
    assert body_of('{"a": "ไทย"}'.encode(), content_type) == {"a": "ไทย"}


# Parameters in numbered parts (RFC 2231) that do not fit together.
UNREADABLE = [
    "x*0=a; x*=b",
    "charset*0=utf-8; charset*=utf-8",
    f"x*{'9' * 5_000}=a",
    "charset*=utf-8'",
    'x*0*=%zz; x*1="b',
]


@pytest.mark.parametrize("parameters", UNREADABLE, ids=lambda text: text[:20])
def test_parameters_that_cannot_be_read_are_refused_or_passed_over(parameters: str) -> None:
    with contextlib.suppress(UnsupportedMedia):
        assert body_of(b"{}", f"application/json; {parameters}") == {}


def test_a_key_twice_among_many_is_found_at_once() -> None:
    keys = [*(f"{number:x}" for number in range(25_000)), "last", "last"]
    began = time.monotonic()

    with pytest.raises(BadEvent, match="last: is given twice"):
        parsed("{" + ",".join(f'"{key}":1' for key in keys) + "}")

    assert time.monotonic() - began < allowed(1)


@pytest.mark.parametrize("content_type", OTHER_TYPES)
def test_another_media_type_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMedia, match="content-type"):
        body_of(b"{}", content_type)


def test_a_compressed_body_is_refused() -> None:
    with pytest.raises(UnsupportedMedia, match="content-encoding"):
        body_of(b"{}", **{"content-encoding": "gzip"})


NO_JSON = {
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-32": '{"a": 1}'.encode("utf-32"),
    "UTF-8 cut short": '"ไทย"'.encode()[:-2],
    "latin": '{"a": "é"}'.encode("latin-1"),
    "NaN": b"[NaN]",
    "Infinity": b'{"a": -Infinity}',
    "a number beyond a double": b"1e999",
    "a number of 10,000 digits": b"1" * 10_000,
    "nested too deeply": b"[" * 100_000 + b"]" * 100_000,
    "a key twice": b'{"accountId": "a", "accountId": "b"}',
    "a key twice within": b'{"a": [{"b": 1, "b": 2}]}',
    "NUL within a text": b'"\x00"',
    "two values": b"{} {}",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "nothing": b"",
    "too long": b'"' + b"a" * 256_000 + b'"',
}


@pytest.mark.parametrize("raw", NO_JSON.values(), ids=NO_JSON)
def test_a_body_that_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises((BadEvent, TooLarge), match=r"^body"):
        body_of(raw)


@pytest.mark.parametrize("body", [None, "", 7, [], {"a": 1}, "\ud800"])
def test_a_body_that_is_missing_or_no_text_is_refused(body: Any) -> None:
    with pytest.raises(BadEvent, match=r"^body"):
        HttpRequest.of(event(body)).text(event(body))


@pytest.mark.parametrize("body", ["=", "a", "{}", "é", "e30", "e30=\n"])
def test_a_body_that_is_no_base64_is_refused(body: str) -> None:
    encoded = event(body, isBase64Encoded=True)

    with pytest.raises(BadEvent, match=r"^body"):
        HttpRequest.of(encoded).text(encoded)


@pytest.mark.parametrize("query", ["a=1&a=2", "a=1,2", "a=%FF", "&".join(f"p{n}=1" for n in range(101)), "a" * 40_000])
def test_a_query_that_two_readers_could_read_differently_is_refused(query: str) -> None:
    with pytest.raises((BadEvent, TooLarge), match=r"^query"):
        HttpRequest.of(event(query=query))


def test_a_query_is_decoded_once() -> None:
    assert HttpRequest.of(event(query="a=%2541&b=&c=x+y")).query == {"a": "%41", "b": "", "c": "x y"}


def test_a_form_is_decoded_once() -> None:
    sent = event("reason=%E0%B8%81+x&empty=", headers={"content-type": f"{FORM}; charset=UTF-8"})

    assert HttpRequest.of(sent).fields(sent, FORM_ROUTE) == {"reason": "ก x", "empty": ""}


@pytest.mark.parametrize("form", ["a=1&a=2", "a=%FF", "&".join(f"f{n}=1" for n in range(101)), "", "a=1&%C3(=2"])
def test_a_form_that_two_readers_could_read_differently_is_refused(form: str) -> None:
    sent = event(form, headers={"content-type": FORM})

    with pytest.raises(BadEvent, match=r"^body"):
        HttpRequest.of(sent).fields(sent, FORM_ROUTE)


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", "text/plain"])
def test_where_a_form_is_needed_another_media_type_is_refused(content_type: str) -> None:
    sent = event("a=1", headers={"content-type": content_type})

    with pytest.raises(UnsupportedMedia, match="content-type: needs application/x-www-form-urlencoded"):
        HttpRequest.of(sent).fields(sent, FORM_ROUTE)


@pytest.mark.parametrize("name", ["cookie", "Cookie"])
def test_cookies_that_a_gateway_left_in_their_header_are_read(name: str) -> None:
    sent = event() | {"headers": {name: "session=narrow=1; theme=dark;bare; "}}
    sent.pop("cookies", None)

    assert HttpRequest.of(sent).cookies == {"session": "narrow=1", "theme": "dark", "bare": ""}
    assert HttpRequest.of(event() | {"headers": {}}).cookies == {}
    assert HttpRequest.of(sent | {"cookies": ["session=other"]}).cookies == {"session": "other"}


def test_of_two_cookies_of_a_name_the_first_counts() -> None:
    sent = event() | {"cookies": ["session=narrow=1", "theme=dark", "session=wide", "bare"]}

    assert HttpRequest.of(sent).cookies == {"session": "narrow=1", "theme": "dark", "bare": ""}


def test_a_stage_before_the_path_is_left_out() -> None:
    staged = event()
    staged["requestContext"]["stage"] = "dev"

    assert HttpRequest.of(staged | {"rawPath": "/dev/feed"}).path == "/feed"
    assert HttpRequest.of(staged | {"rawPath": "/develop"}).path == "/develop"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ["rawPath", "rawQueryString", "headers", "requestContext", "body", "isBase64Encoded", "cookies"]


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(field=st.sampled_from(FIELDS), value=JSON_VALUES)
def test_whatever_stands_in_a_field_of_the_event_is_read_or_refused(field: str, value: Any) -> None:
    altered = event("{}") | {field: value}
    with contextlib.suppress(BadEvent, TooLarge):
        request = HttpRequest.of(altered)
        request.text(altered)
        json.dumps(request.event())
