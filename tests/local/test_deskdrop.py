"""The import of real events: what each line becomes, and which lines and files are refused."""

import gzip
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from bson import DBRef

from local.deskdrop import PUBLISHER, ImportReport, import_deskdrop, object_id
from local.tables import Tally
from shared.errors import BadConfig, BadEvent, NotFound
from tests.conftest import Databases, Snapshot

HEADER = "timestamp,eventType,contentId,personId,sessionId,userCountry"
ROWS = [
    "1457963676,VIEW,c1,ann,s1,BR",
    "1457963676,VIEW,c1,ann,s1,",  # the same view, logged once more without its country
    "1457963700,LIKE,c1,ann,s1,BR",
    "1457963701,LIKE,c1,ann,s1,BR",  # liked once more
    "1457963800,VIEW,c1,ann,s1,US",
    "1457964000,COMMENT CREATED,c1,bob,s2,",
    "1457964100,BOOKMARK,c2,bob,s2,",
    "1457964200,FOLLOW,c2,bob,s2,ZZ",
    "1457964300,LIKE,c1,bob,s2,",
]
LAST = datetime.fromtimestamp(1457964300, UTC)

Import = Callable[..., ImportReport]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "events.csv", ROWS)


@pytest.fixture
def run(databases: Databases, noon: datetime) -> Import:
    def run_import(file: Path, *, now: datetime = noon, **choices: Any) -> ImportReport:
        return import_deskdrop(file, databases.app, databases.analytics, now=now, **choices)

    return run_import


def written(path: Path, rows: list[str], header: str = HEADER) -> Path:
    text = "\n".join([header, *rows, ""]).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)
    return path


def test_the_report_counts_what_was_read_and_why_rows_were_left_out(run: Import, file: Path, noon: datetime) -> None:
    report = run(file)

    assert report == ImportReport(
        Tally(read=9, kept=7, skipped=Counter({"repeated view": 1, "repeated engagement": 1}), lines=ANY),
        accounts=3,
        contents=2,
        engagements=5,
        feed_items=2,
        changed=15,
        shift=noon - LAST,
        last_at=noon,
    )


def test_a_view_is_an_exposure_of_its_session(run: Import, file: Path, databases: Databases) -> None:
    run(file, keep_times=True)

    [first, second] = databases.app.feeditems.find().sort("seenAt", 1)
    assert first == {
        "_id": first["_id"],
        "viewer": object_id("account", "ann"),
        "content": object_id("content", "c1"),
        "author": object_id("user", PUBLISHER),
        "seenAt": datetime.fromtimestamp(1457963676, UTC),
        "seenCredential": object_id("session", "s1"),
        "seenUUID": str(object_id("session", "s1")),
        "visibility": "publish",
        "createdAt": datetime.fromtimestamp(1457963676, UTC),
        "updatedAt": datetime.fromtimestamp(1457963676, UTC),
    }
    assert second["seenAt"] == datetime.fromtimestamp(1457963800, UTC)


def test_the_other_events_are_engagements_with_the_content(run: Import, file: Path, databases: Databases) -> None:
    run(file, keep_times=True)

    engagements = {(e["user"], e["targetRef"], e["type"]) for e in databases.app.engagements.find()}
    ann, bob = object_id("user", "ann"), object_id("user", "bob")
    first, second = (DBRef("content", object_id("content", c)) for c in ("c1", "c2"))
    assert engagements == {
        (ann, first, "like"),
        (bob, first, "comment"),
        (bob, second, "recast"),
        (bob, second, "quote"),
        (bob, first, "like"),
    }
    [like] = databases.app.engagements.find({"user": ann})
    assert like["account"] == object_id("account", "ann")
    assert like["visibility"] == "publish"
    assert like["createdAt"] == like["updatedAt"] == datetime.fromtimestamp(1457963700, UTC)  # the first of the two


def test_a_content_counts_distinct_engagements_from_its_first_event_on(
    run: Import, file: Path, databases: Databases
) -> None:
    run(file, keep_times=True)

    content = databases.app.contents.find_one({"_id": object_id("content", "c1")})
    assert content is not None
    assert {kind: of["count"] for kind, of in content["engagements"].items()} == {
        "like": 2,
        "comment": 1,
        "recast": 0,
        "quote": 0,
    }
    assert content["createdAt"] == datetime.fromtimestamp(1457963676, UTC)
    assert content["updatedAt"] == LAST
    assert content["payload"] == {}


