"""The wide Polars frame of metrics: a row per (label, step), a column per attribute.

A column is Float64, null where the attribute has no point at the step (a point whose value is NaN stays
NaN). With time or previews a column is a struct with the fields ``value``, ``timestamp``,
``is_preview``, ``preview_completion`` as asked for. An attribute named like one of the row columns
(``step``, ``experiment``, ``run``) becomes ``step:float_series``. Where a series has several
points at a step, the first whose value is not NaN counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from neptune_frames.frames.metrics_long import arrow_column
from neptune_frames.frames.typed_columns import float_series_columns

if TYPE_CHECKING:
    from neptune_frames.frames.wide_pivot import Pivot


def wide_frame(pivot: Pivot, label_name: str, point_columns: list[str]) -> pl.DataFrame:
    """The wide frame.

    Args:
        pivot: The shape, and its points.
        label_name: ``experiment`` or ``run``.
        point_columns: ``value``, and the other point columns to show.
    """
    absent = None if pivot.complete else ~pivot.present().reshape(-1)
    # A cell is one point: its fields are not looked for in others at the same step.
    cells_of = [pivot.matrix(name, chosen_by="value").reshape(-1) for name in point_columns]
    parts = [arrow_column(cells, name, absent) for cells, name in zip(cells_of, point_columns, strict=True)]
    if len(parts) == 1:
        (cells,) = parts
    else:
        mask = None if absent is None else pa.array(absent)
        cells = pa.StructArray.from_arrays(parts, point_columns, mask=mask)
    row_columns = [
        pl.Series(label_name, pivot.labels, dtype=pl.String).gather(pivot.label_codes),
        pl.Series("step", pivot.steps, dtype=pl.Float64),
    ]
    names = float_series_columns(pivot.names.to_pylist(), taken=[column.name for column in row_columns])
    # All columns are slices of one, which is there as long as any of them is: nothing is copied for them.
    every = pl.Series(cells)
    height = len(pivot.rows)
    return pl.DataFrame(
        row_columns + [every.slice(place * height, height).alias(name) for place, name in enumerate(names)]
    )
