"""What the functions of alpha do: check the arguments, ask the core, give the result its documented shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from neptune_fetcher.alpha import _context
from neptune_fetcher.alpha._inference import attribute_types, with_types
from neptune_fetcher.alpha.filters import ORDERED_TYPES, Attribute, AttributeFilter, BaseAttributeFilter, Filter
from neptune_frames.query.attributes import FLOAT_SERIES, SYS_CREATION_TIME
from neptune_frames.query.expressions import Comparison, Matches, Operand, Or
from neptune_frames.query.plain_text import plain_text
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    NamePattern,
    SeriesOptions,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from neptune_fetcher.alpha._context import Context
    from neptune_frames.frames.questions import Containers, MetricsQuestion
    from neptune_frames.frames.table import RunTable
    from neptune_frames.sources.base import Source

    Runs = str | list[str] | Filter | None
    Attributes = str | list[str] | BaseAttributeFilter | None

EXPERIMENT, RUN = ContainerKind.EXPERIMENT, ContainerKind.RUN

#: Whose points a series has without those of its ancestors: an experiment is its current run alone, here.
_POINTS_OF = RUN


def list_containers(kind: ContainerKind, runs: Runs, context: Context | None) -> list[str]:
    from neptune_frames.frames import questions

    condition = _condition(runs, kind)
    source, project = _context.resolve(context)
    # Of both kinds, as the official package does: what experiments have decides which type is meant.
    return questions.list_labels(
        source, project, with_types(source, project, condition, questions.Containers(EXPERIMENT))
    )


def list_attributes(kind: ContainerKind, runs: Runs, attributes: Attributes, context: Context | None) -> list[str]:
    from neptune_frames.frames import questions

    condition, selector = _condition(runs, kind), _selector(attributes, ORDERED_TYPES)
    source, project = _context.resolve(context)
    return questions.list_attributes(source, project, _typed(source, project, condition), selector)


def fetch_table(
    kind: ContainerKind,
    runs: Runs,
    attributes: Attributes,
    sort_by: str | Attribute,
    sort_direction: str,
    limit: int | None,
    type_suffix: bool,
    context: Context | None,
) -> pd.DataFrame:
    from neptune_frames.frames.table_aggregated import AggregationChoice, aggregated_frame
    from neptune_frames.query.arguments import check_limit, check_sort_direction

    row_limit = check_limit(limit)
    sort = SortOrder.of(sort_by, descending=check_sort_direction(sort_direction))
    condition = _condition(runs, kind)
    filters = _alternatives(attributes)
    selector = _selector(attributes, ORDERED_TYPES)
    choices = [
        AggregationChoice(AttributeSelector((_alternative(each, ORDERED_TYPES),)), frozenset(each.aggregations))
        for each in filters
    ]
    source, project = _source_for_frames(context)
    table = _table(source, project, condition, selector, sort, row_limit)
    return aggregated_frame(table, choices, ORDERED_TYPES, type_suffix=type_suffix)


def fetch_metrics(
    kind: ContainerKind,
    runs: Runs,
    attributes: Attributes,
    include_time: str | None,
    step_range: Any,
    lineage: bool,
    tail_limit: int | None,
    type_suffix: bool,
    previews: bool,
    context: Context | None,
) -> pd.DataFrame:
    from neptune_frames.frames import questions

    _check_given(kind, runs)
    options = questions.series_options(
        _POINTS_OF,
        include_time=include_time,
        step_range=step_range,
        lineage=lineage,
        tail_limit=tail_limit,
        previews=previews,
    )
    source, question = _series_question(kind, runs, attributes, FLOAT_SERIES, options, context)
    return _sorted_columns(questions.fetch_metrics(source, question).to_pandas(type_suffix=type_suffix))


def fetch_series(
    kind: ContainerKind,
    runs: Runs,
    attributes: Attributes,
    include_time: str | None,
    step_range: Any,
    lineage: bool,
    tail_limit: int | None,
    context: Context | None,
) -> pd.DataFrame:
    from neptune_frames.frames.object_series import fetch_object_series
    from neptune_frames.frames.questions import series_options

    _check_given(kind, runs)
    options = series_options(
        _POINTS_OF, include_time=include_time, step_range=step_range, lineage=lineage, tail_limit=tail_limit
    )
    source, question = _series_question(kind, runs, attributes, "string_series", options, context)
    return _sorted_columns(fetch_object_series(source, question).to_pandas())


def download_files(
    kind: ContainerKind, runs: Runs, attributes: Attributes, destination: str | Path | None, context: Context | None
) -> pd.DataFrame:
    from neptune_frames.frames import files
    from neptune_frames.frames.pandas_values import empty_index, import_pandas

    pandas = import_pandas()
    condition, selector = _condition(runs, kind), _selector(attributes, ("file",))
    directory = files.prepare_destination(destination)
    source, project = _source_for_frames(context)
    newest_first = SortOrder(Attribute(SYS_CREATION_TIME, type="datetime"), descending=True)
    table = _table(source, project, condition, selector, newest_first, limit=None)
    table = replace(table, values={name: values for name, values in table.values.items() if name == "file"})
    # Without a type no extension is added to the name.
    found = [replace(file, mime_type="") for file in files.collect_files(table.to_pandas())]
    if not found:
        return pandas.DataFrame(index=empty_index(kind.value))
    return files.download_files(source, found, directory, kind).to_pandas().droplevel("step")


@dataclass(frozen=True)
class SortOrder:
    """The attribute that orders the rows of a table, whose type may be open, and which end comes first."""

    attribute: Attribute
    descending: bool

    @classmethod
    def of(cls, sort_by: Any, *, descending: bool) -> SortOrder:
        """What the user passed.

        Raises:
            ValueError: It is neither a string nor an Attribute.
        """
        from neptune_frames.query.arguments import shown

        if not isinstance(sort_by, (str, Attribute)):
            raise ValueError(f"sort_by: expected a string or an Attribute, got {shown(sort_by)}")
        if isinstance(sort_by, str):
            return cls(Attribute(plain_text(sort_by)), descending)
        return cls(replace(sort_by, name=plain_text(sort_by.name)), descending)


def _table(
    source: Source,
    project: str,
    condition: Containers,
    selector: AttributeSelector,
    sort_by: SortOrder,
    limit: int | None,
) -> RunTable:
    from neptune_frames.frames.table import TableQuestion, fetch_run_table
    from neptune_frames.query.attributes import SYSTEM_ATTRIBUTE_TYPES
    from neptune_frames.query.attributes import Attribute as CoreAttribute

    containers = _typed(source, project, condition)
    name = sort_by.attribute.name
    sort_type: Any = sort_by.attribute.type
    # The core knows the types of system attributes, one of which (that of sys/state) cannot be named.
    if sort_type is None and name not in SYSTEM_ATTRIBUTE_TYPES:
        sort_type = attribute_types(source, project, containers, [name])[name]
    question = TableQuestion(
        project,
        containers,
        selector,
        CoreAttribute(name, sort_type),
        sort_by.descending,
        limit,
        sort_by.attribute.aggregation,
    )
    return fetch_run_table(source, question, statistics=True)


def _check_given(kind: ContainerKind, runs: Runs) -> None:
    if runs is None or runs == []:
        raise ValueError(f"{kind.plural} must be given here: a string, a non-empty list of strings or a filter")


def _series_question(
    kind: ContainerKind,
    runs: Runs,
    attributes: Attributes,
    series_type: str,
    options: SeriesOptions,
    context: Context | None,
) -> tuple[Source, MetricsQuestion]:
    from neptune_frames.frames.questions import MetricsQuestion

    condition, selector = _condition(runs, kind), _selector(attributes, (series_type,))
    source, project = _source_for_frames(context)
    return source, MetricsQuestion(project, _typed(source, project, condition), selector, options)


def _source_for_frames(context: Context | None) -> tuple[Source, str]:
    from neptune_frames.frames.pandas_values import source_for_pandas

    source, project = _context.resolve(context)
    return source_for_pandas(source), project


def _condition(runs: Runs, kind: ContainerKind) -> Containers:
    """Which runs: a regular expression on the label, exact labels, or a filter; types may be open."""
    from neptune_frames.frames.questions import Containers
    from neptune_frames.query.extended_regex import check_regex
    from neptune_frames.query.filters import literal_text

    label = Operand(kind.label_attribute, "string")
    if runs is None or runs == []:
        return Containers(kind)
    if isinstance(runs, Filter):
        return Containers(kind, runs.expression)
    if isinstance(runs, str):
        check_regex(runs)
        return Containers(kind, Matches(label, plain_text(runs)))
    if isinstance(runs, list):
        names = tuple(dict.fromkeys(map(literal_text, runs)))
        clauses = tuple(Comparison(label, "==", name) for name in names)
        return Containers(kind, clauses[0] if len(clauses) == 1 else Or(clauses), names)
    raise ValueError(
        f"Invalid type for {kind.plural}: expected a string, a list of strings or a Filter, got {type(runs).__name__}"
    )


def _typed(source: Source, project: str, condition: Containers) -> Containers:
    """The condition with the type of every attribute, as it is among all runs of the kind."""
    return with_types(source, project, condition, replace(condition, filter=None, names=None))


def _alternatives(attributes: Attributes) -> list[AttributeFilter]:
    if attributes is None or attributes == []:
        return [AttributeFilter()]
    if isinstance(attributes, str):
        return [AttributeFilter(name_matches_all=attributes)]
    if isinstance(attributes, list) and all(isinstance(name, str) for name in attributes):
        return [AttributeFilter(name_eq=attributes)]
    if isinstance(attributes, BaseAttributeFilter):
        return list(attributes.alternatives())
    raise ValueError(
        "Invalid type for attributes: expected a string, a list of strings or an AttributeFilter, "
        f"got {type(attributes).__name__}"
    )


def _selector(attributes: Attributes, types: Sequence[str]) -> AttributeSelector:
    """Which attributes: a regular expression, exact names, filters, or None for all of the types."""
    alternatives = tuple(_alternative(each, types) for each in _alternatives(attributes))
    names = alternatives[0].names if isinstance(attributes, list) and attributes else None
    return AttributeSelector(alternatives, plain_names=names)


def _alternative(attribute_filter: AttributeFilter, types: Sequence[str]) -> AttributeAlternative:
    from neptune_frames.query.extended_regex import check_regex

    attribute_filter.validate()
    wanted = tuple(name for name in types if name in attribute_filter.type_in)
    if not wanted and types != ORDERED_TYPES:
        raise ValueError(
            f"attributes: Only {' and '.join(types)} type is supported, the filter contains {attribute_filter.type_in}"
        )
    names, all_of, none_of = map(
        _texts, (attribute_filter.name_eq, attribute_filter.name_matches_all, attribute_filter.name_matches_none)
    )
    for pattern in (*all_of, *none_of):
        check_regex(pattern)
    return AttributeAlternative(
        wanted,
        names=None if attribute_filter.name_eq is None else tuple(dict.fromkeys(names)),
        patterns=(NamePattern(all_of, none_of),) if all_of or none_of else None,
    )


def _texts(value: str | list[str] | None) -> tuple[str, ...]:
    return tuple(map(plain_text, [value] if isinstance(value, str) else value or ()))


def _sorted_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Sub-columns of an attribute in alphabetical order."""
    return frame.sort_index(axis=1) if frame.columns.nlevels > 1 else frame
