"""The middle of every call, once: from checked arguments to the source's answer.

Faces check arguments and choose a shape; what is asked of a source, in which order and how few times,
is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from neptune_frames.frames.metrics import MetricsResult
from neptune_frames.progress import tracked
from neptune_frames.query.arguments import (
    check_include_time,
    check_step_range,
    check_tail_limit,
    resolve_attributes,
    resolve_project,
    resolve_run_filter,
)
from neptune_frames.query.attributes import KNOWN_TYPES
from neptune_frames.query.expressions import And, Or
from neptune_frames.query.inference import infer_types
from neptune_frames.query.plain_values import plain_number, plain_steps
from neptune_frames.query.selection import (
    ALL_NEEDED,
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    RunNeeds,
    RunQuery,
    SeriesOptions,
    StepRange,
)
from neptune_frames.schemas import RUNS
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.sources.definitions import distinct_neighbours

if TYPE_CHECKING:
    import polars as pl

    from neptune_frames.query.attribute_filters import BaseAttributeFilter
    from neptune_frames.query.expressions import Expression
    from neptune_frames.query.filters import Filter
    from neptune_frames.sources.base import Source


@dataclass(frozen=True)
class Containers:
    """Which runs or experiments.

    Attributes:
        kind: Which of the two they are.
        filter: A condition on them; None selects all.
        names: Exact labels, which some sources can answer for without a search; none of them selects nothing.
            None if the user did not give any.
        lazy_labels: A lazy frame of one column of labels, to which the others are confined when runs are asked for.
    """

    kind: ContainerKind
    filter: Expression | None = None
    names: tuple[str, ...] | None = None
    lazy_labels: pl.LazyFrame | None = field(default=None, compare=False)

    @classmethod
    def of(cls, value: str | list[str] | Filter | None, kind: ContainerKind, parameter: str) -> Containers:
        """The user's value, checked (`neptune_frames.query.arguments.resolve_run_filter`)."""
        expression = resolve_run_filter(value, kind, parameter)
        names = tuple(dict.fromkeys(map(str, value))) if isinstance(value, list) else None
        return cls(kind, expression, names)

    @classmethod
    def none(cls, kind: ContainerKind) -> Containers:
        """No run at all. Its filter has no text, so that it can never become a search for everything."""
        return cls(kind, Or(()), ())

    def resolved(self) -> Containers:
        """The same with the labels of the lazy frame, which is collected here."""
        if self.lazy_labels is None:
            return self
        labels = self.lazy_labels.collect().to_series().to_list()
        if not labels:
            return Containers.none(self.kind)
        exact = Containers.of(labels, self.kind, self.kind.plural)
        return exact if self.filter is None else replace(exact, filter=And((self.filter, exact.filter or Or(()))))


@dataclass(frozen=True)
class MetricsQuestion:
    """Points of float series: of which project, runs and attributes, and which part of them."""

    project: str
    containers: Containers
    attributes: AttributeSelector
    options: SeriesOptions


def series_question(
    kind: ContainerKind,
    *,
    project: str | None,
    runs: str | list[str] | Filter | Containers | None,
    attributes: str | list[str] | BaseAttributeFilter | None,
    types: Sequence[str],
    include_time: str | None = None,
    step_range: StepRange = (None, None),
    lineage: bool = True,
    tail_limit: int | None = None,
    previews: bool = False,
) -> MetricsQuestion:
    """A question about series from what a user passed, checked in the documented order, before any request.

    Args:
        kind: What ``runs`` are; messages call the parameter ``experiments`` or ``runs`` after it.
        project: ``workspace/name``; None takes the one in NEPTUNE_PROJECT.
        runs: Extended regular expression on the label, list of labels, filter, or None for all; or what was made of it.
        attributes: Extended regular expression on the name, list of names, attribute filter, or None for all.
        types: Client types of the series that may be selected.
        include_time: ``"absolute"`` for timestamps.
        step_range: First and last step, inclusive; None is open.
        lineage: Whether points inherited from ancestors count.
        tail_limit: Only the last so many points of each series.
        previews: Whether preview points are included, with the columns that tell them apart.

    Raises:
        NeptuneProjectNotProvided: There is no project.
        ValueError: A value that cannot be used.
        QuerySyntaxError: A regular expression that is not valid.
    """
    project = resolve_project(project)
    if isinstance(runs, Containers):  # of the native API, which takes numbers of any library
        containers = runs
        step_range, tail_limit = plain_steps(step_range), plain_number(tail_limit, "tail_limit")
    else:
        containers = Containers.of(runs, kind, kind.plural)
    selector = resolve_attributes(attributes, types, "attributes")
    options = series_options(
        kind,
        include_time=include_time,
        step_range=step_range,
        lineage=lineage,
        tail_limit=tail_limit,
        previews=previews,
    )
    return MetricsQuestion(project, containers, selector, options)


def series_options(
    kind: ContainerKind,
    *,
    include_time: str | None = None,
    step_range: StepRange = (None, None),
    lineage: bool = True,
    tail_limit: int | None = None,
    previews: bool = False,
) -> SeriesOptions:
    """Which part of series, from what a user passed (`series_question`).

    Raises:
        ValueError: A value that cannot be used.
    """
    return SeriesOptions(
        kind=kind,
        step_range=check_step_range(step_range),
        tail_limit=check_tail_limit(tail_limit),
        lineage=bool(lineage),
        include_time=check_include_time(include_time),
        include_previews=bool(previews),
    )


