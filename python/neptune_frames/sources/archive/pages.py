"""One page of many series, as a server answers it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from neptune_frames.schemas import series_points_schema
from neptune_frames.slices import offsets_of, ranges
from neptune_frames.sources.archive.grouping import Indices, Steps, bisect_slices
from neptune_frames.sources.archive.series import StitchedSeries
from neptune_frames.sources.base import SeriesKeys


@dataclass
class PageBuilder:
    """Collects the page of every series of ``keys``, however they come.

    A page holds the first ``limit`` points beyond ``after`` (one step per key, NaN: from the start), from
    the end where ``descending``. ``point`` is the struct of a point.
    """

    keys: SeriesKeys
    point: pa.StructType
    limit: int
    descending: bool = False
    after: Steps | None = None
    _rows: list[Indices] = field(default_factory=list)
    _lengths: list[Indices] = field(default_factory=list)
    _totals: list[Indices] = field(default_factory=list)
    _points: list[pa.StructArray] = field(default_factory=list)

    def __post_init__(self) -> None:
        run, attribute = self.keys.positions()
        self._wanted = pl.DataFrame({"key": self._key(run, attribute)}).with_row_index("row")

    def add(
        self,
        points: StitchedSeries,
        runs: npt.NDArray[np.int32],
        attributes: npt.NDArray[np.int32],
        structs: pa.StructArray,
    ) -> None:
        """Take the pages of some series; ``runs`` and ``attributes`` are their positions in the keys."""
        series = pl.DataFrame({"key": self._key(runs, attributes)}).with_row_index("series")
        hits = self._wanted.join(series, on="key", maintain_order="left")
        row, number = (hits[name].to_numpy().astype(np.int64) for name in ("row", "series"))
        starts, stops = points.offsets[number], points.offsets[number + 1]
        self._totals.append(stops - starts)
        if self.after is not None:
            starts, stops = self._beyond(points.steps, starts, stops, self.after[row])
        length = np.minimum(stops - starts, self.limit)
        positions = ranges(stops - length if self.descending else starts, length)
        if self.descending:
            ends = offsets_of(length)
            positions = positions[np.repeat(ends[1:] + ends[:-1] - 1, length) - np.arange(len(positions))]
        self._rows.append(row)
        self._lengths.append(length)
        self._points.append(structs.take(pa.array(positions)))

    def table(self) -> pa.Table:
        """Columns ``points`` (a list per key) and ``total``; a key that came with two types has the first."""
        nothing = np.empty(0, dtype=np.int64)
        row, length, total = (np.concatenate([nothing, *p]) for p in (self._rows, self._lengths, self._totals))
        structs = pa.concat_arrays(self._points) if self._points else pa.array([], self.point)
        distinct, first = np.unique(row, return_index=True)
        lengths, totals = np.zeros((2, len(self.keys)), dtype=np.int64)
        lengths[distinct], totals[distinct] = length[first], total[first]
        positions = ranges(offsets_of(length)[first], length[first])
        lists = pa.LargeListArray.from_arrays(
            pa.array(offsets_of(lengths)),
            structs.take(pa.array(positions)),
            type=series_points_schema(self.point).field("points").type,
        )
        return pa.table({"points": lists, "total": pa.array(totals)})

    def _key(self, runs: npt.NDArray[np.int32], attributes: npt.NDArray[np.int32]) -> Indices:
        return runs.astype(np.int64) * max(len(self.keys.attributes), 1) + attributes

    def _beyond(self, steps: Steps, starts: Indices, stops: Indices, after: Steps) -> tuple[Indices, Indices]:
        """The part of each series that lies beyond a step, in the direction asked for."""
        known = np.flatnonzero(~np.isnan(after))
        cut = bisect_slices(steps, starts[known], stops[known], after[known], right=not self.descending)
        starts, stops = starts.copy(), stops.copy()
        (stops if self.descending else starts)[known] = cut
        return starts, stops
