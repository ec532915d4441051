"""What makes an account different from its country, small enough for a document of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from functions.feed.candidate_features import (
    COUNTRY_PRIOR,
    FEATURES,
    LANGUAGE_PRIOR,
    TOPIC_PRIOR,
    AffinityCounters,
    CandidateFeatures,
    follow_slot_probability,
    language_keys,
    mean_by,
)
from functions.feed.item_embeddings import cosines, unit
from functions.feed.post_index import PostIndex
from shared.artifacts.snapshots import packed, unpacked
from shared.clock import epoch_hours
from shared.columns import FloatArray, IntArray, id_keys
from shared.config import Coldstart, Members
from shared.countries import COUNTRIES
from shared.errors import StaleModel
from shared.provenance import digest
from shared.ranking.history import LANGUAGE_CODES, UNKNOWN_COUNTRY
from shared.store.posts import UNKNOWN_LANGUAGE

PERSONAL = "personal"  # the family of artifacts that keep these


_TOPIC = np.dtype([("key", "<u8"), ("lift", "<f4"), ("acts", "<f4")])
_AUTHOR = np.dtype([("key", "<u8"), ("acts", "<f4"), ("last", "<f8"), ("followed", "?")])
_LANGUAGE = np.dtype([("key", "<i2"), ("lift", "<f4")])


@dataclass(frozen=True, slots=True)
class UserProfile:
    """Affinities of one account, as of the moment that it was trained.

    country    its code; empty where it is not known
    acts, topic_acts, follows  what it did, of that with how many topics, and how many authors it follows  [count]
    topics     (n_topics,)     key, lift against the country, acts; each in the order of its keys
    languages  (n_languages,)  key, lift against the country
    authors    (n_authors,)    key, acts, when the last was [hours since 1970], whether it is followed
    posts      (n_posts,)      ids of those that it engaged with or read last, the newest first
    trees      XGBoost's UBJSON of what the account adds to the ranker of all members; empty where that is nothing
    base       version of the ranker that the trees add to
    tried_at   acts when trees were last fitted, kept or not  [count]
    """

    country: str
    acts: float
    topic_acts: float
    follows: float
    topics: NDArray[np.void]
    languages: NDArray[np.void]
    authors: NDArray[np.void]
    posts: NDArray[np.void]
    trees: bytes = b""
    base: str = ""
    tried_at: float = 0.0

    def pack(self) -> bytes:
        """As an artifact keeps it."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        numbers = np.array([values.pop(name) for name in _NUMBERS])
        texts = np.array([values.pop("country"), values.pop("base")])
        trees = np.frombuffer(values.pop("trees"), np.uint8)
        return packed(values | {"numbers": numbers, "texts": texts, "trees": trees})

    @classmethod
    def unpack(cls, model: bytes) -> "UserProfile":
        """The same again; StaleModel where the bytes are no taste."""
        found = unpacked(model)
        try:
            numbers, texts, trees = (found.pop(name) for name in ("numbers", "texts", "trees"))
            named: dict[str, Any] = dict(zip(_NUMBERS, numbers.tolist(), strict=True))
            country, base = texts.tolist()
            return cls(**found, **named, country=country, base=base, trees=trees.tobytes())  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError):
            raise StaleModel("the taste of an artifact is not whole") from None

    def is_of(self, posts: NDArray[np.uint64], authors: NDArray[np.uint64]) -> bool:
        """Whether all the posts and authors that it is made of are among those with these keys."""
        return bool(np.isin(id_keys(self.posts), posts).all() and np.isin(self.authors["key"], authors).all())

    @property
    def place(self) -> int:
        """The country as the history has it."""
        return COUNTRIES.index(self.country) if self.country in COUNTRIES else UNKNOWN_COUNTRY

    def candidate_features(
        self, post_index: PostIndex, post: IntArray, country_logit: FloatArray, country: int, hour: float
    ) -> CandidateFeatures:
        """The account before posts of the catalogue, (n,) both; `country_logit` is what the country's ranker says.

        country  where the account is now, which may not be where it was when this was trained
        hour     the moment [hours since 1970]
        """
        row, topic = post_index.topics_of(post)
        of_topic, has_topic = _found(self.topics, post_index.topic_keys[topic])
        lift = np.where(has_topic, of_topic["lift"], _unseen(self.topic_acts, TOPIC_PRIOR))
        author = post_index.author[post]
        of_author, has_author = _found(self.authors, post_index.author_keys[author])
        followed = np.where(has_author & of_author["followed"], 1.0, 0.0)
        acted = has_author & (of_author["acts"] > 0)
        language = post_index.language[post].astype(np.int64)
        of_language, has_language = _found(self.languages, language_keys(language))
        language_log_lift = np.where(has_language, of_language["lift"], _unseen(self.acts, LANGUAGE_PRIOR))
        newer_posts_by_author = post_index.newer_posts_by_author[post]
        user_vector = self.user_vector(post_index)
        return CandidateFeatures(
            country_logit=country_logit,
            topic_log_lift=mean_by(row, lift, len(post)),
            topic_engagements=mean_by(row, np.where(has_topic, of_topic["acts"], 0.0), len(post)),
            author_engagements=np.where(acted, of_author["acts"], 0.0),
            author_last=np.where(acted, hour - of_author["last"], np.nan),
            followed=followed,
            follow_slot=follow_slot_probability(followed, np.full(len(post), self.follows), newer_posts_by_author),
            newer_posts_by_author=newer_posts_by_author,
            hours_since_last_post=hour - post_index.last_post_at[author],
            language_log_lift=np.where(language == UNKNOWN_LANGUAGE, np.nan, language_log_lift),
            language=post_index.relation(post, country),
            engagements=np.full(len(post), self.acts),
            age=hour - post_index.created[post],
            popularity=post_index.popularity[post].astype(np.float64),
            reads=post_index.reads[post].astype(np.float64),
            item_similarity=cosines(
                np.broadcast_to(user_vector, (len(post), len(user_vector))), post_index.item_factors[post]
            ),
        )

    def user_vector(self, post_index: PostIndex) -> NDArray[np.float32]:
        """(d,) where the posts point that it engaged with or read; zeros where the catalogue has none of them."""
        place = post_index.positions(self.posts)
        towards: NDArray[np.float32] = post_index.item_factors[place[place >= 0]].sum(0, dtype=np.float32)
        return np.asarray(unit(towards[None])[0])


