"""The long Polars frame of string, histogram and file series: a row per point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from neptune_frames.frames.constant_columns import Column, constant, frame_of
from neptune_frames.frames.polars_types import polars_type
from neptune_frames.frames.repeated_texts import key_texts
from neptune_frames.frames.row_order import in_order, text_ranks
from neptune_frames.schemas import POINT_TIME, SERIES_OBJECT_FIELDS

if TYPE_CHECKING:
    from neptune_frames.frames.object_series import FlatPoints
    from neptune_frames.query.selection import ContainerKind
    from neptune_frames.sources.base import SeriesKeys


def long_frame(keys: SeriesKeys, flat: FlatPoints, kind: ContainerKind, *, include_time: bool) -> pl.DataFrame:
    """The points, sorted by label, attribute and step (`neptune_frames.frames.object_series.ObjectSeries.collect`)."""
    block = flat.block
    columns: dict[str, Column] = {
        name: texts.column(block.attribute if name == "attribute" else block.run, block.lengths)
        for name, texts in key_texts(keys.runs, kind, keys.attributes).items()
    }
    columns["step"] = pl.Series(block.step)
    for field in (*([POINT_TIME] if include_time else []), *SERIES_OBJECT_FIELDS):
        if flat.holds(field.name):
            columns[field.name] = pl.Series(flat.column(field.name))
        else:
            columns[field.name] = constant(None, polars_type(field.type))
    labels, attributes = text_ranks(keys.runs.column(kind.label_column)), text_ranks(keys.attributes)
    return in_order(frame_of(columns, len(block)), labels[flat.run], attributes[flat.attribute], block.step)
