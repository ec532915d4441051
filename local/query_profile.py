"""What a piece of work asks of databases, and how MongoDB answers: its own profiler writes every operation down."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pymongo.database import Database

from shared.documents import Document

PROFILE = "system.profile"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    namespace  database and collection
    kind       "query", "command", "getmore", "update", …
    plan       what MongoDB says of its plan in short, such as "IXSCAN { _id: 1 }"; empty where there is none to say
    examined   documents that it looked at
    returned   documents that it gave
    """

    namespace: str
    kind: str
    plan: str
    examined: int
    returned: int

    @property
    def scans_collection(self) -> bool:
        """Whether it looked at the documents of a collection one after the other, and not just at any one of them."""
        return "COLLSCAN" in self.plan and self.examined > 1


@contextmanager
def profiled(*databases: Database[Document]) -> Iterator[list[Operation]]:
    """Inside the `with`, operations on these databases are written down; behind it, they are in the list.

    For databases of tests and benchmarks: every operation takes longer meanwhile, and MongoDB keeps 1 MB of them.
    """
    operations: list[Operation] = []
    began = [database.command("hello")["localTime"] for database in databases]
    for database in databases:
        database.command("profile", 2)
    try:
        yield operations
    finally:
        for database, since in zip(databases, began, strict=True):
            database.command("profile", 0)
            query = {"ts": {"$gte": since}, "ns": {"$not": {"$regex": PROFILE}}}
            operations += [_operation(row) for row in database[PROFILE].find(query)]


def _operation(row: Document) -> Operation:
    plan, examined, returned = row.get("planSummary", ""), row.get("docsExamined", 0), row.get("nreturned", 0)
    return Operation(str(row["ns"]), str(row["op"]), str(plan), int(examined), int(returned))
