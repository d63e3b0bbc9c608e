"""Searches for runs and experiments, in one project (endpoint S) or in all of them (GS)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames import config
from neptune_frames.errors import MismatchedAnswerError
from neptune_frames.progress import tracked
from neptune_frames.query.attributes import SYS_CUSTOM_RUN_ID, SYS_ID, SYS_NAME, WIRE_NAMES
from neptune_frames.query.rendering import render
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    RunNeeds,
    RunQuery,
    SortKey,
)
from neptune_frames.schemas import RUNS
from neptune_frames.sources.base import SearchAnswer
from neptune_frames.sources.remote.concurrency import compute, fetch_ordered, large_answers_ahead
from neptune_frames.sources.remote.responses import answer_to
from neptune_frames.sources.remote.session import Session
from neptune_frames.sources.remote.unknown_types import warn_of_unknown_types
from neptune_frames.sources.remote.values import fetch_values
from neptune_frames.wire import decode_search, paths
from neptune_frames.wire.media_types import IDENTITY, STATISTICS, UNNEEDED_HEADER
from neptune_frames.wire.pages import AttributesPage
from neptune_frames.wire.requests import (
    AttributePath,
    GlobalSearchRequest,
    Pagination,
    Query,
    SearchRequest,
    SortBy,
    Sorting,
    encode_message,
)

#: Attribute values in one page at most: pages of few names hold many runs, and pages of many names fewer.
_VALUES_PER_PAGE = 125_000

#: Attributes that fill the columns of RUNS.
_IDENTITY = {"sys_id": SYS_ID, "run_id": SYS_CUSTOM_RUN_ID, "experiment": SYS_NAME}


@dataclass(frozen=True)
class _Stretch:
    """The pages of one range of offsets, up to ``end``; less than was asked for unless ``is_whole``."""

    pages: list[AttributesPage]
    end: int
    is_whole: bool


def search(session: Session, query: RunQuery, projection: Sequence[str], needs: RunNeeds) -> SearchAnswer:
    """Runs in sort order, with the values of the projected names.

    Values travel with the search where it can carry them: in one project, up to
    MAX_PROJECTED_ATTRIBUTES names. Otherwise they are asked for afterwards.
    """
    names = list(dict.fromkeys(projection))
    carried = query.project is not None and len(names) <= config.MAX_PROJECTED_ATTRIBUTES.get()
    found = _pages(session, query, needs, names if carried else [])
    with answer_to(_path(query), query.project):
        pages = list(tracked(found, "runs", lambda page: page.entries.num_rows, lambda first: first.total))
        runs = _runs(pages, query, needs.identity)
    total = pages[0].total if pages else None
    if not names:
        return SearchAnswer(runs, {}, total)
    batches = _carried_values(pages, names) if carried else _later_values(session, runs, names)
    pages.clear()  # What they hold beside the values is not needed any more; each type's pieces go with it.
    values = {name: _table(batches.pop(name)) for name in list(batches)}
    # The allocator keeps what was freed, each thread what it had made: it would be the larger part of the memory.
    compute(pa.default_memory_pool().release_unused, side_by_side=False)
    pa.default_memory_pool().release_unused()
    return SearchAnswer(runs, values, total)


def _pages(session: Session, query: RunQuery, needs: RunNeeds, names: Sequence[str]) -> Iterator[AttributesPage]:
    """All pages in order: side by side once the first one has told the total, else one after the other."""
    wanted = query.limit
    if wanted == 0:
        return
    projected = list(dict.fromkeys([*(_IDENTITY[column] for column in needs.identity), *names]))
    page_size = min(config.SEARCH_PAGE_SIZE.get(), max(1, _VALUES_PER_PAGE // max(1, len(projected))))
    fetch = partial(_fetch_page, session, query, projected, needs.statistics)
    first_limit = page_size if wanted is None else min(wanted, page_size)
    first = fetch(query.offset, first_limit)
    yield first
    received = first.entries.num_rows
    if received == 0 or received == wanted:
        return
    total = (first.total or 0) - query.offset
    if total > received:
        # A server may cap the limit: what it gave is what it gives.
        step = min(received, page_size)
        end = total if wanted is None else min(total, wanted)
        stretches = (
            partial(_stretch, fetch, query.offset + start, min(step, end - start))
            for start in range(received, end, step)
        )
        yield from _until_empty(fetch_ordered(stretches, large_answers_ahead()))
    elif not first.total:
        yield from _pages_until_short(first, fetch, query, page_size)


def _stretch(fetch: partial[AttributesPage], offset: int, limit: int) -> _Stretch:
    """So many runs. Where a page brings fewer, the rest is asked for, until nothing comes."""
    pages: list[AttributesPage] = []
    received = 0
    while received < limit:
        page = fetch(offset + received, limit - received)
        if page.entries.num_rows == 0:
            break
        pages.append(page)
        received += page.entries.num_rows
    return _Stretch(pages, offset + received, received == limit)


def _until_empty(stretches: Iterable[_Stretch]) -> Iterator[AttributesPage]:
    """The pages of all stretches up to an empty one: the total may be more than there are, perhaps without bounds.

    Raises:
        MismatchedAnswerError: There are runs behind some that the server counts, but does not give.
    """
    missing: int | None = None
    for stretch in stretches:
        if not stretch.pages:
            return
        if missing is not None:
            raise MismatchedAnswerError(
                f"the server gave no run at offset {missing}, although it has further ones behind it"
            )
        yield from stretch.pages
        missing = None if stretch.is_whole else stretch.end


def _pages_until_short(
    page: AttributesPage, fetch: partial[AttributesPage], query: RunQuery, page_size: int
) -> Iterator[AttributesPage]:
    """The pages after ``page``, from a server that does not say how many there are."""
    received = page.entries.num_rows
    limit = page_size if query.limit is None else min(query.limit, page_size)
    while page.entries.num_rows == limit:
        limit = page_size if query.limit is None else min(query.limit - received, page_size)
        if limit <= 0:
            return
        previous, page = page, fetch(query.offset + received, limit)
        if page.entries.num_rows and _are_same_runs(page, previous):
            raise MismatchedAnswerError("the server sent the same page of the search twice, which would never end")
        received += page.entries.num_rows
        yield page


def _are_same_runs(page: AttributesPage, other: AttributesPage) -> bool:
    return bool(page.entries.equals(other.entries)) and all(
        _text_of(page, attribute).equals(_text_of(other, attribute)) for attribute in _IDENTITY.values()
    )


def _fetch_page(
    session: Session, query: RunQuery, names: Sequence[str], statistics: bool, offset: int, limit: int
) -> AttributesPage:
    request = GlobalSearchRequest(
        experiment_leader=query.kind is ContainerKind.EXPERIMENT,
        pagination=Pagination(limit=limit, offset=offset),
        query=None if query.filter is None else Query(query=render(query.filter)),
        sorting=_sorting(query.sort),
    )
    if query.project is None:
        page = session.call("POST", _path(query), decode_search, content=encode_message(request))
    else:
        # Runs of one known project are told by their attributes.
        unneeded = [IDENTITY] if statistics else [IDENTITY, STATISTICS]
        filters = [AttributePath(path=name) for name in names]
        in_project = SearchRequest(attribute_filters=filters, **msgspec.structs.asdict(request))
        page = session.call(
            "POST",
            _path(query),
            partial(decode_search, identity=False, statistics=statistics),
            params={"projectIdentifier": query.project, "type": "run"},
            content=encode_message(in_project),
            headers={UNNEEDED_HEADER: ",".join(unneeded)},
            project=query.project,
            side_by_side=False,
        )
    warn_of_unknown_types(page.unknown_types)
    if page.entries.num_rows > limit:
        raise MismatchedAnswerError(f"it holds {page.entries.num_rows} entries where {limit} were asked for at most")
    return page


def _path(query: RunQuery) -> str:
    return paths.GLOBAL_SEARCH if query.project is None else paths.SEARCH


def _sorting(sort: SortKey) -> Sorting:
    return Sorting(
        sort_by=SortBy(name=sort.attribute, type=WIRE_NAMES[sort.type], aggregation_mode=sort.aggregation),
        dir="descending" if sort.descending else "ascending",
        # The description has the aggregation inside sortBy, the official clients write it beside.
        aggregation_mode=sort.aggregation,
    )


def _runs(pages: Sequence[AttributesPage], query: RunQuery, identity: Sequence[str]) -> pa.Table:
    count = sum(page.entries.num_rows for page in pages)
    if query.project is None:
        projects = _joined(_project_of(page) for page in pages)
    else:
        projects = pa.repeat(pa.scalar(query.project), count)
    columns = {
        name: _joined(_text_of(page, attribute) for page in pages) if name in identity else pa.nulls(count, pa.string())
        for name, attribute in _IDENTITY.items()
    }
    if "sys_id" in identity and columns["sys_id"].null_count:
        raise MismatchedAnswerError(f"a run of the search has no {SYS_ID}")
    return pa.Table.from_arrays([projects, *columns.values()], schema=RUNS)


def _joined(columns: Iterable[pa.Array]) -> pa.Array:
    return pa.concat_arrays([pa.array([], pa.string()), *columns])


def _project_of(page: AttributesPage) -> pa.Array:
    entries = page.entries
    return pc.binary_join_element_wise(entries.column("organization_name"), entries.column("project_name"), "/")


def _text_of(page: AttributesPage, attribute: str) -> pa.Array:
    """One string attribute as a column over the page's entries, null where an entry lacks it."""
    count = page.entries.num_rows
    rows = np.full(count, -1, np.int64)
    batch = page.values.get("string")
    if batch is None:
        return pa.nulls(count, pa.string())
    hits = np.flatnonzero(_is_attribute(batch, attribute))
    rows[batch.column("run").to_numpy()[hits]] = hits
    return batch.column("value").take(pa.array(rows, mask=rows < 0))


