"""Options of the guest feed."""

from typing import ClassVar

from msgspec import field

from shared.config import Count, Number, PositiveCount, Ratio, Section


class GuestFeedOptions(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "guest_feed"

    rows_per_country: PositiveCount = 2_000  # posts in the feed of one country
    min_rows_ratio: Ratio = field(  # part of its former rows that a country must keep, or the feed is not published
        name="least_rows_ratio", default=0.5
    )
    per_author_ratio: Ratio = 0.7  # factor on the score of an author's next post in one list
    unknown_language: Number = 0.75  # factor for posts whose language nobody named
    foreign_language: Number = 1e-7  # factor for posts in neither English nor a language of the country
    explained_rows: Count = 50  # first posts of a list that are stored with what their scores are made of