_NUMBERS = ("acts", "topic_acts", "follows", "tried_at")

# Of the features that a taste serves, and of everything that its bytes are laid out by.
PROFILE_FINGERPRINT: Final = digest(
    FEATURES.fingerprint,
    tuple(one.name for one in fields(UserProfile)),
    _NUMBERS,
    tuple(tuple(table.descr) for table in (_TOPIC, _AUTHOR, _LANGUAGE)),
    LANGUAGE_CODES,
)


def options_of(coldstart: Coldstart, options: Members) -> str:
    """A digest of the options and constants that make the same history another taste."""
    read = (coldstart.window, coldstart.age_from, coldstart.hashtag_uses, options.recent_posts)
    trees = {one.name: getattr(options, one.name) for one in fields(options) if one.name.startswith("trees_")}
    return digest(read, trees, TOPIC_PRIOR, LANGUAGE_PRIOR, COUNTRY_PRIOR)


def profiles_now(affinities: AffinityCounters, accounts: IntArray) -> Iterator[UserProfile]:
    """The taste of each of these accounts as of now."""
    history = affinities.history
    posts, engagements = history.posts, history.engagements
    here = epoch_hours(history.now)
    author_keys = id_keys(posts.author_ids)[np.unique(posts.author, return_index=True)[1]]
    order = np.argsort(engagements.account, kind="stable")  # within an account in the order of time
    start = np.searchsorted(engagements.account[order], [accounts, accounts + 1])
    events = affinities.item_embeddings.recent
    touched = np.searchsorted(events.account, [accounts, accounts + 1])
    followed = np.searchsorted(affinities.follows, [accounts * affinities.authors, (accounts + 1) * affinities.authors])
    posts_of = [engagements.post[order[first:end]] for first, end in start.T.tolist()]
    counted = [np.unique(affinities.counters.topics_of(post)[1], return_counts=True) for post in posts_of]
    languages = [np.unique(posts.language[post]) for post in posts_of]
    topic_lifts = _of_all(affinities.topic_log_lift, accounts, [topics for topics, _ in counted])
    language_lifts = _of_all(affinities.language_log_lift, accounts, languages)
    for number, account in enumerate(accounts.tolist()):
        post, (topics, topic_acts) = posts_of[number], counted[number]
        follows = affinities.follows[followed[0, number] : followed[1, number]] - account * affinities.authors
        authors, author_acts = np.unique(np.concatenate([posts.author[post], follows]), return_counts=True)
        follower = np.isin(authors, follows)
        last = np.full(len(authors), -np.inf)
        at = engagements.at[order[start[0, number] : start[1, number]]]
        np.maximum.at(last, np.searchsorted(authors, posts.author[post]), at)
        country = history.accounts.country[account]
        newest_first = events.post[touched[0, number] : touched[1, number]][::-1]
        kept = newest_first[np.sort(np.unique(newest_first, return_index=True)[1])]
        yield UserProfile(
            country="" if country == UNKNOWN_COUNTRY else COUNTRIES[country],
            acts=float(len(post)),
            topic_acts=float(topic_acts.sum()),
            follows=float(len(follows)),
            topics=_table(_TOPIC, posts.topic_keys[topics], lift=topic_lifts[number], acts=topic_acts),
            languages=_table(_LANGUAGE, language_keys(languages[number]), lift=language_lifts[number]),
            authors=_table(
                _AUTHOR, author_keys[authors], acts=author_acts - follower, last=last + here, followed=follower
            ),
            posts=posts.ids[kept],
        )


def with_trees(profile: UserProfile, trees: bytes, base: str) -> UserProfile:
    """The same, with what was fitted on what it did so far."""
    return replace(profile, trees=trees, base=base if trees else "", tried_at=profile.acts)


def _of_all(compute: Any, accounts: IntArray, things: Sequence[IntArray]) -> list[FloatArray]:
    """What is computed of each account and each of its things, as of now: for all accounts at once."""
    numbers = [len(one) for one in things]
    every = np.concatenate(things) if things else np.empty(0, np.int64)
    found: FloatArray = compute(np.repeat(accounts, numbers), every, np.zeros(len(every)))
    return np.split(found, np.cumsum(numbers)[:-1])


def _table(layout: np.dtype[np.void], keys: NDArray[Any], **columns: NDArray[Any]) -> NDArray[np.void]:
    """A row a key, in their order."""
    order = np.argsort(keys, kind="stable")
    table = np.zeros(len(keys), layout)
    table["key"] = keys[order]
    for name, values in columns.items():
        table[name] = values[order]
    return table


def _found(table: NDArray[np.void], keys: NDArray[Any]) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
    """The row of each key, and whether there is one."""
    if not len(table):
        return np.zeros(len(keys), table.dtype), np.zeros(len(keys), bool)
    at = np.minimum(np.searchsorted(table["key"], keys), len(table) - 1)
    return table[at], table["key"][at] == keys


def _unseen(acts: float, prior: float) -> float:
    """The lift of what the account never did."""
    return float(np.log(prior / (acts + prior)))
