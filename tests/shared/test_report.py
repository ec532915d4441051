from shared.report import Report


def test_counts_that_are_zero_are_not_told_but_for_the_first_two():
    assert Report().as_dict() == {"read": 0, "written": 0}


def test_every_count_and_detail_has_its_place():
    report = Report(3, 2, 1, malformed=["x", "y"], details={"model": "v1"})

    assert report.as_dict() == {"read": 3, "written": 2, "removed": 1, "malformed": 2, "model": "v1"}
