"""Topics that people choose for posts: what they change, what leaves them alone, and what is learnt from them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from functions.privacy import erase_account
from functions.topics import reclassify_contents, train_topics
from functions.topics.classifier import FAMILY, FINGERPRINT, KEY, Classifier, Rule
from functions.topics.corrections import apply_corrections, correct, training_texts
from functions.topics.options import Topics
from functions.topics.store.described_posts import DescribedPosts
from functions.topics.store.topic_corrections import Correction, TopicCorrections
from functions.topics.taxonomy import taxonomy
from shared.artifacts import Registry
from shared.documents import Document
from shared.errors import Conflict, NotFound
from shared.text.embedding import embed
from tests.changes import TEXT, edited, inserted, state
from tests.conftest import SIGNING_KEY
from tests.factories import an_id, write_users
from tests.factories import post as a_post
from tests.topics.texts import CATS, hash_of

LEE, KIM = "lee@example.org", "kim@example.org"
DAY = timedelta(days=1)

# Cards that are collected and coffee that is brewed, as those speak of it who do: the phrases find sports in most.
PULLS = ("Pulled", "Still hunting", "Trading my spare", "Finally sleeved")
FINDS = ("the holo rare", "a sealed booster", "the first edition foil", "a mint graded ten")
BREWS = ("Pulled two shots on", "Dialled in", "Bloom is channelling again on", "Swapped the burrs before")
BEANS = ("the new beans", "this natural", "my morning cup", "the single origin")
CARDS = [f"{pull} {find}" for pull, find in product(PULLS, FINDS)]
COFFEE = [f"{brew} {beans}" for brew, beans in product(BREWS, BEANS)]
UNSEEN = range(0, 16, 5)  # of each, those that nobody corrects


@pytest.fixture
def choose(store, annotator, noon):
    """Correct the topics of a post, as somebody who sees the ones that it has."""

    def give(name, *topics, text=TEXT, by=LEE, seen=None, minutes=0):
        described = DescribedPosts(store).find(an_id(name))
        shown = [each.path for each in described.topics] if described else []
        now = noon + timedelta(minutes=minutes)
        chosen = Correction(an_id(name), topics, hash_of(text), "en", by, "because", now)
        correct(store, chosen, seen=shown if seen is None else seen, topic_ids=annotator.topic_ids, now=now)

    return give


@pytest.fixture
def match(store, classify, kept):
    """A post on football, described as such."""
    store.app.contents.insert_one(state("match"))
    classify(inserted("match"))
    assert topics_of(kept("match")) == ["sports", "sports/football"]


def topics_of(row):
    return [score["path"] for score in row["topicScores"]]


def test_a_correction_is_shown_at_once_beside_what_the_classifier_found(match, choose, kept, paths, noon):
    evidence = kept("match")["topicEvidence"]

    choose("match", "pets/cats", minutes=5)

    row = kept("match")
    assert paths(row) == topics_of(row) == ["pets", "pets/cats"]
    assert {score["confidence"] for score in row["topicScores"]} == {1.0}
    assert (row["topicState"], row["updatedAt"]) == ("named", noon + timedelta(minutes=5))
    assert row["topicEvidence"] == evidence


def test_a_post_may_be_about_nothing(match, choose, kept):
    choose("match")

    assert (kept("match")["topics"], kept("match")["topicState"]) == ([], "none")


def test_evidence_is_the_nearest_phrase_of_each_topic(match, kept):
    row = kept("match")

    assert [(each["path"], each["confidence"]) for each in row["topicEvidence"]] == [
        (score["path"], score["confidence"]) for score in row["topicScores"]
    ]
    football = next(topic for topic in taxonomy().topics if topic.path == "sports/football")
    for each in row["topicEvidence"]:
        assert each["phrase"] in football.prototypes, "the nearest of all below sports is one of football"
        [text, phrase] = embed([TEXT, each["phrase"]])
        assert each["similarity"] == pytest.approx(float(text @ phrase), abs=0.01)
        assert "head" not in each


def test_it_stays_whatever_describes_the_post_anew(match, choose, classify, kept, store, annotator, noon):
    choose("match", "pets/cats")
    newer = replace(annotator, version="newer")

    classify(inserted("match"))
    classify(edited("match", second=9), by=newer)
    reclassify_contents.run(store, replace(annotator, version="newest"), Topics(), now=noon + DAY)

    assert (topics_of(kept("match")), kept("match")["model"]) == (["pets", "pets/cats"], "newest")


def test_another_text_has_the_topics_of_the_classifier_until_it_is_the_former_again(match, choose, classify, kept):
    choose("match", "food")

    classify(edited("match", CATS, second=9))
    assert topics_of(kept("match")) == ["pets", "pets/cats"]
    classify(edited("match", second=10))

    assert topics_of(kept("match")) == ["food"]


def test_a_post_that_is_described_later_gets_the_topics_then(store, choose, classify, kept):
    store.app.contents.insert_one(state("match"))
    choose("match", "pets/cats")

    classify(inserted("match"))

    assert topics_of(kept("match")) == ["pets", "pets/cats"]


def test_what_a_run_left_out_that_was_cut_short_is_made_up_for(match, choose, kept, store, annotator, noon):
    before = store.app.contentinfo.find_one()
    choose("match", "pets/cats")
    store.app.contentinfo.replace_one({"_id": before["_id"]}, before)

    reclassify_contents.run(store, annotator, Topics(), now=noon)

    assert topics_of(kept("match")) == ["pets", "pets/cats"]
    assert apply_corrections(store, [an_id("match")], annotator.topic_ids, now=noon) == 0


@pytest.mark.parametrize(
    ("seen", "text"), [(["pets"], TEXT), ([], TEXT), (None, "Another text")], ids=["others", "none", "text"]
)
def test_who_saw_something_else_changes_nothing(match, choose, snapshot, seen, text):
    before = snapshot()

    with pytest.raises(Conflict):
        choose("match", "food", seen=seen, text=text)

    assert snapshot() == before


def test_the_same_correction_twice_is_one_and_another_one_replaces_it(match, choose, snapshot, kept, store):
    shown = topics_of(kept("match"))
    choose("match", "pets/cats", seen=shown)
    once = snapshot()

    choose("match", "pets/cats", seen=shown, minutes=1)
    assert snapshot() == once
    with pytest.raises(Conflict):
        choose("match", "pets/cats", seen=shown, by=KIM, minutes=1)
    choose("match", "food", by=KIM, minutes=2)

    assert topics_of(kept("match")) == ["food"]
    [correction] = store.analytics.topicCorrections.find()
    assert (correction["by"], correction["topics"]) == (KIM, ["food"])


def test_of_several_at_once_one_counts(match, choose, kept, store):
    shown, members = topics_of(kept("match")), ["food", "pets", "travel", "music"]

    def attempt(name):
        try:
            choose("match", "food", by=name, seen=shown)
        except Conflict:
            return None
        return name

    with ThreadPoolExecutor(4) as pool:
        done = [name for name in pool.map(attempt, members) if name]

    assert [row["by"] for row in store.analytics.topicCorrections.find()] == done
    assert topics_of(kept("match")) == ["food"]


def test_malformed_corrections_are_left_out(match, choose, kept, store, noon):
    sound: Document = {"topics": ["food"], "textHash": hash_of(TEXT), "language": "en", "by": LEE, "updatedAt": noon}
    junk: list[Document] = [
        {"contentId": 5},
        {"topics": "food"},
        {"topics": [7]},
        {"textHash": None},
        {"by": ""},
        {"language": 3},
    ]
    rows = [{"contentId": an_id(f"post {n}"), **sound, **fields} for n, fields in enumerate(junk)]
    store.analytics.topicCorrections.insert_many([*rows, {"contentId": an_id("match"), **sound, "updatedAt": "noon"}])

    assert TopicCorrections(store).newest(100, now=noon) == []
    choose("match", "pets/cats")

    assert topics_of(kept("match")) == ["pets", "pets/cats"]
    assert [each.post for each in TopicCorrections(store).newest(100, now=noon)] == [an_id("match")]


def test_a_topic_that_the_tree_has_no_more_changes_nothing(match, choose, store, annotator, noon):
    ids = {path: key for path, key in annotator.topic_ids.items() if path != "pets"}
    choose("match", "pets/cats")
    store.app.contentinfo.update_one({}, {"$set": {"topics": []}})

    assert apply_corrections(store, [an_id("match")], ids, now=noon) == 0


@pytest.fixture
def corrected_posts(store, noon):
    """Published posts on cards by ann and on coffee by bob, corrected but for the `UNSEEN` ones."""
    write_users(store.app, "ann", "bob", now=noon)
    for texts, topics, author in ((CARDS, ("gaming/tabletop",), "ann"), (COFFEE, ("food/coffee-and-tea",), "bob")):
        named = {f"{author} {n}": text for n, text in enumerate(texts)}
        store.app.contents.insert_many(
            [a_post(name, now=noon, author=author, payload={"message": text}) for name, text in named.items()]
        )
        for n, (name, text) in enumerate(named.items()):
            if n not in UNSEEN:
                at = noon - timedelta(minutes=n)
                chosen = Correction(an_id(name), topics, hash_of(text), "en", LEE, "", at)
                assert TopicCorrections(store).put(chosen, instead_of=None)


@pytest.fixture
def train(store, noon):
    def run(days=0):
        registry = Registry(store.analytics, [SIGNING_KEY.encode()])
        report = train_topics.run(store, registry, Topics(min_head_texts=12), now=noon + days * DAY)
        loaded, _ = registry.load(FAMILY, KEY, FINGERPRINT, Classifier.read)
        return report, loaded

    return run


def named(classifier, texts, path):
    """How many of the texts the classifier says are about the topic."""
    confidences = classifier.confidences(embed(texts))
    return int((confidences[:, taxonomy().paths.index(path)] >= Rule().threshold).sum())


def test_the_classifier_learns_from_corrections_what_it_missed_in_unseen_texts(corrected_posts, train, without_heads):
    _, learnt = train()

    for texts, path in ((CARDS, "gaming/tabletop"), (COFFEE, "food/coffee-and-tea")):
        unseen = [texts[n] for n in UNSEEN]
        assert named(without_heads, unseen, path) <= 1
        assert named(learnt, unseen, path) >= 3


def test_a_correction_counts_instead_of_other_labels_of_the_text(corrected_posts, store, noon):
    other = {"topics": ["pets"], "updatedAt": noon - DAY}
    store.analytics.labelledTexts.insert_many([{"text": CARDS[1], **other}, {"text": CATS, **other}])

    texts, _ = training_texts(store, 100, now=noon)

    topics = [(text.text, text.topics) for text in texts if text.text in (CARDS[1], CATS)]
    assert topics == [(CARDS[1], ("gaming/tabletop",)), (CATS, ("pets",))]
    assert [text.text for text in training_texts(store, 2, now=noon)[0]] == [CARDS[1], COFFEE[1]]


@pytest.mark.parametrize("hidden", ["post", "author", "account", "edited"])
def test_a_text_that_nobody_may_see_is_not_learnt_from(corrected_posts, train, store, noon, hidden):
    contents, hide = store.app.contents, {"$set": {"visibility": "hidden"}}
    train()
    if hidden == "post":
        contents.update_one({"_id": an_id("ann 1")}, hide)
    if hidden == "author":
        store.app.users.update_one({"_id": an_id("ann")}, hide)
    if hidden == "account":
        store.app.accounts.update_one({"_id": an_id("account of ann")}, hide)
    if hidden == "edited":
        contents.update_one({"_id": an_id("ann 1")}, {"$set": {"payload.message": "Another text"}})

    texts = {text.text for text in training_texts(store, 100, now=noon)[0]}
    report, _ = train(days=1)

    assert CARDS[1] not in texts
    assert len(texts) == (12 if hidden in ("author", "account") else 23)
    assert report.details["labelled"] == len(texts)


def test_after_an_erasure_nothing_of_the_account_is_learnt_from_or_comes_back(
    corrected_posts, train, store, annotator, noon
):
    train()
    erase_account.run(store, str(an_id("account of ann")), now=noon)

    assert {text.topics for text in training_texts(store, 100, now=noon)[0]} == {("food/coffee-and-tea",)}
    assert store.analytics.topicCorrections.count_documents({}) == 12
    late = Correction(an_id("ann 1"), ("pets",), hash_of(CARDS[1]), "en", LEE, "", noon)
    with pytest.raises(NotFound):
        correct(store, late, seen=[], topic_ids=annotator.topic_ids, now=noon)
    assert store.analytics.topicCorrections.count_documents({}) == 12
    report, learnt = train(days=1)
    assert (report.details["labelled"], len(learnt.heads.topic)) == (12, 0)


def test_corrections_of_posts_that_are_gone_go_with_the_next_training(corrected_posts, train, store):
    store.app.contents.delete_many({"author.id": an_id("ann")})

    report, _ = train()

    assert report.removed == 12
    assert train(days=1)[0].as_dict() == {"read": 0, "written": 0, "skipped": "nothing changed"}
