"""The report of a job, the same for logs, metrics and callers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

Detail = int | float | str


@dataclass(frozen=True, slots=True)
class Report:
    """Counts of documents, and details of the job.

    read       documents read
    written    documents inserted or replaced
    removed    documents deleted, because they should no longer exist
    malformed  ids of documents with a malformed field, which were left out or read with a neutral value
    more_malformed  malformed documents whose ids are not kept  [count]
    details    further results of the job by name
    """

    read: int = 0
    written: int = 0
    removed: int = 0
    malformed: Sequence[object] = ()
    details: Mapping[str, Detail] = field(default_factory=lambda: MappingProxyType({}))
    more_malformed: int = 0

    @classmethod
    def late(cls) -> "Report":
        """The report of a run that did nothing, because a run of a later moment is done already."""
        return cls(details={"skipped": "a later run is done"})

    @classmethod
    def together(cls, reports: Sequence["Report"]) -> "Report":
        """The sum of several reports: counts and numbers of details are added, of texts the last one is kept.

        >>> Report.together([Report(1, 1, details={"late": 1}), Report(2, 0, details={"late": 2})]).as_dict()
        {'read': 3, 'written': 1, 'late': 3}
        """
        return cls(
            sum(report.read for report in reports),
            sum(report.written for report in reports),
            sum(report.removed for report in reports),
            [identity for report in reports for identity in report.malformed],
            added(report.details for report in reports),
            sum(report.more_malformed for report in reports),
        )

    def as_dict(self) -> dict[str, Detail]:
        """`read` and `written`, then the other counts that are not 0, then the details.

        >>> Report(read=2, written=2).as_dict()
        {'read': 2, 'written': 2}
        """
        optional = {"removed": self.removed, "malformed": len(self.malformed) + self.more_malformed}
        counts: dict[str, Detail] = {"read": self.read, "written": self.written}
        return counts | {name: number for name, number in optional.items() if number} | dict(self.details)


def added(details: Iterable[Mapping[str, Detail]]) -> dict[str, Detail]:
    """Results by name, of several: numbers are added, of texts the last one is kept."""
    total: dict[str, Detail] = {}
    for name, value in (item for named in details for item in named.items()):
        before = total.get(name, 0)
        total[name] = value if isinstance(value, str) or isinstance(before, str) else before + value
    return total
