"""What commands work on: a server, settings for the handlers, and a store with every index."""

import fcntl
import os
import secrets as random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from shlex import quote
from tempfile import NamedTemporaryFile

from pymongo import MongoClient
from pymongo.database import Database

from local import ownership
from local.functions import ROOT
from local.mongod import mongo_server
from local.terminal import progress_bars, say
from shared.config import HERE, load, own_server, presetting, settings
from shared.documents import Document
from shared.errors import BadConfig, Conflict
from shared.store import Store, close_store, open_store, schema
from shared.store.topology import require_replica_set

HOME = ROOT / ".feedkeeper"
KEYS = {"ARTIFACT_KEYS": "artifact-key", "API_KEYS": "api-key"}  # settings, and the files of a data folder


@contextmanager
def workspace(
    home: Path | None,
    *,
    prefix: str = "",
    started: float | None = None,
    needs: Sequence[str] = (),
    fills: Callable[[Store], Sequence[Database[Document]]] = lambda store: (),
    named: Sequence[str] = (),
) -> Iterator[Store]:
    """Give the store of a folder, or of databases that are gone afterwards; handlers of this process use the same.

    prefix   of the databases' names
    started  moment that the time until now is told from
    needs    settings of the deployment, such as ARTIFACT_KEYS, that have to be given with the server of somebody else
    fills    databases that the body fills
    named    databases that the user allowed to be emptied, by their names
    Raises before anything is written BadConfig, and Forbidden where `fills` gives a database that is somebody else's.
    """
    began = started or time.perf_counter()
    theirs = own_server() is not None

    def free_leases(uri: str) -> None:
        name = load(os.environ | _environment(home, uri, prefix, theirs=False)).analytics_db
        with MongoClient[Document](uri, w="majority") as client:
            ownership.free_leases(client[name])

    with (
        mongo_server(home and home / "mongodb", on_start=free_leases) as uri,
        presetting(_environment(home, uri, prefix, theirs=theirs)),
    ):
        from shared.runtime.secrets import fetch_secret  # not before the settings are: loggers look at once

        try:
            require(needs, settings(fetch_secret).artifact_keys, settings().api_keys)
            store = open_store()
            require_replica_set(store.client)
            token = random_text(home, "owner") if home else None
            with (
                ownership.owning(token, named, lasting=home is None or not theirs),
                _dropped(store) if home is None and theirs else nullcontext(),
            ):
                if home is None or not theirs:
                    ownership.claim(*filter(ownership.is_empty, (store.app, store.analytics)))
                filled = fills(store)
                with ownership.filling(*filled):
                    if filled or home is None or not theirs:  # else `schema apply` is for the deployment to type
                        schema.apply(store.app, store.analytics)
                    say("MongoDB", time.perf_counter() - began)
                    yield store
        finally:
            close_store()


def typed(home: Path) -> str:
    """How a command on the same data is typed."""
    return "python -m local" + ("" if home == HOME else f" --data {quote(str(home))}")


def require(needs: Sequence[str], artifact_keys: Sequence[bytes], api_keys: Sequence[bytes]) -> None:
    """BadConfig where a deployment's keys are needed and not given: what others sign, or trust, is not ours to sign."""
    given = {"ARTIFACT_KEYS": artifact_keys, "API_KEYS": api_keys}
    for name in needs:
        if not given[name]:
            raise BadConfig(f"{name} is missing: with MONGO_URI set, give the keys of the deployment on that server")


def _environment(home: Path | None, uri: str, prefix: str, *, theirs: bool) -> dict[str, str]:
    """Of the handlers. On a data folder's database the folder's keys sign, on somebody else's the deployment's."""
    chosen = {"MONGO_URI": uri, "TRAINING_QUEUE": HERE}
    if home is None or not theirs:
        chosen |= {name: random_text(home, file) for name, file in KEYS.items()}
    if prefix or not theirs:
        chosen |= {"DB_PREFIX": prefix}
    return chosen


def random_text(home: Path | None, name: str) -> str:
    """A random text of this data folder's own, such as a key, made at the first use; without a folder one of no other
    use."""
    if home is None:
        return random.token_hex(32)
    file = home / name
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=home) as made:  # which others may not read
            made.write(random.token_hex(32))
            made.flush()
            with suppress(FileExistsError):  # another command was first
                os.link(made.name, file)
    text = file.read_text()
    if not text:
        raise BadConfig(f"{file} is empty; delete it, and another is made")
    return text


def api_key(home: Path) -> bytes:
    """The key that signs tokens for `dev`: the first of API_KEYS with the server of somebody else, or the folder's."""
    if own_server() is None:
        return random_text(home, KEYS["API_KEYS"]).encode()
    from shared.runtime.secrets import fetch_secret

    chosen = settings(fetch_secret)
    require(["API_KEYS"], (), chosen.api_keys)
    return chosen.api_keys[0]


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Run the body as the only command of the folder that fills databases; Conflict while another one does."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "filling.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("another command is filling this database") from None
        yield


def fill(store: Store, size: str, *, now: datetime, seed: int = 7, with_text: bool = False) -> None:
    """Write a demo network over what the databases hold."""
    from local.world import SIZES, build_world, write_world

    if size not in SIZES:
        raise BadConfig(f"size is one of {', '.join(SIZES)}")
    began = time.perf_counter()
    options = replace(SIZES[size], seed=seed, with_text=with_text)
    with progress_bars() as step:
        counts = write_world(build_world(options, now=now), store.app, store.analytics, truth_of(store), progress=step)
    schema.apply(store.app, store.analytics)
    made = f"{counts.users} users, {counts.contents} contents, "
    made += f"{counts.engagements} engagements, {counts.feeditems} views"
    say(f"demo network {size}", time.perf_counter() - began, made)


def whole(store: Store) -> tuple[Database[Document], ...]:
    """All that a demo network is written into."""
    return store.app, store.analytics, truth_of(store)


def truth_of(store: Store) -> Database[Document]:
    """The database of what a demo network knows of itself."""
    return store.client[store.app.name.removesuffix("app-db") + "eval-db"]


@contextmanager
def _dropped(store: Store) -> Iterator[None]:
    """Leave nothing of what the body claims, however early it ends."""
    try:
        yield
    finally:
        drop(store)


def drop(store: Store) -> None:
    """Leave nothing of the databases that this command made."""
    for database in whole(store):
        if ownership.is_owned(database):
            ownership.drop_database(database)
