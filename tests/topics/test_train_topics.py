"""When topic heads are trained, which are kept, and what the artifact holds."""

from datetime import timedelta
from itertools import product

import numpy as np
import pytest
from bson import DatetimeMS
from msgspec.structs import replace

from functions.topics import train_topics
from functions.topics.classifier import FAMILY, FINGERPRINT, KEY, Classifier, Rule
from functions.topics.options import Topics
from functions.topics.prototypes import Prototypes
from functions.topics.taxonomy import taxonomy
from functions.topics.train_topics import LabelledEmbeddings, f1, fit_heads
from shared.artifacts import FrozenModel, FrozenModels, Registry
from shared.errors import Conflict, Unavailable
from shared.text.embedding import embed
from shared.text.vectors import EMBEDDING_SIZE
from tests.conftest import SIGNING_KEY

OPTIONS = Topics(min_head_texts=12)
DAY = timedelta(days=1)

# How a network could speak of sports and food, in words that no prototype of the taxonomy has.
MOVES = ("Our ultras sang for", "Nobody pressed high against", "Another clean sheet by", "The gaffer benched half of")
SIDES = ("the reds", "the old rivals", "the yellow wall", "the blues")
EATEN = ("A bowl of", "Second helping of", "Grandma's", "I could live on")
DISHES = ("khao soi", "congee", "laksa", "pad kra pao")
SPORTS = [f"{move} {side}" for move, side in product(MOVES, SIDES)]
FOOD = [f"{eaten} {dish}" for eaten, dish in product(EATEN, DISHES)]


@pytest.fixture
def registry(store):
    return Registry(store.analytics, [SIGNING_KEY.encode()])


@pytest.fixture
def label(store, noon):
    """Put texts with these topics, in the order given, one a minute."""

    def put(texts, *topics, at=noon, **fields):
        store.analytics.labelledTexts.insert_many(
            {"text": text, "topics": list(topics), "updatedAt": at - timedelta(minutes=40 - n)} | fields
            for n, text in enumerate(texts)
        )

    return put


@pytest.fixture
def labelled(label):
    label(SPORTS, "sports/football")
    label(FOOD, "food", language="en")


@pytest.fixture
def train(store, registry, noon):
    def run(*, now=noon, **options):
        return train_topics.run(store, registry, replace(OPTIONS, **options), now=now)

    return run


@pytest.fixture
def blind(monkeypatch):
    """From then on, heads find nothing in texts that they have not seen."""

    def nothing(prototypes, examples, options):
        return np.zeros(examples.about.shape, np.float32)

    return lambda: monkeypatch.setattr(train_topics, "out_of_fold", nothing)


def live(registry):
    """(manifest, classifier) of the live version."""

    def read(artifact):
        return artifact.manifest, Classifier.read(artifact)

    loaded, refused = registry.load(FAMILY, KEY, FINGERPRINT, read)
    assert refused == []
    return loaded


def headed(classifier):
    """The paths of the topics that have a head."""
    return [taxonomy().paths[number] for number in classifier.heads.topic]


def test_without_labelled_texts_the_taxonomy_alone_becomes_live(registry, train, noon):
    report = train()

    manifest, classifier = live(registry)
    assert report.as_dict() == {
        "read": 0,
        "written": 1,
        "labelled": 0,
        "heads": 0,
        "promoted": 1,
        "refused": 0,
        "unusable": 0,
    }
    assert (manifest.version, manifest.trained_at, manifest.window) == ("20260131T120000Z", noon, (noon, noon))
    assert classifier.to_bytes() == Classifier.of_taxonomy().to_bytes()


def test_while_it_is_frozen_the_live_one_stays_and_the_new_one_is_kept(store, registry, train, noon, request):
    train()
    FrozenModels(store.analytics).freeze(FrozenModel(FAMILY, KEY, "fewer topics", "ana@example.org", noon))
    request.getfixturevalue("labelled")

    report = train(now=noon + DAY)

    assert (report.written, report.details["promoted"], report.details["frozen"]) == (0, 0, KEY)
    assert live(registry)[0].version == "20260131T120000Z"
    assert store.analytics.artifactVersions.count_documents({"promotedAt": {"$exists": False}}) == 1


