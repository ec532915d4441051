"""Write a world into three databases: empty the collections, fill them, index them."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np
from pymongo import IndexModel, WriteConcern
from pymongo.collection import Collection
from pymongo.database import Database

from local import ownership
from local.world import documents, truth_documents
from local.world.ids import Identities
from local.world.vocabulary import TOPICS
from local.world.worlds import World
from shared.documents import Document
from shared.errors import BadConfig
from shared.store import schema

Progress = Callable[[str, int, int], None]
BATCH = 2000
LOOPBACK = ("localhost", "127.0.0.1", "::1")

APPLICATION_INDEXES: dict[str, tuple[tuple[str, ...], ...]] = {  # what the application declares; `-` descends
    "users": (("ownerAccount",), ("displayId",)),
    "contents": (("author.id", "author.castcleId"), ("originalPost._id",)),
    "engagements": (
        ("user",), ("account",), ("targetRef",), ("type",), ("itemId",), ("-targetRef", "-user", "-visibility"),
    ),
    "feeditems": (("author",), ("content",), ("viewer",)),
    "relationships": (("user",),),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class WorldCounts:
    """Numbers of documents written; `heavy_credentials` read enough to be reviewed, and `verified` of them were."""

    users: int
    accounts: int
    contents: int
    engagements: int
    feeditems: int
    heldout: int
    heldout_users: int
    countries: int
    heavy_credentials: int
    bots: int
    verified: int


@dataclass(frozen=True, slots=True)
class _Load:
    """A collection to fill, and its documents."""

    database: Database[Document]
    name: str
    total: int
    documents: Iterator[Document]


def write_world(
    world: World,
    app: Database[Document],
    analytics: Database[Document],
    truth: Database[Document],
    *,
    derived: Iterable[schema.Collection] = (),
    progress: Progress | None = None,
) -> WorldCounts:
    """Replace the contents of a world's collections by this world; indexes that they had are built again.

    derived   collections that hold what was computed from the former contents: they are dropped, unless the world has
              documents for them
    progress  called with (collection, documents written, documents in total) after each batch
    Raises, before anything is changed, BadConfig where a server is not on this machine, and Forbidden where a database
    has documents of others (local.ownership).
    """
    for database in (app, analytics, truth):
        _require_loopback(database)
    report, counts = progress or _quietly, _count(world)
    loads = list(_loads(world, app, analytics, truth))
    written, databases = {load.name for load in loads}, {"app": app, "analytics": analytics}
    with ownership.replacing(app, analytics, truth):
        for collection in derived:
            if collection.name not in written:
                ownership.drop_collection(databases[collection.database][collection.name])
        for load in loads:
            _fill(load, report)
        # The last write waits for the majority, and so for all writes before it.
        meta = truth["meta"].with_options(write_concern=WriteConcern("majority"))
        meta.replace_one({}, _meta(world, counts), upsert=True)
    return counts


def _loads(
    world: World, app: Database[Document], analytics: Database[Document], truth: Database[Document]
) -> Iterator[_Load]:
    """Every collection of a world; without text, those of the text pipeline get no documents."""
    ids = Identities(world)
    people, posts = len(ids.users), len(ids.posts)
    described = int(world.screenings.described.sum()) if world.options.with_text else 0
    screened, viewing = int(world.screenings.screened.sum()), int(np.count_nonzero(world.viewers.views))
    past, held_out = world.past, world.held_out
    yield _Load(app, "accounts", people, documents.accounts(world, ids))
    yield _Load(app, "users", people, documents.users(world, ids))
    yield _Load(app, "relationships", len(world.follows.author), documents.relationships(world, ids))
    yield _Load(app, "contents", posts, documents.contents(world, ids))
    yield _Load(app, "engagements", len(past), documents.engagements(world, ids, past, "engagements"))
    yield _Load(app, "feeditems", len(world.exposures), documents.feed_items(world, ids))
    yield _Load(app, "suspiciouscredentials", len(world.reviews), documents.suspicious_credentials(world, ids))
    yield _Load(app, "contentinfo", described, islice(truth_documents.content_info(world, ids), described))
    yield _Load(analytics, "topics", *_topics(world, ids))
    yield _Load(analytics, "contentfiltering", screened, truth_documents.content_filtering(world, ids))
    yield _Load(truth, "heldout_engagements", len(held_out), documents.engagements(world, ids, held_out, "held out"))
    yield _Load(truth, "truth_users", people, truth_documents.truth_users(world, ids))
    yield _Load(truth, "truth_contents", posts, truth_documents.truth_contents(world, ids))
    yield _Load(truth, "truth_credentials", viewing, truth_documents.truth_credentials(world, ids))


def _topics(world: World, ids: Identities) -> tuple[int, Iterator[Document]]:
    if world.options.with_text:
        return len(TOPICS), truth_documents.topics(world, ids)
    return 0, iter(())


def _fill(load: _Load, report: Progress) -> None:
    """Empty a collection and insert its documents; a batch is sent while the next one is made."""
    collection, indexes = _emptied(load.database, load.name)
    # To wait for the journal at each batch takes longer than to write.
    unjournalled = collection.with_options(write_concern=WriteConcern(1, j=False))
    done = 0
    report(load.name, done, load.total)
    with ThreadPoolExecutor(max_workers=1) as sender:
        sent: Future[Any] | None = None
        while batch := list(islice(load.documents, BATCH)):
            if sent:
                sent.result()
            sent = sender.submit(unjournalled.insert_many, batch, ordered=False)
            done += len(batch)
            report(load.name, done, load.total)
        if sent:
            sent.result()
    # To build an index after the data takes a fraction of the time of keeping it up to date meanwhile.
    if indexes:
        collection.create_indexes(indexes)


def _emptied(database: Database[Document], name: str) -> tuple[Collection[Document], list[IndexModel]]:
    """The collection without documents and indexes, with its options, and the indexes to build once it is full."""
    collection = database[name]
    kept = {tuple(index["key"].items()): index for index in collection.list_indexes() if index["name"] != "_id_"}
    options = collection.options()
    ownership.drop_collection(collection)
    database.create_collection(name, **options)
    declared = [_keys(fields) for fields in APPLICATION_INDEXES.get(name, ())]
    return collection, [
        *(IndexModel(list(keys), **_index_options(index)) for keys, index in kept.items()),
        *(IndexModel(list(keys)) for keys in declared if keys not in kept),
    ]


def _keys(fields: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    return tuple((field.removeprefix("-"), -1 if field.startswith("-") else 1) for field in fields)


def _index_options(index: Any) -> dict[str, Any]:
    return {option: value for option, value in index.items() if option not in ("key", "v", "ns")}


def _require_loopback(database: Database[Document]) -> None:
    database.client.admin.command("ping")  # the addresses of a replica set are known after the first answer
    for host, _ in database.client.nodes:
        if host not in LOOPBACK:
            raise BadConfig(f"a world replaces what is in the database, and {host} is not this machine")


def _count(world: World) -> WorldCounts:
    return WorldCounts(
        users=world.options.users,
        accounts=world.options.users,
        contents=world.options.contents,
        engagements=len(world.past),
        feeditems=len(world.exposures),
        heldout=len(world.held_out),
        heldout_users=len(np.unique(world.held_out.person)),
        countries=world.options.countries,
        heavy_credentials=int(world.viewers.heavy.sum()),
        bots=int(world.viewers.is_bot.sum()),
        verified=len(world.reviews),
    )


def _meta(world: World, counts: WorldCounts) -> Document:
    """Summary of the world; `now` in seconds since 1970."""
    return {"_id": "world", **asdict(counts), "now": world.now.timestamp(), "seed": world.options.seed,
            "days": world.options.days}  # fmt: skip


def _quietly(step: str, done: int, total: int) -> None:
    """No progress."""
