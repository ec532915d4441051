"""Functions as serverless.yml declares them: schedules, sample events, and the order of the pipeline."""

from datetime import UTC, datetime, timedelta

import pytest

from local.functions import ORDER, all_functions, function, pipeline
from shared.errors import NotFound
from shared.store import open_store

MIDNIGHT = datetime(2026, 1, 31, tzinfo=UTC)


def test_a_function_that_changes_fire_has_no_schedule():
    classify_content = function("classify_content")

    assert (classify_content.domain, classify_content.cron, classify_content.due(MIDNIGHT)) == ("topics", None, None)


@pytest.mark.parametrize(
    ("stem", "after"),
    [
        ("refresh_content_stats", timedelta(minutes=5)),
        ("build_guest_feed", timedelta(minutes=23)),
        ("reclassify_contents", timedelta(minutes=41)),
        ("train_topics", timedelta(hours=2, minutes=36)),
    ],
)
def test_a_schedule_is_read_as_aws_means_it(stem, after):
    assert function(stem).due(MIDNIGHT) == MIDNIGHT + after


def test_the_pipeline_runs_whatever_a_schedule_fires_once_and_topics_before_those_who_read_them():
    stems = pipeline()
    position = stems.index

    assert sorted(stems) == sorted(function.stem for function in all_functions().values() if function.cron)
    assert stems == tuple(stem for stem in ORDER if stem in stems)
    assert position("train_topics") < position("reclassify_contents") < position("refresh_engagement_stats")
    assert position("refresh_engagement_stats") < position("train_coldstart") < position("build_guest_feed")


def test_a_function_that_changes_fire_is_called_with_its_sample_as_it_is(deployed, databases):
    result = function("classify_content").invoke(at=MIDNIGHT)

    [info] = open_store().app.contentinfo.find()
    assert (result["read"], result["written"]) == (1, 1)
    assert (info["language"], info["clusterTime"].time) == ("en", 1644477216)


def test_a_scheduled_function_is_told_when_it_was_due(deployed, databases, monkeypatch):
    events = []
    monkeypatch.setattr("functions.stats.handlers.refresh_content_stats.handler", lambda event, _: events.append(event))

    function("refresh_content_stats").invoke(at=MIDNIGHT)

    assert [event["time"] for event in events] == [MIDNIGHT.isoformat()]


def test_an_unknown_function_is_refused_with_a_list_of_the_known_ones():
    with pytest.raises(NotFound, match="classify_content"):
        function("classify_contents")
