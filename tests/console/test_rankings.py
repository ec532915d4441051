"""The feed of an account as the rankers see it, two versions of a model side by side, and what a rollback changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bson import ObjectId

from console.messages import messages
from console.rights import ROLES, Role, may
from console.store.audit_log import AuditLog
from console.store.members import LANGUAGES, Members
from functions.coldstart import build_guest_feed
from functions.coldstart.options import GuestFeedOptions
from functions.feed import model_versions, refresh_catalogue
from functions.feed.candidate_features import FEATURES as OF_MEMBERS
from functions.feed.feed_ranker import open_feed_ranker
from functions.feed.options import Members as MemberOptions
from functions.feed.pages import REASONS
from shared.artifacts import Artifact, Manifest, Registry
from shared.artifacts.snapshots import Snapshots
from shared.config import settings
from shared.errors import Conflict
from shared.ml import trees
from shared.ranking.features import FEATURES as OF_COUNTRIES
from shared.ranking.options import Coldstart
from shared.store import Store
from tests.factories import account, an_id, engagement, follow, post, user, write_users
from tests.waiting import allowed

# Fixtures of the pages of models, where rollbacks are done.
from tests.console.test_models import Client, member  # noqa: F401  # isort: skip

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.console.conftest import Axe

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
SCRIPT = "<script>document.title = 'run'</script>"
CAT = str(an_id("account of cat"))
ACCOUNTS, US = "/console/feeds/accounts", "/console/models/country/us"
LIVE, OTHER, SAME = "20260103T000000Z", "20260102T000000Z", "20260101T000000Z"
LogIn = Callable[["Page", "Role"], None]


def artifact(family: str, key: str, version: str, features: Any, weight: float) -> Artifact:
    """A ranker that has learnt to put older posts first, as far as its weight lets it."""
    rng = np.random.default_rng(0)
    matrix = rng.uniform(0, 8, size=(200, len(features.names))).astype(np.float32)
    labels = (matrix[:, features.names.index("age")] > 4).astype(np.float64)
    model = trees.fit(
        matrix, labels, np.ones(200), parameters={"objective": "binary:logistic", "max_depth": 2}, rounds=9,
        monotone_sign=(0,) * len(features.names),
    )  # fmt: skip
    metrics = {"half_life_hours": 24.0, "popularity_floor": 0.0, "weight": weight}
    return Artifact(
        Manifest(family, key, version, NOW, (NOW, NOW), features.names, features.fingerprint, metrics), model
    )


@pytest.fixture
def town(deployed: None, store: Store) -> Iterator[Store]:
    """Thirty posts, which cat and a few others engaged with; three versions of the base country's ranker and of that
    of all members, of which the first and the last say the same."""
    app, registry = store.app, Registry(store.analytics, settings().artifact_keys)
    names = [f"p{number}" for number in range(30)]
    app.contents.insert_many(
        [post(name, now=NOW, age_hours=1 + n % 7, author=f"author {n % 10}") for n, name in enumerate(names)]
    )
    app.contents.update_one({"_id": an_id("p1")}, {"$set": {"payload.message": SCRIPT, "author.displayName": SCRIPT}})
    write_users(app, *(f"author {number}" for number in range(10)), now=NOW)
    app.accounts.insert_many([account(f"account of {who}", now=NOW) for who in ("cat", "dog", "cow")])
    app.users.insert_many([user(who, now=NOW) for who in ("cat", "dog", "cow")])
    app.relationships.insert_one(follow("cat", "author 1", at=NOW - 99 * HOUR))
    app.engagements.insert_many(
        [
            engagement("dog", f"p{n}", at=NOW - HOUR / 2, kind=kind)
            for n in range(0, 30, 4)
            for kind in ("like", "quote")
        ]
    )
    for family, key, features in (("country", "us", OF_COUNTRIES), ("members", "all", OF_MEMBERS)):
        for version, weight in ((SAME, 1.0), (OTHER, 0.0), (LIVE, 1.0)):
            registry.add(artifact(family, key, version, features, weight))
        registry.promote(family, key, LIVE, instead_of=None, at=NOW)
    build_guest_feed.run(store, registry, GuestFeedOptions(), Coldstart(), now=NOW)
    snapshots = Snapshots(store.analytics, settings().artifact_keys)
    refresh_catalogue.run(store, registry, snapshots, Coldstart(), MemberOptions(), now=NOW)
    open_feed_ranker.cache_clear()
    model_versions.forget()
    yield store
    open_feed_ranker.cache_clear()
    model_versions.forget()


def main(page: Page) -> str:
    return page.locator("main").inner_text()


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_operator_looks_at_a_feed_by_keyboard(
    page: Page, console: str, log_in: LogIn, town: Store, axe: Axe, language: str
) -> None:
    log_in(page, "operator")
    Members(town).choose_language("local operator", language)
    page.goto(f"{console}/console")
    words = messages()[language]
    page.get_by_role("link", name=words["nav.accounts"]).press("Enter")
    page.get_by_label(words["accounts.account"]).fill(CAT)
    page.keyboard.press("Enter")
    page.get_by_text(words["accounts.now"]).wait_for(timeout=1_000 * allowed(10))

    assert page.url == console + ACCOUNTS, "no id stands in the address"
    assert page.locator("tbody tr").count() == 25
    assert words["accounts.source.following"] in main(page)
    assert SCRIPT in main(page)
    page.locator("summary").first.press("Enter")
    assert "log odds" in main(page)
    assert axe(page) == []
    assert page.title() == f"{words['nav.accounts']} · Feedkeeper"
    [entry] = AuditLog(town).newest(None, 10)
    assert (entry.act, entry.outcome, entry.personal) == ("look at a feed", "done", {"account": ObjectId(CAT)})


def test_the_page_shows_what_the_home_would(member: Callable[[Role], Client], town: Store) -> None:  # noqa: F811
    from functions.feed.handlers.recommend_home import handler

    items = handler({"accountId": CAT}, None)["items"]
    body = unescape(member("lead").post(ACCOUNTS, account=CAT)["body"])

    lines = [town.app.contents.find_one({"_id": ObjectId(item["content"])})["payload"]["message"] for item in items]  # type: ignore[index]
    places = [body.index(f">{line}</th>") for line in lines]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("typed", "status", "said"),
    [("zz", 400, "needs an id"), ("", 400, "needs an id"), ("f" * 24, 404, "there is no account")],
)
def test_an_account_that_is_not_there_is_refused_and_stays_typed(
    member: Callable[[Role], Client],  # noqa: F811
    town: Store,
    typed: str,
    status: int,
    said: str,
) -> None:
    answer = member("operator").post(ACCOUNTS, account=typed)

    assert answer["statusCode"] == status
    assert said in answer["body"]
    assert f'value="{typed}"' in answer["body"]


@pytest.mark.parametrize("path", [ACCOUNTS, f"{US}/rankings"])
def test_who_may_see_feeds_of_accounts(
    member: Callable[[Role], Client],  # noqa: F811
    town: Store,
    path: str,
) -> None:
    for role in ROLES:
        client = member(role)
        status = client.post(path, account=CAT, left=LIVE, right=OTHER)["statusCode"]
        assert status == (200 if role in ("lead", "operator") else 403)
        assert may(role, "see accounts") == (status == 200)
        assert client.post(path, csrf="0" * 64, account=CAT, left=LIVE, right=OTHER)["statusCode"] == 403

    assert [entry.role for entry in AuditLog(town).newest(None, 10)] == ["operator", "lead"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_versions_side_by_side_by_keyboard(
    page: Page, console: str, log_in: LogIn, town: Store, axe: Axe, language: str
) -> None:
    log_in(page, "operator")
    Members(town).choose_language("local operator", language)
    page.goto(f"{console}{US}/compare?left={LIVE}&right={OTHER}")
    words = messages()[language]
    page.get_by_role("link", name=words["rankings.title"]).press("Enter")
    page.get_by_text(words["rankings.same_candidates"]).wait_for(timeout=1_000 * allowed(10))

    assert page.locator("table").count() == 2
    assert page.locator("table").first.locator("tbody tr").count() == 20
    assert words["rankings.not_first"] in main(page)
    assert SCRIPT in main(page)
    assert axe(page) == []
    page.get_by_label(words["accounts.account"]).fill(CAT)
    page.keyboard.press("Enter")
    page.get_by_text(words["rankings.for_account"]).wait_for(timeout=1_000 * allowed(10))
    assert CAT not in page.url
    assert axe(page) == []


def test_equal_versions_move_nothing(member: Callable[[Role], Client], town: Store) -> None:  # noqa: F811
    body = member("viewer").get(f"{US}/rankings?left={LIVE}&right={SAME}&wait=yes")["body"]

    assert body.count("The same rank") == 40
    assert "away" not in body


def test_a_ranker_of_members_is_compared_for_an_account(
    member: Callable[[Role], Client],  # noqa: F811
    town: Store,
) -> None:
    path = "/console/models/members/all/rankings"

    assert "a lead or an operator names one" in member("viewer").get(f"{path}?left={LIVE}&right={OTHER}")["body"]
    shown = member("lead").post(path, account=CAT, left=LIVE, right=OTHER)["body"]
    assert "Neither version ranks for this account" in shown, "it has no model of its own"


def test_what_would_change_is_shown_before_a_version_is_made_live(
    page: Page, console: str, log_in: LogIn, town: Store, axe: Axe
) -> None:
    log_in(page, "operator")
    page.goto(f"{console}{US}")
    page.get_by_role("heading", name="What would change").scroll_into_view_if_needed()
    section = page.locator("#told")
    section.wait_for(timeout=1_000 * allowed(20))

    page.locator("#version").select_option(OTHER)
    page.get_by_text(f"each with {OTHER} and with {LIVE}").wait_for(timeout=1_000 * allowed(20))
    different = section.inner_text()
    page.locator("#version").select_option(SAME)
    page.get_by_text(f"each with {SAME} and with {LIVE}").wait_for(timeout=1_000 * allowed(20))

    assert "13 members drawn at random" in section.inner_text()
    assert "Of the first 20 posts stay: 100 %" in section.inner_text()
    assert "Another first post: 0 %" in section.inner_text()
    assert "Of the first 20 posts stay: 100 %" not in different
    assert axe(page) == []


def test_what_would_change_is_shown_without_a_script(
    browser: Any, console: str, log_in: LogIn, town: Store, axe: Axe, faults: list[str]
) -> None:
    from tests.console.conftest import watched_page

    with watched_page(browser, faults) as page:
        log_in(page, "operator")
        state = page.context.storage_state()
    with browser.new_context(java_script_enabled=False, storage_state=state) as context:
        page = context.new_page()
        page.goto(f"{console}{US}")
        page.get_by_role("link", name=f"What {OTHER} would change for 200 members").press("Enter")
        page.get_by_text("members drawn at random").wait_for(timeout=1_000 * allowed(20))
        page.goto(f"{console}{US}/rankings?left={LIVE}&right={OTHER}")
        page.get_by_role("link", name="Compare what they show first").press("Enter")
        page.get_by_text("Both rank the same candidates").wait_for(timeout=1_000 * allowed(20))


WAITING = [f"rankings?left={LIVE}&right={OTHER}", f"effect?version={OTHER}"]


@pytest.mark.parametrize("path", WAITING)
def test_a_page_does_not_wait_for_its_comparison(
    member: Callable[[Role], Client],  # noqa: F811
    town: Store,
    path: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object) -> None:
        raise Conflict("compare_rankings is not asked")

    monkeypatch.setattr("console.rankings.compared", refused)
    monkeypatch.setattr("console.rankings.effect", refused)
    viewer = member("viewer")

    assert viewer.get(f"{US}/{path}")["statusCode"] == 200
    assert viewer.get(f"{US}/{path}&wait=yes")["statusCode"] == 409
    assert viewer.get(f"{US}/{path}&wait=no")["statusCode"] == 422


@pytest.mark.parametrize("path", WAITING)
def test_a_comparison_that_was_not_answered_is_asked_for_again(
    page: Page, console: str, log_in: LogIn, town: Store, axe: Axe, faults: list[str], path: str
) -> None:
    log_in(page, "operator")
    page.route("**wait=yes**", lambda route: route.abort())
    page.goto(f"{console}{US}/{path}")
    page.locator("#message p").wait_for(timeout=1_000 * allowed(10))
    assert axe(page) == []
    faults.clear()
    page.unroute("**wait=yes**")

    page.locator("#told a").press("Enter")
    page.get_by_text(words_of(path)).wait_for(timeout=1_000 * allowed(20))


def words_of(path: str) -> str:
    return "Both rank the same candidates" if path.startswith("rankings") else "members drawn at random"


def test_models_that_rank_no_posts_change_no_feed(
    member: Callable[[Role], Client],  # noqa: F811
    town: Store,
) -> None:
    assert "no feed changes" in member("viewer").get("/console/models/topics/all/effect?version=x")["body"]
    assert member("viewer").get("/console/models/topics/all/rankings?left=a&right=b")["statusCode"] == 400


def test_a_version_that_may_not_be_used_is_told(
    member: Callable[[Role], Client],  # noqa: F811
    town: Store,
) -> None:
    town.analytics.artifactVersions.update_one({"family": "country", "version": OTHER}, {"$set": {"signature": "x"}})

    for path in (f"{US}/rankings?left={LIVE}&right={OTHER}&wait=yes", f"{US}/effect?version={OTHER}&wait=yes"):
        answer, part = member("viewer").get(path), member("viewer").get(path, **{"hx-request": "true"})
        assert (answer["statusCode"], part["statusCode"]) == (503, 200)
        assert "signature" in answer["body"]
        assert "signature" in part["body"]
    missing = member("viewer").get(f"{US}/effect?version=19990101&wait=yes")
    assert missing["statusCode"] == 404
    assert "is kept" in missing["body"]
    assert 'id="lazy"' not in missing["body"], "asking again would not help"


def test_every_feature_and_source_has_its_sentences() -> None:
    for of_language in messages().values():
        assert {f"accounts.feature.{name}" for name in OF_MEMBERS.names} <= of_language.keys()
        assert {f"accounts.source.{source}" for source in REASONS} <= of_language.keys()
        assert {f"accounts.moved.{way}" for way in ("up", "down", "new")} <= of_language.keys()
        assert {
            f"accounts.part.{part}" for part in ("country", "members", "own", "fewEngagements", "quality")
        } <= of_language.keys()
