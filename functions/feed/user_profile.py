"""The profile of an account: its affinities against its country, small enough for one document per account."""

import hashlib
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from functions.feed.candidate_features import (
    FEATURES,
    LANGUAGE_PRIOR,
    TOPIC_PRIOR,
    CandidateFeatures,
    follow_slot_probability,
    language_keys,
    mean_by,
)
from functions.feed.item_embeddings import cosines, unit
from functions.feed.post_index import PostIndex
from shared.artifacts.snapshots import packed, unpacked
from shared.columns import BoolArray, Float32Array, FloatArray, IntArray, KeyArray, id_keys, lookup_sorted
from shared.countries import COUNTRIES, UNKNOWN_COUNTRY
from shared.errors import StaleModel
from shared.ranking.history import LANGUAGE_CODES
from shared.store.posts import UNKNOWN_LANGUAGE

PERSONAL = "personal"  # the family of artifacts that hold profiles

TOPIC_ROW = np.dtype([("key", "<u8"), ("lift", "<f4"), ("acts", "<f4")])
AUTHOR_ROW = np.dtype([("key", "<u8"), ("acts", "<f4"), ("last", "<f8"), ("followed", "?")])
LANGUAGE_ROW = np.dtype([("key", "<i2"), ("lift", "<f4")])


@dataclass(frozen=True, slots=True)
class UserProfile:
    """Affinities of one account, as of the moment that it was trained at. The names of the fields are stored.

    country     code of its country; empty where it is not known
    acts        engagements of the account                                     [count]
    topic_acts  the same, once for each topic of the post                      [count]
    follows     authors that it follows                                        [count]
    topics      (n_topics,) rows of key, log lift and engagements              [log ratio; count]
    languages   (n_languages,) rows of key and log lift                        [log ratio]
    authors     (n_authors,) rows of key, engagements, time of the last one, and whether the account follows the author
                                                                               [count; hours since 1970]
    posts       (n_posts,) ids of those that it engaged with or read last, the newest first
    trees       XGBoost's UBJSON of the account's residual model, which adds to the global personal ranker; may be empty
    base        version of the ranker that the trees add to; empty without trees
    tried_at    engagements of the account when trees were last fitted, kept or not  [count]

    Rows of topics, languages and authors are in the order of their keys.
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
        """The bytes that an artifact stores."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        numbers = np.array([values.pop(name) for name in _NUMBERS])
        texts = np.array([values.pop("country"), values.pop("base")])
        trees = np.frombuffer(values.pop("trees"), np.uint8)
        return packed(values | {"numbers": numbers, "texts": texts, "trees": trees})

    @classmethod
    def unpack(cls, model: bytes) -> "UserProfile":
        """The profile in the bytes that `pack` made; StaleModel for other bytes."""
        arrays = unpacked(model)
        try:
            numbers, texts, trees = (arrays.pop(name) for name in ("numbers", "texts", "trees"))
            by_name: dict[str, Any] = dict(zip(_NUMBERS, numbers.tolist(), strict=True))
            country, base = texts.tolist()
            return cls(**arrays, **by_name, country=country, base=base, trees=trees.tobytes())  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError):
            raise StaleModel("the profile of an artifact is not complete") from None

    def is_made_of(self, posts: KeyArray, authors: KeyArray) -> bool:
        """Whether every post and every author of the profile is among those with these keys, (n,) and (m,)."""
        return bool(np.isin(id_keys(self.posts), posts).all() and np.isin(self.authors["key"], authors).all())

    @property
    def country_index(self) -> int:
        """Of the country: index into COUNTRIES, or UNKNOWN_COUNTRY."""
        return COUNTRIES.index(self.country) if self.country in COUNTRIES else UNKNOWN_COUNTRY

    def candidate_features(
        self, post_index: PostIndex, post: IntArray, country_logit: FloatArray, country: int, hour: float
    ) -> CandidateFeatures:
        """Features of the account before n posts.

        post           (n,) positions in the post index
        country_logit  (n,) scores by the ranker of the country [log odds]
        country        where the account is now, which may differ from where it was when this was trained
        hour           the moment [hours since 1970]
        """
        row, topic = post_index.topics_of(post)
        by_topic, has_topic = _lookup_rows(self.topics, post_index.topic_keys[topic])
        topic_log_lift = np.where(has_topic, by_topic["lift"], _absent_log_lift(self.topic_acts, TOPIC_PRIOR))
        author = post_index.author[post]
        by_author, has_author = _lookup_rows(self.authors, post_index.author_keys[author])
        followed = np.where(has_author & by_author["followed"], 1.0, 0.0)
        has_engaged = has_author & (by_author["acts"] > 0)
        language = post_index.language[post].astype(np.int64)
        by_language, has_language = _lookup_rows(self.languages, language_keys(language))
        language_log_lift = np.where(has_language, by_language["lift"], _absent_log_lift(self.acts, LANGUAGE_PRIOR))
        newer_posts_by_author = post_index.newer_posts_by_author[post]
        user_vector = self.user_vector(post_index)
        return CandidateFeatures(
            country_logit=country_logit,
            topic_log_lift=mean_by(row, topic_log_lift, len(post)),
            topic_engagements=mean_by(row, np.where(has_topic, by_topic["acts"], 0.0), len(post)),
            author_engagements=np.where(has_engaged, by_author["acts"], 0.0),
            author_last=np.where(has_engaged, hour - by_author["last"], np.nan),
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

    def user_vector(self, post_index: PostIndex) -> Float32Array:
        """(d,) sum of the item factors of the posts that it engaged with or read, of length 1; zeros where the index
        has none of them."""
        positions = post_index.positions(self.posts)
        total: Float32Array = post_index.item_factors[positions[positions >= 0]].sum(0, dtype=np.float32)
        return np.asarray(unit(total[None])[0])


_NUMBERS = ("acts", "topic_acts", "follows", "tried_at")

_LAYOUT = (
    FEATURES.fingerprint,
    tuple(field.name for field in fields(UserProfile)),
    _NUMBERS,
    tuple(tuple(table.descr) for table in (TOPIC_ROW, AUTHOR_ROW, LANGUAGE_ROW)),
    LANGUAGE_CODES,
)
# Changes with the features that a profile serves, and with the layout of its bytes. Models under another one are not
# used: another formula would take every personal model out of service until it is trained again.
PROFILE_FINGERPRINT: Final = hashlib.sha256(repr(_LAYOUT).encode()).hexdigest()[:12]


def with_trees(profile: UserProfile, trees: bytes, base: str) -> UserProfile:
    """The profile with trees, empty or not, that were just fitted on all engagements of the account.

    base  version of the ranker that they add to
    """
    return replace(profile, trees=trees, base=base if trees else "", tried_at=profile.acts)


def _lookup_rows(table: NDArray[np.void], keys: NDArray[Any]) -> tuple[NDArray[np.void], BoolArray]:
    """(n,) the row of each key, any row where the table has none, and (n,) whether it has one."""
    if not len(table):
        return np.zeros(len(keys), table.dtype), np.zeros(len(keys), bool)
    at = lookup_sorted(keys, table["key"])
    return table[at], at >= 0


def _absent_log_lift(total: float, prior: float) -> float:
    """The log lift of a topic or language that an account with so many engagements [count] never engaged with."""
    return float(np.log(prior / (total + prior)))
