"""What is known of an account before a post: what the country's ranker says, its taste, and whom it follows.

The same numbers in training, from counters as of the moment, and in answering, from what its artifact keeps. A "lift"
is the natural log of how much larger the part of something is in what the account did than in what its country did; 0
is no difference, and what was seldom done is drawn towards 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from functions.feed.item_embeddings import ItemEmbeddings
from shared.clock import DAY_HOURS
from shared.columns import FloatArray, IntArray, deduplicate, id_keys, lookup
from shared.ml.asof import AsOf
from shared.ml.features import Feature, FeatureSet
from shared.ranking.counters import N_COUNTRY_BUCKETS, Counters, country_bucket, relations
from shared.ranking.examples import among
from shared.ranking.history import LANGUAGE_CODES, READ, History
from shared.store import Store
from shared.store.posts import OTHER_LANGUAGE, UNKNOWN_LANGUAGE

# Acts that a lift needs to be believed half; of a country that its own part of a topic needs.
TOPIC_PRIOR, LANGUAGE_PRIOR, COUNTRY_PRIOR = 6.0, 4.0, 30.0
LANGUAGES = len(LANGUAGE_CODES) - OTHER_LANGUAGE  # other and unknown ones included


@dataclass(frozen=True, slots=True)
class CandidateFeatures:
    """Accounts before posts, (n,) each.

    country_logit   what the country's ranker says                                     [log odds]
    topic_log_lift  mean over the post's topics; nan where it has none                 [log ratio]
    topic_engagements  mean over the post's topics; nan where it has none                 [count]
    author_engagements  what the account did with posts of the author                      [count]
    author_last     since it last did; nan where it never did                          [hours]
    followed        1 where the account follows the author, else 0
    follow_slot     0..1, 1 / follows / posts of the author since this one; 0 where it is not followed
    newer_posts_by_author  posts of the author since this one                                 [count]
    hours_since_last_post  since the author's last post                                       [hours]
    language_log_lift  nan where the language is not known                                [log ratio]
    language        what it is to people of the country: 1 their own, 0.5 English, 0 foreign, nan not known
    engagements     what the account did with any post                                 [count]
    age             of the post                                                        [hours]
    popularity      engagements of the post, by anyone                                 [count]
    reads           of the post, each halved every 24 hours                            [count]
    item_similarity  to what the account engaged with or read, -1..1; nan where nothing tells
    """

    country_logit: FloatArray
    topic_log_lift: FloatArray
    topic_engagements: FloatArray
    author_engagements: FloatArray
    author_last: FloatArray
    followed: FloatArray
    follow_slot: FloatArray
    newer_posts_by_author: FloatArray
    hours_since_last_post: FloatArray
    language_log_lift: FloatArray
    language: FloatArray
    engagements: FloatArray
    age: FloatArray
    popularity: FloatArray
    reads: FloatArray
    item_similarity: FloatArray


FEATURES: FeatureSet[CandidateFeatures] = FeatureSet(
    (
        Feature("countryMargin", "log odds", lambda e: e.country_logit),
        Feature("topicLift", "log ratio", lambda e: e.topic_log_lift),
        Feature("topicActs", "count", lambda e: e.topic_engagements),
        Feature("authorActs", "count", lambda e: e.author_engagements),
        Feature("authorLast", "hours", lambda e: e.author_last),
        Feature("followed", "0 or 1", lambda e: e.followed),
        Feature("turn", "0..1", lambda e: e.follow_slot),
        Feature("laterPosts", "count", lambda e: e.newer_posts_by_author),
        Feature("authorSilence", "hours", lambda e: e.hours_since_last_post),
        Feature("languageLift", "log ratio", lambda e: e.language_log_lift),
        Feature("language", "1 home, 0.5 English, 0 foreign", lambda e: e.language),
        Feature("acts", "log count", lambda e: np.log1p(e.engagements)),
        Feature("age", "hours", lambda e: e.age),
        Feature("popularity", "log count", lambda e: np.log1p(e.popularity)),
        Feature("recentReads", "log count, half-life 24 hours", lambda e: np.log(e.reads + 0.1)),
        Feature("alike", "cosine -1..1", lambda e: e.item_similarity),
    )
)


def log_lift(own: FloatArray, own_all: FloatArray, part: FloatArray, prior: float) -> FloatArray:
    """The log of the account's part over the country's part, drawn towards 0 by `prior` acts of the country's kind.

    own, own_all  acts of the account with the thing, and in all  [count]
    part          the country's part, above 0

    >>> log_lift(np.array([0.0, 6.0]), np.array([0.0, 12.0]), np.array([0.1, 0.5]), 6.0).tolist()
    [0.0, 0.0]
    """
    return np.log((own + prior * part) / ((own_all + prior) * part))


def follow_slot_probability(followed: FloatArray, follows: FloatArray, newer_posts_by_author: FloatArray) -> FloatArray:
    """The chance that it is this post's turn, if each followed author is as likely, and the newest posts come first.

    >>> follow_slot_probability(np.array([1.0, 1.0, 0.0]), np.array([4.0, 4.0, 4.0]), np.array([0, 1, 0])).tolist()
    [0.25, 0.125, 0.0]
    """
    return followed / np.maximum(follows, 1) / (1 + newer_posts_by_author)


class AffinityCounters:
    """What every account of a history did, by topic, author and language, as of any moment, and whom it follows now."""

    def __init__(
        self, history: History, counters: Counters, follows: IntArray, item_embeddings: ItemEmbeddings
    ) -> None:
        """follows  (n,) one number an account and author, as `follow_pairs` gives them"""
        posts, engagements = history.posts, history.engagements
        self.history, self.counters = history, counters
        self.authors = int(posts.author.max(initial=-1)) + 1
        self.topics = max(len(posts.topic_keys), 1)
        self.follows, self.item_embeddings = follows, item_embeddings
        self.followed_by = np.bincount(follows // max(self.authors, 1), minlength=len(history.accounts.ids))
        origin = float(min(posts.created.min(initial=0.0), engagements.at.min(initial=0.0)))
        known = engagements.where(engagements.account >= 0)
        act, topic = counters.topics_of(known.post)
        self.of_topic = AsOf(known.account[act] * self.topics + topic, known.at[act], origin)
        self.on_topics = AsOf(known.account[act], known.at[act], origin)
        self.of_author = AsOf(known.account * self.authors + posts.author[known.post], known.at, origin)
        self.of_language = AsOf(known.account * LANGUAGES + language_keys(posts.language[known.post]), known.at, origin)
        self.of_post = AsOf(engagements.post, engagements.at, origin)
        read = history.seen.where(history.seen.kind == READ)
        self.of_reads = AsOf(read.post, read.at, min(origin, float(read.at.min(initial=0.0))), DAY_HOURS)
        self.of_any = AsOf(known.account, known.at, origin)
        act, topic = counters.topics_of(engagements.post)
        self.of_topic_anywhere = AsOf(topic, engagements.at[act], origin)
        self.on_topics_anywhere = AsOf(np.zeros(len(topic), np.int64), engagements.at[act], origin)
        self.on_topics_here = AsOf(country_bucket(engagements.country[act]), engagements.at[act], origin)
        here = country_bucket(engagements.country) * LANGUAGES + language_keys(posts.language[engagements.post])
        self.of_language_here = AsOf(here, engagements.at, origin)

    def candidate_features(
        self, account: IntArray, post: IntArray, at: FloatArray, country_logit: FloatArray
    ) -> CandidateFeatures:
        """Each account before each post at each moment, (n,) all; `country_logit` is what the country's ranker says."""
        posts, counters = self.history.posts, self.counters
        author, country = posts.author[post], self.history.accounts.country[account]
        row, topic = counters.topics_of(post)
        topic_log_lift = mean_by(row, self.topic_log_lift(account[row], topic, at[row]), len(post))
        topic_engagements = mean_by(row, self.of_topic.count(account[row] * self.topics + topic, at[row]), len(post))
        by_author = account * self.authors + author
        followed = among(by_author, self.follows).astype(np.float64)
        published = counters.posts_by_author.count(author, at)
        newer_posts_by_author = published - counters.posts_by_author.count(author, posts.created[post] + 1e-6)
        last = self.of_author.last(by_author, at)
        return CandidateFeatures(
            country_logit=country_logit,
            topic_log_lift=topic_log_lift,
            topic_engagements=topic_engagements,
            author_engagements=self.of_author.count(by_author, at),
            author_last=np.where(np.isfinite(last), at - last, np.nan),
            followed=followed,
            follow_slot=follow_slot_probability(
                followed, self.followed_by[account].astype(np.float64), newer_posts_by_author
            ),
            newer_posts_by_author=newer_posts_by_author,
            hours_since_last_post=at - counters.posts_by_author.last(author, at),
            language_log_lift=self.language_log_lift(account, posts.language[post], at),
            language=relations(country, posts.language[post]),
            engagements=self.of_any.count(account, at),
            age=at - posts.created[post],
            popularity=self.of_post.count(post, at),
            reads=self.of_reads.count(post, at),
            item_similarity=self.item_embeddings.scores(account, post, at),
        )

    def topic_log_lift(self, account: IntArray, topic: IntArray, at: FloatArray) -> FloatArray:
        """(n,) of each topic for each account."""
        place = country_bucket(self.history.accounts.country[account])
        anywhere = self.on_topics_anywhere.count(np.zeros_like(topic), at) + self.topics
        part = (self.of_topic_anywhere.count(topic, at) + 1) / anywhere
        here = self.counters.of_topic_here.count(topic * N_COUNTRY_BUCKETS + place, at)
        part = (here + COUNTRY_PRIOR * part) / (self.on_topics_here.count(place, at) + COUNTRY_PRIOR)
        own = self.of_topic.count(account * self.topics + topic, at)
        return log_lift(own, self.on_topics.count(account, at), part, TOPIC_PRIOR)

    def language_log_lift(self, account: IntArray, language: IntArray, at: FloatArray) -> FloatArray:
        """(n,) of each language for each account; nan for an unknown one."""
        place, key = country_bucket(self.history.accounts.country[account]), language_keys(language)
        here = self.of_language_here.count(place * LANGUAGES + key, at)
        part = (here + 1) / (self.counters.here.count(place, at) + LANGUAGES)
        own = self.of_language.count(account * LANGUAGES + key, at)
        found = log_lift(own, self.of_any.count(account, at), part, LANGUAGE_PRIOR)
        return np.where(language == UNKNOWN_LANGUAGE, np.nan, found)


