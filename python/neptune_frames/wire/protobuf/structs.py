"""Arrow columns rearranged: spread over more rows, blocks of structs joined."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from neptune_frames.wire.buffer import Positions


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


class JoinedStructs:
    """One struct array of ``count`` elements, made of parts that come in any order."""

    def __init__(self, struct_type: pa.StructType, count: int) -> None:
        self._type = struct_type
        self._count = count
        # Numbers go to their final place at once; other members are joined, and ordered, in the end.
        self._numbers = {
            member.name: np.empty(count, _number_type(member.type))
            for member in struct_type
            if _number_type(member.type) is not None
        }
        self._absent: dict[str, npt.NDArray[np.bool_]] = {}
        self._parts: dict[str, list[pa.Array]] = {
            member.name: [] for member in struct_type if member.name not in self._numbers
        }
        self._places: list[Positions | slice] = []

    def put(self, places: Positions | slice, part: pa.StructArray) -> None:
        """Add the elements of the given places. Every place is given once."""
        for member in self._type:
            column = part.field(member.name)
            if member.name in self._numbers:
                self._put_numbers(member, column, places)
            elif column.null_count < len(column):
                self._parts[member.name].append(column)
            else:
                # Nulls of Arrow's own making share one buffer.
                self._parts[member.name].append(pa.nulls(len(column), member.type))
        self._places.append(places)

    def joined(self) -> pa.StructArray:
        """All blocks as one array."""
        members = list(self._type)
        if not members:
            return pa.array([{}] * self._count, self._type)
        return pa.StructArray.from_arrays([self._member(member) for member in members], fields=members)

    def _put_numbers(self, member: pa.Field, column: pa.Array, places: Positions | slice) -> None:
        dtype = _number_type(member.type)
        values = np.frombuffer(column.buffers()[1], dtype) if len(column) else np.empty(0, dtype)
        self._numbers[member.name][places] = values[column.offset : column.offset + len(column)]
        if column.null_count:
            absent = self._absent.setdefault(member.name, np.zeros(self._count, np.bool_))
            absent[places] = column.is_null().to_numpy(zero_copy_only=False)

    def _member(self, member: pa.Field) -> pa.Array:
        if member.name in self._numbers:
            values = pa.array(self._numbers[member.name]).view(member.type)
            absent = self._absent.get(member.name)
            return values if absent is None else with_nulls(values, ~absent)
        parts = self._parts.pop(member.name)
        if all(part.null_count == len(part) for part in parts):
            return pa.nulls(self._count, member.type)
        if pa.types.is_dictionary(member.type):
            parts = pa.chunked_array(parts, member.type).unify_dictionaries().chunks
        joined = pa.concat_arrays(parts) if parts else pa.array([], member.type)
        return joined if self._order is None else joined.take(self._order)

    @cached_property
    def _order(self) -> pa.Array | None:
        """Where each element is among the joined parts; None if they are in order."""
        parts = [np.arange(p.start, p.stop) if isinstance(p, slice) else p for p in self._places]
        places = np.concatenate(parts) if parts else np.empty(0, np.int64)
        if bool((places[1:] > places[:-1]).all()):
            return None
        order = np.empty(self._count, np.int64)
        order[places] = np.arange(self._count)
        return pa.array(order)


def _number_type(arrow_type: pa.DataType) -> npt.DTypeLike | None:
    """How NumPy holds values of a fixed size that are numbers; None for others."""
    if pa.types.is_timestamp(arrow_type):
        return np.int64
    if pa.types.is_integer(arrow_type) or pa.types.is_floating(arrow_type):
        return arrow_type.to_pandas_dtype()  # type: ignore[no-any-return]
    return None


def with_nulls(values: pa.Array, present: npt.NDArray[np.bool_]) -> pa.Array:
    """The same values with a validity bitmap, without a copy of them."""
    if present.all():
        return values
    bitmap = pa.py_buffer(np.packbits(present, bitorder="little"))
    return pa.Array.from_buffers(values.type, len(values), [bitmap, *values.buffers()[1:]])
