"""Annotations, and what every run reports of the model that it worked with."""

import pytest

from functions.topics import annotate, train_topics
from functions.topics.handlers import classify_content, reclassify_contents
from functions.topics.options import Topics
from shared.artifacts import Registry
from shared.text import PREPARATION
from shared.text.options import Language
from tests.changes import inserted, relayed

DAMAGED = {"$set": {"artifact": b"damaged"}}
UNSIGNED = {"$set": {"signature": "0" * 64}}
OF_ANOTHER_TAXONOMY = {"$set": {"fingerprint": "0123456789ab"}}


@pytest.fixture
def train(store, config, noon):
    return lambda: train_topics.run(store, Registry(store.analytics, config.artifact_keys), Topics(), now=noon)


@pytest.mark.parametrize("damage", [DAMAGED, UNSIGNED, OF_ANOTHER_TAXONOMY], ids=["damaged", "unsigned", "other"])
def test_every_run_tells_that_the_model_was_refused(train, deployed, databases, noon, damage):
    train()
    for name in ("mlArtifacts_topics", "artifactVersions"):
        databases.analytics[name].update_many({}, damage)

    swept = {"read": 0, "written": 0, "finished": 1, "refused_models": 2}
    assert reclassify_contents.handler({"time": noon.isoformat()}, None) == swept
    assert classify_content.handler(relayed(inserted("one")), None) == {"read": 1, "written": 1, "refused_models": 2}
    assert classify_content.handler(relayed(inserted("two")), None) == {"read": 1, "written": 1, "refused_models": 2}


def test_a_copy_that_stands_in_for_the_live_model_is_told_too(train, deployed, databases):
    train()
    databases.analytics.mlArtifacts_topics.update_many({}, DAMAGED)

    assert classify_content.handler(relayed(inserted("one")), None) == {"read": 1, "written": 1, "refused_models": 1}


def test_of_a_model_that_may_be_used_or_none_at_all_nothing_is_told(train, deployed):
    assert classify_content.handler(relayed(inserted("one")), None) == {"read": 1, "written": 1}

    train()

    assert classify_content.handler(relayed(inserted("two")), None) == {"read": 1, "written": 1}


PLAIN = "Our football team won the final match of the season"
DECORATED = {
    "bold": "".join(chr(0x1D5EE + ord(c) - 97) if c.islower() else c for c in PLAIN),
    "full-width": "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in PLAIN),
    "circled": "".join(chr(0x24D0 + ord(c) - 97) if c.islower() else c for c in PLAIN),
    "hashtags": " ".join(f"＃{word}" for word in PLAIN.split()),
    "entities": PLAIN.replace(" ", "&#32;").replace("t", "&#116;"),
}


@pytest.mark.parametrize("text", DECORATED.values(), ids=DECORATED)
def test_a_text_in_other_characters_is_annotated_as_the_plain_one(annotator, text):
    plain, decorated = annotator.annotate([PLAIN, text])

    assert decorated == plain
    assert plain["topicScores"][0]["path"] == "sports"


def test_annotations_are_outdated_once_texts_are_prepared_otherwise(monkeypatch):
    before = annotate.version_of("a", Language(), Topics(), {})
    monkeypatch.setattr(annotate, "PREPARATION", PREPARATION + 1)

    assert annotate.version_of("a", Language(), Topics(), {}) != before
