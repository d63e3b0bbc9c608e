"""Functions whose arguments and results may still change: tables across all projects.

Each warns once per process (`neptune_query.warnings.ExperimentalWarning`). Types are not looked up across
projects: the sort key and every attribute of a filter need one.

Example:
    >>> from neptune_query import experimental as ne
    >>> ne.fetch_runs_table_global(runs="^run", attributes=["config/lr"], limit=2)
    attribute          config/lr
    project     run
    team/vision run-3      0.001
                run-2      0.010
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from neptune_frames.sources.public_call import public_call
from neptune_query import _calls
from neptune_query import filters as filters
from neptune_query.filters import Attribute, AttributeFilter, Filter

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["fetch_experiments_table_global", "fetch_runs_table_global"]


@_calls.experimental
@public_call("fetch_experiments_table_global")
def fetch_experiments_table_global(
    *,
    experiments: str | list[str] | Filter | None = None,
    attributes: str | list[str] | AttributeFilter | None = [],  # noqa: B006  (the documented default; never modified)
    sort_by: Attribute = Attribute("sys/creation_time", type="datetime"),  # noqa: B008  (likewise)
    sort_direction: Literal["asc", "desc"] = "desc",
    limit: int | None = None,
    type_suffix_in_column_names: bool = False,
) -> pd.DataFrame:
    """A table of the experiments of all projects that can be read.

    Args:
        experiments: Regular expression on the name, list of exact names, or `Filter` in which every attribute
            has a type; None for all.
        attributes: Regular expression, list of exact names, or `AttributeFilter`; None for all attributes,
            an empty list for rows without columns.
        sort_by: Attribute that orders the rows, with its type.
        sort_direction: ``"asc"`` or ``"desc"``.
        limit: Maximum number of rows over all projects, after sorting; None for all.
        type_suffix_in_column_names: Name columns ``name:type``; then a name may have several types.

    Returns:
        A frame as `neptune_query.fetch_experiments_table` returns it, with the index (``project``,
        ``experiment``). Rows are in sort order, so projects may alternate.

    Raises:
        NeptuneUserError: If ``sort_by`` has no type.
        AttributeTypeInferenceError: If an attribute of the filter has no type.
        ConflictingAttributeTypes: If a name has several types and there is no suffix.
        ValueError: If an argument is not one of the above.

    Warns:
        ExperimentalWarning: Once per process.

    Example:
        >>> highest = fetch_experiments_table_global(sort_by=Attribute("config/lr", type="float"), limit=1)
        >>> highest.index.to_list()
        [('team/vision', 'resnet-1')]
    """
    return _calls.fetch_table(
        _calls.EXPERIMENT,
        project=None,
        runs=experiments,
        attributes=attributes,
        sort_by=sort_by,
        sort_direction=sort_direction,
        limit=limit,
        type_suffix_in_column_names=type_suffix_in_column_names,
        across_projects=True,
    )


@_calls.experimental
@public_call("fetch_runs_table_global")
def fetch_runs_table_global(
    *,
    runs: str | list[str] | Filter | None = None,
    attributes: str | list[str] | AttributeFilter | None = [],  # noqa: B006  (the documented default; never modified)
    sort_by: Attribute = Attribute("sys/creation_time", type="datetime"),  # noqa: B008  (likewise)
    sort_direction: Literal["asc", "desc"] = "desc",
    limit: int | None = None,
    type_suffix_in_column_names: bool = False,
) -> pd.DataFrame:
    """A table of the runs of all projects that can be read.

    Args:
        runs: Regular expression on the run id, list of exact ids, or `Filter` in which every attribute has a
            type; None for all.
        attributes: Regular expression, list of exact names, or `AttributeFilter`; None for all attributes,
            an empty list for rows without columns.
        sort_by: Attribute that orders the rows, with its type.
        sort_direction: ``"asc"`` or ``"desc"``.
        limit: Maximum number of rows over all projects, after sorting; None for all.
        type_suffix_in_column_names: Name columns ``name:type``; then a name may have several types.

    Returns:
        A frame as `neptune_query.runs.fetch_runs_table` returns it, with the index (``project``, ``run``).
        Rows are in sort order, so projects may alternate.

    Raises:
        NeptuneUserError: If ``sort_by`` has no type.
        AttributeTypeInferenceError: If an attribute of the filter has no type.
        ConflictingAttributeTypes: If a name has several types and there is no suffix.
        ValueError: If an argument is not one of the above.

    Warns:
        ExperimentalWarning: Once per process.

    Example:
        >>> highest = fetch_runs_table_global(sort_by=Attribute("config/lr", type="float"), limit=1)
        >>> highest.index.to_list()
        [('team/vision', 'run-1')]
    """
    return _calls.fetch_table(
        _calls.RUN,
        project=None,
        runs=runs,
        attributes=attributes,
        sort_by=sort_by,
        sort_direction=sort_direction,
        limit=limit,
        type_suffix_in_column_names=type_suffix_in_column_names,
        across_projects=True,
    )