class Narrowing:
    """Which of the runs and attributes that were found are needed: here, all of them."""

    def runs(self, runs: pa.Table) -> pa.Table:
        """The rows of a RUNS table that are needed."""
        return runs

    def attributes(self, names: pa.Array) -> pa.Array:
        """The names that are needed."""
        return names


EVERYTHING = Narrowing()


def fetch_metrics(source: Source, question: MetricsQuestion) -> MetricsResult:
    """Ask for the series, then for their points; rows are labelled as the runs were chosen."""
    keys = series_keys(source, question)
    return MetricsResult(
        float_points(source, keys, question.options),
        runs=keys.runs,
        attributes=keys.attributes,
        options=replace(question.options, kind=question.containers.kind),
    )


def points_of(batch: pa.RecordBatch) -> int:
    """How many points a SERIES_POINTS batch holds."""
    offsets = batch.column("points").offsets
    return int(offsets[-1].as_py() - offsets[0].as_py()) if batch.num_rows else 0


def float_points(source: Source, keys: SeriesKeys, options: SeriesOptions) -> Iterator[pa.RecordBatch]:
    """SERIES_POINTS batches of the series; nothing is asked where there is none."""
    if len(keys):
        yield from tracked(source.float_points(keys, options), "points", points_of)


def series_keys(source: Source, question: MetricsQuestion, narrowing: Narrowing = EVERYTHING) -> SeriesKeys:
    """Which series a question is about: the runs it selects, times the float series it selects.

    A list of names needs no definitions, and with a list of run ids no search either: what is not
    there has no points. The narrowing leaves out runs and attributes that are not needed after all.
    """
    selector, containers = question.attributes, question.containers
    names = selector.plain_names
    if selector.selects_nothing:
        return SeriesKeys(RUNS.empty_table(), _names(()))
    containers = containers.resolved()
    if names is not None and containers.names and containers.kind is ContainerKind.RUN:
        runs = source.resolve_custom_ids(question.project, containers.names)
    else:
        runs = find_runs(source, question.project, containers)
    runs = narrowing.runs(runs)
    if names is not None:
        attributes = _names(names)
    else:
        attributes = attribute_names(source, question.project, runs, selector) if runs.num_rows else _names(())
    return SeriesKeys(runs, narrowing.attributes(attributes))


def find_runs(source: Source, project: str, containers: Containers, *, labels_only: bool = False) -> pa.Table:
    """The RUNS table of the runs selected; columns other than that of the label may be null with ``labels_only``."""
    containers = containers.resolved()
    if containers.names == ():
        return RUNS.empty_table()
    query = run_query(source, project, containers)
    needs = RunNeeds(identity=(containers.kind.label_column,)) if labels_only else ALL_NEEDED
    return source.search(query, needs=needs).runs


def run_query(source: Source, project: str, containers: Containers) -> RunQuery:
    """The search for the runs selected; types its filter leaves open are looked up in the project."""
    expression = containers.filter
    if expression is not None:
        expression = infer_types(expression, lambda names: known_types(source, project, names))
    return RunQuery(project, containers.kind, expression)


def known_types(
    source: Source, project: str, names: Sequence[str], runs: pa.Table | None = None
) -> Mapping[str, set[str]]:
    """Which types each name has among the runs (None: anywhere in the project)."""
    selector = AttributeSelector((AttributeAlternative(KNOWN_TYPES, names=tuple(names)),))
    definitions = source.definitions([project], runs, selector)
    types: dict[str, set[str]] = {}
    for name, attribute_type in zip(*(column.to_pylist() for column in definitions.columns), strict=True):
        types.setdefault(name, set()).add(attribute_type)
    return types


def attribute_names(source: Source, project: str, runs: pa.Table | None, selector: AttributeSelector) -> pa.Array:
    """Names of the attributes the runs (None: the whole project) have, ascending, each once."""
    names = source.definitions([project], runs, selector).column("attribute")
    return distinct_neighbours(names, names).combine_chunks()


def list_labels(source: Source, project: str, containers: Containers) -> list[str]:
    """Names of the experiments, or ids of the runs, in ascending order."""
    runs = find_runs(source, project, containers, labels_only=True)
    labels: list[str] = runs.column(containers.kind.label_column).drop_null().to_pylist()
    labels.sort()
    return labels


def list_attributes(source: Source, project: str, containers: Containers, selector: AttributeSelector) -> list[str]:
    """Names of the attributes of the runs selected, ascending, each once."""
    if selector.selects_nothing:
        return []
    containers = containers.resolved()
    is_everything = containers.filter is None and containers.kind is ContainerKind.RUN
    runs = None if is_everything else find_runs(source, project, containers)
    if runs is not None and not runs.num_rows:
        return []
    names: list[str] = attribute_names(source, project, runs, selector).to_pylist()
    return names


def _names(names: Sequence[str]) -> pa.Array:
    return pa.array(names, pa.string())
