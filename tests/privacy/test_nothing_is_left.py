"""Nothing is left of an erased account, and no function brings anything back, whatever the application deletes first
and however it stores ids."""

import re
from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Any

import pytest

from layers.build import ROOT
from local.functions import pipeline
from shared.documents import object_id
from shared.store import schema
from shared.store.job_runs import JobRun
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
    in_capitals,
    in_hex,
    insertion,
)

NEXT, LATER = NOW + 26 * HOUR, NOW + 52 * HOUR  # every run at these is a full one

FORMS = pytest.mark.parametrize("form", [as_it_is, in_hex, in_capitals])


def test_what_is_searched_for_stands_in_every_collection_that_says_so(town: Town) -> None:
    town.prepare()

    about = {item.name for item in schema.OURS for place in item.about if place.removal != "none"}
    assert town.remaining() | {"suspiciouscredentials", "watermarks", "artifactVersions", "homePages"} == about


def test_pages_of_the_home_go_with_their_account_and_do_not_come_back(town: Town) -> None:
    """Though they hold posts that were shown to others, for as long as the table says."""
    town.prepare()
    pages = town.store.analytics.homePages
    assert pages.count_documents({"account": object_id(ACCOUNT)}) > 0

    town.erase()
    answer = town.call("recommend_home", payload={"accountId": ACCOUNT, "maxResults": 1})

    assert answer["cursor"] == ""
    assert pages.count_documents({"account": object_id(ACCOUNT)}) == 0


def test_a_field_that_holds_an_id_of_the_application_is_in_the_table(town: Town) -> None:
    town.prepare()
    app = town.store.app
    names: dict[str, set[Any]] = {
        "account": set(app.accounts.distinct("_id")),
        "user": set(app.users.distinct("_id")),
        "post": set(app.contents.distinct("_id")),
        "credential": set(app.feeditems.distinct("seenCredential")),
    }

    paths = {
        (item.name, subject, path)
        for item in schema.OURS
        for row in (app if item.database == "app" else town.store.analytics)[item.name].find()
        for path, value in values(row)
        for subject, ids in names.items()
        if (identity := object_id(value)) is not None and identity in ids
    }

    assert {name for name, *_ in paths} >= {"contentinfo", "hashtagStats", "userEngagementStats", "mlArtifacts"}
    assert paths <= {(item.name, about.subject, about.path) for item in schema.OURS for about in item.about}


def test_the_record_of_runs_holds_no_id_whatever_ran_or_failed(
    town: Town, recorded: Callable[[], list[JobRun]]
) -> None:
    town.fill()
    town.run(NOW)
    town.erase()
    town.delete()
    answer = town.call("recommend_people", payload={"accountId": ACCOUNT})

    assert ACCOUNT in str(answer), "the reason that the caller is told names the account"
    runs = recorded()
    assert {run.function for run in runs} >= {*pipeline(), "recommend_home", "recommend_people", "erase_account"}
    assert "failed" in {run.outcome for run in runs if run.function == "recommend_people"}
    assert "jobRuns" not in town.remaining(*HERS, *WRITTEN, "bob", "account of bob")


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
    town.prepare(form)

    town.erase()
    assert town.remaining() <= {"snapshots", "mlArtifacts"}
    town.run(NEXT)
    assert town.remaining() == set()

    town.delete()
    town.run(LATER)
    assert town.remaining() == set()
    assert town.store.analytics.contentStats.count_documents({"authorId": an_id("bob")}), "others stay"


@FORMS
def test_deleted_by_the_application_first(town: Town, form: Form) -> None:
    town.prepare(form)

    town.delete()
    town.erase()
    assert town.remaining() <= {"snapshots", "mlArtifacts"}
    town.run(NEXT)
    assert town.remaining() == set()


def test_deleted_by_the_application_and_forgotten_by_every_function_before_it_is_erased(town: Town) -> None:
    town.prepare()
    town.call("classify_content", payload=deletions(WRITTEN))

    town.delete()
    town.run(NEXT)
    town.erase()
    town.run(LATER)

    assert town.remaining() == set()


def test_erased_between_two_deletions_of_the_application(town: Town) -> None:
    """Her posts first, then, after the erasure, everything else; and meanwhile she writes another post."""
    town.prepare()
    town.delete("contents")

    town.erase()
    town.store.app.contents.insert_one(post("late", now=NOW, author="ann", payload={"message": TEXT}))
    town.call("classify_content", payload=insertion("late"))
    town.run(NEXT)
    assert town.remaining(*HERS, "late") == set()

    town.delete()
    town.store.app.contents.delete_one({"_id": an_id("late")})
    town.call("classify_content", payload=deletions((*WRITTEN, "late")))
    town.run(LATER)
    assert town.remaining(*HERS, "late") == set()


def test_an_erasure_that_ended_behind_its_tombstone_is_completed_by_the_functions(town: Town) -> None:
    town.prepare()

    town.store.erasures.note(an_id("account of ann"), now=NOW)
    town.run(NEXT)

    assert town.remaining() == set()


def test_an_erasure_that_ended_in_the_middle_is_completed_by_the_next(town: Town) -> None:
    town.prepare()
    before = town.remaining()
    done = takewhile(lambda collection: collection is not schema.CREATOR_STATS, schema.OURS)
    town.store.erasures.remove(town.store.erasures.note(an_id("account of ann"), now=NOW), done)
    assert set() < town.remaining() < before
    town.delete()

    town.erase()
    town.run(NEXT)

    assert town.remaining() == set()


@pytest.mark.parametrize("stem", [*pipeline(), "classify_content", "train_personal"])
def test_erased_while_a_function_runs_that_has_read_already(town: Town, stem: str, erasing: Erasing) -> None:
    """Between what it reads and the first document that it writes."""
    town.prepare()

    with erasing(town):
        if stem == "classify_content":
            edited = {"payload.message": f"{TEXT} #again"}
            town.store.app.contents.update_many({"_id": {"$in": list(map(an_id, WRITTEN))}}, {"$set": edited})
            town.call(stem, payload=insertion("by ann"))
        elif stem == "train_personal":
            town.call("plan_personal_training", at=NEXT)
        else:
            town.call(stem, at=NEXT)

    assert town.remaining() <= {"snapshots", "mlArtifacts"}
    for last in ("refresh_catalogue", "plan_personal_training"):
        town.call(last, at=LATER)
    assert town.remaining() == set()


def test_docs_say_what_stays_and_for_how_long() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    rows = set(re.findall(r"^\| `(\w+)\.([\w.]+)` \| (\w+) \| (.+?) \|$", page, re.M))

    assert rows == {
        (item.name, about.path, about.subject, about.stays)
        for item in schema.OURS
        for about in item.about
        if about.stays
    }


def test_the_server_ages_out_what_stays() -> None:
    for collection in (schema.ERASURES, schema.PARKED_CHANGES):
        (expires,) = (index.expires_after for index in collection.indexes if index.expires_after)
        assert {about.stays for about in collection.about} == {f"{expires.days} days"}
