"""The import of texts that are rated for harm."""

from datetime import timedelta

import pytest

from functions.moderation.store.labelled_harms import LabelledHarms
from local.harms import import_harms
from shared.errors import BadEvent, NotFound

HEAD = "source\tlicence\tlang\ttext\thate\tharassment\tviolence\tsexual\tself_harm\tillicit\tspam\n"
TABLE = (
    HEAD
    + 'reviews\tCC0\ten\t"They said ""go home"" to us"\t0\t0\t\t\t\t\t\n'
    + "reviews\tCC0\tth\tระวังตัวไว้ให้ดี\t\t\t1\t\t\t\t\n"
    + "forum\tCC0\ten\tClick [URL] to win\t\t\t\t\t\t0\t1\n"
)


@pytest.fixture
def table(tmp_path):
    def write(text):
        file = tmp_path / "harm.tsv"
        file.write_text(text, encoding="utf-8", newline="")
        return file

    return write


def ratings(store, now):
    harms, malformed = LabelledHarms(store).newest(100, now=now)
    assert malformed == []
    return {(harm.source, harm.language, harm.text): dict(harm.ratings) for harm in harms}


def test_what_nobody_rated_is_not_rated(store, noon, table):
    report = import_harms(table(TABLE), store.analytics, now=noon)

    assert (report.tally.kept, report.texts, report.changed) == (3, 3, 3)
    assert ratings(store, noon) == {
        ("reviews", "en", 'They said "go home" to us'): {"hate": False, "harassment": False},
        ("reviews", "th", "ระวังตัวไว้ให้ดี"): {"violence": True},
        ("forum", "en", "Click [URL] to win"): {"illicit": False, "spam": True},
    }


def test_a_second_import_changes_nothing(store, noon, table, snapshot):
    import_harms(table(TABLE), store.analytics, now=noon)
    before = snapshot()

    report = import_harms(table(TABLE), store.analytics, now=noon + timedelta(hours=1))

    assert report.changed == 0
    assert snapshot() == before


def test_only_a_text_that_is_rated_otherwise_is_replaced(store, noon, table):
    later = noon + timedelta(hours=1)
    import_harms(table(TABLE), store.analytics, now=noon)

    report = import_harms(table(TABLE.replace("\t0\t1\n", "\t1\t1\n")), store.analytics, now=later)

    assert report.changed == 1
    harms, _ = LabelledHarms(store).newest(100, now=later)
    assert [(harm.source, harm.updated_at) for harm in harms if harm.updated_at == later] == [("forum", later)]


def test_a_text_of_two_sources_is_kept_for_each_and_lines_of_one_are_put_together(store, noon, table):
    lines = ["a\t\ten\tsame words\t1\t\t\t\t\t\t\n", "b\t\ten\tsame words\t0\t\t\t\t\t\t\n"]
    lines += ["a\t\t\tsame words\t\t\t0\t\t\t\t\n"]

    import_harms(table(HEAD + "".join(lines)), store.analytics, now=noon)

    assert ratings(store, noon) == {
        ("a", "en", "same words"): {"hate": True, "violence": False},
        ("b", "en", "same words"): {"hate": False},
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("s\t\ten\t\t1\t\t\t\t\t\t\n", "no text"),
        (f"s\t\ten\t{'x' * 10_001}\t1\t\t\t\t\t\t\n", "a text of more than 10,000 characters"),
        ("\t\ten\tx\t1\t\t\t\t\t\t\n", "no source: 1 to 64 letters, digits, spaces or ().:-_ are needed"),
        ("s\t\tEnglish\tx\t1\t\t\t\t\t\t\n", "no language 'English': two small letters are needed"),
        ("s\t\ten\tx\t\t\t\t\t\t\t\n", "no label is rated"),
        ("s\t\ten\tx\t\tyes\t\t\t\t\t\n", "harassment is 'yes': 1, 0 or nothing is needed"),
        ("forum\t\ten\tClick [URL] to win\t\t\t\t\t\t\t0\n", "spam is rated otherwise in a line before"),
        ("forum\t\ten\tClick [URL] to win\t\t\t\t\t\t\t1\n", "repeated line"),
        ('s\t\ten\t"x\t1\t\t\t\t\t\t\n', "a quotation mark that is not closed in its line, or stands within a field"),
        ("s\t\ten\tx\t1\n", "wrong number of fields"),
    ],
)
def test_a_line_that_cannot_be_used_is_skipped_with_its_reason(store, noon, table, line, reason):
    report = import_harms(table(TABLE + line), store.analytics, now=noon)

    assert (dict(report.tally.skipped), report.texts) == ({reason: 1}, 3)


@pytest.mark.parametrize("text", ["", "source\ttext\thate\n", "source\tlang\ttext\ttext\n"])
def test_what_is_no_such_table_is_refused_whole(store, noon, table, text):
    with pytest.raises(BadEvent):
        import_harms(table(text), store.analytics, now=noon)
    assert store.analytics.labelledHarms.find_one() is None


def test_a_file_that_is_not_there_is_named(store, noon, tmp_path):
    with pytest.raises(NotFound, match=r"gone\.tsv does not exist"):
        import_harms(tmp_path / "gone.tsv", store.analytics, now=noon)
