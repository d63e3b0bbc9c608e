"""Arrow columns rearranged: spread over more rows, struct members renamed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from neptune_frames.wire.protobuf.buffer import Positions


def indices_of(have: Positions, rows: Positions) -> pa.Array:
    """For each of the rows its place in ``have`` (both ascending), null where it is not there."""
    places = np.searchsorted(have, rows)
    found = np.append(have, -1)[places] == rows
    return pa.array(places, mask=~found)


def expand(column: pa.Array, have: Positions, rows: Positions) -> pa.Array:
    """Values of the rows, from a column that holds those of the rows ``have``; null where there is none."""
    if len(have) == len(rows) and bool((have == rows).all()):
        return column
    return column.take(indices_of(have, rows))


def renamed(column: pa.StructArray, struct_type: pa.StructType) -> pa.StructArray:
    """The same struct values under other member names (and the casts that need no copy)."""
    members = [column.field(i).cast(member.type) for i, member in enumerate(struct_type)]
    mask = column.is_null() if column.null_count else None
    if column.offset:
        members = [
            member.slice(column.offset, len(column)) if len(member) != len(column) else member for member in members
        ]
    return pa.StructArray.from_arrays(members, fields=list(struct_type), mask=mask)
