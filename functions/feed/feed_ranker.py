"""Where an account's posts are ranked: what a container keeps between two calls, and the chain of who answers.

An account's own model, else the ranker of its country, else the base country's, else popularity with decay: each is
asked only where the one before it cannot answer.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np
from bson import ObjectId

from functions.feed.candidate_features import FEATURES
from functions.feed.global_personal_ranker import GlobalPersonalRanker, load_global_personal_ranker, shrink_to_country
from functions.feed.post_index import FINGERPRINT, NAME, PostIndex
from functions.feed.user_profile import PERSONAL, PROFILE_FINGERPRINT, UserProfile
from shared.artifacts import Artifact, Registry, Snapshots
from shared.clock import epoch_hours
from shared.columns import BoolArray, FloatArray, IdArray, IntArray, object_ids
from shared.config import Members
from shared.countries import COUNTRIES, country_of
from shared.errors import NotFound
from shared.ml.trees import Trees
from shared.ranking.country_ranker import scores_from_logits
from shared.ranking.decay import PopularityDecay
from shared.ranking.history import UNKNOWN_COUNTRY
from shared.report import Detail
from shared.store import Store
from shared.store.deadline import DeadlineExecutor, TaskGroup

MAX_CACHED_PROFILES = 2_000
THREADS = 3  # what a request asks of the database at once, beside the thread that answers it


@dataclass(frozen=True, slots=True)
class PersonalModel:
    """An account's own model, ready to score."""

    version: str
    profile: UserProfile
    trees: Trees | None

    @classmethod
    def of(cls, artifact: Artifact) -> "PersonalModel":
        """StaleModel where the bytes are none."""
        profile = UserProfile.unpack(artifact.model)
        return cls(artifact.manifest.version, profile, Trees(profile.trees) if profile.trees else None)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who the posts are ranked for: an account, its users, its country now, and its own model where it has one."""

    account: ObjectId
    users: Sequence[ObjectId]
    country: int
    personal: PersonalModel | None


@dataclass(frozen=True, slots=True)
class VisiblePosts:
    """Which of some posts may be shown.

    post      (n,) where each stands in the catalogue, -1 where it does not
    as_known  (n,) whether it may, and is as the catalogue has it
    read      of others that may, which were read: number in the list, and the authors of its chain
    """

    post: IntArray
    as_known: BoolArray
    read: Mapping[int, set[ObjectId]]

    def by_none_of(self, authors: Collection[ObjectId], post_index: PostIndex | None) -> BoolArray:
        """(n,) those that none of these authors wrote, nor anything that they repeat or quote."""
        shown = self.as_known.copy()
        if post_index is not None and authors and shown.any():
            shown &= ~post_index.by_any(authors)[self.post]
        for number, by in self.read.items():
            shown[number] = by.isdisjoint(authors)
        return shown


@lru_cache(maxsize=1)
def open_feed_ranker(store: Store, keys: tuple[bytes, ...], options: Members) -> "FeedRanker":
    """The ranker of this container; `keys` are those that artifacts are signed with."""
    return FeedRanker(store, Registry(store.analytics, keys), Snapshots(store.analytics, keys), options)


class FeedRanker:
    """Who ranks; it looks for what is new by itself."""

    def __init__(self, store: Store, registry: Registry, snapshots: Snapshots, options: Members) -> None:
        self.store, self.options = store, options
        self._registry, self._snapshots = registry, snapshots
        self.post_index: PostIndex | None = None
        self.members: GlobalPersonalRanker | None = None
        self._version = ""
        self._changed: BoolArray = np.empty(0, bool)  # (n,) posts that are not as the catalogue has them
        self._looked_at: datetime | None = None
        self._kept: dict[str, PersonalModel] = {}
        self.refused: list[str] = []
        self.threads = DeadlineExecutor(THREADS)

    def refresh(self, now: datetime) -> None:
        """Take what was published since the last look, which is not made more often than the options say.

        What cannot be used is told in `refused`; what was there stays, or the last good one before is taken.
        """
        if self._looked_at is not None and abs(now - self._looked_at) < timedelta(seconds=self.options.look_every_s):
            return
        newest, self.refused = self._snapshots.newest(NAME, FINGERPRINT, now=now, known=self._version)
        if newest is not None:
            self.post_index, self._version = PostIndex(**newest[1]), newest[0].version
            self._changed = np.zeros(len(self.post_index), bool)
        members, refused = load_global_personal_ranker(self._registry)
        self.members = members or self.members
        self.refused += refused
        self._looked_at = now

    def viewer(self, account: ObjectId) -> Viewer:
        """Who asks; NotFound where there is neither such an account nor a model of it."""
        with TaskGroup(self.threads) as tasks:
            own = tasks.submit(self._registry.load, PERSONAL, str(account), PROFILE_FINGERPRINT, self._opened)
            member = self.store.accounts.member(account)
        personal, refused = own.result()
        self.refused += refused
        if member is None and personal is None:
            raise NotFound(f"accountId: there is no account {account}")
        country = country_of(member.country_code) if member else None
        place = COUNTRIES.index(country) if country else personal.profile.place if personal else UNKNOWN_COUNTRY
        return Viewer(account, member.users if member else (), place, personal)

    def positions(self, ids: IdArray) -> IntArray:
        """(n,) where each post stands in the catalogue, -1 where it does not."""
        return np.full(len(ids), -1) if self.post_index is None else self.post_index.positions(ids)

    def shown(self, ids: IdArray, post: IntArray) -> VisiblePosts:
        """Which of these posts may be shown now to a reader who has no blocks.

        post  (n,) their positions
        """
        post_index = self.post_index
        if post_index is None or not len(post_index):
            return VisiblePosts(post, np.zeros(len(ids), bool), self._read(ids, np.arange(len(ids))))
        return self._shown(post_index, ids, post, (post >= 0) & post_index.visible[post] & ~self._changed[post])

    def shown_to(self, shown: VisiblePosts, ids: IdArray, blocked: Collection[ObjectId]) -> BoolArray:
        """(n,) of these posts those that may be shown now to a reader who has blocks with some users.

        Where posts of the blocked are among them, the others are asked once more without these: one of them may be by,
        or lead to, whom it did not when the catalogue was made, and known authors are all the same to the question.
        """
        allowed = shown.by_none_of(blocked, self.post_index)
        others = np.flatnonzero(allowed | ~shown.as_known)
        if len(others) < len(ids):
            again = self.shown(ids[others], shown.post[others])
            allowed[others] = again.by_none_of(blocked, self.post_index)
        return allowed

    def shown_as_known(self, post_index: PostIndex, post: IntArray, blocked: Collection[ObjectId]) -> IntArray:
        """Those of these posts of the catalogue that could be shown when it was made, still may be shown to a reader
        who has blocks with some users, and are by whom it names."""
        found = self._shown(post_index, post_index.ids[post], post, ~self._changed[post])
        shown = found.by_none_of(blocked, post_index)
        named = object_ids(post_index.author_ids[post_index.author[post[list(found.read)]]])
        for (number, authors), author in zip(found.read.items(), named, strict=True):
            shown[number] &= author in authors
        return post[shown]

    def _shown(self, post_index: PostIndex, ids: IdArray, post: IntArray, as_known: BoolArray) -> VisiblePosts:
        """Which of these posts may be shown; all that are not as the catalogue has them are read.

        Where one of those that should be is not, all are read, and those of which that is so are remembered.
        """
        known, others = post[as_known], np.flatnonzero(~as_known)
        links = post_index.links_of(known)
        if self.store.visibility.still_shown(links):
            return VisiblePosts(post, as_known, self._read(ids, others))
        read = self._read(ids, np.arange(len(ids)), links.originals)
        before = zip(np.flatnonzero(as_known).tolist(), post_index.authors_of(known), strict=True)
        self._changed[known] = [read.get(number) != authors for number, authors in before]
        return VisiblePosts(post, np.zeros(len(ids), bool), read)

    def _read(self, ids: IdArray, numbers: IntArray, expected: Sequence[ObjectId] = ()) -> dict[int, set[ObjectId]]:
        """Of the posts with these numbers in a list those that may be shown, each with the authors of its chain, as
        they are read now; `expected` are posts that they are known to lead to."""
        if not len(numbers):
            return {}
        asked = object_ids(ids[numbers])
        authors = self.store.visibility.posts(asked, expected)
        pairs = zip(numbers.tolist(), asked, strict=True)
        return {number: authors[post] for number, post in pairs if post in authors}

    def details(self) -> dict[str, Detail]:
        """What there is to tell beside an answer: how many models or snapshots were refused since the last look."""
        return {"refused_models": len(self.refused)} if self.refused else {}

    def version_for(self, viewer: Viewer) -> str:
        """Which models answer for this account, for those who measure them."""
        if viewer.personal is None or self.members is None:
            return f"country {self._version}"
        return f"personal {self.members.version} {viewer.personal.version}"

    def logits(self, viewer: Viewer, post: IntArray, now: datetime) -> FloatArray:
        """(n,) how likely the account engages with posts of the catalogue [log odds against a post drawn at random]."""
        assert self.post_index is not None
        country = self.post_index.country_margins(post, viewer.country)
        if viewer.personal is None or self.members is None:
            return country
        profile, trees = viewer.personal.profile, viewer.personal.trees
        met = profile.candidate_features(self.post_index, post, country, viewer.country, epoch_hours(now))
        own = self.members.logits(met)
        if trees is not None and profile.base == self.members.version:
            own = own + trees.logits(FEATURES.matrix(met))
        return shrink_to_country(own, met, self.options.half_weight_acts)

    def scores(self, viewer: Viewer, ids: IdArray, post: IntArray, now: datetime) -> FloatArray:
        """(n,) scores above 0 of posts that may be shown, higher ranks first.

        post  (n,) their positions
        """
        known, missing = np.flatnonzero(post >= 0), np.flatnonzero(post < 0)
        scores = np.zeros(len(ids))
        if len(known):
            scores[known] = scores_from_logits(self.logits(viewer, post[known], now))
        if len(missing):
            scores[missing] = self._guessed(object_ids(ids[missing]), now)
        return scores

    def _guessed(self, ids: Sequence[ObjectId], now: datetime) -> FloatArray:
        """(n,) scores of posts that are too new, or too old, for the catalogue."""
        found = self.store.contents.popularity(ids, now=now)
        at = np.array([number for number, one in enumerate(ids) if one in found], np.int64)
        scores = np.zeros(len(ids))
        if len(at):
            rows = [found[ids[number]] for number in at.tolist()]
            age = np.array([epoch_hours(now) - epoch_hours(created) for created, _ in rows])
            engagements = np.array([engagements for _, engagements in rows])
            logits = (
                PopularityDecay().logits(engagements, age)
                if self.post_index is None
                else self.post_index.guess(engagements, age)
            )
            scores[at] = scores_from_logits(logits)
        return scores

    def _opened(self, artifact: Artifact) -> PersonalModel:
        key, version = artifact.manifest.key, artifact.manifest.version
        kept = self._kept.get(key)
        if kept is None or kept.version != version:
            if len(self._kept) >= MAX_CACHED_PROFILES:
                self._kept.pop(next(iter(self._kept)))
            kept = self._kept[key] = PersonalModel.of(artifact)
        return kept
