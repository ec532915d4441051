"""Options of the history that rankers learn from, and of the rankers of countries."""

from datetime import timedelta
from typing import ClassVar, Literal

from msgspec import field

from shared.config import Count, Number, PositiveCount, Ratio, Section


class Coldstart(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "coldstart"

    base_country: str = "us"  # the country whose model stands in for those that have none
    window: timedelta = timedelta(days=30)  # how far back posts, engagements and exposures are read
    age_from: Literal["createdAt", "updatedAt"] = "createdAt"  # the moment that a post's age starts at
    min_hashtag_posts: Count = field(name="hashtag_uses", default=5)  # posts that a hashtag needs to count as a topic
    holdout: timedelta = timedelta(days=2)  # the latest time, kept from training to evaluate on; less if most is recent
    max_holdout: timedelta = field(  # how far back the earlier holdouts begin, where the latest has few people
        name="longest_holdout", default=timedelta(days=16)
    )
    min_queries: Count = field(  # people of all holdouts, from which number on no earlier holdout is added
        name="judged_lists", default=400
    )
    examples_span: timedelta = timedelta(days=8)  # the time before the holdout that examples come from
    min_positives: Count = field(  # engagements in `examples_span`, below which it is doubled, up to the window
        name="least_positives", default=2_000
    )
    horizon: timedelta = timedelta(hours=24)  # an engagement is predicted from a moment up to this long before it
    max_positives: PositiveCount = 25_000  # engagements that become examples, a random part beyond that
    negatives: PositiveCount = 5  # posts drawn for each engagement that were there at the same moment
    max_skipped_ratio: Ratio = field(  # exposures without engagement among the examples per engagement, at most
        name="passed_over_ratio", default=0.5
    )
    rounds: PositiveCount = 130  # trees of the model of all countries
    learning_rate: Number = 0.075  # of the trees of the model of all countries
    max_depth: PositiveCount = 4  # of every tree, of the model of all countries and of one country
    country_rounds: PositiveCount = 30  # trees that the model of a country adds
    min_country_positives: Count = field(  # engagements that a country needs for a model of its own
        name="country_positives", default=300
    )
    max_country_positives: PositiveCount = field(  # engagements of one country that become examples, at most
        name="country_engagements", default=1_200
    )
    min_country_queries: Count = field(  # people of the holdout that a country needs for a model of its own
        name="country_lists", default=50
    )
    candidates: PositiveCount = 200  # posts per person of the holdout
    max_queries_per_country: PositiveCount = field(  # people of the holdout that are evaluated on, per country
        name="lists_per_country", default=200
    )
    min_gain_se: Number = field(  # standard errors by which a model must beat the one that it replaces
        name="margin", default=1.0
    )
