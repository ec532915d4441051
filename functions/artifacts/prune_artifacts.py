"""Deletion of old versions of models."""

from functions.artifacts.options import Artifacts
from shared.artifacts import Registry
from shared.report import Report
from shared.store import Store

NAME = "prune_artifacts"


def run(store: Store, registry: Registry, options: Artifacts) -> Report:
    """Delete all but the newest `keep` versions of every model; the live one is always kept. Safe to repeat."""
    with store.leases.hold(NAME):
        return Report(removed=registry.prune(options.keep))
