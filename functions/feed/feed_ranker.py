"""Ranks posts for accounts, with the post index, the rankers and the personal models that a container keeps between
two calls.

The scores come from the account's own model, else from the ranker of its country, else from that of the base country,
else from decayed popularity: the first of them that exists.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np
from bson import ObjectId

from functions.feed.global_personal_ranker import GlobalPersonalRanker, load_global_personal_ranker
from functions.feed.options import Members
from functions.feed.post_index import FINGERPRINT, NAME, PostIndex
from functions.feed.scoring import PersonalModel, Scoring, Viewer
from functions.feed.store.accounts import MemberAccounts
from functions.feed.user_profile import PERSONAL, PROFILE_FINGERPRINT
from functions.feed.visible_posts import VisibilityCheck
from shared.artifacts import Artifact, Registry
from shared.artifacts.snapshots import Snapshots
from shared.clock import epoch_hours
from shared.columns import FloatArray, IdArray, IntArray, object_ids
from shared.countries import COUNTRIES, UNKNOWN_COUNTRY, country_of
from shared.errors import NotFound, Unavailable
from shared.ranking.country_ranker import scores_from_logits
from shared.ranking.decay import PopularityDecay
from shared.report import Detail
from shared.store import Store
from shared.store.deadline import DeadlineExecutor, TaskGroup

MAX_CACHED_MODELS = 2_000
THREADS = 4  # queries of one request at once, beside those of its own thread


@lru_cache(maxsize=1)
def open_feed_ranker(store: Store, keys: tuple[bytes, ...], options: Members) -> "FeedRanker":
    """The ranker of this container; `keys` are those that artifacts are signed with."""
    return FeedRanker(store, Registry(store.analytics, keys), Snapshots(store.analytics, keys), options)


class FeedRanker:
    """Scores posts for viewers, with the latest post index and models.

    visibility  which posts may be shown
    refused     why artifacts and snapshots were refused since the last refresh
    """

    def __init__(self, store: Store, registry: Registry, snapshots: Snapshots, options: Members) -> None:
        self.store, self.options, self.registry = store, options, registry
        self._snapshots, self._accounts = snapshots, MemberAccounts(store)
        self.threads = DeadlineExecutor(THREADS)
        self.visibility = VisibilityCheck(store.visibility, None, self.threads)
        self._global_ranker: GlobalPersonalRanker | None = None
        self._index_version = ""
        self._refreshed_at: datetime | None = None
        self._models: dict[str, PersonalModel] = {}
        self.refused: list[str] = []

    @property
    def post_index(self) -> PostIndex | None:
        """The latest one; None before there is any."""
        return self.visibility.post_index

    def refresh(self, now: datetime) -> None:
        """Load the newest post index and global ranker, at most once in the interval that the options set.

        Where one cannot be used, `refused` says why, and the former one, or the last good one before, stays in use.
        """
        interval = timedelta(seconds=self.options.refresh_interval_s)
        if self._refreshed_at is not None and abs(now - self._refreshed_at) < interval:
            return
        newest, self.refused = self._snapshots.newest(NAME, FINGERPRINT, now=now, known=self._index_version)
        if newest is not None:
            self.visibility = VisibilityCheck(self.store.visibility, PostIndex(**newest[1]), self.threads)
            self._index_version = newest[0].version
        global_ranker, refused = load_global_personal_ranker(self.registry)
        self._global_ranker = global_ranker or self._global_ranker
        self.refused += refused
        self._refreshed_at = now

    def viewer(self, account: ObjectId) -> Viewer:
        """The account, with its users, country and model; NotFound where there is neither the account nor a user of it,
        even if there is a model: nothing says any more with whom such a reader has blocks."""
        with TaskGroup(self.threads) as tasks:
            loading = tasks.submit(self.registry.load, PERSONAL, str(account), PROFILE_FINGERPRINT, self._cached_model)
            member = self._accounts.member(account)
        personal, refused = loading.result()
        self.refused += refused
        if member is None:
            raise NotFound(f"accountId: there is no account {account}")
        code = country_of(member.country_code)
        trained_in = personal.profile.country_index if personal else UNKNOWN_COUNTRY
        country = COUNTRIES.index(code) if code else trained_in
        return Viewer(account, member.users, country, personal)

    def positions(self, ids: IdArray) -> IntArray:
        """(n,) position of each of n posts in the post index, -1 for posts outside it."""
        return np.full(len(ids), -1) if self.post_index is None else self.post_index.positions(ids)

    def details(self) -> dict[str, Detail]:
        """For a report: how many models or snapshots were refused since the last refresh."""
        return {"refused_models": len(self.refused)} if self.refused else {}

    @property
    def scoring(self) -> Scoring:
        """The rankers of now; Unavailable before a post index exists."""
        if self.post_index is None:
            raise Unavailable("there is no catalogue of posts yet; refresh_catalogue makes it")
        return Scoring(self.post_index, self._index_version, self._global_ranker, self.post_index)

    def scores(self, viewer: Viewer, ids: IdArray, post: IntArray, now: datetime) -> FloatArray:
        """(n,) scores of n posts that may be shown, above 0, higher is better; 0 for posts that do not exist.

        ids   (n,)
        post  (n,) their positions in the post index, -1 for posts outside it
        """
        inside, outside = np.flatnonzero(post >= 0), np.flatnonzero(post < 0)
        scores = np.zeros(len(ids))
        if len(inside):
            scores[inside] = scores_from_logits(self.scoring.parts(viewer, post[inside], now).logits)
        if len(outside):
            scores[outside] = self._popularity_scores(object_ids(ids[outside]), now)
        return scores

    def _popularity_scores(self, ids: Sequence[ObjectId], now: datetime) -> FloatArray:
        """(n,) scores, by their engagements and age, of posts that are too new or too old for the post index."""
        popularity = self.store.contents.popularity(ids, now=now)
        rows = np.array([row for row, post in enumerate(ids) if post in popularity], np.int64)
        scores = np.zeros(len(ids))
        if len(rows):
            posts = [popularity[ids[row]] for row in rows.tolist()]
            age = np.array([epoch_hours(now) - epoch_hours(created) for created, _ in posts])
            engagements = np.array([engagements for _, engagements in posts])
            logits = (
                PopularityDecay().logits(engagements, age)
                if self.post_index is None
                else self.post_index.estimated_logits(engagements, age)
            )
            scores[rows] = scores_from_logits(logits)
        return scores

    def _cached_model(self, artifact: Artifact) -> PersonalModel:
        key, version = artifact.manifest.key, artifact.manifest.version
        model = self._models.get(key)
        if model is None or model.version != version:
            if len(self._models) >= MAX_CACHED_MODELS:
                self._models.pop(next(iter(self._models)))
            model = self._models[key] = PersonalModel.of(artifact)
        return model
