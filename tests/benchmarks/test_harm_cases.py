"""The cases of counter-speech, quotation and negation."""

from collections import Counter
from itertools import groupby

from benchmarks.text.harm_cases import INNOCENT, PLAIN, harm_cases
from functions.moderation.harm_sentences import harm_sentences
from functions.moderation.labels import LABELS

CASES = harm_cases()


def test_there_are_enough_in_each_language_and_about_each_label():
    assert len(CASES) >= 300
    assert Counter(case.language for case in CASES).keys() == {"en", "th", "es", "id", "ja"}
    assert min(Counter((case.language, case.kind) for case in CASES).values()) >= 15
    assert {label for case in CASES for label in case.labels} == set(LABELS)


def test_a_group_has_one_plain_case_and_innocent_ones_in_one_language():
    for number, group in groupby(CASES, key=lambda case: case.group):
        cases = list(group)
        assert len({case.language for case in cases}) == 1, number
        assert [bool(case.labels) for case in cases if case.kind == PLAIN] == [True], number
        innocent = [case for case in cases if case.kind != PLAIN]
        assert len(innocent) >= 2, number
        assert {case.kind for case in innocent} <= set(INNOCENT), number
        assert not any(case.labels for case in innocent), number


def test_no_model_learns_from_them():
    learnt = {sentence.text.casefold() for sentence in harm_sentences()}
    texts = [case.text.casefold() for case in CASES]

    assert len(set(texts)) == len(texts)
    assert learnt.isdisjoint(texts)