def test_the_document_keeps_the_contract(store, train, noon):
    train()

    (document,) = store.analytics.mlArtifacts_topics.find()
    assert (document["account"], document["model"], document["trainedAt"]) == ("all", "linear", noon)
    assert isinstance(document["artifact"], bytes)


def test_topics_with_enough_labelled_texts_get_a_head_and_so_do_those_above_them(labelled, registry, train):
    report = train()

    manifest, classifier = live(registry)
    assert headed(classifier) == ["sports", "sports/football", "food"]
    assert report.read == 32
    assert report.details["f1_heads"] > report.details["f1_phrases"]
    assert manifest.metrics["f1_heads"] == pytest.approx(report.details["f1_heads"], abs=1e-4)


def test_a_head_finds_what_the_phrases_do_not(labelled, registry, train):
    vectors = embed(["Nobody pressed high against the yellow wall", "Grandma's congee"])
    train()

    without_heads = Classifier.of_taxonomy().confidences(vectors)
    with_heads = live(registry)[1].confidences(vectors)
    football, food = (taxonomy().paths.index(path) for path in ("sports/football", "food"))
    assert with_heads[0, football] > max(without_heads[0, football], Rule().threshold)
    assert with_heads[1, food] > Rule().threshold


def test_a_second_run_changes_nothing_on_the_same_day_or_the_next(labelled, train, noon, snapshot):
    train()
    before = snapshot()

    assert train().as_dict() == {"read": 0, "written": 0, "skipped": "nothing changed"}
    assert train(now=noon + DAY).details == {"skipped": "nothing changed"}
    assert snapshot() == before


def test_the_same_texts_give_the_same_bytes_whenever_they_are_learnt_from(labelled, store, registry, train, noon):
    train()
    first = live(registry)[1].to_bytes()
    store.analytics.mlArtifacts_topics.delete_many({})

    train(now=noon + DAY)

    assert live(registry)[1].to_bytes() == first


@pytest.mark.parametrize("change", ["add", "edit", "remove", "option"])
def test_whatever_changes_is_learnt_from(labelled, label, store, registry, train, noon, change):
    texts = store.analytics.labelledTexts
    train()
    if change == "add":
        label(["Nothing beats mango sticky rice"], "food", at=noon - DAY)
    if change == "edit":
        texts.update_one({"text": FOOD[0]}, {"$set": {"topics": ["food/street-food"], "updatedAt": noon + DAY}})
    if change == "remove":
        texts.delete_one({"text": FOOD[3]})

    train(now=noon + DAY, min_head_texts=13 if change == "option" else OPTIONS.min_head_texts)

    assert live(registry)[0].version == "20260201T120000Z"


def test_a_topic_with_too_few_texts_has_no_head(label, registry, train):
    label(SPORTS[:11], "sports/football")

    train()

    assert headed(live(registry)[1]) == []


def test_heads_that_find_less_than_the_phrases_are_left_out(labelled, registry, train, blind):
    blind()

    report = train()

    assert report.details["f1_heads"] < report.details["f1_phrases"]
    assert report.details["heads"] == 0
    assert headed(live(registry)[1]) == []


def test_a_candidate_that_is_worse_on_newer_texts_does_not_become_live(labelled, label, registry, train, noon, blind):
    train()
    version = live(registry)[0].version
    label([f"{text}, as ever" for text in SPORTS], "sports/football", at=noon + DAY)
    blind()

    report = train(now=noon + 2 * DAY)

    assert report.details["newer_candidate"] < report.details["newer_live"]
    assert (report.written, report.details["promoted"]) == (0, 0)
    assert live(registry)[0].version == version


