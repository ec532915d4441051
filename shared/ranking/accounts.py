"""Accounts and the users that they own, as arrays: whose engagement or impression a recorded id is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.columns import (
    Columns,
    IdArray,
    IntArray,
    KeyArray,
    deduplicate,
    exclude_ids,
    id_array,
    id_keys,
    is_valid,
    lookup,
)
from shared.countries import COUNTRIES, SPELLINGS, UNKNOWN_COUNTRY, country_of
from shared.store import Store


@dataclass(frozen=True, slots=True)
class Accounts:
    """Accounts by id, and users by id as the accounts that own them, without the erased ones.

    ids      (n_accounts,) ids; the number of an account is its position here
    keys     (n_ids,) of every account, then of every user, erased or not
    owner    (n_ids,) id of the owning account, even if that account does not exist; the user's own id if it names none
    account  (n_ids,) number of the account, -1 if unknown
    country  (n_accounts,) index into COUNTRIES, UNKNOWN_COUNTRY if unknown
    """

    ids: IdArray
    keys: KeyArray
    owner: IdArray
    account: IntArray
    country: IntArray

    @classmethod
    def read(cls, store: Store) -> "Accounts":
        """Read all accounts and users."""
        erased = store.tombstones.read()
        accounts = exclude_ids(store.people.accounts(SPELLINGS), erased.accounts, "id")
        users = store.people.users()
        account_keys, user_keys = id_keys(accounts["id"]), id_keys(users["id"])
        country_of_code = np.array([COUNTRIES.index(str(country_of(code))) for code in SPELLINGS] + [UNKNOWN_COUNTRY])
        number = lookup(id_keys(users["account"]), account_keys)
        number[np.isin(user_keys, id_keys(id_array(erased.users)))] = -1
        owner = np.where(is_valid(users["account"]), users["account"], users["id"])
        return cls(
            accounts["id"],
            np.concatenate([account_keys, user_keys]),
            np.concatenate([accounts["id"], owner]),
            np.concatenate([np.arange(len(account_keys)), number]),
            country_of_code[accounts["country"]],
        )

    def of(self, ids: IdArray) -> tuple[IntArray, IntArray]:
        """(account, country) of each id of an account or a user; (n,) each, -1 if unknown."""
        return self._at(lookup(id_keys(ids), self.keys))

    def engagements(self, recorded: Columns) -> Columns:
        """Add account and country, (n,) each as `of` gives them, to what `Engagements.between` gives.

        An engagement of one kind of an account with a post at one moment is kept once, however often the account and
        its users recorded it.
        """
        return self._deduplicated(recorded, "actor", ("content", "kind", "at"), recorded["at"])

    def exposures(self, recorded: Columns) -> Columns:
        """Add account and country, (n,) each, to what `Exposures.between` and `Exposures.shown` give.

        An exposure of a post to an account at one moment is kept once: the record with the latest end.
        """
        return self._deduplicated(recorded, "viewer", ("content", "at"), -recorded["until"])

    def _deduplicated(self, recorded: Columns, id_column: str, key: Sequence[str], rank: NDArray[Any]) -> Columns:
        at = lookup(id_keys(recorded[id_column]), self.keys)
        account, country = self._at(at)
        has_owner = at >= 0
        owner = recorded[id_column].copy()
        owner[has_owner] = self.owner[at[has_owner]]
        columns = recorded | {id_column: owner, "account": account, "country": country}
        return deduplicate(columns, (id_column, *key), rank)

    def _at(self, at: IntArray) -> tuple[IntArray, IntArray]:
        """(account, country) of the ids at these positions of `keys`; a position of -1 is an unknown account."""
        account = np.append(self.account, -1)[at]
        return account, np.append(self.country, UNKNOWN_COUNTRY)[account]
