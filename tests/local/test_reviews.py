"""Reviews of suspects: verdicts become labels, and suspects and detectors are shown."""

import io
from contextlib import nullcontext

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from functions.bots.store.suspects import Suspect, Suspects
from local import __main__ as commands
from local import show
from local.changes import relaying
from local.reviews import at_terminal, by_truth, detectors, review
from shared.artifacts import Registry
from shared.errors import Unavailable
from shared.store.malformed import collecting
from tests.bots.conftest import NOON, Town, extract, is_bot, judge, like_a_bot, like_a_person, names, readings, train
from tests.conftest import SIGNING_KEY
from tests.factories import an_id

ANN = Suspect(
    an_id("ann"),
    NOON,
    NOON,
    0.987,
    [{"feature": "viewsPerHour", "value": 700, "people": [3.2, 10], "says": "hurries"}],
    "v1",
)


@pytest.fixture
def waiting(deployed, store):
    """A store with three suspects that have reading features."""
    rng = np.random.default_rng(1)
    for name in ("b1", "b2", "p1"):
        rhythm = (like_a_bot if is_bot(name) else like_a_person)(rng)
        store.app.feeditems.insert_many(readings(name, *rhythm))
    extract(store)
    rows = store.analytics.credentialfeatures.find()
    Suspects(store).put(
        [Suspect(row["seenCredential"], row["firstSeenAt"], row["lastSeenAt"], 0.9, [], "v1") for row in rows], now=NOON
    )
    return store


def test_malformed_reasons_are_left_out_and_the_suspect_is_shown(waiting):
    malformed_reasons = [
        {"feature": "x"},
        "fast",
        {"says": "a", "value": "b", "people": [1, 2]},
        {"says": "a", "value": 1, "people": 3},
    ]
    waiting.app.suspiciouscredentials.update_many({}, {"$set": {"reasons": [*malformed_reasons, ANN.reasons[0]]}})

    with collecting() as malformed:
        suspects = Suspects(waiting).waiting()

    assert [list(suspect.reasons) for suspect in suspects] == [[ANN.reasons[0]]] * 3
    assert len(malformed.ids) == 3
    assert "hurries: 700" in printed(show.suspects, "", suspects)


def never():
    """Nothing to check."""


def printed(show_table, *arguments, width=100):
    text = io.StringIO()
    show_table(Console(file=text, width=width), *arguments)
    return text.getvalue()


def test_a_verdict_travels_by_the_relay_and_becomes_a_label(waiting):
    with relaying(waiting, lambda run: None) as relay:
        relay.await_start()
        result = review(
            waiting, Suspects(waiting).waiting(), lambda suspect: suspect.credential != an_id("p1"), relay.check
        )

    assert (len(result.bots), len(result.people)) == (2, 1)
    labelled = waiting.analytics.credentialfeatures.find({"verifiedAt": {"$exists": True}})
    assert {row["seenCredential"]: row["verificationStatus"] for row in labelled} == {
        an_id("b1"): True, an_id("b2"): True, an_id("p1"): False,
    }  # fmt: skip
    assert waiting.app.suspiciouscredentials.count_documents({}) == 0


def test_a_suspect_that_a_reviewer_skips_stays(waiting):
    result = review(waiting, Suspects(waiting).waiting(), lambda suspect: None, never)

    assert (list(result.bots), list(result.people)) == ([], [])
    assert waiting.app.suspiciouscredentials.count_documents({"verificationStatus": {"$exists": False}}) == 3


def test_a_verdict_that_nobody_takes_over_is_kept_and_reported(waiting, monkeypatch):
    monkeypatch.setattr("local.reviews.WITHIN_S", 0.05)

    with pytest.raises(Unavailable, match="sweep_verdicts"):
        review(waiting, Suspects(waiting).waiting()[:1], lambda suspect: True, never)

    assert waiting.app.suspiciouscredentials.count_documents({"verificationStatus": True}) == 1


def test_a_person_reviews_at_the_terminal(waiting, monkeypatch):
    monkeypatch.setattr(commands, "workspace", lambda home, **_: nullcontext(waiting))
    answers = "x\nb\ns\nq\n"  # no answer at all, a bot, one for later, and enough

    command = CliRunner().invoke(commands.app, ["review"], input=answers)

    assert command.exit_code == 0, command.output
    assert "1 of 3 suspects judged" in command.output
    assert command.output.count("score 0.900") == 3
    assert waiting.analytics.credentialfeatures.count_documents({"verificationStatus": True}) == 1
    assert len(Suspects(waiting).waiting()) == 2


MARKUP = ("[/]", "[red]hidden", "[link=http://x]a", "[bold")


@pytest.mark.parametrize("credential", MARKUP)
def test_a_credential_that_looks_like_markup_is_shown_as_it_is(credential, monkeypatch):
    suspect, text = Suspect(credential, NOON, NOON, 0.9, [], "v1"), io.StringIO()
    monkeypatch.setattr("local.reviews.console", Console(file=text, width=100))
    monkeypatch.setattr("typer.prompt", lambda question: "s")

    assert at_terminal()(suspect) is None

    assert f"{credential}  score 0.900" in text.getvalue()
    assert credential in printed(show.suspects, credential, [suspect])


@pytest.mark.parametrize("value", MARKUP)
def test_documents_that_look_like_markup_are_shown_as_they_are(store, value):
    post = store.app.contents.insert_one({"engagements": {"like": {"count": value[:5]}}, "payload": {"message": value}})
    store.app.guestfeeditems.insert_one({"countryCode": "th", "content": post.inserted_id, "score": 1.0})
    store.app.contentinfo.insert_one({"contentId": post.inserted_id, "language": value[:8]})
    text = io.StringIO()

    assert show.guest_feed(Console(file=text, width=100), store, "th", 5, now=NOON) == 1

    assert value in text.getvalue()


def test_the_demo_network_knows_its_bots(store, databases):
    databases.truth.truth_credentials.insert_many(
        [{"seenCredential": an_id("ann"), "isBot": True}, {"seenCredential": an_id("bob"), "isBot": False}]
    )

    decide = by_truth(store)

    assert decide(ANN) is True
    assert decide(Suspect(an_id("bob"), NOON, NOON, 0.9, [], "v1")) is False


def test_suspects_are_shown_with_their_reasons():
    text = printed(show.suspects, "1 suspect", [ANN, Suspect(an_id("bob"), NOON, NOON, 0.1, [], "v1", sampled=True)])

    assert "0.987" in text
    assert str(an_id("ann")) in text
    assert "hurries: 700, people 3.2 to 10" in text
    assert "drawn by lot, below the threshold" in text


def test_detectors_are_shown_beside_the_one_before_and_others(store):
    town = Town(store, Registry(store.analytics, [SIGNING_KEY.encode()]), names(12, 14))
    rng = np.random.default_rng(3)
    for name in town.judged:
        store.app.feeditems.insert_many(readings(name, *(like_a_bot if is_bot(name) else like_a_person)(rng)))
    extract(store)
    judge(store, *town.judged)
    train(town)

    text = printed(show.detector_report, detectors(store))

    assert [name in text for name in ("now", "supervised")] == [True] * 2
    assert "before" not in text
    rows = {
        line.split("  ")[1].strip(): line.split()
        for line in text.splitlines()
        if line.startswith("  ") and "  " in line
    }
    assert rows["judged bots"][2] == "12"
    assert rows["judged people"][2] == "14"
    assert printed(show.detector_report, [])
