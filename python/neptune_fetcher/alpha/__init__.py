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


def list_experiments(experiments: str | list[str] | Filter | None = None, context: Context | None = None) -> list[str]:
    """Names of the experiments, in ascending order."""
    return _calls.list_containers(_calls.EXPERIMENT, experiments, context)


def list_attributes(
    experiments: str | list[str] | Filter | None = None,
    attributes: str | list[str] | AttributeFilter | None = None,
    context: Context | None = None,
) -> list[str]:
    """Names of the attributes that the experiments have, in ascending order, each once."""
    return _calls.list_attributes(_calls.EXPERIMENT, experiments, attributes, context)


def fetch_experiments_table(
    experiments: str | list[str] | Filter | None = None,
    attributes: str | list[str] | AttributeFilter | None = "^sys/name$",
    sort_by: str | Attribute = Attribute("sys/creation_time", type="datetime"),  # noqa: B008  (the documented default)
    sort_direction: Literal["asc", "desc"] = "desc",
    limit: int | None = None,
    type_suffix_in_column_names: bool = False,
    context: Context | None = None,
) -> pd.DataFrame:
    """A table: a row for each experiment, columns (``attribute``, ``aggregation``).

    The second level is empty for single values, an aggregation for series, and ``mime_type``, ``path`` or
    ``size_bytes`` for files. Missing cells are NaN (NaT).

    Raises:
        AttributeTypeInferenceError: If a type that was not given cannot be found, or is not the only one.
        ConflictingAttributeTypes: If a name has several types and there is no type suffix.
        ValueError: If an argument is not one of the documented ones.
    """
    return _calls.fetch_table(
        _calls.EXPERIMENT, experiments, attributes, sort_by, sort_direction, limit, type_suffix_in_column_names, context
    )


def fetch_metrics(
    experiments: str | list[str] | Filter,
    attributes: str | list[str] | AttributeFilter,
    include_time: Literal["absolute"] | None = None,
    step_range: tuple[float | None, float | None] = (None, None),
    lineage_to_the_root: bool = True,
    tail_limit: int | None = None,
    type_suffix_in_column_names: bool = False,
    include_point_previews: bool = False,
    context: Context | None = None,
) -> pd.DataFrame:
    """Values of float series by (experiment, step), a column for each attribute, all sorted.

    With time or previews columns have a second level: ``absolute_time``, ``is_preview``,
    ``preview_completion``, ``value``. Steps in ``step_range`` are inclusive; ``tail_limit`` keeps the last points.

    Raises:
        ValueError: If an argument is not one of the documented ones.
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


def fetch_series(
    experiments: str | list[str] | Filter,
    attributes: str | list[str] | AttributeFilter,
    *,
    include_time: Literal["absolute"] | None = None,
    step_range: tuple[float | None, float | None] = (None, None),
    lineage_to_the_root: bool = True,
    tail_limit: int | None = None,
    context: Context | None = None,
) -> pd.DataFrame:
    """Values of string series, in the layout of `fetch_metrics`.

    Raises:
        ValueError: If an argument is not one of the documented ones.
    """
    return _calls.fetch_series(
        _calls.EXPERIMENT, experiments, attributes, include_time, step_range, lineage_to_the_root, tail_limit, context
    )


def download_files(
    experiments: str | list[str] | Filter | None = None,
    attributes: str | list[str] | AttributeFilter | None = None,
    *,
    destination: str | Path | None = None,
    context: Context | None = None,
) -> pd.DataFrame:
    """Download files to ``destination / experiment / attribute path``; gives a frame of their paths.

    Characters of names other than letters, digits, ``_`` and ``-`` become ``_``. A file that is not there is missing
    in the frame.

    Raises:
        NotADirectoryError, PermissionError: If the destination is a file or cannot be written to.
        NeptuneFileDownloadError: If a file cannot be brought.
    """
    return _calls.download_files(_calls.EXPERIMENT, experiments, attributes, destination, context)
