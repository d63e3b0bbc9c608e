"""What a pushdown makes of a question: fewer runs, fewer attributes, fewer points; each with what a plan says of it.

A plan narrows its question by what a source can be asked for. Conditions on names that are not among that are tried by
`NeededNames` on the runs and attributes that were found, before their values or points are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import polars as pl
import pyarrow as pa

from neptune_frames.frames.lazy_predicates import Pushdown, PushdownRules
from neptune_frames.frames.lazy_source import ScanRequest
from neptune_frames.frames.lazy_words import names_words, pattern_words, range_words, search_words, steps_words
from neptune_frames.frames.questions import Containers, MetricsQuestion, Narrowing
from neptune_frames.query.expressions import Expression, Operand, conjunction
from neptune_frames.query.rendering import shortened
from neptune_frames.query.selection import AttributeSelector, ContainerKind, SeriesOptions
from neptune_frames.query.selectors import narrowed
from neptune_frames.schemas import POINT_TIME

#: The attribute in each column that identifies a run.
IDENTITIES = {
    "run": Operand(ContainerKind.RUN.label_attribute, "string"),
    "experiment": Operand(ContainerKind.EXPERIMENT.label_attribute, "string"),
    "sys_id": Operand("sys/id", "string"),
}


def label_operand(kind: ContainerKind) -> Mapping[str, Operand]:
    """The column of labels and the attribute in it."""
    return {kind.value: IDENTITIES[kind.value]}


def series_rules(
    question: MetricsQuestion, types_with: Mapping[str, frozenset[str]] = MappingProxyType({})
) -> PushdownRules:
    """What points can be asked by.

    With a tail limit, of conditions on steps only lower bounds are used: the last n points at or after a step are those
    of the last n points that are at or after it, but before a step there are others.
    """
    kind = question.containers.kind
    return PushdownRules(
        searched=label_operand(kind),
        label=kind.value,
        name="attribute",
        step="step",
        last_steps_only=question.options.tail_limit is not None,
        time=POINT_TIME.name,
        types=tuple(sorted(frozenset[str]().union(*types_with.values()))),
        types_with=types_with,
        found_with_runs=("project", kind.value),
        found_with_names=("attribute",),
    )


def narrowed_containers(containers: Containers, pushdown: Pushdown) -> tuple[Containers, list[str]]:
    """The runs that are needed, as far as a source can be asked for them."""
    names = containers.names
    if names is not None and pushdown.labels is not None:
        names = tuple(name for name in names if name in pushdown.labels)
    narrower = replace(containers, filter=conjunction(containers.filter, pushdown.run_filter), names=names)
    return narrower, described_search(pushdown.run_filter, containers.kind)


def described_search(run_filter: Expression | None, kind: ContainerKind) -> list[str]:
    """A filter that travels with a search."""
    return [] if run_filter is None else [search_words(run_filter, kind)]


def narrowed_attributes(selector: AttributeSelector, pushdown: Pushdown) -> tuple[AttributeSelector, list[str]]:
    """The attributes that are needed, as far as a source can be asked for them."""
    names, pattern = pushdown.names, pushdown.name_pattern
    described = [] if names is None else [names_words("attributes", sorted(names))]
    described += [f"attributes {words}" for words in pattern_words(pattern)]
    return (narrowed(selector, names, pattern) if described else selector), described


def narrowed_types(selector: AttributeSelector, pushdown: Pushdown) -> tuple[AttributeSelector, list[str]]:
    """What the selector selects of the types that are needed."""
    types = pushdown.types
    if types is None:
        return selector, []
    alternatives = tuple(
        replace(each, types=tuple(kind for kind in each.types if kind in types)) for each in selector.alternatives
    )
    narrower = replace(selector, alternatives=tuple(each for each in alternatives if each.types))
    return narrower, [f"types {', '.join(types) or 'none'}"]


def narrowed_series(
    question: MetricsQuestion, pushdown: Pushdown, request: ScanRequest
) -> tuple[MetricsQuestion, list[str]]:
    """The question about series, narrowed to what a query needs."""
    containers, of_runs = narrowed_containers(question.containers, pushdown)
    attributes, of_names = narrowed_attributes(question.attributes, pushdown)
    options, of_points = _narrowed_options(question.options, pushdown, request)
    narrower = replace(question, containers=containers, attributes=attributes, options=options)
    return narrower, [*of_runs, *of_names, *of_points]


def _narrowed_options(
    options: SeriesOptions, pushdown: Pushdown, request: ScanRequest
) -> tuple[SeriesOptions, list[str]]:
    """The options, without points and timestamps that the query does not need.

    With a tail limit a condition on times is not used: time may run against the steps.
    """
    low, high = pushdown.step_range
    start, end = options.step_range
    start = max((bound for bound in (start, low) if bound is not None), default=None)
    end = min((bound for bound in (end, high) if bound is not None), default=None)
    time = options.include_time and request.needs(POINT_TIME.name)
    times = pushdown.time_range if time and options.tail_limit is None else options.time_range
    described = []
    if (low, high) != (None, None):
        described.append(steps_words((start, end)))
    if times != (None, None):
        described.append(f"{range_words('times', *map(_instant, times))} (in archives)")
    if options.include_time and not time:
        described.append("no timestamps")
    narrower = replace(options, step_range=(start, end), include_time=time, time_range=times, head_limit=request.limit)
    return narrower, [*described, *request.described_limit("point")]


def _instant(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else str(pl.select(pl.lit(milliseconds).cast(pl.Datetime("ms"))).item())


def selects_nothing(question: MetricsQuestion) -> bool:
    """Whether it is certain, without asking, that no point is selected."""
    start, end = question.options.step_range
    if start is not None and end is not None and start > end:
        return True
    return no_names(question.containers, question.attributes)


def no_names(containers: Containers, selector: AttributeSelector) -> bool:
    """Whether it is certain, without asking, that no run or no attribute is selected."""
    return containers.names == () or selector.selects_nothing


class NeededNames(Narrowing):
    """The runs and attributes found that some row satisfying the predicate may have.

    Args:
        kind: What labels the rows.
        pushdown: What was made of the predicate.
    """

    def __init__(self, kind: ContainerKind, pushdown: Pushdown) -> None:
        self._kind = kind
        self._pushdown = pushdown

    def describe(self) -> list[str]:
        """What was not asked for in another way."""
        return [f"names where {shortened(str(condition))}" for condition in self._pushdown.only_tried]

    def runs(self, runs: pa.Table) -> pa.Table:
        found = {"project": runs.column("project"), self._kind.value: runs.column(self._kind.label_column)}
        return runs.take(_kept(found, self._pushdown.run_conditions)) if runs.num_rows else runs

    def attributes(self, names: pa.Array) -> pa.Array:
        return names.take(_kept({"attribute": names}, self._pushdown.name_conditions))


def _kept(found: Mapping[str, pa.Array | pa.ChunkedArray], conditions: Sequence[pl.Expr]) -> pa.Array:
    """The places of the rows that satisfy the conditions."""
    rows = pl.DataFrame([pl.Series(name, texts, dtype=pl.String) for name, texts in found.items()])
    rows = rows.with_row_index("place of the row")
    for condition in conditions:
        rows = rows.filter(condition)
    return pa.array(rows["place of the row"].to_numpy())


def parts_to_read(count: int, limit: int | None) -> Iterator[tuple[int, int]]:
    """Bounds of what is asked for at a time: all; under a row limit parts of growing size, of which the first few may
    be enough.

    Example:
        >>> list(parts_to_read(30, None)), list(parts_to_read(30, 100))
        ([(0, 30)], [(0, 1), (1, 5), (5, 21), (21, 30)])
    """
    start, size = 0, count if limit is None else 1
    while start < count:
        yield start, min(start + size, count)
        start, size = start + size, 4 * size
