"""The real handler behind a real server: the contract, who may ask what, and what becomes of nonsense."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import jwt
import pytest
import schemathesis
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import fixed_dictionaries, sampled_from
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from functions.coldstart import build_guest_feed
from functions.coldstart.options import GuestFeedOptions
from functions.feed import refresh_catalogue
from functions.feed.serve_feed import ROUTES
from functions.stats import refresh_creator_stats
from functions.stats.options import CreatorStats
from local.functions import ROOT
from local.http import Listener, event_of, serving
from shared.artifacts import Registry
from shared.artifacts.snapshots import Snapshots
from shared.config import forget_settings
from shared.config import settings as current_settings
from shared.errors import Unavailable
from shared.runtime.tokens import token_for
from shared.store import Store
from tests.conftest import API_KEY
from tests.factories import account, an_id, follow, post, user
from tests.networks import QUICK, QUICK_MEMBERS

handler = import_module("functions.feed.handlers.serve_feed").handler
CAT, DOG = (str(an_id(f"account of {name}")) for name in ("cat", "dog"))
NOW = datetime.now(UTC).replace(microsecond=0)
HEALTH = list(HealthCheck)


def token(subject: str = CAT, *, service: bool = False, **claims: Any) -> str:
    made = token_for(subject, API_KEY.encode(), service=service, now=NOW, valid_for=timedelta(hours=1))
    if not claims:
        return made
    own_claims = jwt.decode(made, options={"verify_signature": False})
    return jwt.encode({**own_claims, **claims}, API_KEY, "HS256")


def token_without(*names: str, **claims: Any) -> str:
    all_claims = jwt.decode(token(**claims), options={"verify_signature": False})
    return jwt.encode({name: value for name, value in all_claims.items() if name not in names}, API_KEY, "HS256")


@pytest.fixture
def town(deployed: None, store: Store) -> Store:
    """Two accounts, ten posts of two authors of whom cat follows one, and all that serves them."""
    store.app.accounts.insert_many([account(f"account of {who}", now=NOW) for who in ("cat", "dog", "ann", "bob")])
    store.app.users.insert_many([user(who, now=NOW) for who in ("cat", "dog", "ann", "bob")])
    store.app.relationships.insert_one(follow("cat", "ann", at=NOW))
    authors = ("ann", "bob")
    store.app.contents.insert_many(
        [post(f"p{n}", now=NOW, age_hours=1 + n, author=authors[n % 2], likes=n) for n in range(10)]
    )
    keys = current_settings().artifact_keys
    registry, snapshots = Registry(store.analytics, keys), Snapshots(store.analytics, keys)
    refresh_creator_stats.run(store, CreatorStats(), now=NOW)
    build_guest_feed.run(store, registry, GuestFeedOptions(rows_per_country=10), QUICK, now=NOW)
    refresh_catalogue.run(store, registry, snapshots, QUICK, QUICK_MEMBERS, now=NOW)
    return store


@pytest.fixture
def address(town: Store) -> Iterator[str]:
    with Listener() as listener, serving(handler, listener) as url:
        yield url


def ask(address: str, method: str, path: str, body: Any = None, bearer: str | None = None) -> tuple[int, Any, Any]:
    """(status, answer, headers)"""
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
    try:
        with urlopen(Request(address + path, data, headers, method=method)) as answer:
            return answer.status, json.loads(answer.read()), answer.headers
    except HTTPError as error:
        text = error.read()
        return error.code, json.loads(text) if text else None, error.headers


RANK, FOLLOW = "/ds_service/personalize_content_predict", "/ds_service/suggest_follow_score"
CONTENTS, USERS = "/v2/data-services/suggest/contents", "/v2/data-services/suggest/users"


def test_a_service_ranks_for_any_account_as_the_contract_says(address: str) -> None:
    posts = [str(an_id(f"p{n}")) for n in range(10)]

    status, answer, _ = ask(address, "POST", RANK, {"accountId": CAT, "contents": posts}, token("api", service=True))

    assert (status, answer["code"], answer["remark"]) == (200, 200, "OK")
    assert set(answer["result"]) == set(posts)
    assert all(score > 0 for score in answer["result"].values())


def test_what_cannot_be_ranked_is_an_envelope_and_no_error(address: str) -> None:
    body = {"accountId": "0" * 24, "contents": ["p1"]}

    status, answer, _ = ask(address, "POST", RANK, body, token("api", service=True))

    assert (status, answer["code"], answer["result"]) == (200, 1001, {"p1": 0})


def test_a_member_asks_for_itself_without_naming_itself(address: str) -> None:
    status, answer, _ = ask(address, "GET", "/feed/home?maxResults=4", bearer=token())

    assert status == 200
    assert len(answer["items"]) == 4
    _, second, _ = ask(address, "GET", f"/feed/home?cursor={answer['cursor']}", bearer=token())
    contents = [item["content"] for item in answer["items"] + second["items"]]
    assert sorted(contents) == sorted(str(an_id(f"p{n}")) for n in range(10))


def test_a_cursor_fits_into_a_request_line(address: str) -> None:
    _, first, _ = ask(address, "GET", "/feed/home?maxResults=4", bearer=token())

    assert 0 < len(first["cursor"]) <= 2_000
    assert ask(address, "GET", f"/feed/home?cursor={'a' * 2_000}", bearer=token())[0] == 400
    assert ask(address, "GET", f"/feed/home?cursor={'a' * 2_001}", bearer=token())[0] == 422
    assert ask(address, "GET", f"/feed/home?cursor={first['cursor']}", bearer=token(DOG))[0] == 400


def test_posts_and_people_are_suggested_as_the_application_reads_them(address: str) -> None:
    service = token("api", service=True)
    _, posts, _ = ask(
        address, "POST", CONTENTS, {"accountId": CAT, "maxResults": 5, "exclude": [str(an_id("p0"))]}, service
    )
    _, people, _ = ask(address, "POST", USERS, {"accountId": CAT, "maxResults": 2}, service)
    _, scores, _ = ask(address, "POST", FOLLOW, {"userId": CAT}, service)

    assert len(posts["payload"]) == 5
    assert {"content", "score", "aggregator", "author"} == set(posts["payload"][0])
    assert str(an_id("p0")) not in [item["content"] for item in posts["payload"]]
    assert people["payload"][0]["user"] == str(an_id("bob"))
    assert scores["result"][0]["userId"] == str(an_id("bob"))


REFUSED = {
    "no token": None,
    "no JWT": "abc",
    "signed by another": jwt.encode({"sub": CAT, "iss": "feedkeeper"}, "another key of enough bytes for this", "HS256"),
    "unsigned": jwt.encode({"sub": CAT, "iss": "feedkeeper", "aud": "feedkeeper-feeds", "exp": 2**31}, "", "none"),
    "with another algorithm": jwt.encode({"sub": CAT, "exp": 2**31}, API_KEY * 2, "HS512"),
    "expired": token(exp=1),
    "for others": token(aud="another"),
    "by others": token(iss="another"),
    "without an end": jwt.encode({"sub": CAT, "iss": "feedkeeper", "aud": "feedkeeper-feeds"}, API_KEY, "HS256"),
    "of no account": token("cat"),
    "issued an hour ahead": token(iat=int(NOW.timestamp()) + 3_600, exp=int(NOW.timestamp()) + 7_200),
    "valid an hour ahead": token(nbf=int(NOW.timestamp()) + 3_600),
    "valid for longer than a day": token(exp=int(NOW.timestamp()) + 24 * 3_600 + 1),
    "valid for longer than a day, without a beginning": token_without("iat", exp=int(NOW.timestamp()) + 48 * 3_600),
    "without a number for its end": token(exp="soon"),
    "that ends at infinity": token(exp=float("inf")),
    "that ends at a number beyond every other": token(exp=10**400),
    "that began before every other number": token(iat=-(10**400), exp=int(NOW.timestamp()) + 60),
    "that ends never": token(exp=float("nan")),
    "that begins nowhere": token(iat=[], exp=int(NOW.timestamp()) + 60),
    "of a list": token(sub=[CAT]),
    "not ASCII": "tökèn",
}


TAKEN = {
    "issued a moment ahead": {"iat": 40},
    "valid a moment ahead": {"nbf": 40},
    "ended a moment ago": {"exp": -30},
    "valid for a day": {"iat": 0, "exp": 24 * 3_600},
}


@pytest.mark.parametrize("offsets", TAKEN.values(), ids=TAKEN)
def test_clocks_may_differ_a_little(address: str, offsets: dict[str, int]) -> None:
    now = int(datetime.now(UTC).timestamp())
    claims: dict[str, Any] = {claim: now + seconds for claim, seconds in offsets.items()}
    bearer = token(**claims)

    assert ask(address, "GET", "/feed/home", bearer=bearer)[0] == 200


def test_a_token_need_not_say_when_it_was_issued(address: str) -> None:
    assert ask(address, "GET", "/feed/home", bearer=token_without("iat"))[0] == 200


def test_how_long_a_token_may_live_and_clocks_may_differ_are_options(
    town: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDKEEPER_OPTIONS", '{"tokens": {"longest_life": 48, "leeway_s": 7200}}')
    forget_settings()

    def status(bearer: str) -> int:
        event = event_of("GET", "/feed/home", {"authorization": f"Bearer {bearer}"}, b"")
        return int(handler(event, None)["statusCode"])

    assert status(token(exp=int(NOW.timestamp()) + 47 * 3_600)) == 200
    assert status(token(iat=int(NOW.timestamp()) + 3_600, exp=int(NOW.timestamp()) + 7_200)) == 200
    assert status(token(exp=int(NOW.timestamp()) + 49 * 3_600)) == 401


@pytest.mark.parametrize("bearer", REFUSED.values(), ids=REFUSED)
def test_a_caller_that_is_not_authenticated_gets_nothing(address: str, bearer: str | None) -> None:
    status, answer, headers = ask(address, "GET", "/feed/home", bearer=bearer)

    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer["message"].startswith("authorization")


def test_a_member_may_not_ask_for_another(address: str) -> None:
    for method, path, body in (
        ("GET", f"/feed/home?accountId={DOG}", None),
        ("POST", RANK, {"accountId": DOG, "contents": []}),
        ("POST", FOLLOW, {"userId": DOG}),
    ):
        assert ask(address, method, path, body, token())[0] == 403


def test_a_token_of_the_key_before_is_taken_after_a_rotation(town: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEYS", f"a new key which also has more than 32 bytes,{API_KEY}")
    forget_settings()

    with Listener() as listener, serving(handler, listener) as address:
        assert ask(address, "GET", "/feed/home", bearer=token())[0] == 200


def test_a_role_that_the_gateway_recognised_is_a_service(town: Store) -> None:
    event = event_of("POST", RANK, {"content-type": "application/json"}, json.dumps({"contents": []}).encode())
    event["requestContext"]["authorizer"] = {"iam": {"userArn": "arn:aws:iam::123456789012:role/api"}}

    assert handler(event, None)["statusCode"] == 400, "a service says for whom"
    assert "accountId" in handler(event, None)["body"]


BAD_BODIES = {
    "none": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "a number": b"7",
    "nested too deeply": b"[" * 100_000 + b"]" * 100_000,
    "no UTF-8": b"\xff\xfe",
    "an operator for an account": b'{"accountId": {"$ne": null}, "contents": []}',
    "an operator among contents": b'{"contents": [{"$gt": ""}]}',
    "a text for a list": b'{"contents": "p1"}',
    "an id that is none": b'{"accountId": "zz", "contents": []}',
    "nothing of what is needed": b"{}",
    "more contents than are taken": json.dumps({"contents": ["a"] * 2_001}).encode(),
    "longer than is taken": b'{"contents": ["' + b"a" * 300_000 + b'"]}',
    "6 MB": b'{"contents": ["' + b"a" * 6_200_000 + b'"]}',
    "a NaN for a number": b'{"contents": [NaN]}',
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_nonsense_is_refused_with_a_reason(address: str, body: bytes) -> None:
    status, answer, _ = ask(address, "POST", RANK, body, token())

    assert 400 <= status < 500
    assert answer is None or answer.get("message") or answer.get("detail")


@pytest.mark.parametrize("path", ["/", "/feed/home/", "/feed/home%00", "/feed/home%0A", "/FEED/HOME", "/.."])
def test_another_path_is_not_found(address: str, path: str) -> None:
    assert ask(address, "GET", path, bearer=token())[0] == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"])
def test_another_method_is_refused_and_the_right_ones_are_named(address: str, method: str) -> None:
    status, _, headers = ask(address, method, RANK, bearer=token())

    assert (status, headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("media_type", ["multipart/form-data", "application/x-www-form-urlencoded", "text/plain"])
def test_a_body_of_another_media_type_is_refused(town: Store, media_type: str) -> None:
    headers = {"authorization": f"Bearer {token()}", "content-type": media_type}

    answer = handler(event_of("POST", RANK, headers, b"contents=p1"), None)

    assert answer["statusCode"] == 415
    assert "content-type" in answer["body"]


@pytest.mark.parametrize("query", ["maxResults=5&maxResults=6", "maxResults=5,6", "maxResults=%FF", "cursor=%00"])
def test_a_query_with_two_meanings_is_refused(address: str, query: str) -> None:
    status, answer, _ = ask(address, "GET", f"/feed/home?{query}", bearer=token())

    assert status == 400
    assert "query" in answer["message"] or "cursor" in answer["message"]


def test_a_database_that_does_not_answer_is_unavailable_and_keeps_its_secrets(
    town: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(error: Exception) -> Any:
        def fail(*arguments: Any) -> Any:
            raise error

        return fail

    with Listener() as listener, serving(handler, listener) as address:
        ask(address, "GET", "/feed/home", bearer=token())
        monkeypatch.setattr(Registry, "load", fails(Unavailable("the database does not answer")))
        status, answer, headers = ask(address, "GET", "/feed/home", bearer=token())
        assert (status, headers["Retry-After"]) == (503, "5")
        monkeypatch.setattr(Registry, "load", fails(RuntimeError("mongodb://user:secret@host")))
        status, answer, _ = ask(address, "GET", "/feed/home", bearer=token())
        assert (status, answer["message"]) == (500, "Unforeseen")


def test_the_documentation_needs_no_token_and_tells_every_route(address: str) -> None:
    status, document, _ = ask(address, "GET", "/swagger?format=json")

    assert status == 200
    documented = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert documented == {(route.method, route.path) for route in ROUTES}
    assert document["components"]["securitySchemes"]["token"]["bearerFormat"] == "JWT"
    with urlopen(f"{address}/swagger") as page:
        assert "swagger" in page.read().decode().lower()


def fuzz(address: str, operation: Any, mode: GenerationMode) -> set[int]:
    """Send requests of an operation as it allows them, or as it does not; returns the statuses, none of them 5xx."""
    headers = {"Authorization": f"Bearer {token('api', service=True)}"}
    statuses: set[int] = set()

    @settings(max_examples=25, derandomize=True, deadline=None, database=None, suppress_health_check=HEALTH)
    @given(case=operation.as_strategy(mode))
    def check(case: Any) -> None:
        answer = case.call(base_url=address, headers=headers)
        case.validate_response(answer, checks=[not_a_server_error])
        statuses.add(answer.status_code)

    check()
    return statuses


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_makes_the_server_fail(address: str, mode: GenerationMode) -> None:
    _, document, _ = ask(address, "GET", "/swagger?format=json")
    results = schemathesis.openapi.from_dict(document).get_all_operations()
    operations = [result.ok() for result in results]  # type: ignore[union-attr]

    statuses = set().union(*(fuzz(address, operation, mode) for operation in operations))

    assert (200 in statuses) == (mode is GenerationMode.POSITIVE) or 422 in statuses
    assert len(operations) == len(ROUTES)


PIECES: dict[str, list[Any]] = {
    "method": ["GET", "POST", "HEAD", "OPTIONS", "get", "", "\ud800", None],
    "path": [*(route.path for route in ROUTES), "/swagger", "/feed/home/", "/", "", "\x00", "/feed/home\n", None, 7],
    "query": ["", "maxResults=3", "maxResults=1e9", "cursor=%00", "a=1&a=2", "%", "format=json", "=", "&&", None, []],
    "type": ["application/json", "APPLICATION/JSON;charset=utf-8", "multipart/form-data", "text/plain", "", ";", None],
    "body": [
        None, "", 7, "{}", "[]", "null", "NaN", "é", "e30=", "[" * 5_000, '{"contents": []}', '{"maxResults": 1e308}',
        '{"contents": ["\\ud800"]}', '{"accountId": null, "contents": ["\\u0000"]}', '{"a": 1, "a": 2}',
    ],
    "encoded": [False, True, None, "no"],
    "bearer": [None, "", "Bearer", "Basic eDp5", "Bearer \ud800", token(), token("api", service=True)],
    "stage": ["$default", "dev", "", None],
}  # fmt: skip


def test_no_event_makes_the_function_fail(town: Store) -> None:
    @settings(max_examples=300, derandomize=True, deadline=None, database=None, suppress_health_check=HEALTH)
    @given(drawn=fixed_dictionaries({name: sampled_from(values) for name, values in PIECES.items()}))
    def check(drawn: dict[str, Any]) -> None:
        event = {
            "rawPath": drawn["path"],
            "rawQueryString": drawn["query"],
            "headers": {
                "content-type": drawn["type"],
                "authorization": f"Bearer {token()}" if drawn["bearer"] is None else drawn["bearer"],
            },
            "requestContext": {"http": {"method": drawn["method"], "path": "/"}, "stage": drawn["stage"]},
            "body": drawn["body"],
            "isBase64Encoded": drawn["encoded"],
        }
        answer = handler(event, None)
        assert answer["statusCode"] < 500
        assert answer["body"].startswith("<!DOCTYPE") or isinstance(json.loads(answer["body"]), dict)

    check()


SAMPLES = [
    ("rank_contents", RANK),
    ("recommend_people", FOLLOW),
    ("recommend_people", USERS),
    ("recommend_home", CONTENTS),
]


@pytest.mark.parametrize(("stem", "path"), SAMPLES)
def test_the_sample_of_a_direct_call_is_answered_over_http_too(address: str, town: Store, stem: str, path: str) -> None:
    sample = json.loads((ROOT / "events" / "feed" / f"{stem}.json").read_text())
    town.app.accounts.insert_one(account("of the sample", now=NOW, _id=ObjectId(sample["accountId"])))

    status, over_http, _ = ask(address, "POST", path, sample, token("api", service=True))
    called = import_module(f"functions.feed.handlers.{stem}").handler(sample, None)

    assert status == 200
    assert called.get("code") != 1001
    if path in (RANK, FOLLOW):
        assert over_http["result"] == json.loads(json.dumps(called["result"]))
    else:
        assert over_http["payload"]


def test_a_request_that_says_two_paths_gets_no_feed_by_the_one_that_needs_no_token(town: Store) -> None:
    handler(event_of("GET", "/feed/home", {"authorization": f"Bearer {token()}"}, b""), None)

    for raw, path in (("/swagger", "/feed/home"), ("/feed/home", "/swagger")):
        event = event_of("GET", path, {}, b"") | {"rawPath": raw}
        answer = handler(event, None)
        assert answer["statusCode"] == 401 or "<!DOCTYPE html>" in answer["body"]


@pytest.mark.parametrize("context", [None, {}, {"http": {}}, {"http": {"method": "GET", "path": "/"}}, []])
def test_an_event_that_is_no_request_is_refused(town: Store, context: Any) -> None:
    assert handler({"requestContext": context, "rawPath": "/feed/home"}, None)["statusCode"] == 400
