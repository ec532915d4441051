"""Proofs of changes: from MongoDB by the relay to the functions, and changes that are parked."""

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

from bson import ObjectId

from local import ownership
from local.rehearsal.stage import Disproved, Stage, named
from local.waiting import wait_for
from relay.events import SOURCE
from relay.sinks import DETAIL_TYPE
from shared.store import Store

POST = "เมื่อคืนทีมเรายิงประตูช่วงทดเวลา แฟนบอลทั้งสนามลุกขึ้นเชียร์ ฟุตบอลลีกปีนี้สนุกมาก"


def posts_are_described(stage: Stage) -> str:
    """MongoDB → relay → event bus, queue, function or this process → contentinfo, by each of the page's commands."""
    times = []
    for line in stage.operator.reads("How changes reach the functions"):
        ownership.delete(stage.store.analytics.relayPositions, {})
        with stage.operator.running(line, ARTIFACT_KEYS=stage.secret("artifact-keys")):
            wait_for("the relay", lambda: follows(stage.store), within_s=30)
            key, began = written(stage.store), datetime.now(UTC)
            info = wait_for("its description", partial(described, stage.store, key), within_s=60)
        sink = line.partition("--to ")[2].split(":")[0].split()[0]
        times.append(f"{sink} {(datetime.now(UTC) - began).total_seconds():.1f} s")
    assigned = stage.store.analytics.topics.find({"_id": {"$in": info["topics"]}}, {"slug": 1})
    topics = ", ".join(topic["slug"] for topic in assigned) or "no topic"
    return f"{info['language']}, {topics}; {', '.join(times)} after it was written"


def written(store: Store) -> ObjectId:
    """Write a post, and return its id."""
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
    """Whether a relay has stored its position."""
    return store.analytics.relayPositions.find_one({"_id": "contents", "token": {"$type": "object"}}) is not None


def described(store: Store, key: ObjectId) -> dict[str, Any]:
    """The contentinfo of a post; empty where there is none yet."""
    return store.app.contentinfo.find_one({"contentId": key}) or {}


def a_parked_change_is_replayed(stage: Stage) -> str:
    """A change with a malformed time is parked by the function, sent again by the page's command, and described."""
    key, parked = written(stage.store), stage.store.analytics.parkedChanges
    space = {"db": "app-db", "coll": "contents"}
    change = {"operationType": "insert", "ns": space, "documentKey": {"_id": str(key)}, "clusterTime": "yesterday"}
    entry = {"Source": SOURCE, "DetailType": DETAIL_TYPE.format("app-db.contents"), "Detail": json.dumps(change)}
    stage.cloud.client("events").put_events(Entries=[entry | {"EventBusName": named("changes")}])
    wait_for("the parked change", lambda: parked.find_one({"replayedAt": {"$exists": False}}), within_s=60)
    answer = stage.operator.types("Parked changes")
    wait_for("its description", lambda: described(stage.store, key), within_s=60)
    if parked.find_one({"replayedAt": {"$exists": False}}) or "sent" not in answer:
        raise Disproved(f"it was not sent again: {answer}")
    return "parked by classifyContent, sent again, described"
