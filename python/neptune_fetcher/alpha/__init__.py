"""Read experiments with functions; `neptune_fetcher.alpha.runs` has the same ones for runs.

``experiments`` is a regular expression on the name, a list of exact names, a `filters.Filter`, or None for all.
``attributes`` is a regular expression on the name, a list of exact names, a `filters.AttributeFilter`, or None for
all. ``context`` replaces the global `Context`. Trashed experiments are included.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from neptune_fetcher.alpha import _calls
from neptune_fetcher.alpha._context import Context, get_context, set_api_token, set_context, set_project
from neptune_fetcher.alpha.filters import Attribute, AttributeFilter, Filter
from neptune_frames.sources.public_call import public_call

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Context",
    "download_files",
    "fetch_experiments_table",
    "fetch_metrics",
    "fetch_series",
    "get_context",
    "list_attributes",
    "list_experiments",
    "set_api_token",
    "set_context",
    "set_project",
]


@public_call("alpha.list_experiments")
def list_experiments(experiments: str | list[str] | Filter | None = None, context: Context | None = None) -> list[str]:
    """List the names of experiments, in ascending order.

    Args:
        experiments: Regular expression on the name, list of exact names, or `filters.Filter`; None for all.
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
        >>> list_experiments("^resnet")
        ['resnet-1', 'resnet-2']
    """
    return _calls.list_containers(_calls.EXPERIMENT, experiments, context)


@public_call("alpha.list_attributes")
def list_attributes(
    experiments: str | list[str] | Filter | None = None,
    attributes: str | list[str] | AttributeFilter | None = None,
    context: Context | None = None,
) -> list[str]:
    """List the names of the attributes that experiments have, in ascending order, each once.

    Args:
        experiments: Regular expression on the name, list of exact names, or `filters.Filter`; None for all.
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
        >>> list_attributes(["resnet-2"], "^train/")
        ['train/accuracy', 'train/loss']
    """
    return _calls.list_attributes(_calls.EXPERIMENT, experiments, attributes, context)


@public_call("alpha.fetch_experiments_table")
def fetch_experiments_table(
    experiments: str | list[str] | Filter | None = None,
    attributes: str | list[str] | AttributeFilter | None = "^sys/name$",
    sort_by: str | Attribute = Attribute("sys/creation_time", type="datetime"),  # noqa: B008  (the documented default)
    sort_direction: Literal["asc", "desc"] = "desc",
    limit: int | None = None,
    type_suffix_in_column_names: bool = False,
    context: Context | None = None,
) -> pd.DataFrame:
    """Fetch a table: a row for each experiment, a column for each attribute and aggregation.

    Args:
        experiments: Regular expression on the name, list of exact names, or `filters.Filter`; None for all.
        attributes: Regular expression on the name, list of exact names, or `filters.AttributeFilter`; None for all.
        sort_by: Attribute that orders the rows: a name, whose type is looked up, or a `filters.Attribute` with its
            type.
        sort_direction: ``"asc"`` or ``"desc"``.
        limit: The most rows, after sorting; None for all.
        type_suffix_in_column_names: Name columns ``name:type``; then a name may have several types.
        context: Project and token to use instead of the global `Context`.

    Returns:
        A pandas frame with the index ``experiment`` and the column levels (``attribute``, ``aggregation``). The second
        level is empty for single values, an aggregation for series, and ``mime_type``, ``path`` or ``size_bytes`` for
        files. Missing cells are NaN (NaT).

    Raises:
        ConflictingAttributeTypes: A name has several types and there is no type suffix.
        ValueError: An argument is not one of those above.
        NeptuneProjectNotProvided: There is no project.
        NeptuneApiTokenNotProvided: There is neither a token nor an archive.
        NeptuneProjectInaccessible: The project does not exist or you may not read it.
        AttributeTypeInferenceError: The type of an attribute in a filter is not given and cannot be determined.

    Example:
        >>> fetch_experiments_table(["resnet-2"], ["config/lr", "train/loss"]).columns.to_list()
        [('config/lr', ''), ('train/loss', 'last')]
    """
    return _calls.fetch_table(
        _calls.EXPERIMENT, experiments, attributes, sort_by, sort_direction, limit, type_suffix_in_column_names, context
    )


@public_call("alpha.fetch_metrics")
def fetch_metrics(
    experiments: str | list[str] | Filter,
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
        experiments: Regular expression on the name, list of exact names, or `filters.Filter`. Must be given.
        attributes: Regular expression on the name, list of exact names, or `filters.AttributeFilter`; None for all.
        include_time: ``"absolute"`` adds when each point was logged; None leaves it out.
        step_range: First and last step, both inclusive; None leaves an end open.
        lineage_to_the_root: Whether points inherited from the runs this one was forked from are included.
        tail_limit: Only the last n points of each series, counted within ``step_range``; None for all.
        type_suffix_in_column_names: Name columns ``name:float_series``.
        include_point_previews: Whether points that are not final yet are included, and which ones they are.
        context: Project and token to use instead of the global `Context`.

    Returns:
        A pandas frame with the index (``experiment``, ``step``) and a float64 column for each attribute, all sorted.
        With time or previews, columns have a second level: ``absolute_time``, ``is_preview``, ``preview_completion``,
        ``value``.

    Raises:
        ValueError: An argument is not one of those above.
        NeptuneProjectNotProvided: There is no project.
        NeptuneApiTokenNotProvided: There is neither a token nor an archive.
        NeptuneProjectInaccessible: The project does not exist or you may not read it.
        AttributeTypeInferenceError: The type of an attribute in a filter is not given and cannot be determined.

    Example:
        >>> fetch_metrics(["resnet-2"], ["train/loss"], tail_limit=1)["train/loss"].to_dict()
        {('resnet-2', 4.0): 0.25}
    """
    return _calls.fetch_metrics(
        _calls.EXPERIMENT,
        experiments,
        attributes,
        include_time,
        step_range,
        lineage_to_the_root,
        tail_limit,
        type_suffix_in_column_names,
        include_point_previews,
        context,
    )


