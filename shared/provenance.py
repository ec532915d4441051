"""What a stored result was made from, by the name of each input: a plan, and an operator, can see which changed.

For example, beside a result: {madeFrom: {options: "5b0c91aa03fe", ranker: "20260130T041500Z", country: "th"}}
"""

import hashlib
from collections.abc import Mapping

MadeFrom = Mapping[str, str]


def digest(*inputs: object) -> str:
    """Twelve hex digits that change when an input does: of numbers, texts, dataclasses, or tuples of them, whose `repr`
    is the same in every process.

    >>> digest("window", 30) == digest("window", 30) != digest("window", 31)
    True
    """
    return hashlib.sha256(repr(inputs).encode()).hexdigest()[:12]
