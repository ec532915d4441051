"""Deletion of old versions of models."""

from datetime import datetime

from functions.artifacts.options import Artifacts
from shared.artifacts import Registry
from shared.report import Report
from shared.store import Store

NAME = "prune_artifacts"


def run(store: Store, registry: Registry, options: Artifacts, *, now: datetime) -> Report:
    """Delete old versions of every model: the newest `keep` stay, as many that may be used, the live one, and the last
    good one before it where that is refused. Safe to repeat."""
    with store.leases.hold(NAME):
        return Report(removed=registry.prune(options.keep, now=now))
