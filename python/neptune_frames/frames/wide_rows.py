"""Numbering the rows of a wide frame: the (container, step) pairs of many series at once.

A container's rows are the union of the steps of its series, ascending. Usually all series of a run
are logged together, so their steps are equal: then one of them numbers the rows and every other needs
only a comparison. Otherwise steps become small integers, and (container, step) pairs too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from neptune_frames.slices import offsets_of, ranges

if TYPE_CHECKING:
    import numpy.typing as npt

    # Any width: rows and codes are kept in 4 bytes where they fit.
    Ints = npt.NDArray[np.signedinteger[Any]]
    Floats = npt.NDArray[np.float64]

#: A table with one entry per possible value is used while it has at most this many entries per point.
_TABLE_ENTRIES_PER_POINT = 4
_SMALL_TABLE = 1 << 16


@dataclass(frozen=True)
class SeriesBlock:
    """Pieces of series of known containers (0, 1, ... in row order) and columns, with their steps."""

    container: Ints
    column: Ints
    offsets: Ints
    step: Floats

    @cached_property
    def lengths(self) -> Ints:
        return np.diff(self.offsets)


@dataclass(frozen=True)
class Rows:
    """The rows of a wide frame, ascending by (container, step), and the row of every point.

    ``steps`` are the distinct steps, ascending, NaN last; row ``i`` is at ``steps[step_codes[i]]`` of
    ``container[i]``. ``of_block(i)`` gives the row of each point of block ``i``.

    ``height`` is set when all containers have that many rows, and then ``span(i)`` is set when the
    pieces of block ``i`` all cover the same range of their container's rows, so that the block can be
    copied piece by piece. ``repeated`` tells whether some series has several points at one step.
    """

    container: Ints
    steps: Floats
    step_codes: Ints
    of_block: Callable[[int], Ints]
    height: int | None = None
    span: Callable[[int], slice | None] = lambda _: None
    repeated: bool = False

    def __len__(self) -> int:
        return len(self.container)


def number_rows(blocks: Sequence[SeriesBlock], containers: int, columns: int) -> Rows:
    """Rows for the points of all blocks.

    Args:
        blocks: The pieces, those of one series in step order. No piece is empty.
        containers: How many containers there are; each has a point.
        columns: How many columns there are.
    """
    if not blocks:
        nothing = np.empty(0, dtype=np.int64)
        return Rows(nothing, np.empty(0), nothing, lambda _: nothing)
    rows = _rows_of_aligned(blocks, containers, columns)
    if rows is None:
        rows = _rows_by_table(blocks, containers, columns)
    return _rows_by_sorting(blocks, columns) if rows is None else rows


# --- all series of a container have the same steps


def _rows_of_aligned(blocks: Sequence[SeriesBlock], containers: int, columns: int) -> Rows | None:
    container = np.concatenate([block.container for block in blocks])
    column = np.concatenate([block.column for block in blocks])
    lengths = np.concatenate([block.lengths for block in blocks])
    starts, totals = _places_in_series(container * columns + column, lengths, containers * columns)
    heights = np.zeros(containers, dtype=np.int64)
    heights[container] = totals
    if not np.array_equal(heights[container], totals):
        return None
    first_row = offsets_of(heights)[:-1]
    bounds = np.cumsum([len(block.container) for block in blocks])[:-1]
    starts_of = np.split(starts, bounds)
    rows_of = np.split(first_row[container] + starts, bounds)

    # The first series of each container stands for all of them.
    reference_column = np.zeros(containers, dtype=np.int64)
    reference_column[container[::-1]] = column[::-1]
    reference = np.empty(int(heights.sum()))
    for block, rows in zip(blocks, rows_of, strict=True):
        chosen = np.flatnonzero(block.column == reference_column[block.container])
        size = block.lengths[chosen]
        reference[_index(rows[chosen], size)] = block.step[_index(block.offsets[chosen], size)]
    if not _ascending_within(reference, first_row):
        return None

    height = int(heights[0]) if (heights == heights[0]).all() else None
    spans = [None if height is None else _common_span(block, starts_of[i]) for i, block in enumerate(blocks)]
    for block, rows, span in zip(blocks, rows_of, spans, strict=True):
        if span is None:
            same = np.array_equal(reference[_index(rows, block.lengths)], block.step)
        else:
            by_container = reference.reshape(containers, -1)[:, span]
            same = np.array_equal(by_container[block.container], block.step.reshape(len(rows), -1))
        if not same:
            return None
    steps, step_codes = _distinct(reference)
    return Rows(
        container=np.repeat(np.arange(containers), heights),
        steps=steps,
        step_codes=step_codes,
        of_block=lambda position: ranges(rows_of[position], blocks[position].lengths),
        height=height,
        span=spans.__getitem__,
    )


def _places_in_series(series: Ints, lengths: Ints, limit: int) -> tuple[Ints, Ints]:
    """Where each piece starts within its series, and how long the whole series is."""
    if _all_different(series, limit):
        return np.zeros_like(lengths), lengths
    order = np.argsort(series, kind="stable")
    begins = _group_starts(series[order])
    before = offsets_of(lengths[order])[:-1]
    group = np.cumsum(begins) - 1
    starts, totals = np.empty_like(lengths), np.empty_like(lengths)
    starts[order] = before - before[begins][group]
    totals[order] = np.add.reduceat(lengths[order], np.flatnonzero(begins))[group]
    return starts, totals


def _ascending_within(steps: Floats, first_row: Ints) -> bool:
    rises = steps[1:] > steps[:-1]
    rises[first_row[1:] - 1] = True
    return bool(rises.all()) and not np.isnan(steps).any()


def _common_span(block: SeriesBlock, starts: Ints) -> slice | None:
    start, length = int(starts[0]), int(block.lengths[0])
    same = (starts == start).all() and (block.lengths == length).all()
    return slice(start, start + length) if same else None


# --- steps are whole numbers close together


def _rows_by_table(blocks: Sequence[SeriesBlock], containers: int, columns: int) -> Rows | None:
    """Rows through a table with a place for every (container, step); None if that would be too large."""
    points = sum(len(block.step) for block in blocks)
    smallest = min(float(block.step.min()) for block in blocks)
    largest = max(float(block.step.max()) for block in blocks)
    cells = (largest - smallest + 1) * containers  # NaN if there is a NaN, which compares false
    if not cells <= _table_limit(points) or not all(_integral(block.step) for block in blocks):
        return None
    width = int(largest - smallest) + 1
    place: type[np.signedinteger[Any]] = np.int32 if cells < 2**31 else np.int64
    present = np.zeros(width * containers, dtype=bool)
    places = []
    for block in blocks:
        keys = np.repeat((block.container * width).astype(place), block.lengths)
        keys += (block.step - smallest).astype(place)
        present[keys] = True
        places.append(keys)
    row_of_place: Ints = np.cumsum(present, dtype=place)
    row_of_place -= 1
    rows = [row_of_place[keys] for keys in places]
    container, offsets = np.divmod(np.flatnonzero(present), width)
    used = present.reshape(containers, width).any(axis=0)
    return Rows(
        container=container,
        steps=np.flatnonzero(used).astype(np.float64) + smallest,
        step_codes=(np.cumsum(used) - 1)[offsets],
        of_block=rows.__getitem__,
        repeated=_any_repeated(blocks, rows, columns),
    )


# --- any steps


def _rows_by_sorting(blocks: Sequence[SeriesBlock], columns: int) -> Rows:
    """Rows from the points sorted by step, then (stable, in linear time for few containers) by container."""
    step = np.concatenate([block.step for block in blocks])
    order = np.argsort(step)
    step = step[order]
    begins = _group_starts(step)
    if np.isnan(step[-1]):  # NaN differs from itself, but is one step
        begins[int(np.searchsorted(step, np.nan)) + 1 :] = False
    steps = step[begins] + 0.0  # -0.0 is 0.0
    codes = np.cumsum(begins, dtype=np.int32)
    codes -= 1
    del step

    containers = 1 + max(int(block.container.max()) for block in blocks)
    narrow = np.uint16 if containers <= 1 << 16 else np.int32
    container = np.concatenate([np.repeat(block.container.astype(narrow), block.lengths) for block in blocks])[order]
    by_container = np.argsort(container, kind="stable")
    container, codes, order = container[by_container], codes[by_container], order[by_container]
    del by_container
    begins = _group_starts(codes) | _group_starts(container)
    rows = np.empty(len(order), dtype=np.int32)
    rows[order] = np.cumsum(begins, dtype=np.int32) - 1
    rows_of = np.split(rows, np.cumsum([len(block.step) for block in blocks])[:-1])
    return Rows(
        container=container[begins],
        steps=steps,
        step_codes=codes[begins],
        of_block=rows_of.__getitem__,
        repeated=_any_repeated(blocks, rows_of, columns),
    )


def _any_repeated(blocks: Sequence[SeriesBlock], rows: Sequence[Ints], columns: int) -> bool:
    """True unless the rows of every series visibly ascend, within pieces and from piece to piece."""
    for block, block_rows in zip(blocks, rows, strict=True):
        rises = block_rows[1:] > block_rows[:-1]
        rises[block.offsets[1:-1] - 1] = True
        if not rises.all():
            return True
    series = np.concatenate([block.container * columns + block.column for block in blocks])
    if _all_different(series, int(series.max()) + 1):
        return False
    order = np.argsort(series, kind="stable")
    first = np.concatenate([part[block.offsets[:-1]] for block, part in zip(blocks, rows, strict=True)])[order]
    last = np.concatenate([part[block.offsets[1:] - 1] for block, part in zip(blocks, rows, strict=True)])[order]
    continued = ~_group_starts(series[order])[1:]
    return bool((first[1:] <= last[:-1])[continued].any())


def _distinct(steps: Floats) -> tuple[Floats, Ints]:
    """The distinct steps, ascending, and the place of each step among them. There is no NaN."""
    if (steps[1:] > steps[:-1]).all():
        return steps, np.arange(len(steps))
    smallest = float(steps.min())
    if float(steps.max()) - smallest < _table_limit(len(steps)) and _integral(steps):
        places = (steps - smallest).astype(np.int64)
        used = np.zeros(int(places.max()) + 1, dtype=bool)
        used[places] = True
        return np.flatnonzero(used).astype(np.float64) + smallest, (np.cumsum(used) - 1)[places]
    order = np.argsort(steps)
    begins = _group_starts(steps[order])
    codes = np.empty(len(steps), dtype=np.int64)
    codes[order] = np.cumsum(begins) - 1
    return steps[order][begins] + 0.0, codes


def _integral(steps: Floats) -> bool:
    return bool((np.floor(steps) == steps).all())


def _table_limit(points: int) -> int:
    return max(_SMALL_TABLE, _TABLE_ENTRIES_PER_POINT * points)


# --- arrays of groups


def _index(starts: Ints, lengths: Ints) -> Ints | slice:
    """The same as `ranges`, but a slice where they follow one another: a slice of an array is no copy."""
    stops = starts + lengths
    if len(starts) and bool((starts[1:] == stops[:-1]).all()):
        return slice(int(starts[0]), int(stops[-1]))
    return ranges(starts, lengths)


def _group_starts(sorted_keys: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """True where a key differs from the one before."""
    begins = np.ones(len(sorted_keys), dtype=bool)
    np.not_equal(sorted_keys[1:], sorted_keys[:-1], out=begins[1:])
    return begins


def _all_different(keys: Ints, limit: int) -> bool:
    """Whether no key, each below ``limit``, occurs twice."""
    if limit > _table_limit(len(keys)):
        return bool(_group_starts(np.sort(keys)).all())
    seen = np.zeros(limit, dtype=bool)
    seen[keys] = True
    return int(np.count_nonzero(seen)) == len(keys)
