"""Verdicts of the console: none to anybody for ten seconds, gone without a trace when they are taken back."""

from datetime import datetime, timedelta

import pytest

from functions.bots import apply_verdicts, flag_suspects, sweep_verdicts
from functions.bots.detector import FAMILY, KEY
from functions.bots.labels import LabelledSet
from functions.bots.store.pending_verdicts import UNDO_WITHIN, PendingVerdicts
from functions.bots.store.suspects import Suspect, Suspects
from functions.bots.store.verdicts import Verdicts
from shared.change import Change
from shared.clock import SKEW
from shared.documents import Document
from shared.errors import BadEvent, Conflict, NotFound
from shared.store import Store
from shared.store.malformed import collecting
from tests.bots.conftest import CENTURY, HOUR, MINUTE, NOON, QUICK, Town
from tests.factories import an_id

SECOND = timedelta(seconds=1)
KIT, ANA = "kit@example.org", "ana@example.org"
BOT = an_id("b20")  # has features, and no verdict
AT = NOON + 2 * MINUTE
LAST = AT + UNDO_WITHIN - timedelta(milliseconds=1)  # the last moment of an undo


@pytest.fixture
def verdicts(store: Store, deployed: None) -> PendingVerdicts:
    """With three suspects."""
    credentials = [BOT, an_id("b21"), an_id("b22")]
    Suspects(store).put([Suspect(each, NOON - HOUR, NOON, 0.9, [], "v1") for each in credentials], now=NOON)
    return PendingVerdicts(store)


@pytest.fixture
def flagged(guarded: Town, deployed: None) -> Town:
    """A town with a detector and its suspects."""
    flag_suspects.run(guarded.store, guarded.registry, QUICK, now=NOON + MINUTE)
    assert Suspects(guarded.store).find(BOT) is not None
    return guarded


def row(store: Store) -> Document:
    document = store.app.suspiciouscredentials.find_one({"seenCredential": BOT})
    assert document is not None
    return document


def raw(store: Store) -> bytes:
    """The document of the suspect, byte for byte."""
    from bson.raw_bson import RawBSONDocument

    options = store.app.codec_options.with_options(document_class=RawBSONDocument)
    document = store.app.suspiciouscredentials.with_options(codec_options=options).find_one({"seenCredential": BOT})
    assert document is not None
    return bytes(document.raw)


def test_nothing_that_reads_verdicts_sees_one_that_can_be_taken_back(flagged: Town) -> None:
    verdicts = PendingVerdicts(flagged.store)
    store = flagged.store
    before = LabelledSet.read(store, QUICK, now=LAST)

    verdicts.give(BOT, True, by=KIT, now=AT)

    assert verdicts.settle(now=LAST) == 0
    apply_verdicts.run(store, QUICK, [Change("suspiciouscredentials", row(store)["_id"], "update")], now=LAST)
    report = sweep_verdicts.run(store, QUICK, now=LAST)
    flag_suspects.run(store, flagged.registry, QUICK, now=LAST)
    assert (report.read, list(report.malformed)) == (0, [])
    assert (list(Verdicts(store).given()), Verdicts(store).incomplete()) == ([], [])
    assert LabelledSet.read(store, QUICK, now=LAST).ids == before.ids
    assert row(store)["pendingVerdict"]["by"] == KIT


def test_it_waits_for_no_other_verdict_meanwhile(store: Store, verdicts: PendingVerdicts) -> None:
    suspects = Suspects(store)
    number = suspects.number_waiting(100)

    verdicts.give(BOT, True, by=KIT, now=AT)

    assert suspects.number_waiting(100) == number - 1 == len(suspects.waiting())
    assert suspects.find(BOT) is None
    assert BOT in suspects.labelled()
    with pytest.raises(Conflict):
        suspects.judge(BOT, False, at=AT)


def test_the_detector_leaves_it_as_it_is(flagged: Town) -> None:
    verdicts = PendingVerdicts(flagged.store)
    verdicts.give(BOT, True, by=KIT, now=AT)
    flagged.store.analytics.credentialfeatures.update_one({"seenCredential": BOT}, {"$set": {"viewsPerHour": 9_999.0}})
    before = raw(flagged.store)

    report = flag_suspects.run(flagged.store, flagged.registry, QUICK, now=AT + SECOND)

    assert raw(flagged.store) == before
    assert (report.details["flagged"], report.details["refreshed"]) == (0, 0)


