"""What a rehearsal proves, each by what was deployed and by nothing of this process. Disproved says what is not so."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from bson import ObjectId
from pymongo.errors import OperationFailure

from layers.build import lock
from layers.package import layer_name
from local import ownership
from local.functions import PIPELINE
from local.rehearsal.cloud import STAGE, Cloud
from local.rehearsal.operator import Operator
from local.waiting import allowed, wait_for
from relay.events import SOURCE
from relay.sinks import DETAIL_TYPE
from shared.runtime.tokens import token_for
from shared.store import Store

RANK = "/ds_service/personalize_content_predict"
POST = "เมื่อคืนทีมเรายิงประตูช่วงทดเวลา แฟนบอลทั้งสนามลุกขึ้นเชียร์ ฟุตบอลลีกปีนี้สนุกมาก"
KEPT_SHORT_S = 20  # that a message is out of sight, here


class Disproved(Exception):
    """What was deployed does not do what it should."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What was deployed, and the database that it works on.

    physical  ids of what is deployed, by logical id
    template  resources as they were compiled, by logical id
    """

    cloud: Cloud
    store: Store
    operator: Operator
    physical: Mapping[str, str]
    template: Mapping[str, Any]

    def log_of(self, key: str) -> list[str]:
        """The lines that the function has written."""
        logs = self.cloud.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{named(key)}")
        return [line for page in pages for event in page["events"] for line in event["message"].splitlines()]

    def secret(self, name: str) -> str:
        """As it is now."""
        told = self.cloud.client("ssm").get_parameter(Name=f"/feedkeeper/{STAGE}/{name}", WithDecryption=True)
        value: str = told["Parameter"]["Value"]
        return value


def named(key: str) -> str:
    return f"feedkeeper-{STAGE}-{key}"


def every_function_is_there(stage: Stage) -> str:
    """With the memory, time-out, layers, variables and role that serverless.yml gives it."""
    declared = [one["Properties"] for one in stage.template.values() if one["Type"] == "AWS::Lambda::Function"]
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


def a_network_is_filled(stage: Stage) -> str:
    """Every scheduled function, in the order in which a new network needs them, as the page says."""
    answers = stage.operator.types("The first deployment")
    if "FunctionError" in answers:
        raise Disproved(answers)
    rows = stage.store.app.guestfeeditems.estimated_document_count()
    if not rows:
        raise Disproved("there is no guest feed")
    return f"{len(PIPELINE)} functions one after the other; {rows:,} rows in the guest feed"


def a_schedule_fires(stage: Stage) -> str:
    """The guest feed's schedule, brought forward to every minute, makes a newer feed."""
    before = newest_of(stage.store)
    began = datetime.now(UTC)
    as_deployed = set_schedules(stage.cloud, at=began, every_minute="BuildGuestFeed")
    wait_for("a newer guest feed", lambda: is_newer(stage.store, before), within_s=150)
    stage.cloud.client("scheduler").update_schedule(**as_deployed)
    return f"a newer guest feed after {(datetime.now(UTC) - began).total_seconds():.0f} s"


def newest_of(store: Store) -> datetime:
    found = store.app.guestfeeditems.find_one(sort=[("createdAt", -1)])
    assert found is not None
    newest: datetime = found["createdAt"]
    return newest


def is_newer(store: Store, before: datetime) -> bool:
    """Whether there is a newer feed; one that is swapped at this moment is looked at again later."""
    try:
        return newest_of(store) > before
    except OperationFailure:
        return False


