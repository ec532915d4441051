"""The pages of models: what is live, which versions are kept, and acts on them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError

from console.rights import ROLES, Role, may
from console.store.audit_log import AuditLog
from console.store.members import Member, Members
from console.store.models import Models
from console.store.sessions import Sessions, csrf_token
from local.http import event_of
from shared.artifacts import Artifact, FrozenModels, Manifest, Registry
from shared.config import Settings, forget_settings
from shared.errors import BadConfig, Conflict, NotFound, StaleModel, Unanswered, Unavailable, Unforeseen
from shared.report import Detail
from shared.runtime.function_calls import promote
from shared.store import Store, schema
from shared.store.deadline import deadline
from shared.store.job_runs import JobRun, key_of
from tests.factories import an_id
from tests.waiting import allowed

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.console.conftest import Axe

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)  # the same for all workers, whose tests have it in their names
DAY = timedelta(days=1)
SCRIPT = "<script>document.title = 'run'</script>"
TH = "/console/models/country/th"
VERSIONS = [f"{NOW - days * DAY:%Y%m%dT%H%M%SZ}" for days in (3, 2, 1)]  # the oldest first
METRICS = {"model": 0.4294, "parent": 0.41, "live": 0.43, "hyperparameters": {"rounds": 20, "note": SCRIPT}}


@pytest.fixture
def registry(store: Store, config: Settings) -> Registry:
    """Three versions of Thailand's model, of which the second is live; a country without a model; one account's."""
    registry = Registry(store.analytics, config.artifact_keys)
    live = None
    for number, version in enumerate(VERSIONS):
        trained = NOW - (3 - number) * DAY
        metrics = METRICS | {"model": 0.42 + number / 100}
        features = ("likes", f"age {number}")
        registry.add(Artifact(_manifest("country", "th", version, trained, features, metrics), version.encode()))
        if number < 2:
            registry.promote("country", "th", version, instead_of=live, at=trained)
            live = version
    registry.write_alias("country", ["ad"], "us", at=NOW)
    account = str(an_id("account of ana"))
    personal = _manifest("personal", account, VERSIONS[0], NOW, ("likes",), {"acts": 40})
    registry.replace([Artifact(personal, b"personal")], at=NOW)
    return registry


def _manifest(
    family: str, key: str, version: str, trained: datetime, features: tuple[str, ...], metrics: dict[str, Any]
) -> Manifest:
    return Manifest(family, key, version, trained, (trained - 28 * DAY, trained), features, "0123456789ab", metrics)


@dataclass(frozen=True)
class Client:
    """Sends requests to the handler as a member does whose browser has the page."""

    token: str

    def get(self, path: str, **headers: str) -> dict[str, Any]:
        return self._answer("GET", path, b"", headers)

    def post(self, path: str, /, csrf: str | None = None, **fields: str) -> dict[str, Any]:
        form = {"csrf": csrf_token(self.token) if csrf is None else csrf, **fields}
        return self._answer("POST", path, urlencode(form).encode(), {})

    def _answer(self, method: str, path: str, body: bytes, more: dict[str, str]) -> dict[str, Any]:
        headers = {"cookie": f"__Host-session={self.token}", "sec-fetch-site": "same-origin"} | more
        headers |= {"content-type": "application/x-www-form-urlencoded"} if body else {}
        handler = import_module("console.handlers.serve_console").handler
        return dict(handler(event_of(method, path, headers, body), None))


@pytest.fixture
def member(deployed: None, store: Store) -> Callable[[Role], Client]:
    def of(role: Role) -> Client:
        subject = f"{role}@example.org"
        Members(store).enrol(Member(subject, role, "en"), by="test", now=NOW)
        return Client(Sessions(store).start(subject, role, now=datetime.now(UTC)))

    return of


def rolling_back(version: str = VERSIONS[0], **fields: str) -> dict[str, str]:
    return {"version": version, "reason": "less is read", "confirm": version, "seen": VERSIONS[1]} | fields


def test_an_operator_rolls_back_by_keyboard_and_freezes(
    page: Page, console: str, registry: Registry, store: Store, log_in: Callable[[Page, Role], None], axe: Axe
) -> None:
    log_in(page, "operator")
    page.get_by_role("link", name="Models").press("Enter")
    page.get_by_role("link", name="Thailand (th)", exact=True).press("Enter")
    assert f"Live is {VERSIONS[1]}" in page.inner_text("main")
    assert page.locator(".chart canvas").count() == 1
    assert axe(page) == []

    form = page.locator("form[action$=promote]")
    form.locator("select[name=version]").select_option(VERSIONS[0])
    form.get_by_label("Reason").fill(f"less is read {SCRIPT}")
    form.get_by_label("The version again").fill(VERSIONS[0])
    page.keyboard.press("Enter")

    page.get_by_text("It is live.").wait_for(timeout=1_000 * allowed(3))
    assert f"Live is {VERSIONS[0]}" in page.inner_text("main")
    assert "local operator" in page.locator("tr.good").inner_text()
    page.locator("form[action$=freeze]").get_by_label("Reason").fill(f"until Monday {SCRIPT}")
    page.get_by_role("button", name="Freeze").press("Enter")
    page.get_by_text("It is frozen.").wait_for()
    page.locator(".chart canvas").wait_for()  # drawn in the page that has come in place of the former, too
    assert f"until Monday {SCRIPT}" in page.inner_text("main")
    assert axe(page) == []
    page.goto(f"{console}/console/models")
    assert "Frozen" in page.inner_text("main")
    assert page.title() == "Models · Feedkeeper"
    assert registry.live_version("country", "th") == VERSIONS[0]
    acts = [(entry.act, entry.outcome, entry.by) for entry in AuditLog(store).newest(None, 10)]
    assert acts == [("freeze model", "done", "local operator"), ("promote model", "done", "local operator")]


def test_two_versions_side_by_side_and_metrics_as_text(
    page: Page, console: str, registry: Registry, log_in: Callable[[Page, Role], None], axe: Axe
) -> None:
    log_in(page, "viewer")
    page.goto(console + TH)
    assert page.locator("form[method=post][action^='/console/models']").count() == 0
    page.get_by_label("Second").select_option(VERSIONS[2])
    page.get_by_role("button", name="Compare").press("Enter")
    page.get_by_text("hyperparameters.rounds").wait_for()

    shown = page.inner_text("main")
    assert SCRIPT in shown
    assert all(text in shown for text in ("0.43", "0.44", "age 1", "age 2", "0123456789ab"))
    assert "compare" in page.title().lower()
    assert axe(page) == []


def test_a_version_says_how_it_did_and_when_it_was_live(member: Callable[[Role], Client], registry: Registry) -> None:
    page = member("viewer").get(TH)["body"]

    assert "NDCG@10 0.4300: 0.0200 better than the parent&#39;s model, 0.4100" in page
    assert "NDCG@10 0.4200: 0.0100 worse than the one that was live, 0.4300" in page
    assert page.count("· a training</div>") == 2
    assert page.count("never: its key was frozen") == 1


def spans(page: str) -> list[tuple[datetime, datetime | None, str]]:
    """Beginning and end of each time in which a version was live, and who made it so."""
    matches = re.findall(
        r'<div><time datetime="([^"]*)">[^<]*</time> – (?:<time datetime="([^"]*)">[^<]*</time>|\w+) · ([^<]*)</div>',
        page,
    )
    return [
        (datetime.fromisoformat(start), datetime.fromisoformat(end) if end else None, by) for start, end, by in matches
    ]


def test_every_time_in_which_a_version_was_live_is_shown(
    member: Callable[[Role], Client], registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also beside versions of another page, after deletions, and where the key used another model meanwhile."""
    moments = [NOW + number * timedelta(minutes=1) for number in range(1, 6)]
    registry.promote("country", "th", VERSIONS[0], instead_of=VERSIONS[1], at=moments[0], by="ana")
    registry.promote("country", "th", VERSIONS[1], instead_of=VERSIONS[0], at=moments[1])
    registry.promote("country", "th", VERSIONS[1], instead_of=VERSIONS[1], at=moments[1] + DAY / 9_000)  # twice
    registry.promote("country", "th", VERSIONS[0], instead_of=VERSIONS[1], at=moments[2], by="kit")
    registry.give_up("country", "th", "us", instead_of=VERSIONS[0], at=moments[3])
    registry.promote("country", "th", VERSIONS[0], instead_of=None, at=moments[4], by="ana")

    for versions in (1, 50):
        monkeypatch.setattr("console.views.models.VERSIONS", versions)
        page = member("viewer").get(f"{TH}?before={VERSIONS[1]}")["body"]
        assert spans(page) == [
            (moments[4], None, "ana"),
            (moments[2], moments[3], "kit"),
            (moments[0], moments[1], "ana"),
            (NOW - 3 * DAY, NOW - 2 * DAY, "a training"),
        ]
        assert page.count("– now") == 1
        registry.database.artifactVersions.delete_one({"version": VERSIONS[1]})


