"""The one parser of requests of an HTTP API, so that no two readers of a request can understand it differently.

The event is the gateway's payload of version 2.0, in which names of headers are in lower case and repeated headers and
query keys are joined by commas. Cookies are a list of their own; a gateway that makes none leaves them in their header.
The routes get a normalised event made from the parsed request.
"""

import base64
import binascii
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

from shared.api import Route
from shared.errors import BadEvent, TooLarge, UnsupportedMedia

MEDIA_TYPE, FORM = "application/json", "application/x-www-form-urlencoded"
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii"})  # RFC 8259: JSON between systems is UTF-8
MAX_BODY_BYTES = 256_000
MAX_QUERY_CHARACTERS = 8_000
MAX_PARAMETERS = 100
MAX_COOKIES = 50


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, its parts checked.

    path        without the stage that the gateway may put in front of it
    query       the parameters, each of which occurs once
    headers     by name in lower case
    cookies     by name; of a name that occurs twice the first one, which is that of the narrowest path
    authorizer  the identity of the caller as the gateway established it; empty where it authenticates nobody
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    authorizer: Mapping[str, Any]

    @classmethod
    def of(cls, event: Any) -> "HttpRequest":
        """Parse an event; BadEvent names the part that is malformed, TooLarge the part that is too long."""
        if not isinstance(event, Mapping):
            raise BadEvent(f"event: a request is an object, not {type(event).__name__}")
        context = event.get("requestContext")
        http = context.get("http") if isinstance(context, Mapping) else None
        if not isinstance(context, Mapping) or not isinstance(http, Mapping):
            raise BadEvent("event.requestContext: is not one of an HTTP API")
        stage, method, path = context.get("stage"), http.get("method"), event.get("rawPath")
        if not isinstance(stage, str) or not isinstance(method, str) or not isinstance(path, str):
            raise BadEvent("event.requestContext: is not one of an HTTP API")
        authorizer, headers = context.get("authorizer"), _headers(event.get("headers"))
        return cls(
            method=method,
            path=path.removeprefix(f"/{stage}") if path.startswith(f"/{stage}/") else path,
            query=_query(event.get("rawQueryString")),
            headers=headers,
            cookies=_cookies(event.get("cookies", headers.get("cookie", "").split(";"))),
            authorizer=authorizer if isinstance(authorizer, Mapping) else {},
        )

    def event(self) -> dict[str, Any]:
        """A normalised event of version 2.0 without a body, for routing."""
        http = {"method": self.method, "path": self.path}
        return {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": self.path,
            "rawQueryString": "",
            "headers": dict(self.headers),
            "requestContext": {"http": http, "stage": "$default"},
            "isBase64Encoded": False,
        }

    def fields(self, event: Mapping[str, Any], route: Route[Any]) -> Any:
        """What the request says: the query of a GET, the form or the JSON in the body of a POST.

        Raises BadEvent, UnsupportedMedia or TooLarge as `text` does, and BadEvent for a text that is not of that kind.
        """
        if self.method == "GET":
            return dict(self.query)
        return _form(self.text(event, FORM)) if route.takes_form else parsed(self.text(event))

    def text(self, event: Mapping[str, Any], media_type: str = MEDIA_TYPE) -> str:
        """The body of the event as text. Raises UnsupportedMedia where the headers name another media type, or another
        charset than UTF-8, BadEvent for a body that is missing or damaged, TooLarge above `MAX_BODY_BYTES`."""
        self._check_media_type(media_type)
        body = event.get("body")
        if body is None or body == "":
            raise BadEvent("body: is missing")
        if not isinstance(body, str):
            raise BadEvent(f"body: needs a text, not {type(body).__name__}")
        try:
            raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") is True else body.encode()
            if len(raw) > MAX_BODY_BYTES:
                raise TooLarge(f"body: is longer than {MAX_BODY_BYTES} bytes")
            return raw.decode()
        except (binascii.Error, UnicodeError, ValueError):
            raise BadEvent("body: is not UTF-8") from None

    def _check_media_type(self, needed: str) -> None:
        if self.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise UnsupportedMedia("content-encoding: only identity is read")
        content_type = self.headers.get("content-type", "").strip()
        if not content_type:
            return
        message = Message()
        message["content-type"] = content_type
        try:
            media_type, charset = message.get_content_type(), message.get_content_charset()
        except (TypeError, ValueError):  # numbered parts of a parameter that do not fit together (RFC 2231)
            raise UnsupportedMedia("content-type: its parameters cannot be read") from None
        if media_type != needed:
            raise UnsupportedMedia(f"content-type: needs {needed}")
        if (charset or "utf-8") not in CHARSETS:
            raise UnsupportedMedia(f"content-type: needs {needed} in UTF-8")


def parsed(text: str) -> Any:
    """Parse JSON strictly by RFC 8259; BadEvent also for NaN, a number beyond a double, and a key that occurs twice.

    >>> parsed('{"contents": ["a"], "maxResults": 5}')
    {'contents': ['a'], 'maxResults': 5}
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_finite)
    except RecursionError:
        raise BadEvent("body: nested too deeply") from None
    except ValueError:
        raise BadEvent("body: is not JSON") from None


def _query(raw: Any) -> dict[str, str]:
    if raw is None:
        return {}
    if not isinstance(raw, str):
        raise BadEvent(f"query: needs a text, not {type(raw).__name__}")
    if len(raw) > MAX_QUERY_CHARACTERS:
        raise TooLarge(f"query: is longer than {MAX_QUERY_CHARACTERS} characters")
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise BadEvent(f"query: is not UTF-8, or has more than {MAX_PARAMETERS} parameters") from None
    if "," in raw:  # by which gateways join the values of a repeated parameter; one that is meant is written %2C
        raise BadEvent("query: holds a comma that is not encoded")
    return _object(pairs, "query")


def _form(text: str) -> dict[str, str]:
    """The fields of a form, each of which occurs once."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise BadEvent(f"body: is not UTF-8, or has more than {MAX_PARAMETERS} fields") from None
    return _object(pairs)


def _cookies(raw: Any) -> dict[str, str]:
    if raw is None:
        return {}
    if not isinstance(raw, Sequence) or not all(isinstance(cookie, str) for cookie in raw):
        raise BadEvent("cookies: needs a list of texts")
    pairs = [cookie.partition("=") for cookie in raw[:MAX_COOKIES] if cookie.strip()]
    return {name.strip(): value.strip() for name, _, value in reversed(pairs)}


def _headers(raw: Any) -> dict[str, str]:
    if raw is None:
        return {}
    if not isinstance(raw, Mapping) or not all(isinstance(value, str) for value in raw.values()):
        raise BadEvent("headers: needs an object of texts")
    return {str(name).lower(): value for name, value in raw.items()}


def _object(pairs: Sequence[tuple[str, Any]], part: str = "body") -> dict[str, Any]:
    """A dict of the pairs; BadEvent names the key that occurs twice and the part of the request that has it."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        [(repeated, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise BadEvent(f"{part}.{repeated[:64]}: is given twice")
    return fields


def _constant(name: str) -> Any:
    raise BadEvent(f"body: {name} is no number of JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise BadEvent("body: a number is too large")
    return value
