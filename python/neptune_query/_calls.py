"""What every public function does: check the arguments, ask the core, hand back the documented frame.

Checks come in the documented order (project, runs, attributes, sort key, then the rest), all before a
source is opened, let alone asked. Everything heavy is imported when a function is called, not before.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from neptune_frames.query.attributes import FLOAT_SERIES_TYPES, OBJECT_SERIES_TYPES
from neptune_frames.query.selection import ContainerKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd

    from neptune_frames.query.filters import Attribute, BaseAttributeFilter, Filter
    from neptune_frames.query.selection import StepRange
    from neptune_frames.sources.base import Source
    from neptune_frames.types import File

    Runs = str | list[str] | Filter | None
    Attributes = str | list[str] | BaseAttributeFilter | None

EXPERIMENT, RUN = ContainerKind.EXPERIMENT, ContainerKind.RUN

P = ParamSpec("P")
R = TypeVar("R")


def experimental(function: Callable[P, R]) -> Callable[P, R]:
    """Have a function warn, once per process, that it may still change."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        from neptune_frames.warnings import ExperimentalWarning, warn

        name = f"`{function.__module__}.{function.__qualname__}`"
        warn(f"{name} is experimental and might change: its arguments, and its result.", ExperimentalWarning)
        return function(*args, **kwargs)

    return call


@dataclass(frozen=True)
class Context:
    """What calls use where they are not told otherwise. The token is an attribute, but never shown."""

    project: str | None
    api_token: str = field(repr=False)


def set_api_token(api_token: str) -> Context:
    from neptune_frames import config
    from neptune_frames.sources.choose import set_api_token

    if not isinstance(api_token, str) or not api_token.strip():
        raise ValueError(
            "api_token must be an API token, as a string; to use NEPTUNE_API_TOKEN, do not set another one."
        )
    set_api_token(api_token)
    return Context(config.PROJECT.get(), api_token)


def list_containers(kind: ContainerKind, project: str | None, runs: Runs) -> list[str]:
    from neptune_frames.frames import questions
    from neptune_frames.query.arguments import resolve_project

    project = resolve_project(project)
    containers = questions.Containers.of(runs, kind, kind.plural)
    return questions.list_labels(_source(), project, containers)


def list_attributes(kind: ContainerKind, project: str | None, runs: Runs, attributes: Attributes) -> list[str]:
    from neptune_frames.frames import questions
    from neptune_frames.query.arguments import resolve_attributes, resolve_project

    project = resolve_project(project)
    containers = questions.Containers.of(runs, kind, kind.plural)
    selector = resolve_attributes(attributes, None, "attributes")
    return questions.list_attributes(_source(), project, containers, selector)


def fetch_table(
    kind: ContainerKind,
    *,
    project: str | None,
    runs: Runs,
    attributes: Attributes,
    sort_by: str | Attribute,
    sort_direction: str,
    limit: int | None,
    type_suffix_in_column_names: bool,
    across_projects: bool = False,
) -> pd.DataFrame:
    from neptune_frames.errors import SUFFIX_PARAMETER
    from neptune_frames.frames.questions import Containers
    from neptune_frames.frames.table import TableQuestion, fetch_run_table
    from neptune_frames.query.arguments import (
        check_limit,
        check_sort_direction,
        resolve_attributes,
        resolve_project,
        resolve_sort,
    )

    question = TableQuestion(
        project=None if across_projects else resolve_project(project),
        containers=Containers.of(runs, kind, kind.plural),
        attributes=resolve_attributes(attributes, None, "attributes"),
        sort_by=resolve_sort(sort_by),
        limit=check_limit(limit),
        descending=check_sort_direction(sort_direction),
    )
    question.check_types()
    table = fetch_run_table(_frame_source(), question, suffix_parameter=SUFFIX_PARAMETER)
    return table.to_pandas(type_suffix=type_suffix_in_column_names)


def fetch_metrics(
    kind: ContainerKind,
    *,
    project: str | None,
    runs: Runs,
    attributes: Attributes,
    include_time: str | None,
    step_range: StepRange,
    lineage_to_the_root: bool,
    tail_limit: int | None,
    type_suffix_in_column_names: bool,
    include_point_previews: bool,
) -> pd.DataFrame:
    from neptune_frames.frames.questions import fetch_metrics, series_question

    question = series_question(
        kind,
        project=project,
        runs=runs,
        attributes=attributes,
        types=FLOAT_SERIES_TYPES,
        step_range=step_range,
        tail_limit=tail_limit,
        include_time=include_time,
        lineage=lineage_to_the_root,
        previews=include_point_previews,
    )
    return fetch_metrics(_frame_source(), question).to_pandas(type_suffix=type_suffix_in_column_names)


def fetch_series(
    kind: ContainerKind,
    *,
    project: str | None,
    runs: Runs,
    attributes: Attributes,
    include_time: str | None,
    step_range: StepRange,
    lineage_to_the_root: bool,
    tail_limit: int | None,
) -> pd.DataFrame:
    from neptune_frames.frames.object_series import fetch_object_series
    from neptune_frames.frames.questions import series_question

    question = series_question(
        kind,
        project=project,
        runs=runs,
        attributes=attributes,
        types=OBJECT_SERIES_TYPES,
        step_range=step_range,
        tail_limit=tail_limit,
        include_time=include_time,
        lineage=lineage_to_the_root,
    )
    return fetch_object_series(_frame_source(), question).to_pandas()


def fetch_metric_buckets(
    kind: ContainerKind,
    *,
    project: str | None,
    runs: Runs,
    x: str,
    y: Attributes,
    limit: int,
    lineage_to_the_root: bool,
    include_point_previews: bool,
) -> pd.DataFrame:
    from neptune_frames.frames.buckets import fetch_buckets
    from neptune_frames.frames.questions import Containers, MetricsQuestion
    from neptune_frames.query.arguments import check_bucket_limit, check_x, resolve_attributes, resolve_project
    from neptune_frames.query.selection import SeriesOptions

    project = resolve_project(project)
    containers = Containers.of(runs, kind, kind.plural)
    check_x(x)
    limit = check_bucket_limit(limit)
    selector = resolve_attributes(y, FLOAT_SERIES_TYPES, "y")
    options = SeriesOptions(kind=kind, lineage=bool(lineage_to_the_root), include_previews=bool(include_point_previews))
    question = MetricsQuestion(project, containers, selector, options)
    return fetch_buckets(_frame_source(), question, limit, statistics=False).to_pandas()


def download_files(
    kind: ContainerKind, files: File | Iterable[File] | pd.Series | pd.DataFrame, destination: str | Path | None
) -> pd.DataFrame:
    from pathlib import Path

    from neptune_frames.frames.files import check_kind, collect_files, download_files, prepare_destination

    chosen = collect_files(files)
    path = None if destination is None else Path(destination)
    check_kind(chosen, kind)
    directory = prepare_destination(path)
    return download_files(_frame_source(), chosen, directory, kind).to_pandas()


def _source() -> Source:
    from neptune_frames.sources.choose import default_source

    return default_source()


def _frame_source() -> Source:
    from neptune_frames.frames.pandas_values import source_for_pandas

    return source_for_pandas(_source())