def test_a_version_that_was_live_before_this_was_noted_has_its_last_time(
    member: Callable[[Role], Client], registry: Registry
) -> None:
    registry.database.modelPromotions.delete_many({})

    assert spans(member("viewer").get(TH)["body"]) == [
        (NOW - 2 * DAY, None, "a training"),
        (NOW - 3 * DAY, NOW - 2 * DAY, "a training"),
    ]
    registry.database.mlArtifacts_country.delete_one({"account": "th"})
    assert "– unknown" in member("viewer").get(TH)["body"]
    registry.database.artifactVersions.update_many({}, {"$unset": {"promotedAt": ""}})
    assert spans(member("viewer").get(TH)["body"]) == []


def test_the_page_says_what_the_last_trainings_told(
    member: Callable[[Role], Client], registry: Registry, store: Store
) -> None:
    report: dict[str, Detail] = {"ndcg_model": 0.4251, "ndcg_live": 0.4294, "promoted": 0, "frozen": SCRIPT}
    key = key_of(NOW, "train_coldstart", "1")
    run = JobRun("train_coldstart", "schedule", "done", NOW, NOW, 2.0, key, report=report)
    store.job_runs.record([run, JobRun("train_topics", "schedule", "done", NOW, NOW, 2.0, "x", reason="other")])

    page = member("viewer").get(TH)["body"]

    assert all(text in page for text in ("nDCG of the new model 0.4251", "nDCG of the live model 0.4294"))
    assert SCRIPT not in page


