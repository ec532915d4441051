"""What a version of the detector learnt from, and how well it did, in numbers that a page can show without numpy.

For example: {family: "bots", version: "20260130T115500Z", features: ["viewsPerHour", …], dataset: [ObjectId, …],
metrics: {threshold: 0.8, …}, evaluationReport: {bot_class_precision: 0.93, …}} and the rows of features in `dataset`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bson import ObjectId

from shared.documents import Document
from shared.store import Store, schema
from shared.store.decoding import Malformed, as_document, as_list, as_number, as_text, sound

MAX_EXAMPLES = 2_000  # that are read; of more, each with equal chances
VERSIONS = 4  # that are kept in memory

Values = Mapping[str, Sequence[float]]  # ascending, by feature


@dataclass(frozen=True, slots=True)
class DetectorExamples:
    """A version of the detector; without examples where it is not kept any more.

    people, bots  the features of the labelled credentials that it learnt from, as far as they are still stored
    threshold     score from which on a credential is a suspect; None where it is not known
    precision     part of those above the threshold that are bots, 0..1, cross-validated; None where it is not known
    """

    people: Values
    bots: Values
    threshold: float | None
    precision: float | None


@lru_cache(maxsize=VERSIONS)
def detector_examples(store: Store, version: str, bot_status: bool) -> DetectorExamples:
    """The examples of a version, which are read once and then kept in memory, without ids.

    bot_status  what `verificationStatus` says of a bot
    """
    versions = store.analytics[schema.ARTIFACT_VERSIONS.name]
    manifest = versions.find_one({"family": "bots", "version": version}, {"artifact": 0}) or {}
    names = [name for name in map(as_text, as_list(manifest.get("features")) or []) if name and name.isidentifier()]
    ids = [number for number in as_list(manifest.get("dataset")) or [] if isinstance(number, ObjectId)]
    examples: dict[bool, dict[str, list[float]]] = {status: {name: [] for name in names} for status in (True, False)}
    windows = store.analytics[schema.CREDENTIAL_FEATURES.name]
    drawn = {"_id": {"$in": ids[:: -(-len(ids) // MAX_EXAMPLES) or 1]}}
    rows = windows.find(drawn, dict.fromkeys([*names, "verificationStatus"], 1))
    for status, values in sound(windows, rows, lambda row: _example(row, names)):
        for name, value in values.items():
            examples[status][name].append(value)
    metrics, report = (as_document(manifest.get(name)) or {} for name in ("metrics", "evaluationReport"))
    return DetectorExamples(
        people={name: sorted(values) for name, values in examples[not bot_status].items()},
        bots={name: sorted(values) for name, values in examples[bot_status].items()},
        threshold=as_number(metrics.get("threshold")),
        precision=as_number(report.get("bot_class_precision")),
    )


def _example(row: Document, names: Sequence[str]) -> tuple[bool, dict[str, float]]:
    """The label of a window and its features, without those that are malformed; Malformed for one without a label."""
    status: Any = row.get("verificationStatus")
    if not isinstance(status, bool):
        raise Malformed
    numbers = {name: as_number(row.get(name)) for name in names}
    return status, {name: number for name, number in numbers.items() if number is not None and number >= 0}
