"""The families of models; nothing else knows which there are."""

from dataclasses import dataclass
from typing import Final

from shared.errors import NotFound
from shared.store import schema


@dataclass(frozen=True, slots=True)
class Family:
    """Models of one kind.

    kind  what each of them is, under the name that the contract has for it
    live  the collection that other programs read, with the live one of each key
    """

    kind: str
    live: str


FAMILIES: Final = {
    "country": Family("xgboost", schema.COUNTRY_ARTIFACTS.name),
    "global": Family("xgboost", schema.GLOBAL_ARTIFACTS.name),
    "topics": Family("linear", schema.TOPIC_ARTIFACTS.name),
}


def family_of(name: str) -> Family:
    """The family of that name; NotFound where there is none.

    >>> family_of("topics")
    Family(kind='linear', live='mlArtifacts_topics')
    """
    if name not in FAMILIES:
        raise NotFound(f"family: no {name}, only {', '.join(FAMILIES)}")
    return FAMILIES[name]
