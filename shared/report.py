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
    more_malformed  how many others are malformed, of which the ids are not kept
    details    what else this job has to tell
    """

    read: int = 0
    written: int = 0
    removed: int = 0
    malformed: Sequence[object] = ()
    details: Mapping[str, Detail] = field(default_factory=lambda: MappingProxyType({}))
    more_malformed: int = 0

    @classmethod
    def late(cls) -> "Report":
        """Nothing was done, because a run of a later moment already has."""
        return cls(details={"skipped": "a later run is done"})

    @classmethod
    def together(cls, reports: Sequence["Report"]) -> "Report":
        """The sum of several; of details the numbers are added, of texts the last one stays.

        >>> Report.together([Report(1, 1, details={"late": 1}), Report(2, 0, details={"late": 2})]).as_dict()
        {'read': 3, 'written': 1, 'late': 3}
        """
        details: dict[str, Detail] = {}
        for name, value in (item for one in reports for item in one.details.items()):
            before = details.get(name, 0)
            details[name] = value if isinstance(value, str) or isinstance(before, str) else before + value
        return cls(
            sum(one.read for one in reports),
            sum(one.written for one in reports),
            sum(one.removed for one in reports),
            [key for one in reports for key in one.malformed],
            details,
            sum(one.more_malformed for one in reports),
        )

    def as_dict(self) -> dict[str, Detail]:
        """`read` and `written` always, the other counts where they are not zero, then the details.

        >>> Report(read=2, written=2).as_dict()
        {'read': 2, 'written': 2}
        """
        others = {"removed": self.removed, "malformed": len(self.malformed) + self.more_malformed}
        counts: dict[str, Detail] = {"read": self.read, "written": self.written}
        return counts | {name: number for name, number in others.items() if number} | dict(self.details)
