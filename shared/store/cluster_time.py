"""The server's logical clock."""

from datetime import datetime

from bson import Timestamp
from pymongo.client_session import ClientSession

from shared.clock import MOST_AHEAD, epoch_ms
from shared.errors import BadConfig


def cluster_time(session: ClientSession) -> Timestamp:
    """The moment of now; what is read in this session afterwards holds everything up to it.

    Raises BadConfig where the server has no such clock, since it is no member of a replica set.
    """
    session.client.admin.command("ping", session=session)
    if session.operation_time is None:
        raise BadConfig("MONGO_URI: the server has no cluster time; a replica set is needed")
    return session.operation_time


def latest(now: datetime) -> Timestamp:
    """The last moment that any server's clock can have said until now; what is stored with a later one is damaged."""
    return Timestamp(epoch_ms(now + MOST_AHEAD) // 1_000, 0)