def test_every_author_is_a_users_document_with_an_account(run: Import, file: Path, databases: Databases) -> None:
    run(file)

    authors = databases.app.contents.distinct("author.id")
    users = list(databases.app.users.find({"_id": {"$in": authors}}))
    assert [u["type"] for u in users] == ["page"]
    assert databases.app.accounts.count_documents({"_id": users[0]["ownerAccount"]}) == 1


def test_an_account_has_its_most_frequent_country_or_none(run: Import, file: Path, databases: Databases) -> None:
    run(file)

    of = {a["_id"]: a.get("geolocation") for a in databases.app.accounts.find()}
    assert of[object_id("account", "ann")] == {"countryCode": "br"}
    assert of[object_id("account", "bob")] is None  # nothing, and ZZ, which says as much
    assert of[object_id("account", PUBLISHER)] is None


def test_a_second_import_changes_nothing_even_at_a_later_time(
    run: Import, file: Path, noon: datetime, snapshot: Snapshot
) -> None:
    first = run(file)
    before = snapshot()

    second = run(file, now=noon + timedelta(days=1))

    assert (second.changed, second.shift) == (0, first.shift)
    assert snapshot() == before


def test_a_renewed_shift_moves_the_last_event_to_the_new_now(
    run: Import, file: Path, noon: datetime, databases: Databases
) -> None:
    run(file)
    later = noon + timedelta(days=40)

    report = run(file, now=later, renew_shift=True)

    assert report.last_at == later
    [newest] = databases.app.engagements.find().sort("createdAt", -1).limit(1)
    assert newest["createdAt"] == later
    assert databases.app.engagements.count_documents({}) == 5


def test_kept_times_are_those_of_the_file_and_can_be_shifted_afterwards(
    run: Import, file: Path, noon: datetime, databases: Databases
) -> None:
    assert run(file, keep_times=True).last_at == LAST
    assert databases.analytics.imports.count_documents({}) == 0

    assert run(file).last_at == noon
    assert databases.app.contents.count_documents({"createdAt": {"$lt": noon - timedelta(days=1)}}) == 0


def test_a_gzipped_file_is_the_same_as_a_plain_one(run: Import, file: Path, tmp_path: Path) -> None:
    run(file)

    assert run(written(tmp_path / "events.csv.gz", ROWS)).changed == 0


def test_the_order_of_rows_and_columns_does_not_matter(run: Import, file: Path, tmp_path: Path) -> None:
    run(file)
    turned = [",".join(["an agent", *reversed(row.split(","))]) for row in reversed(ROWS)]
    header = ",".join(["userAgent", *reversed(HEADER.split(","))])

    assert run(written(tmp_path / "turned.csv", turned, header)).changed == 0


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1457963676,SHARE,c1,ann,s1,BR", "unknown event type"),
        ("yesterday,VIEW,c1,ann,s1,BR", "bad timestamp"),
        ("-5,VIEW,c1,ann,s1,BR", "bad timestamp"),
        (",VIEW,c1,ann,s1,BR", "bad timestamp"),
        ("1" * 5000 + ",VIEW,c1,ann,s1,BR", "bad timestamp"),
        ("4102444800,VIEW,c1,ann,s1,BR", "later than now"),
        ("1457963676,VIEW,,ann,s1,BR", "missing id"),
        ("1457963676,LIKE,c1, ,s1,BR", "missing id"),
        ("1457963676,VIEW,c1", "wrong number of fields"),
        ("1457963676,VIEW,c1,ann,s1,BR,more", "wrong number of fields"),
        ("", "blank line"),
        ("1457963676,VIEW,c1,ann,s1,B\0R", "a NUL character"),
        ('1457963676,VIEW,"c1,ann,s1,BR', "a quotation mark that is not closed in its line, or stands within a field"),
        ("1457963676,VIEW,-3.14159E+18,ann,s1,BR", "an id that is a floating-point number"),
        ("1457963676,VIEW,c1,123.0,s1,BR", "an id that is a floating-point number"),
        ("1457963676,VIEW,c1,ann,1e5,BR", "an id that is a floating-point number"),
        ("1457963676,VIEW,c1,NaN,s1,BR", "an id that is none"),
        ("1457963676,VIEW,c1,ann bob,s1,BR", "an id that is none"),
        (f"1457963676,VIEW,c1,{'a' * 65},s1,BR", "an id that is none"),
        (f"1457963676,VIEW,c1,{'1' * 21},s1,BR", "an id that is none"),
        ("1457963676,VIEW,-3141590000000000000,ann,s1,BR", "an id that has lost digits"),
    ],
)
def test_an_unusable_row_is_skipped_and_counted(run: Import, tmp_path: Path, row: str, reason: str) -> None:
    report = run(written(tmp_path / "events.csv", [row, "1457963676,VIEW,c9,zoe,s9,BR"]))

    assert (report.read, report.feed_items, report.skipped) == (2, 1, {reason: 1})