def test_after_an_undo_everything_is_as_before(store: Store, verdicts: PendingVerdicts, snapshot) -> None:
    before, stored = raw(store), snapshot()

    verdicts.give(BOT, True, by=KIT, now=AT)
    verdicts.take_back(BOT, by=KIT, now=LAST)

    assert raw(store) == before
    assert snapshot() == stored
    assert verdicts.settle(now=NOON + CENTURY) == 0


def test_after_ten_seconds_it_is_a_verdict_with_its_member_and_becomes_a_label(flagged: Town) -> None:
    verdicts = PendingVerdicts(flagged.store)
    verdicts.give(BOT, True, by=KIT, now=AT)

    assert [verdicts.settle(now=AT + UNDO_WITHIN) for _ in range(2)] == [1, 0]

    judged = row(flagged.store)
    assert (judged["verificationStatus"], judged["verifiedAt"], judged["judgedBy"]) == (True, AT, KIT)
    assert "pendingVerdict" not in judged
    assert sweep_verdicts.run(flagged.store, QUICK, now=AT + MINUTE).details["labelled"] == 1
    labelled = flagged.store.analytics.credentialfeatures.find_one({"seenCredential": BOT})
    assert labelled is not None
    assert (labelled["verificationStatus"], labelled["verifiedAt"]) == (True, AT)


def test_the_function_of_every_minute_settles_it_with_and_without_a_detector(flagged: Town) -> None:
    verdicts = PendingVerdicts(flagged.store)
    verdicts.give(BOT, True, by=KIT, now=AT)
    flag_suspects.run(flagged.store, flagged.registry, QUICK, now=LAST)
    assert "verificationStatus" not in row(flagged.store)
    flagged.store.analytics.frauddetectionmlartifacts.delete_many({})
    flagged.store.analytics.artifactVersions.delete_many({"family": FAMILY, "account": KEY})

    report = flag_suspects.run(flagged.store, flagged.registry, QUICK, now=AT + UNDO_WITHIN)

    assert report.written == 1
    assert row(flagged.store)["judgedBy"] == KIT


@pytest.mark.parametrize(("by", "now"), [(KIT, AT + UNDO_WITHIN), (ANA, AT)], ids=["too late", "another member's"])
def test_an_undo_that_is_refused_changes_nothing(
    by: str, now: datetime, store: Store, verdicts: PendingVerdicts
) -> None:
    verdicts.give(BOT, True, by=KIT, now=AT)
    before = raw(store)

    with pytest.raises(Conflict):
        verdicts.take_back(BOT, by=by, now=now)

    assert raw(store) == before


def test_the_same_verdict_again_changes_nothing_and_another_is_a_conflict(
    store: Store, verdicts: PendingVerdicts
) -> None:
    verdicts.give(BOT, True, by=KIT, now=AT)
    before = raw(store)

    verdicts.give(BOT, True, by=KIT, now=AT + SECOND)
    for by, verdict in ((KIT, False), (ANA, True)):
        with pytest.raises(Conflict):
            verdicts.give(BOT, verdict, by=by, now=AT + SECOND)
    with pytest.raises(NotFound):
        verdicts.give("nobody", True, by=KIT, now=AT)

    assert raw(store) == before


def test_a_verdict_that_was_taken_back_and_given_anew_waits_its_own_ten_seconds(
    store: Store, verdicts: PendingVerdicts
) -> None:
    verdicts.give(BOT, True, by=KIT, now=AT)
    verdicts.take_back(BOT, by=KIT, now=AT + SECOND)
    verdicts.give(BOT, False, by=ANA, now=AT + 2 * SECOND)

    assert verdicts.settle(now=AT + UNDO_WITHIN) == 0
    assert verdicts.settle(now=AT + UNDO_WITHIN + 2 * SECOND) == 1
    assert (row(store)["verificationStatus"], row(store)["judgedBy"]) == (False, ANA)


def test_where_the_application_gave_a_verdict_meanwhile_that_one_counts(
    store: Store, verdicts: PendingVerdicts
) -> None:
    verdicts.give(BOT, True, by=KIT, now=AT)
    given = {"verificationStatus": False, "verifiedAt": AT}
    store.app.suspiciouscredentials.update_one({"seenCredential": BOT}, {"$set": given})

    assert verdicts.settle(now=AT + MINUTE) == 0
    with pytest.raises(Conflict):
        verdicts.take_back(BOT, by=KIT, now=AT)
    verdict = verdicts.find(BOT, now=AT + MINUTE)
    assert verdict is not None
    assert (verdict.verdict, verdict.by, verdict.is_pending) == (False, None, False)


