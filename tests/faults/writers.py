"""An application that writes posts, and the annotations that contentinfo should hold of them."""

import random
import threading
from contextlib import suppress
from datetime import UTC, datetime

from bson import ObjectId
from pymongo.errors import ConnectionFailure

from functions.topics.annotate import open_annotator
from functions.topics.post_state import states_now
from shared.artifacts import Registry
from shared.config import settings
from shared.store import Store
from tests.waiting import allowed, until

TEXTS = (
    "The striker scored twice and our club won the cup",
    "นักเตะยิงประตูชัยช่วงท้ายเกม แฟนบอลเฮลั่นสนาม",
    "The central bank raised interest rates again this quarter",
    "新しいアニメの最終回を見て泣いてしまった",
    "오늘 저녁은 매운 떡볶이와 김밥을 만들어 먹었어요",
    "El gobierno aprobó una nueva ley sobre la vivienda",
)


class Writer:
    """An application that creates, edits, withdraws and deletes posts, a few every few milliseconds."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store, self.random = store, random.Random(seed)
        self.posts: list[ObjectId] = []
        self.writes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(allowed(30))
        assert not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            with suppress(ConnectionFailure):  # the write may have been done nevertheless
                self._write(self.random.random())
                self.writes += 1

    def _write(self, draw: float) -> None:
        contents, text = self.store.app.contents, f"{self.random.choice(TEXTS)} {self.random.randrange(100)}"
        now = datetime.now(UTC)
        if draw < 0.5 or not self.posts:
            self.posts.append(ObjectId())
            payload = {"message": text}
            contents.insert_one({"_id": self.posts[-1], "visibility": "publish", "payload": payload, "updatedAt": now})
            return
        key = {"_id": self.random.choice(self.posts[-50:])}
        if draw < 0.8:
            contents.update_one(key, {"$set": {"payload.message": text, "updatedAt": now}})
        elif draw < 0.9:
            shown = self.random.choice(["publish", "hidden"])
            contents.update_one(key, {"$set": {"visibility": shown, "updatedAt": now}})
        elif draw < 0.95:
            contents.update_one(key, {"$inc": {"engagements.like.count": 1}, "$set": {"updatedAt": now}})
        else:
            contents.delete_one(key)


def differences(store: Store, posts: list[ObjectId]) -> list[str]:
    """The differences between contentinfo and annotations computed anew from the posts."""
    registry = Registry(store.analytics, settings().artifact_keys)
    annotator = open_annotator(store, registry, settings().options, now=datetime.now(UTC))
    stored = {row["contentId"]: row for row in store.app.contentinfo.find({"removedAt": {"$exists": False}})}
    states = states_now(store, posts)
    texts = {post: state.text for post, state in states.items() if state.text is not None}
    expected = dict(zip(texts, annotator.annotate(list(texts.values())), strict=True))
    wrong = [f"{post} is left out" for post in expected.keys() - stored.keys()]
    wrong += [f"{post} is kept" for post in stored.keys() - expected.keys()]
    for post in expected.keys() & stored.keys():
        for field in ("language", "topicState", "topics"):
            if stored[post][field] != expected[post][field]:
                wrong.append(f"{post}: {field} {stored[post][field]} instead of {expected[post][field]}")
        if stored[post]["textHash"] != states[post].text_hash:
            wrong.append(f"{post}: of another text")
    return wrong


def caught_up(store: Store) -> bool:
    """Wait until the relay has processed every change up to now."""
    marker = ObjectId()
    store.app.contents.insert_one({"_id": marker, "visibility": "publish", "payload": {"message": TEXTS[0]}})
    until(lambda: store.app.contentinfo.find_one({"contentId": marker}), 60.0)
    store.app.contents.delete_one({"_id": marker})
    until(lambda: store.app.contentinfo.find_one({"contentId": marker, "removedAt": {"$exists": True}}), 60.0)
    return True
