"""Tables of runs for `ReadOnlyProject`: which columns in which order, and the warnings that go with the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neptune_fetcher._arguments import as_list, check_limit, check_text, required_text
from neptune_fetcher.util import warn, warn_of_unsupported_types
from neptune_frames.query.attributes import SYS_CREATION_TIME, SYS_CUSTOM_RUN_ID, SYS_ID, SYS_NAME
from neptune_frames.query.selection import ContainerKind, RunQuery, SortKey

if TYPE_CHECKING:
    import pandas as pd

    from neptune_fetcher._criteria import Criteria
    from neptune_frames.sources.base import Source

#: Columns that every table has.
_ALWAYS = (SYS_CUSTOM_RUN_ID, SYS_NAME)

#: Attributes whose type is known, to sort by.
_KNOWN_SORT_TYPES = {SYS_CREATION_TIME: "datetime", SYS_ID: "string"}


@dataclass(frozen=True)
class TableLayout:
    """The columns and the order of a table, checked; which runs are in it, `Criteria` say."""

    names: tuple[str, ...]
    pattern: str | None
    limit: int | None
    sort_by: str
    ascending: bool

    @classmethod
    def of(cls, *, columns: Any, columns_regex: Any, limit: Any, sort_by: Any, ascending: Any) -> TableLayout:
        """What the user passed.

        Raises:
            ValueError: A limit out of its range.
            TypeError: An argument of another type than documented.
        """
        row_limit = check_limit(limit)
        sorted_by = required_text(sort_by, "sort_by")
        names = (*as_list(columns, "columns"), sorted_by, *_ALWAYS)
        return cls(names, check_text(columns_regex, "columns_regex"), row_limit, sorted_by, bool(ascending))


def fetch_identities(source: Source, project: str, kind: ContainerKind, criteria: Criteria) -> pd.DataFrame:
    """The table of nothing but what the runs are called."""
    from neptune_frames.frames.fetcher_table import FetcherTableQuestion, fetch_fetcher_table
    from neptune_frames.frames.pandas_values import source_for_pandas

    query = RunQuery(project, kind, criteria.expression())
    question = FetcherTableQuestion(query, (SYS_ID, SYS_NAME, SYS_CUSTOM_RUN_ID))
    return fetch_fetcher_table(source_for_pandas(source), question).to_pandas()


def fetch_table(
    source: Source, project: str, kind: ContainerKind, criteria: Criteria, layout: TableLayout, *, progress_bar: bool
) -> pd.DataFrame:
    """The table of the runs that satisfy the criteria."""
    from neptune_frames.frames.fetcher_table import FetcherTableQuestion, fetch_fetcher_table
    from neptune_frames.frames.pandas_values import source_for_pandas
    from neptune_frames.progress import long_fetch

    source = source_for_pandas(source)
    condition = criteria.expression()
    query = RunQuery(project, kind, condition, _sort_key(source, project, layout), layout.limit)
    with long_fetch("Fetching table", enabled=progress_bar):
        table = fetch_fetcher_table(source, FetcherTableQuestion(query, layout.names, layout.pattern))
    warn_of_unsupported_types(table.unsupported)
    _warn_of_size(table.value_count)
    return table.to_pandas()


def _sort_key(source: Source, project: str, layout: TableLayout) -> SortKey:
    """The sort key of the table; its type is looked up, with warnings where it is not the one and only."""
    attribute = layout.sort_by
    known = _KNOWN_SORT_TYPES.get(attribute)
    if known is None:
        from neptune_frames.frames.fetcher_table import sortable_types

        found = sortable_types(source, project, attribute)
        if not found:
            warn(
                f"Could not find sorting column type for field '{attribute}'. No run has it as a string, number, "
                "boolean or time. The rows are not sorted by it. To sort by the last value of a series, sort the "
                "frame itself."
            )
        elif len(found) > 1:
            warn(
                f"Found multiple types for sorting field '{attribute}': {list(found)}. Using {found[0]}. Runs where it "
                "has another type count as not having it."
            )
        known = found[0] if found else "string"
    return SortKey(attribute, known, descending=not layout.ascending)


def _warn_of_size(values: int) -> None:
    from neptune_frames import config

    largest = config.LARGE_TABLE.get()
    if 0 < largest < values:
        warn(
            f"You have requested a dataset that is over {largest} entries large. Ask for fewer columns or rows, or "
            f"raise the limit of this warning with {config.LARGE_TABLE.name}."
        )
