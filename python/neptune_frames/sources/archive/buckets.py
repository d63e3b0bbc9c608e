"""Buckets of float series: all series of a request at once (http-api 13.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from neptune_frames.schemas import BUCKETS
from neptune_frames.slices import stretch_starts

Floats = npt.NDArray[np.float64]

#: Where edges are fewer floating-point numbers than this apart, the bucket of a step is looked up and not computed.
_CLOSE_EDGES = 4


@dataclass(frozen=True)
class View:
    """``count`` buckets over the steps from ``low`` to ``high``.

    Bucket 0 is everything up to ``low``, buckets 1 to ``count - 1`` are equal parts of the range, open on
    the left and closed on the right, and bucket ``count`` is everything beyond ``high``. A range of a
    single step has one bucket that starts there and has no end; it holds the step itself.

    Raises `ValueError` where that is no range: an end or the distance between them is not finite, or low is the larger.
    """

    low: float
    high: float
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.high - self.low < np.inf:
            raise ValueError(
                f"Buckets cannot go from step {self.low} to {self.high}: give two finite steps, the larger one last."
            )

    @property
    def is_single(self) -> bool:
        return not self.low < self.high

    def numbers(self, steps: Floats) -> npt.NDArray[np.int64]:
        """The bucket of each step."""
        if self.is_single:
            return (steps >= self.low).astype(np.int64)
        if self.count < 2:
            return (steps > self.low).astype(np.int64)
        if self._width < _CLOSE_EDGES * np.spacing(max(abs(self.low), abs(self.high))):
            return np.searchsorted(self._edge(np.arange(self.count)), steps).astype(np.int64)
        with np.errstate(over="ignore"):  # far beyond a tiny range
            inner = np.clip(np.ceil((steps - self.low) / self._width), 1, self.count - 1)
        # The quotient may be off by one at an edge: the edges themselves decide.
        inner += (steps > self._edge(inner)).astype(np.float64)
        inner -= (steps <= self._edge(inner - 1)).astype(np.float64)
        inner = np.clip(inner, 1, self.count - 1)
        return np.where(steps <= self.low, 0, np.where(steps > self.high, self.count, inner)).astype(np.int64)

    def bounds(self, numbers: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Where buckets begin and end."""
        if self.is_single or self.count < 2:
            return np.where(numbers == 0, -np.inf, self.low), np.where(numbers == 0, self.low, np.inf)
        begin = np.where(numbers == 0, -np.inf, self._edge(numbers - 1))
        return begin, np.where(numbers >= self.count, np.inf, self._edge(numbers))

    @property
    def _width(self) -> float:
        return (self.high - self.low) / (self.count - 1)

    def _edge(self, number: npt.NDArray[np.number]) -> Floats:
        """The end of each bucket; that of the last inner one is the end of the range, exactly."""
        edges = self.low + self._width * number.astype(np.float64)
        return np.where(number >= self.count - 1, self.high, edges)


#: Series to put into buckets: positions of run and attribute, offsets, steps, values.
Series = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int64], Floats, Floats]


def bucket_table(series: Iterable[Series], view: View) -> pa.Table:
    """BUCKETS of all series."""
    return pa.Table.from_batches([_buckets(view, *some) for some in series], schema=BUCKETS)


def _buckets(
    view: View,
    runs: npt.NDArray[np.int32],
    attributes: npt.NDArray[np.int32],
    offsets: npt.NDArray[np.int64],
    steps: Floats,
    values: Floats,
) -> pa.RecordBatch:
    if not len(steps):
        return pa.RecordBatch.from_pylist([], schema=BUCKETS)
    series = np.repeat(np.arange(len(runs)), np.diff(offsets))
    numbers = view.numbers(steps)
    starts = stretch_starts(series, numbers)
    finite = np.isfinite(values)
    counts = _sum(finite, starts)
    at = np.arange(len(steps))
    first = np.minimum.reduceat(np.where(finite, at, len(steps) - 1), starts)
    last = np.maximum.reduceat(np.where(finite, at, 0), starts)
    empty = counts == 0
    begin, end = view.bounds(numbers[starts])
    with np.errstate(over="ignore"):
        total = np.add.reduceat(np.where(finite, values, 0.0), starts)
    columns = {
        "run": runs[series[starts]],
        "attribute": attributes[series[starts]],
        "index": numbers[starts],
        "from_x": begin,
        "to_x": end,
        "first_x": steps[first],
        "first_y": values[first],
        "last_x": steps[last],
        "last_y": values[last],
        "local_min": np.minimum.reduceat(np.where(finite, values, np.inf), starts),
        "local_max": np.maximum.reduceat(np.where(finite, values, -np.inf), starts),
        "local_sum": total,
        "finite_point_count": counts,
        "nan_count": _sum(np.isnan(values), starts),
        "positive_inf_count": _sum(values == np.inf, starts),
        "negative_inf_count": _sum(values == -np.inf, starts),
    }
    arrays = [pa.array(columns[field.name], field.type, mask=empty if field.nullable else None) for field in BUCKETS]
    return pa.record_batch(arrays, schema=BUCKETS)


def _sum(flags: npt.NDArray[np.bool_], starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.add.reduceat(flags.astype(np.int64), starts)
