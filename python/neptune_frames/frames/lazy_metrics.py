"""Metric points as a lazy frame: nothing is fetched until a query runs, and then only what it needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from neptune_frames.frames.lazy_narrowing import (
    NeededNames,
    narrowed_series,
    parts_to_read,
    selects_nothing,
    series_rules,
)
from neptune_frames.frames.lazy_predicates import analyse
from neptune_frames.frames.lazy_source import MOST_ROWS, ScanPlan, ScanRequest, scan_frames
from neptune_frames.frames.lazy_words import place_words, series_words, unread_values
from neptune_frames.frames.metrics_long import LongLayout
from neptune_frames.frames.metrics_points import read_points
from neptune_frames.frames.questions import MetricsQuestion, Narrowing, float_points, series_keys
from neptune_frames.query.attributes import FLOAT_SERIES_TYPES
from neptune_frames.query.selection import AttributeSelector
from neptune_frames.query.selectors import match_names
from neptune_frames.query.terms import MOST_ALTERNATIVES
from neptune_frames.sources.base import SeriesKeys

if TYPE_CHECKING:
    from neptune_frames.sources.base import Source


def scan_metrics(source: Source, question: MetricsQuestion) -> pl.LazyFrame:
    """A lazy long frame (columns: `neptune_frames.frames.metrics_long`) of the points asked for.

    Each query that is collected asks the source anew. Work that is left out:

    - runs and attributes that a condition on ``project``, ``experiment``/``run`` or ``attribute`` excludes
      (any condition on these columns; those of `neptune_frames.query.terms` are part of the search itself);
    - steps that a comparison of ``step`` with numbers excludes;
    - in an archive, points at times that a comparison of ``timestamp`` excludes;
    - timestamps, if the column is not used, and in an archive values;
    - what comes after the last row needed (``head``).

    Everything else is filtered after it arrived. Steps are taken not to be NaN.
    """
    return scan_frames(
        partial(_plan, source, question),
        schema=LongLayout.schema(question.options),
        name="METRICS",
        detail=place_words(question.project, source),
        selected=series_words(question, FLOAT_SERIES_TYPES, "all float series"),
    )


def _plan(source: Source, question: MetricsQuestion, request: ScanRequest) -> ScanPlan:
    pushdown = analyse(request.predicate, series_rules(question))
    asked, pushed = narrowed_series(question, pushdown, request)
    attributes = asked.attributes
    if pushdown.names is None or len(pushdown.names) <= MOST_ALTERNATIVES:
        attributes = _known_by_name(attributes)
    options = replace(asked.options, include_values=request.needs("value"))
    asked = replace(asked, attributes=attributes, options=options)
    narrowing = NeededNames(question.containers.kind, pushdown)
    return ScanPlan(
        partial(_frames, source, asked, narrowing, request),
        pushed=(*pushed, *narrowing.describe(), *unread_values(options)),
        residual=pushdown.residual,
        attributes=partial(_attribute_names, source, asked, narrowing),
    )


def _attribute_names(source: Source, question: MetricsQuestion, narrowing: Narrowing) -> Sequence[str]:
    """Names of the series asked for, ascending; of an exact list, whether they are there or not."""
    if selects_nothing(question):
        return ()
    names = question.attributes.plain_names
    if names is None:
        return sorted(series_keys(source, question, narrowing).attributes.to_pylist())
    return sorted(narrowing.attributes(pa.array(names, pa.string())).to_pylist())


def _frames(
    source: Source, question: MetricsQuestion, narrowing: Narrowing, request: ScanRequest
) -> Iterator[pl.DataFrame]:
    options = question.options
    if selects_nothing(question):
        return
    keys = series_keys(source, question, narrowing)
    layout = LongLayout(keys.runs, keys.attributes, options)
    for part in parts_of(keys, request.limit):
        for block in read_points(float_points(source, part, options), MOST_ROWS):
            yield layout.frame(block, request.projection)


def parts_of(keys: SeriesKeys, limit: int | None) -> Iterator[SeriesKeys]:
    """The series that are asked for at a time."""
    if limit is None:
        yield keys
        return
    runs, attributes = keys.positions()
    for start, end in parts_to_read(len(keys), limit):
        yield SeriesKeys(keys.runs, keys.attributes, (runs[start:end], attributes[start:end]))


def _known_by_name(selector: AttributeSelector) -> AttributeSelector:
    """A selector that stands for exact names of series, as a plain list of them: it needs no definitions."""
    names = [name for each in selector.alternatives for name in each.names or ()]
    if selector.plain_names is not None or any(each.names is None for each in selector.alternatives):
        return selector
    texts = pa.array(list(dict.fromkeys(names)), pa.string())
    matching = match_names(selector, texts, pa.repeat(pa.scalar("float_series"), len(texts)))
    return replace(selector, plain_names=tuple(texts.filter(pa.array(matching)).to_pylist()))
