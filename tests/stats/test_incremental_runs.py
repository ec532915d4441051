"""Whatever the application changes, runs in between give the same rows as a full run."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import DBRef

from shared.store import Store
from shared.store.options import ExposureFields
from tests.conftest import Databases
from tests.factories import account, an_id, engagement, post, topic, topics_of, user
from tests.stats.conftest import JOBS

STEPS = 6
PEOPLE = ("ann", "bob", "cat", "dan", "eve")
TOPICS = {"sports": (), "football": ("sports",), "cup": ("football",), "music": (), "opera": ("music",)}
WORDS = ("#goal", "#Goal", "#GOAL", "#น้ำท่วม", "#song", "#Đẹp", "#đẹp", "hello", "", "#")
TYPES = ("short", "image", "blog")
KINDS = ("like", "comment", "recast", "quote", "report", "seen")
FAR = timedelta(days=1000)
BOOKKEEPING = ("scoredAt", "computedAt", "fresh", "timestamp")


@dataclass
class Chance:
    """Random changes of the application's data, each at a moment between `start` and `end`."""

    databases: Databases
    draw: random.Random
    start: datetime
    end: datetime
    posts: list[str] = field(default_factory=list)
    made: int = 0

    def moment(self) -> datetime:
        """A moment in whole milliseconds, as the database stores them, up to four minutes before `start`: a late
        write."""
        earliest = self.start - timedelta(minutes=4)
        return earliest + timedelta(milliseconds=self.draw.randrange(int((self.end - earliest).total_seconds() * 1000)))

    def message(self) -> str:
        return " ".join(self.draw.choices(WORDS, k=4))

    def new_post(self, age: timedelta | None = None) -> None:
        self.made += 1
        name = f"post {self.made}"
        created = self.end - age if age else self.moment()
        fields: dict[str, Any] = {"createdAt": created, "updatedAt": created, "type": self.draw.choice(TYPES)}
        fields["payload"] = self.draw.choice([{}, {"message": self.message()}, {"message": self.message()}])
        self.databases.app.contents.insert_one(
            post(name, now=self.end, author=self.draw.choice(PEOPLE), likes=self.draw.randrange(5), **fields)
        )
        if self.draw.random() < 0.7:
            self.posts.append(name)
            self.databases.app.contentinfo.insert_one(topics_of(name, *self.topics(), at=created))

    def topics(self) -> list[str]:
        return self.draw.sample(sorted(TOPICS), self.draw.randrange(4))

    def change_post(self, **fields: Any) -> None:
        keys = self.databases.app.contents.aggregate([{"$sort": {"_id": 1}}, {"$project": {"_id": 1}}])
        key = self.draw.choice(list(keys))
        self.databases.app.contents.update_one(key, {"$set": {"updatedAt": self.moment()} | fields})

    def new_counter(self) -> None:
        self.change_post(**{f"engagements.{self.draw.choice(KINDS[:4])}.count": self.draw.randrange(100)})

    def edit(self) -> None:
        self.change_post(**{"payload.message": self.message()})

    def hide_or_show(self) -> None:
        self.change_post(visibility=self.draw.choice(["hidden", "deleted", "publish"]))

    def vanish(self) -> None:
        keys = list(self.databases.app.contents.find({}, {"_id": 1}).sort("_id", 1))
        self.databases.app.contents.delete_one(self.draw.choice(keys))

    def swap(self) -> None:
        """Delete a post and insert an older one: the number of posts and the dates do not show it."""
        self.vanish()
        self.new_post(timedelta(hours=self.draw.choice([7, 100, 330, 700])))

    def show_silently(self) -> None:
        """Hide one post and show another without a new date: the number of published posts does not show it."""
        for before, after in (("publish", "hidden"), ("hidden", "publish")):
            keys = list(self.databases.app.contents.find({"visibility": before}, {"_id": 1}).sort("_id", 1))
            if keys:
                key = {"_id": self.draw.choice(keys)["_id"]}
                self.databases.app.contents.update_one(key, {"$set": {"visibility": after}})

    def engage(self) -> None:
        self.made += 1
        collection = self.draw.choice(["content", "content", "content", "comment"])
        post = self.draw.choice(self.posts)
        kind = self.draw.choice(KINDS)
        who, target = self.draw.choice(PEOPLE), DBRef(collection, an_id(post))
        document = engagement(who, post, at=self.moment(), kind=kind, targetRef=target)
        self.databases.app.engagements.insert_one(document | {"_id": an_id(f"act {self.made}")})

    def take_back(self) -> None:
        keys = list(self.databases.app.engagements.find({}, {"_id": 1}).sort("_id", 1))
        changed = {"visibility": self.draw.choice(["deleted", "deleted", "publish"]), "updatedAt": self.moment()}
        self.databases.app.engagements.update_one(self.draw.choice(keys), {"$set": changed})

    def reclassify(self) -> None:
        topics = [an_id(f"topic {name}") for name in self.topics()]
        key = {"contentId": an_id(self.draw.choice(self.posts))}
        self.databases.app.contentinfo.update_one(key, {"$set": {"topics": topics, "updatedAt": self.moment()}})

    def change_user(self) -> None:
        changed: dict[str, Any] = self.draw.choice(
            [{"followerCount": self.draw.randrange(99)}, {"visibility": "deleted"}, {"visibility": "publish"}]
        )
        self.change_one(self.databases.app.users, changed)

    def change_account(self) -> None:
        changed: dict[str, Any] = self.draw.choice(
            [{"visibility": "deleted"}, {"visibility": "publish"}, {"geolocation": None}]
        )
        self.change_one(self.databases.app.accounts, changed)

    def change_one(self, collection: Any, fields: dict[str, Any]) -> None:
        keys = list(collection.find({}, {"_id": 1}).sort("_id", 1))
        collection.update_one(self.draw.choice(keys), {"$set": {"updatedAt": self.moment()} | fields})

    def changes(self, number: int) -> None:
        often = [self.new_post, self.new_counter, self.engage, self.engage, self.edit]
        seldom = [
            self.hide_or_show,
            self.vanish,
            self.swap,
            self.show_silently,
            self.take_back,
            self.reclassify,
            self.change_user,
            self.change_account,
        ]
        for _ in range(number):
            self.draw.choice(often + seldom)()


