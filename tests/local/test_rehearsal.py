"""The rehearsal itself: proofs are reported, and the commands of a page are typed as they stand there."""

import pytest

from local.rehearsal import __main__ as rehearsing
from local.rehearsal import operator as typing
from local.rehearsal.__main__ import Rehearsal, rehearse
from local.rehearsal.cloud import Cloud
from local.rehearsal.operator import Operator, blocks
from local.rehearsal.stage import Disproved
from local.waiting import wait_for
from shared.errors import BadConfig, Refused, Unavailable


def failing():
    raise Disproved("there is no guest feed")


def test_a_proof_that_fails_is_reported_and_the_next_one_runs():
    rehearsal = Rehearsal()

    rehearsal.prove("jobs run", failing)
    rehearsal.prove("the api answers", lambda: "200")

    assert [(row.title, row.proven) for row in rehearsal.results] == [("jobs run", False), ("the api answers", True)]
    assert rehearsal.results[0].result == "Disproved: there is no guest feed"


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


def test_a_machine_without_node_is_told_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.delenv("MONGO_URI", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(rehearsing, "HOME", tmp_path / "rehearsal")

    with pytest.raises(SystemExit, match="needs Node"):
        rehearse()
    assert list(tmp_path.iterdir()) == []


def test_waiting_ends():
    answers = iter([0, 0, 3])

    assert wait_for("three", lambda: next(answers), within_s=5) == 3
    with pytest.raises(Unavailable, match="in vain for nothing"):
        wait_for("nothing", lambda: None, within_s=0)


PAGE = """# Operations

```sh
export STAGE=prod
said() { echo "$STAGE: $1"; }
```

## Saying

```sh
said hello  # to everybody
said "$WORD"
```

```yaml
Type: none
```

```sh
false
```
"""


@pytest.fixture
def operator(monkeypatch, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    monkeypatch.setattr(typing, "PAGE", page)
    monkeypatch.setattr(typing, "cloud_python", lambda: tmp_path / "python")
    return Operator(Cloud("http://127.0.0.1:9", tmp_path), "mongodb://somewhere")


def test_blocks_of_shell_are_found_below_their_headings(operator):
    assert [(block.heading, len(block.lines)) for block in blocks(typing.PAGE)] == [
        ("Operations", 1),
        ("Saying", 2),
        ("Saying", 1),
    ]


def test_a_block_is_typed_as_it_stands_with_the_helpers_and_the_values_of_a_rehearsal(operator):
    assert operator.types("Saying", WORD="two words") == "local: hello\nlocal: two words\n"


def test_blocks_that_were_not_typed_are_listed(operator):
    operator.types("Saying", WORD="")

    assert [block.text for block in operator.untyped()] == ["false\n"]


def test_a_command_that_fails_is_named_with_its_error(operator):
    with pytest.raises(Refused, match="false: code 1"):
        operator.types("Saying", 1)


def test_a_missing_value_is_not_taken_as_an_empty_one(operator):
    with pytest.raises(Refused, match="WORD: unbound"):
        operator.types("Saying")
