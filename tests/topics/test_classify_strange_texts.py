"""Texts that cannot be encoded, or are very long, do not stop the others."""

from bson.raw_bson import RawBSONDocument

from tests.changes import TEXT, change_event, ids, inserted, state
from tests.shared.store.test_contents import invalid_text
from tests.topics.texts import hash_of


def test_strange_texts_do_not_stop_the_others(classify, kept):
    texts = [
        "half \ud800 a character",
        "nul \x00 in between",
        "long " * 200_000,
        "\u202e\u200b\ufeff",
        "a\u0301" * 5000,
    ]

    report = classify(*[inserted(f"strange {n}", text) for n, text in enumerate(texts)], inserted("good", TEXT))

    assert report.as_dict() == {"read": 6, "written": 6}
    assert kept("good")["topicState"] == "named"
    assert [kept(f"strange {n}")["textHash"] for n in range(5)] == [hash_of(text) for text in texts]


def test_strange_texts_in_the_database_do_not_stop_the_others(classify, kept, databases):
    keys = ids("bytes", "nul", "long", "good")
    databases.app.contents.insert_one(RawBSONDocument(invalid_text(keys[0])))
    texts = {"nul": "nul \x00 in between", "long": "long " * 200_000, "good": TEXT}
    databases.app.contents.insert_many([state(name, text) for name, text in texts.items()])

    report = classify(*[change_event("insert", key) for key in keys])

    assert report.as_dict() == {"read": 4, "written": 4}
    assert kept("good")["topicState"] == "named"
    assert kept("bytes")["language"] == "en"
