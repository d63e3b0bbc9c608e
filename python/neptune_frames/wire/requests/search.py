"""Bodies of the searches (S and GS)."""

from __future__ import annotations

from neptune_frames.query.attributes import AGGREGATIONS
from neptune_frames.wire.requests.message import Message


class AttributePath(Message, frozen=True):
    """One attribute of the projection."""

    path: str


class Pagination(Message, frozen=True):
    """``limit`` 0 asks for no entries; absent, the server chooses."""

    limit: int | None = None
    offset: int | None = None


class Query(Message, frozen=True):
    """``query`` is NQL; empty selects everything."""

    query: str


class SortBy(Message, frozen=True):
    """The attribute sorted by; ``type`` is a wire name (``floatSeries``)."""

    name: str
    type: str
    aggregation_mode: str | None = None


class Sorting(Message, frozen=True):
    """Order of the entries. ``dir`` is ``ascending`` or ``descending``.

    The server's description has ``aggregationMode`` inside ``sortBy``; clients write it beside.
    """

    sort_by: SortBy
    dir: str | None = None
    aggregation_mode: str | None = None

    @property
    def aggregation(self) -> str | None:
        """The aggregation, wherever it was written; ``none`` and unknown ones are None."""
        for mode in (self.sort_by.aggregation_mode, self.aggregation_mode):
            if mode in AGGREGATIONS:
                return mode
        return None


class GlobalSearchRequest(Message, frozen=True):
    """Search across projects (GS)."""

    experiment_leader: bool | None = None
    pagination: Pagination | None = None
    query: Query | None = None
    sorting: Sorting | None = None


class SearchRequest(Message, frozen=True):
    """Search in one project (S). ``experiment_leader`` True asks for experiment heads, False for all runs.

    ``attribute_filters`` is the projection; empty asks for entries without values.
    """

    attribute_filters: list[AttributePath] | None = None
    experiment_leader: bool | None = None
    pagination: Pagination | None = None
    query: Query | None = None
    sorting: Sorting | None = None
    truncate_string_to: int | None = None
