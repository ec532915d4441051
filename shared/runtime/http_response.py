"""What every page and file gets on its way out: an `ETag`, 304 for who has it already, and compression.

Answers of the JSON API are sent as they are.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import replace

from shared.api import Response

MIN_COMPRESSED_BYTES = 1_000  # shorter ones gain less than the headers cost
COMPRESSED = ("text/", "image/svg+xml")  # media types that are texts
NOT_MODIFIED = 304  # HTTP status
KEPT_HEADERS = ("cache-control", "etag", "vary")  # of those that 304 has too (RFC 9110, 15.4.5)


def conditional(response: Response, method: str, headers: Mapping[str, str]) -> Response:
    """The response to send to a client with these headers, by name in lower case.

    A tag is weak, since the same page may be sent compressed and not.
    """
    if method != "GET" or response.status != 200:
        return response
    body = response.body.encode() if isinstance(response.body, str) else response.body
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    tagged = replace(response, headers={**response.headers, "ETag": tag})
    if _knows(headers.get("if-none-match", ""), tag):
        kept = {name: value for name, value in tagged.headers.items() if name.lower() in KEPT_HEADERS}
        return replace(tagged, body="", status=NOT_MODIFIED, headers=kept)
    if len(body) < MIN_COMPRESSED_BYTES or not response.media_type.startswith(COMPRESSED):
        return tagged
    varied = ", ".join(filter(None, (response.headers.get("Vary", ""), "Accept-Encoding")))
    tagged = replace(tagged, headers={**tagged.headers, "Vary": varied})
    if not _takes_gzip(headers.get("accept-encoding", "")):
        return tagged
    # A CSRF token is worth nothing to who guesses it by the sizes of compressed pages: forms need a request of the same
    # origin as well.
    packed = gzip.compress(body, compresslevel=6, mtime=0)
    return replace(tagged, body=packed, headers={**tagged.headers, "Content-Encoding": "gzip"})


def _knows(if_none_match: str, tag: str) -> bool:
    """Whether the client has what the tag stands for, compared weakly (RFC 9110, 13.1.2).

    >>> _knows('"a", W/"b"', 'W/"b"'), _knows("*", 'W/"b"'), _knows("", 'W/"b"')
    (True, True, False)
    """
    given = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return tag.removeprefix("W/") in given or given == ["*"]


def _takes_gzip(accept_encoding: str) -> bool:
    """Whether the client takes gzip.

    >>> _takes_gzip("br, gzip;q=0.5"), _takes_gzip("gzip;q=0"), _takes_gzip("")
    (True, False, False)
    """
    for part in accept_encoding.lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
