"""Authentication of HTTP requests: signed tokens of members and services, and services that AWS has authenticated.

A token is a JWT (RFC 7519), signed with HMAC-SHA256 by a key that the application and we share. Its `sub` is the id of
an account, or, with the claim `service`, the name of a service.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import jwt

from shared.api import Caller
from shared.documents import is_id
from shared.errors import BadConfig, Unauthorized
from shared.runtime.http_request import HttpRequest
from shared.runtime.options import Tokens

ALGORITHM = "HS256"  # the only one that is accepted, whatever the header of a token says
ISSUER, AUDIENCE = "feedkeeper", "feedkeeper-feeds"
CLAIMS = ["exp", "iss", "aud", "sub"]  # that every token must have
MAX_TOKEN_LENGTH = 4_096  # characters


def caller_of(request: HttpRequest, keys: Sequence[bytes], options: Tokens, *, now: datetime) -> Caller:
    """The authenticated sender of a request.

    keys  that may have signed the token; any of them will do
    now   the present moment

    Raises Unauthorized, with the reason, where the request is not authenticated, BadConfig where there are no keys.
    """
    if isinstance(request.authorizer.get("iam"), dict):
        return Caller("", is_service=True)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not 0 < len(token) <= MAX_TOKEN_LENGTH or not token.isascii():
        raise Unauthorized("authorization: needs a bearer token")
    claims = _claims(token, keys, options.leeway_s)
    if _life(claims, now) > options.max_lifetime.total_seconds() + ("iat" not in claims) * options.leeway_s:
        raise Unauthorized(f"authorization: the token is valid for longer than {options.max_lifetime}")
    if claims.get("service") is True:
        return Caller(str(claims["sub"]), is_service=True)
    if not is_id(claims["sub"]):
        raise Unauthorized("authorization: the token is no account's")
    return Caller(claims["sub"], is_service=False)


def token_for(subject: str, key: bytes, *, service: bool = False, now: datetime, valid_for: timedelta) -> str:
    """A signed token.

    subject    id of an account, or with `service` the name of a service
    valid_for  from `now` on
    """
    claims: dict[str, Any] = {"sub": subject, "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + valid_for}
    return jwt.encode(claims | ({"service": True} if service else {}), key, ALGORITHM)


def _claims(token: str, keys: Sequence[bytes], leeway_s: float) -> dict[str, Any]:
    """The claims of a token that one of the keys has signed and that is valid now, give or take the leeway [s].

    `exp` and `iat` are numbers [s since 1970]. Raises Unauthorized for any other token, BadConfig without keys.
    """
    if not keys:
        raise BadConfig("API_KEYS is missing")
    reason = ""
    for key in keys:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                [ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=leeway_s,
                options={"require": CLAIMS},
            )
            return claims | {name: float(claims[name]) for name in ("exp", "iat") if name in claims}
        except (jwt.InvalidTokenError, ArithmeticError, TypeError, ValueError) as error:  # also claims of wrong types
            reason = type(error).__name__
    raise Unauthorized(f"authorization: the token is refused: {reason}")


def _life(claims: dict[str, Any], now: datetime) -> float:
    """How long the token is valid from its `iat` on, or from `now` on where it has none [s]."""
    life: float = claims["exp"] - claims.get("iat", now.timestamp())
    return life