def test_a_candidate_that_is_as_good_on_newer_texts_becomes_live(labelled, label, registry, train, noon):
    train()
    label([f"{text}, as ever" for text in SPORTS], "sports/football", at=noon + DAY)

    report = train(now=noon + 2 * DAY)

    assert report.details["newer_candidate"] >= report.details["newer_live"]
    assert live(registry)[0].version == "20260202T120000Z"


def test_texts_that_cannot_be_used_are_told_and_left_out(labelled, label, store, registry, train, noon):
    label(["Bóng đá là niềm vui của tôi"], "sports", language="vi")
    label(["Underwater basket weaving"], "sports/basket-weaving")
    odd: list[dict[str, object]] = [
        {"text": 7, "topics": []},
        {"text": "no topics"},
        {"text": "x", "topics": [1]},
        {"text": " ", "topics": []},
    ]
    store.analytics.labelledTexts.insert_many([text | {"updatedAt": noon} for text in odd])

    report = train()

    assert (len(report.malformed), report.details["unusable"]) == (4, 2)
    assert headed(live(registry)[1]) == ["sports", "sports/football", "food"]


def test_a_date_beyond_the_calendar_is_told_and_hides_no_later_change(labelled, label, store, registry, train, noon):
    odd = {"text": "When is it?", "topics": ["sports"]}
    store.analytics.labelledTexts.insert_many(odd | {"updatedAt": DatetimeMS(at)} for at in (2**61, -(2**61)))

    assert len(train().malformed) == 2
    assert headed(live(registry)[1]) == ["sports", "sports/football", "food"]
    assert train(now=noon + DAY).details == {"skipped": "nothing changed"}
    store.analytics.labelledTexts.update_one({"text": FOOD[0]}, {"$set": {"updatedAt": noon + DAY}})
    assert train(now=noon + DAY).written == 1


def test_only_dates_beyond_the_calendar_are_no_texts(store, train):
    store.analytics.labelledTexts.insert_one({"text": "x", "topics": [], "updatedAt": DatetimeMS(2**61)})

    assert (len(train().malformed), train().details) == (1, {"skipped": "nothing changed"})


def test_only_the_texts_that_changed_last_are_read(labelled, label, train, noon):
    label(["Ramen at midnight"], "food", at=noon)

    assert train(max_labelled=20).read == 20


@pytest.fixture
def roll_back(labelled, label, store, registry, train, noon):
    """Two versions were trained, of which the first is brought back."""

    def bring_back():
        live_now = registry.live_version(FAMILY, KEY)
        registry.promote(FAMILY, KEY, "20260131T120000Z", instead_of=live_now, at=noon + 2 * DAY)

    train()
    label(["Nothing beats mango sticky rice"], "food", at=noon + DAY)
    train(now=noon + DAY)
    return bring_back


def test_an_older_version_that_was_brought_back_stays(roll_back, registry, train, noon, snapshot):
    roll_back()
    before = snapshot()

    for days in (2, 3):
        assert train(now=noon + days * DAY).details == {"skipped": "nothing changed"}

    assert live(registry)[0].version == "20260131T120000Z"
    assert snapshot() == before


@pytest.mark.parametrize("change", ["text", "option", "rule", "taxonomy"])
def test_an_older_version_that_was_brought_back_gives_way_to_what_is_new(
    roll_back, label, registry, train, noon, monkeypatch, change
):
    roll_back()
    if change == "text":
        label(["Somtam for breakfast"], "food", at=noon + 2 * DAY)
    if change == "rule":
        monkeypatch.setattr(train_topics, "Rule", lambda: Rule(inverse_temperature=36.0))
    if change == "taxonomy":
        monkeypatch.setattr(train_topics, "FINGERPRINT", "0123456789ab")

    assert train(now=noon + 3 * DAY, min_head_texts=13 if change == "option" else OPTIONS.min_head_texts).written == 1

    assert registry.live_version(FAMILY, KEY) == "20260203T120000Z"


