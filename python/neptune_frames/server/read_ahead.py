"""Points read beyond a page, kept for the page after it.

A series is read from its files as a whole, whatever part of it a page holds. Clients come back for the
rest with the last step they got; that next request is known in advance, so the rest waits under its key.
A client that asks for something else is answered from the files again, and so is every client once the
files of a project changed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.query.selection import StepRange
from neptune_frames.server.series import find_series, read_points
from neptune_frames.server.state import ServerState
from neptune_frames.slices import offsets_of, ranges

#: What tells one requested series from another, beside the step it goes on from.
_IDENTITY = ["holder", "attribute", "lineage", "entity_type", "include_preview"]


@dataclass(frozen=True)
class SeriesQuery:
    """One page request: which series (SERIES_REQUESTS), which part of them, in which direction.

    ``after`` holds the step to go on from per series, NaN for the start.
    """

    series: pa.RecordBatch
    step_range: StepRange
    descending: bool
    after: npt.NDArray[np.float64]
    point: pa.StructType

    @property
    def is_continued(self) -> bool:
        """Whether a page went before."""
        return not np.isnan(self.after).all()

    def key(self, versions: tuple[int, ...]) -> bytes:
        """Equal for equal questions about one state of the archive, whatever their limits and request ids.

        ``versions`` are those of the catalogs that the runs were found in.
        """
        identity = [self.series[name] for name in _IDENTITY]
        content = pa.RecordBatch.from_arrays([*identity, pa.array(self.after)], names=[*_IDENTITY, "after"])
        settings = repr((versions, self.step_range, self.descending, str(self.point))).encode()
        return hashlib.sha256(settings + content.serialize()).digest()

    def following(self, unfinished: npt.NDArray[np.bool_], last_steps: npt.NDArray[np.float64]) -> SeriesQuery:
        """The question of the next page: the unfinished series, each after its last step."""
        series = self.series.filter(pa.array(unfinished))
        return SeriesQuery(series, self.step_range, self.descending, last_steps[unfinished], self.point)


@dataclass(frozen=True)
class SeriesRead:
    """Points of each series from ``after`` on; ``complete`` where none lie beyond them.

    ``total`` counts all points of a series within the step range; ``versions`` are those of the catalogs read.
    """

    points: pa.Array
    total: npt.NDArray[np.int64]
    complete: npt.NDArray[np.bool_]
    versions: tuple[int, ...]

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        return pc.list_value_length(self.points).to_numpy()  # type: ignore[no-any-return]

    def has(self, limit: int) -> bool:
        """Whether a page of ``limit`` points per series can be cut from what was read."""
        return bool((self.complete | (self.lengths >= limit)).all())


def read(state: ServerState, query: SeriesQuery, limit: int, ahead: int) -> SeriesRead:
    """At least the next ``limit`` points of each series, from memory; or ``ahead`` from the archive."""
    lookup = find_series(state, query.series)
    known: SeriesRead | None = state.cache.get(query.key(lookup.versions))
    if known is not None and known.has(limit):
        return known
    points, total = read_points(
        state,
        lookup,
        query.series,
        query.step_range,
        query.point,
        limit=ahead,
        descending=query.descending,
        after=query.after if query.is_continued else None,
    )
    return SeriesRead(points, total, pc.list_value_length(points).to_numpy() < ahead, lookup.versions)


def keep_rest(
    state: ServerState, query: SeriesQuery, read: SeriesRead, sent: pa.Array, unfinished: npt.NDArray[np.bool_]
) -> None:
    """Keep what was read of the unfinished series beyond the points just sent.

    Not where none of them has begun: the next question would be a first one, which is answered from the files.
    """
    counts = pc.list_value_length(sent).to_numpy()
    rest = slice_lists(read.points, counts, np.where(unfinished, read.lengths, counts)).filter(pa.array(unfinished))
    kept = SeriesRead(rest, read.total[unfinished], read.complete[unfinished], read.versions)
    following = query.following(unfinished, last_steps(sent, query.after))
    if following.is_continued and kept.has(1):
        state.cache.put(following.key(read.versions), kept, int(rest.nbytes))


def last_steps(points: pa.Array, default: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The step of the last point of each list, ``default`` for empty ones."""
    lengths = pc.list_value_length(points).to_numpy()
    steps = points.flatten().field("step").to_numpy()
    last = default.copy()
    filled = lengths > 0
    last[filled] = steps[np.cumsum(lengths)[filled] - 1]
    return last


def slice_lists(lists: pa.Array, starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]) -> pa.Array:
    """Items ``starts[i]`` to ``stops[i]`` (exclusive) of each list of a large list array."""
    lengths = pc.list_value_length(lists).to_numpy()
    if not starts.any() and (lengths == stops).all():
        return lists
    counts = stops - starts
    items = pa.array(ranges(offsets_of(lengths)[:-1] + starts, counts))
    return pa.LargeListArray.from_arrays(pa.array(offsets_of(counts)), lists.flatten().take(items), type=lists.type)


def first_points(points: pa.Array, counts: npt.NDArray[np.int64]) -> pa.Array:
    """The first ``counts[i]`` items of each list of a large list array."""
    return slice_lists(points, np.zeros(len(counts), np.int64), counts)
