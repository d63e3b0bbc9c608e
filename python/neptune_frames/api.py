"""The native face: what `import neptune_frames as nf` offers.

Every function takes keyword arguments only. Common to all:

``project``
    ``workspace/name``; left out, the one in NEPTUNE_PROJECT.
``experiments``, ``runs``
    One of the two chooses the rows and labels them: experiments by name (their newest runs), or runs by run
    id. Text is an extended regular expression (``""`` matches everything), a list holds exact labels (and an
    empty one chooses nothing), a `Filter` is a condition on attributes. Anything that gives texts one by one is as
    good as a list, and so is a Polars frame, lazy or not, with a column of labels.
``attributes``
    Text is an extended regular expression on names, a list (or what is as good) holds exact names, an
    `AttributeFilter` chooses by name and type.
``source``
    Whom to ask: what `open_source` gives, or what it takes (the directory of an archive, an API token).
    Left out, the one that the environment names: NEPTUNE_ARCHIVE, else the server of NEPTUNE_API_TOKEN.

Arguments are checked before anything is asked. Results become Polars, Arrow or pandas as needed.
What is fetched when a query is collected has a room of its own, `neptune_frames.scans`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neptune_frames.frames import questions
from neptune_frames.frames.chosen_runs import chosen_runs, runs_of
from neptune_frames.progress import long_fetch
from neptune_frames.query.arguments import as_list, resolve_attributes, resolve_project
from neptune_frames.query.attributes import FLOAT_SERIES_TYPES, OBJECT_SERIES_TYPES, Attribute
from neptune_frames.query.selection import ContainerKind
from neptune_frames.sources.choose import open_source
from neptune_frames.sources.public_call import public_call

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike
    from pathlib import Path

    import pandas as pd

    from neptune_frames.frames.buckets import BucketedMetrics
    from neptune_frames.frames.chosen_runs import Runs
    from neptune_frames.frames.metrics import MetricsResult
    from neptune_frames.frames.object_series import ObjectSeries
    from neptune_frames.frames.table import RunTable
    from neptune_frames.query.attribute_filters import BaseAttributeFilter
    from neptune_frames.query.selection import StepRange
    from neptune_frames.sources.base import Source
    from neptune_frames.types import File

    Attributes = str | Iterable[str] | BaseAttributeFilter | None
    AnySource = Source | str | PathLike[str] | None

__all__ = [
    "download_files",
    "fetch_buckets",
    "fetch_metrics",
    "fetch_series",
    "fetch_table",
    "list_attributes",
    "list_experiments",
    "list_runs",
    "open_source",
]


@public_call("list_experiments")
def list_experiments(*, project: str | None = None, experiments: Runs = None, source: AnySource = None) -> list[str]:
    """Names of experiments, ascending.

    Example:
        >>> nf.list_experiments(experiments="^resnet")
        ['resnet-1', 'resnet-2']
    """
    return _labels(ContainerKind.EXPERIMENT, project, experiments, source)


@public_call("list_runs")
def list_runs(*, project: str | None = None, runs: Runs = None, source: AnySource = None) -> list[str]:
    """Ids of runs (custom run ids), ascending.

    Example:
        >>> nf.list_runs(runs=nf.Filter.name("resnet"))
        ['run-1', 'run-2']
    """
    return _labels(ContainerKind.RUN, project, runs, source)


@public_call("list_attributes")
def list_attributes(
    *,
    project: str | None = None,
    experiments: Runs = None,
    runs: Runs = None,
    attributes: Attributes = None,
    source: AnySource = None,
) -> list[str]:
    """Names of the attributes that the experiments or runs have, ascending; without either, of all runs.

    Example:
        >>> nf.list_attributes(experiments=["vit-1"], attributes="^train/ | ^config/")
        ['config/lr', 'train/accuracy', 'train/loss']
    """
    everything = experiments is runs is None
    containers = runs_of(None, ContainerKind.RUN) if everything else chosen_runs(experiments, runs)
    project = resolve_project(project)
    selector = resolve_attributes(as_list(attributes), None, "attributes")
    return questions.list_attributes(open_source(source), project, containers, selector)


@public_call("fetch_metrics")
def fetch_metrics(
    *,
    project: str | None = None,
    experiments: Runs = None,
    runs: Runs = None,
    attributes: Attributes = None,
    include_time: str | None = None,
    step_range: StepRange = (None, None),
    lineage_to_the_root: bool = True,
    tail_limit: int | None = None,
    include_point_previews: bool = False,
    progress_bar: bool = True,
    source: AnySource = None,
) -> MetricsResult:
    """Points of float series, fetched now; the result becomes wide or long, Polars, Arrow or pandas.

    Args:
        project: ``workspace/name``; None takes the one in NEPTUNE_PROJECT.
        experiments: Whose series, by experiment: text is an extended regular expression on names (``""`` is all), a
            list holds exact names, a `Filter` is a condition on attributes. Give either this or ``runs``.
        runs: The same by run id.
        attributes: Which series: text is an extended regular expression on names, a list holds exact names, an
            `AttributeFilter` chooses by name and type. None selects every float series.
        include_time: ``"absolute"`` adds a timestamp to every point.
        step_range: First and last step, inclusive; None is open.
        lineage_to_the_root: Whether points inherited from ancestors count.
        tail_limit: Only the last so many points of each series, within the step range.
        include_point_previews: Whether points still being computed are included, with two columns about them.
        progress_bar: Whether a fetch that takes long draws a bar, if standard error is a terminal.
        source: What `open_source` gives or takes; None is the one that the environment names.

    Raises:
        ValueError: A value that cannot be used; nothing was asked then.
        NeptuneProjectInaccessible: The project does not exist or may not be read.

    Example:
        >>> metrics = nf.fetch_metrics(experiments=["resnet-2"], attributes="^train/", step_range=(2, None))
        >>> metrics.collect()
        shape: (3, 4)
        ┌────────────┬──────┬────────────────┬────────────┐
        │ experiment ┆ step ┆ train/accuracy ┆ train/loss │
        │ ---        ┆ ---  ┆ ---            ┆ ---        │
        │ str        ┆ f64  ┆ f64            ┆ f64        │
        ╞════════════╪══════╪════════════════╪════════════╡
        │ resnet-2   ┆ 2.0  ┆ 0.6            ┆ 0.75       │
        │ resnet-2   ┆ 3.0  ┆ 0.8            ┆ 0.4        │
        │ resnet-2   ┆ 4.0  ┆ 0.9            ┆ 0.25       │
        └────────────┴──────┴────────────────┴────────────┘
    """
    chosen = chosen_runs(experiments, runs)
    question = questions.series_question(
        chosen.kind,
        project=project,
        runs=chosen,
        attributes=as_list(attributes),
        types=FLOAT_SERIES_TYPES,
        include_time=include_time,
        step_range=step_range,
        lineage=lineage_to_the_root,
        tail_limit=tail_limit,
        previews=include_point_previews,
    )
    with long_fetch("Fetching metrics", enabled=progress_bar):
        return questions.fetch_metrics(open_source(source), question)


@public_call("fetch_series")
def fetch_series(
    *,
    project: str | None = None,
    experiments: Runs = None,
    runs: Runs = None,
    attributes: Attributes = None,
    include_time: str | None = None,
    step_range: StepRange = (None, None),
    lineage_to_the_root: bool = True,
    tail_limit: int | None = None,
    progress_bar: bool = True,
    source: AnySource = None,
) -> ObjectSeries:
    """Series of strings, histograms and files, fetched now. Takes the arguments of `fetch_metrics`.

    Example:
        >>> texts = nf.fetch_series(experiments=["resnet-1"], attributes=["samples/text"])
        >>> texts.collect().select("step", "string").rows()
        [(3.0, 'a cat'), (4.0, 'a cat, says resnet-1')]
    """
    from neptune_frames.frames.object_series import fetch_object_series

    chosen = chosen_runs(experiments, runs)
    question = questions.series_question(
        chosen.kind,
        project=project,
        runs=chosen,
        attributes=as_list(attributes),
        types=OBJECT_SERIES_TYPES,
        include_time=include_time,
        step_range=step_range,
        lineage=lineage_to_the_root,
        tail_limit=tail_limit,
    )
    with long_fetch("Fetching series", enabled=progress_bar):
        return fetch_object_series(open_source(source), question)


@public_call("fetch_metric_buckets")
def fetch_buckets(
    *,
    project: str | None = None,
    experiments: Runs = None,
    runs: Runs = None,
    attributes: Attributes = None,
    limit: int = 1000,
    lineage_to_the_root: bool = True,
    include_point_previews: bool = False,
    source: AnySource = None,
) -> BucketedMetrics:
    """Float series in at most ``limit`` (1 to 1000) ranges of steps, one point per series and range.

    Example:
        >>> nf.fetch_buckets(experiments=["resnet-1"], attributes=["train/loss"], limit=2).to_pandas()
        experiment   resnet-1
        metric     train/loss
        bucket              x    y
        [0.0, 2.0]        0.0  2.5
        (2.0, 4.0]        4.0  0.4
    """
    from neptune_frames.frames import buckets
    from neptune_frames.query.arguments import check_bucket_limit

    chosen = chosen_runs(experiments, runs)
    question = questions.series_question(
        chosen.kind,
        project=project,
        runs=chosen,
        attributes=as_list(attributes),
        types=FLOAT_SERIES_TYPES,
        lineage=lineage_to_the_root,
        previews=include_point_previews,
    )
    limit = check_bucket_limit(limit)
    return buckets.fetch_buckets(open_source(source), question, limit)


@public_call("fetch_table")
def fetch_table(
    *,
    project: str | None = None,
    experiments: Runs = None,
    runs: Runs = None,
    attributes: Attributes = None,
    sort_by: str | Attribute = Attribute("sys/creation_time", type="datetime"),  # noqa: B008  (copied, never changed)
    sort_direction: str = "desc",
    limit: int | None = None,
    progress_bar: bool = True,
    source: AnySource = None,
) -> RunTable:
    """A row per experiment or run, a column per attribute (all of them by default), last values in the cells.

    Polars and Arrow frames have the columns ``project`` and ``experiment`` or ``run`` before these.

    Args:
        project: ``workspace/name``; None takes the one in NEPTUNE_PROJECT.
        experiments: Which rows, one per experiment: text is an extended regular expression on names (``""`` is all), a
            list holds exact names, a `Filter` is a condition on attributes. Give either this or ``runs``.
        runs: The same, one per run, by run id.
        attributes: Which columns: text is an extended regular expression on names, a list holds exact names, an
            `AttributeFilter` chooses by name and type. None selects all, ``[]`` gives rows without columns.
        sort_by: Attribute to sort by; rows without it come last.
        sort_direction: ``"asc"`` or ``"desc"``.
        limit: Only the first so many rows.
        progress_bar: Whether a fetch that takes long draws a bar, if standard error is a terminal.
        source: What `open_source` gives or takes; None is the one that the environment names.

    Where a name has several types among the runs, ``.collect()`` and ``.to_pandas()`` raise
    `ConflictingAttributeTypes`; with ``type_suffix=True`` they name columns ``config/lr:float``.

    Example:
        >>> nf.fetch_table(experiments="resnet", attributes=["config/lr", "train/loss"]).collect().rows()
        [('team/vision', 'resnet-2', 0.01, 0.25), ('team/vision', 'resnet-1', 0.1, 0.4)]
    """
    from neptune_frames.frames.table import TableQuestion, fetch_run_table
    from neptune_frames.query.arguments import check_limit, check_sort_direction, resolve_sort

    question = TableQuestion(
        project=resolve_project(project),
        containers=chosen_runs(experiments, runs),
        attributes=resolve_attributes(as_list(attributes), None, "attributes"),
        sort_by=resolve_sort(sort_by),
        limit=check_limit(limit),
        descending=check_sort_direction(sort_direction),
    )
    with long_fetch("Fetching table", enabled=progress_bar):
        table = fetch_run_table(open_source(source), question)
    return replace(table, suffix_parameter="type_suffix")


@public_call("download_files")
def download_files(
    *,
    files: File | Iterable[File] | pd.Series[Any] | pd.DataFrame,
    destination: str | Path | None = None,
    source: AnySource = None,
) -> pd.DataFrame:
    """Download files found in a table or in file series; gives the documented frame of local paths.

    Args:
        files: `File` objects, all of experiments or all of runs, alone or in anything iterable or in a frame.
        destination: Directory, made if it is not there; None is the current one.
        source: What `open_source` gives or takes; None is the one that the environment names.

    Example:
        >>> files = nf.fetch_table(runs=["run-1"], attributes=["plots/roc"]).to_pandas()
        >>> nf.download_files(files=files, destination="downloads")["plots/roc"].item()
        '.../downloads/run-1/plots/roc.txt'
    """
    from neptune_frames.frames import files as file_frames

    chosen = file_frames.collect_files(files)
    kind = ContainerKind.RUN if chosen and chosen[0].run_id else ContainerKind.EXPERIMENT
    file_frames.check_kind(chosen, kind)
    directory = file_frames.prepare_destination(destination)
    return file_frames.download_files(open_source(source), chosen, directory, kind)


def _labels(kind: ContainerKind, project: str | None, chosen: Runs, source: AnySource) -> list[str]:
    containers = runs_of(chosen, kind)
    return questions.list_labels(open_source(source), resolve_project(project), containers)
