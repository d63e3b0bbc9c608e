"""The long Polars frame of string, histogram and file series: a row per point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from neptune_frames.frames.constant_columns import Column, constant, frame_of
from neptune_frames.frames.polars_types import polars_type
from neptune_frames.frames.repeated_texts import RepeatedTexts
from neptune_frames.frames.row_order import row_order, text_ranks
from neptune_frames.schemas import POINT_TIME, SERIES_OBJECT_FIELDS

if TYPE_CHECKING:
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
        if flat.holds(field.name):
            columns[field.name] = pl.Series(flat.column(field.name))
        else:
            columns[field.name] = constant(None, polars_type(field.type))
    attribute = text_ranks(keys.attributes)[block.attribute]
    series = text_ranks(labels)[block.run] * (len(keys.attributes) + 1) + attribute
    order = row_order(np.repeat(series, block.lengths), block.step)
    frame = frame_of(columns, len(block))
    return frame if order is None else frame[order]
