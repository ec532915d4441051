"""Whatever the application deletes first, and however ids are stored: of an erased account nothing is left, and no
function brings anything back."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from layers.build import ROOT
from local.functions import PIPELINE, all_functions
from shared.documents import object_id
from shared.errors import Unavailable
from shared.store import schema
from shared.store.erasures import Erasures
from tests.factories import an_id, post
from tests.privacy.conftest import (
    ACCOUNT,
    HERS,
    HOUR,
    NOW,
    TEXT,
    WRITTEN,
    Erasing,
    Form,
    Town,
    as_it_is,
    deletions,
    ended_at,
    in_capitals,
    in_hex,
    insertion,
)

NEXT, LATER = NOW + 26 * HOUR, NOW + 52 * HOUR  # every run at these is a full one

FORMS = pytest.mark.parametrize("form", [as_it_is, in_hex, in_capitals])


def test_every_scheduled_function_is_run_here() -> None:
    assert {one.stem for one in all_functions().values() if one.cron} <= set(PIPELINE)


def test_what_is_searched_for_stands_in_every_collection_that_says_so(town: Town) -> None:
    town.lived_in()

    about = {one.name for one in schema.OURS for place in one.about if place.removal != "none"}
    assert town.left() | {"suspiciouscredentials", "watermarks", "artifactVersions", "homePages"} == about


def test_pages_of_the_home_go_with_their_account_and_do_not_come_back(town: Town) -> None:
    """Though they hold posts that were shown to others, for as long as the table says."""
    town.lived_in()
    pages = town.store.analytics.homePages
    assert pages.count_documents({"account": object_id(ACCOUNT)}) > 0

    town.erase()
    answer = town.call("recommend_home", payload={"accountId": ACCOUNT, "maxResults": 1})

    assert answer["cursor"] == ""
    assert pages.count_documents({"account": object_id(ACCOUNT)}) == 0


def test_a_field_that_holds_an_id_of_the_application_is_in_the_table(town: Town) -> None:
    town.lived_in()
    app = town.store.app
    names: dict[str, set[Any]] = {
        "account": set(app.accounts.distinct("_id")),
        "user": set(app.users.distinct("_id")),
        "post": set(app.contents.distinct("_id")),
        "credential": set(app.feeditems.distinct("seenCredential")),
    }

    found = {
        (one.name, subject, path)
        for one in schema.OURS
        for row in (app if one.database == "app" else town.store.analytics)[one.name].find()
        for path, value in values(row)
        for subject, ids in names.items()
        if (named := object_id(value)) is not None and named in ids
    }

    assert {name for name, *_ in found} >= {"contentinfo", "hashtagStats", "userEngagementStats", "mlArtifacts"}
    assert found <= {(one.name, about.subject, about.path) for one in schema.OURS for about in one.about}


def values(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a document with its path, through arrays."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from values(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from values(inner, path)
    else:
        yield path, value


@FORMS
def test_erased_before_the_application_deletes(town: Town, form: Form) -> None:
    town.lived_in(form)

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
    town.lived_in(form)

    town.delete()
    town.erase()
    assert town.left() <= {"snapshots", "mlArtifacts"}
    town.run(NEXT)
    assert town.left() == set()


def test_deleted_by_the_application_and_forgotten_by_every_function_before_it_is_erased(town: Town) -> None:
    town.lived_in()
    town.call("classify_content", payload=deletions(WRITTEN))

    town.delete()
    town.run(NEXT)
    town.erase()
    town.run(LATER)

    assert town.left() == set()


def test_erased_between_two_deletions_of_the_application(town: Town) -> None:
    """Her posts first, then, after the erasure, all the rest; and meanwhile she writes another post."""
    town.lived_in()
    town.delete("contents")

    town.erase()
    town.store.app.contents.insert_one(post("late", now=NOW, author="ann", payload={"message": TEXT}))
    town.call("classify_content", payload=insertion("late"))
    town.run(NEXT)
    assert town.left(*HERS, "late") == set()

    town.delete()
    town.store.app.contents.delete_one({"_id": an_id("late")})
    town.call("classify_content", payload=deletions((*WRITTEN, "late")))
    town.run(LATER)
    assert town.left(*HERS, "late") == set()


def test_an_erasure_that_ended_behind_its_tombstone_is_completed_by_the_functions(town: Town) -> None:
    town.lived_in()

    town.store.erasures.note(an_id("account of ann"), now=NOW)
    town.run(NEXT)

    assert town.left() == set()


def test_an_erasure_that_ended_in_the_middle_is_completed_by_the_next(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.lived_in()
    with monkeypatch.context() as patched:
        patched.setattr(Erasures, "_remove", ended_at(schema.CREATOR_STATS))
        with pytest.raises(Unavailable):
            town.erase()
    town.delete()

    town.erase()
    town.run(NEXT)

    assert town.left() == set()


@pytest.mark.parametrize("stem", [*PIPELINE, "classify_content", "train_personal"])
def test_erased_while_a_function_runs_that_has_read_already(town: Town, stem: str, erasing: Erasing) -> None:
    """Between what it reads and the first document that it writes."""
    town.lived_in()

    with erasing(town):
        if stem == "classify_content":
            edited = {"payload.message": f"{TEXT} #again"}
            town.store.app.contents.update_many({"_id": {"$in": list(map(an_id, WRITTEN))}}, {"$set": edited})
            town.call(stem, payload=insertion("by ann"))
        elif stem == "train_personal":
            town.call("plan_personal_training", at=NEXT)
        else:
            town.call(stem, at=NEXT)

    assert town.left() <= {"snapshots", "mlArtifacts"}
    for last in ("refresh_catalogue", "plan_personal_training"):
        town.call(last, at=LATER)
    assert town.left() == set()


def test_docs_say_what_stays_and_for_how_long() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    rows = set(re.findall(r"^\| `(\w+)\.([\w.]+)` \| (\w+) \| (.+?) \|$", page, re.M))

    assert rows == {
        (one.name, about.path, about.subject, about.stays) for one in schema.OURS for about in one.about if about.stays
    }


def test_the_server_ages_out_what_stays() -> None:
    for one in (schema.ERASURES, schema.PARKED_CHANGES):
        (expires,) = (index.expires_after for index in one.indexes if index.expires_after)
        assert {about.stays for about in one.about} == {f"{expires.days} days"}
