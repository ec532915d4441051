"""The families of models: the one list of them, and where the live artifacts of each are stored."""

from dataclasses import dataclass
from typing import Final

from bson import ObjectId

from shared.documents import id_bytes
from shared.errors import NotFound
from shared.store import schema


@dataclass(frozen=True, slots=True)
class Family:
    """Models of one kind.

    kind         the kind of model, as the contract names it in the field `model`
    live         the collection that other programs read, with the live artifact of each key
    of_accounts  whether the keys are ids of accounts, stored as ObjectIds; text otherwise
    also         further fields of the contract in the documents of this family
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
        """The key as documents store it; NotFound for a key that is no account id where one is needed."""
        if not self.of_accounts:
            return key
        account = id_bytes(key)
        if account is None:
            raise NotFound(f"key: {key} is no account")
        return ObjectId(account)


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
    """The family of that name; NotFound for an unknown name.

    >>> family_of("topics")
    Family(kind='linear', live='mlArtifacts_topics', of_accounts=False, also=())
    """
    if name not in FAMILIES:
        raise NotFound(f"family: no {name}, only {', '.join(FAMILIES)}")
    return FAMILIES[name]
