"""Attribute values as a lazy long frame: a row per run and attribute, a column per type of value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from neptune_frames.frames.constant_columns import Column, constant, frame_of
from neptune_frames.frames.lazy_narrowing import (
    NeededNames,
    label_operand,
    narrowed_attributes,
    narrowed_containers,
    narrowed_types,
    no_names,
    parts_to_read,
)
from neptune_frames.frames.lazy_predicates import PushdownRules, analyse
from neptune_frames.frames.lazy_source import ScanPlan, ScanRequest, scan_frames
from neptune_frames.frames.lazy_words import attributes_words, containers_words, place_words
from neptune_frames.frames.metrics_long import name_columns
from neptune_frames.frames.polars_types import value_type
from neptune_frames.frames.questions import Containers, find_runs
from neptune_frames.frames.repeated_texts import RepeatedTexts, key_texts
from neptune_frames.query.attributes import KNOWN_TYPES
from neptune_frames.query.selection import AttributeSelector, ContainerKind
from neptune_frames.schemas import FLOAT_SERIES_STATISTICS, SERIES_TYPES

if TYPE_CHECKING:
    from neptune_frames.sources.base import Source

#: The column that holds values, by attribute type. The value of a series is its last one.
VALUE_COLUMNS: dict[str, str] = {
    "int": "int_value",
    "float": "float_value",
    "float_series": "float_value",
    "string": "string_value",
    "string_series": "string_value",
    "bool": "bool_value",
    "datetime": "datetime_value",
    "string_set": "string_set_value",
    "file": "file_value",
    "file_series": "file_value",
    "histogram_series": "histogram_value",
}

#: Columns about series; the statistics are those of float series.
_SERIES_COLUMNS = ("last_step", *FLOAT_SERIES_STATISTICS)

#: Values of one type that are worth a frame of their own.
_FEWEST_ROWS = 20_000

#: By column, the types whose values may have something in it.
_TYPES_WITH: dict[str, frozenset[str]] = {
    **{
        column: frozenset(kind for kind, held in VALUE_COLUMNS.items() if held == column)
        for column in VALUE_COLUMNS.values()
    },
    **dict.fromkeys(FLOAT_SERIES_STATISTICS, frozenset(["float_series"])),
    "last_step": frozenset(SERIES_TYPES),
}


@dataclass(frozen=True)
class AttributesQuestion:
    """Values of which project, runs and attributes."""

    project: str
    containers: Containers
    attributes: AttributeSelector


def scan_attributes(source: Source, question: AttributesQuestion) -> pl.LazyFrame:
    """A lazy frame with a row per run and attribute: names, ``type``, and the value in the column of its type.

    Conditions on the names and on ``type`` narrow what is asked for, and so does a condition that no null
    satisfies on a column of values: other types have nulls there. ``head`` stops early.
    """
    return scan_frames(
        partial(_plan, source, question),
        schema=attributes_schema(question.containers.kind),
        name="ATTRIBUTES",
        detail=place_words(question.project, source),
        selected=[containers_words(question.containers), attributes_words(question.attributes, KNOWN_TYPES)],
    )


def attributes_schema(kind: ContainerKind) -> pl.Schema:
    """Names and types of the columns.

    Example:
        >>> attributes_schema(ContainerKind.RUN).names()[:6]
        ['project', 'run', 'attribute', 'type', 'int_value', 'float_value']
    """
    schema = pl.Schema(dict.fromkeys((*name_columns(kind), "type"), pl.String()))
    schema.update({column: value_type(kind) for kind, column in reversed(VALUE_COLUMNS.items())})
    order = [*schema.names()[:4], *dict.fromkeys(VALUE_COLUMNS.values())]
    ordered = pl.Schema({name: schema[name] for name in order})
    ordered.update(dict.fromkeys(_SERIES_COLUMNS, pl.Float64()))
    return ordered


def _plan(source: Source, question: AttributesQuestion, request: ScanRequest) -> ScanPlan:
    kind = question.containers.kind
    pushdown = analyse(request.predicate, _rules(kind))
    containers, of_runs = narrowed_containers(question.containers, pushdown)
    attributes, of_names = narrowed_attributes(question.attributes, pushdown)
    attributes, of_types = narrowed_types(attributes, pushdown)
    narrowing = NeededNames(kind, pushdown)
    asked = replace(question, containers=containers, attributes=attributes)
    return ScanPlan(
        partial(_frames, source, asked, narrowing, request),
        pushed=(*of_runs, *of_names, *narrowing.describe(), *of_types, *request.described_limit("value")),
        residual=pushdown.residual,
    )


def _rules(kind: ContainerKind) -> PushdownRules:
    return PushdownRules(
        searched=label_operand(kind),
        label=kind.value,
        name="attribute",
        type="type",
        types=KNOWN_TYPES,
        types_with=_TYPES_WITH,
        found_with_runs=("project", kind.value),
    )


def _frames(
    source: Source, question: AttributesQuestion, narrowing: NeededNames, request: ScanRequest
) -> Iterator[pl.DataFrame]:
    if no_names(question.containers, question.attributes):
        return
    kind = question.containers.kind
    runs = narrowing.runs(find_runs(source, question.project, question.containers))
    schema = attributes_schema(kind)
    columns = [name for name in schema if request.needs(name)]
    for start, end in parts_to_read(runs.num_rows, request.limit):
        part = runs.slice(start, end - start)
        texts = key_texts(part, kind)
        # Under a row limit nothing is held back: the first rows may be all.
        fewest_rows = _FEWEST_ROWS if request.limit is None else 1
        for attribute_type, values in _joined(source.values(part, question.attributes), fewest_rows):
            yield _frame(attribute_type, values, texts, {name: schema[name] for name in columns})


def _joined(answers: Iterable[tuple[str, pa.RecordBatch]], fewest_rows: int) -> Iterator[tuple[str, pa.Table]]:
    """The values type by type, in tables of so many rows at least while there are: pages hold a few of each type."""
    held: dict[str, list[pa.RecordBatch]] = {}
    rows: Counter[str] = Counter()
    for attribute_type, batch in answers:
        if batch.num_rows and attribute_type in VALUE_COLUMNS:
            held.setdefault(attribute_type, []).append(batch)
            rows[attribute_type] += batch.num_rows
            if rows[attribute_type] >= fewest_rows:
                del rows[attribute_type]
                yield attribute_type, pa.Table.from_batches(held.pop(attribute_type))
    for attribute_type, batches in held.items():
        yield attribute_type, pa.Table.from_batches(batches)


def _frame(
    attribute_type: str, values: pa.Table, texts: dict[str, RepeatedTexts], schema: dict[str, pl.DataType]
) -> pl.DataFrame:
    """Values of one type in the columns of the schema; those of other types are null."""
    stored = {"attribute": values["attribute"].cast(pa.string()), VALUE_COLUMNS[attribute_type]: values["value"]}
    stored |= {name: values[name] for name in _SERIES_COLUMNS if name in values.schema.names}
    run = values["run"].to_numpy()
    columns: dict[str, Column] = {}
    for name, dtype in schema.items():
        if name in texts:
            columns[name] = texts[name].column(run)
        elif name in stored:
            columns[name] = pl.Series(stored[name]).cast(dtype)
        else:
            columns[name] = constant(attribute_type if name == "type" else None, dtype)
    return frame_of(columns, values.num_rows)
