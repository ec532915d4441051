"""Whatever the application deletes first, and however ids are stored: of an erased account nothing is left, and no
function brings anything back."""

import pytest

from local.functions import PIPELINE, all_functions
from shared.store import schema
from tests.factories import an_id
from tests.privacy.conftest import HOUR, NOW, Form, Town, as_it_is, in_capitals, in_hex

NEXT, LATER = NOW + 26 * HOUR, NOW + 52 * HOUR  # every run at these is a full one

FORMS = pytest.mark.parametrize("form", [as_it_is, in_hex, in_capitals])


def test_every_scheduled_function_is_run_here() -> None:
    assert {one.stem for one in all_functions().values() if one.cron} <= set(PIPELINE)


def test_what_is_searched_for_stands_in_every_collection_that_says_so(town: Town) -> None:
    town.fill()
    town.run(NOW)

    about = {one.name for one in schema.OURS for place in one.about if place.removal != "none"}
    assert town.left() | {"suspiciouscredentials", "watermarks", "artifactVersions"} == about


@FORMS
def test_erased_before_the_application_deletes(town: Town, form: Form) -> None:
    town.fill(form)
    town.run(NOW)

    town.erase()
    assert town.left() <= {"snapshots", "mlArtifacts"}
    town.run(NEXT)
    assert town.left() == set()

    town.delete()
    town.run(LATER)
    assert town.left() == set()
    assert town.store.analytics.contentStats.count_documents({"authorId": an_id("bob")}), "others stay"


@FORMS
def test_deleted_by_the_application_first(town: Town, form: Form) -> None:
    town.fill(form)
    town.run(NOW)

    town.delete()
    town.erase()
    assert town.left() <= {"snapshots", "mlArtifacts"}
    town.run(NEXT)
    assert town.left() == set()
