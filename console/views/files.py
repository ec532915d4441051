"""Styles, scripts and fonts, which browsers keep for ever: their addresses change with their content."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from console.assets import asset
from console.rights import PUBLIC
from console.service import Console
from console.templates import SECURITY
from console.visitor import Visitor
from shared.api import Response, Route
from shared.requests import refused

FOR_EVER = "public, max-age=31536000, immutable"


class FileQuery(Struct):
    """The name of a file with its hash."""

    file: Annotated[str, Meta(max_length=128), refused("is not the name of a file")]


def static(console: Console, visitor: Visitor, query: FileQuery, now: datetime) -> Response:
    """A file; NotFound for any other name."""
    file = asset(query.file)
    return Response(file.content, media_type=file.media_type, headers=SECURITY | {"Cache-Control": FOR_EVER})


ROUTES: tuple[Route[Console], ...] = (Route("GET", "/console/static/{file}", "A file", FileQuery, static, PUBLIC),)
