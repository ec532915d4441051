"""The sentences from which a fresh deployment learns."""

import re
from collections import Counter

import pytest

from functions.moderation.harm_sentences import HEAD, HarmSentence, harm_sentences, parse
from shared.errors import BadConfig
from shared.text.embedding import SUPPORTED

SCARCE = ("violence", "sexual", "self_harm", "illicit", "spam")
MAX_LENGTH = 300  # characters
UNDER_AGE = re.compile(r"\b(child|children|kid|kids|teen|teens|minor|minors|schoolgirl|schoolboy|underage)\b", re.I)


@pytest.mark.parametrize("label", SCARCE)
def test_each_scarce_label_has_many_in_many_languages_and_as_many_that_only_look_alike(label):
    about = [sentence for sentence in harm_sentences() if sentence.about == label]
    harmful, innocent = ([one for one in about if bool(one.labels) is harmful] for harmful in (True, False))

    for half in (harmful, innocent):
        by_language = Counter(sentence.language for sentence in half)
        assert len(half) >= 150
        assert by_language["th"] >= 30
        assert set(by_language) == SUPPORTED
    kinds = {sentence.kind for sentence in innocent}
    assert {
        "news",
        "medicine",
        "fiction",
        "quotation",
        "counter-speech",
        "negation",
        "reclaimed",
        "figure",
    } - kinds <= {"reclaimed"}


def test_no_sentence_stands_twice_or_is_long():
    texts = Counter(sentence.text.casefold() for sentence in harm_sentences())

    assert [text for text, number in texts.items() if number > 1] == []
    assert max(map(len, texts)) <= MAX_LENGTH


def test_nothing_sexual_mentions_who_is_under_age():
    assert [one.text for one in harm_sentences() if one.about == "sexual" and UNDER_AGE.search(one.text)] == []


def test_a_line_is_a_sentence():
    assert parse(f"{HEAD}\nspam\ten\tlink\tspam,illicit\tBuy it [URL]") == (
        HarmSentence("spam", "en", "link", frozenset({"spam", "illicit"}), "Buy it [URL]"),
    )


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("text", "line 1 has to be"),
        (f"{HEAD}\nspam\ten\tlink\tspam", "line 2 has 4 fields"),
        (f"{HEAD}\nspam\ten\tlink\tspam,rude\tx", "line 2 has the label 'rude', which is none"),
        (f"{HEAD}\nrude\ten\tlink\t\tx", "line 2 has the label 'rude', which is none"),
        (f"{HEAD}\nspam\ten\tlink\thate\tx", "line 2 is about spam, which it has not"),
        (f"{HEAD}\nspam\ten\tlink\tspam\t ", "line 2 has no text"),
    ],
)
def test_what_is_no_such_table_is_refused_by_its_line(table, reason):
    with pytest.raises(BadConfig, match=reason):
        parse(table)