def _is_attribute(batch: pa.RecordBatch, attribute: str) -> npt.NDArray[np.bool_]:
    names = batch.column("attribute")
    code = pc.index(names.dictionary, attribute).as_py()
    hits: npt.NDArray[np.bool_] = names.indices.to_numpy() == code
    return hits


def _carried_values(pages: Sequence[AttributesPage], names: Sequence[str]) -> dict[str, list[pa.RecordBatch]]:
    """The values of all pages by type, with rows counted over all pages."""
    wanted = pa.array(names, pa.string())
    batches: dict[str, list[pa.RecordBatch]] = {}
    start = 0
    for page in pages:
        for attribute_type, batch in page.values.items():
            kept = _of_names(batch, wanted)
            if kept.num_rows:
                moved = pc.add(kept.column("run"), pa.scalar(start, pa.int32()))
                batches.setdefault(attribute_type, []).append(kept.set_column(0, kept.schema.field(0), moved))
        start += page.entries.num_rows
    return batches


def _of_names(batch: pa.RecordBatch, wanted: pa.Array) -> pa.RecordBatch:
    """Without what the identity columns brought along unasked."""
    names = batch.column("attribute")
    is_wanted = pc.is_in(names.dictionary, value_set=wanted)
    return batch if pc.all(is_wanted).as_py() else batch.filter(is_wanted.take(names.indices))


def _later_values(session: Session, runs: pa.Table, names: Sequence[str]) -> dict[str, list[pa.RecordBatch]]:
    selector = AttributeSelector((AttributeAlternative(types=tuple(WIRE_NAMES), names=tuple(names)),))
    batches: dict[str, list[pa.RecordBatch]] = {}
    found = tracked(fetch_values(session, runs, selector), "values", lambda part: part[1].num_rows)
    for attribute_type, batch in found:
        batches.setdefault(attribute_type, []).append(batch)
    return batches


def _table(batches: list[pa.RecordBatch]) -> pa.Table:
    """Pieces as one table of one chunk."""
    return pa.Table.from_batches(batches).unify_dictionaries().combine_chunks()
