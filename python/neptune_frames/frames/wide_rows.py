"""Numbering the rows of a wide frame: the (container, step) pairs of many series at once.

A container's rows are the union of the steps of its series, ascending. Usually all series of a run
are logged together, so their steps are equal: then one of them numbers the rows and every other needs
only a comparison. Otherwise steps become small integers, and (container, step) pairs too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
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

    @property
    def lengths(self) -> Ints:
        return np.diff(self.offsets)


@dataclass(frozen=True)
class Rows:
    """The rows of a wide frame, ascending by (container, step), and the row of every point.

    ``steps`` are the distinct steps, ascending, NaN last; row ``i`` is at ``steps[step_codes[i]]`` of
    ``container[i]``. ``equal_lengths`` is set when all containers have that many rows and every piece
    is a whole series, so that blocks of the result can be filled series by series.
    ``repeated`` tells whether some series has several points at one step.
    """

    container: npt.NDArray[np.integer]
    steps: Floats
    step_codes: npt.NDArray[np.integer]
    of_block: Callable[[int], npt.NDArray[np.integer]]
    equal_lengths: int | None = None
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
    return _aligned_rows(blocks, containers, columns) or _general_rows(blocks, containers, columns)


# --- all series of a container have the same steps


def _aligned_rows(blocks: Sequence[SeriesBlock], containers: int, columns: int) -> Rows | None:
    if not blocks:
        return Rows(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64), lambda _: np.empty(0, np.int64), 0)
    container = np.concatenate([block.container for block in blocks])
    column = np.concatenate([block.column for block in blocks])
    lengths = np.concatenate([block.lengths for block in blocks])
    series = container * columns + column
    whole = _all_different(series, containers * columns)
    starts, totals = (np.zeros_like(lengths), lengths) if whole else _places_in_series(series, lengths)

    height = np.zeros(containers, dtype=np.int64)
    height[container] = totals
    if not np.array_equal(height[container], totals):
        return None
    first_row = _starts(height)
    piece_rows = first_row[container] + starts
    of_piece = np.split(piece_rows, np.cumsum([len(block.container) for block in blocks])[:-1])

    reference_column = np.zeros(containers, dtype=np.int64)
    reference_column[container[::-1]] = column[::-1]
    reference = np.empty(int(height.sum()))
    for block, rows in zip(blocks, of_piece, strict=True):
        chosen = np.flatnonzero(block.column == reference_column[block.container])
        size = block.lengths[chosen]
        reference[ranges(rows[chosen], size)] = block.step[ranges(block.offsets[chosen], size)]
    if not _ascending_within(reference, first_row):
        return None

    common = int(height[0])
    equal_lengths = common if whole and bool((height == common).all()) else None
    for block, rows in zip(blocks, of_piece, strict=True):
        if equal_lengths is None:
            same = np.array_equal(reference[ranges(rows, block.lengths)], block.step)
        else:
            by_container = reference.reshape(containers, common)
            same = np.array_equal(by_container[block.container], block.step.reshape(-1, common))
        if not same:
            return None
    steps, codes_of = _step_codes([reference])
    return Rows(
        container=np.repeat(np.arange(containers), height),
        steps=steps,
        step_codes=codes_of(reference),
        of_block=lambda position: ranges(of_piece[position], blocks[position].lengths),
        equal_lengths=equal_lengths,
    )


def _places_in_series(series: Ints, lengths: Ints) -> tuple[Ints, Ints]:
    """Where each piece starts within its series, and how long the whole series is."""
    order = np.argsort(series, kind="stable")
    begins = _group_starts(series[order])
    before = _starts(lengths[order])
    group = np.cumsum(begins) - 1
    starts, totals = np.empty_like(lengths), np.empty_like(lengths)
    starts[order] = before - before[begins][group]
    totals[order] = np.add.reduceat(lengths[order], np.flatnonzero(begins))[group]
    return starts, totals


def _ascending_within(steps: Floats, first_row: Ints) -> bool:
    rises = steps[1:] > steps[:-1]
    rises[first_row[1:] - 1] = True
    return bool(rises.all()) and not np.isnan(steps).any()


# --- any steps


def _general_rows(blocks: Sequence[SeriesBlock], containers: int, columns: int) -> Rows:
    steps, codes_of = _step_codes([block.step for block in blocks])
    width = len(steps)
    cells = containers * width

    def keys(block: SeriesBlock) -> Ints:
        return np.repeat(block.container * width, block.lengths) + codes_of(block.step)

    points = sum(len(block.step) for block in blocks)
    if cells <= _table_limit(points):
        present = np.zeros(cells, dtype=bool)
        for block in blocks:
            present[keys(block)] = True
        distinct = np.flatnonzero(present)
        rank = np.cumsum(present, dtype=np.int32 if cells < 2**31 else np.int64)
        rank -= 1
        rows = [rank[keys(block)] for block in blocks]
    else:
        distinct = np.unique(np.concatenate([np.unique(keys(block)) for block in blocks]))
        rows = [np.searchsorted(distinct, keys(block)) for block in blocks]
    container, step_codes = np.divmod(distinct, width)
    return Rows(
        container=container,
        steps=steps,
        step_codes=step_codes,
        of_block=rows.__getitem__,
        repeated=_any_repeated(blocks, rows, columns),
    )


def _any_repeated(blocks: Sequence[SeriesBlock], rows: list[npt.NDArray[np.integer]], columns: int) -> bool:
    """True unless the rows of every series visibly ascend, within pieces and from piece to piece."""
    for block, block_rows in zip(blocks, rows, strict=True):
        rises = block_rows[1:] > block_rows[:-1]
        rises[block.offsets[1:-1] - 1] = True
        if not rises.all():
            return True
    series = np.concatenate([block.container * columns + block.column for block in blocks])
    order = np.argsort(series, kind="stable")
    first = np.concatenate([part[block.offsets[:-1]] for block, part in zip(blocks, rows, strict=True)])[order]
    last = np.concatenate([part[block.offsets[1:] - 1] for block, part in zip(blocks, rows, strict=True)])[order]
    continued = ~_group_starts(series[order])[1:]
    return bool((first[1:] <= last[:-1])[continued].any())


# --- steps as small integers


def _step_codes(parts: Sequence[Floats]) -> tuple[Floats, Callable[[Floats], Ints]]:
    """The distinct steps, ascending, NaN last, and a function from steps to their places among them."""
    points = sum(map(len, parts))
    smallest = min(float(part.min()) for part in parts)
    largest = max(float(part.max()) for part in parts)
    extent = largest - smallest + 1  # NaN if there is a NaN, which compares false
    if extent <= _table_limit(points) and abs(smallest) < 2**53 and all(map(_integral, parts)):
        present = np.zeros(int(extent), dtype=bool)
        for part in parts:
            present[(part - smallest).astype(np.int64)] = True
        steps = np.flatnonzero(present) + smallest
        if len(steps) == len(present):
            return steps, lambda part: (part - smallest).astype(np.int64)
        rank = np.cumsum(present, dtype=np.int64) - 1
        return steps, lambda part: rank[(part - smallest).astype(np.int64)]
    steps = np.unique(np.concatenate(parts) + 0.0)  # + 0.0 turns -0.0 into 0.0
    return steps, lambda part: np.searchsorted(steps, part)


def _integral(steps: Floats) -> bool:
    return bool((np.floor(steps) == steps).all())


def _table_limit(points: int) -> int:
    return max(_SMALL_TABLE, _TABLE_ENTRIES_PER_POINT * points)


# --- arrays of groups


def ranges(starts: Ints, lengths: Ints) -> Ints:
    """``starts[0], starts[0] + 1, ... (lengths[0] of them), starts[1], ...`` in one array.

    Example:
        >>> ranges(np.array([5, 0]), np.array([2, 3])).tolist()
        [5, 6, 0, 1, 2]
    """
    before = _starts(lengths)
    result = np.repeat(starts - before, lengths)
    result += np.arange(len(result))
    return result


def _starts(lengths: Ints) -> Ints:
    starts = np.zeros(len(lengths), dtype=np.int64)
    np.cumsum(lengths[:-1], out=starts[1:])
    return starts


def _group_starts(sorted_keys: Ints) -> npt.NDArray[np.bool_]:
    """True where a key differs from the one before."""
    begins = np.ones(len(sorted_keys), dtype=bool)
    np.not_equal(sorted_keys[1:], sorted_keys[:-1], out=begins[1:])
    return begins


def _all_different(keys: Ints, limit: int) -> bool:
    """Whether no key, each below ``limit``, occurs twice."""
    if limit > _table_limit(len(keys)):
        return len(np.unique(keys)) == len(keys)
    seen = np.zeros(limit, dtype=bool)
    seen[keys] = True
    return int(np.count_nonzero(seen)) == len(keys)
