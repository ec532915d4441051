"""The topology of the server: transactions and change streams need a replica set.

For example, answers to `hello`: {setName: "rs0", isWritablePrimary: true}, or of a router: {msg: "isdbgrid"}
"""

from typing import Any

from pymongo import MongoClient

from shared.errors import BadConfig


def require_replica_set(client: MongoClient[dict[str, Any]]) -> None:
    """Raise BadConfig for a standalone server, and the driver's own error where none answers."""
    answer = client.admin.command("hello")
    if "setName" not in answer and answer.get("msg") != "isdbgrid":
        raise BadConfig("MONGO_URI names a standalone server; transactions and change streams need a replica set")
