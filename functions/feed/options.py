"""Options of the rankers of members, of the home page and of people to follow."""

from datetime import timedelta
from typing import Annotated, ClassVar, Final

from msgspec import Meta, field

from shared.config import Count, Number, PositiveCount, Ratio, Section

MAX_ACCOUNTS_PER_MESSAGE: Final = 2_000
MAX_ITEMS: Final = 100  # of a page, and of suggestions


class Members(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "members"

    max_positives: PositiveCount = 40_000  # engagements that become examples, a random part beyond that
    negatives: PositiveCount = 8  # posts drawn for each engagement that were there at the same moment
    rounds: PositiveCount = 100  # trees of the ranker of all members
    learning_rate: Number = 0.1  # of the trees of the ranker of all members
    max_depth: PositiveCount = 4  # of the trees of the ranker of all members
    min_queries: Count = field(  # people of all holdouts, from which number on no earlier holdout is added
        name="least_lists", default=400
    )
    trees_min_engagements: Count = field(  # engagements that an account needs for trees of its own
        name="trees_least_acts", default=30
    )
    trees_min_gain_se: Number = field(  # standard errors by which an account's trees must beat all members' ranker
        name="trees_margin", default=2.0
    )
    refresh_interval_s: Number = field(  # seconds after which a container looks for newer posts and rankers
        name="look_every_s", default=10.0
    )
    accounts_per_message: Annotated[int, Meta(ge=1, le=MAX_ACCOUNTS_PER_MESSAGE)] = field(  # accounts trained at once
        name="accounts_a_message", default=500
    )
    overlap: timedelta = timedelta(minutes=5)  # how far a plan looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=7)  # how often a plan looks at everybody
    compare_every: timedelta = timedelta(days=1)  # how often a plan compares the inputs of models with those of now


class Home(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "home"

    items: Annotated[int, Meta(ge=1, le=MAX_ITEMS)] = 25  # posts of a page, unless the caller asks for another number
    max_follows: Count = field(  # follows of an account that posts are taken from, the newest
        name="most_follows", default=1_000
    )
    per_author: Count = 10  # posts of a followed author among the candidates, the newest
    max_age_followed: timedelta = field(  # how old a post of a followed author may be
        name="followed_for", default=timedelta(days=10)
    )
    alike: Count = 200  # candidates that are similar by co-engagement to what the account engaged with
    meaning: Count = 100  # candidates whose text is similar to that of what the account engaged with
    max_age_discovered: timedelta = field(  # how old a candidate of `alike` or `meaning` may be
        name="found_for", default=timedelta(days=7)
    )
    trending: Count = 400  # candidates from the guest feed of the country
    seen_limit: Count = field(  # posts that an account saw, or engaged with, that are not shown again, the latest
        name="remembered", default=5_000
    )
    max_consecutive: PositiveCount = field(  # posts of one author, or of one topic, that may stand one below the other
        name="in_a_row", default=2
    )
    exploration_interval: Count = field(  # every so many slots, one goes to a new author; 0 for none
        name="explore_every", default=10
    )
    new_author_max_engagements: Count = field(  # engagements up to which an author is a new one
        name="few_acts", default=20
    )
    cursor_valid: timedelta = timedelta(days=2)  # how long after its first page a home can be paged through


class PeopleOptions(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "people"

    max_follows: Count = field(  # follows of an account that are looked through, the newest
        name="most_follows", default=500
    )
    follows_each: PositiveCount = 100  # follows of each followed account that are looked through, the newest
    candidates: PositiveCount = 500  # people who are weighed, from either side
    popularity_ratio: Ratio = 0.7  # part of the score that popularity makes, the rest comes by those who are followed
