"""From points to wide matrices: one row of memory per attribute, one place per (container, step)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.frames.pandas_values import NO_TIMESTAMP
from neptune_frames.frames.wide_rows import SeriesBlock, number_rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from neptune_frames.frames.metrics_points import PointBlock

#: Output dtype of each point column, and what marks a cell without a point.
_MATRICES: dict[str, tuple[type, Any]] = {
    "value": (np.float64, np.nan),
    "place": (np.int64, -1),
    "timestamp": (np.int64, NO_TIMESTAMP),
    "is_preview": (np.bool_, False),
    "preview_completion": (np.float64, np.nan),
}


class Pivot:
    """The wide shape of some points, computed once; `matrix` fills one point column into it.

    Containers are ordered by label (code points), then by position; columns by name. Neither is there
    without a point.

    Attributes:
        labels: Distinct labels, ascending.
        label_codes: Place in ``labels`` of each row.
        names: Names of the columns, ascending.
        rows: Numbering of the rows; ``rows.steps[rows.step_codes]`` are their steps.
    """

    def __init__(self, blocks: Sequence[PointBlock], labels: pa.Array, attributes: pa.Array) -> None:
        run_places, runs = _places(labels, [block.run for block in blocks])
        columns, names = _places(attributes, [block.attribute for block in blocks])
        self._blocks = blocks
        self._series = [
            SeriesBlock(run_places[block.run], columns[block.attribute], block.offsets, block.step) for block in blocks
        ]
        self.rows = number_rows(self._series, len(runs), len(names))
        self.names = names
        self.labels = runs.unique()
        self.label_codes = pc.index_in(runs, self.labels).to_numpy(zero_copy_only=False)[self.rows.container]
        self.shape = (len(names), len(self.rows))

    @property
    def steps(self) -> npt.NDArray[np.float64]:
        """The step of each row."""
        return self.rows.steps[self.rows.step_codes]

    @property
    def complete(self) -> bool:
        """Whether every cell has a point."""
        points = sum(map(len, self._blocks))
        if not self.rows.repeated:
            return points == self.shape[0] * self.shape[1]
        return bool(self.present().all())

    def matrix(self, name: str, *, chosen_by: str | None = None) -> npt.NDArray[Any]:
        """One column of the points as a (columns x rows) C-ordered array.

        Where a series has several points at a step, the first one that is not missing (NaN) counts: in this column, or
        in that which ``chosen_by`` names, and then the first one if all are missing there.
        """
        dtype, missing = _MATRICES[name]
        matrix: npt.NDArray[Any] = np.full(self.shape, missing, dtype=dtype)
        if not self.rows.repeated:
            for position in range(len(self._blocks)):
                self._fill(matrix, position, self._blocks[position].columns[name])
            return matrix
        # Written backwards, the first point is the one that stays.
        cells = matrix.reshape(-1)
        for missing_ones in (False,) if chosen_by is None else (True, False):
            for position in reversed(range(len(self._blocks))):
                columns = self._blocks[position].columns
                there = np.flatnonzero(_is_missing(columns[chosen_by or name]) == missing_ones)[::-1]
                cells[self._cells(position)[there]] = columns[name][there]
        return matrix

    def present(self) -> npt.NDArray[np.bool_]:
        """Which cells have a point, as a (columns x rows) array."""
        matrix = np.zeros(self.shape, dtype=bool)
        for position in range(len(self._blocks)):
            self._fill(matrix, position, np.True_)
        return matrix

    def _fill(self, matrix: npt.NDArray[Any], position: int, values: npt.NDArray[Any] | np.bool_) -> None:
        series, span = self._series[position], self.rows.span(position)
        if span is None:
            matrix.reshape(-1)[self._cells(position)] = values
            return
        by_container = matrix.reshape(self.shape[0], -1, self.rows.height or 1)[:, :, span]
        by_container[series.column, series.container] = (
            values.reshape(len(series.column), -1) if values.ndim else values
        )

    def _cells(self, position: int) -> npt.NDArray[np.int64]:
        """Place of each point of a block in the flat matrix."""
        series = self._series[position]
        cells = np.repeat(series.column * self.shape[1], series.lengths)
        cells += self.rows.of_block(position)
        return cells


def _is_missing(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which values pandas counts as missing."""
    missing: npt.NDArray[np.bool_] = np.zeros(len(values), dtype=bool)
    if values.dtype.kind == "f":
        missing = np.isnan(values)
    elif values.dtype.kind == "i":
        missing = values == NO_TIMESTAMP
    return missing


def _places(names: pa.Array, used: Sequence[npt.NDArray[np.int32]]) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """Where each used position of ``names`` goes when they are sorted by code point, and the sorted names."""
    seen = np.zeros(len(names), dtype=bool)
    for positions in used:
        seen[positions] = True
    present = np.flatnonzero(seen)
    chosen = names.take(pa.array(present))
    order = pc.sort_indices(chosen).to_numpy()
    places = np.empty(len(names), dtype=np.int64)
    places[present[order]] = np.arange(len(present))
    return places, chosen.take(pa.array(order))