def test_the_page_of_an_alias_and_that_of_an_account(
    member: Callable[[Role], Client], registry: Registry, store: Store
) -> None:
    viewer, operator, account = member("viewer"), member("operator"), str(an_id("account of ana"))

    page = viewer.get("/console/models/country/ad")["body"]
    assert "It has no model of its own" in page
    assert "Nothing is live in its place" in page, "us has none either"
    assert "of their own: about 1." in viewer.get("/console/models")["body"]
    assert VERSIONS[0] in operator.post("/console/models/accounts", account=account)["body"]
    assert viewer.post("/console/models/accounts", account=account)["statusCode"] == 403
    assert viewer.get(f"/console/models/personal/{account}")["statusCode"] == 404
    looked_at = AuditLog(store).newest(None, 10)
    assert [(entry.act, str(entry.personal["account"])) for entry in looked_at] == [
        ("look at the model of an account", account)
    ]


def test_an_alias_leads_to_the_model_that_is_used(member: Callable[[Role], Client], registry: Registry) -> None:
    registry.write_alias("country", ["ad"], "th", at=NOW)

    page = member("viewer").get("/console/models/country/ad")["body"]

    assert "Andorra (ad)" in page
    assert f'<a href="{TH}">Guests, by country, th</a>: {VERSIONS[1]}, live since' in page
    page_of_matches = member("viewer").get("/console/models?find=andorra")["body"]
    assert "Andorra (ad)" in page_of_matches
    assert page_of_matches.count(f'<a href="{TH}">Thailand (th)</a>') == 1  # as what it uses, not as a match
    registry.write_alias("country", ["ae"], "ad", at=NOW)
    for query, uses in (("", 3), ("?find=emirates", 1)):  # where it has its own, too
        page = member("viewer").get(f"/console/models{query}")["body"]
        assert page.count(f'<a href="{TH}">Thailand (th)</a>') == uses


