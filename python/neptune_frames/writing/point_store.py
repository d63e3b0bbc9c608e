"""Points of one series type on their way into a batch: kept as they come, given back in the layout's order.

Sources answer in no promised order, and a batch is sorted by attribute, run and step. A point is never
moved alone: what is put in order are pieces (neighbouring points of one series). Beyond a bound, pieces
are laid down in a scratch file and read from there, so that a run of any size needs the same memory.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.query.attributes import FLOAT_SERIES
from neptune_frames.schemas import OBJECT_MEMBERS, VALUE_TYPES
from neptune_frames.slices import offsets_of, ranges, stretch_starts
from neptune_frames.sources.archive.grouping import group_rows

Codes = npt.NDArray[np.int64]
#: (run, attribute and step of each point, values) -> values under other names.
Rename = Callable[[Codes, Codes, pa.Array, pa.Array], pa.Array]

#: Points and bytes of one block: what is sorted and written at once. A longer series is cut there.
BLOCK_POINTS = 1 << 20
BLOCK_BYTES = 64 * 1024 * 1024
#: Bytes of points in memory before they are laid down in the scratch file.
MEMORY_BYTES = 128 * 1024 * 1024
#: Bytes of a point of a float series: step, value, timestamp.
_FLOAT_BYTES = 24
_COLUMNS = ("step", "timestamp", "value")


@dataclass(frozen=True)
class Block:
    """Points of whole series (or of one stretch of a long one), in order.

    Stretch ``i`` is (``attributes[i]``, ``runs[i]``), its points are ``offsets[i]:offsets[i + 1]`` of
    ``points``, a table of ``step``, ``timestamp`` and ``value``. ``sizes`` are the bytes of each point
    (None for float series, whose points are all alike).
    """

    attributes: Codes
    runs: Codes
    offsets: Codes
    points: pa.Table
    sizes: Codes | None


@dataclass(frozen=True)
class _Pieces:
    """Pieces of one chunk: which series, and how many rows and bytes. They lie one after the other."""

    attributes: Codes
    runs: Codes
    rows: Codes
    bytes: Codes


class PointStore:
    """Points of one series type. ``runs`` and ``attributes`` are numbers of the caller's.

    Args:
        series_type: A client type.
        scratch: Where the scratch file may grow; made when it is needed.
        memory_bytes: How much is kept in memory (default: MEMORY_BYTES).
    """

    def __init__(self, series_type: str, scratch: Path, *, memory_bytes: int | None = None) -> None:
        self.series_type = series_type
        self.points = 0
        self._scratch = scratch
        self._memory_bytes = MEMORY_BYTES if memory_bytes is None else memory_bytes
        self._chunks: list[pa.Table] = []
        self._pieces: list[_Pieces] = []
        self._open: list[pa.Table] = []
        self._open_bytes = 0
        self._mapped: list[mmap.mmap] = []

    def add(self, batch: pa.RecordBatch, runs: Codes, attributes: Codes, rename: Rename | None = None) -> int:
        """Take a SERIES_POINTS batch; ``runs`` and ``attributes`` number its rows. Returns how many points it had.

        Of a batch of object points, those of other types are left out; ``rename`` gives the values of the others
        the form in which they are stored (paths of payloads).
        """
        lists = batch.column("points")
        lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)
        points = lists.flatten()
        if self.series_type == FLOAT_SERIES:
            columns = [points.field("step"), points.field("timestamp"), points.field("value")]
        else:
            value = points.field(OBJECT_MEMBERS[self.series_type])
            if value.null_count:
                lengths = _counts(value.is_valid(), lengths)
                points = points.filter(value.is_valid())
                value = points.field(OBJECT_MEMBERS[self.series_type])
            if rename is not None:
                repeated = (np.repeat(runs, lengths), np.repeat(attributes, lengths))
                value = rename(*repeated, points.field("step"), value)
            columns = [points.field("step"), points.field("timestamp"), value]
        held = lengths > 0
        if not held.any():
            return 0
        table = pa.table(dict(zip(_COLUMNS, columns, strict=True)))
        lengths = lengths[held]
        sizes = _FLOAT_BYTES * lengths
        if self.series_type != FLOAT_SERIES:
            sizes = np.add.reduceat(value_bytes(table["value"]), offsets_of(lengths)[:-1])
        self._pieces.append(_Pieces(attributes[held], runs[held], lengths, sizes))
        self._open.append(table)
        self._open_bytes += int(sizes.sum())
        self.points += table.num_rows
        if self._open_bytes > self._memory_bytes:
            self._lay_down()
        return int(lengths.sum())

    @property
    def runs(self) -> Codes:
        """The numbers of the runs that have points."""
        return (
            np.unique(np.concatenate([pieces.runs for pieces in self._pieces])) if self._pieces else np.array([], int)
        )

    def renumber(self, numbers: Codes) -> None:
        """Give every run another number: ``numbers[old]``."""
        self._pieces = [replace(pieces, runs=numbers[pieces.runs]) for pieces in self._pieces]

    def blocks(self, ranks: Codes, *, by_run: bool = False) -> Iterator[Block]:
        """All points by attribute, run and step; ``by_run``: by run, attribute and step.

        ``ranks`` are the places of the attributes' names among all, sorted; blocks number attributes by
        them. Runs must be numbered in the order of their names. Where a series is cut depends on its
        points alone, not on how they came.
        """
        if self._open:
            self._chunks.append(_joined(self._open))
            self._open.clear()
        if not self._chunks:
            return
        pieces = _concatenated(self._pieces)
        chunk, start = self._places()
        attributes = ranks[pieces.attributes]
        order = np.lexsort((attributes, pieces.runs) if by_run else (pieces.runs, attributes))
        placed = _Placed(
            attributes[order], pieces.runs[order], pieces.rows[order], pieces.bytes[order], chunk[order], start[order]
        )
        for first, last in _block_bounds(placed):
            yield self._block(placed, first, last)
            self._release()

    def close(self) -> None:
        """Give memory and scratch files back."""
        self._chunks.clear()
        self._open.clear()
        self._mapped.clear()

    def _lay_down(self) -> None:
        """Move the points in memory to a scratch file, where they stay readable."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        path = self._scratch / f"{self.series_type}-{len(self._chunks)}.arrow"
        chunk = _joined(self._open)
        self._open.clear()
        self._open_bytes = 0
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, chunk.schema) as writer:
            writer.write_table(chunk, max_chunksize=max(chunk.num_rows, 1))
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._mapped.append(mapped)
        self._chunks.append(pa.ipc.open_file(pa.py_buffer(mapped)).read_all())

    def _release(self) -> None:
        """Pages of scratch files that were read need not stay in memory; where they are used again, they come back."""
        for mapped in self._mapped:
            if hasattr(mapped, "madvise"):
                mapped.madvise(mmap.MADV_DONTNEED)

    def _places(self) -> tuple[Codes, Codes]:
        """The chunk of each piece, in the order they came, and its first row there."""
        rows = np.concatenate([pieces.rows for pieces in self._pieces])
        starts = offsets_of(rows)[:-1]
        bounds = offsets_of(np.array([chunk.num_rows for chunk in self._chunks]))
        chunk = np.searchsorted(bounds, starts, side="right") - 1
        return chunk, starts - bounds[chunk]

    def _block(self, placed: _Placed, first: int, last: int) -> Block:
        """Points ``first:last`` in the order of the pieces."""
        ends = placed.ends
        low, high = np.searchsorted(ends, [first, last - 1], side="right")
        some = slice(int(low), int(high) + 1)
        rows, start, chunk = placed.rows[some].copy(), placed.start[some].copy(), placed.chunk[some]
        skipped = first - (int(ends[low]) - int(rows[0]))
        start[0] += skipped
        rows[0] -= skipped
        rows[-1] -= int(ends[high]) - last
        points = self._gather(chunk, start, rows)
        attributes, runs = placed.attributes[some], placed.runs[some]
        new = stretch_starts(attributes, runs)
        offsets = np.append(offsets_of(rows)[new], last - first)
        return _ascending(Block(attributes[new], runs[new], offsets, points, None), self.series_type)

    def _gather(self, chunk: Codes, start: Codes, rows: Codes) -> pa.Table:
        """Slices of chunks, one after the other."""
        used = np.unique(chunk)
        if len(used) == 1:
            table = self._chunks[int(used[0])]
            if (start[1:] == start[:-1] + rows[:-1]).all():
                return table.slice(int(start[0]), int(rows.sum()))
            return table.take(pa.array(ranges(start, rows)))
        taken, places = [], []
        at = offsets_of(rows)[:-1]
        for number in used.tolist():
            own = chunk == number
            taken.append(self._chunks[number].take(pa.array(ranges(start[own], rows[own]))))
            places.append(ranges(at[own], rows[own]))
        origin = np.concatenate(places)
        back = np.empty(len(origin), dtype=np.int64)
        back[origin] = np.arange(len(origin))
        return _joined(taken).take(pa.array(back))


