"""Points of string, histogram and file series as a lazy frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from neptune_frames.frames.constant_columns import Column, frame_of
from neptune_frames.frames.lazy_metrics import parts_of
from neptune_frames.frames.lazy_narrowing import (
    NeededNames,
    narrowed_series,
    narrowed_types,
    selects_nothing,
    series_rules,
)
from neptune_frames.frames.lazy_predicates import analyse
from neptune_frames.frames.lazy_source import ScanPlan, ScanRequest, scan_frames
from neptune_frames.frames.lazy_words import place_words, series_words, unread_values
from neptune_frames.frames.metrics_long import name_columns
from neptune_frames.frames.polars_types import polars_type
from neptune_frames.frames.questions import MetricsQuestion, Narrowing, series_keys
from neptune_frames.frames.repeated_texts import RepeatedTexts, key_texts
from neptune_frames.query.attributes import OBJECT_SERIES_TYPES
from neptune_frames.schemas import OBJECT_POINT, POINT_TIME

if TYPE_CHECKING:
    from neptune_frames.query.selection import SeriesOptions
    from neptune_frames.sources.base import Source


#: By column, the types whose points have something in it.
_TYPES_WITH = {name: frozenset([f"{name}_series"]) for name in ("string", "histogram", "file")}


def scan_series(source: Source, question: MetricsQuestion) -> pl.LazyFrame:
    """A lazy frame with a row per point: the names, ``step``, ``timestamp`` if time was asked for, and ``string``,
    ``histogram`` and ``file``, of which one is set.

    What is left out is as for `neptune_frames.frames.lazy_metrics.scan_metrics`, except that servers send points
    of these series whole, with their times. A condition that no null satisfies on one of the three narrows the types.
    """
    return scan_frames(
        partial(_plan, source, question),
        schema=series_schema(question.options),
        name="SERIES",
        detail=place_words(question.project, source),
        selected=series_words(question, OBJECT_SERIES_TYPES, "all string, histogram and file series"),
    )


def series_schema(options: SeriesOptions) -> pl.Schema:
    """Names and types of the columns."""
    schema = pl.Schema(dict.fromkeys(name_columns(options.kind), pl.String()))
    points = (field for field in OBJECT_POINT if options.include_time or field.name != POINT_TIME.name)
    schema.update({field.name: polars_type(field.type) for field in points})
    return schema


def _plan(source: Source, question: MetricsQuestion, request: ScanRequest) -> ScanPlan:
    pushdown = analyse(request.predicate, series_rules(question, _TYPES_WITH))
    asked, pushed = narrowed_series(question, pushdown, request)
    # By definition, not by plain name: a name may belong to a series of numbers.
    attributes, of_types = narrowed_types(replace(asked.attributes, plain_names=None), pushdown)
    options = replace(asked.options, include_values=any(map(request.needs, _TYPES_WITH)))
    asked = replace(asked, attributes=attributes, options=options)
    narrowing = NeededNames(question.containers.kind, pushdown)
    columns = [name for name in series_schema(question.options) if request.needs(name)]
    return ScanPlan(
        partial(_frames, source, asked, narrowing, columns, request.limit),
        pushed=(*pushed, *of_types, *narrowing.describe(), *unread_values(options)),
        residual=pushdown.residual,
    )


def _frames(
    source: Source, question: MetricsQuestion, narrowing: Narrowing, columns: list[str], rows: int | None
) -> Iterator[pl.DataFrame]:
    options = question.options
    if selects_nothing(question):
        return
    keys = series_keys(source, question, narrowing)
    texts = key_texts(keys.runs, options.kind, keys.attributes)
    for part in parts_of(keys, rows):
        for batch in source.object_points(part, options) if len(part) else ():
            yield _frame(batch, texts, columns)


def _frame(batch: pa.RecordBatch, texts: dict[str, RepeatedTexts], columns: list[str]) -> pl.DataFrame:
    lists = batch.column("points")
    points, lengths = lists.flatten(), np.diff(lists.offsets.to_numpy())
    made: dict[str, Column] = {}
    for name in columns:
        if name in texts:
            owner = batch.column("attribute" if name == "attribute" else "run").to_numpy()
            made[name] = texts[name].column(owner, lengths)
        else:
            made[name] = pl.Series(points.field(name))
    return frame_of(made, len(points))
