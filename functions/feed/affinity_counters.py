"""Engagements of every account by topic, author and language, as of any moment, and the follows: the affinities that
candidate features are computed from in training."""

from dataclasses import dataclass

import numpy as np

from functions.feed.candidate_features import (
    COUNTRY_PRIOR,
    LANGUAGE_PRIOR,
    TOPIC_PRIOR,
    CandidateFeatures,
    follow_slot_probability,
    language_keys,
    log_lift,
    mean_by,
)
from functions.feed.item_embeddings import ItemEmbeddings
from functions.feed.store.follows import Follows
from shared.clock import DAY_HOURS
from shared.columns import FloatArray, IdArray, IntArray, deduplicate, id_keys, lookup
from shared.ml.asof import AsOf
from shared.ranking.counters import N_COUNTRY_BUCKETS, Counters, country_bucket, relations
from shared.ranking.examples import among
from shared.ranking.history import LANGUAGE_CODES, READ, History
from shared.store import Store
from shared.store.posts import OTHER_LANGUAGE, UNKNOWN_LANGUAGE

LANGUAGES = len(LANGUAGE_CODES) - OTHER_LANGUAGE  # other and unknown ones included


class AffinityCounters:
    """Counters of engagements, as they stood at any moment of a history; keys are in the order of the names.

    by_account, by_account_topic, by_account_author, by_account_language  engagements of known accounts
    by_account_any_topic                 engagements of known accounts, once for each topic of the post
    by_post, reads_by_post               engagements of anyone, and reads by anyone, each halved every 24 hours
    by_topic, by_country_language        engagements of anyone
    any_topic, any_topic_by_country      engagements of anyone, once for each topic of the post
    """

    def __init__(
        self, history: History, counters: Counters, follows: IntArray, item_embeddings: ItemEmbeddings
    ) -> None:
        """Count the history.

        counters  of the same history
        follows   (n,) one number for each pair of an account and an author that it follows, as `follow_pairs` gives
        """
        posts, engagements = history.posts, history.engagements
        self.history, self.counters = history, counters
        self.n_authors = int(posts.author.max(initial=-1)) + 1
        self.n_topics = max(len(posts.topic_keys), 1)
        self.follows, self.item_embeddings = follows, item_embeddings
        self.follow_count = np.bincount(follows // max(self.n_authors, 1), minlength=len(history.accounts.ids))
        origin = float(min(posts.created.min(initial=0.0), engagements.at.min(initial=0.0)))
        own = engagements.where(engagements.account >= 0)
        engagement, topic = counters.topics_of(own.post)
        self.by_account_topic = AsOf(own.account[engagement] * self.n_topics + topic, own.at[engagement], origin)
        self.by_account_any_topic = AsOf(own.account[engagement], own.at[engagement], origin)
        self.by_account_author = AsOf(own.account * self.n_authors + posts.author[own.post], own.at, origin)
        self.by_account_language = AsOf(
            own.account * LANGUAGES + language_keys(posts.language[own.post]), own.at, origin
        )
        self.by_post = AsOf(engagements.post, engagements.at, origin)
        read = history.impressions.where(history.impressions.kind == READ)
        self.reads_by_post = AsOf(read.post, read.at, min(origin, float(read.at.min(initial=0.0))), DAY_HOURS)
        self.by_account = AsOf(own.account, own.at, origin)
        engagement, topic = counters.topics_of(engagements.post)
        at = engagements.at[engagement]
        self.by_topic = AsOf(topic, at, origin)
        self.any_topic = AsOf(np.zeros(len(topic), np.int64), at, origin)
        self.any_topic_by_country = AsOf(country_bucket(engagements.country[engagement]), at, origin)
        language = language_keys(posts.language[engagements.post])
        country_language = country_bucket(engagements.country) * LANGUAGES + language
        self.by_country_language = AsOf(country_language, engagements.at, origin)

    def candidate_features(
        self, account: IntArray, post: IntArray, at: FloatArray, country_logit: FloatArray
    ) -> CandidateFeatures:
        """Features of n pairs of an account and a post, each as of its own moment.

        account        (n,) number of the account
        post           (n,) position among the posts of the history
        at             (n,) [hours, 0 is the moment of the history]
        country_logit  (n,) score by the ranker of the account's country [log odds]
        """
        posts, counters = self.history.posts, self.counters
        author, country = posts.author[post], self.history.accounts.country[account]
        row, topic = counters.topics_of(post)
        topic_log_lift = mean_by(row, self.topic_log_lift(account[row], topic, at[row]), len(post))
        topic_engagements = mean_by(
            row, self.by_account_topic.count(account[row] * self.n_topics + topic, at[row]), len(post)
        )
        by_author = account * self.n_authors + author
        followed = among(by_author, self.follows).astype(np.float64)
        published = counters.posts_by_author.count(author, at)
        newer_posts_by_author = published - counters.posts_by_author.count(author, posts.created[post] + 1e-6)
        last = self.by_account_author.last(by_author, at)
        return CandidateFeatures(
            country_logit=country_logit,
            topic_log_lift=topic_log_lift,
            topic_engagements=topic_engagements,
            author_engagements=self.by_account_author.count(by_author, at),
            author_last=np.where(np.isfinite(last), at - last, np.nan),
            followed=followed,
            follow_slot=follow_slot_probability(
                followed, self.follow_count[account].astype(np.float64), newer_posts_by_author
            ),
            newer_posts_by_author=newer_posts_by_author,
            hours_since_last_post=at - counters.posts_by_author.last(author, at),
            language_log_lift=self.language_log_lift(account, posts.language[post], at),
            language=relations(country, posts.language[post]),
            engagements=self.by_account.count(account, at),
            age=at - posts.created[post],
            popularity=self.by_post.count(post, at),
            reads=self.reads_by_post.count(post, at),
            item_similarity=self.item_embeddings.scores(account, post, at),
        )

    def topic_log_lift(self, account: IntArray, topic: IntArray, at: FloatArray) -> FloatArray:
        """(n,) log lift of each topic for each account at each moment, (n,) all; 0 is no difference [log ratio]."""
        country = country_bucket(self.history.accounts.country[account])
        anywhere = self.any_topic.count(np.zeros_like(topic), at) + self.n_topics
        share = (self.by_topic.count(topic, at) + 1) / anywhere
        in_country = self.counters.by_topic_country.count(topic * N_COUNTRY_BUCKETS + country, at)
        share = (in_country + COUNTRY_PRIOR * share) / (self.any_topic_by_country.count(country, at) + COUNTRY_PRIOR)
        own = self.by_account_topic.count(account * self.n_topics + topic, at)
        return log_lift(own, self.by_account_any_topic.count(account, at), share, TOPIC_PRIOR)

    def language_log_lift(self, account: IntArray, language: IntArray, at: FloatArray) -> FloatArray:
        """(n,) log lift of each language for each account at each moment, (n,) all; nan for an unknown language."""
        country, key = country_bucket(self.history.accounts.country[account]), language_keys(language)
        in_country = self.by_country_language.count(country * LANGUAGES + key, at)
        share = (in_country + 1) / (self.counters.by_country.count(country, at) + LANGUAGES)
        own = self.by_account_language.count(account * LANGUAGES + key, at)
        lift = log_lift(own, self.by_account.count(account, at), share, LANGUAGE_PRIOR)
        return np.where(language == UNKNOWN_LANGUAGE, np.nan, lift)


@dataclass(frozen=True, slots=True)
class FollowRows:
    """Follows of the accounts of a history, each once.

    account   (n,) number of the account that follows
    followed  (n,) id of the followed user
    """

    account: IntArray
    followed: IdArray


def read_follows(store: Store, history: History) -> FollowRows:
    """The follows, as of now, of the accounts of the history, whether it has posts of the followed user or not."""
    follows = Follows(store).all()
    account, _ = history.accounts.of(follows["user"])
    is_known = account >= 0
    rows = {"account": account[is_known], "followed": follows["followed"][is_known]}
    rows = deduplicate(rows, ("account", "followed"), np.zeros(len(rows["account"])))
    return FollowRows(rows["account"], rows["followed"])


def follow_pairs(history: History, follows: FollowRows) -> IntArray:
    """(n,) account · n_authors + author for every follow of an author of the history, ascending."""
    author_keys = id_keys(history.posts.author_ids)
    first = np.unique(history.posts.author, return_index=True)[1]
    author = lookup(id_keys(follows.followed), author_keys[first])
    is_author = author >= 0
    return np.unique(follows.account[is_author] * len(first) + author[is_author])
