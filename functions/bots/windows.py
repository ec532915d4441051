"""The latest readings of many credentials, side by side."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.columns import Columns, FloatArray, IntArray, concat, id_keys, id_order

SECOND_MS = 1_000


@dataclass(frozen=True, slots=True)
class Windows:
    """One row a credential, its readings from the left in the order of time, nan behind the last one.

    credential   (n,)         keys
    count        (n,)         readings [count]
    at           (n, widest)  when each began [s since 1970]
    reading      (n, widest)  how long it was on the screen, never negative [s]
    gap          (n, widest)  from the beginning of the exposure before it, used or not, to its own, never negative [s]
    preceded_at  (n,)         when the exposure before the first one began [ms since 1970]
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
        """(n,) when the first reading began [ms since 1970]."""
        return milliseconds(self.at[:, 0])

    @property
    def last(self) -> IntArray:
        """(n,) when the last reading began [ms since 1970]."""
        return milliseconds(self.at[np.arange(len(self)), self.count - 1])


def windows(batches: Iterable[Columns], limit: int, least: int) -> Iterator[Windows]:
    """The latest `limit` readings of every credential that has at least `least`.

    batches  of exposures, credential by credential, each in the order of time: credential, content, at and until [ms]
    An exposure that is recorded more than once, as by a client that sends it again, counts once: of the records of one
    credential, post and beginning that with the latest end.
    No more is held than one batch and the readings of one credential.
    """
    limit = max(limit, 1)
    rest: Columns | None = None
    before: Columns | None = None
    for batch in _once(batches):
        found = _readings(batch, before)
        before = {name: column[-1:] for name, column in batch.items()}
        found = concat([rest, found]) if rest else found
        ongoing = found["credential"] == before["credential"][0]
        rest = {name: column[ongoing][-limit:] for name, column in found.items()}
        yield from _side_by_side({name: column[~ongoing] for name, column in found.items()}, limit, least)
    if rest:
        yield from _side_by_side(rest, limit, least)


def milliseconds(seconds: FloatArray) -> IntArray:
    """(n,) [ms since 1970], as they were before they became seconds."""
    return np.rint(seconds * SECOND_MS).astype(np.int64)


def _once(batches: Iterable[Columns]) -> Iterator[Columns]:
    """The exposures without repeats, at one moment in the order of their posts' ids; no batch is empty, none ends
    within a moment of a credential."""
    ending: Columns | None = None
    for recorded in batches:
        if not len(recorded["at"]):
            continue
        batch = concat([ending, recorded]) if ending else recorded
        last = int(np.flatnonzero(_begins(batch))[-1])
        ending = {name: column[last:] for name, column in batch.items()}
        if last:
            yield _without_repeats({name: column[:last] for name, column in batch.items()})
    if ending:
        yield _without_repeats(ending)


def _begins(batch: Columns) -> NDArray[np.bool_]:
    """(n,) where another moment, or another credential, begins."""
    credential, at = batch["credential"], batch["at"]
    return np.concatenate([[True], (credential[1:] != credential[:-1]) | (at[1:] != at[:-1])])


def _without_repeats(batch: Columns) -> Columns:
    begins = _begins(batch)
    if begins.all():
        return batch
    order = np.lexsort((-batch["until"], *id_order(batch["content"]), begins.cumsum()))
    batch = {name: column[order] for name, column in batch.items()}
    content = id_keys(batch["content"])
    new = begins | np.concatenate([[True], content[1:] != content[:-1]])
    return {name: column[new] for name, column in batch.items()}


def _readings(batch: Columns, before: Columns | None) -> Columns:
    """The exposures that tell how long somebody read, each with the moment of the one before it.

    A credential's first exposure has none before it, and is left out; so is one whose end is not known, or lies before
    its beginning, as after a jump of a clock.
    """
    credential, at = batch["credential"], batch["at"]
    earlier = before or {"credential": np.zeros(1, credential.dtype), "at": np.zeros(1, at.dtype)}
    whose = np.concatenate([earlier["credential"], credential[:-1]])
    preceded_at = np.concatenate([earlier["at"], at[:-1]])
    usable = (credential == whose) & (credential != b"") & (batch["until"] >= at)
    columns: Columns = {"credential": credential, "at": at, "until": batch["until"], "preceded_at": preceded_at}
    return {name: column[usable] for name, column in columns.items()}


def _side_by_side(readings: Columns, limit: int, least: int) -> Iterator[Windows]:
    """One group of windows, or none where nobody has read enough."""
    credential = readings["credential"]
    if not len(credential):
        return
    starts = np.flatnonzero(np.concatenate([[True], credential[1:] != credential[:-1]]))
    ends = np.append(starts[1:], len(credential))
    enough = ends - starts >= max(least, 1)
    starts, ends = np.maximum(starts, ends - limit)[enough], ends[enough]
    if not len(starts):
        return
    count = ends - starts
    place = starts[:, None] + np.arange(count.max())
    there = place < ends[:, None]
    place = np.where(there, place, 0)

    def laid_out(seconds: NDArray[Any]) -> FloatArray:
        return np.where(there, seconds[place], np.nan)

    at, preceded_at = readings["at"], readings["preceded_at"]
    yield Windows(
        credential=credential[starts],
        count=count,
        at=laid_out(at / SECOND_MS),
        reading=laid_out((readings["until"] - at) / SECOND_MS),
        gap=laid_out((at - preceded_at) / SECOND_MS),
        preceded_at=preceded_at[starts],
    )
