"""Read runs: the functions of `neptune_query`, with runs by id in place of experiments by name.

``runs`` is a regular expression on the run id (``sys/custom_run_id``), a list of exact ids, or a `Filter`; None
selects all. Every run counts, whether or not it is the current one of its experiment: a filter on an experiment's
name selects all runs of that experiment.

Example:
    >>> import neptune_query.runs as nr
    >>> losses = nr.fetch_metrics(project="team/vision", runs=["run-2"], attributes=["train/loss"])
    >>> losses["train/loss"].to_list()
    [2.5, 1.25, 0.75, 0.4, 0.25]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from neptune_frames.sources.public_call import public_call
from neptune_query import _calls
from neptune_query import filters as filters
from neptune_query import types as types
from neptune_query.filters import Attribute, AttributeFilter, Filter
from neptune_query.types import File

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd

# As in the official package, which has no buckets of runs: `fetch_metric_buckets` is an attribute only, so that a
# script that imports `*` from both modules keeps the one of `neptune_query`.
__all__ = [
    "download_files",
    "fetch_metrics",
    "fetch_runs_table",
    "fetch_series",
    "list_attributes",
    "list_runs",
]


@public_call("runs.list_runs")
def list_runs(
    *,
    project: str | None = None,
    runs: str | list[str] | Filter | None = None,
) -> list[str]:
    """Ids of the runs of a project, ascending.

    Args:
        project: ``workspace/name``; default ``NEPTUNE_PROJECT``.
        runs: Regular expression, list of exact ids, or `Filter`; None for all.

    Returns:
        The ids; empty if nothing matches.

    Raises:
        NeptuneProjectNotProvided: If no project is given anywhere.
        NeptuneProjectInaccessible: If the project does not exist or may not be read.
        ValueError: If ``runs`` is an empty list or of another type.
        AttributeTypeInferenceError: If an attribute of the filter has several types in the project.

    Example:
        >>> nr.list_runs(runs=r"run-[12]$")
        ['run-1', 'run-2']
    """
    return _calls.list_containers(_calls.RUN, project, runs)


@public_call("runs.list_attributes")
def list_attributes(
    *,
    project: str | None = None,
    runs: str | list[str] | Filter | None = None,
    attributes: str | list[str] | AttributeFilter | None = None,
) -> list[str]:
    """Names of the attributes that runs have, ascending, each once.

    Args:
        project: ``workspace/name``; default ``NEPTUNE_PROJECT``.
        runs: Regular expression, list of exact ids, or `Filter`; None for all.
        attributes: Regular expression, list of exact names, or `AttributeFilter`; None for all.

    Returns:
        The names; empty if nothing matches.

    Raises:
        NeptuneProjectNotProvided: If no project is given anywhere.
        NeptuneProjectInaccessible: If the project does not exist or may not be read.
        ValueError: If an argument has another type, or ``runs`` is an empty list.
        AttributeTypeInferenceError: If an attribute of the filter has several types in the project.

    Example:
        >>> nr.list_attributes(runs=["run-1"], attributes=AttributeFilter(type="float_series"))
        ['train/accuracy', 'train/loss']
    """
    return _calls.list_attributes(_calls.RUN, project, runs, attributes)


@public_call("runs.fetch_runs_table")
def fetch_runs_table(
    *,
    project: str | None = None,
    runs: str | list[str] | Filter | None = None,
    attributes: str | list[str] | AttributeFilter | None = [],  # noqa: B006  (the documented default; never modified)
    sort_by: str | Attribute = Attribute("sys/creation_time", type="datetime"),  # noqa: B008  (likewise)
    sort_direction: Literal["asc", "desc"] = "desc",
    limit: int | None = None,
    type_suffix_in_column_names: bool = False,
) -> pd.DataFrame:
    """A table of runs: a row for each, a column for each attribute, cells with values.

    A series shows its last value. Cells of string sets are ``set``, of files `File`, of histogram series
    `Histogram`.

    Args:
        project: ``workspace/name``; default ``NEPTUNE_PROJECT``.
        runs: Regular expression, list of exact ids, or `Filter`; None for all.
        attributes: Regular expression, list of exact names, or `AttributeFilter`; None for all attributes,
            an empty list for rows without columns.
        sort_by: Attribute that orders the rows. Its type is looked up if it is not given.
        sort_direction: ``"asc"`` or ``"desc"``.
        limit: Maximum number of rows, after sorting; None for all.
        type_suffix_in_column_names: Name columns ``name:type``; then a name may have several types.

    Returns:
        A frame with the index ``run`` and sorted columns named ``attribute``. Only attributes that
        some row has become columns. Missing cells are NaN (NaT); whole numbers with gaps are float64.

    Raises:
        ConflictingAttributeTypes: If a name has several types and there is no suffix.
        NeptuneProjectNotProvided: If no project is given anywhere.
        NeptuneProjectInaccessible: If the project does not exist or may not be read.
        ValueError: If an argument is not one of the above.
        AttributeTypeInferenceError: If an attribute of the filter has several types in the project.

    Example:
        >>> nr.fetch_runs_table(
        ...     runs=Filter.ge(Attribute("train/accuracy", type="float_series"), 0.7),
        ...     attributes=["config/lr", "train/accuracy"],
        ...     sort_by=Attribute("train/accuracy", type="float_series"),
        ...     limit=10,
        ... )
        attribute  config/lr  train/accuracy
        run
        run-2           0.01            0.90
        run-1           0.10            0.75
    """
    return _calls.fetch_table(
        _calls.RUN,
        project=project,
        runs=runs,
        attributes=attributes,
        sort_by=sort_by,
        sort_direction=sort_direction,
        limit=limit,
        type_suffix_in_column_names=type_suffix_in_column_names,
    )


@public_call("runs.fetch_metrics")
def fetch_metrics(
    *,
    project: str | None = None,
    runs: str | list[str] | Filter | None,
    attributes: str | list[str] | AttributeFilter | None,
    include_time: Literal["absolute"] | None = None,
    step_range: tuple[float | None, float | None] = (None, None),
    lineage_to_the_root: bool = True,
    tail_limit: int | None = None,
    type_suffix_in_column_names: bool = False,
    include_point_previews: bool = False,
) -> pd.DataFrame:
    """Values of metrics (``float_series``) by step.

    Args:
        project: ``workspace/name``; default ``NEPTUNE_PROJECT``.
        runs: Regular expression, list of exact ids, or `Filter`; None for all.
        attributes: Regular expression, list of exact names, or `AttributeFilter`; None for all metrics.
        include_time: ``"absolute"`` adds when each point was logged.
        step_range: First and last step, both included; None leaves an end open.
        lineage_to_the_root: Include points inherited from the runs this one was forked from.
        tail_limit: Only the last n points of each metric, within ``step_range``; None for all.
        type_suffix_in_column_names: Name columns ``name:float_series``.
        include_point_previews: Include points that are not final yet, and say which.

    Returns:
        A frame with the index (``run``, ``step``) and a float64 column per metric, all sorted. With
        time or previews, columns have a second level: ``value``, ``absolute_time``, ``is_preview``,
        ``preview_completion``. A step that a metric lacks is NaN; a run or metric without a point is
        left out.

    Raises:
        NeptuneProjectNotProvided: If no project is given anywhere.
        NeptuneProjectInaccessible: If the project does not exist or may not be read.
        ValueError: If an argument is not one of the above, or the attributes cannot be metrics.
        AttributeTypeInferenceError: If an attribute of the filter has several types in the project.

    Example:
        >>> nr.fetch_metrics(runs=["run-1"], attributes=r"^train/", step_range=(2, 3))
                    train/accuracy  train/loss
        run   step
        run-1 2.0              0.6        0.75
              3.0              0.7        0.50
    """
    return _calls.fetch_metrics(
        _calls.RUN,
        project=project,
        runs=runs,
        attributes=attributes,
        include_time=include_time,
        step_range=step_range,
        lineage_to_the_root=lineage_to_the_root,
        tail_limit=tail_limit,
        type_suffix_in_column_names=type_suffix_in_column_names,
        include_point_previews=include_point_previews,
    )


@_calls.experimental
@public_call("runs.fetch_metric_buckets")
def fetch_metric_buckets(
    *,
    project: str | None = None,
    runs: str | list[str] | Filter | None,
    x: Literal["step"] = "step",
    y: str | list[str] | AttributeFilter | None,
    limit: int = 1000,
    lineage_to_the_root: bool = True,
    include_point_previews: bool = False,
) -> pd.DataFrame:
    """Metrics in buckets of steps, one point from each: long series at a size that can be plotted.

    The range of steps over all metrics asked for is cut into ``limit`` buckets of one width. The first bucket
    of a metric shows its first finite point, every later one its last.

    Args:
        project: ``workspace/name``; default ``NEPTUNE_PROJECT``.
        runs: Regular expression, list of exact ids, or `Filter`; None for all.
        x: The axis that is cut; only ``"step"``.
        y: Regular expression, list of exact names, or `AttributeFilter`; None for all metrics.
        limit: Number of buckets, 1 to 1000.
        lineage_to_the_root: Include points inherited from the runs this one was forked from.
        include_point_previews: Include points that are not final yet.

    Returns:
        A frame whose index holds a ``pandas.Interval`` per bucket and whose columns are (``run``,
        ``metric``, ``bucket``), the last being ``x`` and ``y``; float64. Buckets without any value are left out.

    Raises:
        NeptuneProjectNotProvided: If no project is given anywhere.
        NeptuneProjectInaccessible: If the project does not exist or may not be read.
        ValueError: If an argument is not one of the above, or the attributes cannot be metrics.
        AttributeTypeInferenceError: If an attribute of the filter has several types in the project.

    Warns:
        ExperimentalWarning: Once per process.

    Example:
        >>> nr.fetch_metric_buckets(runs=["run-1"], x="step", y=["train/loss"], limit=2)
        run             run-1
        metric     train/loss
        bucket              x    y
        [0.0, 2.0]        0.0  2.5
        (2.0, 4.0]        4.0  0.4
    """
    return _calls.fetch_metric_buckets(
        _calls.RUN,
        project=project,
        runs=runs,
        x=x,
        y=y,
        limit=limit,
        lineage_to_the_root=lineage_to_the_root,
        include_point_previews=include_point_previews,
    )


@public_call("runs.fetch_series")
def fetch_series(
    *,
    project: str | None = None,
    runs: str | list[str] | Filter | None,
    attributes: str | list[str] | AttributeFilter | None,
    include_time: Literal["absolute"] | None = None,
    step_range: tuple[float | None, float | None] = (None, None),
    lineage_to_the_root: bool = True,
    tail_limit: int | None = None,
) -> pd.DataFrame:
    """Values of string, histogram and file series by step.

    Args:
        project: ``workspace/name``; default ``NEPTUNE_PROJECT``.
        runs: Regular expression, list of exact ids, or `Filter`; None for all.
        attributes: Regular expression, list of exact names, or `AttributeFilter`; None for all such series.
        include_time: ``"absolute"`` adds when each value was logged.
        step_range: First and last step, both included; None leaves an end open.
        lineage_to_the_root: Include values inherited from the runs this one was forked from.
        tail_limit: Only the last n values of each series, within ``step_range``; None for all.

    Returns:
        A frame with the index (``run``, ``step``) and a column per series, all sorted; cells are strings,
        `Histogram` or `File`. With time, columns have a second level: ``value``, ``absolute_time``.

    Raises:
        NeptuneProjectNotProvided: If no project is given anywhere.
        NeptuneProjectInaccessible: If the project does not exist or may not be read.
        ValueError: If an argument is not one of the above, or the attributes cannot be such series.
        AttributeTypeInferenceError: If an attribute of the filter has several types in the project.

    Example:
        >>> nr.fetch_series(runs=["run-1"], attributes=["samples/text"], tail_limit=1)
                            samples/text
        run   step
        run-1 4.0   a cat, says resnet-1
    """
    return _calls.fetch_series(
        _calls.RUN,
        project=project,
        runs=runs,
        attributes=attributes,
        include_time=include_time,
        step_range=step_range,
        lineage_to_the_root=lineage_to_the_root,
        tail_limit=tail_limit,
    )


@public_call("runs.download_files")
def download_files(
    *,
    files: File | Iterable[File] | pd.Series[Any] | pd.DataFrame,
    destination: str | Path | None = None,
) -> pd.DataFrame:
    """Download files of runs.

    They go to ``destination / run / attribute path [/ step] + extension``, where characters other than
    letters, digits, ``_`` and ``-`` are replaced by ``_``. No name leads out of the destination, and two
    different files never share a path: where they would, a digest is added to the name.

    Args:
        files: A `File`, a table or series frame of this module (or a part of it), or any iterable of files.
            Everything else in it is skipped.
        destination: A directory, created if it does not exist; the default is the current one.

    Returns:
        A frame with the index (``run``, ``step``), a column per attribute and absolute paths as cells;
        the cell of a file that is not in the store is missing. Files outside a series have
        the step NaN.

    Raises:
        ValueError: If ``files`` is none of the above, or two files have the same run, attribute and step.
        NeptuneUserError: If some files belong to experiments: those go to `neptune_query.download_files`.
        NotADirectoryError, PermissionError: If the destination is a file or cannot be written to.
        NeptuneFileDownloadError: If a file cannot be downloaded.

    Example:
        >>> table = nr.fetch_runs_table(runs=["run-1"], attributes=AttributeFilter(type="file"))
        >>> paths = nr.download_files(files=table, destination="downloads")
        >>> paths["plots/roc"].item()
        '.../downloads/run-1/plots/roc.txt'
    """
    return _calls.download_files(_calls.RUN, files, destination)
