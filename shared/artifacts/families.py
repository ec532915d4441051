"""The families of models; nothing else knows which there are."""

from dataclasses import dataclass
from typing import Final

from bson import ObjectId

from shared.errors import NotFound
from shared.store import schema


@dataclass(frozen=True, slots=True)
class Family:
    """Models of one kind.

    kind         what each of them is, under the name that the contract has for it
    live         the collection that other programs read, with the live one of each key
    of_accounts  whether the keys are ids of accounts, stored as such
    also         further fields that the contract has for its documents
    """

    kind: str
    live: str
    of_accounts: bool = False
    also: tuple[str, ...] = ()

    @property
    def key_type(self) -> str:
        """The BSON type of its keys."""
        return "objectId" if self.of_accounts else "string"

    def stored(self, key: str) -> str | ObjectId:
        """The key as it stands in a document; NotFound for one that is no account's."""
        if not self.of_accounts:
            return key
        if not ObjectId.is_valid(key):
            raise NotFound(f"key: {key} is no account")
        return ObjectId(key)


FAMILIES: Final = {
    "bots": Family(
        "one-class classifier based on PCA",
        schema.BOT_ARTIFACTS.name,
        also=("dataset", "model_classes", "evaluationReport"),
    ),
    "country": Family("xgboost", schema.COUNTRY_ARTIFACTS.name),
    "global": Family("xgboost", schema.GLOBAL_ARTIFACTS.name),
    "members": Family("xgboost", schema.MEMBER_ARTIFACTS.name),
    "personal": Family("xgboost", schema.ACCOUNT_ARTIFACTS.name, of_accounts=True),
    "snapshot": Family("arrays", schema.SNAPSHOTS.name),
    "topics": Family("linear", schema.TOPIC_ARTIFACTS.name),
}


def family_of(name: str) -> Family:
    """The family of that name; NotFound where there is none.

    >>> family_of("topics")
    Family(kind='linear', live='mlArtifacts_topics', of_accounts=False, also=())
    """
    if name not in FAMILIES:
        raise NotFound(f"family: no {name}, only {', '.join(FAMILIES)}")
    return FAMILIES[name]
