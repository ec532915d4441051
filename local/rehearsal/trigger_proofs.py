"""Proofs of schedules, of the training queue and of direct calls: what fires a function, and what comes of it."""

import json
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from pymongo.errors import OperationFailure

from local.functions import pipeline
from local.rehearsal.cloud import Cloud
from local.rehearsal.stage import Disproved, Stage, somebody
from local.waiting import wait_for
from shared.store import Store

VISIBILITY_S = 20  # for which a received message is invisible, instead of the deployed half hour


def a_network_is_filled(stage: Stage) -> str:
    """Every scheduled function runs, in the order that a new network needs, by the page's commands."""
    answers = stage.operator.types("The first deployment")
    if "FunctionError" in answers:
        raise Disproved(answers)
    rows = stage.store.app.guestfeeditems.estimated_document_count()
    if not rows:
        raise Disproved("there is no guest feed")
    return f"{len(pipeline())} functions one after the other; {rows:,} rows in the guest feed"


def a_schedule_fires(stage: Stage) -> str:
    """The guest feed's schedule, changed to every minute, makes a newer feed."""
    before = newest_of(stage.store)
    began = datetime.now(UTC)
    as_deployed = set_schedules(stage.cloud, at=began, every_minute="BuildGuestFeed")
    wait_for("a newer guest feed", lambda: is_newer(stage.store, before), within_s=150)
    stage.cloud.client("scheduler").update_schedule(**as_deployed)
    return f"a newer guest feed after {(datetime.now(UTC) - began).total_seconds():.0f} s"


def newest_of(store: Store) -> datetime:
    """When the guest feed was made."""
    item = store.app.guestfeeditems.find_one(sort=[("createdAt", -1)])
    assert item is not None
    newest: datetime = item["createdAt"]
    return newest


def is_newer(store: Store, before: datetime) -> bool:
    """Whether there is a newer feed; False while it is swapped."""
    try:
        return newest_of(store) > before
    except OperationFailure:
        return False


def set_schedules(cloud: Cloud, *, at: datetime, every_minute: str) -> dict[str, Any]:
    """Fill in the moment in the input of schedules, as AWS would and the stand-in does not; fire one every minute.

    Returns that schedule as it was deployed.
    """
    scheduler, as_deployed = cloud.client("scheduler"), {}
    for listed in scheduler.list_schedules()["Schedules"]:
        schedule = scheduler.get_schedule(Name=listed["Name"])
        event = json.loads(schedule["Target"]["Input"]) | {"time": at.isoformat()}
        target = schedule["Target"] | {"Input": json.dumps(event)}
        update = {"Name": schedule["Name"], "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
        update["ScheduleExpression"] = schedule["ScheduleExpression"]
        if every_minute in listed["Name"]:
            as_deployed = dict(update)
            update["ScheduleExpression"] = "cron(* * * * ? *)"
        scheduler.update_schedule(**update)
    return as_deployed


def a_message_is_poisoned(stage: Stage) -> str:
    """A malformed message is put beside those that planPersonalTraining will queue."""
    sqs, queue = stage.cloud.client("sqs"), stage.physical["TrainingQueue"]
    # Three times half an hour is too long to wait; everything else is as deployed.
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": str(VISIBILITY_S)})
    sqs.send_message(QueueUrl=queue, MessageBody='{"accounts": "nobody"}')
    return f"a message that makes no sense, out of sight for {VISIBILITY_S} s each time"


def accounts_are_trained(stage: Stage) -> str:
    """The malformed message ends in the dead-letter queue and stops no other; the page's commands remove it."""
    sqs, trained = stage.cloud.client("sqs"), stage.store.analytics.mlArtifacts
    dead = stage.physical["FailedTraining"]
    poisoned = wait_for("the poisoned message", lambda: waiting(sqs, dead), within_s=180)
    wait_for("an empty queue", lambda: not waiting(sqs, stage.physical["TrainingQueue"]), within_s=60)
    if '{\\"accounts\\": \\"nobody\\"}' not in stage.operator.types("Alarms"):
        raise Disproved("the page's command does not show it")
    if waiting(sqs, dead):
        raise Disproved("the page's command does not take it away")
    return f"{trained.estimated_document_count()} accounts trained, {poisoned} poisoned message in FailedTraining"


def waiting(sqs: Any, queue: str) -> int:
    """Messages in a queue, visible or not [count]."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def an_account_is_erased(stage: Stage) -> str:
    account = somebody(stage.store)
    answer = stage.operator.types("Erasing an account", ACCOUNT_ID=account)
    if "FunctionError" in answer or stage.store.analytics.mlArtifacts.find_one({"account": ObjectId(account)}):
        raise Disproved(answer)
    return "its model is gone"
