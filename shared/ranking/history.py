"""The posts, engagements and impressions of a recent window, as arrays that refer to each other by position."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.clock import HOUR_MS, epoch_ms
from shared.columns import (
    BoolArray,
    Columns,
    FloatArray,
    IdArray,
    IntArray,
    KeyArray,
    exclude_ids,
    id_keys,
    lookup,
    object_ids,
    unique_ids,
)
from shared.countries import LANGUAGES
from shared.engagement_kinds import POSITIVE_KINDS
from shared.ranking.accounts import Accounts
from shared.ranking.options import Coldstart
from shared.ranking.post_topics import read_post_topics
from shared.store import Store
from shared.store.deadline import DeadlineExecutor
from shared.store.posts import OTHER_LANGUAGE, UNKNOWN_LANGUAGE

# Kind of an impression: the post was on the screen for at least half of the time that reading it takes. People read 238
# words a minute (Brysbaert 2019), which in English are 24 characters a second; a picture is given two seconds.
READ = 1
CHARACTERS_A_SECOND, MIN_SECONDS, READ_RATIO = 24.0, 2.0, 0.5

# Language codes as they are stored, and the code that each is counted as: codes that ISO 639-1 replaced, and written
# standards of one language.
_SAME_LANGUAGE = {"iw": "he", "in": "id", "nb": "no", "nn": "no", "fil": "tl", "cmn": "zh", "yue": "zh"}
LANGUAGE_CODES: tuple[str, ...] = tuple(sorted({code for codes in LANGUAGES.values() for code in codes}))


@dataclass(frozen=True, slots=True)
class PostColumns:
    """Published posts, oldest first.

    ids         (n_posts,) ids
    created     (n_posts,) [hours, 0 is now]
    author      (n_posts,) one number per author, 0..n_authors
    author_ids  (n_posts,) ids
    photos, characters  (n_posts,) counts
    language    (n_posts,) index into LANGUAGE_CODES, OTHER_LANGUAGE or UNKNOWN_LANGUAGE
    topic_of, topic     (n_pairs,) post, ascending, and topic of each of its topics; hashtags if the post has no topic
    topic_keys          (n_topics,) keys that are the same for a topic in every history
    recast      (n_posts,) whether the post only repeats another
    originals, original_authors  (n_posts,) ids of the repeated or quoted post and of its author, zeros if none
    """

    ids: IdArray
    created: FloatArray
    author: IntArray
    author_ids: IdArray
    photos: NDArray[np.int32]
    characters: NDArray[np.int32]
    language: IntArray
    topic_of: IntArray
    topic: IntArray
    topic_keys: KeyArray
    recast: BoolArray
    originals: IdArray
    original_authors: IdArray

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Events:
    """Engagements with posts, or impressions of posts.

    post     (n,) position among the posts
    account  (n,) one number per account, -1 if unknown
    country  (n,) index into COUNTRIES, UNKNOWN_COUNTRY if unknown
    at       (n,) [hours, 0 is now]
    kind     (n,) of an engagement an index into POSITIVE_KINDS; of an impression READ or 0
    """

    post: IntArray
    account: IntArray
    country: IntArray
    at: FloatArray
    kind: IntArray

    def __len__(self) -> int:
        return len(self.post)

    def where(self, rows: NDArray[Any]) -> "Events":
        """The events of these rows, given as a mask, (n,), or as positions, (n_rows,)."""
        return Events(self.post[rows], self.account[rows], self.country[rows], self.at[rows], self.kind[rows])


@dataclass(frozen=True, slots=True)
class History:
    """The published posts of a window, the engagements with them and, if they were read, their impressions."""

    now: datetime
    posts: PostColumns
    accounts: Accounts
    engagements: Events
    impressions: Events


def read_history(store: Store, options: Coldstart, *, now: datetime, with_exposures: bool = False) -> History:
    """Read everything up to `now` that features and, with exposures, training examples are made of.

    The large collections are read at the same time, since most of the time is spent waiting for the database.
    """
    start = now - options.window
    with DeadlineExecutor(2) as threads:
        engagement_rows = threads.submit(store.engagements.between, start, now)
        exposure_rows = threads.submit(store.exposures.between, start, now) if with_exposures else None
        posts = _read_posts(store, options, start, now)
        accounts = Accounts.read(store)
        keys = id_keys(posts.ids)
        engagements = _events(accounts.engagements(engagement_rows.result()), keys, now)
        impressions = engagements.where(np.empty(0, np.int64))
        if exposure_rows:
            exposures = accounts.exposures(exposure_rows.result())
            exposures["kind"] = _impression_kinds(exposures, keys, posts.characters)
            impressions = _events(exposures, keys, now)
    return History(now, posts, accounts, engagements, impressions)


def _events(columns: Columns, posts: KeyArray, now: datetime) -> Events:
    """The events on posts of the history with a known kind and date, oldest first."""
    post = lookup(id_keys(columns["content"]), posts)
    kind = columns["kind"].astype(np.int64) if "kind" in columns else np.zeros(len(post), np.int64)
    is_sound = (kind >= 0) & (kind < len(POSITIVE_KINDS)) & (columns["at"] > 0)
    rows = np.flatnonzero(is_sound & (post >= 0))
    rows = rows[np.argsort(columns["at"][rows], kind="stable")]
    account, country = columns["account"][rows], columns["country"][rows]
    return Events(post[rows], account, country, _hours(columns["at"][rows], now), kind[rows])


def _impression_kinds(exposures: Columns, posts: KeyArray, characters: NDArray[np.int32]) -> IntArray:
    """(n,) READ or 0; READ also where the end of an exposure is unknown or lies before its beginning."""
    post = lookup(id_keys(exposures["content"]), posts)
    length = characters[post] if len(characters) else np.zeros(len(post))
    reading_s = np.maximum(length / CHARACTERS_A_SECOND, MIN_SECONDS)
    shown_s = (exposures["until"] - exposures["at"]) / 1_000
    return np.where((shown_s < 0) | (shown_s >= READ_RATIO * reading_s), READ, 0)


def _read_posts(store: Store, options: Coldstart, start: datetime, now: datetime) -> PostColumns:
    columns = _without_erased(store, store.posts.published(start, now, options.age_from))
    columns = {name: column[np.argsort(columns["created"], kind="stable")] for name, column in columns.items()}
    keys = id_keys(columns["id"])
    author = np.unique(id_keys(columns["author"]), return_inverse=True)[1]
    topic_of, topic, topic_keys = read_post_topics(store, options, keys, start, now)
    return PostColumns(
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


def _without_erased(store: Store, posts: Columns) -> Columns:
    """The posts of which neither the author, nor the repeated or quoted post, nor its author is erased."""
    erased = store.tombstones.read()
    if not erased:
        return posts
    originals = object_ids(unique_ids(posts["original"]))
    posts = exclude_ids(posts, erased.users, "author", "original_author")
    return exclude_ids(posts, store.tombstones.posts_among(originals), "original")


def _languages(store: Store, posts: KeyArray) -> IntArray:
    """(n_posts,) index into LANGUAGE_CODES, OTHER_LANGUAGE or UNKNOWN_LANGUAGE: what contentinfo says, else what
    contentfiltering says."""
    codes = LANGUAGE_CODES + tuple(_SAME_LANGUAGE)
    code_index = np.array([LANGUAGE_CODES.index(_SAME_LANGUAGE.get(code, code)) for code in codes] + [OTHER_LANGUAGE])
    language = np.full(len(posts), UNKNOWN_LANGUAGE)
    for source in reversed(store.posts.languages(codes)):
        at = lookup(id_keys(source["content"]), posts)
        stored = source["language"]
        language[at[at >= 0]] = np.where(stored == OTHER_LANGUAGE, OTHER_LANGUAGE, code_index[stored])[at >= 0]
    return language


def _hours(moments: NDArray[np.int64], now: datetime) -> FloatArray:
    """(n,) milliseconds since 1970 as hours since `now`."""
    hours: FloatArray = (moments - epoch_ms(now)) / HOUR_MS
    return hours
