"""Arrow columns rearranged: spread over more rows, struct members renamed, blocks joined."""

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


class JoinedStructs:
    """One struct array of ``count`` elements, made of blocks that come one after another."""

    def __init__(self, struct_type: pa.StructType, count: int) -> None:
        self._type = struct_type
        self._filled = 0
        # Plain numbers go to their final place at once; other members are joined in the end.
        self._numbers = {
            member.name: np.empty(count, member.type.to_pandas_dtype())
            for member in struct_type
            if not member.nullable and (pa.types.is_integer(member.type) or pa.types.is_floating(member.type))
        }
        self._parts: dict[str, list[pa.Array]] = {
            member.name: [] for member in struct_type if member.name not in self._numbers
        }

    def add(self, block: pa.StructArray) -> None:
        """Append a block."""
        place = slice(self._filled, self._filled + len(block))
        for member in self._type:
            column = block.field(member.name)
            if member.name in self._numbers:
                self._numbers[member.name][place] = column.to_numpy()
            else:
                self._parts[member.name].append(column)
        self._filled = place.stop

    def joined(self) -> pa.StructArray:
        """All blocks as one array."""
        members = list(self._type)
        if not members:
            return pa.array([{}] * self._filled, self._type)
        return pa.StructArray.from_arrays([self._member(member) for member in members], fields=members)

    def _member(self, member: pa.Field) -> pa.Array:
        if member.name in self._numbers:
            return pa.array(self._numbers[member.name])
        parts = self._parts.pop(member.name)
        if pa.types.is_dictionary(member.type):
            parts = pa.chunked_array(parts, member.type).unify_dictionaries().chunks
        return pa.concat_arrays(parts) if parts else pa.array([], member.type)
