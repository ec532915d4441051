"""Posts, written as the application writes them, and their annotations, language and topics, as they come back."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from local.waiting import is_late
from shared.documents import Document
from shared.engagement_kinds import POSITIVE_KINDS
from shared.store import Store, schema
from shared.text.hashtags import hashtags

WITHIN_S = 20.0
POLL_EVERY_S = 0.005


@dataclass(frozen=True, slots=True)
class Answer:
    """The annotations of a post after it was written, edited or withdrawn.

    seconds  from the write until they were in contentinfo, or until the wait ended [s]
    info     document of contentinfo; None where it did not come in time
    """

    post: ObjectId
    text: str
    seconds: float
    info: Mapping[str, Any] | None

    @property
    def language(self) -> str:
        """ISO 639-1 or n/a; empty without a document."""
        return str((self.info or {}).get("language", ""))

    @property
    def confidence(self) -> float:
        """Of the language, 0..1."""
        return float((self.info or {}).get("languageConfidence", 0.0))

    @property
    def topics(self) -> dict[str, float]:
        """Confidences 0..1 by path, as they are stored, highest first; the lowest topic of each branch alone."""
        scores = {score["path"]: score["confidence"] for score in (self.info or {}).get("topicScores", ())}
        parents = {path for path in scores if any(other.startswith(f"{path}/") for other in scores)}
        return {path: confidence for path, confidence in scores.items() if path not in parents}

    @property
    def remark(self) -> str:
        """Why there are no topics, or no annotations at all; empty where there are topics."""
        if self.info is None:
            return f"nothing came within {self.seconds:.0f} s"
        if "removedAt" in self.info:
            return "withdrawn: nothing is kept of it"
        return _REMARKS.get(self.info.get("topicState", ""), "")


_REMARKS = {
    "none": "no topic",
    "short": "too short for topics",
    "excluded": "no topics in this language, by option",
    "unknown": "no language, so no topics",
    "unsupported": "no topics: the language is unsupported",
}


class Author:
    """Writes posts as a user of the application, and waits for their annotations.

    check  called while waiting; an error that it raises ends the wait
    """

    def __init__(self, store: Store, check: Callable[[], None]) -> None:
        self._contents = store.app[schema.CONTENTS.name]
        self._info = store.app[schema.CONTENT_INFO.name]
        self._check = check
        user = store.app[schema.USERS.name].find_one({"visibility": "publish", "type": "people"}) or {}
        name = user.get("displayId", "someone")
        self._signature = {"id": user.get("_id", ObjectId()), "type": "people", "castcleId": name, "displayName": name}

    def publish(self, text: str, within_s: float = WITHIN_S) -> Answer:
        """Write a post, and wait for its annotations [s]."""
        post, at = ObjectId(), _now()
        document: Document = {
            "_id": post,
            "author": self._signature,
            "type": "short",
            "payload": {"message": text},
            "hashtags": hashtags(text),
            "engagements": {kind: {"count": 0, "refs": []} for kind in POSITIVE_KINDS},
            "visibility": "publish",
            "revisionCount": 1,
            "__v": 0,
            "createdAt": at,
            "updatedAt": at,
        }
        began = time.monotonic()
        self._contents.insert_one(document)
        return self._answer(post, text, at, began, within_s)

    def edit(self, post: ObjectId, text: str, within_s: float = WITHIN_S) -> Answer:
        """Change the text of a post, and wait for its annotations [s]."""
        at, began = _now(), time.monotonic()
        update = {"$set": {"payload.message": text, "updatedAt": at}, "$inc": {"revisionCount": 1}}
        self._contents.update_one({"_id": post}, update)
        return self._answer(post, text, at, began, within_s)

    def withdraw(self, post: ObjectId, text: str, within_s: float = WITHIN_S) -> Answer:
        """Unpublish a post, and wait until its annotations are removed [s]."""
        at, began = _now(), time.monotonic()
        self._contents.update_one({"_id": post}, {"$set": {"visibility": "deleted", "updatedAt": at}})
        return self._answer(post, text, at, began, within_s)

    def _answer(self, post: ObjectId, text: str, at: datetime, began: float, within_s: float) -> Answer:
        """Wait for the annotations of this state of the post, or of a later one.

        at     moment of the change, as it is stored
        began  moment of the write [s of time.monotonic]
        """
        query = {"contentId": post, "contentUpdatedAt": {"$gte": at}}
        while True:
            info, seconds = self._info.find_one(query, {"vector": 0}), time.monotonic() - began
            if info is not None or is_late(began, within_s):
                return Answer(post, text, seconds, info)
            self._check()
            time.sleep(POLL_EVERY_S)


def _now() -> datetime:
    """Now, in milliseconds as MongoDB stores it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
