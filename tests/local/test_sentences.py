"""The import of labelled sentences."""

from datetime import timedelta

import pytest

from functions.topics.store.labelled_texts import LabelledTexts
from functions.topics.taxonomy import taxonomy
from local.sentences import TextsReport, import_sentences
from local.tables import Tally
from shared.errors import BadEvent, NotFound

TABLE = (
    "topic\tlanguage\ttext\n"
    "sports/badminton\ten\tLost the third set by two points\n"
    "pets/cats\tth\tแมวนอนทั้งวันอีกแล้ว\n"
    "\ten\tgood morning friends\n"
)


@pytest.fixture
def table(tmp_path):
    def write(text, encoding="utf-8"):
        file = tmp_path / "sentences.tsv"
        file.write_text(text, encoding=encoding, newline="")
        return file

    return write


def test_sentences_become_labelled_texts_that_training_reads(store, noon, table):
    report = import_sentences(table(TABLE), store.analytics, now=noon)

    texts, malformed = LabelledTexts(store).newest(10, now=noon)
    assert report == TextsReport(Tally(read=3, kept=3), texts=3, changed=3)
    assert malformed == []
    assert {text.text: (text.topics, text.language, text.updated_at) for text in texts} == {
        "Lost the third set by two points": (("sports/badminton",), "en", noon),
        "แมวนอนทั้งวันอีกแล้ว": (("pets/cats",), "th", noon),
        "good morning friends": ((), "en", noon),
    }
    assert {topic for text in texts for topic in text.topics} <= set(taxonomy().paths)


def test_a_second_import_changes_nothing(store, noon, table, snapshot):
    import_sentences(table(TABLE), store.analytics, now=noon)
    before = snapshot()

    report = import_sentences(table(TABLE), store.analytics, now=noon + timedelta(hours=1))

    assert report.changed == 0
    assert snapshot() == before


def test_only_a_sentence_with_another_topic_is_replaced(store, noon, table):
    later = noon + timedelta(hours=1)
    import_sentences(table(TABLE), store.analytics, now=noon)

    report = import_sentences(table(TABLE.replace("pets/cats", "pets")), store.analytics, now=later)

    texts, _ = LabelledTexts(store).newest(10, now=later)
    assert report.changed == 1
    assert [text.topics for text in texts if text.updated_at == later] == [("pets",)]


def test_a_sentence_that_stands_there_twice_is_about_both(store, noon, table):
    import_sentences(table("topic\ttext\npets\tA fair for dogs\nsports\tA fair for dogs\n"), store.analytics, now=noon)

    [only] = LabelledTexts(store).newest(10, now=noon)[0]
    assert (only.topics, only.language) == (("pets", "sports"), None)


def test_lines_that_cannot_be_used_are_named_and_the_others_brought_in(store, noon, table):
    text = TABLE + "sport\ten\tOne\nsports\ten\nsports\tEnglish\tTwo\n\npets\ten\t \nsports\tth\tgood morning friends\n"
    text += "pets/cats\tth\tแมวนอนทั้งวันอีกแล้ว\n"

    report = import_sentences(table(text), store.analytics, now=noon)

    assert (report.tally.read, report.tally.kept, report.texts) == (10, 3, 3)
    assert report.tally.lines == {
        "no topic 'sport'": [5],
        "wrong number of fields": [6],
        "no language 'English': two small letters are needed": [7],
        "blank line": [8],
        "no text": [9],
        "language 'th', but 'en' in a line before": [10],
        "repeated line": [11],
    }


def test_a_file_of_another_system_is_read_too(store, noon, table):
    report = import_sentences(table(TABLE.replace("\n", "\r\n"), "utf-8-sig"), store.analytics, now=noon)

    assert (report.texts, report.tally.kept) == (3, 3)


@pytest.mark.parametrize(
    ("text", "encoding", "message"),
    [
        ("", "utf-8", "is empty"),
        ("topic\ttext\ttopic\n", "utf-8", "two columns topic"),
        ("text\nOne\n", "utf-8", "no column topic"),
        ("topic\ttext\npets\tcafé\n", "latin-1", "not UTF-8"),
    ],
)
def test_a_malformed_table_is_refused_and_nothing_written(store, noon, table, snapshot, text, encoding, message):
    before = snapshot()

    with pytest.raises(BadEvent, match=message):
        import_sentences(table(text, encoding), store.analytics, now=noon)
    assert snapshot() == before


def test_a_file_that_is_not_there_is_named(store, noon, tmp_path):
    with pytest.raises(NotFound, match=r"none\.tsv"):
        import_sentences(tmp_path / "none.tsv", store.analytics, now=noon)
    with pytest.raises(BadEvent, match="cannot be read"):
        import_sentences(tmp_path, store.analytics, now=noon)
