"""The long Polars frame of string, histogram and file series: a row per point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from neptune_frames.frames.constant_columns import Column, constant, frame_of
from neptune_frames.frames.polars_types import polars_type
from neptune_frames.frames.repeated_texts import RepeatedTexts
from neptune_frames.schemas import POINT_TIME, SERIES_OBJECT_FIELDS

if TYPE_CHECKING:
    import numpy.typing as npt

    from neptune_frames.frames.metrics_points import PointBlock
    from neptune_frames.frames.object_series import FlatPoints
    from neptune_frames.query.selection import ContainerKind
    from neptune_frames.sources.base import SeriesKeys


def long_frame(keys: SeriesKeys, flat: FlatPoints, kind: ContainerKind, *, include_time: bool) -> pl.DataFrame:
    """The points, sorted by label, attribute and step (`neptune_frames.frames.object_series.ObjectSeries.collect`)."""
    block = flat.block
    labels = keys.runs.column(kind.label_column).combine_chunks()
    texts = {
        "project": (keys.runs.column("project").combine_chunks(), block.run),
        kind.value: (labels, block.run),
        "attribute": (keys.attributes, block.attribute),
    }
    columns: dict[str, Column] = {
        name: RepeatedTexts(name, values).column(positions, block.lengths)
        for name, (values, positions) in texts.items()
    }
    columns["step"] = pl.Series(block.step)
    for field in (*([POINT_TIME] if include_time else []), *SERIES_OBJECT_FIELDS):
        is_there = flat.holds(field.name)
        columns[field.name] = (
            pl.Series(flat.column(field.name)) if is_there else constant(None, polars_type(field.type))
        )
    frame, order = frame_of(columns, len(block)), _order(block, labels, keys.attributes)
    return frame if order is None else frame[order]


def _order(block: PointBlock, labels: pa.Array, attributes: pa.Array) -> npt.NDArray[np.int64] | None:
    """The points by label, attribute and step; None where they are in that order."""
    series = _ranks(labels)[block.run] * (len(attributes) + 1) + _ranks(attributes)[block.attribute]
    of_point, step = np.repeat(series, block.lengths), block.step
    falls = (of_point[1:] == of_point[:-1]) & (step[1:] < step[:-1])
    if (series[1:] >= series[:-1]).all() and not falls.any():
        return None
    return np.lexsort((step, of_point))


def _ranks(texts: pa.Array) -> npt.NDArray[np.int64]:
    """Numbers for texts, in the order of these from 1 on; 0 for null."""
    return pl.Series(texts, dtype=pl.String).rank("dense").cast(pl.Int64).fill_null(0).to_numpy()
