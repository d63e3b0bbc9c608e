"""Bodies of the attribute queries: definitions (D), values (V), one run's attributes (A)."""

from __future__ import annotations

from neptune_frames.wire.requests.message import Message


class AttributeTypeFilter(Message, frozen=True):
    """``attribute_type`` is a wire name (``floatSeries``)."""

    attribute_type: str


class NameFilter(Message, frozen=True):
    """Regular expressions searched in a name: all of one list, none of the other.

    ``must_match_any`` holds alternatives of that form instead, one level deep; an empty list matches
    nothing. No key at all matches everything.
    """

    must_match_any: list[NameFilter] | None = None
    must_match_regexes: list[str] | None = None
    must_not_match_regexes: list[str] | None = None


class NextPage(Message, frozen=True):
    """Which page is asked for, or comes next."""

    limit: int | None = None
    next_page_token: str | None = None


class DefinitionsRequest(Message, frozen=True):
    """``experiment_ids_filter`` None means the whole project, an empty list no run at all."""

    attribute_filter: list[AttributeTypeFilter] | None = None
    attribute_name_filter: NameFilter | None = None
    attribute_name_regex: str | None = None
    experiment_ids_filter: list[str] | None = None
    next_page: NextPage | None = None
    project_identifiers: list[str] | None = None


class ValuesRequest(Message, frozen=True):
    """``attribute_names_filter`` holds exact names; None means all names that the name filter admits."""

    attribute_filter: list[AttributeTypeFilter] | None = None
    attribute_name_filter: NameFilter | None = None
    attribute_names_filter: list[str] | None = None
    experiment_ids_filter: list[str] | None = None
    next_page: NextPage | None = None


class RunAttributesRequest(Message, frozen=True):
    """``attribute_paths_filter`` None means all attributes of the run."""

    attribute_paths_filter: list[str] | None = None
