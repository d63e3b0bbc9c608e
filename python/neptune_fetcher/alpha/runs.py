"""Read runs with functions, as `neptune_fetcher.alpha` reads experiments.

``runs`` is a regular expression on the custom run id, a list of exact ids, a `filters.Filter`, or None for all.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from neptune_fetcher.alpha import _calls
from neptune_fetcher.alpha import filters as filters
from neptune_fetcher.alpha.filters import Attribute, AttributeFilter, Filter
from neptune_frames.sources.public_call import public_call

if TYPE_CHECKING:
    import pandas as pd

    from neptune_fetcher.alpha._context import Context

__all__ = [
    "fetch_metrics",
    "fetch_runs_table",
    "fetch_series",
    "list_attributes",
    "list_runs",
]


@public_call("alpha.runs.list_runs")
def list_runs(runs: str | list[str] | Filter | None = None, context: Context | None = None) -> list[str]:
    """List the ids of runs, in ascending order.

    Args:
        runs: Regular expression on the custom run id, list of exact ids, or `filters.Filter`; None for all.
        context: Project and token to use instead of the global `Context`.

    Returns:
        The ids; empty if nothing matches.

    Raises:
        ValueError: An argument is not one of those above.
        NeptuneProjectNotProvided: There is no project.
        NeptuneApiTokenNotProvided: There is neither a token nor an archive.
        NeptuneProjectInaccessible: The project does not exist or you may not read it.
        AttributeTypeInferenceError: The type of an attribute in a filter is not given and cannot be determined.

    Example:
        >>> list_runs("^run")
        ['run-1', 'run-2', 'run-3']
    """
    return _calls.list_containers(_calls.RUN, runs, context)


@public_call("alpha.runs.list_attributes")
def list_attributes(
    runs: str | list[str] | Filter | None = None,
    attributes: str | list[str] | AttributeFilter | None = None,
    context: Context | None = None,
) -> list[str]:
    """List the names of the attributes that runs have, in ascending order, each once.

    Args:
        runs: Regular expression on the custom run id, list of exact ids, or `filters.Filter`; None for all.
        attributes: Regular expression on the name, list of exact names, or `filters.AttributeFilter`; None for all.
        context: Project and token to use instead of the global `Context`.

    Returns:
        The names; empty if nothing matches.

    Raises:
        ValueError: An argument is not one of those above.
        NeptuneProjectNotProvided: There is no project.
        NeptuneApiTokenNotProvided: There is neither a token nor an archive.
        NeptuneProjectInaccessible: The project does not exist or you may not read it.
        AttributeTypeInferenceError: The type of an attribute in a filter is not given and cannot be determined.

    Example:
        >>> list_attributes(["run-2"], "^train/")
        ['train/accuracy', 'train/loss']
    """
    return _calls.list_attributes(_calls.RUN, runs, attributes, context)


@public_call("alpha.runs.fetch_runs_table")
def fetch_runs_table(
    runs: str | list[str] | Filter | None = None,
    attributes: str | list[str] | AttributeFilter | None = "^sys/name$",
    sort_by: str | Attribute = Attribute("sys/creation_time", type="datetime"),  # noqa: B008  (the documented default)
    sort_direction: Literal["asc", "desc"] = "desc",
    limit: int | None = None,
    type_suffix_in_column_names: bool = False,
    context: Context | None = None,
) -> pd.DataFrame:
    """Fetch a table: a row for each run, a column for each attribute and aggregation.

    Args:
        runs: Regular expression on the custom run id, list of exact ids, or `filters.Filter`; None for all.
        attributes: Regular expression on the name, list of exact names, or `filters.AttributeFilter`; None for all.
        sort_by: Attribute that orders the rows: a name, whose type is looked up, or a `filters.Attribute` with its
            type.
        sort_direction: ``"asc"`` or ``"desc"``.
        limit: The most rows, after sorting; None for all.
        type_suffix_in_column_names: Name columns ``name:type``; then a name may have several types.
        context: Project and token to use instead of the global `Context`.

    Returns:
        A pandas frame with the index ``run`` and the column levels (``attribute``, ``aggregation``). The second level
        is empty for single values, an aggregation for series, and ``mime_type``, ``path`` or ``size_bytes`` for files.
        Missing cells are NaN (NaT).

    Raises:
        ConflictingAttributeTypes: A name has several types and there is no type suffix.
        ValueError: An argument is not one of those above.
        NeptuneProjectNotProvided: There is no project.
        NeptuneApiTokenNotProvided: There is neither a token nor an archive.
        NeptuneProjectInaccessible: The project does not exist or you may not read it.
        AttributeTypeInferenceError: The type of an attribute in a filter is not given and cannot be determined.

    Example:
        >>> fetch_runs_table(["run-2"], ["config/lr", "train/loss"]).columns.to_list()
        [('config/lr', ''), ('train/loss', 'last')]
    """
    return _calls.fetch_table(
        _calls.RUN, runs, attributes, sort_by, sort_direction, limit, type_suffix_in_column_names, context
    )


@public_call("alpha.runs.fetch_metrics")
def fetch_metrics(
    runs: str | list[str] | Filter,
    attributes: str | list[str] | AttributeFilter | None,
    include_time: Literal["absolute"] | None = None,
    step_range: tuple[float | None, float | None] = (None, None),
    lineage_to_the_root: bool = True,
    tail_limit: int | None = None,
    type_suffix_in_column_names: bool = False,
    include_point_previews: bool = False,
    context: Context | None = None,
) -> pd.DataFrame:
    """Fetch the values of float series by step.

    Args:
        runs: Regular expression on the custom run id, list of exact ids, or `filters.Filter`. Must be given.
        attributes: Regular expression on the name, list of exact names, or `filters.AttributeFilter`; None for all.
        include_time: ``"absolute"`` adds when each point was logged; None leaves it out.
        step_range: First and last step, both inclusive; None leaves an end open.
        lineage_to_the_root: Whether points inherited from the runs this one was forked from are included.
        tail_limit: Only the last n points of each series, counted within ``step_range``; None for all.
        type_suffix_in_column_names: Name columns ``name:float_series``.
        include_point_previews: Whether points that are not final yet are included, and which ones they are.
        context: Project and token to use instead of the global `Context`.

    Returns:
        A pandas frame with the index (``run``, ``step``) and a float64 column for each attribute, all sorted. With time
        or previews, columns have a second level: ``absolute_time``, ``is_preview``, ``preview_completion``, ``value``.

    Raises:
        ValueError: An argument is not one of those above.
        NeptuneProjectNotProvided: There is no project.
        NeptuneApiTokenNotProvided: There is neither a token nor an archive.
        NeptuneProjectInaccessible: The project does not exist or you may not read it.
        AttributeTypeInferenceError: The type of an attribute in a filter is not given and cannot be determined.

    Example:
        >>> fetch_metrics(["run-2"], ["train/loss"], tail_limit=1)["train/loss"].to_dict()
        {('run-2', 4.0): 0.25}
    """
    return _calls.fetch_metrics(
        _calls.RUN,
        runs,
        attributes,
        include_time,
        step_range,
        lineage_to_the_root,
        tail_limit,
        type_suffix_in_column_names,
        include_point_previews,
        context,
    )


@public_call("alpha.runs.fetch_series")
def fetch_series(
    runs: str | list[str] | Filter,
    attributes: str | list[str] | AttributeFilter | None,
    *,
    include_time: Literal["absolute"] | None = None,
    step_range: tuple[float | None, float | None] = (None, None),
    lineage_to_the_root: bool = True,
    tail_limit: int | None = None,
    context: Context | None = None,
) -> pd.DataFrame:
    """Fetch the values of string series by step.

    Args:
        runs: Regular expression on the custom run id, list of exact ids, or `filters.Filter`. Must be given.
        attributes: Regular expression on the name, list of exact names, or `filters.AttributeFilter`; None for all.
        include_time: ``"absolute"`` adds when each point was logged; None leaves it out.
        step_range: First and last step, both inclusive; None leaves an end open.
        lineage_to_the_root: Whether points inherited from the runs this one was forked from are included.
        tail_limit: Only the last n points of each series, counted within ``step_range``; None for all.
        context: Project and token to use instead of the global `Context`.

    Returns:
        A pandas frame with the index (``run``, ``step``) and a column of strings for each attribute, all sorted. With
        time, columns have a second level: ``absolute_time``, ``value``.

    Raises:
        ValueError: An argument is not one of those above.
        NeptuneProjectNotProvided: There is no project.
        NeptuneApiTokenNotProvided: There is neither a token nor an archive.
        NeptuneProjectInaccessible: The project does not exist or you may not read it.
        AttributeTypeInferenceError: The type of an attribute in a filter is not given and cannot be determined.

    Example:
        >>> fetch_series(["run-2"], ["samples/text"], lineage_to_the_root=False)["samples/text"].to_list()
        ['a cat', 'a cat, says resnet-2']
    """
    return _calls.fetch_series(
        _calls.RUN, runs, attributes, include_time, step_range, lineage_to_the_root, tail_limit, context
    )


@public_call("alpha.runs.download_files")
def download_files(
    runs: str | list[str] | Filter | None = None,
    attributes: str | list[str] | AttributeFilter | None = None,
    *,
    destination: str | Path | None = None,
    context: Context | None = None,
) -> pd.DataFrame:
    """Download files to ``destination / run / attribute path``.

    Characters of names other than letters, digits, ``_`` and ``-`` are replaced by ``_``.

    Args:
        runs: Regular expression on the custom run id, list of exact ids, or `filters.Filter`; None for all.
        attributes: Regular expression on the name, list of exact names, or `filters.AttributeFilter`; None for all.
        destination: Directory, created if it does not exist; None is the current one.
        context: Project and token to use instead of the global `Context`.

    Returns:
        A pandas frame with the index ``run``, a column for each attribute and local paths in the cells. The cell of a
        file that the server does not have is missing.

    Raises:
        NotADirectoryError: The destination is a file.
        PermissionError: The destination cannot be written to.
        NeptuneFileDownloadError: A file cannot be downloaded.
        ValueError: An argument is not one of those above.
        NeptuneProjectNotProvided: There is no project.
        NeptuneApiTokenNotProvided: There is neither a token nor an archive.
        NeptuneProjectInaccessible: The project does not exist or you may not read it.
        AttributeTypeInferenceError: The type of an attribute in a filter is not given and cannot be determined.

    Example:
        >>> download_files(["run-2"], ["plots/roc"], destination="downloads")["plots/roc"].item()
        '.../downloads/run-2/plots/roc'
    """
    return _calls.download_files(_calls.RUN, runs, attributes, destination, context)
