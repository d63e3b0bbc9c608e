"""Metrics in x-axis buckets: one point per series and bucket.

The rule (neptune-query reference 4.6, http-api 13.3): the first bucket of a series shows its first finite
point, every later one its last. The server's bucket 0 holds what is at the smallest x
alone, ``(-inf, lo]``; it is joined with the bucket after it to ``[lo, lo + width]``.

The official client drops a bucket 0 without a finite point before it joins, and then joins and mislabels
two regular buckets; here buckets are joined first, so no point is lost and every label is right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.counted import counted
from neptune_frames.frames.pandas_values import empty_index, import_pandas, name_index, string_index
from neptune_frames.frames.questions import find_runs
from neptune_frames.frames.row_order import text_ranks
from neptune_frames.frames.table_exports import Exports
from neptune_frames.frames.table_grid import sorted_codes
from neptune_frames.frames.values_objects import object_array
from neptune_frames.progress import tracked
from neptune_frames.schemas import RUNS, buckets_schema
from neptune_frames.sources.base import SeriesKeys

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    import polars as pl

    from neptune_frames.frames.questions import MetricsQuestion
    from neptune_frames.query.selection import AttributeSelector, ContainerKind
    from neptune_frames.sources.base import Source

    Floats = npt.NDArray[np.float64]


def fetch_buckets(source: Source, question: MetricsQuestion, limit: int, *, statistics: bool = True) -> BucketedMetrics:
    """Ask which float series there are, then for their buckets over their common range.

    Args:
        source: Whom to ask.
        question: Which series. Step range and tail limit do not apply to buckets.
        limit: Number of buckets at most.
        statistics: Whether buckets have more than their first and last point, which is all the pandas frame shows.
    """
    kind, selector = question.containers.kind, question.attributes
    if selector.selects_nothing:
        keys = SeriesKeys(RUNS.empty_table(), pa.array([], pa.string()))
    else:
        runs = find_runs(source, question.project, question.containers)
        keys = existing_series(source, runs, replace(selector, plain_names=None))
    if len(keys):
        buckets = source.buckets(keys, question.options, limit, statistics=statistics)
    else:
        buckets = buckets_schema(statistics=statistics).empty_table()
    return BucketedMetrics(keys, buckets, kind)


def existing_series(source: Source, runs: pa.Table, selector: AttributeSelector) -> SeriesKeys:
    """The float series that the runs have among the attributes selected."""
    batches = tracked(source.values(runs, selector), "series", lambda part: part[1].num_rows) if runs.num_rows else ()
    found = [batch.select(["run", "attribute"]) for _, batch in batches if batch.num_rows]
    if not found:
        return SeriesKeys(runs, pa.array([], pa.string()), (np.empty(0, np.int32), np.empty(0, np.int32)))
    table = pa.Table.from_batches(found)
    codes, names = sorted_codes(table.column("attribute"))
    run, attribute = np.divmod(np.unique(table.column("run").to_numpy() * np.int64(len(names)) + codes), len(names))
    return SeriesKeys(runs, pa.array(names, pa.string()), (run.astype(np.int32), attribute.astype(np.int32)))


@dataclass(frozen=True, repr=False)
class BucketedMetrics(Exports):
    """Buckets of float series, on the way to a frame.

    Args:
        keys: The series that were asked for; each is a pair of columns of the pandas frame.
        buckets: BUCKETS of these series, over a range common to all.
        kind: Whether series belong to experiments or runs; names the column level.
    """

    keys: SeriesKeys
    buckets: pa.Table
    kind: ContainerKind

    def __len__(self) -> int:
        """The number of buckets of all series."""
        return int(self.buckets.num_rows)

    def collect(self) -> pl.DataFrame:
        """A row per bucket and series: ``project``, the label (``experiment`` or ``run``), ``attribute``, the bucket
        ``(from_x, to_x]``, its first and last finite point and its statistics (`neptune_frames.schemas.BUCKETS`).

        Sorted by label, attribute and bucket. Buckets are as the server counts them: the first holds only
        what is at the smallest x.
        """
        from neptune_frames.frames.buckets_long import long_frame

        return long_frame(self)

    def to_pandas(self) -> pd.DataFrame:
        """The documented frame of `fetch_metric_buckets`.

        The index holds a ``pandas.Interval`` per bucket, the first closed on both sides and the others on
        the right; columns are (label, metric, ``x`` or ``y``) and float64. A series without a finite point
        keeps its columns; a bucket without one in any series has no row.
        """
        bounds, row = _rows(self.buckets)
        index, cells = _labelled(bounds, self._cells(row, len(bounds)))
        return import_pandas().DataFrame(cells.T, index=index, columns=self._columns(), copy=False)

    def _contents(self) -> str:
        return f"{counted(len(self), 'bucket')} of {len(self.keys):,} series"

    @property
    def _labels(self) -> pa.ChunkedArray:
        return self.keys.runs.column(self.kind.label_column)

    def _cells(self, row: npt.NDArray[np.int64], row_count: int) -> Floats:
        """x and y of each series (two rows of memory) in each bucket; NaN where it has no finite point."""
        series = self._series_of_bucket()
        first_row = np.full(len(self.keys), row_count)
        np.minimum.at(first_row, series, row)
        firsts = np.flatnonzero(row == first_row[series])
        place = np.empty(len(self.keys), np.int64)
        place[self._order] = np.arange(len(self.keys))
        # A bucket without a finite point has no first and no last one, which reads as NaN.
        cells = np.full(len(self.keys) * 2 * row_count, np.nan)
        where = place[series] * (2 * row_count)
        where += row
        for coordinate in ("x", "y"):
            cells[where] = self.buckets.column(f"last_{coordinate}").to_numpy()
            cells[where[firsts]] = self.buckets.column(f"first_{coordinate}").to_numpy()[firsts]
            where += row_count
        return cells.reshape(2 * len(self.keys), row_count)

    def _series_of_bucket(self) -> npt.NDArray[np.int64]:
        """Position among the keys of the series each bucket belongs to."""
        width = np.int64(len(self.keys.attributes))
        run, attribute = self.keys.positions()
        series = run * width + attribute
        ascending = np.argsort(series)
        asked = self.buckets.column("run").to_numpy() * width + self.buckets.column("attribute").to_numpy()
        found: npt.NDArray[np.int64] = ascending[np.searchsorted(series, asked, sorter=ascending)]
        return found

    @cached_property
    def _order(self) -> npt.NDArray[np.int64]:
        """Positions of the series, ascending by label and attribute."""
        run, attribute = self.keys.positions()
        labels, attributes = text_ranks(self._labels), text_ranks(self.keys.attributes)
        return np.lexsort((attributes[attribute], labels[run])).astype(np.int64)

    def _columns(self) -> pd.MultiIndex:
        pandas = import_pandas()
        names = [self.kind.value, "metric", "bucket"]
        parts = name_index(["x", "y"])
        if not len(self.keys):
            return pandas.MultiIndex(levels=[empty_index(), empty_index(), parts], codes=[[], [], []], names=names)
        run, attribute = (positions[self._order] for positions in self.keys.positions())
        levels, codes = [], []
        for texts, positions in ((self._labels, run), (self.keys.attributes, attribute)):
            used = texts.take(pa.array(positions))
            level = used.unique().sort()
            levels.append(string_index(level))
            codes.append(np.repeat(pc.index_in(used, level).to_numpy(), 2))
        return pandas.MultiIndex(
            levels=[*levels, parts], codes=[*codes, np.tile([0, 1], len(run))], names=names, verify_integrity=False
        )


def _rows(buckets: pa.Table) -> tuple[Floats, npt.NDArray[np.int64]]:
    """The distinct buckets as ascending (from, to), and the place of each bucket among them."""
    # + 0.0 turns -0.0 into 0.0, which hash apart.
    starts, ends = (
        pc.add(buckets.column(name).combine_chunks(), 0.0).dictionary_encode() for name in ("from_x", "to_x")
    )
    # Hashing twice is faster than sorting every bucket: there are far fewer distinct ones.
    width = max(len(ends.dictionary), 1)
    both = pc.add(pc.multiply(starts.indices.cast(pa.int64()), width), ends.indices).dictionary_encode()
    start, end = np.divmod(both.dictionary.to_numpy(), width)
    bounds = np.column_stack([starts.dictionary.to_numpy()[start], ends.dictionary.to_numpy()[end]])
    order = np.lexsort((bounds[:, 1], bounds[:, 0]))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return bounds[order], rank[both.indices.to_numpy()]


def _labelled(bounds: Floats, cells: Floats) -> tuple[pd.Index, Floats]:
    """The rows that are shown: those in which some series has a point, with an interval for each."""
    if len(bounds) and _is_empty(cells[:, 0]):
        # An open bucket without a point still says where the one after it starts.
        bounds, cells, is_closed = _join_first(bounds, cells)
        is_closed = is_closed and not _is_empty(cells[:, 0])
        bounds, cells = _filled(bounds, cells)
    else:
        bounds, cells, is_closed = _join_first(*_filled(bounds, cells))
    return _intervals(bounds, first_is_closed=is_closed), cells


def _is_empty(column: Floats) -> bool:
    return bool(np.isnan(column).all())


def _filled(bounds: Floats, cells: Floats) -> tuple[Floats, Floats]:
    filled = ~np.isnan(cells).all(axis=0)
    return (bounds, cells) if filled.all() else (bounds[filled], cells[:, filled])


def _join_first(bounds: Floats, cells: Floats) -> tuple[Floats, Floats, bool]:
    """Give the open bucket at the start a left end, together with the bucket after it where they touch.

    Returns bounds, cells, and whether the first bucket is closed on both sides.
    """
    if not len(bounds):
        return bounds, cells, False
    start, end = bounds[0]
    if len(bounds) == 1:
        point = end if np.isfinite(end) else start
        is_open = not (np.isfinite(start) and np.isfinite(end))
        return (np.array([[point, point]]) if is_open else bounds), cells, is_open
    if np.isfinite(start):
        return bounds, cells, False
    next_start, next_end = bounds[1]
    width = next_end - next_start
    if end >= next_start - width / 2:
        joined = np.where(np.isnan(cells[:, 0]), cells[:, 1], cells[:, 0])
        return (
            np.vstack([[[end, next_end]], bounds[2:]]),
            np.column_stack([joined, cells[:, 2:]]),
            True,
        )
    return np.vstack([[[end, end + width]], bounds[1:]]), cells, True


def _intervals(bounds: Floats, *, first_is_closed: bool) -> pd.Index:
    """``pandas.Interval`` objects, closed on the right, the first one possibly on both sides.

    A lone bucket with a width makes an ``IntervalIndex``: so it does in the official frame, where pandas infers it.
    """
    pandas = import_pandas()
    intervals = object_array(
        (
            pandas.Interval(start, end, closed="both" if first_is_closed and not position else "right")
            for position, (start, end) in enumerate(bounds)  # of numpy, which scripts call .item() of
        ),
        len(bounds),
    )
    is_inferred = first_is_closed and len(bounds) == 1 and bounds[0, 0] < bounds[0, 1]
    return pandas.IntervalIndex(intervals) if is_inferred else pandas.Index(intervals, dtype=object)