@public_call("alpha.fetch_series")
def fetch_series(
    experiments: str | list[str] | Filter,
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
        experiments: Regular expression on the name, list of exact names, or `filters.Filter`. Must be given.
        attributes: Regular expression on the name, list of exact names, or `filters.AttributeFilter`; None for all.
        include_time: ``"absolute"`` adds when each point was logged; None leaves it out.
        step_range: First and last step, both inclusive; None leaves an end open.
        lineage_to_the_root: Whether points inherited from the runs this one was forked from are included.
        tail_limit: Only the last n points of each series, counted within ``step_range``; None for all.
        context: Project and token to use instead of the global `Context`.

    Returns:
        A pandas frame with the index (``experiment``, ``step``) and a column of strings for each attribute, all sorted.
        With time, columns have a second level: ``absolute_time``, ``value``.

    Raises:
        ValueError: An argument is not one of those above.
        NeptuneProjectNotProvided: There is no project.
        NeptuneApiTokenNotProvided: There is neither a token nor an archive.
        NeptuneProjectInaccessible: The project does not exist or you may not read it.
        AttributeTypeInferenceError: The type of an attribute in a filter is not given and cannot be determined.

    Example:
        >>> fetch_series(["resnet-2"], ["samples/text"], lineage_to_the_root=False)["samples/text"].to_list()
        ['a cat', 'a cat, says resnet-2']
    """
    return _calls.fetch_series(
        _calls.EXPERIMENT, experiments, attributes, include_time, step_range, lineage_to_the_root, tail_limit, context
    )


@public_call("alpha.download_files")
def download_files(
    experiments: str | list[str] | Filter | None = None,
    attributes: str | list[str] | AttributeFilter | None = None,
    *,
    destination: str | Path | None = None,
    context: Context | None = None,
) -> pd.DataFrame:
    """Download files to ``destination / experiment / attribute path``.

    Characters of names other than letters, digits, ``_`` and ``-`` are replaced by ``_``.

    Args:
        experiments: Regular expression on the name, list of exact names, or `filters.Filter`; None for all.
        attributes: Regular expression on the name, list of exact names, or `filters.AttributeFilter`; None for all.
        destination: Directory, created if it does not exist; None is the current one.
        context: Project and token to use instead of the global `Context`.

    Returns:
        A pandas frame with the index ``experiment``, a column for each attribute and local paths in the cells. The cell
        of a file that the server does not have is missing.

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
        >>> download_files(["resnet-2"], ["plots/roc"], destination="downloads")["plots/roc"].item()
        '.../downloads/resnet-2/plots/roc'
    """
    return _calls.download_files(_calls.EXPERIMENT, experiments, attributes, destination, context)