@dataclass(frozen=True, slots=True)
class FollowRows:
    """Whom known accounts follow, each once: account (n,) numbers, followed (n,) ids of users."""

    account: IntArray
    followed: NDArray[np.void]


def read_follows(store: Store, history: History) -> FollowRows:
    """Whom the accounts of the history follow now, authors of its posts or not."""
    found = store.follows.all()
    account, _ = history.accounts.of(found["user"])
    sound = account >= 0
    rows = {"account": account[sound], "followed": found["followed"][sound]}
    rows = deduplicate(rows, ("account", "followed"), np.zeros(len(rows["account"])))
    return FollowRows(rows["account"], rows["followed"])


def follow_pairs(history: History, follows: FollowRows) -> IntArray:
    """(n,) account · authors + author for every follow of an author of the history, ascending."""
    author_keys = id_keys(history.posts.author_ids)
    first = np.unique(history.posts.author, return_index=True)[1]
    author = lookup(id_keys(follows.followed), author_keys[first])
    sound = author >= 0
    return np.unique(follows.account[sound] * len(first) + author[sound])


def language_keys(language: IntArray) -> IntArray:
    """Languages of posts as keys of counters, other and unknown ones included."""
    return language - OTHER_LANGUAGE


def mean_by(row: IntArray, values: FloatArray, rows: int) -> FloatArray:
    """(rows,) the mean of the values of each row; nan where it has none.

    >>> mean_by(np.array([0, 0]), np.array([1.0, 3.0]), 2).tolist()
    [2.0, nan]
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(np.bincount(row, values, rows) / np.bincount(row, minlength=rows))
