"""What can go wrong, and whether trying again helps.

AppError
├── BadConfig      a setting is missing or wrong           do not retry
├── BadEvent       an input is not what it should be       do not retry
├── NotFound       what was named does not exist           do not retry
├── Unauthorized   nobody can tell who asks                do not retry
├── Forbidden      who asks may not                        do not retry
├── TooLarge       more than is taken at once              do not retry
├── UnsupportedMedia  a body in a format that is not read  do not retry
├── MethodNotAllowed  a path that takes other methods      do not retry
├── Refused        what was made failed its checks         do not retry
├── Conflict       someone else is doing or has done it    do not retry
├── Unforeseen     none of these; the log has its place   do not retry
├── StaleModel     an artifact may not be used             retry helps, once a newer one is live
└── Unavailable    a service does not answer or refuses    retry helps
"""

from collections.abc import Iterable
from typing import ClassVar


class AppError(Exception):
    """Any failure that we foresaw; its text names the field or the thing at fault."""

    retry_helps: ClassVar[bool] = False


class BadConfig(AppError):
    """A setting is missing or wrong."""


class BadEvent(AppError):
    """An event, a file or a request is not what it should be; the text names the field."""


class NotFound(AppError):
    """What was named does not exist."""


class Unauthorized(AppError):
    """Nobody can tell who asks."""


class Forbidden(AppError):
    """Who asks may not."""


class TooLarge(AppError):
    """More than is taken at once."""


class UnsupportedMedia(AppError):
    """A body in a format, or an encoding, that is not read."""


class MethodNotAllowed(AppError):
    """A path that is asked for with a method that it does not take; `allowed` are those that it takes."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = ", ".join(sorted(allowed))
        super().__init__(f"method: needs {self.allowed}")


class Refused(AppError):
    """What a job made did not pass its checks, so that what was live before stays."""


class Conflict(AppError):
    """Someone else is doing it now, or has done it."""


class Unforeseen(AppError):
    """Something failed that nobody foresaw; told by its kind alone, since its text may repeat what a person wrote."""


class StaleModel(AppError):
    """An artifact is damaged, unsigned, or made for other features."""

    retry_helps = True


class Unavailable(AppError):
    """A service does not answer, or refuses the operation."""

    retry_helps = True
