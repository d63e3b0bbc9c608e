"""The wide Polars frame of metrics: a row per (label, step), a column per attribute.

A column is Float64, null where the attribute has no point at the step (a point whose value is NaN stays
NaN). With time or previews a column is a struct with the fields ``value``, ``timestamp``,
``is_preview``, ``preview_completion`` as asked for. An attribute named like one of the row columns
(``step``, ``experiment``, ``run``) becomes ``step:float_series``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from neptune_frames.frames.metrics_long import arrow_column
from neptune_frames.frames.wide_pivot import TYPE_SUFFIX

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
    parts = [arrow_column(pivot.matrix(name).reshape(-1), name, absent) for name in point_columns]
    if len(parts) == 1:
        (cells,) = parts
    else:
        mask = None if absent is None else pa.array(absent)
        cells = pa.StructArray.from_arrays(parts, point_columns, mask=mask)
    row_columns = [
        pl.Series(label_name, pivot.labels, dtype=pl.String).gather(pivot.label_codes),
        pl.Series("step", pivot.steps, dtype=pl.Float64),
    ]
    taken = {column.name for column in row_columns}
    # All columns are slices of one: Polars keeps an object per column, and nothing is copied for it.
    every = pl.Series(cells)
    height = len(pivot.rows)
    return pl.DataFrame(
        row_columns
        + [
            every.slice(place * height, height).alias(name + TYPE_SUFFIX if name in taken else name)
            for place, name in enumerate(pivot.names.to_pylist())
        ]
    )