@pytest.mark.parametrize(
    "path",
    [
        "/console/models/country/zz",
        "/console/models/strange/th",
        "/console/models/snapshot/posts",
        "/console/models/personal/th",
        "/console/models?family=personal",
        f"{TH}/compare?left={VERSIONS[0]}&right=20200101T000000Z",
        f"/console/models/personal/th/compare?left={VERSIONS[0]}&right={VERSIONS[1]}",
    ],
)
def test_what_is_not_there_is_not_found(member: Callable[[Role], Client], registry: Registry, path: str) -> None:
    assert member("viewer").get(path)["statusCode"] == 404


def test_of_operators_at_once_exactly_one_rolls_back(
    member: Callable[[Role], Client], registry: Registry, store: Store
) -> None:
    operator, versions = member("operator"), [VERSIONS[0], VERSIONS[2]] * 3

    with ThreadPoolExecutor(len(versions)) as threads:
        answers = list(threads.map(lambda version: operator.post(f"{TH}/promote", **rolling_back(version)), versions))

    done = [version for version, answer in zip(versions, answers, strict=True) if answer["statusCode"] == 303]
    assert done == [registry.live_version("country", "th")]
    assert sorted(answer["statusCode"] for answer in answers) == [303] + [409] * 5
    assert AuditLog(store).first_broken() is None
    assert [entry.outcome == "done" for entry in AuditLog(store).newest(None, 10)].count(True) == 1


def test_who_is_late_is_told_what_changed_and_keeps_what_was_typed(
    member: Callable[[Role], Client], registry: Registry
) -> None:
    operator = member("operator")
    operator.post(f"{TH}/promote", **rolling_back(VERSIONS[2]))

    late = operator.post(f"{TH}/promote", **rolling_back(reason="it is slow"))

    assert late["statusCode"] == 409
    assert f"country/th: {VERSIONS[2]} is live, instead of {VERSIONS[1]}" in late["body"]
    assert f"{VERSIONS[2]} became live instead of {VERSIONS[1]}" in late["body"]
    assert "operator@example.org" in late["body"]
    assert "it is slow</textarea>" in late["body"]
    assert f'name="seen" value="{VERSIONS[2]}"' in late["body"]


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"confirm": VERSIONS[0][-4:]}, 422, "type the version that is to be live"),
        ({"reason": "  "}, 422, "Say why."),
        ({"reason": "x" * 501}, 422, "reason: needs a text of at most 500 characters"),
        ({"version": "20200101T000000Z", "confirm": "20200101T000000Z"}, 404, f"kept: {', '.join(reversed(VERSIONS))}"),
    ],
)
def test_a_form_that_is_not_right_moves_nothing(
    member: Callable[[Role], Client], registry: Registry, fields: dict[str, str], status: int, said: str
) -> None:
    answer = member("operator").post(f"{TH}/promote", **rolling_back(**fields))

    assert (answer["statusCode"], said in answer["body"]) == (status, True)
    assert registry.live_version("country", "th") == VERSIONS[1]


def test_a_version_that_fails_its_checks_is_refused_word_for_word(
    member: Callable[[Role], Client], registry: Registry, store: Store
) -> None:
    store.analytics.artifactVersions.update_one({"version": VERSIONS[0]}, {"$set": {"sha256": "0" * 64}})

    answer = member("operator").post(f"{TH}/promote", **rolling_back())

    said = f"artifact country/th {VERSIONS[0]}: the bytes are not those that were stored"
    assert (answer["statusCode"], said in answer["body"]) == (503, True)
    assert AuditLog(store).newest(None, 1)[0].outcome == f"StaleModel: {said}"


