"""Every list that has pages: whatever is malformed in it, its links lead to each sound row once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import unescape

import pytest
from bson import ObjectId

from console.rights import Role
from console.store.parked import reason_key
from console.views import audit, bots, changes, coldstart, jobs, members, model_keys, models, monitor, privacy, topics
from console.views.changes import address_of
from local.functions import ROOT
from shared.documents import Document
from shared.store import Store
from shared.store.job_runs import key_of
from tests.console.requests import NOW, ask, logged_in
from tests.console.test_serve_console import running

__all__ = ["running"]

TEMPLATES = ROOT / "console/templates"
NEXT = re.compile(r'<p><a (?:rel="next" )?href="([^"]*(?:after|before)=[^"]*)">')
FIRST_DAY = datetime.fromisoformat("2024-01-01T04:45:00+00:00")
TOPIC = ObjectId(b"a topic, all")


@dataclass(frozen=True)
class PagedList:
    """A list that a template shows in pages.

    path      of its first page
    size      rows of a page
    row       a document, by its number in the order of the list
    shown     what a page shows of that document and of no other
    poison    fields that make it malformed
    """

    path: str
    size: int
    database: str
    collection: str
    row: Callable[[int], Document]
    shown: Callable[[int], str]
    poison: Callable[[int], Document]


def named(number: int) -> str:
    return f"row{number:04}"


def an_id(number: int) -> ObjectId:
    return ObjectId(number.to_bytes(4, "big") + bytes(8))


def run(number: int) -> Document:
    at = NOW - timedelta(minutes=number)
    return {
        "_id": key_of(at, "train_topics", named(number)), "function": "train_topics", "trigger": "schedule",
        "outcome": "failed", "startedAt": at, "endedAt": at, "seconds": 1.0, "memoryMb": 1.0, "runs": 1,
        "error": "BadEvent", "reason": named(number),
    }  # fmt: skip


def rate(number: int) -> Document:
    return {"name": named(number), "seen": 10, "engaged": 1, "part": 0.1, "from": 0.05, "to": 0.2}


def day(number: int) -> Document:
    start = FIRST_DAY + timedelta(days=500 - number)
    return {"_id": start, "overall": rate(number), "sources": [], "models": []}


def suspect(number: int) -> Document:
    moments = dict.fromkeys(("firstSeenAt", "lastSeenAt", "createdAt"), NOW)
    return {"seenCredential": named(number), "score": 1 - number / 10_000, "reasons": [], "model": "v1", **moments}


def parked(number: int) -> Document:
    at = FIRST_DAY + timedelta(minutes=number)
    return {"_id": named(number), "function": "f", "reason": "r", "times": 1, "firstAt": at, "lastAt": at}


def entry(number: int) -> Document:
    personal = {"object": named(number)}
    return {"_id": 1_000 - number, "at": NOW, "by": "ana", "role": "lead", "act": "act", "personal": personal}


LISTS = {
    "audit.html": PagedList(
        "/console/audit", audit.ROWS, "analytics", "auditLog", entry, named, lambda _: {"by": 5}
    ),
    "bots/suspects.html": PagedList(
        "/console/suspects", bots.ROWS, "app", "suspiciouscredentials", suspect, named, lambda _: {"firstSeenAt": "x"}
    ),
    "changes_reason.html": PagedList(
        address_of(reason_key("f", "r")), changes.ROWS, "analytics", "parkedChanges", parked,
        lambda number: f'id="change-{named(number)}"', lambda _: {"lastAt": "x"},
    ),
    "coldstart/list.html": PagedList(
        "/console/feeds/th", coldstart.ROWS, "app", "guestfeeditems",
        lambda number: {
            "_id": an_id(number), "content": an_id(5_000 + number), "score": 9_000.0 - number, "countryCode": "th",
            "createdAt": NOW,
        },
        lambda number: str(an_id(5_000 + number)), lambda _: {"score": "x"},
    ),
    "job.html": PagedList(
        "/console/jobs/train_topics", jobs.ROWS, "analytics", "jobRuns", run, named, lambda _: {"seconds": "x"}
    ),
    "members.html": PagedList(
        "/console/members", members.ROWS, "analytics", "consoleMembers",
        lambda number: {"_id": named(number), "role": "viewer", "language": "en"}, named, lambda _: {"role": 7},
    ),
    "model.html": PagedList(
        "/console/models/country/th", models.VERSIONS, "analytics", "artifactVersions",
        lambda number: {"family": "country", "account": "th", "version": named(9_000 - number), "trainedAt": NOW,
                        "promotedAt": NOW},
        lambda number: named(9_000 - number), lambda _: {"trainedAt": "x"},
    ),
    "models.html": PagedList(
        "/console/models?family=country", model_keys.KEYS, "analytics", "mlArtifacts_country",
        lambda number: {"account": named(number), "aliasOf": "th", "promotedAt": NOW}, named,
        lambda _: {"promotedAt": "x"},
    ),
    "monitor/performance.html": PagedList(
        "/console/performance", monitor.DAYS, "analytics", "feedperformances", day, named, lambda _: {"overall": 7}
    ),
    "privacy/erasures.html": PagedList(
        "/console/erasures", privacy.ROWS, "analytics", "erasures",
        lambda number: {"_id": an_id(number), "erasedAt": NOW - number // 3 * timedelta(minutes=1), "posts": []},
        lambda number: str(an_id(number)), lambda _: {"erasedAt": "x"},
    ),
    "topics/topic.html": PagedList(
        f"/console/topics/{TOPIC}", topics.ROWS, "app", "contentinfo",
        lambda number: {"contentId": an_id(9_000 - number), "topics": [TOPIC]},
        lambda number: str(an_id(9_000 - number)), lambda number: {"contentId": float(number)},
    ),
}  # fmt: skip


def pages_of(first: str, token: str) -> Iterable[str]:
    """What the pages of a list show, one after the other by their links."""
    path, asked = first, set[str]()
    while path:
        assert path not in asked
        asked.add(path)
        answer = ask("GET", path, token)
        assert answer["statusCode"] == 200, path
        [main] = re.findall(r"<main.*</main>", answer["body"], re.DOTALL)
        yield main
        [path] = [unescape(link) for link in NEXT.findall(main)] or [""]


def test_every_list_with_pages_is_among_these() -> None:
    templates = {path.relative_to(TEMPLATES).as_posix(): path for path in TEMPLATES.rglob("*.html")}

    assert {name for name, path in templates.items() if "next_page" in path.read_text()} == set(LISTS)


@pytest.mark.parametrize("malformed", ["none", "one", "the last of the page", "the one that tells of more", "a page"])
@pytest.mark.parametrize("template", LISTS)
def test_its_links_lead_to_every_sound_row_once(store: Store, template: str, malformed: str) -> None:
    paged = LISTS[template]
    size = paged.size
    bad = {
        "none": set[int](), "one": {3}, "the last of the page": {size - 1}, "the one that tells of more": {size},
        "a page": set(range(size + 2)),
    }[malformed]  # fmt: skip
    numbers = range(len(bad) + size + 3)
    collection = store.client[getattr(store, paged.database).name][paged.collection]
    collection.insert_many([paged.row(number) | (paged.poison(number) if number in bad else {}) for number in numbers])
    store.analytics.topics.insert_one({"_id": TOPIC, "path": "all", "slug": "all", "name": "All"})
    role: Role = "admin" if template == "members.html" else "moderator" if template.startswith("bots") else "operator"

    pages = list(pages_of(paged.path, logged_in(store, role)))

    seen = Counter(number for page in pages for number in numbers if paged.shown(number) in page)
    assert seen == dict.fromkeys(set(numbers) - bad, 1)
    assert len(pages) == 2
