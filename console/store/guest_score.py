"""What the score of a row of the guest feed is made of, as it is stored with the row.

For the document see `guest_rows.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.documents import Document
from shared.store.decoding import as_document, as_list, as_number, as_text, needed, optional

PARTS = ("decay", "model", "quality", "language", "author")  # factors of a score beside the engagements


@dataclass(frozen=True, slots=True)
class FeatureFactor:
    """What a feature does to a score.

    value   as the ranker reads it; None where it is not known
    factor  on the score, positive
    """

    name: str
    value: float | None
    factor: float


@dataclass(frozen=True, slots=True)
class Factors:
    """What a score is made of: (engagements + 1) times each of the parts.

    ranker     name and version of the model
    age        at the moment of the ranking [hours]
    half_life  of popularity [hours]
    relation   of the post's language to the country: 1 its own, 0.5 English, 0 foreign, None unknown
    parts      by the names of PARTS, each positive
    features   whose factors, with `others`, make the part of the model; the strongest first
    """

    ranker: str
    engagements: float
    age: float
    half_life: float
    relation: float | None
    parts: Mapping[str, float]
    features: Sequence[FeatureFactor]
    others: float


def factors_of(stored: Document) -> Factors:
    """The factors of a row; Malformed where one of them cannot be decoded."""
    return Factors(
        needed(as_text(stored.get("ranker"))),
        needed(_at_least_0(stored.get("engagements"))),
        needed(as_number(stored.get("ageHours"))),
        needed(as_number(stored.get("halfLifeHours"))),
        optional(stored.get("relation"), as_number),
        {name: _positive(stored.get(name)) for name in PARTS},
        [_feature(feature) for feature in needed(as_list(stored.get("features")))],
        _positive(stored.get("others")),
    )


def _feature(stored: Any) -> FeatureFactor:
    fields = needed(as_document(stored))
    name, value = needed(as_text(fields.get("name"))), optional(fields.get("value"), as_number)
    return FeatureFactor(name, value, _positive(fields.get("factor")))


def _positive(value: Any) -> float:
    number = as_number(value)
    return needed(number if number is not None and number > 0 else None)


def _at_least_0(value: Any) -> float | None:
    number = as_number(value)
    return number if number is not None and number >= 0 else None
