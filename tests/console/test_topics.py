"""The pages of topics in a real browser: the tree with its counts, a topic's posts, and a post that is corrected."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId

from console.rights import ROLES, may
from console.trends import trend
from console.views.topics import CHOICES, ROWS
from functions.topics.corrections import correct
from functions.topics.store.described_posts import DescribedPosts
from functions.topics.store.topic_corrections import Correction, TopicCorrections
from functions.topics.store.topic_counts import TopicCounts
from functions.topics.store.topic_tree import TopicTree
from shared.store import Store, schema
from tests.console.conftest import Axe
from tests.factories import an_id, post
from tests.topics.texts import hash_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from console.rights import Role

LogIn = Callable[["Page", "Role"], None]

NOW = datetime.now(UTC).replace(microsecond=0)
SCRIPT = "<script>document.title = 'run'</script>"
TEXT = f"The striker scored twice @ann {SCRIPT}"
NAMES = {
    "food": "Food",
    "sports": "Sports",
    "sports/football": "Football",
    "sports/golf": f"Golf {SCRIPT}",
}
FOUND = {"confidence": 0.71, "phrase": "a striker scored two goals", "similarity": 0.62}


def annotation(name: str, ids: dict[str, ObjectId], *paths: str, text: str = TEXT, **fields: Any) -> dict[str, Any]:
    scores = [{"path": path, "confidence": 0.71} for path in paths]
    row = {"contentId": an_id(name), "language": "en", "languageConfidence": 0.98, "topicState": "named"}
    row |= {"topics": [ids[path] for path in paths], "topicScores": scores, "textHash": hash_of(text), "model": "v1"}
    row["topicEvidence"] = [{"path": path, **FOUND, "head": 0.4} for path in paths]
    return row | {"updatedAt": NOW} | fields


@pytest.fixture
def ids(store: Store, deployed: None) -> dict[str, ObjectId]:
    """A tree of four topics, and a post on football."""
    resolved = TopicTree(store).resolve({path: {"name": name} for path, name in NAMES.items()}, now=NOW)
    store.app.contents.insert_one(post("match", now=NOW, payload={"message": TEXT}))
    store.app.contentinfo.insert_one(annotation("match", resolved, "sports", "sports/football"))
    return resolved


def address(console: str, name: str = "match") -> str:
    return f"{console}/console/topics/posts/{an_id(name)}"


def stored(store: Store, name: str = "match") -> list[str]:
    described = DescribedPosts(store).find(an_id(name))
    assert described is not None
    return [topic.path for topic in described.topics]


def acts(store: Store) -> list[tuple[str, str]]:
    return [(row["act"], row["outcome"].split(":")[0]) for row in store.analytics.auditLog.find().sort("_id", 1)]


def test_a_moderator_finds_a_post_and_corrects_it_by_keyboard(
    page: Page, console: str, store: Store, log_in: LogIn, ids: dict[str, ObjectId], axe: Axe
) -> None:
    TopicCounts(store).refresh(now=NOW)
    log_in(page, "moderator")
    page.get_by_role("link", name="Topics", exact=True).press("Enter")
    page.get_by_role("link", name="Football").press("Enter")
    page.get_by_role("link", name="The striker").press("Enter")
    page.get_by_role("heading", name=f"Topics of the post {an_id('match')}").wait_for()
    assert page.url == address(console)
    text = page.locator("main").inner_text()
    assert TEXT in text
    assert "The striker scored twice <script" in page.locator("q").inner_text(), "without the mention"
    evidence = page.get_by_role("table", name="What the classifier found").locator("tbody tr").last
    assert evidence.inner_text().split("\t") == [
        "Sports › Football", "0.71", "a striker scored two goals", "0.62", "0.4"
    ]  # fmt: skip
    assert axe(page) == []

    first = page.get_by_label("Topic 1")
    assert first.input_value() == "sports/football"
    first.focus()
    page.keyboard.type("Sports › G")  # as in every list of a browser, what is typed chooses
    page.keyboard.press("Tab")
    page.get_by_label("Topic 2").select_option("food")
    page.get_by_label("Reason").fill("a hole in one")
    page.get_by_role("button", name="Correct").press("Enter")
    page.get_by_role("status").get_by_text("The post has these topics now.").wait_for()

    assert stored(store) == ["food", "sports", "sports/golf"]
    assert "Corrected by local moderator" in page.locator("main").inner_text()
    assert page.title().startswith("Topics of the post")
    assert [page.get_by_label(f"Topic {n}").input_value() for n in (1, 2, 3)] == ["food", "sports/golf", ""]
    assert axe(page) == []
    [entry] = store.analytics.auditLog.find()
    assert (entry["act"], entry["outcome"]) == ("correct topics", "done")
    assert entry["personal"] == {
        "post": an_id("match"), "before": "sports sports/football", "after": "food sports/golf",
        "reason": "a hole in one",
    }  # fmt: skip


def test_a_form_that_comes_too_late_says_what_changed_and_keeps_what_was_typed(
    page: Page, console: str, store: Store, log_in: LogIn, ids: dict[str, ObjectId], faults: list[str], axe: Axe
) -> None:
    log_in(page, "lead")
    page.goto(address(console))
    page.get_by_label("Topic 1").select_option("food")
    page.get_by_label("Reason").fill("my <b>reason")
    other = Correction(an_id("match"), ("sports/golf",), hash_of(TEXT), "en", "ana <b>", "hole", NOW)
    correct(store, other, seen=["sports", "sports/football"], topic_ids=ids, now=NOW)

    with page.expect_response(address(console)) as answer:
        page.get_by_role("button", name="Correct").press("Enter")

    assert answer.value.status == 409
    said = page.get_by_role("alert").inner_text()
    assert "You saw: Sports, Sports › Football. Now it has: Sports, Sports › Golf" in said
    assert "Corrected by ana <b>" in said
    assert page.get_by_label("Topic 1").input_value() == "food"
    assert page.get_by_label("Reason").input_value() == "my <b>reason"
    assert stored(store) == ["sports", "sports/golf"]
    assert axe(page) == []
    page.get_by_role("button", name="Correct").press("Enter")
    page.locator("#content .good[role=status]").wait_for()
    assert stored(store) == ["food"]
    assert acts(store) == [("correct topics", "Conflict"), ("correct topics", "done")]
    assert all("409" in fault for fault in faults)
    faults.clear()


def test_an_edit_meanwhile_is_said_too(
    page: Page, console: str, store: Store, log_in: LogIn, ids: dict[str, ObjectId], faults: list[str]
) -> None:
    log_in(page, "lead")
    page.goto(address(console))
    store.app.contents.update_one({}, {"$set": {"payload.message": "Another text"}})

    page.get_by_role("button", name="Correct").click()

    page.get_by_text("The text has been edited meanwhile").wait_for()
    assert page.locator("blockquote").inner_text() == "Another text"
    assert store.analytics.topicCorrections.count_documents({}) == 0
    faults.clear()


SEND = """([path, body, csrf]) => fetch(path, {method: "POST", body, redirect: "manual", headers: {
    "Content-Type": "application/x-www-form-urlencoded", "X-Csrf": csrf}}).then(answer => answer.status)"""
REDIRECTED = 0  # the status that a page is told of a redirect that it does not follow


def test_a_form_that_is_delivered_twice_changes_once(
    page: Page, console: str, store: Store, log_in: LogIn, ids: dict[str, ObjectId]
) -> None:
    log_in(page, "moderator")
    page.goto(address(console))
    csrf = page.locator('meta[name="csrf"]').get_attribute("content")
    body = f"text={hash_of(TEXT)}&seen=sports+sports/football&topic1=food"

    for _ in range(2):
        assert page.evaluate(SEND, [page.url, body, csrf]) == REDIRECTED
    [correction] = store.analytics.topicCorrections.find()
    before = store.app.contentinfo.find_one()
    page.evaluate(SEND, [page.url, body, csrf])

    assert stored(store) == ["food"]
    assert list(store.analytics.topicCorrections.find()) == [correction]
    assert store.app.contentinfo.find_one() == before
    assert acts(store) == [("correct topics", "done")] * 3


@pytest.mark.parametrize("role", ROLES)
def test_who_may_see_and_who_may_correct(
    role: Role, page: Page, console: str, store: Store, log_in: LogIn, ids: dict[str, ObjectId], faults: list[str]
) -> None:
    log_in(page, role)
    answer = page.goto(address(console))

    assert answer is not None
    assert answer.status == (200 if may(role, "read posts") else 403)
    assert page.get_by_role("button", name="Correct").count() == int(may(role, "correct topics"))
    csrf = page.locator('meta[name="csrf"]').get_attribute("content")
    body = f"text={hash_of(TEXT)}&seen=sports+sports/football&topic1=food"
    assert page.evaluate(SEND, [page.url, body, "of another session"]) == 403
    assert stored(store) == ["sports", "sports/football"]
    assert page.evaluate(SEND, [page.url, body, csrf]) == (REDIRECTED if may(role, "correct topics") else 403)
    assert page.evaluate(SEND, [page.url, body + "&topic2=unheard/of", csrf]) in (403, 422)
    assert store.analytics.auditLog.count_documents({}) == int(may(role, "correct topics"))
    faults.clear()


def test_without_a_script_the_pages_do_the_same(
    console: str, store: Store, log_in: LogIn, ids: dict[str, ObjectId], browser: Any
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        log_in(page, "lead")
        page.goto(f"{console}/console/topics")
        page.get_by_label("Find a post").fill(str(an_id("match")))
        page.get_by_label("Find a post").press("Enter")
        assert page.url == address(console)
        for n in range(1, CHOICES + 1):
            page.get_by_label(f"Topic {n}").select_option("")
        page.get_by_role("button", name="Correct").click()

        assert stored(store) == []
        assert "no topic" in page.locator("main").inner_text()


def test_the_tree_says_how_many_posts_and_whether_that_is_more(
    page: Page, console: str, store: Store, log_in: LogIn, ids: dict[str, ObjectId]
) -> None:
    numbers = {"food": (400, 200), "sports": (240, 200), "sports/football": (7, 0), "sports/golf": (0, 0)}
    for path, (recent, before) in numbers.items():
        counts = {"recent": recent, "before": before, "hours": 168, "asOf": NOW - timedelta(hours=3)}
        store.analytics.topics.update_one({"path": path}, {"$set": {"posts": counts}})
    log_in(page, "viewer")
    page.goto(f"{console}/console/topics")

    rows = [row.split("\t") for row in page.locator("tbody tr").all_inner_texts()]
    assert rows == [
        ["Food", "400", "200", "Rising: +100 % (95 % interval +69 to +137 %)"],
        ["Sports", "240", "200", "No clear change: +20 % (95 % interval -1 to +45 %)"],
        ["Football", "7", "0", "New: it had no post before"],
        [NAMES["sports/golf"], "0", "0", "No posts in either"],
    ]
    assert "Published posts of the last 7 days by topic" in page.locator("main").inner_text()
    assert page.title().startswith("Topics")


def test_a_trend_has_an_interval_where_both_numbers_do() -> None:
    fallen, gone = trend(100, 200), trend(0, 5)

    assert (fallen.percent, fallen.verdict) == (-50.0, "falling")
    assert fallen.low is not None
    assert fallen.high is not None
    assert -61 < fallen.low < -50 < fallen.high < -36
    assert (gone.percent, gone.low) == (-100.0, None)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("?post=nonsense<b>", 422, "This is no id of a post"),
        ("/ffffffffffffffffffffffff", 404, "topic: there is none of this id"),
        ("/x", 422, "needs an id"),
        ("/posts/ffffffffffffffffffffffff", 200, "The post is not published, or has no text"),
        ("/posts/x", 422, "needs an id"),
    ],
)
def test_what_is_not_there_is_said(
    page: Page, console: str, log_in: LogIn, ids: dict[str, ObjectId], faults: list[str], path: str, status: int,
    said: str
) -> None:  # fmt: skip
    log_in(page, "lead")

    answer = page.goto(f"{console}/console/topics{path}")

    assert answer is not None
    assert answer.status == status
    assert said in page.locator("main").inner_text()
    faults.clear()


def test_empty_pages_say_what_will_fill_them(
    page: Page, console: str, store: Store, log_in: LogIn, ids: dict[str, ObjectId]
) -> None:
    store.app.contents.insert_one(post("new", now=NOW))
    log_in(page, "viewer")
    said = {
        f"/{ids['food']}": "No posts. They come here as soon as",
        "": "Posts of topics have not been counted yet.",
        f"/posts/{an_id('new')}": "The post has not been described yet.",
    }
    for path, sentence in said.items():
        page.goto(f"{console}/console/topics{path}")
        assert sentence in page.locator("main").inner_text()
    store.analytics.topics.delete_many({})
    page.goto(f"{console}/console/topics")
    assert "No topics yet." in page.locator("main").inner_text()


JUNK: tuple[Any, ...] = (None, "x", 7, [], {}, [7], [{"path": 7}], float("nan"), SCRIPT, {"recent": SCRIPT})


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_junk_in_stored_documents_does_no_harm(
    page: Page, console: str, store: Store, log_in: LogIn, ids: dict[str, ObjectId], junk: Any
) -> None:
    fields = ("language", "languageConfidence", "topicState", "topicScores", "topicEvidence", "model", "updatedAt")
    for n, field in enumerate(fields):
        store.app.contents.insert_one(post(f"odd {n}", now=NOW, payload={"message": TEXT}, author="bob"))
        store.app.contentinfo.insert_one(annotation(f"odd {n}", ids, "food", **{field: junk}))
    store.app.contents.insert_one(post("odd text", now=NOW, payload=junk, createdAt=junk))
    store.app.contentinfo.insert_one(annotation("odd text", ids, "food"))
    store.analytics.topics.insert_many([{"path": junk or 7, "slug": "a"}, {"path": "zoo", "name": junk, "posts": junk}])
    store.analytics.topicCorrections.insert_one({"contentId": an_id("odd 0"), "topics": junk, "updatedAt": junk})
    log_in(page, "lead")

    names = [f"odd {n}" for n in range(len(fields))] + ["odd text"]
    for path in ("", f"/{ids['food']}", *(f"/posts/{an_id(name)}" for name in names)):
        answer = page.goto(f"{console}/console/topics{path}")
        assert answer is not None
        assert answer.status == 200, path
        assert page.title().startswith("Topics")


def test_a_topic_lists_its_newest_posts_page_by_page(
    page: Page, console: str, store: Store, log_in: LogIn, ids: dict[str, ObjectId], axe: Axe
) -> None:
    names = [f"meal {n}" for n in range(ROWS + 5)]
    store.app.contents.insert_many([post(name, now=NOW) for name in names[1:]])  # the first one is gone
    store.app.contentinfo.insert_many([annotation(name, ids, "food") for name in names])
    log_in(page, "viewer")

    page.goto(f"{console}/console/topics/{ids['food']}")
    first = page.locator("tbody a").evaluate_all("links => links.map(link => link.href.slice(-24))")
    assert axe(page) == []
    page.get_by_role("link", name="Older").press("Enter")
    page.wait_for_url("**?after=*")
    second = page.locator("tbody a").evaluate_all("links => links.map(link => link.href.slice(-24))")

    assert first + second == sorted((str(an_id(name)) for name in names), reverse=True)
    assert page.get_by_role("link", name="Older").count() == 0


def test_no_query_reads_more_than_it_shows(store: Store, ids: dict[str, ObjectId]) -> None:
    schema.apply(store.app, store.analytics)
    store.app.contentinfo.insert_many([annotation(f"meal {n}", ids, "food") for n in range(1_000)])
    store.analytics.topicCorrections.insert_many(
        [{"contentId": an_id(f"meal {n}"), "topics": ["food"], "updatedAt": NOW} for n in range(1_000)]
    )
    databases = (store.app, store.analytics)
    for database in databases:
        database.command("profile", 2)
    try:
        described = DescribedPosts(store)
        _, after = described.newest(ids["food"], None, ROWS)
        described.newest(ids["food"], after, ROWS)
        described.find(an_id("meal 7"))
        TopicCorrections(store).of([an_id("meal 7")])
        TopicTree(store).all()
    finally:
        for database in databases:
            database.command("profile", 0)

    asked = [
        each
        for database in databases
        for each in database["system.profile"].find({"op": {"$in": ["query", "command"]}})
    ]
    for database in databases:
        database["system.profile"].drop()
    read = [each for each in asked if "docsExamined" in each]
    assert len(read) == 5
    for each in read:
        assert "COLLSCAN" not in each["planSummary"], each
        assert not each.get("hasSortStage"), each
        assert each["docsExamined"] <= ROWS + 1, each
