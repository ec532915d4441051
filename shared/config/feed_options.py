"""Options of ranking: guests, members, the home page, people to follow, and how well the feed does."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

CollectionName = Annotated[str, "a collection"]
FieldName = Annotated[str, "a field"]  # or a path of fields, apart by dots


@dataclass(frozen=True, slots=True)
class Coldstart:
    base_country: str = "us"  # the country whose model stands in for those that have none
    window: timedelta = timedelta(days=30)  # how far back posts, engagements and exposures are read
    age_from: Literal["createdAt", "updatedAt"] = "createdAt"  # the moment that a post's age starts at
    hashtag_uses: int = 5  # posts that a hashtag needs to count as a topic
    kind_prior: float = (
        1_000.0  # engagements of each kind assumed before counting which kinds are rare, and so say more
    )
    holdout: timedelta = timedelta(days=2)  # the latest time, kept from training to evaluate on; less in a young one
    longest_holdout: timedelta = timedelta(days=16)  # how far back earlier ones begin, where few people are in it
    judged_lists: int = 400  # people of the holdouts, each counted in each, from which no earlier one is judged by
    examples_span: timedelta = timedelta(days=8)  # the time before the holdout that examples come from
    least_positives: int = 2_000  # engagements in it, or it doubles, up to the window
    horizon: timedelta = timedelta(hours=24)  # an engagement is predicted from a moment up to this long before it
    max_positives: int = 25_000  # engagements that become examples, a random part beyond that
    negatives: int = 5  # posts drawn for each of them that were there at the same moment
    passed_over_ratio: float = 0.5  # exposures without engagement per positive, at most
    passed_over_weight: float = 0.02  # their weight together, relative to the positives'
    rounds: int = 130  # trees of the model of all countries
    learning_rate: float = 0.075  # of those trees
    max_depth: int = 4  # of every tree
    country_rounds: int = 30  # trees that a country adds
    country_learning_rate: float = 0.03  # of those trees
    country_positives: int = 300  # engagements that a country needs for a model of its own
    country_engagements: int = 1_200  # engagements of a country that become examples, a random part beyond that
    country_lists: int = 50  # people of the holdout that a country needs for a model of its own
    candidates: int = 200  # posts per person of the holdout
    lists_per_country: int = 200  # people of the holdout that are judged by, per country
    margin: float = 1.0  # standard errors by which a model must beat the one that it replaces


@dataclass(frozen=True, slots=True)
class Members:
    max_positives: int = 40_000  # engagements that become examples, a random part beyond that
    negatives: int = 8  # posts drawn for each of them that were there at the same moment
    rounds: int = 100  # trees of the ranker of all members
    learning_rate: float = 0.1  # of those trees
    max_depth: int = 4  # of those trees
    least_lists: int = 400  # people of the holdouts, each counted in each, from which no earlier one is judged by
    half_weight_acts: float = 0.5  # engagements of an account at which its taste and its country count alike
    trees_least_acts: int = 30  # engagements that an account needs for trees of its own
    trees_most_acts: int = 100  # of them, the latest that become examples
    trees_rounds: int = 30  # trees of one account
    trees_learning_rate: float = 0.05  # of those trees
    trees_max_depth: int = 3  # of those trees
    trees_later_ratio: float = 0.25  # part of an account's engagements, the latest, that its trees are judged by
    trees_margin: float = 2.0  # standard errors by which they must be better there than the ranker of all members
    look_every_s: float = 10.0  # seconds after which a container looks whether there are newer posts and rankers
    recent_posts: int = 200  # posts that an account engaged with or read last, kept to find others like them
    accounts_a_message: int = 500  # accounts that are trained at once
    overlap: timedelta = timedelta(minutes=5)  # how far a plan looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=7)  # how often a plan looks at everybody
    compare_every: timedelta = timedelta(days=1)  # how often it compares what each model was made from with what is now


@dataclass(frozen=True, slots=True)
class Home:
    items: int = 25  # posts of a page, unless the caller asks for another number
    most_follows: int = 1_000  # follows of an account that posts are taken from, the newest
    per_author: int = 10  # posts of a followed author among the candidates, the newest
    followed_for: timedelta = timedelta(days=10)  # how old a post of a followed author may be
    alike: int = 200  # candidates whose public is that of what the account engaged with
    meaning: int = 100  # candidates that mean the like of what the account engaged with
    found_for: timedelta = timedelta(days=7)  # how old those two may be
    trending: int = 400  # candidates from the guest feed of the country
    remembered: int = 5_000  # posts that an account saw, or engaged with, that are not shown again, the latest
    in_a_row: int = 2  # posts of one author, or of one topic, that may stand one below the other
    explore_every: int = 10  # of so many places one goes to an author whom few know yet; 0 for none
    few_acts: int = 20  # engagements in all that such an author has at most
    cursor_valid: timedelta = timedelta(days=2)  # how long after its first page a home can be paged through


@dataclass(frozen=True, slots=True)
class People:
    most_follows: int = 500  # follows of an account that are looked through, the newest
    follows_each: int = 100  # follows of each of those whom it follows, the newest
    candidates: int = 500  # people who are weighed, from either side
    popularity_ratio: float = 0.7  # part of the score that popularity makes, the rest comes by those who are followed


@dataclass(frozen=True, slots=True)
class GuestFeed:
    rows_per_country: int = 2000  # posts in the feed of one country
    least_rows_ratio: float = 0.5  # part of its former rows that a country must keep, or the feed is not published
    per_author_ratio: float = 0.7  # factor on the score of an author's next post in one list
    unknown_language: float = 0.75  # factor for posts whose language nobody named
    foreign_language: float = 1e-7  # factor for posts in neither English nor a language of the country


@dataclass(frozen=True, slots=True)
class MeasureFeed:
    day: timedelta = timedelta(days=1)  # the time whose exposures are measured together
    attribution: timedelta = timedelta(days=1)  # how long after it was seen an engagement counts for what was shown
    least_seconds: float = 1.0  # seconds on the screen from which a post was really seen, where they are known


@dataclass(frozen=True, slots=True)
class Exposures:
    collection: CollectionName = "feeditems"  # collection of the application that says what was on whose screen
    off_screen: FieldName = "offScreenAt"  # its field that says when an exposure ended
    credential: FieldName = "seenCredential"  # its field that says by which credential it was seen
