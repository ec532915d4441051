import pytest

from local.rehearsal import __main__ as rehearsing
from local.rehearsal.__main__ import Rehearsal, rehearse
from local.rehearsal.proofs import Disproved
from local.rehearsal.waiting import wait_for
from shared.errors import BadConfig, Unavailable


def failing():
    raise Disproved("there is no guest feed")


def test_what_is_not_so_is_said_and_the_next_proof_goes_on():
    rehearsal = Rehearsal()

    rehearsal.prove("jobs run", failing)
    rehearsal.prove("the api answers", lambda: "200")

    assert [(one.what, one.proven) for one in rehearsal.told] == [("jobs run", False), ("the api answers", True)]
    assert rehearsal.told[0].told == "Disproved: there is no guest feed"


def test_a_mistake_of_ours_is_no_proof():
    with pytest.raises(ZeroDivisionError):
        Rehearsal().prove("jobs run", lambda: str(1 / 0))


@pytest.mark.parametrize(("proven", "code"), [(True, 0), (False, 1)])
def test_it_ends_with_code_1_where_something_is_not_proven(proven, code, monkeypatch):
    monkeypatch.setattr(rehearsing, "rehearse", lambda: proven)
    monkeypatch.setattr("sys.argv", ["rehearsal"])

    with pytest.raises(SystemExit) as ended:
        rehearsing.main()

    assert ended.value.code == code


def test_somebody_elses_server_is_not_filled(monkeypatch):
    monkeypatch.setenv("MONGO_URI", "mongodb://somewhere/")

    with pytest.raises(BadConfig, match="MONGO_URI"):
        rehearse()


def test_waiting_ends():
    answers = iter([0, 0, 3])

    assert wait_for("three", lambda: next(answers), within_s=5) == 3
    with pytest.raises(Unavailable, match="in vain for nothing"):
        wait_for("nothing", lambda: None, within_s=0)