@dataclass(frozen=True)
class _Placed:
    """Pieces in the order of the layout, with where they lie."""

    attributes: Codes
    runs: Codes
    rows: Codes
    bytes: Codes
    chunk: Codes
    start: Codes

    @cached_property
    def ends(self) -> Codes:
        return np.cumsum(self.rows)


def _block_bounds(placed: _Placed) -> Iterator[tuple[int, int]]:
    """Points of each block: as many whole series as fit, or an even share of a series that does not."""
    new = stretch_starts(placed.attributes, placed.runs)
    rows, sizes = np.add.reduceat(placed.rows, new), np.add.reduceat(placed.bytes, new)
    share = np.maximum(rows / BLOCK_POINTS, sizes / BLOCK_BYTES)
    parts = np.maximum(np.ceil(share), 1).astype(np.int64)
    # Every series as parts of equal length (the last may be shorter), nearly always one.
    length = -(-rows // parts)
    whole = np.repeat(length, parts)
    number = ranges(np.zeros(len(parts), dtype=np.int64), parts)
    left = np.repeat(rows, parts) - number * whole
    lengths = np.clip(left, 0, whole)
    weights = np.repeat(share / parts, parts)
    ends = np.cumsum(weights)
    points = offsets_of(lengths)
    start = 0
    while start < len(lengths):
        before = float(ends[start - 1]) if start else 0.0
        stop = max(start + 1, int(np.searchsorted(ends, before + 1.0, side="right")))
        if points[stop] > points[start]:
            yield int(points[start]), int(points[stop])
        start = stop


def _ascending(block: Block, series_type: str) -> Block:
    """The block with each step of a stretch once and in order, which sources promise but servers may break."""
    steps = block.points["step"].to_numpy()
    falls = np.flatnonzero(steps[1:] <= steps[:-1]) + 1
    if len(falls) and not np.isin(falls, block.offsets).all():
        series = np.repeat(np.arange(len(block.runs)), np.diff(block.offsets))
        grouped = group_rows(series, steps, len(block.runs))
        assert grouped.order is not None
        points = block.points.take(pa.array(grouped.order))
        block = Block(block.attributes, block.runs, grouped.offsets, points, None)
    if series_type == FLOAT_SERIES:
        return block
    return Block(block.attributes, block.runs, block.offsets, block.points, value_bytes(block.points["value"]))


def value_bytes(values: pa.ChunkedArray) -> Codes:
    """About what each value of an object series takes in memory."""
    kind = values.type
    if kind == VALUE_TYPES["string_series"]:
        sizes = pc.binary_length(values)
    elif kind == VALUE_TYPES["histogram_series"]:
        edges, counts = (pc.list_value_length(pc.struct_field(values, [name])) for name in ("edges", "values"))
        sizes = pc.multiply(pc.add(pc.fill_null(edges, 0), pc.fill_null(counts, 0)), 8)
    else:
        sizes = pc.binary_length(pc.struct_field(values, ["path"]))
    bytes_: Codes = pc.fill_null(sizes, 0).to_numpy().astype(np.int64) + _FLOAT_BYTES
    return bytes_


def _counts(mask: pa.BooleanArray, lengths: Codes) -> Codes:
    """How many rows of each list are kept by a mask over all rows."""
    kept = offsets_of(mask.to_numpy(zero_copy_only=False))
    offsets = offsets_of(lengths)
    counts: Codes = np.diff(kept[offsets]).astype(np.int64)
    return counts


def _joined(tables: list[pa.Table]) -> pa.Table:
    return tables[0].combine_chunks() if len(tables) == 1 else pa.concat_tables(tables).combine_chunks()


def _concatenated(pieces: list[_Pieces]) -> _Pieces:
    return _Pieces(
        *(np.concatenate([getattr(each, name) for each in pieces]) for name in ("attributes", "runs", "rows", "bytes"))
    )
