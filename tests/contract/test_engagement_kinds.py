"""Tables by kind of engagement have all kinds, in the order of the codes."""

from functions.feed.store.popular_creators import NUMBERS
from functions.stats.store.content_stats import COUNTS
from functions.stats.store.creator_pipeline import TOTALS
from functions.stats.store.engagement_stats import FIELDS
from shared.config import Weights
from shared.engagement_kinds import ENGAGEMENT_KINDS, POSITIVE_KINDS
from shared.ranking.features import FEATURES


def test_arrays_of_positive_kinds_have_the_codes_of_all_kinds():
    assert ENGAGEMENT_KINDS[: len(POSITIVE_KINDS)] == POSITIVE_KINDS


def test_every_table_has_all_kinds():
    assert tuple(FIELDS) == ENGAGEMENT_KINDS
    assert tuple(COUNTS) == tuple(TOTALS) == POSITIVE_KINDS
    assert ("score", *TOTALS.values()) == NUMBERS
    assert tuple(Weights.__annotations__) == POSITIVE_KINDS


def test_the_counts_among_the_features_are_in_the_order_of_the_kinds():
    first = FEATURES.names.index("likeCount")

    assert FEATURES.names[first : first + len(POSITIVE_KINDS)] == tuple(f"{kind}Count" for kind in POSITIVE_KINDS)
