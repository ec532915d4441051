"""What a rehearsal proves, each by what was deployed and by nothing of this process. Disproved says what is not so."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId

from layers.build import ROOT
from layers.package import RESULT, TEMPLATE, layer_name
from local.functions import PIPELINE, function
from local.rehearsal.cloud import STAGE, Cloud
from local.rehearsal.waiting import wait_for
from shared.runtime.tokens import token_for
from shared.store import Store

BUS = f"feedkeeper-{STAGE}-changes"
PLAN = "plan_personal_training"
RANK = "/ds_service/personalize_content_predict"
POST = "เมื่อคืนทีมเรายิงประตูช่วงทดเวลา แฟนบอลทั้งสนามลุกขึ้นเชียร์ ฟุตบอลลีกปีนี้สนุกมาก"


class Disproved(Exception):
    """What was deployed does not do what it should."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What was deployed, and the database that it works on.

    physical  ids of what is deployed, by logical id
    api_key   that tokens are signed with
    """

    cloud: Cloud
    store: Store
    physical: Mapping[str, str]
    api_key: bytes

    def invoke(self, key: str, event: Mapping[str, Any]) -> Any:
        """What the function answers; Disproved where it failed."""
        payload = json.dumps(event).encode()
        told = self.cloud.client("lambda").invoke(FunctionName=named(key), Payload=payload)
        answer = json.loads(told["Payload"].read() or "null")
        if "FunctionError" in told:
            raise Disproved(f"{key} failed: {answer}")
        return answer

    def log_of(self, key: str) -> list[str]:
        """The lines that the function has written."""
        logs = self.cloud.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{named(key)}")
        return [line for page in pages for event in page["events"] for line in event["message"].splitlines()]


def named(key: str) -> str:
    return f"feedkeeper-{STAGE}-{key}"


def every_function_is_there(stage: Stage) -> str:
    """With the memory, time-out, layers, variables and role that serverless.yml gives it."""
    template = json.loads((RESULT / TEMPLATE).read_text())["Resources"].values()
    declared = [one["Properties"] for one in template if one["Type"] == "AWS::Lambda::Function"]
    client, roles = stage.cloud.client("lambda"), set()
    for wanted in declared:
        name = wanted["FunctionName"]
        found = client.get_function_configuration(FunctionName=name)
        layers = [layer["Arn"].split(":")[-2].rpartition("-")[2] for layer in found["Layers"]]
        for what, is_, should in (
            ("memory", found["MemorySize"], wanted["MemorySize"]),
            ("time-out", found["Timeout"], wanted["Timeout"]),
            ("layers", layers, [layer_name(one) for one in wanted["Layers"]]),
            ("variables", set(found["Environment"]["Variables"]), set(wanted["Environment"]["Variables"])),
        ):
            if is_ != should:
                raise Disproved(f"{name}: {what} is {is_}, not {should}")
        roles.add(found["Role"])
    if len(roles) != len(declared):
        raise Disproved(f"{len(declared)} functions share {len(roles)} roles")
    return f"{len(declared)} functions, each with its layers, variables, time-out and a role of its own"


def jobs_run(stage: Stage) -> str:
    """Every scheduled function, called in the order in which a new network needs them."""
    stems = [stem for stem in PIPELINE if stem != PLAN]  # which is watched by itself
    for stem in stems:
        one = function(stem)
        event = json.loads((ROOT / "events" / one.domain / f"{stem}.json").read_text())
        stage.invoke(one.key, event | {"time": datetime.now(UTC).isoformat()})
    rows = stage.store.app.guestfeeditems.estimated_document_count()
    if not rows:
        raise Disproved("there is no guest feed")
    return f"{len(stems)} functions one after the other; {rows:,} rows in the guest feed"


def a_schedule_fires(stage: Stage) -> str:
    """The guest feed's schedule, brought forward to every minute, makes a newer feed."""
    before = newest_of(stage.store)
    began = datetime.now(UTC)
    set_schedules(stage.cloud, at=began, every_minute="BuildGuestFeed")
    wait_for("a newer guest feed", lambda: newest_of(stage.store) > before, within_s=150)
    return f"a newer guest feed after {(datetime.now(UTC) - began).total_seconds():.0f} s"


def newest_of(store: Store) -> datetime:
    found = store.app.guestfeeditems.find_one(sort=[("createdAt", -1)])
    assert found is not None
    newest: datetime = found["createdAt"]
    return newest


def set_schedules(cloud: Cloud, *, at: datetime, every_minute: str) -> None:
    """Fill in what the stand-in leaves in the input of schedules: AWS would say when a run was due."""
    scheduler = cloud.client("scheduler")
    for listed in scheduler.list_schedules()["Schedules"]:
        one = scheduler.get_schedule(Name=listed["Name"])
        target = one["Target"] | {"Input": json.dumps(json.loads(one["Target"]["Input"]) | {"time": at.isoformat()})}
        expression = "cron(* * * * ? *)" if every_minute in listed["Name"] else one["ScheduleExpression"]
        scheduler.update_schedule(
            Name=listed["Name"], ScheduleExpression=expression, FlexibleTimeWindow={"Mode": "OFF"}, Target=target
        )


def a_post_is_described(stage: Stage) -> str:
    """MongoDB → relay → event bus → classifyContent → contentinfo."""
    now, key = datetime.now(UTC), ObjectId()
    author = stage.store.app.users.find_one({}, {"_id": 1}) or {}
    with relay(stage):
        stage.store.app.contents.insert_one(
            {
                "_id": key,
                "type": "short",
                "payload": {"message": POST},
                "visibility": "publish",
                "author": {"id": author["_id"], "type": "people"},
                "createdAt": now,
                "updatedAt": now,
            }
        )
        found = wait_for("its description", lambda: described(stage.store, key), within_s=60)
        took = (datetime.now(UTC) - now).total_seconds()
    named = stage.store.analytics.topics.find({"_id": {"$in": found["topics"]}}, {"slug": 1})
    topics = ", ".join(one["slug"] for one in named) or "no topic"
    return f"{found['language']}, {topics}, {took:.1f} s after it was written"


