"""Which route answers a request, by its method and path."""

import re
from collections.abc import Sequence
from typing import Any, Generic

from shared.api import Route, Service
from shared.errors import MethodNotAllowed, NotFound

SEGMENT = r"[\w.~-]{1,128}"  # what a segment in braces stands for: ids, names, file names

_BRACES = re.compile(r"\{(\w+)\}")


class RouteTable(Generic[Service]):
    """Finds the route of a request."""

    def __init__(self, routes: Sequence[Route[Service]]) -> None:
        self._routes: dict[str, dict[str, Route[Service]]] = {}
        for route in routes:
            self._routes.setdefault(route.path, {})[route.method] = route
        self._patterns = [(_pattern(path), path) for path in self._routes if _BRACES.search(path)]

    def find(self, method: str, path: str) -> tuple[Route[Service], dict[str, str]]:
        """The route, and what the segments in braces stand for. A path without braces goes before one with them.

        Raises NotFound where there is no such path, MethodNotAllowed where it takes other methods.
        """
        routes, segments = self._routes.get(path), dict[str, str]()
        if routes is None:
            for pattern, template in self._patterns:
                if match := pattern.fullmatch(path):
                    routes, segments = self._routes[template], match.groupdict()
                    break
        if routes is None:
            raise NotFound("path: there is no such route")
        if method not in routes:
            raise MethodNotAllowed(routes)
        return routes[method], segments


def _pattern(path: str) -> "re.Pattern[str]":
    """The expression for a path with braces.

    >>> bool(_pattern("/models/{family}/{key}").fullmatch("/models/country/th"))
    True
    """
    parts = _BRACES.split(path)
    literals, names = parts[::2], parts[1::2]
    named: list[Any] = [f"(?P<{name}>{SEGMENT})" for name in names]
    text = "".join(re.escape(literal) + name for literal, name in zip(literals, [*named, ""], strict=True))
    return re.compile(text, re.ASCII)
