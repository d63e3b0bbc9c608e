"""Attribute values: V for many runs, page by page; A for one run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.query.selection import AttributeSelector, ContainerKind, RunQuery
from neptune_frames.schemas import values_schema
from neptune_frames.server.paging import page_bounds, token_after, whole_answer
from neptune_frames.server.runs import find_run, find_runs
from neptune_frames.server.search import entries
from neptune_frames.server.selectors import make_selector
from neptune_frames.server.state import Query, ServerState, one_batch
from neptune_frames.wire import encode_run_attributes, encode_values
from neptune_frames.wire.pages import AttributesPage
from neptune_frames.wire.requests import RunAttributesRequest, ValuesRequest, decode_message


@dataclass(frozen=True)
class OrderedValues:
    """Values of all types, with the order in which pages go through them: by run, then by name.

    ``order`` lists rows of the concatenation of ``tables`` (in the order of the dict).
    """

    entries: pa.RecordBatch
    tables: dict[str, pa.Table]
    order: npt.NDArray[np.int64]

    @property
    def num_rows(self) -> int:
        return len(self.order)

    @property
    def nbytes(self) -> int:
        return int(self.entries.nbytes + self.order.nbytes + sum(table.nbytes for table in self.tables.values()))

    def page(self, start: int, limit: int) -> AttributesPage:
        """The values from ``start`` on, ``limit`` of them, grouped under the runs that have some."""
        rows = self.order[start : start + limit]
        picked: dict[str, pa.RecordBatch] = {}
        first = 0
        for attribute_type, table in self.tables.items():
            of_type = rows[(rows >= first) & (rows < first + table.num_rows)] - first
            if len(of_type):
                picked[attribute_type] = one_batch(table.take(of_type))
            first += table.num_rows
        runs = np.unique(np.concatenate([_runs_of(batch) for batch in picked.values()] or [np.empty(0, np.int32)]))
        values = {name: _with_runs(batch, np.searchsorted(runs, _runs_of(batch))) for name, batch in picked.items()}
        return AttributesPage(
            self.entries.take(pa.array(runs)), values, next_page_token=token_after(start, limit, self.num_rows)
        )


def query_values(state: ServerState, query: Query) -> bytes:
    """V and V-json: one page of values; ``limit`` counts values, not runs."""
    project = state.project_name(query.required("projectIdentifier"))
    request = decode_message(query.body, ValuesRequest)
    start, limit = page_bounds(request.next_page)
    values = whole_answer(state, project, request, lambda: _ordered_values(state, project, request))
    return encode_values(values.page(start, limit), query.media_type)


def run_attributes(state: ServerState, query: Query) -> bytes:
    """A and A-json: the attributes of one run, all or some; those it lacks are left out."""
    runs, _ = find_run(state, query.required("holderIdentifier"))
    request = decode_message(query.body, RunAttributesRequest)
    selector = make_selector(names=request.attribute_paths_filter)
    values = {name: one_batch(table) for name, table in _tables(state, runs, selector).items()}
    return encode_run_attributes(AttributesPage(entries(state, runs), values), query.media_type)


def _ordered_values(state: ServerState, project: str, request: ValuesRequest) -> OrderedValues:
    identifiers = request.experiment_ids_filter
    runs = find_runs(state, identifiers, [project]) if identifiers is not None else _all_runs(state, project)
    selector = make_selector(
        types=request.attribute_filter,
        name_filter=request.attribute_name_filter,
        names=request.attribute_names_filter,
    )
    tables = _tables(state, runs, selector)
    return OrderedValues(entries(state, runs), tables, _order(tables))


def _all_runs(state: ServerState, project: str) -> pa.Table:
    return state.source.search(RunQuery(project, ContainerKind.RUN)).runs


def _tables(state: ServerState, runs: pa.Table, selector: AttributeSelector) -> dict[str, pa.Table]:
    batches: dict[str, list[pa.RecordBatch]] = {}
    for attribute_type, batch in state.source.values(runs, selector):
        batches.setdefault(attribute_type, []).append(batch)
    return {
        name: pa.Table.from_batches(parts, schema=values_schema(name)).unify_dictionaries()
        for name, parts in batches.items()
    }


def _order(tables: dict[str, pa.Table]) -> npt.NDArray[np.int64]:
    """Rows of all tables by run, then by attribute name."""
    if not tables:
        return np.empty(0, np.int64)
    names = pa.chunked_array(
        [chunk.cast(pa.string()) for table in tables.values() for chunk in table["attribute"].chunks], pa.string()
    )
    runs = pa.chunked_array([chunk for table in tables.values() for chunk in table["run"].chunks], pa.int32())
    keys = pa.table({"run": runs, "name": names})
    order = pc.sort_indices(keys, [("run", "ascending"), ("name", "ascending")])
    return order.to_numpy().astype(np.int64)  # type: ignore[no-any-return]


def _runs_of(batch: pa.RecordBatch) -> npt.NDArray[np.int32]:
    return batch.column("run").to_numpy()  # type: ignore[no-any-return]


def _with_runs(batch: pa.RecordBatch, runs: npt.NDArray[np.int64]) -> pa.RecordBatch:
    columns = [pa.array(runs, pa.int32()), *batch.columns[1:]]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)
