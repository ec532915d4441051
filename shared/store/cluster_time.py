"""The server's logical clock."""

from datetime import timedelta

from bson import Timestamp
from pymongo.client_session import ClientSession

from shared.clock import MAX_AHEAD
from shared.errors import BadConfig
from shared.store.expressions import Expression, has_type


def cluster_time(session: ClientSession) -> Timestamp:
    """The present cluster time; later reads of this session see every write up to it.

    Raises BadConfig where the server has no such clock, since it is not a member of a replica set.
    """
    session.client.admin.command("ping", session=session)
    if session.operation_time is None:
        raise BadConfig("MONGO_URI: the server has no cluster time; a replica set is needed")
    return session.operation_time


def has_passed(path: str) -> Expression:
    """Whether the value at `path` is a cluster time that a server can have reached by now; a later one is malformed."""
    latest = {"$add": ["$$NOW", MAX_AHEAD // timedelta(milliseconds=1)]}
    return {"$cond": [has_type(path, "timestamp"), {"$lte": [{"$toDate": path}, latest]}, False]}
