"""Failures that are foreseen, and whether a retry helps.

AppError
├── BadConfig      a setting is missing or wrong                  do not retry
├── BadEvent       an input is not what it should be              do not retry
│   └── InvalidFields  a field of a request is not what its model allows  do not retry
├── NotFound       what was named does not exist                  do not retry
├── Unauthorized   the caller is not authenticated                do not retry
├── Forbidden      the caller lacks the right                     do not retry
├── TooLarge       an input is larger than the limit              do not retry
├── UnsupportedMedia  a body in a format that is not supported    do not retry
├── MethodNotAllowed  a path that takes other methods             do not retry
├── Refused        the result of a job failed its checks          do not retry
├── Conflict       another run is doing or has done it            do not retry
├── Unforeseen     any other failure; the log has its traceback   do not retry
├── StaleModel     an artifact may not be used                    retry helps, once a newer one is live
└── Unavailable    a service does not answer or refuses           retry helps
    └── Unanswered     a function that was called may still work      retry helps, once it has ended
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar


class AppError(Exception):
    """Any foreseen failure; its text names the field or the object at fault."""

    retry_helps: ClassVar[bool] = False


class BadConfig(AppError):
    """A setting is missing or wrong."""


class BadEvent(AppError):
    """An event, a file or a request is not what it should be; the text names the field."""


class InvalidFields(BadEvent):
    """A field of a request is not what the model of the request allows.

    place  where: the part of the request, the field, and the position in a list
    kind   what kind of error it is, such as "missing"
    """

    def __init__(self, sentence: str, place: Sequence[str | int], kind: str) -> None:
        super().__init__(sentence)
        self.place, self.kind = list(place), kind


class NotFound(AppError):
    """What was named does not exist."""


class Unauthorized(AppError):
    """The caller is not authenticated."""


class Forbidden(AppError):
    """The caller lacks the right."""


class TooLarge(AppError):
    """An input is larger than the limit."""


class UnsupportedMedia(AppError):
    """A body has a format, or an encoding, that is not supported."""


class MethodNotAllowed(AppError):
    """A path was requested with a method that it does not take; `allowed` names the methods that it takes."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = ", ".join(sorted(allowed))
        super().__init__(f"method: needs {self.allowed}")


class Refused(AppError):
    """The result of a job failed its checks; the live one is unchanged."""


class Conflict(AppError):
    """Another run is doing it now, or has done it."""


class Unforeseen(AppError):
    """An unforeseen failure, of which only the class is reported, since its text may quote what a person wrote."""


class StaleModel(AppError):
    """An artifact is damaged, unsigned, or made for other features."""

    retry_helps = True


class Unavailable(AppError):
    """A service does not answer, or refuses the operation."""

    retry_helps = True


class Unanswered(Unavailable):
    """A function was called, and has not answered in time: it may still be at work, and do what it was asked for."""
