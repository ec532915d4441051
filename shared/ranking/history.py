"""What happened in the network lately, as arrays that refer to each other by position."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray

from shared.clock import HOUR_MS, epoch_ms
from shared.columns import (
    Columns,
    FloatArray,
    IntArray,
    deduplicate,
    id_array,
    id_keys,
    is_valid,
    lookup,
    object_ids,
    unique_ids,
)
from shared.config import Coldstart
from shared.countries import COUNTRIES, LANGUAGES, SPELLINGS, country_of
from shared.store import Store
from shared.store.deadline import DeadlineExecutor
from shared.store.posts import OTHER_LANGUAGE, UNKNOWN_LANGUAGE

COUNTED = ("like", "comment", "recast", "quote")  # reports are no sign of liking
UNKNOWN_COUNTRY = -1  # where a country is not known

# Of exposures: the post was on the screen for half of the time that reading it takes. People read 238 words a minute
# (Brysbaert 2019), which in English are 24 characters a second; a picture is given two seconds.
READ = 1
CHARACTERS_A_SECOND, MIN_SECONDS, READ_RATIO = 24.0, 2.0, 0.5

# Codes of languages as found, and the one that stands for each: codes that ISO 639-1 replaced, and written standards.
_SAME_LANGUAGE = {"iw": "he", "in": "id", "nb": "no", "nn": "no", "fil": "tl", "cmn": "zh", "yue": "zh"}
LANGUAGE_CODES: tuple[str, ...] = tuple(sorted({code for read in LANGUAGES.values() for code in read}))


@dataclass(frozen=True, slots=True)
class Posts:
    """Published posts, oldest first.

    ids         (n_posts,) ids
    created     (n_posts,) [hours, 0 is now]
    author      (n_posts,) one number per author, 0..n_authors
    author_ids  (n_posts,) ids
    photos, characters  (n_posts,) counts
    language    (n_posts,) index into LANGUAGE_CODES, OTHER_LANGUAGE or UNKNOWN_LANGUAGE
    topic_of, topic     (n_pairs,) post, ascending, and topic of every topic that it has; hashtags stand in where none
    topic_keys          (n_topics,) what stays the same of a topic in another history
    recast      (n_posts,) a mere repetition
    originals, original_authors  (n_posts,) ids, zeros where there is none
    """

    ids: NDArray[np.void]
    created: FloatArray
    author: IntArray
    author_ids: NDArray[np.void]
    photos: NDArray[np.int32]
    characters: NDArray[np.int32]
    language: IntArray
    topic_of: IntArray
    topic: IntArray
    topic_keys: NDArray[np.uint64]
    recast: NDArray[np.bool_]
    originals: NDArray[np.void]
    original_authors: NDArray[np.void]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Events:
    """Something that someone of a country did with, or saw of, a post.

    post     (n,) position among the posts
    account  (n,) one number per account, -1 where it is not known
    country  (n,) index into COUNTRIES, NOBODYS where it is not known
    at       (n,) [hours, 0 is now]
    kind     (n,) index into COUNTED; of what was seen READ or 0
    """

    post: IntArray
    account: IntArray
    country: IntArray
    at: FloatArray
    kind: IntArray

    def __len__(self) -> int:
        return len(self.post)

    def where(self, chosen: NDArray[Any]) -> "Events":
        """Some of them, by mask or position."""
        return Events(self.post[chosen], self.account[chosen], self.country[chosen], self.at[chosen], self.kind[chosen])


@dataclass(frozen=True, slots=True)
class Accounts:
    """Accounts by id, and users by id as the accounts that own them; who is erased is not among them.

    ids      (n_accounts,) ids; an account's number is its position here
    keys     (n_ids,) of every account, then of every user, erased or not
    owner    (n_ids,) ids of the accounts, also of those that are not there; of the user where it names none
    account  (n_ids,) number of the account, -1 where it is not known
    country  (n_accounts,) index into COUNTRIES, NOBODYS where it is not known
    """

    ids: NDArray[np.void]
    keys: NDArray[np.uint64]
    owner: NDArray[np.void]
    account: IntArray
    country: IntArray

    @classmethod
    def read(cls, store: Store) -> "Accounts":
        erased = store.tombstones.read()
        accounts = _but_for(store.people.accounts(SPELLINGS), erased.accounts, "id")
        users = store.people.users()
        account_keys, user_keys = id_keys(accounts["id"]), id_keys(users["id"])
        meant = np.array([COUNTRIES.index(str(country_of(code))) for code in SPELLINGS] + [UNKNOWN_COUNTRY])
        number = lookup(id_keys(users["account"]), account_keys)
        number[np.isin(user_keys, id_keys(id_array(erased.users)))] = -1
        owner = np.where(is_valid(users["account"]), users["account"], users["id"])
        return cls(
            accounts["id"],
            np.concatenate([account_keys, user_keys]),
            np.concatenate([accounts["id"], owner]),
            np.concatenate([np.arange(len(account_keys)), number]),
            meant[accounts["country"]],
        )

    def of(self, ids: NDArray[np.void]) -> tuple[IntArray, IntArray]:
        """(account, country) of each id."""
        return self._at(lookup(id_keys(ids), self.keys))

    def engagements(self, recorded: Columns) -> Columns:
        """What `Engagements.acts` gives, with account and country, (n,) as `of` gives them. What an account did with a
        post at one moment counts once, however often it is recorded, by the account or by one of its users."""
        return self._once(recorded, "actor", ("content", "kind", "at"), recorded["at"])

    def exposures(self, recorded: Columns) -> Columns:
        """What `Exposures.between` and `shown` give, with account and country. One exposure of a post to an account at
        one moment counts once, as the record with the latest end has it."""
        return self._once(recorded, "viewer", ("content", "at"), -recorded["until"])

    def _once(self, recorded: Columns, who: str, key: Sequence[str], rank: NDArray[Any]) -> Columns:
        at = lookup(id_keys(recorded[who]), self.keys)
        account, country = self._at(at)
        has_owner = at >= 0
        owner = recorded[who].copy()
        owner[has_owner] = self.owner[at[has_owner]]
        return deduplicate(recorded | {who: owner, "account": account, "country": country}, (who, *key), rank)

    def _at(self, at: IntArray) -> tuple[IntArray, IntArray]:
        """(account, country) of the ids at these positions of `keys`, -1 for none of them."""
        account = np.append(self.account, -1)[at]
        return account, np.append(self.country, UNKNOWN_COUNTRY)[account]


@dataclass(frozen=True, slots=True)
class History:
    """The published posts of a window, what was done with them and, where asked for, what was seen of them, by whom."""

    now: datetime
    posts: Posts
    accounts: Accounts
    engagements: Events
    seen: Events


def read_history(store: Store, options: Coldstart, *, now: datetime, with_exposures: bool = False) -> History:
    """Everything up to `now` that the features and, with exposures, the examples are made of.

    The large collections are read at the same time, since the wait is the database's.
    """
    start = now - options.window
    with DeadlineExecutor(2) as threads:
        reading_acts = threads.submit(store.engagements.acts, start, now)
        reading_seen = threads.submit(store.exposures.between, start, now) if with_exposures else None
        posts = _read_posts(store, options, start, now)
        accounts = Accounts.read(store)
        keys = id_keys(posts.ids)
        engagements = _events(accounts.engagements(reading_acts.result()), keys, now)
        nothing = engagements.where(np.empty(0, np.int64))
        seen = nothing
        if reading_seen:
            exposures = accounts.exposures(reading_seen.result())
            exposures["kind"] = _read_or_not(exposures, keys, posts.characters)
            seen = _events(exposures, keys, now)
    return History(now, posts, accounts, engagements, seen)


def _events(columns: Columns, posts: NDArray[np.uint64], now: datetime) -> Events:
    """Events on posts that we know, in the order of time."""
    post = lookup(id_keys(columns["content"]), posts)
    kind = columns["kind"].astype(np.int64) if "kind" in columns else np.zeros(len(post), np.int64)
    sound = (kind >= 0) & (kind < len(COUNTED)) & (columns["at"] > 0)
    chosen = np.flatnonzero(sound & (post >= 0))
    chosen = chosen[np.argsort(columns["at"][chosen], kind="stable")]
    account, country = columns["account"][chosen], columns["country"][chosen]
    return Events(post[chosen], account, country, _hours(columns["at"][chosen], now), kind[chosen])


def _read_or_not(exposures: Columns, posts: NDArray[np.uint64], characters: NDArray[np.int32]) -> IntArray:
    """(n,) READ or 0; READ too where nobody told when the exposure ended, or a clock jumped back meanwhile."""
    post = lookup(id_keys(exposures["content"]), posts)
    long = characters[post] if len(characters) else np.zeros(len(post))
    takes = np.maximum(long / CHARACTERS_A_SECOND, MIN_SECONDS)
    lasted = (exposures["until"] - exposures["at"]) / 1_000
    return np.where((lasted < 0) | (lasted >= READ_RATIO * takes), READ, 0)


def _read_posts(store: Store, options: Coldstart, start: datetime, now: datetime) -> Posts:
    columns = _but_for_erased(store, store.posts.published(start, now, options.age_from))
    columns = {name: column[np.argsort(columns["created"], kind="stable")] for name, column in columns.items()}
    keys = id_keys(columns["id"])
    author = np.unique(id_keys(columns["author"]), return_inverse=True)[1]
    topic_of, topic, topic_keys = _topics(store, options, keys, start, now)
    return Posts(
        ids=columns["id"],
        created=_hours(columns["created"], now),
        author=author,
        author_ids=columns["author"],
        photos=columns["photos"],
        characters=columns["characters"],
        language=_languages(store, keys),
        topic_of=topic_of,
        topic=topic,
        topic_keys=topic_keys,
        recast=columns["recast"] == 1,
        originals=columns["original"],
        original_authors=columns["original_author"],
    )


def _but_for_erased(store: Store, posts: Columns) -> Columns:
    """The posts of which neither the author, nor the post or the author that they repeat or quote, is erased."""
    erased = store.tombstones.read()
    if not erased:
        return posts
    originals = object_ids(unique_ids(posts["original"]))
    posts = _but_for(posts, erased.users, "author", "original_author")
    return _but_for(posts, store.tombstones.posts_among(originals), "original")


def _but_for(rows: Columns, ids: Collection[ObjectId], *fields: str) -> Columns:
    """The rows that hold none of these ids in the fields."""
    if not ids:
        return rows
    keys = id_keys(id_array(ids))
    stays = ~np.any([np.isin(id_keys(rows[field]), keys) for field in fields], axis=0)
    return {name: column[stays] for name, column in rows.items()}


def _languages(store: Store, posts: NDArray[np.uint64]) -> IntArray:
    """(n_posts,) what contentinfo says, else what contentfiltering says."""
    spelt = LANGUAGE_CODES + tuple(_SAME_LANGUAGE)
    meant = np.array([LANGUAGE_CODES.index(_SAME_LANGUAGE.get(code, code)) for code in spelt] + [OTHER_LANGUAGE])
    language = np.full(len(posts), UNKNOWN_LANGUAGE)
    for source in reversed(store.posts.languages(spelt)):
        at = lookup(id_keys(source["content"]), posts)
        found = source["language"]
        language[at[at >= 0]] = np.where(found == OTHER_LANGUAGE, OTHER_LANGUAGE, meant[found])[at >= 0]
    return language


def _topics(
    store: Store, options: Coldstart, posts: NDArray[np.uint64], start: datetime, now: datetime
) -> tuple[IntArray, IntArray, NDArray[np.uint64]]:
    """(post, topic) pairs, and the key of each topic: topics as contentinfo names them; hashtags that are used often
    enough for posts without."""
    pairs = store.content_topics.pairs()
    topics, topic = np.unique(id_keys(pairs["topic"]), return_inverse=True)
    post = lookup(id_keys(pairs["content"]), posts)
    known = post >= 0
    tagged, names = store.posts.hashtags(start, now, options.age_from)
    tags = _by_hashtag(lookup(id_keys(tagged), posts), names, set(post[known].tolist()))
    often = [name for name in sorted(tags) if len(tags[name]) >= options.hashtag_uses]
    tag_post = [np.array(tags[name], np.int64) for name in often]
    tag = [np.full(len(tags[name]), len(topics) + number) for number, name in enumerate(often)]
    of, topics_of = np.concatenate([post[known], *tag_post]), np.concatenate([topic[known], *tag])
    order = np.argsort(of, kind="stable")
    return of[order], topics_of[order], np.concatenate([topics, *(hashtag_key(name) for name in often)])


def hashtag_key(name: str) -> NDArray[np.uint64]:
    """(1,) the key of a hashtag that stands in for a topic.

    >>> hashtag_key("goal") == hashtag_key("goal"), hashtag_key("goal") == hashtag_key("gold")
    (array([ True]), array([False]))
    """
    return np.frombuffer(hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest(), np.uint64)


def _by_hashtag(posts: IntArray, names: list[list[str]], classified: set[int]) -> dict[str, list[int]]:
    """Posts without a topic by hashtag."""
    tags: dict[str, list[int]] = {}
    for post, used in zip(posts.tolist(), names, strict=True):
        if post >= 0 and post not in classified:
            for name in set(used):
                tags.setdefault(name, []).append(post)
    return tags


def _hours(moments: NDArray[np.int64], now: datetime) -> FloatArray:
    """Milliseconds since 1970 as hours since `now`."""
    hours: FloatArray = (moments - epoch_ms(now)) / HOUR_MS
    return hours
