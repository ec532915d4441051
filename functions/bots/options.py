"""Options of the detection of bots."""

from datetime import timedelta
from typing import ClassVar, Literal

from msgspec import field

from shared.config import Count, Number, PositiveCount, Ratio, Section


class Bots(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "bots"

    window: timedelta = timedelta(days=30)  # how far back a credential's readings count
    limit: PositiveCount = 500  # readings of a credential that its features are of, the latest
    min_readings: Count = field(name="least_readings", default=100)  # readings that a credential needs for features
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often every credential is looked at
    kept: timedelta = timedelta(days=90)  # how long features that nobody has judged stay
    superseded: timedelta = timedelta(days=1)  # how long features stay once their credential has newer ones
    verdict_true_means: Literal["bot", "person"] = "bot"  # what `verificationStatus: true` says
    max_labelled: PositiveCount = field(  # judged features that are learnt from, the latest
        name="labelled_most", default=10_000
    )
    min_bots: Count = field(name="least_bots", default=10)  # judged bots that a detector needs
    min_people: Count = field(name="least_people", default=10)  # judged people that a detector needs
    explained_ratio: Ratio = 0.99  # part of the bots' variance that the principal components explain
    recall_ratio: Ratio = 0.9  # part of the judged bots that the threshold finds, unless `precision_ratio` raises it
    precision_ratio: Ratio = 0.9  # part of those above the threshold that are bots, at least
    daily_budget: Count = 100  # suspects a day, the most suspicious first
    daily_sample: Count = 5  # credentials below the threshold that are also reviewed each day, by lot
    cool_down: timedelta = timedelta(days=7)  # how long after a verdict a credential is left alone
    max_loss_se: Number = field(  # standard errors by which a detector may be worse than the one that it replaces
        name="margin", default=1.0
    )

    def verdict(self, *, bot: bool) -> bool:
        """What `verificationStatus` says of a bot, or of a person.

        >>> Bots().verdict(bot=True), Bots(verdict_true_means="person").verdict(bot=True)
        (True, False)
        """
        return bot is (self.verdict_true_means == "bot")
