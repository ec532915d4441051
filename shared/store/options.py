"""Options of what the application stores: which collection holds the exposures, under which names."""

from typing import ClassVar, Final

from shared.config import Section
from shared.errors import BadConfig

MAX_NAME_LENGTH: Final = 100  # bytes of a collection's or a field's name


class ExposureFields(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "exposures"

    collection: str = "feeditems"  # collection of the application that says what was on whose screen
    off_screen: str = "offScreenAt"  # field of an exposure that says when it ended, or a path of fields with dots
    credential: str = "seenCredential"  # field of an exposure that says by which credential it was seen, or a path

    def __post_init__(self) -> None:
        for option, name, kind in (
            ("collection", self.collection, "a collection"),
            ("off_screen", self.off_screen, "a field"),
            ("credential", self.credential, "a field"),
        ):
            is_of_server = option == "collection" and name.split(".")[0] == "system"
            if not _is_name(name) or is_of_server:
                raise BadConfig(f"option exposures.{option}: {name!r} is not a name of {kind} in MongoDB")


def _is_name(text: str) -> bool:
    """Whether MongoDB takes this text as a name of a collection or a path of fields."""
    return text.isprintable() and "$" not in text and len(text.encode()) <= MAX_NAME_LENGTH and all(text.split("."))
