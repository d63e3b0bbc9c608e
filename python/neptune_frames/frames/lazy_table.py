"""The table of runs as a lazy frame: conditions on attributes are part of the search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from neptune_frames.counted import counted
from neptune_frames.frames.lazy_narrowing import described_search, label_operand
from neptune_frames.frames.lazy_predicates import PushdownRules, analyse
from neptune_frames.frames.lazy_source import ScanPlan, ScanRequest, scan_frames
from neptune_frames.frames.lazy_words import attributes_words, containers_words, names_words, place_words
from neptune_frames.frames.polars_types import value_type
from neptune_frames.frames.table import RunTable, TableQuestion
from neptune_frames.frames.typed_columns import column_names
from neptune_frames.query.attributes import KNOWN_TYPES
from neptune_frames.query.expressions import Operand, conjunction
from neptune_frames.query.rendering import render_operand
from neptune_frames.query.selection import AttributeSelector, ContainerKind, RunNeeds, RunQuery

if TYPE_CHECKING:
    from neptune_frames.sources.base import Source


def scan_table(source: Source, question: TableQuestion, *, type_suffix: bool | None = None) -> pl.LazyFrame:
    """A lazy frame with a row per run, in the order of the question: ``project``, the label, a column per attribute.

    Columns and their types are those that the selected runs have now: they are asked for here, values
    when a query is collected. What is not asked for:

    - columns that are not used;
    - runs that conditions on attributes and on the label exclude, as far as a search understands them
      (`neptune_frames.query.terms`);
    - with ``head`` on the scan itself, more than so many runs.

    Args:
        source: Whom to ask.
        question: Which runs and attributes, and in which order.
        type_suffix: Whether column names end in the type; None: those of names with several types do.

    Raises:
        ConflictingAttributeTypes: If a name has several types and ``type_suffix`` is False.
        NeptuneProjectInaccessible: If the project does not exist.
    """
    if question.containers.names == ():
        return pl.LazyFrame(schema=_keys(question.containers.kind))
    query = question.run_query(source)
    columns = _table_columns(source, query, question.attributes, type_suffix=type_suffix)
    schema = pl.Schema(_keys(query.kind))
    schema.update({name: value_type(attribute.type) for name, attribute in columns.items()})
    sort = Operand(query.sort.attribute, query.sort.type, query.sort.aggregation)
    return scan_frames(
        partial(_plan, _Table(source, query, columns, schema)),
        schema=schema,
        name="TABLE",
        detail=place_words(question.project or "", source),
        selected=[
            containers_words(question.containers),
            attributes_words(question.attributes, KNOWN_TYPES),
            f"by {render_operand(sort)}, {'descending' if query.sort.descending else 'ascending'}",
        ],
    )


def _keys(kind: ContainerKind) -> dict[str, pl.DataType]:
    """The columns that say whose row it is. An attribute of such a name has its type as suffix."""
    return dict.fromkeys(("project", kind.value), pl.String())


@dataclass(frozen=True)
class _Column:
    attribute: str
    type: str

    @property
    def with_suffix(self) -> str:
        return f"{self.attribute}:{self.type}"


@dataclass(frozen=True)
class _Table:
    """What is asked of whom, and the attribute in each column but the keys."""

    source: Source
    query: RunQuery
    columns: dict[str, _Column]
    schema: pl.Schema


def _table_columns(
    source: Source, query: RunQuery, selector: AttributeSelector, *, type_suffix: bool | None
) -> dict[str, _Column]:
    """The columns of the table, by name, ascending."""
    if selector.selects_nothing or query.project is None:
        return {}
    runs = source.search(query).runs
    if not runs.num_rows:
        return {}
    definitions = source.definitions([query.project], runs, selector)
    found = [_Column(*pair) for pair in zip(*(column.to_pylist() for column in definitions.columns), strict=True)]
    attributes = [(column.attribute, column.type) for column in found]
    named = dict(zip(column_names(attributes, type_suffix=type_suffix, taken=_keys(query.kind)), found, strict=True))
    return {name: named[name] for name in sorted(named)}


def _plan(table: _Table, request: ScanRequest) -> ScanPlan:
    columns, query = table.columns, table.query
    used = columns.keys() & (() if request.predicate is None else request.predicate.meta.root_names())
    operands = {name: Operand(columns[name].attribute, columns[name].type) for name in used}
    pushdown = analyse(request.predicate, PushdownRules(searched={**operands, **label_operand(query.kind)}))
    needed = columns
    if request.projection is not None:
        needed = {name: columns[name] for name in request.projection if name in columns}
    of_columns = []
    if len(needed) < len(columns):
        of = f"of {counted(len(columns), 'column')}"
        of_columns = [names_words(f"{len(needed):,} {of}", needed) if needed else f"none {of}"]
    query = replace(query, filter=conjunction(query.filter, pushdown.run_filter), limit=request.limit)
    return ScanPlan(
        partial(_frames, replace(table, query=query, columns=needed)),
        pushed=(
            *described_search(pushdown.run_filter, query.kind),
            *of_columns,
            *request.described_limit(query.kind.value),
        ),
        residual=pushdown.residual,
    )


def _frames(table: _Table) -> Iterator[pl.DataFrame]:
    runs, values = _answer(table)
    found = RunTable(runs, values, table.query.kind).collect(type_suffix=True)
    present = set(found.columns)
    columns = [pl.col(*_keys(table.query.kind)).cast(pl.String)]
    for name, column in table.columns.items():
        value = pl.col(column.with_suffix) if column.with_suffix in present else pl.lit(None)
        columns.append(value.cast(table.schema[name]).alias(name))
    yield found.select(columns)


def _answer(table: _Table) -> tuple[pa.Table, dict[str, pa.Table]]:
    """The runs, and the values of the columns by type."""
    names = list(dict.fromkeys(column.attribute for column in table.columns.values()))
    answer = table.source.search(table.query, names, RunNeeds(statistics=False))
    return answer.runs, {kind: answer.values[kind] for kind in KNOWN_TYPES if kind in answer.values}
