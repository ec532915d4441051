"""The kinds of engagement with a post, as the application names them, in the order of their codes in arrays."""

POSITIVE_KINDS = ("like", "comment", "recast", "quote")  # which show interest
ENGAGEMENT_KINDS = (*POSITIVE_KINDS, "report")
