"""Attribute definitions of runs or projects (endpoint D)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pyarrow as pa

from neptune_frames import config
from neptune_frames.query.selection import AttributeSelector
from neptune_frames.schemas import ATTRIBUTES
from neptune_frames.sources.definitions import sorted_definitions
from neptune_frames.sources.remote.attribute_requests import Filters, attribute_filters
from neptune_frames.sources.remote.concurrency import Step, fetch_unordered
from neptune_frames.sources.remote.identifiers import by_project, holders
from neptune_frames.sources.remote.paging import TokenTrail
from neptune_frames.sources.remote.responses import answer_to
from neptune_frames.sources.remote.session import Session
from neptune_frames.sources.remote.splitting import run_parts
from neptune_frames.sources.remote.unknown_types import warn_of_unknown_types
from neptune_frames.wire import decode_definitions, paths
from neptune_frames.wire.media_types import JSON
from neptune_frames.wire.requests import DefinitionsRequest, NextPage, encode_message

#: Projects, and the runs asked about (None: all of them).
Scope = tuple[list[str], list[str] | None]


def fetch_definitions(
    session: Session, projects: Sequence[str], runs: pa.Table | None, selector: AttributeSelector
) -> pa.Table:
    """Unique (attribute, type) pairs, sorted."""
    filters = list(attribute_filters(selector))
    chains = (
        partial(_page, session, scope, wanted, None, TokenTrail("attribute definitions"))
        for scope in _scopes(projects, runs)
        for wanted in filters
    )
    return sorted_definitions(pa.Table.from_batches(fetch_unordered(chains), schema=ATTRIBUTES))


def _scopes(projects: Sequence[str], runs: pa.Table | None) -> Iterator[Scope]:
    if runs is None:
        if projects:
            yield list(projects), None
        return
    identifiers = holders(runs)
    for project, positions in by_project(runs):
        of_project = identifiers.take(positions)
        for start, end in run_parts(len(of_project)):
            yield [project], of_project.slice(start, end - start).to_pylist()


def _page(
    session: Session, scope: Scope, filters: Filters, token: str | None, trail: TokenTrail
) -> Step[pa.RecordBatch]:
    projects, runs = scope
    types, names = filters
    request = DefinitionsRequest(
        attribute_filter=types,
        attribute_name_filter=names,
        experiment_ids_filter=runs,
        next_page=NextPage(limit=config.DEFINITIONS_PAGE_SIZE.get(), next_page_token=token),
        project_identifiers=projects,
    )
    project = ", ".join(projects)
    page = session.call(
        "POST", paths.DEFINITIONS, decode_definitions, answers=JSON, content=encode_message(request), project=project
    )
    warn_of_unknown_types(page.unknown_types)
    # A short page is not the last: a server may cap the limit. An empty one is, whatever its token says, which a server
    # may count up for ever; unless it held entries of unknown types, which were dropped.
    is_last = page.definitions.num_rows == 0 and not page.unknown_types
    following: Callable[[], Step[pa.RecordBatch]] | None = None
    if page.next_page_token and not is_last:
        with answer_to(paths.DEFINITIONS, project):
            following = partial(_page, session, scope, filters, trail.follow(page.next_page_token), trail)
    return Step(page.definitions, following)