def begin(databases: Databases, draw: random.Random, now: datetime) -> Chance:
    databases.app.users.insert_many([user(name, now=now, followerCount=3) for name in PEOPLE])
    databases.app.accounts.insert_many([account(f"account of {name}", now=now) for name in PEOPLE[1:]])
    databases.analytics.topics.insert_many([topic(name, *parents) for name, parents in TOPICS.items()])
    chance = Chance(databases, draw, now - timedelta(days=20), now)
    for days in (0.1, 1, 5, 13.6, 13.8, 13.9, 14.1, 20, 29.5, 29.7, 29.8, 29.9, 30.1):
        chance.new_post(timedelta(days=days))
    for _ in range(20):
        chance.engage()
    return chance


def statistics(store: Store) -> dict[str, dict[Any, Any]]:
    """All rows by collection and key, without fields that only depend on when they were computed."""
    key = {"userEngagementStats": "userId"}
    by_collection = {}
    for job in JOBS:
        rows = list(store.analytics[job.collection].find())
        keyed = {row[key.get(job.collection, "_id")]: row for row in rows}
        for row in rows:
            for name in (*BOOKKEEPING, *(["_id"] if job.collection in key else [])):
                row.pop(name, None)
        assert len(keyed) == len(rows), f"{job.collection} has one row a key"
        by_collection[job.collection] = keyed
    return by_collection


def tolerant(value: Any, lag: float = 1e-9) -> Any:
    """The value with approximate numbers, for comparison: scores of posts may lag, all else differs by rounding."""
    if isinstance(value, dict):
        return {name: tolerant(item, lag) for name, item in value.items()}
    if isinstance(value, list):
        return [tolerant(item, lag) for item in value]
    return pytest.approx(value, rel=lag, abs=lag) if isinstance(value, float) else value


def everything_anew(store: Store, now: datetime) -> dict[str, dict[Any, Any]]:
    """The statistics of full runs that begin with the application's data alone."""
    fresh = Store(store.client, store.app.name, f"{store.app.name[:13]}-anew", ExposureFields())
    try:
        fresh.analytics.topics.insert_many(store.analytics.topics.find())
        for job in JOBS:
            job.run(fresh, now=now)
        return statistics(fresh)
    finally:
        store.client.drop_database(fresh.analytics.name)


@pytest.mark.parametrize("seed", range(4))
def test_runs_in_between_say_what_a_full_run_would(store, databases, noon, seed):
    draw = random.Random(seed)
    chance = begin(databases, draw, noon)
    for job in JOBS:
        job.run(store, now=noon, full_every=FAR)

    for step in range(STEPS):
        chance.start, chance.end = chance.end, chance.end + timedelta(minutes=draw.choice([5, 30, 60, 240, 480]))
        chance.changes(15)
        for job in JOBS:
            job.run(store, now=chance.end, full_every=FAR)

        expected, stored = everything_anew(store, chance.end), statistics(store)
        for job in JOBS:
            lag = 0.0102 if job.collection == "contentStats" else 1e-9
            assert stored[job.collection] == tolerant(expected[job.collection], lag), f"step {step}"
