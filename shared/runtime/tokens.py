"""Who asks over HTTP: signed tokens of members and services, or a service that AWS itself has recognised.

A token is a JWT, signed with HMAC-SHA256 by a key that the application and we share. Its `sub` is the id of an account,
or, with the claim `service`, the name of a service.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import jwt

from shared.api import Caller
from shared.errors import BadConfig, Unauthorized
from shared.runtime.queue import is_id

ALGORITHM = "HS256"  # the only one: a token cannot choose how it is checked
ISSUER, AUDIENCE = "feedkeeper", "feedkeeper-feeds"
CLAIMS = ["exp", "iss", "aud", "sub"]
LONGEST_TOKEN = 4_096


def caller_of(event: Mapping[str, Any], keys: Sequence[bytes]) -> Caller:
    """Who sent a request of an HTTP API; Unauthorized says why that is not known, BadConfig that no key is set."""
    authorizer = event.get("requestContext", {}).get("authorizer") or {}
    if isinstance(authorizer.get("iam"), Mapping):
        return Caller("", is_service=True)
    headers = {str(name).lower(): value for name, value in (event.get("headers") or {}).items()}
    scheme, _, token = str(headers.get("authorization", "")).partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= LONGEST_TOKEN:
        raise Unauthorized("authorization: needs a bearer token")
    claims = _claims(token.strip(), keys)
    if claims.get("service") is True:
        return Caller(str(claims["sub"]), is_service=True)
    if not is_id(claims["sub"]):
        raise Unauthorized("authorization: the token is no account's")
    return Caller(claims["sub"], is_service=False)


def token_for(subject: str, key: bytes, *, service: bool = False, now: datetime, valid_for: timedelta) -> str:
    """A token for the account, or the service, of that name."""
    claims: dict[str, Any] = {"sub": subject, "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + valid_for}
    return jwt.encode(claims | ({"service": True} if service else {}), key, ALGORITHM)


def _claims(token: str, keys: Sequence[bytes]) -> dict[str, Any]:
    """What the token says, if one of the keys has signed it."""
    if not keys:
        raise BadConfig("API_KEYS is missing")
    reason = ""
    for key in keys:
        try:
            found: dict[str, Any] = jwt.decode(
                token, key, [ALGORITHM], issuer=ISSUER, audience=AUDIENCE, options={"require": CLAIMS}
            )
            return found
        except jwt.InvalidTokenError as error:
            reason = type(error).__name__
    raise Unauthorized(f"authorization: the token is refused: {reason}")
