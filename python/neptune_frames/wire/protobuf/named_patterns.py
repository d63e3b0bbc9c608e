"""The named values of one entry, as a pattern that the same values of other entries are expected to follow.

A named value begins with its name and its type. The field with what is read of it, its typed value, often begins
with the same two texts again. All this, the head, is alike in every entry; the content behind it is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neptune_frames.slices import offsets_of
from neptune_frames.wire.buffer import WORD, Buffer, Words
from neptune_frames.wire.protobuf.fields import WireType
from neptune_frames.wire.protobuf.headers import read_delimited

#: Tags of the two texts that a named value, and again its typed value, begins with.
_NAME_TAG, _TYPE_TAG = (number << 3 | WireType.LENGTH for number in (1, 2))


@dataclass(frozen=True)
class NamedField:
    """A repeated field of named values: its tag, and the number of the field that holds a value, by type name."""

    tag: int
    numbers: Mapping[str, int]


class ValuePattern(NamedTuple):
    """One named value of an entry. Places count from its first byte.

    ``outer`` and ``inner`` are the places of the lengths of the named value and of its typed value. The name ends at
    ``name_stop``; the content lies between ``tail`` and ``stop``. ``expected`` are the words of the head, of which
    ``last_mask`` tells what of the last one belongs to it. ``loose_mask`` is set where the head has bytes, but of the
    lengths it tells only how many bytes they have.
    """

    name: str
    type_name: str
    number: int
    outer: slice
    name_stop: int
    inner: slice
    tail: int
    stop: int
    expected: Words
    last_mask: np.uint64
    loose_mask: Words


class _Value(NamedTuple):
    """Where the parts of a named value are in its entry."""

    start: int
    payload: int
    name: slice
    type_name: slice
    typed_payload: int
    tail: int
    stop: int

    @property
    def outer(self) -> slice:
        return slice(1, self.payload - self.start)

    @property
    def inner(self) -> slice:
        return slice(self.type_name.stop + 1 - self.start, self.typed_payload - self.start)


def entry_patterns(buffer: Buffer, position: int, end: int, field: NamedField) -> list[ValuePattern]:
    """The named values of the entry between the positions, up to the first thing that is none."""
    content = bytes(buffer.bytes[position:end])
    values = list(_values(content, field))
    return list(_patterns(content, values)) if values else []


def _values(content: bytes, field: NamedField) -> Iterator[_Value]:
    position = 0
    while position < len(content):
        header = read_delimited(content, position, len(content))
        if header is None or header[0] != field.tag:
            return
        _, payload, stop = header
        name = _text(content, payload, stop, _NAME_TAG)
        type_name = None if name is None else _text(content, name.stop, stop, _TYPE_TAG)
        if name is None or type_name is None or type_name.stop == stop:
            return
        typed = read_delimited(content, type_name.stop, stop)
        if typed is None or typed[2] != stop:
            return
        tail = typed[1]
        for tag, text in ((_NAME_TAG, name), (_TYPE_TAG, type_name)):
            again = _text(content, tail, stop, tag)
            if again is None or content[again] != content[text]:
                break
            tail = again.stop
        yield _Value(position, payload, name, type_name, typed[1], tail, stop)
        position = stop


def _text(content: bytes, position: int, stop: int, tag: int) -> slice | None:
    """The text with this tag at the position, if there is one."""
    if position + 2 > stop or content[position] != tag:
        return None
    if content[position + 1] < 0x80:
        first = position + 2
        return slice(first, first + content[position + 1]) if first + content[position + 1] <= stop else None
    header = read_delimited(content, position, stop)
    return None if header is None else slice(header[1], header[2])


def _patterns(content: bytes, values: list[_Value]) -> Iterator[ValuePattern]:
    """The patterns of all values; their masks are made together."""
    starts = np.array([value.start for value in values])
    tails = np.array([value.tail for value in values]) - starts
    words = -(-tails // WORD)
    offsets = offsets_of(words)
    value_of = np.repeat(np.arange(len(values)), words * WORD)
    place = np.arange(len(value_of)) - offsets[value_of] * WORD
    is_length = np.zeros(len(value_of), np.bool_)
    for lengths in ([value.outer for value in values], [value.inner for value in values]):
        first, last = (np.array([getattr(one, side) for one in lengths]) for side in ("start", "stop"))
        is_length |= (place >= first[value_of]) & (place < last[value_of])
    mask = np.where(place < tails[value_of], np.uint8(0xFF), np.uint8(0))
    loose_mask = np.where(is_length, np.uint8(0x80), mask)
    # What is read beyond the head, perhaps beyond the entry, is masked.
    bytes_of_heads = np.frombuffer(content, np.uint8).take(starts[value_of] + place, mode="clip") & mask
    expected, mask, loose_mask = (column.view("<u8") for column in (bytes_of_heads, mask, loose_mask))
    for value, first, last in zip(values, offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        try:
            name, type_name = content[value.name].decode(), content[value.type_name].decode()
        except UnicodeDecodeError:
            return
        yield ValuePattern(
            name,
            type_name,
            content[value.type_name.stop] >> 3,
            value.outer,
            value.name.stop - value.start,
            value.inner,
            value.tail - value.start,
            value.stop - value.start,
            expected[first:last],
            mask[last - 1],
            loose_mask[first:last],
        )