def set_schedules(cloud: Cloud, *, at: datetime, every_minute: str) -> dict[str, Any]:
    """Fill in what the stand-in leaves in the input of schedules: AWS would say when a run was due.

    Gives the schedule that now fires every minute as it was deployed.
    """
    scheduler, as_deployed = cloud.client("scheduler"), {}
    for listed in scheduler.list_schedules()["Schedules"]:
        one = scheduler.get_schedule(Name=listed["Name"])
        target = one["Target"] | {"Input": json.dumps(json.loads(one["Target"]["Input"]) | {"time": at.isoformat()})}
        told = {"Name": one["Name"], "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
        told["ScheduleExpression"] = one["ScheduleExpression"]
        if every_minute in listed["Name"]:
            as_deployed = dict(told)
            told["ScheduleExpression"] = "cron(* * * * ? *)"
        scheduler.update_schedule(**told)
    return as_deployed


def posts_are_described(stage: Stage) -> str:
    """MongoDB → relay → event bus, queue, function or this process → contentinfo, by each of the page's commands."""
    told = []
    for line in stage.operator.reads("How changes reach the functions"):
        ownership.delete(stage.store.analytics.relayPositions, {})
        with stage.operator.running(line, ARTIFACT_KEYS=stage.secret("artifact-keys")):
            wait_for("the relay", lambda: follows(stage.store), within_s=30)
            key, began = written(stage.store), datetime.now(UTC)
            found = wait_for("its description", partial(described, stage.store, key), within_s=60)
        way = line.partition("--to ")[2].split(":")[0].split()[0]
        told.append(f"{way} {(datetime.now(UTC) - began).total_seconds():.1f} s")
    named = stage.store.analytics.topics.find({"_id": {"$in": found["topics"]}}, {"slug": 1})
    topics = ", ".join(one["slug"] for one in named) or "no topic"
    return f"{found['language']}, {topics}; {', '.join(told)} after it was written"


def written(store: Store) -> ObjectId:
    """A post."""
    now, key = datetime.now(UTC), ObjectId()
    author = store.app.users.find_one({}, {"_id": 1}) or {}
    store.app.contents.insert_one(
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
    return key


def follows(store: Store) -> bool:
    """Whether a relay has noted where it stands."""
    return store.analytics.relayPositions.find_one({"_id": "contents", "token": {"$type": "object"}}) is not None


def described(store: Store, key: ObjectId) -> dict[str, Any]:
    return store.app.contentinfo.find_one({"contentId": key}) or {}


def a_parked_change_is_replayed(stage: Stage) -> str:
    """A change whose time makes no sense is parked by the function, sent again as the page says, and described."""
    key, parked = written(stage.store), stage.store.analytics.parkedChanges
    space = {"db": "app-db", "coll": "contents"}
    change = {"operationType": "insert", "ns": space, "documentKey": {"_id": str(key)}, "clusterTime": "yesterday"}
    entry = {"Source": SOURCE, "DetailType": DETAIL_TYPE.format("app-db.contents"), "Detail": json.dumps(change)}
    stage.cloud.client("events").put_events(Entries=[entry | {"EventBusName": named("changes")}])
    wait_for("the parked change", lambda: parked.find_one({"replayedAt": {"$exists": False}}), within_s=60)
    told = stage.operator.types("Parked changes")
    wait_for("its description", lambda: described(stage.store, key), within_s=60)
    if parked.find_one({"replayedAt": {"$exists": False}}) or "sent" not in told:
        raise Disproved(f"it was not sent again: {told}")
    return "parked by classifyContent, sent again, described"


def a_message_is_poisoned(stage: Stage) -> str:
    """Beside what planPersonalTraining will queue."""
    sqs, queue = stage.cloud.client("sqs"), stage.physical["TrainingQueue"]
    # Half an hour three times over is too long to watch; everything else is as deployed.
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": str(KEPT_SHORT_S)})
    sqs.send_message(QueueUrl=queue, MessageBody='{"accounts": "nobody"}')
    return f"a message that makes no sense, out of sight for {KEPT_SHORT_S} s each time"


def accounts_are_trained(stage: Stage) -> str:
    """The message that makes no sense ends in the dead-letter queue, and stops none; the page's commands empty it."""
    sqs, trained = stage.cloud.client("sqs"), stage.store.analytics.mlArtifacts
    dead = stage.physical["FailedTraining"]
    found = wait_for("the poisoned message", lambda: waiting(sqs, dead), within_s=180)
    wait_for("an empty queue", lambda: not waiting(sqs, stage.physical["TrainingQueue"]), within_s=60)
    if '{\\"accounts\\": \\"nobody\\"}' not in stage.operator.types("Alarms"):
        raise Disproved("the page's command does not show it")
    if waiting(sqs, dead):
        raise Disproved("the page's command does not take it away")
    return f"{trained.estimated_document_count()} accounts trained, {found} poisoned message in FailedTraining"


def waiting(sqs: Any, queue: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(told[name]) for name in names)


def a_key_is_rotated(stage: Stage) -> str:
    """What either key signed is taken while both are there, and the API ranks contents for nobody else."""
    old = stage.secret("api-keys")
    stage.operator.types("Secrets")
    new, kept = stage.secret("api-keys").split(",")
    if kept != old:
        raise Disproved("the old key is gone")
    account = somebody(stage.store)
    posts = [str(one["_id"]) for one in stage.store.app.contents.find({"visibility": "publish"}, {"_id": 1}).limit(10)]
    body = {"accountId": account, "contents": posts}
    for key in (old, new):
        status, answer = ask(stage, body, token_of(account, key))
        scores = answer.get("result", {})
        if status != 200 or set(scores) != set(posts) or not any(scores.values()):
            raise Disproved(f"{RANK} answers {status}: {answer}")
    refused, said = ask(stage, body, token_of(account, "another key, which nobody has deployed"))
    if refused != 401:
        raise Disproved(f"{RANK} answers {refused} to a bad token: {said}")
    stage.operator.types("Secrets", 1)
    if stage.secret("api-keys") != new:
        raise Disproved("the new key is not alone")
    return f"200 with {len(posts)} scores by the old key and by the new one; 401 for a bad token"


def somebody(store: Store) -> str:
    """An account that has a model, once there is one."""
    models = store.analytics.mlArtifacts
    return str(wait_for("a model", lambda: models.find_one({}, {"account": 1}), within_s=120)["account"])


def token_of(account: str, key: str) -> str:
    return token_for(account, key.encode(), now=datetime.now(UTC), valid_for=timedelta(minutes=5))


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
        with urllib.request.urlopen(request, timeout=allowed(60)) as answer:
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


def a_model_is_brought_back(stage: Stage) -> str:
    """A version that there is not is refused with those that there are; one of these is made live."""
    refusal = stage.operator.types("Upgrades and rollbacks", 2)
    kept = refusal.rpartition("kept: ")[2].partition('"')[0].split(", ")
    answer = stage.operator.types("Upgrades and rollbacks", 3, VERSION=kept[0])
    if "FunctionError" in answer:
        raise Disproved(answer)
    return f"{kept[0]}, of {len(kept)} that are kept"


def an_account_is_erased(stage: Stage) -> str:
    account = somebody(stage.store)
    answer = stage.operator.types("Erasing an account", ACCOUNT_ID=account)
    if "FunctionError" in answer or stage.store.analytics.mlArtifacts.find_one({"account": ObjectId(account)}):
        raise Disproved(answer)
    return "its model is gone"


def upgraded_and_rolled_back(stage: Stage) -> str:
    """In place: a deployment with another log level, then as it was; layers stay what they are."""
    client, name = stage.cloud.client("lambda"), named("serveFeed")
    before = client.get_function_configuration(FunctionName=name)
    stage.operator.types("Upgrades and rollbacks")
    with lock("package"):
        stage.operator.types("Upgrades and rollbacks", 1, more="--param logLevel=ERROR")
        upgraded = client.get_function_configuration(FunctionName=name)
        stage.operator.types("Upgrades and rollbacks", 1)
    after = client.get_function_configuration(FunctionName=name)
    levels = [one["Environment"]["Variables"]["LOG_LEVEL"] for one in (before, upgraded, after)]
    if levels[0] != levels[2] or levels[1] != "ERROR":
        raise Disproved(f"the log level was {', then '.join(levels)}")
    if upgraded["Layers"] != before["Layers"] or after["Layers"] != before["Layers"]:
        raise Disproved("layers were uploaded again")
    return f"log level {' -> '.join(levels)}; layers as they were"


def a_lost_database_is_made_again(stage: Stage) -> str:
    """Without analytics-db, guest feed and descriptions: indexes, then the functions of the first deployment."""
    store = stage.store
    known = store.app.contentinfo.count_documents({"removedAt": {"$exists": False}})
    ownership.drop_database(store.analytics)
    for collection in (store.app.guestfeeditems, store.app.contentinfo):
        ownership.drop_collection(collection)
    stage.operator.types("Upgrades and rollbacks")
    told = a_network_is_filled(stage)
    again = store.app.contentinfo.count_documents({"removedAt": {"$exists": False}})
    if again < known:
        raise Disproved(f"{again} posts are described of {known}")
    accounts = store.analytics.mlArtifacts
    wait_for("models of accounts", lambda: accounts.estimated_document_count(), within_s=120)
    return f"{told}; {again} posts described, accounts trained"


Proof = Callable[[Stage], str]

# In this order. What is waited for long begins when a network is filled, and is asked when the rest is done.
FIRST: tuple[Proof, ...] = (
    every_function_is_there,
    everything_is_watched,
    a_message_is_poisoned,
    a_network_is_filled,
)
ASIDE: tuple[Proof, ...] = (a_schedule_fires, accounts_are_trained)
MEANWHILE: tuple[Proof, ...] = (
    posts_are_described,
    a_parked_change_is_replayed,
    a_key_is_rotated,
    a_model_is_brought_back,
    an_account_is_erased,
)
LAST: tuple[Proof, ...] = (logs_and_metrics_tell, upgraded_and_rolled_back, a_lost_database_is_made_again)
