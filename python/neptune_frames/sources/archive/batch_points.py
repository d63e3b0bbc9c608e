"""Reading stretches of points by their place in the files of batches.

The table of stretches says which rows of which file hold a series, so no key is read or compared: only the
row groups that overlap wanted rows are decoded, and only their steps and values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from neptune_frames.errors import DamagedFileError
from neptune_frames.slices import each_stretch, offsets_of, ranges
from neptune_frames.sources.archive.batch_layout import Manifest, own_part_name
from neptune_frames.sources.archive.grouping import Grouped, Indices, group_rows
from neptune_frames.sources.archive.object_path import Location
from neptune_frames.sources.archive.parquet_files import Footer, ParquetFiles
from neptune_frames.sources.archive.scan import ANY_TIME, TimeRange, are_within
from neptune_frames.sources.archive.store import StoredPoints, StretchRequest

#: Finds a batch by its number in the inventory: its directory and manifest.
FindBatch = Callable[[int], tuple[Location, Manifest]]


@dataclass(frozen=True)
class _Slices:
    """Slices of rows of one file, in ascending order: of stretch ``owner[i]``, from ``start[i]`` on."""

    owner: Indices
    start: Indices
    length: Indices


def read_stretches(request: StretchRequest, find: FindBatch, files: ParquetFiles) -> StoredPoints:
    """The points of the stretches, in the order in which they are stored. Raises `DamagedFileError`."""
    stored = _in_place(request.stretches)
    file, part = (stored[name].to_numpy() for name in ("file", "part"))
    tables, counts = [], []
    for start, stop in each_stretch(file, part):
        batch, manifest = find(int(file[start]))
        some = stored[start:stop]
        table, lengths = _read_file(batch, manifest, int(part[start]), some, request, files)
        if not _agree(some, lengths, table["step"].to_numpy()):
            path = batch / own_part_name(request.attribute_type, int(part[start]))
            raise DamagedFileError(str(path), "its points are not those that the table of series describes")
        table, lengths = _within(table, lengths, request.times)
        tables.append(table)
        counts.append(lengths)
    table = pa.concat_tables(tables)
    steps: npt.NDArray[np.float64] = table["step"].to_numpy()
    frame = pl.DataFrame([pl.Series(name, table[name]) for name in request.columns])
    return _grouped(stored, np.concatenate(counts), steps, frame)


def _in_place(stretches: pl.DataFrame) -> pl.DataFrame:
    """Each stretch once, in the order in which they are stored."""
    file, part, row = (stretches[name].to_numpy() for name in ("file", "part", "row"))
    order = np.lexsort((row, part, file))
    again = np.zeros(len(order), dtype=bool)
    again[1:] = np.all([np.diff(column[order]) == 0 for column in (file, part, row)], axis=0)
    order = order[~again]
    whole = len(order) == stretches.height and bool((order[1:] > order[:-1]).all())
    return stretches if whole else stretches[order]


def _read_file(
    batch: Location,
    manifest: Manifest,
    part: int,
    stretches: pl.DataFrame,
    request: StretchRequest,
    files: ParquetFiles,
) -> tuple[pa.Table, Indices]:
    """Rows of stretches in one file, ascending, and how many of each stretch were read."""
    path = own_part_name(request.attribute_type, part)
    entry = manifest.entry(batch, path)
    footer = files.footer(batch / path, entry)
    row, count = (stretches[name].to_numpy().astype(np.int64) for name in ("row", "count"))
    if len(row) and int((row + count).max()) > int(footer.rows[-1]):
        raise DamagedFileError(str(batch / path), "it has fewer rows than the table of series says")
    slices = _overlaps(row, count, footer.rows, _needed_groups(footer, request))
    groups = np.unique(np.searchsorted(footer.rows, slices.start, side="right") - 1)
    columns = list(request.columns)
    if request.times != ANY_TIME and "timestamp" not in columns:
        columns.append("timestamp")
    table = files.read(batch / path, entry, ["step", *columns], groups.tolist())
    return _rows(table, footer.rows, groups, slices), np.bincount(
        slices.owner, weights=slices.length, minlength=len(row)
    ).astype(np.int64)


def _agree(stretches: pl.DataFrame, lengths: Indices, steps: npt.NDArray[np.float64]) -> bool:
    """Whether the stretches that were read to their ends (``last_step``) end with the step that they should."""
    count, last = stretches["count"].to_numpy(), stretches["last_step"].to_numpy()
    whole = (lengths == count) & (count > 0) & np.isfinite(last)
    return bool((steps[np.cumsum(lengths)[whole] - 1] == last[whole]).all())


def _needed_groups(footer: Footer, request: StretchRequest) -> npt.NDArray[np.bool_]:
    """The row groups that may hold a step, and a time, in the ranges."""
    low, high = footer.steps
    needed: npt.NDArray[np.bool_] = (high >= request.steps[0]) & (low <= request.steps[1])
    if request.times != ANY_TIME:
        (start, end), (early, late) = request.times, footer.times
        needed &= (late >= (-np.inf if start is None else start)) & (early <= (np.inf if end is None else end))
    return needed


def _within(table: pa.Table, lengths: Indices, times: TimeRange) -> tuple[pa.Table, Indices]:
    """The rows whose times are in the range, and how many of each stretch they are."""
    if times == ANY_TIME:
        return table, lengths
    kept = are_within(pl.Series(table["timestamp"]), times)
    ends = np.cumsum(lengths)
    before = offsets_of(kept.astype(np.int8))
    return table.filter(pa.array(kept)), before[ends] - before[ends - lengths]


def _overlaps(row: Indices, count: Indices, bounds: Indices, needed: npt.NDArray[np.bool_]) -> _Slices:
    """The parts of stretches in each row group that is needed."""
    first = np.searchsorted(bounds, row, side="right") - 1
    last = np.searchsorted(bounds, row + count, side="left") - 1
    pieces = np.maximum(last - first + 1, 0)
    owner = np.repeat(np.arange(len(row)), pieces)
    group = ranges(first, pieces)
    start = np.maximum(row[owner], bounds[group])
    stop = np.minimum((row + count)[owner], bounds[group + 1])
    kept = needed[group] & (stop > start)
    return _Slices(owner[kept], start[kept], (stop - start)[kept])


def _rows(table: pa.Table, bounds: Indices, groups: Indices, slices: _Slices) -> pa.Table:
    """The rows of the slices, of a table that holds only some row groups."""
    before = offsets_of(np.diff(bounds)[groups])
    group = np.searchsorted(bounds[groups], slices.start, side="right") - 1
    start = slices.start - bounds[groups][group] + before[group]
    total = int(slices.length.sum())
    if total == table.num_rows:
        return table
    if not total:
        return table.slice(0, 0)
    ends = start + slices.length
    if (start[1:] == ends[:-1]).all():
        return table.slice(int(start[0]), total)
    return table.take(pa.array(ranges(start, slices.length)))


def _grouped(
    stretches: pl.DataFrame, counts: Indices, steps: npt.NDArray[np.float64], frame: pl.DataFrame
) -> StoredPoints:
    """Stretches of the same series become one group."""
    series = stretches[["run", "attribute"]]
    keys = (series["run"].to_numpy().astype(np.int64) << 32) | series["attribute"].to_numpy()
    distinct, first, number = np.unique(keys, return_index=True, return_inverse=True)
    if len(distinct) == len(keys):
        return StoredPoints(series, Grouped(None, offsets_of(counts), steps), frame)
    return StoredPoints(series[first], group_rows(np.repeat(number, counts), steps, len(distinct)), frame)
