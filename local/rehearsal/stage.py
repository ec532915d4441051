"""What a proof works with: the deployed stage, and the error of a proof that fails."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.rehearsal.cloud import STAGE, Cloud
from local.rehearsal.operator import Operator
from local.waiting import wait_for
from shared.store import Store


class Disproved(Exception):
    """What was deployed does not do what it should; the message says what it does."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A deployed stage, and the database that it works on.

    physical  ids of the deployed resources by logical id
    template  compiled resources by logical id
    """

    cloud: Cloud
    store: Store
    operator: Operator
    physical: Mapping[str, str]
    template: Mapping[str, Any]

    def log_of(self, key: str) -> list[str]:
        """The lines that a function has logged."""
        logs = self.cloud.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{named(key)}")
        return [line for page in pages for event in page["events"] for line in event["message"].splitlines()]

    def secret(self, name: str) -> str:
        """The present value of a secret."""
        answer = self.cloud.client("ssm").get_parameter(Name=f"/feedkeeper/{STAGE}/{name}", WithDecryption=True)
        value: str = answer["Parameter"]["Value"]
        return value


def named(key: str) -> str:
    """The deployed name of a resource, by its key."""
    return f"feedkeeper-{STAGE}-{key}"


def somebody(store: Store) -> str:
    """Wait for an account that has a model, and return its id."""
    models = store.analytics.mlArtifacts
    return str(wait_for("a model", lambda: models.find_one({}, {"account": 1}), within_s=120)["account"])
