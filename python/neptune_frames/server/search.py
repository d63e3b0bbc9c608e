"""Searching runs and experiments: S and GS."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pyarrow as pa

from neptune_frames.query import nql
from neptune_frames.query.attributes import AGGREGATIONS, CLIENT_NAMES, SYS_CUSTOM_RUN_ID, SYS_ID, SYS_NAME
from neptune_frames.query.selection import ContainerKind, RunQuery, SortKey
from neptune_frames.schemas import values_schema
from neptune_frames.server.backend import organization_uuid
from neptune_frames.server.errors import bad_request
from neptune_frames.server.limits import DEFAULT_PAGE_LIMIT, check_count
from neptune_frames.server.state import Query, ServerState, one_batch
from neptune_frames.sources.archive import project_uuid
from neptune_frames.sources.base import SearchAnswer
from neptune_frames.wire import encode_search
from neptune_frames.wire.media_types import IDENTITY, STATISTICS
from neptune_frames.wire.pages import ENTRIES, AttributesPage, nameless_entries
from neptune_frames.wire.requests import GlobalSearchRequest, Pagination, SearchRequest, Sorting, decode_message

#: Those of the server's description, and what clients send where there is nothing to aggregate.
_AGGREGATION_MODES = (*AGGREGATIONS, "auto", "none")

#: What GS sends with every entry though nobody asks for it: clients take labels and ids from there.
GLOBAL_PROJECTION = (SYS_ID, SYS_NAME, SYS_CUSTOM_RUN_ID)


def search(state: ServerState, query: Query) -> bytes:
    """S and S-json: one page of a project's runs or experiment heads, with the projected attributes."""
    project = state.project_name(query.required("projectIdentifier"))
    request = decode_message(query.body, SearchRequest)
    projection = tuple(dict.fromkeys(attribute.path for attribute in request.attribute_filters or ()))
    answer = state.source.search(_run_query(project, request), projection)
    return encode_search(_page(state, answer, query.unneeded), query.media_type)


def search_globally(state: ServerState, query: Query) -> bytes:
    """GS: one page over all projects."""
    request = decode_message(query.body, GlobalSearchRequest)
    answer = state.source.search(_run_query(None, request), GLOBAL_PROJECTION)
    return encode_search(_page(state, answer, query.unneeded), query.media_type)


def entries(state: ServerState, runs: pa.Table) -> pa.RecordBatch:
    """ENTRIES for a RUNS table."""
    projects = runs["project"].combine_chunks().dictionary_encode()
    names = projects.dictionary.to_pylist()
    of_run = projects.indices
    organizations, _, short_names = zip(*(name.partition("/") for name in names), strict=True) if names else ((),) * 3
    columns = [
        state.source.run_uuids(runs),
        runs["sys_id"].combine_chunks(),
        _spread([project_uuid(name) for name in names], of_run),
        _spread([organization_uuid(name) for name in organizations], of_run),
        _spread(short_names, of_run),
        _spread(organizations, of_run),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=ENTRIES)


def _run_query(project: str | None, request: SearchRequest | GlobalSearchRequest) -> RunQuery:
    pagination = request.pagination or Pagination()
    limit = DEFAULT_PAGE_LIMIT if pagination.limit is None else pagination.limit
    offset = pagination.offset or 0
    check_count(limit, "pagination.limit")
    check_count(offset, "pagination.offset")
    text = "" if request.query is None else request.query.query
    return RunQuery(
        project=project,
        kind=ContainerKind.EXPERIMENT if request.experiment_leader else ContainerKind.RUN,
        filter=nql.parse(text),
        sort=_sort_key(request.sorting),
        limit=limit,
        offset=offset,
    )


def _sort_key(sorting: Sorting | None) -> SortKey:
    """The order asked for; newest first where none is."""
    if sorting is None:
        return SortKey()
    attribute_type = CLIENT_NAMES.get(sorting.sort_by.type)
    if attribute_type is None:
        raise bad_request(
            f"Entries cannot be sorted by type {sorting.sort_by.type!r}; types are {', '.join(CLIENT_NAMES)}."
        )
    for mode in (sorting.sort_by.aggregation_mode, sorting.aggregation_mode):
        if mode not in (None, *_AGGREGATION_MODES):
            raise bad_request(f"aggregationMode is {mode!r}; it can be {', '.join(_AGGREGATION_MODES)}.")
    return SortKey(
        sorting.sort_by.name,
        attribute_type,
        descending=is_descending(sorting.dir, "sorting.dir", default="descending"),
        aggregation=sorting.aggregation,
    )


def is_descending(order: str | None, key: str, default: str) -> bool:
    """Whether an order is ``descending``; raises 400 for anything but the two words."""
    order = default if order is None else order
    if order not in ("ascending", "descending"):
        raise bad_request(f"{key} is {order!r}; it can be ascending or descending.")
    return order == "descending"


def _page(state: ServerState, answer: SearchAnswer, unneeded: Collection[str]) -> AttributesPage:
    who = nameless_entries(answer.runs.num_rows) if IDENTITY in unneeded else entries(state, answer.runs)
    values = {}
    for attribute_type, table in answer.values.items():
        schema = values_schema(attribute_type, statistics=STATISTICS not in unneeded)
        values[attribute_type] = one_batch(table.select(schema.names))
    return AttributesPage(who, values, total=answer.total)


def _spread(values: Sequence[str], indices: pa.Array) -> pa.Array:
    return pa.array(values, pa.string()).take(indices)
