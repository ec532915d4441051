"""Topics of texts: confidences, thresholds, prototypes and trained heads."""

import hashlib
import io
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from benchmarks.text.our_posts import read_posts
from functions.topics.classifier import FINGERPRINT, Classifier, Heads, Rule
from functions.topics.prototypes import Prototypes
from functions.topics.taxonomy import ancestors, taxonomy
from shared.artifacts import Artifact, Manifest
from shared.errors import StaleModel
from shared.text.embedding import embed
from shared.text.vectors import EMBEDDING_SIZE

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
PATHS = taxonomy().paths


@pytest.fixture(scope="module")
def classifier():
    return Classifier.of_taxonomy()


@pytest.fixture(scope="module")
def posts():
    """The intended topic of each of our posts, and (n, 512) their vectors."""
    rows = read_posts()
    return [topic for topic, _ in rows], embed([text for _, text in rows])


def paths_of(classifier, *texts, limit=5):
    return [[match.path for match in matches] for matches in classifier.classify(embed(texts), limit)]


def artifact(model):
    manifest = Manifest("topics", "all", "20260131T120000Z", NOON, (NOON, NOON), ("x",), FINGERPRINT)
    return Artifact(manifest, model)


def with_head(classifier, path, weights, bias):
    """A classifier with one head."""
    topic = np.array([PATHS.index(path)])
    return Classifier(
        classifier.prototypes, Heads(topic, weights[None].astype(np.float32), np.array([bias], np.float32))
    )


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("The keeper saved a penalty in extra time", "sports/football"),
        ("นักเตะยิงประตูสองลูกพาทีมเข้ารอบ", "sports/football"),
        ("My kitten sleeps on my keyboard", "pets/cats"),
        ("ลูกแมวนอนบนคีย์บอร์ด", "pets/cats"),
        ("The parliament votes on the new tax law today", "politics/government"),
        ("Bitcoin fell again, my wallet hurts", "business/cryptocurrency"),
        ("料理のレシピ：玉ねぎを炒めてカレー粉を加える", "food/cooking"),
        ("Bukit ini meletus, gempa dan tsunami melanda pantai", "society/disasters"),
    ],
)
def test_a_post_gets_the_topic_it_is_about_and_those_above_it(classifier, text, path):
    (paths,) = paths_of(classifier, text)

    assert {path, *ancestors(path)} <= set(paths)


@pytest.mark.parametrize("text", ["good evening to all of you", "ok thanks, bye", "สวัสดีค่ะทุกคน", "haha yes"])
def test_small_talk_has_no_topic(classifier, text):
    assert paths_of(classifier, text) == [[]]


def test_our_posts_get_the_right_topics_and_small_talk_hardly_any(classifier, posts):
    intended, vectors = posts
    classified = [[match.path for match in matches] for matches in classifier.classify(vectors, 5)]
    topical = [
        topic in paths or any(path.startswith(topic + "/") for path in paths)
        for topic, paths in zip(intended, classified, strict=True)
        if topic
    ]
    talk = [bool(paths) for topic, paths in zip(intended, classified, strict=True) if not topic]

    assert np.mean(topical) >= 0.78
    assert np.mean(talk) <= 0.05


def test_confidences_fall_from_parent_to_child_and_add_up_to_no_more_than_the_parents(classifier, posts):
    confidences = classifier.confidences(posts[1])

    assert ((confidences >= 0) & (confidences <= 1)).all()
    for parent, path in enumerate(("", *PATHS), start=-1):
        children = [number for number, topic in enumerate(taxonomy().topics) if topic.parent == path]
        above = confidences[:, parent] if path else 1.0
        assert (confidences[:, children].sum(axis=1) <= above + 1e-5).all()


def test_topics_are_given_from_the_threshold_on_surest_first_with_all_above_them(classifier, posts):
    for matches in classifier.classify(posts[1], 5):
        confidences = [match.confidence for match in matches]
        paths = [match.path for match in matches]
        assert confidences == sorted(confidences, reverse=True)
        assert all(confidence >= classifier.rule.threshold for confidence in confidences)
        assert all(paths.index(above) < paths.index(path) for path in paths for above in ancestors(path))


def test_a_post_of_several_topics_gets_several_but_no_more_than_asked_for(classifier):
    text = "We flew to Osaka for a week: temples, street food, and a concert of our favourite band"
    low = Classifier(classifier.prototypes, classifier.heads, Rule(inverse_temperature=15.0, threshold=0.05))

    (several,), (single,) = paths_of(low, text), paths_of(low, text, limit=1)

    def lowest(paths):
        return [path for path in paths if not any(other.startswith(path + "/") for other in paths)]

    assert 1 < len(lowest(several)) <= 5
    assert len(lowest(single)) == 1
    assert single[0] == several[0]


def test_a_vector_gets_the_same_topics_whatever_stands_beside_it(classifier, posts):
    together = classifier.confidences(posts[1][:40])
    alone = np.concatenate([classifier.confidences(row[None]) for row in posts[1][:40]])

    assert np.abs(together - alone).max() < 1e-4


