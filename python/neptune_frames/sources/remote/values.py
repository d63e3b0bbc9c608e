"""Attribute values of runs (endpoint V).

A selector of exact names asks by name. Any other asks by filter at once, instead of looking up the
matching definitions first: the number of requests is the same or lower (a page holds 10,000 values or
10,000 definitions alike, and each names request would hold no more than that either), a round trip is
saved, and splitting the runs over the workers gives the parallel requests that names would have given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames import config
from neptune_frames.errors import MismatchedAnswerError
from neptune_frames.query.attributes import WIRE_NAMES
from neptune_frames.query.selection import AttributeSelector
from neptune_frames.query.selectors import match_names
from neptune_frames.sources.remote.attribute_requests import attribute_filters, exact_names
from neptune_frames.sources.remote.concurrency import Step, fetch_unordered
from neptune_frames.sources.remote.identifiers import by_project, holders
from neptune_frames.sources.remote.paging import TokenTrail
from neptune_frames.sources.remote.responses import answer_to
from neptune_frames.sources.remote.session import Session
from neptune_frames.sources.remote.splitting import busy_run_parts, values_parts
from neptune_frames.sources.remote.unknown_types import warn_of_unknown_types
from neptune_frames.wire import decode_values, paths
from neptune_frames.wire.pages import AttributesPage
from neptune_frames.wire.requests import NextPage, ValuesRequest, encode_message

Batch = tuple[str, pa.RecordBatch]


@dataclass(frozen=True)
class _Question:
    """One chain of pages. ``positions`` and ``sys_ids`` say which row of the caller's runs an entry is.

    ``filter_number`` says which of the selector's filters it asks by.
    """

    project: str
    positions: pa.Array
    sys_ids: pa.Array
    request: ValuesRequest
    filter_number: int = 0


@dataclass(frozen=True)
class _Page:
    filter_number: int
    batches: list[Batch]


def fetch_values(session: Session, runs: pa.Table, selector: AttributeSelector) -> Iterator[Batch]:
    """Values in batches of one type; each (run, attribute, type) comes once."""
    names = exact_names(selector)
    if names is None:
        requests = [
            ValuesRequest(attribute_filter=types, attribute_name_filter=name_filter)
            for types, name_filter in attribute_filters(selector)
        ]
        questions = _by_filter(runs, requests)
        overlapping = len(requests) > 1
    else:
        questions = _by_name(runs, names)
        overlapping = False
    chains = (partial(_page, session, question, None, TokenTrail("attribute values")) for question in questions)
    narrows_types = names is not None and any(len(each.types) < len(WIRE_NAMES) for each in selector.alternatives)
    claims = _Claims()
    for page in fetch_unordered(chains):
        for attribute_type, batch in page.batches:
            kept = batch
            if narrows_types:
                # A name may have another type in some run than the one that was asked for.
                types = pa.repeat(pa.scalar(attribute_type), batch.num_rows)
                kept = batch.filter(pa.array(match_names(selector, batch.column("attribute"), types)))
            elif overlapping:
                kept = claims.rows_of(page.filter_number, attribute_type, batch)
            if kept.num_rows:
                yield attribute_type, kept


def _by_filter(runs: pa.Table, requests: list[ValuesRequest]) -> Iterator[_Question]:
    for project, positions, sys_ids, identifiers in _projects(runs):
        for start, end in busy_run_parts(len(positions)):
            some = slice(start, end)
            for number, request in enumerate(requests):
                asked = _about(request, identifiers[some])
                yield _Question(project, positions[some], sys_ids[some], asked, number)


def _by_name(runs: pa.Table, names: list[str]) -> Iterator[_Question]:
    if not names:
        return
    for project, positions, sys_ids, identifiers in _projects(runs):
        for (start, end), batch in values_parts(len(positions), names):
            some = slice(start, end)
            request = ValuesRequest(attribute_names_filter=list(batch))
            asked = _about(request, identifiers[some])
            yield _Question(project, positions[some], sys_ids[some], asked)


def _about(request: ValuesRequest, identifiers: pa.Array) -> ValuesRequest:
    return msgspec.structs.replace(request, experiment_ids_filter=identifiers.to_pylist())


def _projects(runs: pa.Table) -> Iterator[tuple[str, pa.Array, pa.Array, pa.Array]]:
    sys_ids, identifiers = runs["sys_id"].combine_chunks(), holders(runs)
    for project, positions in by_project(runs):
        yield project, positions, sys_ids.take(positions), identifiers.take(positions)


def _page(session: Session, question: _Question, token: str | None, trail: TokenTrail) -> Step[_Page]:
    next_page = NextPage(limit=config.VALUES_PAGE_SIZE.get(), next_page_token=token)
    page = session.call(
        "POST",
        paths.VALUES,
        decode_values,
        params={"projectIdentifier": question.project},
        content=encode_message(msgspec.structs.replace(question.request, next_page=next_page)),
        project=question.project,
        side_by_side=False,
    )
    warn_of_unknown_types(page.unknown_types)
    following: Callable[[], Step[_Page]] | None = None
    with answer_to(paths.VALUES, question.project):
        if page.next_page_token:
            following = partial(_page, session, question, trail.follow(page.next_page_token), trail)
        return Step(_Page(question.filter_number, _with_runs(page, question)), following)


def _with_runs(page: AttributesPage, question: _Question) -> list[Batch]:
    """The page's values with rows of the caller's runs in place of rows of the page's entries."""
    found = pc.index_in(page.entries.column("sys_id"), value_set=question.sys_ids)
    if found.null_count:
        strange = page.entries.column("sys_id").filter(pc.is_null(found))[0].as_py()
        raise MismatchedAnswerError(f"it holds values of the run {strange!r}, which was not asked for")
    positions = question.positions.take(found)
    return [
        (attribute_type, batch.set_column(0, batch.schema.field(0), positions.take(batch.column(0))))
        for attribute_type, batch in page.values.items()
    ]


class _Claims:
    """Which filter an attribute is taken from, where several select the same one.

    A filter is about names and types, whatever the run: one that brings an attribute of one run brings it of every
    run that has it. So each attribute is taken from the filter that brought it first, and there is nothing to
    remember of single values.
    """

    def __init__(self) -> None:
        self._filters: dict[tuple[str, str], int] = {}

    def rows_of(self, filter_number: int, attribute_type: str, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of a batch that no other filter brings."""
        attributes = batch.column("attribute")
        indices = attributes.indices.to_numpy()
        claimed = np.zeros(len(attributes.dictionary), np.bool_)
        # The dictionary may name what only other batches hold, which this filter may not bring.
        held = np.flatnonzero(np.bincount(indices))
        for code, name in zip(held, attributes.dictionary.take(pa.array(held)).to_pylist(), strict=True):
            claimed[code] = self._filters.setdefault((attribute_type, name), filter_number) == filter_number
        return batch if claimed[held].all() else batch.filter(pa.array(claimed[indices]))
