"""Train the bot detector on the credentials that reviewers have labelled."""

from datetime import datetime
from typing import Any, Final

from functions.bots.detector import FAMILY, FINGERPRINT, KEY, Detector
from functions.bots.labels import REPEATS, SPLITS, LabelledSet, insufficient_labels
from functions.bots.options import Bots
from functions.bots.reading_features import FEATURES
from functions.bots.store.credential_features import CredentialFeatures
from shared.artifacts import Artifact, Challenge, Manifest, Registry
from shared.provenance import digest
from shared.report import Report
from shared.store import Store
from shared.store.decoding import as_document

NAME: Final = "train_bot_detector"


def run(store: Store, registry: Registry, options: Bots, *, now: datetime) -> Report:
    """Train when a label, an option or the features changed; promote the detector if it separates bots from people
    better than chance and no worse than the live one.

    Safe to repeat: the same labels give the same detector. With too few labelled bots or people nothing is trained, and
    the report says how many are missing.
    """
    with store.leases.hold(NAME):
        trained_on = training_signature(store, options, now)
        challenge = Challenge.begin(registry, FAMILY, KEY, now=now)
        live, refused = registry.load(FAMILY, KEY, FINGERPRINT, _with_manifest)
        if live and not refused and store.watermarks.cursor(NAME, as_document) == trained_on:
            return Report(details={"skipped": "no label changed"})
        labelled = LabelledSet.read(store, options, now=now)
        if reason := insufficient_labels(labelled, options):
            needed = {"bots_needed": options.min_bots, "people_needed": options.min_people}
            challenge.conclude("too little data", labelled.counts() | needed)
            return Report(len(labelled), details={"skipped": reason, **labelled.counts()})

        # Here, since it loads scikit-learn, and most runs have nothing to train.
        from functions.bots.detector_training import challenge_live

        promoted, details = challenge_live(challenge, live, labelled, options)
        # Also when the detector was not promoted: the same labels would only give the same one again.
        store.watermarks.move(NAME, trained_on, now=now)
    return Report(len(labelled), int(promoted), details={**labelled.counts(), **details, "refused": len(refused)})


def _with_manifest(artifact: Artifact) -> tuple[Detector, Manifest]:
    return Detector.read(artifact), artifact.manifest


def training_signature(store: Store, options: Bots, now: datetime) -> dict[str, Any]:
    """Everything that a detector depends on: training again with the same signature gives the same detector."""
    labels = CredentialFeatures(store).labels(FEATURES.names, now=now)
    return {
        "labels": labels.count,
        "until": labels.until and labels.until.isoformat(),
        "which": labels.fingerprint,
        "options": digest(options, SPLITS, REPEATS),
        "fingerprint": FINGERPRINT,
    }
