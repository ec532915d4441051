"""Every function handles its own sample event on an empty database."""

import json
from importlib import import_module

import pytest

from layers.build import ROOT
from shared.errors import AppError
from shared.store import open_store, schema
from tests.contract.conftest import handlers

# Functions whose callers get failures as answers, those that return failed messages to a queue, and those for HTTP.
ANSWERING = {"rank_contents", "recommend_home", "recommend_people"}
QUEUED = {"train_personal"}
SERVING = {"serve_feed", "serve_console"}

each_handler = pytest.mark.parametrize("path", handlers(), ids=lambda path: path.stem)


def handler_of(path):
    return import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)).handler


def sample_of(path):
    return json.loads((ROOT / "events" / path.parents[1].name / f"{path.stem}.json").read_text())


def outcome_of(path):
    """The answer of the real handler, or the AppError that it raises."""
    try:
        return handler_of(path)(sample_of(path), None)
    except AppError as failure:
        return failure


@each_handler
def test_a_function_takes_its_sample_on_an_empty_database(deployed, path):
    schema.apply(open_store().app, open_store().analytics)

    counts = outcome_of(path)

    if isinstance(counts, AppError):
        assert path.parents[1].name != "stats", f"statistics of nothing are no failure: {counts}"
        assert str(counts), "a failure says what is missing"
    elif path.stem in ANSWERING:
        assert counts["code"] == 1001, "nobody is there to be answered"
        assert json.loads(json.dumps(counts)) == counts
    elif path.stem in SERVING:
        of_sample = {"serve_feed": 401, "serve_console": 200}  # whose token is none; the page of login
        assert counts["statusCode"] == of_sample[path.stem]
    elif path.stem in QUEUED:
        assert counts == {"batchItemFailures": []}
    else:
        assert {"read", "written"} <= counts.keys()
        assert json.loads(json.dumps(counts)) == counts


@each_handler
def test_a_warm_up_is_answered_with_nothing(path):
    assert handler_of(path)({"source": "serverless-plugin-warmup"}, None) is None


@each_handler
@pytest.mark.parametrize("event", [None, [], "event", 7], ids=repr)
def test_a_function_refuses_what_is_no_event(deployed, path, event):
    if path.stem in ANSWERING:
        answer = handler_of(path)(event, None)
        assert (answer["code"], answer["reason"].partition(":")[0]) == (1001, "event")
        return
    if path.stem in SERVING:
        assert handler_of(path)(event, None)["statusCode"] == 400
        return
    with pytest.raises(AppError, match="event"):
        handler_of(path)(event, None)


def test_every_sample_belongs_to_a_function():
    samples = {path.relative_to(ROOT / "events").with_suffix("").as_posix() for path in ROOT.glob("events/*/*.json")}

    assert samples == {f"{path.parents[1].name}/{path.stem}" for path in handlers()}
