"""The local server hands requests to functions and answers to callers as the gateway of an HTTP API does."""

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import pytest

from local.http import HOST, Listener, by_path, event_of, serving
from tests.waiting import allowed

PICTURE = b"\x89PNG\r\n\xff\x00"


def answered(handler, method="GET", path="/", headers=(), **options):
    """The answer to one request, and its body."""
    with Listener() as listener, serving(handler, listener, **options):
        connection = HTTPConnection(HOST, listener.server_port)
        connection.putrequest(method, path)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
    return answer, body


def saying(**answer: Any):
    """A handler with that answer."""
    return lambda event, context: {"statusCode": 200, "headers": {}, "body": "", **answer}


def test_cookies_of_a_request_stand_beside_its_headers():
    events = []

    def handler(event, context):
        events.append(event)
        return saying()(event, context)

    answered(handler, headers=[("Cookie", "a=1; b=x=y"), ("Cookie", "c=3"), ("Accept", "x"), ("Accept", "y")])

    assert events[0]["cookies"] == ["a=1", "b=x=y", "c=3"]
    assert "cookie" not in events[0]["headers"]
    assert events[0]["headers"]["accept"] == "x,y"
    assert "cookies" not in event_of("GET", "/", {"accept": "x"}, b"")


def test_each_cookie_of_an_answer_is_a_header():
    cookies = ["a=1; Expires=Mon, 30 Nov 2026 03:00:00 GMT", "b=2; HttpOnly"]

    answer, _ = answered(saying(cookies=cookies))

    assert answer.headers.get_all("Set-Cookie") == cookies


def test_a_body_in_base64_is_sent_as_bytes():
    answer, body = answered(saying(body="iVBORw0K/wA=", isBase64Encoded=True, headers={"Content-Type": "image/png"}))

    assert body == PICTURE
    assert (answer.headers["Content-Length"], answer.headers["Content-Type"]) == (str(len(PICTURE)), "image/png")


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_tells_no_length_of_it(status):
    answer, body = answered(saying(statusCode=status, headers={"ETag": '"x"'}))

    assert (answer.status, body, answer.headers["Content-Length"]) == (status, b"", None)


@pytest.mark.parametrize(
    ("path", "answering"),
    [
        ("/console", "console"),
        ("/console/jobs?page=2", "console"),
        ("/console/login/", "login"),
        ("/consoles", "feed"),
        ("/feed/home", "feed"),
        ("/", "feed"),
    ],
)
def test_the_longest_prefix_of_a_path_decides_who_answers(path, answering):
    names = {"": "feed", "/console": "console", "/console/login": "login"}
    handler = by_path({prefix: saying(body=name) for prefix, name in names.items()})

    assert answered(handler, path=path)[1].decode() == answering


def test_a_path_that_nobody_answers_is_not_found():
    assert answered(by_path({"/console": saying()}), path="/feed/home")[0].status == 404


@pytest.mark.parametrize("at_once", [False, True])
def test_a_handler_gets_one_request_at_a_time_unless_it_takes_several(at_once):
    both, present, counts = threading.Barrier(2), [], []

    def handler(event, context):
        present.append(event)
        counts.append(len(present))
        if at_once:
            both.wait(allowed(30))  # passed only where the other request is there too
        present.pop()
        return saying()(event, context)

    with (
        Listener() as listener,
        serving(handler, listener, at_once=at_once),
        ThreadPoolExecutor(2) as threads,
    ):

        def ask(_):
            connection = HTTPConnection(HOST, listener.server_port)
            connection.request("GET", "/")
            return connection.getresponse().status

        assert list(threads.map(ask, range(2))) == [200, 200]
    assert max(counts) == 1 + at_once


def test_a_body_does_not_wait_for_the_acknowledgement_of_its_headers():
    with Listener() as listener, serving(saying(body="x" * 3_000), listener):
        connection = HTTPConnection(HOST, listener.server_port)
        took = []
        for _ in range(20):
            began = time.perf_counter()
            connection.request("POST", "/", body=b"x")
            connection.getresponse().read()
            took.append(time.perf_counter() - began)
        connection.close()

    assert statistics.median(took) < allowed(0.03)