def described(store: Store, key: ObjectId) -> dict[str, Any]:
    return store.app.contentinfo.find_one({"contentId": key}) or {}


@contextmanager
def relay(stage: Stage) -> Iterator[None]:
    """The real relay, sending to the bus, from the moment on that it follows."""
    settings = {"MONGO_URI": uri_of(stage.store), "LOG_LEVEL": "WARNING"}
    command = [sys.executable, "-m", "relay", "run", "--to", f"bus:{BUS}", "--only", "contents"]
    process = subprocess.Popen(command, cwd=ROOT, env=stage.cloud.environment() | settings, stdout=subprocess.DEVNULL)
    try:
        wait_for(
            "the relay",
            lambda: stage.store.analytics.relayPositions.find_one({"token": {"$type": "object"}}),
            within_s=30,
        )
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def uri_of(store: Store) -> str:
    host, port = store.client.address or ("127.0.0.1", 27017)
    return f"mongodb://{host}:{port}/?replicaSet=feedkeeper"


def accounts_are_trained(stage: Stage) -> str:
    """What planPersonalTraining queues; a message that makes no sense ends in the dead-letter queue, and stops none."""
    sqs, queue = stage.cloud.client("sqs"), stage.physical["TrainingQueue"]
    # Half an hour three times over is too long to watch; everything else is as deployed.
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "20"})
    sqs.send_message(QueueUrl=queue, MessageBody='{"accounts": "nobody"}')
    stage.invoke(function(PLAN).key, {"time": datetime.now(UTC).isoformat(), "source": "aws.scheduler"})
    trained = stage.store.analytics.mlArtifacts
    wait_for("models of accounts", lambda: trained.estimated_document_count(), within_s=120)
    dead = stage.physical["FailedTraining"]
    found = wait_for("the poisoned message", lambda: waiting(sqs, dead), within_s=180)
    wait_for("an empty queue", lambda: not waiting(sqs, queue), within_s=60)
    return f"{trained.estimated_document_count()} accounts trained, {found} poisoned message in FailedTraining"


def waiting(sqs: Any, queue: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(told[name]) for name in names)


def the_api_answers(stage: Stage) -> str:
    """Contents are ranked for who has a token, and for nobody else."""
    found = stage.store.analytics.mlArtifacts.find_one({}, {"account": 1}) or {}
    account = str(found["account"])
    posts = [str(one["_id"]) for one in stage.store.app.contents.find({"visibility": "publish"}, {"_id": 1}).limit(10)]
    body = {"accountId": account, "contents": posts}
    token = token_for(account, stage.api_key, now=datetime.now(UTC), valid_for=timedelta(minutes=5))
    status, answer = ask(stage, body, token)
    scores = answer.get("result", {})
    if status != 200 or set(scores) != set(posts) or not any(scores.values()):
        raise Disproved(f"{RANK} answers {status}: {answer}")
    forged = token_for(
        account, b"another key, which nobody has deployed", now=datetime.now(UTC), valid_for=timedelta(1)
    )
    refused, said = ask(stage, body, forged)
    if refused != 401:
        raise Disproved(f"{RANK} answers {refused} to a bad token: {said}")
    return f"200 with {len(scores)} scores; 401 for a bad token"


def ask(stage: Stage, body: Mapping[str, Any], token: str) -> tuple[int, Any]:
    """Status and answer of the deployed API."""
    port = stage.cloud.endpoint.rpartition(":")[2]
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Host": f"{stage.physical['HttpApi']}.execute-api.localhost:{port}",
    }
    request = urllib.request.Request(stage.cloud.endpoint + RANK, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.loads(refusal.read() or b"null")


def logs_and_metrics_tell(stage: Stage) -> str:
    """Each line that a function writes is JSON; one says what was done, under the id of the call, one is metrics."""
    lines = [line for line in stage.log_of("buildGuestFeed") if line.startswith("{")]
    parsed = [json.loads(line) for line in lines]
    done = [one for one in parsed if one.get("message") == "done"]
    metrics = [one for one in parsed if "_aws" in one]
    if not done or not all(one.get("correlation_id") for one in done):
        raise Disproved(f"no line tells what was done, or under which id: {lines[:3]}")
    if not metrics or metrics[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"] != "Feedkeeper":
        raise Disproved(f"no metrics: {lines[:3]}")
    return f"{len(done)} runs of buildGuestFeed told with their ids, and as metrics in embedded format"


def everything_is_watched(stage: Stage) -> str:
    """Alarms that tell the topic, and the dashboard."""
    watch = stage.cloud.client("cloudwatch")
    pages = watch.get_paginator("describe_alarms").paginate()
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
    silent = [alarm["AlarmName"] for alarm in alarms if alarm["AlarmActions"] != [stage.physical["Alarms"]]]
    dashboards = watch.list_dashboards()["DashboardEntries"]
    if silent or not alarms or len(dashboards) != 1:
        raise Disproved(f"{len(alarms)} alarms, {len(dashboards)} dashboards; nobody hears of {silent[:3]}")
    return f"{len(alarms)} alarms, all told to one topic, and a dashboard"


PROOFS = (
    every_function_is_there,
    everything_is_watched,
    jobs_run,
    a_schedule_fires,
    a_post_is_described,
    accounts_are_trained,
    the_api_answers,
    logs_and_metrics_tell,
)
