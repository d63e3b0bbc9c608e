"""Bringing interleaved rows into series: one run of rows per series, steps ascending, none twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neptune_frames.slices import offsets_of

_RADIX = 1 << 16

Indices = npt.NDArray[np.int64]
Steps = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Grouped:
    """Rows of several series: series ``i`` is ``order[offsets[i]:offsets[i + 1]]``, positions of its rows.

    ``steps`` are in that order too. ``order`` is None where the rows lay that way already.
    """

    order: Indices | None
    offsets: Indices
    steps: Steps

    def take(self, column: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """A column of the rows in the order of the series."""
        return column if self.order is None else column[self.order]


def group_rows(series: npt.NDArray[np.integer], steps: Steps, count: int) -> Grouped:
    """Group rows by series and order them by step; of several rows with one step the first stays.

    Args:
        series: The series of each row, in 0..count-1; negative for rows that belong to none.
        steps: The step of each row; a NaN step marks a row that is no point.
        count: The number of series.
    """
    order: Indices | None = None
    dropped = (series < 0) | np.isnan(steps)
    if dropped.any():
        order = np.flatnonzero(~dropped)
        series, steps = series[order], steps[order]
    lengths = np.bincount(series, minlength=count)
    if (series[1:] < series[:-1]).any():
        by_series = stable_order(series, count)
        order = by_series if order is None else order[by_series]
        series, steps = np.repeat(np.arange(count, dtype=series.dtype), lengths), steps[by_series]
    # Rows of a series mostly ascend already: few places are left to look at.
    falls = np.flatnonzero(steps[1:] <= steps[:-1])
    if (series[falls] == series[falls + 1]).any():
        by_step = np.lexsort((steps, series))
        series, steps = series[by_step], steps[by_step]
        repeated = (series[1:] == series[:-1]) & (steps[1:] == steps[:-1])
        kept = np.flatnonzero(np.concatenate(([True], ~repeated)))
        by_step, series, steps = by_step[kept], series[kept], steps[kept]
        order = by_step if order is None else order[by_step]
        lengths = np.bincount(series, minlength=count)
    return Grouped(order, offsets_of(lengths), steps)


def stable_order(keys: npt.NDArray[np.integer], count: int) -> Indices:
    """``argsort(keys, kind="stable")`` for keys in 0..count-1, by radix: numpy has it for 16-bit keys only."""
    if count <= _RADIX:
        short: Indices = np.argsort(keys.astype(np.uint16), kind="stable")
        return short
    low = np.argsort((keys % _RADIX).astype(np.uint16), kind="stable")
    high = keys[low] // _RADIX
    order: Indices = low[stable_order(high, -(-count // _RADIX))]
    return order


def bisect_slices(steps: Steps, starts: Indices, stops: Indices, bounds: Steps, *, right: bool) -> Indices:
    """`numpy.searchsorted` in many slices at once: where each bound belongs in ``steps[start:stop]``."""
    low, high = starts.copy(), stops.copy()
    while True:
        open_ = np.flatnonzero(low < high)
        if not len(open_):
            return low
        middle = (low[open_] + high[open_]) // 2
        probe = steps[middle]
        above = probe <= bounds[open_] if right else probe < bounds[open_]
        low[open_] = np.where(above, middle + 1, low[open_])
        high[open_] = np.where(above, high[open_], middle)


def dense_codes(keys: npt.NDArray[np.integer], size: int) -> tuple[npt.NDArray[np.int64], Indices]:
    """The distinct keys (ascending), and for each key its position among them; keys are in 0..size-1."""
    if size > 4 * len(keys) + _RADIX:
        distinct, codes = np.unique(keys, return_inverse=True)
        return distinct.astype(np.int64), codes.astype(np.int64)
    present = np.bincount(keys, minlength=size) > 0
    distinct = np.flatnonzero(present)
    position = np.cumsum(present) - 1
    return distinct, position.take(keys)