def test_freezing_twice_conflicts_and_only_shown_families_can_be_frozen(
    member: Callable[[Role], Client], registry: Registry, store: Store
) -> None:
    operator, frozen = member("operator"), FrozenModels(store.analytics)

    answers = [operator.post(f"{TH}/{act}", reason="so") for act in ("freeze", "freeze", "unfreeze", "unfreeze")]

    assert [answer["statusCode"] for answer in answers] == [303, 409, 303, 409]
    assert "country/th: is frozen already" in answers[1]["body"]
    account = an_id("account of ana")
    assert operator.post(f"/console/models/personal/{account}/freeze", reason="so")["statusCode"] == 404
    assert operator.post("/console/models/country/zz/freeze", reason="so")["statusCode"] == 404
    assert list(frozen.all(10)) == []
    assert len(AuditLog(store).newest(None, 10)) == 4


@pytest.mark.parametrize("act", ["promote", "freeze", "unfreeze"])
@pytest.mark.parametrize("role", ROLES)
def test_only_operators_act_with_forms_of_their_own(
    member: Callable[[Role], Client], registry: Registry, store: Store, role: Role, act: str
) -> None:
    session = member(role)
    allowed = may(role, "operate")

    assert session.get("/console/models")["statusCode"] == 200
    assert (f"{TH}/{act}" in session.get(TH)["body"]) == (allowed and act != "unfreeze")
    assert session.post(f"{TH}/{act}", csrf="of another", **rolling_back())["statusCode"] == 403
    assert (session.post(f"{TH}/{act}", **rolling_back())["statusCode"] != 403) == allowed
    assert len(AuditLog(store).newest(None, 10)) == allowed


def test_documents_that_are_no_models_are_left_out(
    member: Callable[[Role], Client], registry: Registry, store: Store
) -> None:
    junk: list[dict[str, Any]] = [{"version": 7}, {"version": "v", "trainedAt": "x"}, {"version": SCRIPT}]
    for number, fields in enumerate(junk):
        store.analytics.artifactVersions.insert_one({"family": "country", "account": "th", **fields})
        store.analytics.mlArtifacts_country.insert_one({"account": f"x{number}", "model": "xgboost", **fields})
    store.analytics.frauddetectionmlartifacts.insert_one({"model": "xgboost", "trainedAt": NOW})
    store.analytics.mlArtifacts_topics.insert_one(
        {"account": SCRIPT, "model": "linear", "version": SCRIPT, "trainedAt": NOW, "metrics": {"f1_heads": "x"}}
    )
    store.analytics.frozenModels.insert_many([{"_id": 7}, {"_id": {"family": 1}}])
    viewer = member("viewer")

    assert all(version in viewer.get(TH)["body"] for version in VERSIONS)
    body = viewer.get("/console/models")["body"]
    assert VERSIONS[1] in body
    assert "<script>document" not in body


def test_pages_of_many_keys_and_versions(member: Callable[[Role], Client], registry: Registry, store: Store) -> None:
    rows = [
        {"family": "country", "account": "th", "version": f"v{number:04}", "trainedAt": NOW} for number in range(120)
    ]
    store.analytics.artifactVersions.insert_many(rows)
    registry.write_alias("country", [f"key{number:04}" for number in range(700)], "us", at=NOW)
    viewer = member("viewer")

    assert "after=key" in viewer.get("/console/models")["body"]
    assert VERSIONS[1] in viewer.get("/console/models?family=country&after=key0600")["body"]
    assert "before=v0070" in viewer.get(TH)["body"]
    assert "v0069" in viewer.get(f"{TH}?before=v0070")["body"]


def test_every_query_uses_an_index(registry: Registry, store: Store) -> None:
    store.analytics.command("profile", 2)
    try:
        models = Models(store)
        models.live("country", after="", limit=10)
        models.live("bots", after="", limit=10)
        models.live_of("country", "th")
        models.kept("country", "th", before=None, limit=10)
        models.kept("country", "th", before="v", limit=10)
        models.version("country", "th", VERSIONS[0])
        frozen = FrozenModels(store.analytics)
        list(frozen.all(10))
        frozen.find("country", "th")
        AuditLog(store).newest(None, 10, act="promote model")
    finally:
        store.analytics.command("profile", 0)
    profiled = list(store.analytics["system.profile"].find({"op": "query"}))
    store.analytics.drop_collection("system.profile")

    empty = {schema.AUDIT_LOG.name, schema.FROZEN_MODELS.name}  # and perhaps not there at all
    plans = {(row["ns"].partition(".")[2], row["planSummary"]) for row in profiled}
    assert len(profiled) >= 9
    assert [plan for plan in plans if plan[1] == "COLLSCAN" or (plan[1] == "EOF" and plan[0] not in empty)] == []