def test_it_is_found_while_pending_as_a_verdict_and_as_a_label(flagged: Town) -> None:
    verdicts = PendingVerdicts(flagged.store)
    assert verdicts.find(BOT, now=AT + MINUTE) is None
    verdicts.give(BOT, True, by=KIT, now=AT)
    pending, newest = verdicts.find(BOT, now=AT + MINUTE), verdicts.newest(KIT, now=LAST)
    verdicts.settle(now=AT + UNDO_WITHIN)
    valid = verdicts.find(BOT, now=AT + MINUTE)
    sweep_verdicts.run(flagged.store, QUICK, now=AT + MINUTE)
    label = verdicts.find(BOT, now=AT + MINUTE)

    assert pending == newest
    assert [(each.verdict, each.by, each.at, each.is_pending) for each in (pending, valid, label) if each] == [
        (True, KIT, AT, True),
        (True, KIT, AT, False),
        (True, None, AT, False),
    ]
    assert verdicts.newest(KIT, now=AT + UNDO_WITHIN) is None


def test_the_newest_of_a_member_is_nobody_elses(store: Store, verdicts: PendingVerdicts) -> None:
    first, second, third = (suspect.credential for suspect in Suspects(store).waiting(3))
    verdicts.give(first, True, by=KIT, now=AT)
    verdicts.give(second, True, by=KIT, now=AT + SECOND)
    verdicts.give(third, True, by=ANA, now=AT + 2 * SECOND)

    newest = verdicts.newest(KIT, now=AT + 3 * SECOND)

    assert newest is not None
    assert newest.credential == second


def test_one_of_a_clock_that_is_years_ahead_is_settled_now(store: Store, verdicts: PendingVerdicts) -> None:
    verdicts.give(BOT, True, by=KIT, now=AT + CENTURY)

    assert verdicts.settle(now=AT) == 1
    assert row(store)["verificationStatus"] is True


def test_one_of_a_clock_that_is_seconds_ahead_can_be_taken_back(verdicts: PendingVerdicts) -> None:
    verdicts.give(BOT, True, by=KIT, now=AT + SKEW)

    assert verdicts.settle(now=AT) == 0
    assert verdicts.newest(KIT, now=AT) is not None


@pytest.mark.parametrize(
    "junk",
    [
        "bot", 1, [], None, {}, {"verdict": True}, {"verdict": 1, "by": KIT, "at": AT, "until": AT},
        {"verdict": True, "by": ["x"], "at": AT, "until": AT}, {"verdict": True, "by": KIT, "at": AT, "until": [AT]},
        {"verdict": True, "by": KIT, "at": "now", "until": AT}, [{"verdict": True, "by": KIT, "at": AT, "until": AT}],
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_verdict_counts_as_none(junk: object, store: Store, verdicts: PendingVerdicts) -> None:
    store.app.suspiciouscredentials.update_one({"seenCredential": BOT}, {"$set": {"pendingVerdict": junk}})

    assert verdicts.settle(now=AT + MINUTE) == 0
    with collecting() as malformed:
        assert (verdicts.find(BOT, now=AT + MINUTE), verdicts.newest(KIT, now=AT)) == (None, None)
    assert malformed.ids == []
    assert Suspects(store).find(BOT) is not None
    verdicts.give(BOT, True, by=KIT, now=AT)
    verdicts.take_back(BOT, by=KIT, now=AT)


def test_the_list_goes_on_behind_each_place(store: Store, deployed: None) -> None:
    seen = {"firstSeenAt": NOON, "lastSeenAt": NOON, "createdAt": NOON}
    scores: list[Document] = [{"score": 0.5}, {"score": 0.9}, {"score": 0.5}, {}, {"score": 0}, {}]
    rows = [
        {"_id": an_id(f"device {number}"), "seenCredential": f"device {number}", **seen, **score}
        for number, score in enumerate(scores)
    ]
    store.app.suspiciouscredentials.insert_many(rows)
    suspects = Suspects(store)
    everyone = [suspect.credential for suspect in suspects.waiting()]

    walked: list[Suspect] = []
    while page := suspects.waiting(1, after=walked[-1].place if walked else ""):
        walked += page

    assert len(everyone) == len(rows)
    assert [suspect.credential for suspect in walked] == everyone


@pytest.mark.parametrize("place", ["x", "0.5", "0.5_x", "many_65f0a1b2c3d4e5f60718293a", "_"])
def test_what_is_no_place_is_refused(place: str, store: Store) -> None:
    with pytest.raises(BadEvent, match="after"):
        Suspects(store).waiting(1, after=place)
