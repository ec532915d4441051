"""Documents of MongoDB, and their ids: an ObjectId, or its 24 hex digits as text. Both forms mean the same id.

In aggregations `expressions.object_id` does the same; arrays of ids (`shared.columns`) are read in one form already.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any

from bson import ObjectId
from msgspec import Meta

Document = dict[str, Any]
Credential = ObjectId | str  # of a device, in the form that the application stores
# The text of an id, in models of requests. The length is needed beside the pattern: `$` also stands before a last "\n".
Id = Annotated[str, Meta(pattern="^[0-9a-fA-F]{24}$", max_length=24)]

ID_IN_TEXT = re.compile(r"(?i)(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])")
NO_ID = ObjectId(b"\0" * 12)  # sorts before every other id


def object_id(value: Any) -> ObjectId | None:
    """The ObjectId of a stored value; None if it is neither an ObjectId nor a text of 24 hex digits, whose letters are
    all lower or all upper case: no query by `either_form` finds others.

    >>> object_id("65F0A1B2C3D4E5F60718293A")
    ObjectId('65f0a1b2c3d4e5f60718293a')
    >>> object_id("65f0A1b2C3d4e5f60718293a"), object_id("not an id"), object_id(b"twelve bytes")
    (None, None, None)
    """
    if isinstance(value, ObjectId):
        return value
    # Not `isinstance`: the driver gives BSON's type "code" as a subclass of str, and it is no id.
    digits = id_bytes(value) if type(value) is str and value in (value.lower(), value.upper()) else None
    return ObjectId(digits) if digits else None


def id_bytes(text: str) -> bytes | None:
    """The twelve bytes of an id written as 24 hex digits, in any case; None for any other text.

    >>> id_bytes("65F0A1B2C3D4E5F60718293A").hex(), id_bytes("65 F0 A1 B2 C3 D4 E5 F6 ")
    ('65f0a1b2c3d4e5f60718293a', None)
    """
    if len(text) != 24:
        return None
    try:
        raw = bytes.fromhex(text)  # which ignores spaces
    except ValueError:
        return None
    return raw if len(raw) == 12 else None


def is_id(value: Any) -> bool:
    """Whether `value` is the text of an id, as requests may write it: in any case.

    >>> is_id("65f0a1b2c3d4e5f60718293a"), is_id("zz"), is_id({"$ne": None})
    (True, False, False)
    """
    return type(value) is str and id_bytes(value) is not None


def credential_forms(credentials: Iterable[Credential]) -> list[Credential]:
    """Every form that these credentials are stored in, for an `$in`; a text, such as a device's UUID, has one form."""
    return [
        form
        for credential in credentials
        for form in (_forms(credential) if isinstance(credential, ObjectId) else [credential])
    ]


def either_form(ids: Iterable[ObjectId]) -> list[Credential]:
    """Every form that these ids are stored in, for an `$in`: ObjectIds, and hex digits in lower and in upper case.

    >>> either_form([ObjectId("65f0a1b2c3d4e5f60718293a")])
    [ObjectId('65f0a1b2c3d4e5f60718293a'), '65f0a1b2c3d4e5f60718293a', '65F0A1B2C3D4E5F60718293A']
    """
    return [form for identity in ids for form in _forms(identity)]


def _forms(identity: ObjectId) -> list[Credential]:
    digits = str(identity)
    return [identity, digits] if digits.isdecimal() else [identity, digits, digits.upper()]
