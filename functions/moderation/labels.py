"""The labels of harm that a post may have, and what rates them.

A rating is three-valued: a text has the label, has it not, or nobody has looked for it. What is not rated has no part
in a loss or a figure: taken for 0 it teaches that harm of other kinds is innocent.
"""

from collections.abc import Mapping
from typing import Final

LABELS: Final = ("hate", "harassment", "violence", "sexual", "self_harm", "illicit", "spam")

Ratings = Mapping[str, bool]  # by label; those that are not rated are absent