def test_no_texts_have_no_topics(classifier):
    assert classifier.classify(embed([]), 5) == []


def test_a_head_lifts_its_topic_and_what_is_below_and_presses_the_others(classifier):
    (vector,) = embed(["An afternoon at the stadium"])
    none, yes = np.zeros(EMBEDDING_SIZE), with_head(classifier, "sports", np.zeros(EMBEDDING_SIZE), 1.0)
    plain, lifted = classifier.confidences(vector[None])[0], yes.confidences(vector[None])[0]
    head_offset = with_head(classifier, "sports", none, classifier.rule.head_offset).confidences(vector[None])[0]

    sports = [number for number, path in enumerate(PATHS) if path.split("/")[0] == "sports"]
    others = [number for number in range(len(PATHS)) if number not in sports]
    assert (lifted[sports] >= plain[sports]).all()
    assert (lifted[others] <= plain[others]).all()
    assert head_offset == pytest.approx(plain, abs=1e-5)


def test_what_is_stored_classifies_as_before(classifier, posts):
    rng = np.random.default_rng(0)
    headed = with_head(classifier, "entertainment/music", rng.normal(size=EMBEDDING_SIZE), 0.1)
    again = Classifier.read(artifact(headed.to_bytes()))

    assert again.version == "20260131T120000Z"
    assert again.rule == headed.rule
    assert (again.confidences(posts[1]) == headed.confidences(posts[1])).all()
    assert again.to_bytes() == headed.to_bytes()


def test_the_taxonomy_alone_gives_the_same_bytes_and_version_each_time(classifier):
    again = Classifier.of_taxonomy()

    assert again.to_bytes() == classifier.to_bytes()
    assert again.version == classifier.version


def test_the_version_without_an_artifact_does_not_depend_on_the_names_of_fields(classifier):
    """It is stored with every post: another one would annotate all posts anew."""
    rule = "Rule(sharpness=35.0, head_weight=17.0, undecided=0.35, threshold=0.3)"

    assert classifier.version == hashlib.sha256(f"{FINGERPRINT} {rule}".encode()).hexdigest()[:12]


def arrays(classifier, **changed):
    with np.load(io.BytesIO(classifier.to_bytes())) as stored:
        kept = {name: stored[name] for name in stored.files}
    file = io.BytesIO()
    np.savez(file, **{name: array for name, array in (kept | changed).items() if array is not None})
    return file.getvalue()


def damaged(classifier):
    prototypes = classifier.prototypes
    stored = prototypes.vectors.astype(np.float16)
    topic = prototypes.topic.astype(np.int64)
    first, weights = np.zeros(1, np.int64), np.zeros((1, EMBEDDING_SIZE), np.float32)
    headed = {"weights": weights, "bias": np.zeros(1, np.float32)}
    two = {"weights": np.zeros((2, EMBEDDING_SIZE), np.float32), "bias": np.zeros(2, np.float32)}
    return {
        "no archive": b"nothing of the kind",
        "nothing": b"",
        "cut short": classifier.to_bytes()[:-200],
        "no weights": arrays(classifier, weights=None),
        "another kind": arrays(classifier, phrases=prototypes.vectors),
        "objects": arrays(classifier, bias=np.array([{}], object)),
        "a phrase too few": arrays(classifier, phrases=stored[1:]),
        "another width": arrays(classifier, phrases=stored[:, 1:].copy()),
        "not finite": arrays(classifier, phrases=np.where(stored > 0.1, np.float16("nan"), stored)),
        "a topic without phrases": arrays(classifier, phrase_topic=np.maximum(topic, 1)),
        "a topic too many": arrays(classifier, phrase_topic=topic + 1),
        "a head without weights": arrays(classifier, head_topic=first),
        "a head of no topic": arrays(classifier, head_topic=first + len(PATHS), **headed),
        "a head below all": arrays(classifier, head_topic=first - 1, **headed),
        "two heads of one topic": arrays(classifier, head_topic=np.zeros(2, np.int64), **two),
        "half a rule": arrays(classifier, rule=np.zeros(2)),
    }


def test_bytes_that_are_no_classifier_of_this_taxonomy_are_refused(classifier):
    for fault, model in damaged(classifier).items():
        with pytest.raises(StaleModel):
            print(fault, Classifier.read(artifact(model)))


def test_a_head_that_stands_at_its_place_is_read(classifier):
    model = arrays(
        classifier,
        head_topic=np.array([3]),
        weights=np.zeros((1, EMBEDDING_SIZE), np.float32),
        bias=np.zeros(1, np.float32),
    )

    assert Classifier.read(artifact(model)).heads.topic.tolist() == [3]


def test_phrases_are_exact_as_they_are_stored():
    prototypes = Prototypes.of(taxonomy())

    assert (prototypes.vectors.astype(np.float16).astype(np.float32) == prototypes.vectors).all()
    assert replace(prototypes).topic.max() == len(PATHS) - 1
