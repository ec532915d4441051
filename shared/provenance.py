"""What a stored result was made from: a version of each input by name, so that a changed input can be found.

For example, stored with a result: {madeFrom: {options: "5b0c91aa03fe", ranker: "20260130T041500Z", country: "th"}}
"""

import hashlib
from collections.abc import Mapping

MadeFrom = Mapping[str, str]


def digest(*inputs: object) -> str:
    """Twelve hex digits that change when an input changes.

    inputs  numbers, texts, dataclasses, or tuples of them: their `repr` must be the same in every process

    >>> digest("window", 30) == digest("window", 30) != digest("window", 31)
    True
    """
    return hashlib.sha256(repr(inputs).encode()).hexdigest()[:12]
