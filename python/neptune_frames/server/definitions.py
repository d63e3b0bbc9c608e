"""Which attributes there are: D for projects or many runs, DR for one run."""

from __future__ import annotations

import pyarrow as pa

from neptune_frames.server.errors import access_denied, bad_request
from neptune_frames.server.limits import check_at_most
from neptune_frames.server.paging import page_bounds, token_after, whole_answer
from neptune_frames.server.runs import find_run, find_runs
from neptune_frames.server.selectors import make_selector
from neptune_frames.server.state import Query, ServerState, one_batch
from neptune_frames.wire import encode_definitions
from neptune_frames.wire.pages import DefinitionsPage
from neptune_frames.wire.requests import (
    AttributeTypeFilter,
    DefinitionsRequest,
    decode_message,
)


def query_definitions(state: ServerState, query: Query) -> bytes:
    """D: one page of the distinct (name, type) pairs in projects, or in some of their runs."""
    request = decode_message(query.body, DefinitionsRequest)
    start, limit = page_bounds(request.next_page)
    projects = _accessible_projects(state, request.project_identifiers, query.parameters.get("projectIdentifier"))
    definitions: pa.Table = whole_answer(
        state, "\n".join(projects), request, lambda: _definitions(state, projects, request)
    )
    page = DefinitionsPage(
        one_batch(definitions.slice(start, limit)), next_page_token=token_after(start, limit, definitions.num_rows)
    )
    return encode_definitions(page, query.media_type)


def run_definitions(state: ServerState, query: Query) -> bytes:
    """DR and DR-json: all definitions of one run."""
    runs, project = find_run(state, query.required("experimentIdentifier"))
    types = query.parameters.getlist("attributeType")
    request = decode_message(query.body, DefinitionsRequest)
    selector = make_selector(
        types=[AttributeTypeFilter(name) for name in types] if types else None,
        name_filter=request.attribute_name_filter,
    )
    definitions = state.source.definitions([project], runs, selector)
    return encode_definitions(DefinitionsPage(one_batch(definitions)), query.media_type)


def _definitions(state: ServerState, projects: list[str], request: DefinitionsRequest) -> pa.Table:
    selector = make_selector(
        types=request.attribute_filter,
        name_filter=request.attribute_name_filter,
        name_regex=request.attribute_name_regex,
    )
    identifiers = request.experiment_ids_filter
    runs = None if identifiers is None else find_runs(state, identifiers, projects)
    return state.source.definitions(projects, runs, selector)


def _accessible_projects(state: ServerState, identifiers: list[str] | None, parameter: str | None) -> list[str]:
    """Names of the projects asked for; unknown ones are left out, unless all are unknown."""
    asked = ([parameter] if parameter else []) if identifiers is None else identifiers
    if not asked:
        raise bad_request("projectIdentifiers is missing or empty; name at least one project.")
    check_at_most(len(asked), state.limits.projects, "projects")
    found = [project["project"] for project in state.find_projects(asked)]
    if not found:
        raise access_denied(", ".join(dict.fromkeys(asked)))
    return found
