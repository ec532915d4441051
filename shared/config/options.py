"""Every tunable, with its unit, its default and one sentence.

`FEEDKEEPER_OPTIONS` overrides them as JSON by section and name; spans are given in hours:
`{"guest_feed": {"rows_per_country": 500}, "content_stats": {"window": 336}}`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from shared.errors import BadConfig

LARGEST = 1_000_000  # of any number here; beyond it, a span has no date to begin at
# Whole numbers below which a job fails, or could do nothing; 0 for all others, and above which what they are for fails.
MIN_VALUES = {"splits": 2, "head_folds": 2} | dict.fromkeys(
    (
        *("max_contributors", "max_contents", "max_positives", "negatives", "rounds", "max_depth", "country_rounds"),
        *("country_engagements", "candidates", "lists_per_country", "trees_most_acts", "trees_rounds"),
        *("trees_max_depth", "recent_posts", "accounts_a_message", "rows_per_country", "items", "in_a_row"),
        *("follows_each", "limit", "labelled_most", "repeats", "most", "batch", "reclassify_most", "queue"),
    ),
    1,
)
MAX_VALUES = {"accounts_a_message": 2_000, "items": 100}
MAX_NAME_LENGTH = 100  # bytes of a collection's or a field's name

CollectionName = Annotated[str, "a collection"]
FieldName = Annotated[str, "a field"]  # or a path of fields, apart by dots


@dataclass(frozen=True, slots=True)
class Weights:
    """Points of one engagement of each kind [points]."""

    like: float = 1.0
    comment: float = 1.0
    recast: float = 1.0
    quote: float = 1.0


@dataclass(frozen=True, slots=True)
class ContentStats:
    window: timedelta = timedelta(days=30)  # how long a post counts, from its creation
    half_life_hours: float = 24.0  # after this time a post's score has halved
    age_from: Literal["createdAt", "updatedAt"] = "createdAt"  # the moment that a post's age starts at
    weights: Weights = field(default_factory=Weights)  # points per like, comment, recast and quote
    bias: float = 1.0  # points that a post has before anyone engages
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often everything is computed anew
    lag_ratio: float = 0.01  # how far a stored score may lag behind its decay
    negligible: float = 0.001  # stored scores below this are left to the next full run


@dataclass(frozen=True, slots=True)
class CreatorStats:
    window: timedelta = timedelta(days=30)  # how long a post counts for its creator, from its creation
    half_life_hours: float = 24.0  # after this time without a new post the age score has halved
    age_from: Literal["createdAt", "updatedAt"] = "createdAt"  # the moment that a post's age starts at
    weights: Weights = field(default_factory=Weights)  # points per like, comment, recast and quote
    follower_weight: float = 0.01  # points per follower
    bias: float = 1.0  # points that a creator has before anyone engages
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often everything is computed anew


@dataclass(frozen=True, slots=True)
class HashtagStats:
    window: timedelta = timedelta(days=14)  # how long a post counts for its hashtags, from its creation
    half_life_hours: float = 24.0  # after this time without a new post the age score has halved
    age_from: Literal["createdAt", "updatedAt"] = "createdAt"  # the moment that a post's age starts at
    weights: Weights = field(default_factory=Weights)  # points per like, comment, recast and quote
    max_contributors: int = 100  # contributors listed per hashtag, the most frequent first
    max_contents: int = 20  # posts listed per contributor
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often everything is computed anew


@dataclass(frozen=True, slots=True)
class EngagementStats:
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often everything is counted anew


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


@dataclass(frozen=True, slots=True)
class Bots:
    window: timedelta = timedelta(days=30)  # how far back a credential's readings count
    limit: int = 500  # readings of a credential that its features are of, the latest
    least_readings: int = 100  # readings that a credential needs for features
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often every credential is looked at
    kept: timedelta = timedelta(days=90)  # how long features that nobody has judged stay
    superseded: timedelta = timedelta(days=1)  # how long they stay once there are newer ones of that credential
    verdict_true_means: Literal["bot", "person"] = "bot"  # what `verificationStatus: true` says
    labelled_most: int = 10_000  # judged features that are learnt from, the latest
    least_bots: int = 10  # judged bots that a detector needs
    least_people: int = 10  # judged people that it needs
    explained_ratio: float = 0.99  # part of the bots' variance that the principal components explain
    splits: int = 5  # parts of the judged features, each scored by a detector that learnt from the others
    repeats: int = 2  # times that they are split anew
    recall_ratio: float = 0.9  # part of the judged bots that the threshold finds, unless the next option raises it
    precision_ratio: float = 0.9  # part of those above the threshold that are bots, at least
    daily_budget: int = 100  # suspects a day, the most suspicious first
    daily_sample: int = 5  # credentials below the threshold that are also reviewed each day, by lot
    cool_down: timedelta = timedelta(days=7)  # how long after a verdict a credential is left alone
    margin: float = 1.0  # standard errors by which a detector may be worse than the one that it replaces

    def verdict(self, *, bot: bool) -> bool:
        """What `verificationStatus` says of a bot, or of a person.

        >>> Bots().verdict(bot=True), Bots(verdict_true_means="person").verdict(bot=True)
        (True, False)
        """
        return bot is (self.verdict_true_means == "bot")


@dataclass(frozen=True, slots=True)
class Artifacts:
    keep: int = 4  # versions kept of each model, for a rollback


@dataclass(frozen=True, slots=True)
class Language:
    engine: Literal["py3langid", "langdetect"] = "py3langid"  # the library for a text whose script is of many languages
    served: str = (  # ISO 639-1 codes that a text may get
        "ar bn de en es fa fr he hi id it ja km ko lo ms my nl pl pt ru sv ta th tl tr uk vi zh"
    )
    least_letters: int = 4  # different letters that a text needs, unless its script settles the language
    least_confidence_ratio: float = 0.3  # chance among the served languages below which none is named
    least_served_ratio: float = (
        0.1  # chance of all of them together, among all that are known, below which none is named
    )


@dataclass(frozen=True, slots=True)
class Topics:
    min_tokens: int = 3  # meaningful tokens that a text needs for topics
    only_languages: str = ""  # codes of languages whose texts get topics, apart by spaces; empty for all supported
    most: int = 5  # topics per post, their parents not counted
    batch: int = 64  # posts that are embedded and written at once
    reclassify_most: int = 50_000  # posts that one run of reclassify_contents looks at
    head_texts: int = 20  # labelled texts that a topic needs for a head of its own
    head_folds: int = 5  # parts of the labelled texts, each judged by heads that learnt from the others
    labelled_most: int = 20_000  # labelled texts that are learnt from, those that changed last


@dataclass(frozen=True, slots=True)
class Relay:
    batch: int = 200  # changes that are sent at once, where the receiver takes so many
    queue: int = 1_000  # changes that are read ahead of the sending
    most_bytes: int = 240_000  # of a change; a larger one is sent as its key, and read by the receiver
    lease_s: float = 30.0  # seconds after which another copy takes over from one that is silent
    beat_s: float = 10.0  # seconds between two notes of where a quiet collection stands
    longest_pause_s: float = 30.0  # seconds between two attempts to send, at most; they double up to it
    overlap: timedelta = timedelta(hours=2)  # how far behind its last note the relay looks after a loss of history
    reconcile_most: int = 1_000_000  # documents that are sent again after a loss of history, at most


@dataclass(frozen=True, slots=True)
class Tokens:
    leeway_s: int = 60  # seconds by which the clock of who makes tokens may differ from ours
    longest_life: timedelta = timedelta(hours=24)  # from `iat` to `exp` of a token, at most


@dataclass(frozen=True, slots=True)
class Options:
    """The sections, one per job or family of jobs."""

    content_stats: ContentStats = field(default_factory=ContentStats)
    creator_stats: CreatorStats = field(default_factory=CreatorStats)
    hashtag_stats: HashtagStats = field(default_factory=HashtagStats)
    engagement_stats: EngagementStats = field(default_factory=EngagementStats)
    coldstart: Coldstart = field(default_factory=Coldstart)
    guest_feed: GuestFeed = field(default_factory=GuestFeed)
    members: Members = field(default_factory=Members)
    home: Home = field(default_factory=Home)
    people: People = field(default_factory=People)
    measure_feed: MeasureFeed = field(default_factory=MeasureFeed)
    exposures: Exposures = field(default_factory=Exposures)
    bots: Bots = field(default_factory=Bots)
    artifacts: Artifacts = field(default_factory=Artifacts)
    language: Language = field(default_factory=Language)
    topics: Topics = field(default_factory=Topics)
    relay: Relay = field(default_factory=Relay)
    tokens: Tokens = field(default_factory=Tokens)

    @classmethod
    def from_mapping(cls, overrides: Mapping[str, Any]) -> "Options":
        """The defaults with `overrides` on top; BadConfig names an unknown option or a value of the wrong type."""
        result: Options = _override(cls(), overrides, "")
        return result


def _override(section: Any, overrides: Mapping[str, Any], path: str) -> Any:
    if not isinstance(overrides, Mapping):
        raise BadConfig(f"option {path.rstrip('.')}: needs an object of options")
    hints = get_type_hints(type(section), include_extras=True)
    unknown = set(overrides) - set(hints)
    if unknown:
        raise BadConfig(f"option {path}{min(unknown)} does not exist")
    changed = {name: _typed(getattr(section, name), hints[name], v, path + name) for name, v in overrides.items()}
    return replace(section, **changed)


def _typed(default: Any, kind: Any, value: Any, path: str) -> Any:
    """`value` as the option's type: hours for a span, one of the choices for a literal.

    Spans and `…_hours` are above 0, `…_ratio` lies in 0..1, counts are not below 0, or what `MIN_VALUES` says.
    """
    if fields_of(default):
        return _override(default, value, f"{path}.")
    if get_origin(kind) is Annotated:
        return _name(value, kind, path)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
    if kind is timedelta and is_number and value > 0:
        return timedelta(hours=value)
    if kind is float and is_number and _in_range(path, value):
        return float(value)
    if kind is int and type(value) is int and _in_bounds(path, value):
        return value
    if kind in (str, bool) and type(value) is kind:
        return value
    if value in get_args(kind):
        return value
    raise BadConfig(f"option {path}: {value!r} is not a valid value")


def _name(value: Any, kind: Any, path: str) -> str:
    """`value` where MongoDB takes it as a name of that kind."""
    if isinstance(value, str) and value.isprintable() and "$" not in value and len(value.encode()) <= MAX_NAME_LENGTH:
        first, *others = value.split(".")
        reserved = kind == CollectionName and first == "system"
        if all((first, *others)) and not reserved:
            return value
    raise BadConfig(f"option {path}: {value!r} is not a name of {kind.__metadata__[0]} in MongoDB")


def _in_bounds(path: str, value: int) -> bool:
    name = path.rpartition(".")[2]
    return MIN_VALUES.get(name, 0) <= value <= MAX_VALUES.get(name, LARGEST)


def _in_range(path: str, value: float) -> bool:
    if path.endswith("_hours"):
        return value > 0
    return not path.endswith("_ratio") or 0 <= value <= 1


def fields_of(value: object) -> tuple[str, ...]:
    """Names of the options of a section; empty for anything else."""
    return tuple(f.name for f in fields(value)) if hasattr(value, "__dataclass_fields__") else ()  # type: ignore[arg-type]
