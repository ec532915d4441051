"""What a job did, in one shape for logs, metrics and callers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

Detail = int | float | str


@dataclass(frozen=True, slots=True)
class Report:
    """Counts of documents.

    read       looked at
    written    inserted or replaced
    removed    deleted because they no longer belong
    malformed  ids of those left out, or taken with a neutral value, because a field is not what it should be
    details    what else this job has to tell
    """

    read: int = 0
    written: int = 0
    removed: int = 0
    malformed: Sequence[object] = ()
    details: Mapping[str, Detail] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def late(cls) -> "Report":
        """Nothing was done, because a run of a later moment already has."""
        return cls(details={"skipped": "a later run is done"})

    def as_dict(self) -> dict[str, Detail]:
        """`read` and `written` always, the other counts where they are not zero, then the details.

        >>> Report(read=2, written=2).as_dict()
        {'read': 2, 'written': 2}
        """
        others = {"removed": self.removed, "malformed": len(self.malformed)}
        counts: dict[str, Detail] = {"read": self.read, "written": self.written}
        return counts | {name: number for name, number in others.items() if number} | dict(self.details)
