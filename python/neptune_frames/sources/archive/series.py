"""Points of series: which files hold them, reading them, and joining inherited stretches to own ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from neptune_frames.query.selection import SeriesOptions
from neptune_frames.slices import each_stretch, offsets_of, ranges
from neptune_frames.sources.archive.catalog import Catalog
from neptune_frames.sources.archive.grouping import Grouped, Indices, Steps, bisect_slices
from neptune_frames.sources.archive.scan import ANY_TIME, StepRange, are_within
from neptune_frames.sources.archive.store import StoredPoints, StretchRequest

#: Points read at once: bounds the memory of a read, and keeps series numbers within 16 bits mostly.
_POINTS_PER_READ = 2_000_000
_SERIES_PER_READ = 60_000
#: Bytes of values read at once, where points are wide (texts, histograms). One series is read in one go.
_BYTES_PER_READ = 256 * 1024 * 1024

#: Columns of an inventory's tables that say what a row is of, and where it is stored.
_PLACES = ("attribute", "run", "file", "part", "row", "first_step", "last_step")


@dataclass(frozen=True)
class SeriesRequest:
    """Series of one type: (target, attribute) pairs of run numbers' positions and attribute numbers.

    ``runs`` are run numbers; ``pairs`` (``target`` a position in ``runs``, ``attribute`` a number) None
    means the full product with ``attributes``.
    """

    catalog: Catalog
    attribute_type: str
    runs: npt.NDArray[np.int64]
    attributes: npt.NDArray[np.int32]
    options: SeriesOptions
    pairs: pl.DataFrame | None = None


@dataclass(frozen=True)
class StitchedSeries:
    """Points of several series: series ``i`` is (``target[i]``, ``attribute[i]``), its points are
    ``steps[offsets[i]:offsets[i + 1]]`` and ``rows.take(...)`` of any column that was read."""

    target: npt.NDArray[np.int64]
    attribute: npt.NDArray[np.int32]
    offsets: Indices
    steps: Steps
    frame: pl.DataFrame
    order: Indices | None

    def column(self, name: str) -> pl.Series:
        """A column of the points, in the order of the series."""
        stored = self.frame[name]
        if self.order is None:
            return stored
        if stored.dtype.is_float() and not stored.null_count():
            # Several times faster than the gather of Polars, which checks and converts its indices.
            return pl.Series(name, stored.to_numpy()[self.order])
        return stored[self.order]

    def split(self, points: int) -> Iterator[StitchedSeries]:
        """The same series in pieces of at most about ``points`` points (one series is never cut)."""
        parts = list(each_stretch(self.offsets[:-1] // points))
        if len(parts) <= 1:
            yield self
            return
        for first, last in parts:
            start, stop = int(self.offsets[first]), int(self.offsets[last])
            yield StitchedSeries(
                self.target[first:last],
                self.attribute[first:last],
                self.offsets[first : last + 1] - start,
                self.steps[start:stop],
                self.frame.slice(start, stop - start) if self.order is None else self.frame,
                None if self.order is None else self.order[start:stop],
            )


def stretches(request: SeriesRequest) -> pl.DataFrame:
    """The stretches that make up the series asked for, series by series and from the root to the run itself.

    Columns: ``target``, ``attribute``, ``run`` (which holds the stretch), ``limit`` (its last step),
    ``depth``, ``file`` and the statistics of the whole stored series. Stretches known to be empty are left out.
    """
    catalog, kind = request.catalog, request.attribute_type
    attributes = np.unique(request.attributes[request.attributes >= 0])
    if not len(attributes) or kind not in catalog.inventory.tables:
        return pl.DataFrame()
    repeated = np.bincount(request.runs, minlength=1).max() > 1
    if repeated or catalog.lineage.inherits(request.runs, request.options):
        found = _of_family(request, catalog.rows(kind, attributes))
    else:
        found = _of_own(request, attributes)
    if request.pairs is not None:
        wanted = _keys(request.pairs["target"], request.pairs["attribute"])
        found = found.filter(pl.Series(np.isin(_keys(found["target"], found["attribute"]), wanted)))
    return found


def _of_own(request: SeriesRequest, attributes: npt.NDArray[np.int32]) -> pl.DataFrame:
    """`stretches` where every run contributes to itself only: in the order in which they are stored, if known."""
    table = request.catalog.inventory.tables[request.attribute_type]
    column = {name: table[name].to_numpy() for name in table.columns if name in _PLACES}
    at = request.catalog.row_positions(request.attribute_type, attributes)
    low, high = steps_between(request.options)
    target_of = np.full(request.catalog.run_count, -1, dtype=np.int64)
    target_of[request.runs] = np.arange(len(request.runs))
    target = target_of[column["run"][at]]
    kept = np.flatnonzero((target >= 0) & (column["first_step"][at] <= high) & (column["last_step"][at] >= low))
    target, rows = target[kept], kept + at.start if isinstance(at, slice) else at[kept]
    # Rows are sorted by attribute and run: what belongs to one series lies together.
    again = (np.diff(column["run"][rows]) == 0) & (np.diff(column["attribute"][rows]) == 0)
    if "row" in column and not again.any():
        order = np.lexsort([column[name][rows] for name in ("row", "part", "file")])
    else:
        order = np.lexsort((column["attribute"][rows], target))
    if not (order[1:] > order[:-1]).all():
        target, rows = target[order], rows[order]
    whole = len(rows) == table.height and bool((rows[1:] > rows[:-1]).all())
    added = {"target": target, "limit": np.full(len(rows), np.inf), "depth": np.zeros(len(rows), dtype=np.int32)}
    found = (table if whole else table[rows]).hstack([pl.Series(name, column) for name, column in added.items()])
    return found if "row" not in column or again.any() else _ends_of(found, request.options)


def _ends_of(found: pl.DataFrame, options: SeriesOptions) -> pl.DataFrame:
    """Stretches that are whole series, narrowed to the rows that a limit on the first or last points leaves of them.

    ``last_step`` is infinite where the stretch is left before its end.
    """
    if options.tail_limit is None:
        return _beginnings_of(found, options)
    kept = pl.when(pl.col("last_step") <= steps_between(options)[1]).then(
        pl.min_horizontal("count", pl.lit(options.tail_limit))
    )
    count = kept.otherwise("count")
    return found.with_columns(row=pl.col("row") + pl.col("count") - count, count=count)


def _beginnings_of(found: pl.DataFrame, options: SeriesOptions) -> pl.DataFrame:
    if options.head_limit is None or options.time_range != ANY_TIME:
        return found
    left = (pl.col("first_step") >= steps_between(options)[0]) & (pl.col("count") > options.head_limit)
    return found.with_columns(
        count=pl.when(left).then(pl.lit(options.head_limit)).otherwise("count"),
        last_step=pl.when(left).then(pl.lit(np.inf)).otherwise("last_step"),
    )


def _of_family(request: SeriesRequest, held: pl.DataFrame) -> pl.DataFrame:
    """`stretches` where runs inherit."""
    low, high = steps_between(request.options)
    contributions = request.catalog.lineage.contributions(request.runs, request.options)
    return (
        held.lazy()
        .with_columns(pl.col("run").cast(pl.Int64))
        .join(contributions.lazy(), on="run")
        .filter(pl.col("first_step") <= pl.min_horizontal("limit", pl.lit(high)), pl.col("last_step") >= low)
        .sort("target", "attribute", "depth", descending=[False, False, True], maintain_order=True)
        .collect()
    )


def _keys(first: pl.Series, second: pl.Series) -> Indices:
    """Pairs of numbers as one number each."""
    keys: Indices = (first.to_numpy().astype(np.int64) << 32) | second.to_numpy().astype(np.int64)
    return keys


def read_series(request: SeriesRequest, columns: Sequence[str]) -> Iterator[StitchedSeries]:
    """The points of the series asked for, a bounded number at a time; series without points are left out.

    ``columns`` are those wanted beside the step: ``value``, ``timestamp``.
    """
    wanted = stretches(request)
    if not wanted.height:
        return
    # Cut between series where the points, or the series, of one read would become too many.
    number = np.cumsum(np.diff(_keys(wanted["target"], wanted["attribute"]), prepend=-1) != 0) - 1
    start = np.searchsorted(number, number)
    points = np.cumsum(wanted["count"].to_numpy())[start]
    chunk = points // _POINTS_PER_READ + number // _SERIES_PER_READ
    if "bytes" in wanted.columns:
        chunk += np.cumsum(wanted["bytes"].to_numpy())[start] // _BYTES_PER_READ
    for first, last in each_stretch(chunk):
        read = _read(request, wanted[first:last], columns)
        if len(read.target):
            yield read


def step_span(request: SeriesRequest) -> StepRange | None:
    """The first and the last step of all points of the series asked for, those with NaN as their value too.

    None where there are no points. Only series that options or lineage cut are read, and of these only the steps.
    """
    wanted = stretches(request)
    if not wanted.height:
        return None
    low, high = steps_between(request.options)
    limited = request.options.tail_limit is not None or request.options.time_range != ANY_TIME
    is_cut = (pl.col("first_step") < low) | (pl.col("last_step") > pl.min_horizontal("limit", pl.lit(high))) | limited
    series = ["target", "attribute"]
    cut, whole = wanted.filter(is_cut).select(series).unique(), wanted.filter(~is_cut)
    spans = [(whole["first_step"].min(), whole["last_step"].max())] if whole.height else []
    if cut.height:
        columns = ["timestamp"] if request.options.time_range != ANY_TIME else []
        spans += [(read.steps.min(), read.steps.max()) for read in read_series(replace(request, pairs=cut), columns)]
    if not spans:
        return None
    return min(float(first) for first, _ in spans), max(float(last) for _, last in spans)  # type: ignore[arg-type]


def steps_between(options: SeriesOptions) -> StepRange:
    """The step range with open ends infinite."""
    low, high = options.step_range
    return (-np.inf if low is None else float(low), np.inf if high is None else float(high))


def _read(request: SeriesRequest, wanted: pl.DataFrame, columns: Sequence[str]) -> StitchedSeries:
    low, high = steps_between(request.options)
    high = min(high, float(wanted["limit"].max()))  # type: ignore[arg-type]
    catalog = request.catalog
    all_count = request.options.tail_limit is None and _holds_once(wanted)
    times = request.options.time_range if all_count else ANY_TIME
    asked = StretchRequest(request.attribute_type, wanted, columns, (low, high), times)
    return _at_times(_stitched(wanted, catalog.store.read_points(catalog.inventory, asked), request.options), request)


def _holds_once(wanted: pl.DataFrame) -> bool:
    """Whether it is certain that no step of a series is in two rows of the stretches. Otherwise a row must not be left
    out for its time before it is known which of them counts."""
    if "once" in wanted.columns and not wanted["once"].all():
        return False
    keys, first = _keys(wanted["target"], wanted["attribute"]), wanted["first_step"].to_numpy()
    last = np.minimum(wanted["last_step"].to_numpy(), wanted["limit"].to_numpy())
    order = np.lexsort((first, keys))
    again = keys[order][1:] == keys[order][:-1]
    return bool((first[order][1:] > last[order][:-1])[again].all())


def _at_times(points: StitchedSeries, request: SeriesRequest) -> StitchedSeries:
    """The points whose times are needed."""
    times = request.options.time_range
    if times == ANY_TIME or not len(points.steps):
        return points
    needed = are_within(points.column("timestamp"), times)
    if needed.all():
        return points
    lengths: Indices = np.diff(offsets_of(needed.astype(np.int8))[points.offsets])
    filled = lengths > 0
    rows = np.flatnonzero(needed)
    return StitchedSeries(
        points.target[filled],
        points.attribute[filled],
        offsets_of(lengths[filled]),
        points.steps[rows],
        points.frame,
        rows if points.order is None else points.order[rows],
    )


def _stitched(wanted: pl.DataFrame, stored: StoredPoints, options: SeriesOptions) -> StitchedSeries:
    """Series put together from stretches; where two hold one step, the run nearest to the asked one wins."""
    grouped, frame = stored.grouped, stored.frame
    parts = _without_repetition(wanted)
    source = _positions(
        _keys(parts["run"], parts["attribute"]), _keys(stored.series["run"], stored.series["attribute"])
    )
    starts, stops = _bounded(grouped, source, parts["limit"].to_numpy(), steps_between(options))
    target, attribute = parts["target"].to_numpy(), parts["attribute"].to_numpy()
    new = np.concatenate(([True], (target[1:] != target[:-1]) | (attribute[1:] != attribute[:-1])))
    if new.all() and options.tail_limit is None and _is_whole(grouped, source, starts, stops):
        # Nothing is inherited and nothing is cut: the groups are the series.
        filled = stops > starts
        return StitchedSeries(
            target[filled], attribute[filled], offsets_of((stops - starts)[filled]), grouped.steps, frame, grouped.order
        )
    series = np.cumsum(new) - 1
    rows = ranges(starts, stops - starts)
    steps = grouped.steps[rows]
    numbers = np.repeat(series, stops - starts)
    if ((numbers[1:] == numbers[:-1]) & (steps[1:] <= steps[:-1])).any():
        nearest = np.lexsort((np.repeat(parts["depth"].to_numpy(), stops - starts), steps, numbers))
        again = (numbers[nearest][1:] == numbers[nearest][:-1]) & (steps[nearest][1:] == steps[nearest][:-1])
        kept = nearest[np.concatenate(([True], ~again))]
        rows, steps, numbers = rows[kept], steps[kept], numbers[kept]
    lengths = np.bincount(numbers, minlength=int(series[-1]) + 1)
    if options.tail_limit is not None:
        ends = np.cumsum(lengths)
        lengths = np.minimum(lengths, options.tail_limit)
        tail = ranges(ends - lengths, lengths)
        rows, steps = rows[tail], steps[tail]
    filled = lengths > 0
    order = rows if grouped.order is None else grouped.order[rows]
    whole = not frame.width or (len(order) == frame.height and bool((order == np.arange(len(order))).all()))
    first = np.flatnonzero(new)[filled]
    return StitchedSeries(
        target[first], attribute[first], offsets_of(lengths[filled]), steps, frame, None if whole else order
    )


def _without_repetition(wanted: pl.DataFrame) -> pl.DataFrame:
    """One row for all stretches of one run in a series."""
    keys = _keys(wanted["target"], wanted["attribute"]), wanted["depth"].to_numpy()
    again = np.zeros(wanted.height, dtype=bool)
    again[1:] = (np.diff(keys[0]) == 0) & (np.diff(keys[1]) == 0)
    return wanted.filter(pl.Series(~again)) if again.any() else wanted


def _positions(keys: Indices, known: Indices) -> Indices:
    """The position of each key in ``known``, which holds them all."""
    if len(keys) == len(known) and bool((keys == known).all()):
        return np.arange(len(keys))
    order = np.argsort(known)
    found: Indices = order[np.searchsorted(known, keys, sorter=order)]
    return found


def _is_whole(grouped: Grouped, source: Indices, starts: Indices, stops: Indices) -> bool:
    """Whether the stretches are all groups, in their order and from end to end."""
    return (
        len(source) == len(grouped.offsets) - 1
        and bool((source[1:] > source[:-1]).all())
        and bool((starts == grouped.offsets[:-1]).all())
        and bool((stops == grouped.offsets[1:]).all())
    )


def _bounded(grouped: Grouped, source: Indices, limits: Steps, steps: StepRange) -> tuple[Indices, Indices]:
    """Start and stop of each stretch in the grouped rows: within the step range, and up to its limit."""
    starts, stops = grouped.offsets[source], grouped.offsets[source + 1]
    low, high = steps
    upper = np.minimum(limits, high)
    cut = np.flatnonzero(np.isfinite(upper))
    if len(cut):
        stops[cut] = bisect_slices(grouped.steps, starts[cut], stops[cut], upper[cut], right=True)
    if np.isfinite(low):
        starts = bisect_slices(grouped.steps, starts, stops, np.full(len(starts), low), right=False)
    return starts, stops
