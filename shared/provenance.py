"""What a stored result was made from: a version of each input by name, so that a changed input can be found.

For example, stored with a result: {madeFrom: {options: "5b0c91aa03fe", ranker: "20260130T041500Z", country: "th"}}
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct, structs

MadeFrom = Mapping[str, str]


def digest(*inputs: object) -> str:
    """Twelve hex digits that change when an input changes, and not when something is only called otherwise in Python.

    inputs  numbers, texts, spans, options, and lists, tuples or objects by text of these. Options count by their public
            names and their values. TypeError for anything else: its representation may name classes or fields

    >>> digest("window", 30) == digest("window", 30) != digest("window", 31)
    True
    """
    encoded = json.dumps(inputs, default=_by_public_names, sort_keys=True, allow_nan=False)
    return hashlib.sha256(encoded.encode()).hexdigest()[:12]


def _by_public_names(value: object) -> object:
    if isinstance(value, Struct):
        return {field.encode_name: getattr(value, field.name) for field in structs.fields(value)}
    if isinstance(value, timedelta):
        return value / timedelta(hours=1)
    raise TypeError(f"a {type(value).__name__} has no public names that a digest could be made of")
