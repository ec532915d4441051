"""The annotations that a post gets: language, topics, embedding."""

from dataclasses import replace

import numpy as np
import pytest
from bson import ObjectId, Timestamp

from functions.topics.options import Topics
from shared.text.vectors import unpacked
from tests.changes import START, TEXT, inserted, moment
from tests.topics.texts import CATS, THAI, VIETNAMESE, hash_of


def test_a_new_post_gets_its_language_its_topics_and_its_vector(classify, kept, paths, databases, noon):
    report = classify(inserted("match", TEXT, second=5))

    assert report.as_dict() == {"read": 1, "written": 1}
    row = kept("match")
    assert (row["language"], row["topicState"]) == ("en", "named")
    assert 0.5 < row["languageConfidence"] <= 1
    assert paths(row) == ["sports", "sports/football"], "a topic implies those above it"
    assert [score["path"] for score in row["topicScores"]] == paths(row)
    assert all(0 < score["confidence"] <= 1 for score in row["topicScores"])
    assert (row["clusterTime"], row["contentUpdatedAt"], row["updatedAt"]) == (Timestamp(START + 5, 1), moment(5), noon)
    assert row["textHash"] == hash_of(TEXT)


def test_topics_are_ids_of_the_tree(classify, kept, databases):
    classify(inserted("match", TEXT))

    parent, child = kept("match")["topics"]
    assert isinstance(child, ObjectId)
    topic = databases.analytics.topics.find_one({"_id": child})
    assert (topic["slug"], topic["parents"]) == ("football", [{"_id": parent, "slug": "sports"}])


def test_the_vector_is_1024_bytes_of_a_unit_row(classify, kept):
    classify(inserted("match", TEXT), inserted("cats", CATS), inserted("football", THAI))

    blobs = [kept(name)["vector"] for name in ("match", "cats", "football")]
    match, cats, football = unpacked(blobs)
    assert [len(blob) for blob in blobs] == [1024] * 3
    assert np.linalg.norm(match) == pytest.approx(1, abs=1e-3)
    assert match @ football > match @ cats, "the same meaning in another language is nearer"


def test_no_text_is_kept(classify, databases, snapshot):
    classify(inserted("match", TEXT), inserted("cats", CATS))

    assert "cup final" not in str(snapshot())
    assert "kittens" not in str(snapshot())


@pytest.mark.parametrize(
    ("text", "language", "state", "has_vector"),
    [
        (THAI, "th", "named", True),
        (VIETNAMESE, "vi", "unsupported", False),
        ("watching football", "en", "short", True),
        ("!!! 123", "n/a", "unknown", False),
        ("https://example.com/ @somebody", "n/a", "unknown", False),
        ("Thank you all so much, see you again", "en", "none", True),
    ],
)
def test_annotations_depend_on_the_language_and_length_of_a_text(
    classify, kept, paths, text, language, state, has_vector
):
    classify(inserted("one", text))

    row = kept("one")
    assert (row["language"], row["topicState"], "vector" in row) == (language, state, has_vector)
    assert (paths(row) != []) == (state == "named")
    assert (row["languageConfidence"] > 0) == (language != "n/a")


def test_fewer_words_than_asked_for_get_no_topics(classify, kept, annotator):
    for min_tokens, state in ((11, "named"), (12, "short")):
        by = replace(annotator, options=Topics(min_tokens=min_tokens), version=f"at least {min_tokens}")
        classify(inserted("one", TEXT, second=min_tokens), by=by)
        assert kept("one")["topicState"] == state


def test_only_the_chosen_languages_get_topics(classify, kept, annotator):
    thai_and_japanese = replace(annotator, options=Topics(only_languages="th ja"), version="th ja")

    classify(inserted("english", TEXT), inserted("thai", THAI), by=thai_and_japanese)

    assert (kept("english")["topicState"], kept("english")["topics"]) == ("excluded", [])
    assert kept("english")["language"] == "en"
    assert kept("thai")["topicState"] == "named"


def test_a_post_has_no_more_topics_than_asked_for(classify, kept, paths, annotator):
    several = "The central bank raised interest rates and the stock market fell"
    few = replace(annotator, options=Topics(max_topics=1), version="few")

    classify(inserted("one", several), by=few)
    classify(inserted("two", several))

    assert len(paths(kept("one"))) == 2, "one, and the one above it"
    assert len(paths(kept("two"))) > 2
