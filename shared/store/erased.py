"""The ids that count as erased, of one account or of all.

For example: Erased(accounts={ObjectId}, users={ObjectId}, posts={ObjectId}, credentials={"a device's UUID"})
"""

from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from shared.documents import Credential, either_form, object_id
from shared.store import schema


@dataclass(frozen=True, slots=True)
class Erased:
    """Erased ids; true where there are any. `moved` are noted users that belong to other accounts now."""

    accounts: frozenset[ObjectId] = frozenset()
    users: frozenset[ObjectId] = frozenset()
    posts: frozenset[ObjectId] = frozenset()
    credentials: frozenset[Credential] = frozenset()
    moved: frozenset[ObjectId] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.accounts)

    def of(self, subject: schema.Subject) -> list[Any]:
        """The ids of one kind, in every form in which they may be stored."""
        if subject == "credential":
            ids = {object_id(credential) for credential in self.credentials} - {None}
            return list({*self.credentials, *either_form(key for key in ids if key is not None)})
        return either_form({"account": self.accounts, "user": self.users, "post": self.posts}[subject])
