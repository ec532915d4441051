"""The server's logical clock."""

from bson import Timestamp
from pymongo.client_session import ClientSession

from shared.errors import BadConfig


def cluster_time(session: ClientSession) -> Timestamp:
    """The moment of now; what is read in this session afterwards holds everything up to it.

    Raises BadConfig where the server has no such clock, since it is no member of a replica set.
    """
    session.client.admin.command("ping", session=session)
    if session.operation_time is None:
        raise BadConfig("MONGO_URI: the server has no cluster time; a replica set is needed")
    return session.operation_time
