"""What commands work on: a server, settings for the handlers, and a store."""

import fcntl
import os
import secrets as random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from shlex import quote
from tempfile import NamedTemporaryFile

from pymongo import MongoClient
from pymongo.database import Database

from local import ownership
from local.data_files import text_of
from local.functions import ROOT
from local.mongod import mongo_server
from local.runs import record_first_runs
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
    """The store of a data folder, or without a folder of databases that are dropped afterwards.

    The handlers of this process use the same databases.

    prefix   of the databases' names
    started  moment from which the shown start-up time counts [s of time.perf_counter]
    needs    settings such as ARTIFACT_KEYS that have to be set for the server of somebody else
    fills    returns the databases that the body fills
    named    databases that the user allows to be emptied, by their names
    Raises before anything is written BadConfig, and Forbidden where `fills` returns a database of somebody else.
    """
    began = started or time.perf_counter()
    is_foreign = own_server() is not None

    def free_leases(uri: str) -> None:
        name = load(os.environ | _environment(home, uri, prefix, is_foreign=False)).analytics_db
        with MongoClient[Document](uri, w="majority") as client:
            ownership.free_leases(client[name])

    with (
        mongo_server(home and home / "mongodb", on_start=free_leases) as uri,
        presetting(_environment(home, uri, prefix, is_foreign=is_foreign)),
    ):
        from shared.runtime.secrets import fetch_secret  # not before the settings are made: loggers read them

        try:
            require(needs, settings(fetch_secret).artifact_keys, settings().api_keys)
            store = open_store()
            require_replica_set(store.client)
            token = random_text(home, "owner") if home else None
            with (
                ownership.owning(token, named, lasting=home is None or not is_foreign),
                _dropped(store) if home is None and is_foreign else nullcontext(),
            ):
                if home is None or not is_foreign:
                    ownership.claim(*filter(ownership.is_empty, (store.app, store.analytics)))
                filled = fills(store)
                with ownership.filling(*filled):
                    if filled or home is None or not is_foreign:  # else the deployment applies the schema
                        schema.apply(store.app, store.analytics)
                    say("MongoDB", time.perf_counter() - began)
                    yield store
        finally:
            close_store()


def typed(home: Path) -> str:
    """The words that begin a command on the same data."""
    return "python -m local" + ("" if home == HOME else f" --data {quote(str(home))}")


def require(needs: Sequence[str], artifact_keys: Sequence[bytes], api_keys: Sequence[bytes]) -> None:
    """BadConfig where a deployment's keys are needed and missing: no other key may sign for it."""
    keys = {"ARTIFACT_KEYS": artifact_keys, "API_KEYS": api_keys}
    for name in needs:
        if not keys[name]:
            raise BadConfig(f"{name} is missing: with MONGO_URI set, give the keys of the deployment on that server")


def _environment(home: Path | None, uri: str, prefix: str, *, is_foreign: bool) -> dict[str, str]:
    """Variables for the handlers. On a folder's own server the folder's keys sign, on another the deployment's."""
    environment = {"MONGO_URI": uri, "TRAINING_QUEUE": HERE, "EVERY_FUNCTION": HERE}
    if home is None or not is_foreign:
        environment |= {name: random_text(home, file) for name, file in KEYS.items()}
    if prefix or not is_foreign:
        environment |= {"DB_PREFIX": prefix}
    return environment


def random_text(home: Path | None, name: str) -> str:
    """A random text that a file of the data folder keeps, such as a key; without a folder a new one at each call."""
    if home is None:
        return random.token_hex(32)
    file = home / name
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=home) as temporary:  # which others may not read
            temporary.write(random.token_hex(32))
            temporary.flush()
            with suppress(FileExistsError):  # another command was first
                os.link(temporary.name, file)
    try:
        return text_of(file)
    except BadConfig as error:
        raise BadConfig(f"{error}; delete it, and another is made") from None


def api_key(home: Path) -> bytes:
    """The key that signs tokens for `dev`: the folder's, or with the server of somebody else the first of API_KEYS."""
    if own_server() is None:
        return random_text(home, KEYS["API_KEYS"]).encode()
    from shared.runtime.secrets import fetch_secret

    keys = settings(fetch_secret).api_keys
    require(["API_KEYS"], (), keys)
    return keys[0]


def alone(home: Path) -> AbstractContextManager[None]:
    """Run the body as the only command that fills the folder's databases; Conflict while another one does."""
    return _locked(home, "filling.lock", fcntl.LOCK_EX, "another command is filling this database")


def serving_lock(home: Path) -> AbstractContextManager[None]:
    """Run the body as a service on the folder's databases; Conflict while a command replaces what they have."""
    return _locked(home, "serving.lock", fcntl.LOCK_SH, "another command is replacing what this database has")


def replacing_lock(home: Path) -> AbstractContextManager[None]:
    """Run the body while no service runs on the folder's databases; Conflict where one does: it would go on with what
    was derived from the former data."""
    return _locked(home, "serving.lock", fcntl.LOCK_EX, "`make dev` runs on this database; end it first")


@contextmanager
def _locked(home: Path, name: str, kind: int, refusal: str) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / name).open("w") as lock:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(refusal) from None
        yield


def fill(store: Store, size: str, *, now: datetime, seed: int = 7, with_text: bool = False) -> None:
    """Replace the data and all that was derived from them by a demo network, and print how many documents it has; the
    functions that it needs are recorded as not run yet."""
    from local.world import SIZES, build_world, write_world

    if size not in SIZES:
        raise BadConfig(f"size is one of {', '.join(SIZES)}")
    began = time.perf_counter()
    options = replace(SIZES[size], seed=seed, with_text=with_text)
    with progress_bars() as step:
        world = build_world(options, now=now)
        record_first_runs(store)
        derived = [collection for collection in schema.OURS if collection is not schema.LEASES]
        counts = write_world(world, store.app, store.analytics, truth_of(store), derived=derived, progress=step)
    schema.apply(store.app, store.analytics)
    summary = f"{counts.users} users, {counts.contents} contents, "
    summary += f"{counts.engagements} engagements, {counts.feeditems} views"
    say(f"demo network {size}", time.perf_counter() - began, summary)


def whole(store: Store) -> tuple[Database[Document], ...]:
    """The three databases that a demo network is written into."""
    return store.app, store.analytics, truth_of(store)


def truth_of(store: Store) -> Database[Document]:
    """The database with the truth of a demo network."""
    return store.client[store.app.name.removesuffix("app-db") + "eval-db"]


@contextmanager
def _dropped(store: Store) -> Iterator[None]:
    """Drop at the end what the body has claimed, also after an error."""
    try:
        yield
    finally:
        drop(store)


def drop(store: Store) -> None:
    """Drop the databases that this command made."""
    for database in whole(store):
        if ownership.is_owned(database):
            ownership.drop_database(database)
