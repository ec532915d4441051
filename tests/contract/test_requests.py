"""Requests of direct calls and of HTTP: one model for both, the same answers, and the same refusals."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from msgspec import Struct
from msgspec.inspect import ListType, Metadata, StructType, UnionType, type_info

from functions.feed.serve_feed import ROUTES
from local.functions import ROOT
from local.http import event_of
from shared.config import forget_settings
from shared.errors import BadEvent
from shared.requests import refusal
from shared.runtime.tokens import token_for
from shared.store import open_store, schema
from tests.conftest import API_KEY
from tests.contract.conftest import handlers
from tests.factories import account, an_id, post, user

NOW = datetime.now(UTC).replace(microsecond=0)
CAT = str(an_id("account of cat"))
RANK, FOLLOW = "/ds_service/personalize_content_predict", "/ds_service/suggest_follow_score"
CONTENTS, USERS, HOME = "/v2/data-services/suggest/contents", "/v2/data-services/suggest/users", "/feed/home"

ABSENT = object()
NO_NUMBER: list[Any] = [None, [], {}, "many", "", "\ud800", 5.5, True, 0, -1, 101, 10**30]
NO_ID = ["", "zz", 7, [], {"$ne": None}, f"{CAT}\n", f"{CAT}0", "０" * 24, "\ud800" * 24]
NO_IDS: list[Any] = [None, CAT, 7, {}, ["zz"], [None], [{"$gt": ""}], [CAT] * 1_001]
NO_CURSOR: list[Any] = [None, 7, [], {}, "a" * 2_001]
NO_CONTENTS = [ABSENT, None, "p1", 7, {}, [7], [None], [{"$gt": ""}], ["a", "a" * 129], ["a"] * 2_001]
NO_TEXT = [ABSENT, None, "", 7, [], {}, "x" * 129]

# Values of each field that are refused, by function; and the routes that take the same field.
REFUSED: dict[str, dict[str, list[Any]]] = {
    "rank_contents": {"accountId": NO_ID, "contents": NO_CONTENTS},
    "recommend_home": {"accountId": NO_ID, "maxResults": NO_NUMBER, "exclude": NO_IDS, "cursor": NO_CURSOR},
    "recommend_people": {"accountId": NO_ID, "userId": NO_ID, "maxResults": NO_NUMBER},
    "explain_ranking": {"accountId": NO_ID, "maxResults": NO_NUMBER},
    "compare_rankings": {
        "family": NO_TEXT,
        "key": NO_TEXT,
        "left": NO_TEXT,
        "right": NO_TEXT,
        "accountId": NO_ID,
        "members": [None, "many", [], 5.5, True, -1, 201],
        "earlier": [None, 7, "many", [], {"drawn": -1}, {"overlaps": "many"}, {"overlaps": 201}, {"changed": None}],
    },
    "promote_artifact": {
        "family": NO_TEXT,
        "key": NO_TEXT,
        "version": NO_TEXT,
        "instead_of": NO_TEXT[2:],
        "by": NO_TEXT[2:],
    },
    "erase_account": {"accountId": [*NO_ID, None, ABSENT]},
}
VALID: dict[str, dict[str, Any]] = {
    "rank_contents": {"accountId": CAT, "contents": []},
    "recommend_home": {"accountId": CAT},
    "recommend_people": {"accountId": CAT},
    "explain_ranking": {"accountId": CAT},
    "compare_rankings": {"family": "country", "key": "th", "left": "v1", "right": "v2"},
    "promote_artifact": {"family": "country", "key": "th", "version": "v1"},
    "erase_account": {"accountId": CAT},
}
RAISING = {"explain_ranking", "compare_rankings", "promote_artifact", "erase_account"}
ROUTES_OF = [
    ("rank_contents", "POST", RANK),
    ("recommend_home", "GET", HOME),
    ("recommend_home", "POST", CONTENTS),
    ("recommend_people", "POST", USERS),
    ("recommend_people", "POST", FOLLOW),
]
MODELS = {route.path: route.request for route in ROUTES}


def function(stem: str) -> Any:
    [path] = [path for path in handlers() if path.stem == stem]
    return import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)).handler


def over_http(method: str, path: str, values: Any, *, member: str | None = None) -> tuple[int, Any]:
    subject, is_service = (member, False) if member else ("api", True)
    token = token_for(subject, API_KEY.encode(), service=is_service, now=NOW, valid_for=timedelta(hours=1))
    query = f"?{urlencode(values)}" if method == "GET" else ""
    body = json.dumps(values).encode() if method == "POST" else b""
    answer = function("serve_feed")(event_of(method, path + query, {"authorization": f"Bearer {token}"}, body), None)
    return answer["statusCode"], json.loads(answer["body"])


def with_value(stem: str, field: str, value: Any) -> dict[str, Any]:
    payload = VALID[stem] | {field: value}
    return {name: item for name, item in payload.items() if item is not ABSENT}


def cases() -> Iterator[Any]:
    for stem, fields in REFUSED.items():
        for field, values in fields.items():
            yield from (pytest.param(stem, field, value, id=f"{stem}-{field}-{value!r:.20}") for value in values)


@pytest.mark.parametrize(("stem", "field", "value"), list(cases()))
def test_a_value_is_refused_by_a_direct_call_and_over_http_alike(
    deployed: None, stem: str, field: str, value: Any
) -> None:
    payload = with_value(stem, field, value)

    if stem in RAISING:
        with pytest.raises(BadEvent, match=rf"^{field}(\.\w+)?: needs "):
            function(stem)(payload, None)
        return
    answer = function(stem)(payload, None)
    assert answer["code"] == 1001
    assert answer["reason"].startswith(f"{field}: ")
    for _, method, path in (route for route in ROUTES_OF if route[0] == stem):
        of_a_query = isinstance(value, str) or field == "maxResults"
        of_a_query &= "\ud800" not in str(value)  # which no query can hold
        if field in MODELS[path].__struct_encode_fields__ and (method == "POST" or of_a_query):
            status, refused = over_http(method, path, payload)
            assert (status, refused["statusCode"]) == (422, 422)
            assert [
                error["loc"][-1 - (field in ("contents", "exclude") and len(error["loc"]) == 3)]
                for error in refused["detail"]
            ] == [field]


@pytest.mark.parametrize(("stem", "method", "path"), ROUTES_OF)
def test_a_service_that_names_no_account_is_refused_in_the_same_words(
    deployed: None, stem: str, method: str, path: str
) -> None:
    payload = with_value(stem, "accountId", ABSENT)

    status, refused = over_http(method, path, payload)

    assert (status, refused["message"]) == (400, "accountId: needs an id, 24 hexadecimal digits")
    assert function(stem)(payload, None)["reason"] == refused["message"]


@pytest.mark.parametrize(
    ("stem", "field", "value", "sentence"),
    [
        ("rank_contents", "contents", ABSENT, "needs a list of at most 2000 texts"),
        ("rank_contents", "contents", ["a" * 129], "holds what is no text of at most 128 characters"),
        ("recommend_home", "maxResults", 101, "needs a whole number of 1 to 100"),
        ("recommend_home", "exclude", ["zz"], "needs a list of at most 1000 ids, 24 hexadecimal digits each"),
        ("recommend_home", "cursor", 7, "is not one that a page came with"),
        ("recommend_people", "userId", "zz", "needs an id, 24 hexadecimal digits"),
    ],
)
def test_callers_get_the_sentences_that_they_always_got(
    deployed: None, stem: str, field: str, value: Any, sentence: str
) -> None:
    assert function(stem)(with_value(stem, field, value), None)["reason"] == f"{field}: {sentence}"


def test_kinds_of_errors_over_http_keep_their_names(deployed: None) -> None:
    def errors(path: str, values: Any, method: str = "POST") -> list[Any]:
        status, answer = over_http(method, path, values)
        assert (status, answer["statusCode"]) == (422, 422)
        return [(*error["loc"], error["type"]) for error in answer["detail"]]

    assert errors(RANK, {}) == [("body", "contents", "missing")]
    assert errors(RANK, []) == [("body", "model_attributes_type")]
    assert errors(RANK, {"contents": "p1"}) == [("body", "contents", "list_type")]
    assert errors(RANK, {"contents": ["p1", 7]}) == [("body", "contents", 1, "string_type")]
    assert errors(RANK, {"contents": ["a" * 129]}) == [("body", "contents", 0, "string_too_long")]
    assert errors(RANK, {"contents": ["a"] * 2_001}) == [("body", "contents", "too_long")]
    assert errors(RANK, {"contents": [], "accountId": "zz"}) == [("body", "accountId", "string_pattern_mismatch")]
    assert errors(RANK, {"contents": [], "accountId": 7}) == [("body", "accountId", "string_type")]
    assert errors(CONTENTS, {"maxResults": 0}) == [("body", "maxResults", "greater_than_equal")]
    assert errors(CONTENTS, {"maxResults": 101}) == [("body", "maxResults", "less_than_equal")]
    assert errors(CONTENTS, {"maxResults": None}) == [("body", "maxResults", "int_type")]
    assert errors(HOME, {"maxResults": "many"}, "GET") == [("query", "request", "maxResults", "int_parsing")]


@pytest.fixture
def crowd(deployed: None) -> None:
    """An account, and 130 popular users with a post each."""
    store = open_store()
    schema.apply(store.app, store.analytics)
    names = [f"star {number}" for number in range(130)]
    store.app.accounts.insert_many([account(f"account of {name}", now=NOW) for name in ("cat", *names)])
    store.app.users.insert_many([user(name, now=NOW) for name in ("cat", *names)])
    store.app.contents.insert_many([post(f"post of {name}", now=NOW, author=name) for name in names])
    store.analytics.creatorStats.insert_many([{"_id": an_id(name), "score": 1.0} for name in names])
    function("refresh_catalogue")({"source": "aws.scheduler", "time": NOW.isoformat()}, None)


def test_a_page_has_as_many_items_as_the_option_says_directly_and_over_http(
    crowd: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, options in ((25, ""), (7, '{"home": {"items": 7}}')):
        monkeypatch.setenv("FEEDKEEPER_OPTIONS", options)
        forget_settings()

        assert len(function("recommend_home")({"accountId": CAT}, None)["items"]) == number
        assert len(over_http("GET", HOME, {}, member=CAT)[1]["items"]) == number
        assert len(over_http("POST", CONTENTS, {}, member=CAT)[1]["payload"]) == number
        assert len(over_http("POST", CONTENTS, {"maxResults": 9}, member=CAT)[1]["payload"]) == 9


def test_people_are_as_many_directly_and_over_http_but_all_where_their_number_cannot_be_said(crowd: None) -> None:
    for number, payload in ((25, {}), (7, {"maxResults": 7})):
        assert len(function("recommend_people")({"accountId": CAT} | payload, None)["result"]) == number
        assert len(over_http("POST", USERS, payload, member=CAT)[1]["payload"]) == number
        assert len(over_http("POST", FOLLOW, payload, member=CAT)[1]["result"]) == 100


def test_a_field_that_a_model_does_not_have_is_ignored(crowd: None) -> None:
    junk = {"more": {"$ne": None}, "": 1, "\ud800": []}

    assert function("recommend_home")({"accountId": CAT} | junk, None)["items"]
    assert function("recommend_people")({"accountId": CAT, "exclude": "zz"} | junk, None)["code"] == 200
    assert over_http("GET", HOME, {"exclude": "zz", "more": "1"}, member=CAT)[0] == 200
    assert over_http("POST", CONTENTS, {"cursor": 7, "userId": 7} | junk, member=CAT)[0] == 200
    assert over_http("POST", FOLLOW, {"maxResults": "many"} | junk, member=CAT)[0] == 200


@pytest.mark.parametrize(("stem", "method", "path"), ROUTES_OF[1:4])
def test_a_number_may_be_a_text_over_http_only(crowd: None, stem: str, method: str, path: str) -> None:
    payload = {"accountId": CAT, "maxResults": "3"}

    status, answer = over_http(method, path, payload)

    assert status == 200
    assert len(answer.get("payload") or answer["items"]) == 3
    assert function(stem)(payload, None)["reason"].startswith("maxResults: ")


def models(of: type[Struct] = Struct) -> Iterator[type[Struct]]:
    """Every model of a request, each of which some handler imports."""
    for model in of.__subclasses__():
        if model.__module__.startswith("functions.") and model.__name__.endswith(("Request", "Query")):
            yield model
        yield from models(model)


def test_every_field_of_a_request_has_a_sentence_that_refuses_it() -> None:
    for path in handlers():
        function(path.stem)

    assert len(list(models())) >= 10
    for model in models():
        assert set(model.__struct_encode_fields__) <= {field for fields in REFUSED.values() for field in fields}
        for place in places(type_info(model)):
            error = msgspec.ValidationError(f"Expected `str`, got `int` - at `${place}`")
            field, _, sentence = refusal(model, error).partition(": ")
            assert field == re.sub(r"\[0\]", "", place)[1:]
            assert sentence.startswith(("needs ", "holds ", "is "))


def places(declared: Any, place: str = "") -> Iterator[str]:
    """Every place in a request of this type: its fields, what lists hold, and fields of objects that it holds."""
    if isinstance(declared, UnionType):
        declared = declared.types[0]
    if isinstance(declared, Metadata):
        declared = declared.type
    if place:
        yield place
    if isinstance(declared, ListType):
        yield from places(declared.item_type, f"{place}[0]")
    elif isinstance(declared, StructType):
        for field in declared.fields:
            yield from places(field.type, f"{place}.{field.encode_name}")
