"""Options of the topics of posts."""

from typing import ClassVar

from msgspec import field

from shared.config import Count, PositiveCount, Section


class Topics(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "topics"

    min_tokens: Count = 3  # meaningful tokens that a text needs for topics
    only_languages: str = ""  # codes of languages whose texts get topics, apart by spaces; empty for all supported
    max_topics: PositiveCount = field(name="most", default=5)  # topics per post, their parents not counted
    batch: PositiveCount = 64  # posts that are embedded and written at once
    max_reclassified: PositiveCount = field(  # posts that one run of reclassify_contents looks at
        name="reclassify_most", default=50_000
    )
    min_head_texts: Count = field(  # labelled texts that a topic needs for a head of its own
        name="head_texts", default=20
    )
    max_labelled: PositiveCount = field(  # labelled texts that are learnt from, those that changed last
        name="labelled_most", default=20_000
    )