def test_an_older_version_that_is_brought_back_during_the_training_stays(
    roll_back, label, registry, train, noon, monkeypatch
):
    label(["Somtam for breakfast"], "food", at=noon + 2 * DAY)
    train_heads = train_topics.train_heads

    def interrupted(*arguments):
        roll_back()
        return train_heads(*arguments)

    monkeypatch.setattr(train_topics, "train_heads", interrupted)

    with pytest.raises(Conflict, match="another version is live than 20260201T120000Z"):
        train(now=noon + 3 * DAY)

    assert live(registry)[0].version == "20260131T120000Z"


def test_what_was_trained_and_never_became_live_is_trained_again(labelled, registry, train, noon, monkeypatch):
    def unavailable(*arguments, **named):
        raise Unavailable("the database does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(Registry, "promote", unavailable)
        with pytest.raises(Unavailable):
            train()

    assert train(now=noon + DAY).written == 1
    assert live(registry)[0].version == "20260201T120000Z"


def test_a_damaged_live_model_is_replaced(labelled, store, registry, train, noon):
    train()
    for name in ("mlArtifacts_topics", "artifactVersions"):
        store.analytics[name].update_many({}, {"$set": {"artifact": b"damaged"}})

    report = train(now=noon + DAY)

    assert (report.details["promoted"], report.details["refused"]) == (1, 2)
    assert live(registry)[0].version == "20260201T120000Z"


def test_a_model_of_another_program_is_replaced_unread(store, registry, train, noon):
    store.analytics.mlArtifacts_topics.insert_one({"account": "all", "model": "linear", "artifact": b"\x80\x04."})

    train()

    assert live(registry)[0].trained_at == noon
    assert store.analytics.mlArtifacts_topics.count_documents({}) == 1


def test_two_runs_never_mix(store, train):
    with store.leases.hold(train_topics.NAME), pytest.raises(Conflict):
        train()

    assert store.analytics.artifactVersions.count_documents({}) == 0


def test_a_label_says_nothing_about_the_topics_below_it():
    examples = LabelledEmbeddings.of(np.zeros((3, EMBEDDING_SIZE), np.float32), [["sports"], ["sports/golf"], []])
    sports, golf, tennis = (taxonomy().paths.index(path) for path in ("sports", "sports/golf", "sports/tennis"))

    assert examples.about[:, [sports, golf, tennis]].tolist() == [
        [True, False, False],
        [True, True, False],
        [False] * 3,
    ]
    assert examples.unknown[:, [sports, golf, tennis]].tolist() == [[False, True, True], [False] * 3, [False] * 3]
    confidences = np.zeros(examples.about.shape, np.float32)
    confidences[0, golf] = 1.0  # may be right
    assert f1(confidences, examples, np.array([golf])) == 0.0
    confidences[1, golf] = 1.0
    assert f1(confidences, examples, np.array([golf])) == 1.0


def test_heads_do_not_depend_on_the_order_of_the_texts():
    vectors, named = embed([*SPORTS, *FOOD]), [["sports"]] * 16 + [["food"]] * 16
    order = np.random.default_rng(1).permutation(32)
    prototypes = Prototypes.of(taxonomy())

    in_order = fit_heads(prototypes, LabelledEmbeddings.of(vectors, named), 12)
    shuffled = fit_heads(prototypes, LabelledEmbeddings.of(vectors[order], [named[n] for n in order]), 12)

    assert shuffled.weights == pytest.approx(in_order.weights, abs=1e-4)
    assert shuffled.topic.tolist() == in_order.topic.tolist()


def test_one_text_gone_and_another_there_is_learnt_from_though_number_and_date_are_the_same(
    labelled, train, store, noon
):
    train()
    gone = store.analytics.labelledTexts.find_one_and_delete({"text": SPORTS[3]})
    store.analytics.labelledTexts.insert_one(
        {name: gone[name] for name in ("topics", "updatedAt")} | {"text": "Offside"}
    )

    assert "skipped" not in train(now=noon + DAY).details