@pytest.mark.parametrize(
    "rounded", [lambda number: int(float(number)), lambda number: round(number, -4)], ids=["a float", "fifteen digits"]
)
def test_ids_that_lost_digits_are_refused_as_a_whole(
    run: Import, tmp_path: Path, snapshot: Snapshot, rounded: Callable[[int], int]
) -> None:
    ids = [-3141592653589793238 + n * 1_000_003 for n in range(6)]

    with pytest.raises(BadEvent, match="personId went through floating-point numbers"):
        run(written(tmp_path / "events.csv", [f"1457963676,VIEW,c1,{rounded(number)},s1,BR" for number in ids]))
    assert snapshot() == {}
    assert run(written(tmp_path / "sound.csv", [f"1457963676,VIEW,c1,{number},s1,BR" for number in ids])).accounts == 7


def test_a_file_without_usable_rows_writes_nothing(run: Import, tmp_path: Path, snapshot: Snapshot) -> None:
    assert run(written(tmp_path / "events.csv", [])) == ImportReport(Tally())
    assert snapshot() == {}


def test_progress_ends_with_every_document_of_every_collection(
    file: Path, databases: Databases, noon: datetime
) -> None:
    last: dict[str, tuple[int, int]] = {}

    import_deskdrop(
        file,
        databases.app,
        databases.analytics,
        now=noon,
        progress=lambda step, done, total: last.update({step: (done, total)}),
    )

    assert last == {
        "accounts": (3, 3),
        "users": (3, 3),
        "contents": (2, 2),
        "engagements": (5, 5),
        "feeditems": (2, 2),
    }


PACKED = gzip.compress("\n".join([HEADER, *ROWS * 50]).encode(), mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("events.csv", b"", "is empty"),
        ("events.csv.gz", b"", "is empty"),
        ("events.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("events.csv", b"timestamp,eventType,contentId\n1,VIEW,c1\n", "no column personId, sessionId, userCountry"),
        ("events.csv.gz", HEADER.encode(), "is not gzip"),
        ("events.csv.gz", PACKED[: len(PACKED) // 2], "truncated"),
        ("events.csv.gz", PACKED[:-2], "truncated"),
        ("events.csv.gz", PACKED[:12] + b"\xff" * 8 + PACKED[20:], "damaged gzip"),
        ("events.csv", HEADER.encode() + "\n1,VIEW,c1,Zoë,s1,BR\n".encode("latin-1"), "not UTF-8: byte 0xeb"),
        ("events.csv", HEADER.encode() + b"\n1,VIEW," + b"c" * 200_000 + b",ann,s1,BR\n", "not CSV: line 2"),
        ("events.csv", f"{HEADER},personId\n".encode(), "two columns personId"),
        ("events.csv", b"\n1,VIEW,c1,ann,s1,BR\n", "no header"),
    ],
)
def test_a_malformed_file_is_refused_before_anything_is_written(
    run: Import, tmp_path: Path, snapshot: Snapshot, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(BadEvent, match=message):
        run(tmp_path / name)
    assert snapshot() == {}


def test_a_missing_file_is_not_found(run: Import, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.csv"):
        run(tmp_path / "nowhere.csv")


def test_a_folder_is_refused(run: Import, tmp_path: Path) -> None:
    with pytest.raises(BadEvent, match="cannot be read"):
        run(tmp_path)


def test_a_shift_that_would_put_events_into_the_future_is_refused_before_anything_is_written(
    run: Import, file: Path, tmp_path: Path, snapshot: Snapshot, noon: datetime
) -> None:
    run(file)
    before = snapshot()
    longer = written(tmp_path / "longer.csv", [*ROWS, f"{int(LAST.timestamp()) + 86_400},LIKE,c2,ann,s9,"])

    with pytest.raises(BadConfig, match=r"of 2026-02-01, .*--renew-shift"):
        run(longer)

    assert snapshot() == before
    assert run(longer, renew_shift=True).last_at == noon
