"""The long Polars frame of buckets: a row per bucket and series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from neptune_frames.frames.constant_columns import Column, frame_of
from neptune_frames.frames.repeated_texts import key_texts
from neptune_frames.frames.row_order import in_order, text_ranks

if TYPE_CHECKING:
    from neptune_frames.frames.buckets import BucketedMetrics


def long_frame(found: BucketedMetrics) -> pl.DataFrame:
    """The buckets, sorted by label, attribute and range (`neptune_frames.frames.buckets.BucketedMetrics.collect`)."""
    runs, attributes, buckets = found.keys.runs, found.keys.attributes, found.buckets
    run, attribute, low, high = (buckets[name].to_numpy() for name in ("run", "attribute", "from_x", "to_x"))
    columns: dict[str, Column] = {
        name: texts.column(attribute if name == "attribute" else run)
        for name, texts in key_texts(runs, found.kind, attributes).items()
    }
    columns |= {name: pl.Series(buckets[name]) for name in buckets.column_names if name not in ("run", "attribute")}
    labels = text_ranks(runs.column(found.kind.label_column))
    return in_order(frame_of(columns, buckets.num_rows), labels[run], text_ranks(attributes)[attribute], low, high)
