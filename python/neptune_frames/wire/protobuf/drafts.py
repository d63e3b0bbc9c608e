"""Messages of one type to be written, column by column; sizes first, then every byte to its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.wire.buffer import Positions, Words
from neptune_frames.wire.protobuf.fields import Field, Message, WireType
from neptune_frames.wire.protobuf.scatter import Bytes, copy_spans, put_numbers, put_varints, varint_sizes


class _Part(NamedTuple):
    """Occurrences of one field: the messages they are in (ascending), their sizes without the tag, and
    what writes them to given positions."""

    owners: Positions
    sizes: Positions
    write: Callable[[Bytes, Positions], None]


class Draft:
    """``count`` messages of one type; fields that are not set stay absent."""

    def __init__(self, message: Message, count: int) -> None:
        self.message = message
        self.count = count
        self._fields = {field.name: field for field in message.fields}
        self._parts: dict[int, _Part] = {}

    @classmethod
    def of_struct(cls, message: Message, array: pa.StructArray) -> Draft:
        """All columns of a struct array without nulls; its fields are fields of the message."""
        draft = cls(message, len(array))
        for member in array.type:
            draft.set(
                member.name, array.field(member.name) if array.offset == 0 else pc.struct_field(array, member.name)
            )
        return draft

    def set(self, name: str, column: pa.Array | npt.NDArray[np.generic]) -> None:
        """Set a field from one value per message. Null, and zero where presence is implicit, is absent."""
        field = self._fields[name]
        array = column if isinstance(column, pa.Array) else pa.array(column)
        if field.repeated:
            lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False).astype(np.int64)
            offsets = np.concatenate([[0], np.cumsum(lengths)])
            self._set_list(field, offsets, array.flatten())
        elif field.message is not None:
            rows = np.flatnonzero(_validity(array))
            present = array if len(rows) == self.count else array.filter(pa.array(_validity(array)))
            self.set_child(name, rows, Draft.of_struct(field.message, present))
        elif field.kind.wire_type is WireType.LENGTH:
            self._set_texts(field, array)
        else:
            self._set_numbers(field, array)

    def set_child(self, name: str, rows: Positions, child: Draft) -> None:
        """Set a submessage in the messages at the (ascending) rows, one child each."""
        field = self._fields[name]
        self._parts[field.number] = _delimited(rows, child.sizes(), child.write)

    def set_items(self, name: str, offsets: Positions, items: Draft) -> None:
        """Set a repeated submessage: message i holds the items from offsets[i] to offsets[i + 1]."""
        field = self._fields[name]
        owners = np.repeat(np.arange(self.count), np.diff(offsets))
        self._parts[field.number] = _delimited(owners, items.sizes(), items.write)

    def sizes(self) -> Positions:
        """Bytes each message takes."""
        total = np.zeros(self.count, np.int64)
        for number, part in self._parts.items():
            total += _sizes_per_message(part, _tag_size(self.message.by_number[number]), self.count)
        return total

    def write(self, out: Bytes, positions: Positions) -> None:
        """Write each message from its position on."""
        positions = positions.copy()
        for number in sorted(self._parts):
            part = self._parts[number]
            field = self.message.by_number[number]
            tag_size = _tag_size(field)
            places = _places(part, tag_size, positions)
            for place, value in enumerate(_tag_bytes(field)):
                put_numbers(out, places + place, value)
            part.write(out, places + tag_size)
            positions += _sizes_per_message(part, tag_size, self.count)

    def to_bytes(self) -> bytes:
        """The only message as a body."""
        assert self.count == 1
        out = np.empty(int(self.sizes()[0]), np.uint8)
        self.write(out, np.zeros(1, np.int64))
        return out.tobytes()

    def _set_numbers(self, field: Field, array: pa.Array) -> None:
        valid = _validity(array)
        numbers = _numpy(array, field)
        if field.nullable:
            written = valid
        else:
            # By bits, so that the negative zero is written.
            bits = numbers.view(f"u{numbers.dtype.itemsize}")
            written = valid & (bits != 0)
        owners = np.flatnonzero(written)
        values = numbers if len(owners) == self.count else numbers[owners]
        self._parts[field.number] = _numbers(field, owners, values)

    def _set_texts(self, field: Field, array: pa.Array) -> None:
        source, starts, lengths = _text_spans(array)
        owners = np.flatnonzero(_validity(array) if field.nullable else lengths > 0)
        if len(owners) < self.count:
            starts, lengths = starts[owners], lengths[owners]
        self._parts[field.number] = _spans(owners, source, starts, lengths)

    def _set_list(self, field: Field, offsets: Positions, values: pa.Array) -> None:
        owners = np.repeat(np.arange(self.count), np.diff(offsets))
        if field.message is not None:
            self.set_items(field.name, offsets, Draft.of_struct(field.message, values))
        elif field.kind.wire_type is WireType.LENGTH:
            self._parts[field.number] = _spans(owners, *_text_spans(values))
        else:
            numbers = np.ascontiguousarray(_numpy(values, field))
            width = numbers.dtype.itemsize
            filled = np.flatnonzero(np.diff(offsets))
            source = numbers.view(np.uint8)
            self._parts[field.number] = _spans(
                filled, source, offsets[:-1][filled] * width, np.diff(offsets)[filled] * width
            )


def _numbers(field: Field, owners: Positions, values: npt.NDArray[np.generic]) -> _Part:
    if field.kind.wire_type is not WireType.VARINT:
        sizes = np.broadcast_to(np.int64(values.dtype.itemsize), len(owners))
        return _Part(owners, sizes, lambda out, positions: put_numbers(out, positions, values))
    # Negative numbers are sign-extended to 64 bits.
    words = values.astype(np.int64).view(np.uint64)
    varint_lengths = varint_sizes(words)
    return _Part(owners, varint_lengths, lambda out, positions: put_varints(out, positions, words, varint_lengths))


def _delimited(owners: Positions, lengths: Positions, write: Callable[[Bytes, Positions], None]) -> _Part:
    """A length in front of contents that ``write`` brings to their positions."""
    words: Words = lengths.astype(np.uint64)
    prefixes = varint_sizes(words)

    def write_all(out: Bytes, positions: Positions) -> None:
        put_varints(out, positions, words, prefixes)
        write(out, positions + prefixes)

    return _Part(owners, prefixes + lengths, write_all)


def _spans(owners: Positions, source: Bytes, starts: Positions, lengths: Positions) -> _Part:
    return _delimited(owners, lengths, lambda out, positions: copy_spans(source, starts, lengths, out, positions))


def _sizes_per_message(part: _Part, tag_size: int, count: int) -> Positions:
    if len(part.owners) == count and _distinct(part.owners):
        return part.sizes + tag_size
    return np.bincount(part.owners, part.sizes + tag_size, count).astype(np.int64)


def _places(part: _Part, tag_size: int, positions: Positions) -> Positions:
    """Where each occurrence goes, if its message continues at its position."""
    if _distinct(part.owners):
        return positions if len(part.owners) == len(positions) else positions[part.owners]
    before = np.cumsum(part.sizes + tag_size) - (part.sizes + tag_size)
    counts = np.bincount(part.owners, minlength=len(positions))
    firsts = np.minimum(np.cumsum(counts) - counts, len(before) - 1)
    places: Positions = np.repeat(positions - before[firsts], counts) + before
    return places


def _distinct(owners: Positions) -> bool:
    return bool((owners[1:] > owners[:-1]).all())


def _tag_bytes(field: Field) -> bytes:
    tag, groups = field.tag, []
    while tag >= 0x80:
        groups.append(tag & 0x7F | 0x80)
        tag >>= 7
    return bytes([*groups, tag])


def _tag_size(field: Field) -> int:
    return len(_tag_bytes(field))


def _validity(array: pa.Array) -> npt.NDArray[np.bool_]:
    if array.null_count == 0:
        return np.ones(len(array), np.bool_)
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False))


def _numpy(array: pa.Array, field: Field) -> npt.NDArray[np.generic]:
    assert field.kind.numpy_type is not None
    if array.null_count:
        array = array.fill_null(False if pa.types.is_boolean(array.type) else 0)
    return np.asarray(array.to_numpy(zero_copy_only=False)).astype(field.kind.numpy_type, copy=False)


def _text_spans(array: pa.Array) -> tuple[Bytes, Positions, Positions]:
    """The bytes of a string (or dictionary) array, and start and length of each text; null is empty."""
    if pa.types.is_dictionary(array.type):
        source, starts, lengths = _text_spans(array.dictionary)
        starts, lengths = np.append(starts, 0), np.append(lengths, 0)
        codes = array.indices.fill_null(len(array.dictionary)).to_numpy(zero_copy_only=False).astype(np.int64)
        return source, starts[codes], lengths[codes]
    array = array.cast(pa.large_binary())
    _, raw_offsets, data = array.buffers()
    offsets = (
        np.frombuffer(raw_offsets, np.int64, len(array) + 1, array.offset * 8) if len(array) else np.zeros(1, np.int64)
    )
    source = np.frombuffer(data or b"", np.uint8)
    lengths = np.diff(offsets)
    return source, offsets[:-1], np.where(_validity(array), lengths, 0) if array.null_count else lengths
