"""Read runs with functions, as `neptune_fetcher.alpha` reads experiments.

``runs`` is a regular expression on the custom run id, a list of exact ids, a `filters.Filter`, or None for all.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from neptune_fetcher.alpha import _calls
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
    """Custom ids of the runs, in ascending order.

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
    """Names of the attributes that the runs have, in ascending order, each once.

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
    """A table: a row for each run, columns (``attribute``, ``aggregation``).

    The second level is empty for single values, an aggregation for series, and ``mime_type``, ``path`` or
    ``size_bytes`` for files. Missing cells are NaN (NaT).

    Raises:
        AttributeTypeInferenceError: If a type that was not given cannot be found, or is not the only one.
        ConflictingAttributeTypes: If a name has several types and there is no type suffix.
        ValueError: If an argument is not one of the documented ones.

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
    attributes: str | list[str] | AttributeFilter,
    include_time: Literal["absolute"] | None = None,
    step_range: tuple[float | None, float | None] = (None, None),
    lineage_to_the_root: bool = True,
    tail_limit: int | None = None,
    type_suffix_in_column_names: bool = False,
    include_point_previews: bool = False,
    context: Context | None = None,
) -> pd.DataFrame:
    """Values of float series by (run, step), a column for each attribute, all sorted.

    With time or previews columns have a second level: ``absolute_time``, ``is_preview``,
    ``preview_completion``, ``value``. Steps in ``step_range`` are inclusive; ``tail_limit`` keeps the last points.

    Raises:
        ValueError: If an argument is not one of the documented ones.

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
    """Download files to ``destination / run / attribute path``; gives a frame of their paths.

    Characters of names other than letters, digits, ``_`` and ``-`` become ``_``. A file that is not there is missing
    in the frame.

    Raises:
        NotADirectoryError, PermissionError: If the destination is a file or cannot be written to.
        NeptuneFileDownloadError: If a file cannot be brought.

    Example:
        >>> download_files(["run-2"], ["plots/roc"], destination="downloads")["plots/roc"].item()
        '.../downloads/run-2/plots/roc'
    """
    return _calls.download_files(_calls.RUN, runs, attributes, destination, context)
