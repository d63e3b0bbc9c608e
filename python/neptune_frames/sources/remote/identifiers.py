"""How runs are named on the wire."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def holders(runs: pa.Table) -> pa.Array:
    """Who owns a series: ``project/sys_id``, or ``CUSTOM/project/run_id`` for runs known by that alone."""
    by_sys_id = pc.binary_join_element_wise(runs["project"], runs["sys_id"], "/")
    if by_sys_id.null_count == 0:
        return _one_chunk(by_sys_id)
    custom = pc.binary_join_element_wise("CUSTOM", runs["project"], runs["run_id"], "/")
    return _one_chunk(pc.coalesce(by_sys_id, custom))


def by_project(runs: pa.Table) -> list[tuple[str, pa.Array]]:
    """The projects of the runs, each with the positions of its runs (int32)."""
    encoded = _one_chunk(runs["project"]).dictionary_encode()
    found = []
    for code, project in enumerate(encoded.dictionary.to_pylist()):
        positions = pc.indices_nonzero(pc.equal(encoded.indices, code)).cast(pa.int32())
        found.append((project, positions))
    return found


def _one_chunk(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
