"""Messages of one type, read column by column: each column is decoded when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import WireDecodingError
from neptune_frames.slices import offsets_of
from neptune_frames.wire.buffer import Body, Buffer, Positions, as_slice, text
from neptune_frames.wire.protobuf.fields import Field, Kind, Message, WireType
from neptune_frames.wire.protobuf.found import Chunk, Found
from neptune_frames.wire.protobuf.gather import gather
from neptune_frames.wire.protobuf.layout import take_uniform
from neptune_frames.wire.protobuf.leading import take_leading
from neptune_frames.wire.protobuf.named import NamedContents, NamedValues, find_named
from neptune_frames.wire.protobuf.named_patterns import NamedField
from neptune_frames.wire.protobuf.runs import Runs
from neptune_frames.wire.protobuf.scan import scan
from neptune_frames.wire.protobuf.structs import JoinedStructs, with_nulls
from neptune_frames.wire.protobuf.tables import Tables

#: Messages read at a time: enough that calls into NumPy cost little, few enough for small temporaries.
_BLOCK = 65_536


class Records:
    """``count`` messages of one type.

    A message may come in several pieces, which are merged as protobuf prescribes: the last of a scalar
    wins, repeated fields continue. ``owners`` tells which message each piece belongs to (ascending);
    pieces lie between ``starts`` and ``stops``. ``named`` is a repeated field; its items may be
    among the `named_contents` instead.
    """

    def __init__(
        self,
        buffer: Buffer,
        message: Message,
        count: int,
        owners: Positions,
        starts: Positions,
        stops: Positions,
        named: NamedField | None = None,
    ) -> None:
        self.message = message
        self.count = count
        self._buffer = buffer
        self._found = Found(message)
        self._split = len(owners) != count
        self._named: NamedValues | None = None
        starts = take_leading(buffer, owners, starts, stops, self._found, message)
        owners, starts, stops = take_uniform(buffer, owners, starts, stops, self._found, message)
        if named is not None:
            starts = self._take_named(named, owners, starts, stops)
        scan(buffer, starts, stops, self._found, message, owners)

    @classmethod
    def of_body(cls, body: Body, message: Message) -> Records:
        """The one message that fills a body."""
        buffer = Buffer(body)
        return cls(buffer, message, 1, np.array([0]), np.array([0]), np.array([buffer.size]))

    @cached_property
    def _fields(self) -> dict[str, Field]:
        return {field.name: field for field in self.message.fields}

    def _take_named(self, named: NamedField, owners: Positions, starts: Positions, stops: Positions) -> Positions:
        found = find_named(self._buffer, owners, starts, stops, named)
        if found is None:
            return starts
        self._named, rest = found
        if len(rest.starts):
            self._found.add_runs(named.tag, Runs.of_singles(rest.owners, rest.starts, rest.stops))
        return rest.positions

    def named_contents(self, type_name: str) -> tuple[NamedContents, Records] | None:
        """Values of a type that were found by name, and what the messages that hold them go on with.

        None if there are none. They are not among the `items` and `item_blocks` of the field.
        """
        if self._named is None:
            return None
        contents = self._named.of_type(type_name)
        if contents is None:
            return None
        field = next(field for field in self.message.fields if field.repeated and field.message is not None)
        assert field.message is not None
        typed = field.message.by_number[contents.number].message
        assert typed is not None
        count = len(contents.starts)
        return contents, Records(self._buffer, typed, count, np.arange(count), contents.starts, contents.stops)

    def present(self, name: str) -> npt.NDArray[np.bool_]:
        """Which messages carry the field."""
        present = np.zeros(self.count, np.bool_)
        for chunk in self._chunks(self._fields[name]):
            present[chunk.owners] = True
        return present

    def numbers(self, name: str) -> npt.NDArray[np.generic]:
        """Values of a number field, zero where it is absent."""
        field = self._fields[name]
        assert field.kind.numpy_type is not None
        dense = np.zeros(self.count, field.kind.numpy_type)
        # Where a message occurs several times, the value assigned last stays.
        for chunk in self._chunks(field):
            for first in range(0, len(chunk.owners), _BLOCK):
                block = slice(first, first + _BLOCK)
                dense[as_slice(chunk.owners[block])] = self._decode_numbers(field, chunk, block)
        return dense

    def array(self, name: str) -> pa.Array:
        """A column as Arrow array, in the field's declared type."""
        field = self._fields[name]
        if field.repeated and field.message is not None:
            offsets, items = self.item_structs(name)
            return pa.LargeListArray.from_arrays(pa.array(offsets), items)
        if field.repeated:
            return self._list(field)
        if field.message is not None:
            rows, child = self.child(name)
            return child.struct() if len(rows) == self.count else child.struct().take(_indices(rows, self.count))
        if field.kind.wire_type is WireType.LENGTH:
            return self._texts(field)
        values = pa.array(self.numbers(name))
        return with_nulls(values, self.present(name)) if field.nullable else values

    def array_or_null(self, name: str) -> pa.Array:
        """A scalar column with null where the field is absent, even if its presence is implicit."""
        array = self.array(name)
        absent = pa.array(~self.present(name))
        return pc.if_else(absent, pa.scalar(None, array.type), array)

    def child(self, name: str) -> tuple[Positions, Records]:
        """A submessage: the positions of the messages that have it (ascending), and as many records."""
        field = self._fields[name]
        assert field.message is not None
        owners, starts, stops = self._spans(field)
        fresh = np.ones(len(owners), np.bool_)
        fresh[1:] = owners[1:] != owners[:-1]
        if fresh.all():
            rows, pieces = owners, np.arange(len(owners))
        else:
            rows, pieces = owners[fresh], np.cumsum(fresh) - 1
        return rows, Records(self._buffer, field.message, len(rows), pieces, starts, stops)

    def items(self, name: str, *, named: NamedField | None = None) -> tuple[Positions, Records]:
        """A repeated submessage: list offsets (one more than there are messages), and the items.

        ``named`` is a field of the items: see `Records`.
        """
        field = self._fields[name]
        assert field.message is not None
        runs = self._found.runs(field)
        _, starts, stops = runs.expanded()
        items = Records(self._buffer, field.message, len(starts), np.arange(len(starts)), starts, stops, named)
        return runs.offsets(self.count), items

    def tables(self, name: str) -> tuple[Tables, Records]:
        """The items of a repeated submessage that are rows of tables, and the others, each in its own order.

        For items that each hold one list of messages with numbers only.
        """
        field = self._fields[name]
        assert field.message is not None
        _, starts, stops = self._found.runs(field).expanded()
        tables = Tables(self._buffer, starts, stops, field.message)
        starts, stops = (np.delete(column, tables.rows) for column in (starts, stops))
        return tables, Records(self._buffer, field.message, len(starts), np.arange(len(starts)), starts, stops)

    def item_structs(
        self,
        name: str,
        struct_type: pa.StructType | None = None,
        decode: Callable[[Records], pa.StructArray] | None = None,
    ) -> tuple[Positions, pa.StructArray]:
        """`items` as an array of structs: what ``decode`` makes of them, or all their columns.

        Items are read block by block, so that what is needed on the way stays small.
        """
        field = self._fields[name]
        assert field.message is not None
        runs = self._found.runs(field)
        structs = JoinedStructs(struct_type or field.message.arrow_type, runs.total)
        for some in gather(self._buffer, runs, _BLOCK):
            count = len(some.starts)
            with some.errors_in_body():
                items = Records(some.buffer, field.message, count, np.arange(count), some.starts, some.stops)
                structs.put(some.places, items.struct() if decode is None else decode(items))
        return runs.offsets(self.count), structs.joined()

    def item_blocks(self, name: str) -> Iterator[tuple[Positions, Records]]:
        """The items of a repeated submessage block by block: the message each is in, and the items."""
        field = self._fields[name]
        assert field.message is not None
        for block in self._found.runs(field).blocks(_BLOCK):
            owners, starts, stops = block.expanded()
            yield owners, Records(self._buffer, field.message, len(starts), np.arange(len(starts)), starts, stops)

    def struct(self) -> pa.StructArray:
        """All columns, as an array of ``message.arrow_type``."""
        fields = list(self.message.arrow_type)
        if not fields:
            return pa.array([{}] * self.count, self.message.arrow_type)
        return pa.StructArray.from_arrays([self.array(field.name) for field in fields], fields=fields)

    def _spans(self, field: Field) -> tuple[Positions, Positions, Positions]:
        owners, starts, stops = self._found.spans(field)
        if field.oneof is None or not len(owners):
            return owners, starts, stops
        # What was written before another member of the group is gone.
        last_other = np.full(self.count, -1)
        for other in self.message.fields:
            if other.oneof == field.oneof and other is not field:
                other_owners, other_starts, _ = self._found.spans(other)
                last = np.full(self.count, -1)
                last[other_owners] = other_starts
                np.maximum(last_other, last, out=last_other)
        stays = starts > last_other[owners]
        if stays.all():
            return owners, starts, stops
        self._check_dropped(field, starts[~stays], stops[~stays])
        return owners[stays], starts[stays], stops[stays]

    def _check_dropped(self, field: Field, starts: Positions, stops: Positions) -> None:
        """What a later field replaces must be well-formed too."""
        if field.message is not None:
            Records(self._buffer, field.message, len(starts), np.arange(len(starts)), starts, stops).struct()
        elif field.kind.wire_type is WireType.LENGTH:
            text(self._buffer.binary(starts, stops), starts)

    def _offsets(self, owners: Positions, lengths: Positions | None = None) -> Positions:
        # Weighted counts come as doubles, which hold byte counts exactly.
        return offsets_of(np.bincount(owners, lengths, self.count).astype(np.int64))

    def _chunks(self, field: Field) -> list[Chunk]:
        """Occurrences whose order says which comes last."""
        if not self._split and field.oneof is None:
            return self._found.chunks(field)
        owners, starts, stops = self._spans(field)
        return [Chunk(owners, starts, 0, stops)]

    def _decode_numbers(self, field: Field, chunk: Chunk, block: slice) -> npt.NDArray[np.generic]:
        kind = field.kind
        assert kind.numpy_type is not None
        starts = chunk.bases[block] + chunk.offset
        if kind.wire_type is not WireType.VARINT:
            return self._buffer.numbers(starts, kind.numpy_type, chunk.stride)
        words = None if chunk.stride is None else self._buffer.strided_words(int(starts[0]), chunk.stride, len(starts))
        values, _ = self._buffer.varints(starts, words)
        if kind is Kind.BOOL:
            return values.astype(np.bool_)
        # Narrower integers are cut off, as every protobuf reader does.
        return values.view(np.int64) if kind is Kind.INT64 else values.astype(kind.numpy_type)

    def _texts(self, field: Field) -> pa.Array:
        owners, starts, stops = self._spans(field)
        if _is_identity(owners, self.count):
            return self._as_text(field, self._buffer.binary(starts, stops), starts)
        chosen = np.full(self.count, -1)
        chosen[owners] = np.arange(len(owners))
        if np.count_nonzero(chosen >= 0) < len(owners):
            text(self._buffer.binary(starts, stops), starts)  # texts that were overwritten must be texts too
        binary = self._buffer.binary(starts, stops, chosen, missing_is_null=field.nullable)
        return self._as_text(field, binary, np.append(starts, 0)[chosen])

    def _as_text(self, field: Field, binary: pa.Array, positions: Positions) -> pa.Array:
        if field.kind is not Kind.NAME:
            return text(binary, positions)
        encoded = binary.dictionary_encode()
        try:
            names = text(encoded.dictionary, np.empty(0, np.int64))
        except WireDecodingError:
            text(binary, positions)  # finds the position
            raise
        return pa.DictionaryArray.from_arrays(encoded.indices, names)

    def _list(self, field: Field) -> pa.ListArray:
        owners, starts, stops = self._spans(field)
        if field.kind.wire_type is WireType.LENGTH:
            return _list_array(self._offsets(owners), self._as_text(field, self._buffer.binary(starts, stops), starts))
        # Packed runs and single values may alternate: put both in the order of the bytes.
        columns = zip((owners, starts, stops), self._found.spans(field, unpacked=True), strict=True)
        owners, starts, stops = (np.concatenate(pair) for pair in columns)
        order = np.argsort(starts, kind="stable")
        owners, starts, stops = owners[order], starts[order], stops[order]
        assert field.kind.numpy_type is not None
        width = np.dtype(field.kind.numpy_type).itemsize
        uneven = np.flatnonzero((stops - starts) % width)
        if len(uneven):
            raise WireDecodingError(
                f"the values of {field.name!r} do not fill their bytes", position=int(starts[uneven[0]])
            )
        data = self._buffer.binary(starts, stops).buffers()[2]
        offsets = self._offsets(owners, (stops - starts) // width)
        values = pa.Array.from_buffers(field.kind.arrow_type, int(offsets[-1]), [None, data or pa.py_buffer(b"")])
        return _list_array(offsets, values)


def _list_array(offsets: Positions, values: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values)


def _is_identity(owners: Positions, count: int) -> bool:
    return len(owners) == count and (count == 0 or bool((owners == np.arange(count)).all()))


def _indices(rows: Positions, count: int) -> pa.Array:
    """For each of ``count`` slots its number among the rows, null where it is none of them."""
    numbers = np.full(count, -1)
    numbers[rows] = np.arange(len(rows))
    return pa.array(numbers, mask=numbers < 0)
