"""Scores posts for a viewer: the country's logit, and what the rankers of members add to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from functions.feed.candidate_features import FEATURES, CandidateFeatures
from functions.feed.global_personal_ranker import GlobalPersonalRanker, shrink_to_country
from functions.feed.post_index import PostIndex
from functions.feed.user_profile import UserProfile
from shared.artifacts import Artifact
from shared.clock import epoch_hours
from shared.columns import FloatArray, IntArray
from shared.ml.trees import Trees


@dataclass(frozen=True, slots=True)
class PersonalModel:
    """The model of one account, ready to score."""

    version: str
    profile: UserProfile
    trees: Trees | None

    @classmethod
    def of(cls, artifact: Artifact) -> "PersonalModel":
        """The model in an artifact; StaleModel where its bytes cannot be read."""
        profile = UserProfile.unpack(artifact.model)
        return cls(artifact.manifest.version, profile, Trees(profile.trees) if profile.trees else None)


@dataclass(frozen=True, slots=True)
class Viewer:
    """The account that posts are ranked for.

    users     that the account owns
    country   where it is now, index into COUNTRIES or UNKNOWN_COUNTRY
    personal  None where it has no model of its own
    """

    account: ObjectId
    users: Sequence[ObjectId]
    country: int
    personal: PersonalModel | None


@dataclass(frozen=True, slots=True)
class ScoreParts:
    """What the scores of n posts are made of, (n,) each [log odds].

    country   by the ranker of the country
    members   with what the ranker of all members adds; None where only the country's ranker scores
    own       with what the account's own trees add too; None where it has none that fit the ranker of all members
    logits    the scores: the last of these, shrunk towards the country's
    features  what the rankers of members read; None where only the country's ranker scores
    """

    country: FloatArray
    members: FloatArray | None
    own: FloatArray | None
    logits: FloatArray
    features: CandidateFeatures | None


@dataclass(frozen=True, slots=True)
class Scoring:
    """The rankers that score at one time.

    post_index     of the posts
    index_version  of its snapshot
    global_ranker  of all members; None where there is none
    by_country     the same posts with the logits of the countries' rankers
    """

    post_index: PostIndex
    index_version: str
    global_ranker: GlobalPersonalRanker | None
    by_country: PostIndex

    def version_for(self, viewer: Viewer) -> str:
        """Which models score for this viewer, so that their effect can be measured."""
        if viewer.personal is None or self.global_ranker is None:
            return f"country {self.index_version}"
        return f"personal {self.global_ranker.version} {viewer.personal.version}"

    def parts(self, viewer: Viewer, post: IntArray, now: datetime) -> ScoreParts:
        """The scores of n posts, against a post drawn at random, and what they are made of.

        post  (n,) positions in the post index
        """
        country = self.by_country.country_logits(post, viewer.country)
        if viewer.personal is None or self.global_ranker is None:
            return ScoreParts(country, None, None, country, None)
        profile, trees = viewer.personal.profile, viewer.personal.trees
        features = profile.candidate_features(self.post_index, post, country, viewer.country, epoch_hours(now))
        members, own = self.global_ranker.logits(features), None
        if trees is not None and profile.base == self.global_ranker.version:
            own = members + trees.logits(FEATURES.matrix(features))
        logits = shrink_to_country(members if own is None else own, features)
        return ScoreParts(country, members, own, logits, features)
