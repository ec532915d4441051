"""Documents of MongoDB, and ids as they hold them: an ObjectId, or its 24 hex digits as text. Both name one thing.

In aggregations `expressions.object_id` does the same; arrays of ids (`shared.columns`) are read that way already.
"""

from collections.abc import Iterable
from typing import Any

from bson import ObjectId

Document = dict[str, Any]
Credential = ObjectId | str  # of a device, as the application spells it

NO_ID = ObjectId(b"\0" * 12)  # before every other


def object_id(value: Any) -> ObjectId | None:
    """The ObjectId that a stored value names; None for what is neither one nor 24 hex digits, which BSON's code, to
    the driver a kind of text, is not.

    >>> object_id("65F0A1B2C3D4E5F60718293A")
    ObjectId('65f0a1b2c3d4e5f60718293a')
    >>> object_id("not an id") is None, object_id(b"twelve bytes") is None
    (True, True)
    """
    if isinstance(value, ObjectId):
        return value
    # BSON's code, which the driver gives as a kind of text, is none.
    digits = id_bytes(value) if type(value) is str else None
    return ObjectId(digits) if digits else None


def id_bytes(text: str) -> bytes | None:
    """The twelve bytes of an id written as 24 hex digits; None for any other text.

    >>> id_bytes("65F0A1B2C3D4E5F60718293A").hex(), id_bytes("65 F0 A1 B2 C3 D4 E5 F6 ")
    ('65f0a1b2c3d4e5f60718293a', None)
    """
    if len(text) != 24:
        return None
    try:
        found = bytes.fromhex(text)  # passes over spaces
    except ValueError:
        return None
    return found if len(found) == 12 else None


def credential_forms(credentials: Iterable[Credential]) -> list[Credential]:
    """The same for credentials, of which some are other texts: a device's UUID stands as it is."""
    return [form for one in credentials for form in (_forms(one) if isinstance(one, ObjectId) else [one])]


def either_form(ids: Iterable[ObjectId]) -> list[Credential]:
    """Every form that these ids are stored in, for an `$in`: as they are, and as hex digits in lower and upper case.

    >>> either_form([ObjectId("65f0a1b2c3d4e5f60718293a")])
    [ObjectId('65f0a1b2c3d4e5f60718293a'), '65f0a1b2c3d4e5f60718293a', '65F0A1B2C3D4E5F60718293A']
    """
    return [form for one in ids for form in _forms(one)]


def _forms(one: ObjectId) -> list[Credential]:
    digits = str(one)
    return [one, digits] if digits.isdecimal() else [one, digits, digits.upper()]
