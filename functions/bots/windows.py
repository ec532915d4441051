"""The latest readings of many credentials, as arrays with one row a credential."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.columns import Columns, FloatArray, IntArray, concat, id_keys, id_order

SECOND_MS = 1_000


@dataclass(frozen=True, slots=True)
class Windows:
    """One row a credential: its readings from the left in the order of time, nan after the last one.

    credential   (n,)         keys
    count        (n,)         number of readings, at least 1
    at           (n, widest)  when each reading began [s since 1970]
    reading      (n, widest)  how long the post was on the screen, 0 or more [s]
    gap          (n, widest)  from the beginning of the exposure before, whether a reading or not, 0 or more [s]
    preceded_at  (n,)         when the exposure before the first reading began [ms since 1970]
    """

    credential: NDArray[np.bytes_]
    count: IntArray
    at: FloatArray
    reading: FloatArray
    gap: FloatArray
    preceded_at: IntArray

    def __len__(self) -> int:
        return len(self.credential)

    @property
    def first(self) -> IntArray:
        """(n,) when the first reading of each credential began [ms since 1970]."""
        return milliseconds(self.at[:, 0])

    @property
    def last(self) -> IntArray:
        """(n,) when the last reading of each credential began [ms since 1970]."""
        return milliseconds(self.at[np.arange(len(self)), self.count - 1])


def windows(batches: Iterable[Columns], limit: int, min_readings: int) -> Iterator[Windows]:
    """The latest `limit` readings of every credential that has at least `min_readings`, in groups of credentials.

    batches  of exposures, credential by credential, each in the order of time: credential, content, at and until [ms]
    An exposure that is recorded more than once, as by a client that sends it again, counts once: of the records of one
    credential, post and beginning the one with the latest end.
    At most one batch and the readings of one credential are held in memory.
    """
    limit = max(limit, 1)
    held: Columns | None = None
    previous: Columns | None = None
    for batch in _deduplicated(batches):
        readings = _readings(batch, previous)
        previous = {name: column[-1:] for name, column in batch.items()}
        readings = concat([held, readings]) if held else readings
        ongoing = readings["credential"] == previous["credential"][0]
        held = {name: column[ongoing][-limit:] for name, column in readings.items()}
        yield from _by_credential({name: column[~ongoing] for name, column in readings.items()}, limit, min_readings)
    if held:
        yield from _by_credential(held, limit, min_readings)


def milliseconds(seconds: FloatArray) -> IntArray:
    """(n,) whole milliseconds of `seconds` (n,), as they were before they became seconds [ms since 1970]."""
    return np.rint(seconds * SECOND_MS).astype(np.int64)


def _deduplicated(batches: Iterable[Columns]) -> Iterator[Columns]:
    """The exposures without repeats, those of one credential and moment in the order of their posts' ids. No batch is
    empty, and none separates exposures of one credential and moment."""
    held: Columns | None = None
    for recorded in batches:
        if not len(recorded["at"]):
            continue
        batch = concat([held, recorded]) if held else recorded
        last = int(np.flatnonzero(_starts_moment(batch))[-1])
        held = {name: column[last:] for name, column in batch.items()}
        if last:
            yield _without_repeats({name: column[:last] for name, column in batch.items()})
    if held:
        yield _without_repeats(held)


def _starts_moment(batch: Columns) -> NDArray[np.bool_]:
    """(n,) true for an exposure of another credential or another moment than the exposure before it."""
    credential, at = batch["credential"], batch["at"]
    return np.concatenate([[True], (credential[1:] != credential[:-1]) | (at[1:] != at[:-1])])


def _without_repeats(batch: Columns) -> Columns:
    """The batch with the latest end of each credential, moment and post only, posts of one moment by their ids."""
    starts = _starts_moment(batch)
    if starts.all():
        return batch
    order = np.lexsort((-batch["until"], *id_order(batch["content"]), starts.cumsum()))
    batch = {name: column[order] for name, column in batch.items()}
    content = id_keys(batch["content"])
    is_first = starts | np.concatenate([[True], content[1:] != content[:-1]])
    return {name: column[is_first] for name, column in batch.items()}


def _readings(batch: Columns, previous: Columns | None) -> Columns:
    """The exposures with a known reading time, each with the moment when the exposure before it began.

    Left out are a credential's first exposure, which has none before it, and exposures whose end is not known or lies
    before their beginning, as after a jump of a clock.
    previous  the last exposure of the batch before, or None
    """
    credential, at = batch["credential"], batch["at"]
    earlier = previous or {"credential": np.zeros(1, credential.dtype), "at": np.zeros(1, at.dtype)}
    preceding_credential = np.concatenate([earlier["credential"], credential[:-1]])
    preceded_at = np.concatenate([earlier["at"], at[:-1]])
    usable = (credential == preceding_credential) & (credential != b"") & (batch["until"] >= at)
    columns: Columns = {"credential": credential, "at": at, "until": batch["until"], "preceded_at": preceded_at}
    return {name: column[usable] for name, column in columns.items()}


def _by_credential(readings: Columns, limit: int, min_readings: int) -> Iterator[Windows]:
    """One group of windows, or none where no credential has enough readings."""
    credential = readings["credential"]
    if not len(credential):
        return
    starts = np.flatnonzero(np.concatenate([[True], credential[1:] != credential[:-1]]))
    ends = np.append(starts[1:], len(credential))
    enough = ends - starts >= max(min_readings, 1)
    starts, ends = np.maximum(starts, ends - limit)[enough], ends[enough]
    if not len(starts):
        return
    count = ends - starts
    rows = starts[:, None] + np.arange(count.max())
    is_reading = rows < ends[:, None]
    rows = np.where(is_reading, rows, 0)

    def padded(seconds: NDArray[Any]) -> FloatArray:
        """(n, widest) one row a credential, nan after its last reading."""
        return np.where(is_reading, seconds[rows], np.nan)

    at, preceded_at = readings["at"], readings["preceded_at"]
    yield Windows(
        credential=credential[starts],
        count=count,
        at=padded(at / SECOND_MS),
        reading=padded((readings["until"] - at) / SECOND_MS),
        gap=padded((at - preceded_at) / SECOND_MS),
        preceded_at=preceded_at[starts],
    )