def test_the_first_model_of_a_key_is_made_live_from_its_page(
    member: Callable[[Role], Client], registry: Registry, store: Store
) -> None:
    store.analytics.mlArtifacts_country.delete_one({"account": "th"})
    operator = member("operator")
    assert 'name="seen" value="none"' in operator.get(TH)["body"]

    assert operator.post(f"{TH}/promote", **rolling_back(seen="none"))["statusCode"] == 303
    assert registry.live_version("country", "th") == VERSIONS[0]


@pytest.fixture
def lambda_answers(monkeypatch: pytest.MonkeyPatch, deployed: None) -> Callable[..., list[dict[str, Any]]]:
    """Has the function called by a cloud, which gives this answer; returns what it is asked."""
    asked: list[dict[str, Any]] = []

    def answering(report: Any, **more: str) -> list[dict[str, Any]]:
        class Cloud:
            def invoke(self, **request: Any) -> dict[str, Any]:
                asked.append(request)
                return {"Payload": io.BytesIO(json.dumps(report).encode()), **more}

        monkeypatch.setenv("PROMOTE_ARTIFACT_FUNCTION", "feedkeeper-dev-promoteArtifact")
        monkeypatch.setattr(boto3, "client", lambda *_, **__: Cloud())
        forget_settings()
        return asked

    return answering


def test_in_a_cloud_the_function_is_invoked(lambda_answers: Callable[..., list[dict[str, Any]]]) -> None:
    asked = lambda_answers({"read": 1, "written": 1, "instead_of": "v2"})

    promote("country", "th", "v1", instead_of="v2", by="ana")

    assert asked[0]["FunctionName"] == "feedkeeper-dev-promoteArtifact"
    request = {"family": "country", "key": "th", "version": "v1", "instead_of": "v2", "by": "ana"}
    assert json.loads(asked[0]["Payload"]) == request


def test_a_function_that_has_not_answered_in_time_may_be_at_work(
    lambda_answers: Callable[..., list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        def invoke(self, **request: Any) -> None:
            raise ReadTimeoutError(endpoint_url="lambda")

    lambda_answers({})
    monkeypatch.setattr(boto3, "client", lambda *_, **__: Silent())

    with pytest.raises(Unanswered, match="promote_artifact has not answered within 6 s"):
        promote("country", "th", "v1", instead_of="v2", by="ana")


def test_a_function_of_this_process_has_a_deadline_of_its_own(deployed: None, registry: Registry) -> None:
    """As one of a cloud has, whatever is left to the one that calls it."""
    with deadline(0.0):
        promote("country", "th", VERSIONS[0], instead_of=VERSIONS[1], by="ana")

    assert registry.live_version("country", "th") == VERSIONS[0]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("NotFound", NotFound),
        ("StaleModel", StaleModel),
        ("Unavailable", Unavailable),
        ("Sandbox.Timedout", Unforeseen),
    ],
)
def test_what_the_function_refuses_is_told(
    lambda_answers: Callable[..., list[dict[str, Any]]], kind: str, error: type[Exception]
) -> None:
    lambda_answers({"errorType": kind, "errorMessage": "version: no"}, FunctionError="Unhandled")

    with pytest.raises(error, match="version: no"):
        promote("country", "th", "v1", instead_of="v2", by="ana")


def test_a_conflict_that_the_function_reports_is_one(lambda_answers: Callable[..., list[dict[str, Any]]]) -> None:
    lambda_answers({"read": 0, "written": 0, "skipped": "another version is live"})

    with pytest.raises(Conflict, match="another version is live"):
        promote("country", "th", "v1", instead_of="v2", by="ana")


def test_without_a_function_a_setting_is_missing(deployed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVERY_FUNCTION")
    forget_settings()

    with pytest.raises(BadConfig, match="PROMOTE_ARTIFACT_FUNCTION"):
        promote("country", "th", "v1", instead_of="v2", by="ana")
