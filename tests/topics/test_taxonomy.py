"""The taxonomy: its size, names, phrases and fingerprint, and malformed ones."""

import pytest

from benchmarks.text.our_posts import read_posts
from benchmarks.text.topic_accuracy import CLASSES, FOURTEEN, measure
from functions.topics.taxonomy import FILE, HEAD, NONE_CLASS, read, taxonomy
from shared.errors import BadConfig

TALK = f"{NONE_CLASS}\tSmall talk\t\tgood evening"


def lines(*rows, head=HEAD, talk=TALK):
    return [head, *rows, talk]


def test_there_are_between_60_and_120_leaves_on_two_or_three_levels():
    assert 60 <= len(taxonomy().leaves()) <= 120
    assert {path.count("/") for path in taxonomy().leaves()} <= {0, 1, 2}
    assert not [path for path in taxonomy().leaves() if "/" not in path and path != "geography"]


def test_parents_come_before_their_children_so_that_one_pass_resolves_them():
    above = {""}
    for topic in taxonomy().topics:
        assert topic.parent in above
        above.add(topic.path)


def test_every_topic_has_a_name_of_its_own_and_two_to_six_phrases_that_no_other_has():
    topics = taxonomy().topics
    prototypes = [phrase for topic in topics for phrase in topic.prototypes] + list(taxonomy().none_class_prototypes)

    assert len({topic.name for topic in topics}) == len(topics)
    assert len(set(prototypes)) == len(prototypes)
    assert {len(topic.prototypes) for topic in topics} <= {2, 3, 4, 5, 6}


def test_an_id_of_the_iab_stands_beside_one_topic_only():
    ids = [topic.iab for topic in taxonomy().topics if topic.iab]

    assert len(set(ids)) == len(ids)
    assert len(ids) > 100


@pytest.mark.parametrize(
    "path",
    ["sports/football", "sports/combat", "religion/buddhism", "entertainment/music/k-pop", "business/cryptocurrency"],
)
def test_what_people_here_talk_about_has_a_place(path):
    assert path in taxonomy().paths


def test_the_fingerprint_follows_paths_and_phrases_but_not_names():
    text = FILE.read_text().splitlines()
    renamed = [line.replace("\tPets\t", "\tAnimals at home\t") for line in text]
    rephrased = [line.replace("pets at home", "animals at home") for line in text]

    assert read(renamed).fingerprint == taxonomy().fingerprint
    assert read(rephrased).fingerprint != taxonomy().fingerprint


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (lines("sports\tSports\t\tmatch", "sports\tSports\t\tmatch"), "line 3: 'sports' stands there twice"),
        (lines("sports/football\tFootball\t\tgoal"), "comes before its parent 'sports'"),
        (lines("Sports\tSports\t\tmatch"), "'Sports' is no path"),
        (lines("sports-\tSports\t\tmatch"), "'sports-' is no path"),
        (lines("a\tA\t\tx", "a/b\tB\t\tx", "a/b/c\tC\t\tx", "a/b/c/d\tD\t\tx"), "is deeper than 3 levels"),
        (lines("sports\tSports\t\tmatch | "), "lacks a name or a phrase"),
        (lines("sports\t\t\tmatch"), "lacks a name or a phrase"),
        (lines("sports\tSports\tmatch"), "has 3 fields instead of 4"),
        (lines(head="path\tname"), "begins with"),
        ([HEAD, "sports\tSports\t\tmatch"], "has no line of small talk"),
    ],
)
def test_a_taxonomy_that_does_not_hold_together_is_refused(rows, fault):
    with pytest.raises(BadConfig, match=fault):
        read(rows)


def test_what_the_benchmark_asks_for_is_in_the_taxonomy():
    assert {*CLASSES.values(), *FOURTEEN.values()} <= set(taxonomy().paths)
    assert {topic for topic, _ in read_posts() if topic} <= set(taxonomy().paths)


def test_the_benchmark_says_so_where_the_sentences_are_not(tmp_path):
    assert measure(tmp_path) is None
