"""Attribute definitions as every source gives them: each once, sorted by name and type."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.schemas import ATTRIBUTES


def sorted_definitions(definitions: pa.Table) -> pa.Table:
    """The rows of an ATTRIBUTES table, each once, in ascending order.

    >>> table = pa.table({"attribute": ["b", "a", "b"], "type": ["int", "int", "int"]}, schema=ATTRIBUTES)
    >>> sorted_definitions(table).to_pydict()
    {'attribute': ['a', 'b'], 'type': ['int', 'int']}
    """
    table = definitions.combine_chunks()
    table = table.take(pc.sort_indices(table, [(name, "ascending") for name in ATTRIBUTES.names])).combine_chunks()
    return distinct_neighbours(table, *table.columns)


def distinct_neighbours(values: pa.Table | pa.ChunkedArray, *columns: pa.ChunkedArray) -> pa.Table | pa.ChunkedArray:
    """The values without those whose row of the columns is that of the row before."""
    if len(values) < 2:
        return values
    new = np.zeros(len(values), np.bool_)
    new[0] = True
    for column in columns:
        new[1:] |= pc.not_equal(column[1:], column[:-1]).to_numpy()
    return values if new.all() else values.filter(pa.array(new))
