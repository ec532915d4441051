"""What commands work on: a server, settings for the handlers, and a store with every index."""

import secrets as random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from local.functions import ROOT
from local.mongod import mongo_server
from local.terminal import progress_bars, say
from shared.config import HERE, preset
from shared.errors import BadConfig
from shared.store import Store, open_store, schema

HOME = ROOT / ".feedkeeper"


@contextmanager
def workspace(home: Path | None, *, prefix: str = "", started: float | None = None) -> Iterator[Store]:
    """Give the store of a folder, or of a server that is gone afterwards; handlers of this process use the same.

    prefix   of the databases' names
    started  moment that the time until now is told from
    """
    began = started or time.perf_counter()
    with mongo_server(home and home / "mongodb") as uri:
        secrets = {"ARTIFACT_KEYS": signing_key(home, "artifact-key"), "API_KEYS": signing_key(home, "api-key")}
        preset({"MONGO_URI": uri, "DB_PREFIX": prefix, "TRAINING_QUEUE": HERE, **secrets})
        store = open_store()
        schema.apply(store.app, store.analytics)
        say("MongoDB", time.perf_counter() - began)
        yield store


def signing_key(home: Path | None, name: str) -> str:
    """A key of this data folder's own, made at the first use."""
    if home is None:
        return random.token_hex(32)
    home.mkdir(parents=True, exist_ok=True)
    file = home / name
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(random.token_hex(32))
    return file.read_text()


def fill(store: Store, size: str, *, now: datetime, seed: int = 7, with_text: bool = False) -> None:
    """Write a demo network over what the databases hold."""
    from local.world import SIZES, build_world, write_world

    if size not in SIZES:
        raise BadConfig(f"size is one of {', '.join(SIZES)}")
    began = time.perf_counter()
    truth = store.client[store.app.name.removesuffix("app-db") + "eval-db"]
    options = replace(SIZES[size], seed=seed, with_text=with_text)
    with progress_bars() as step:
        counts = write_world(build_world(options, now=now), store.app, store.analytics, truth, progress=step)
    schema.apply(store.app, store.analytics)
    made = f"{counts.users} users, {counts.contents} contents, "
    made += f"{counts.engagements} engagements, {counts.feeditems} views"
    say(f"demo network {size}", time.perf_counter() - began, made)


def drop(store: Store) -> None:
    """Leave nothing of the demo on a server that is not ours alone."""
    prefix = store.app.name.removesuffix("app-db")
    for name in store.client.list_database_names():
        if name.startswith(prefix):
            store.client.drop_database(name)
