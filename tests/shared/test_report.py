"""Reports as dictionaries, and sums of reports."""

from shared.report import Report


def test_counts_of_zero_are_left_out_except_the_first_two():
    assert Report().as_dict() == {"read": 0, "written": 0}


def test_every_count_and_detail_has_its_place():
    report = Report(3, 2, 1, malformed=["x", "y"], details={"model": "v1"})

    assert report.as_dict() == {"read": 3, "written": 2, "removed": 1, "malformed": 2, "model": "v1"}


def test_several_are_one_with_their_sums():
    together = Report.together(
        [
            Report(1, 2, 3, malformed=["x"], details={"late": 1, "rest": 0.5}),
            Report(10, 20, 30, malformed=["y", "z"], details={"rest": 1.5}),
        ]
    )

    assert (together.read, together.written, together.removed) == (11, 22, 33)
    assert list(together.malformed) == ["x", "y", "z"]
    assert together.details == {"late": 1, "rest": 2.0}


def test_of_texts_the_last_one_stays():
    assert Report.together([Report(details={"why": "a"}), Report(details={"why": "b"})]).details == {"why": "b"}
    assert Report.together([Report(details={"why": 1}), Report(details={"why": "b"})]).details == {"why": "b"}
    assert Report.together([Report(details={"why": "a"}), Report(details={"why": 1})]).details == {"why": 1}


def test_none_together_are_an_empty_one():
    assert Report.together([]).as_dict() == Report().as_dict()
