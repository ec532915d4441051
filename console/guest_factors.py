"""Why a post of a guest feed stands where it stands, in words and numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.countries import EVERYWHERE
from console.messages import messages
from console.store.guest_rows import GuestRow, GuestRows
from console.store.guest_score import Factors, FeatureFactor
from console.templates import rounded

ENGAGEMENTS = "engagements"
RELATIONS = {1.0: "home", 0.5: "english", 0.0: "foreign", None: "unknown"}
MAX_LOG = 700.0  # whose exponential is a finite number
NOTICED = 0.005  # a factor this close to 1 changes nothing that anybody would see

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Part:
    """A factor of the score.

    name          "engagements", or one of the names of PARTS
    says          key of the sentence about it, whose braces take `values`
    factor        of this post
    above, below  of its neighbours; None where one has none
    """

    name: str
    says: str
    values: Values
    factor: float
    above: float | None
    below: float | None


@dataclass(frozen=True, slots=True)
class FeaturePart:
    """A factor that makes, with others, the part of the model.

    says  key of the sentence about the feature and its value, whose braces take `values`
    """

    says: str
    values: Values
    factor: float


@dataclass(frozen=True, slots=True)
class Difference:
    """How the score differs from that of a neighbour.

    times  the higher score over the lower one
    part   name of the part that says most of it
    ratio  by that part, above 1 where it speaks for the higher one; below 1 never
    """

    times: float
    part: str
    ratio: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a score is made of.

    parts         whose product is the score
    features      what the model read, the strongest first
    others        the factor of all other features and of what every post has
    above, below  how it differs from its neighbours; None where there is none, or nothing is known of it
    moves         what moved it from where it would stand: keys of sentences, and their values
    """

    parts: Sequence[Part]
    features: Sequence[FeaturePart]
    others: float
    above: Difference | None
    below: Difference | None
    moves: Sequence[tuple[str, Values]]


def explain(
    rows: GuestRows, country: str, row: GuestRow, above: GuestRow | None, below: GuestRow | None
) -> Explanation:
    """Why a row with factors has its rank in the list of a country."""
    factors = row.factors
    assert factors is not None
    products = [_products(neighbour.factors) if neighbour and neighbour.factors else {} for neighbour in (above, below)]
    own = _products(factors)
    parts = [
        Part(name, *_sentence(name, country, factors), factor, *(product.get(name) for product in products))
        for name, factor in own.items()
    ]
    differences = (
        _difference(products[0], own) if products[0] else None,
        _difference(own, products[1]) if products[1] else None,
    )
    features = [_feature(feature) for feature in factors.features]
    return Explanation(parts, features, factors.others, *differences, _moves(rows, country, row, factors))


def main_factors(factors: Factors) -> list[tuple[str, Values]]:
    """The engagements, and the two other parts that change the score most."""
    parts = sorted(factors.parts.items(), key=lambda part: -abs(math.log(part[1])))[:2]
    noticed = [(f"feeds.main.{name}", {"factor": rounded(factor)}) for name, factor in parts if _is_noticed(factor)]
    return [("feeds.main.engagements", {"number": rounded(factors.engagements)}), *noticed]


def in_words(name: str, value: float | None, prefix: str = "feature") -> tuple[str, Values]:
    """The key of the sentence about a feature, and its values; the logarithms among them are shown as what they are the
    logarithm of.

    prefix  of the keys that name the features of one set
    """
    key = f"{prefix}.{name}"
    values: dict[str, object] = {"name": name, "value": "–", "times": "–"}
    if value is not None:
        values |= {"value": rounded(value), "times": rounded(math.exp(min(value, MAX_LOG)))}
    return key if key in messages()["en"] else "feature", values


def _products(factors: Factors) -> dict[str, float]:
    """The factors by name; their product is the score."""
    return {ENGAGEMENTS: factors.engagements + 1, **factors.parts}


def _difference(higher: Mapping[str, float], lower: Mapping[str, float]) -> Difference:
    ratios = {name: higher[name] / lower[name] for name in higher}
    part = max(ratios, key=lambda name: ratios[name])
    return Difference(math.prod(ratios.values()), part, ratios[part])


def _sentence(name: str, country: str, factors: Factors) -> tuple[str, Values]:
    """The key of the sentence about a part, and its values."""
    if name == ENGAGEMENTS:
        return "feeds.says.engagements", {"number": rounded(factors.engagements)}
    if name == "decay":
        return "feeds.says.decay", {"age": rounded(factors.age), "half_life": rounded(factors.half_life)}
    if name == "model":
        has_model = bool(factors.features)
        return ("feeds.says.model", {"ranker": factors.ranker}) if has_model else ("feeds.says.no_model", {})
    if name == "language":
        relation = "everywhere" if country == EVERYWHERE else RELATIONS.get(factors.relation, "unknown")
        return f"feeds.language.{relation}", {}
    if name == "author":
        return ("feeds.says.author" if _is_noticed(factors.parts[name]) else "feeds.says.first_of_author"), {}
    return f"feeds.says.{name}", {}


def _feature(feature: FeatureFactor) -> FeaturePart:
    return FeaturePart(*in_words(feature.name, feature.value), feature.factor)


def _moves(rows: GuestRows, country: str, row: GuestRow, factors: Factors) -> list[tuple[str, Values]]:
    moves: list[tuple[str, Values]] = []
    for name in ("author", "language"):
        if _is_noticed(factor := factors.parts[name]):
            otherwise = rows.number_with_more(country, row.score / factor) + 1
            moves.append((f"feeds.moved.{name}", {"factor": rounded(factor), "rank": otherwise}))
    if row.built_rank > row.rank:
        moves.append(("feeds.moved.withdrawn", {"number": row.built_rank - row.rank, "rank": row.built_rank}))
    return moves


def _is_noticed(factor: float) -> bool:
    return abs(math.log(factor)) > NOTICED
