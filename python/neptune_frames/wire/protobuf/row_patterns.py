"""Where everything stands in a message that holds one list of small messages, such as the points of a series.

Messages of one length usually have the same fields in the same places: numbers are of fixed size, and the
items of the list follow one another at equal distances. A pattern says where, and which bytes prove it. It
is read from one message; whether others are like it is for `neptune_frames.wire.protobuf.tables` to test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from neptune_frames.wire.buffer import WORD
from neptune_frames.wire.protobuf.fields import Field, Kind, Message, WireType
from neptune_frames.wire.protobuf.headers import read_field
from neptune_frames.wire.protobuf.samples import ByteTest, byte_tests, payload_mask, read_sample

#: Longer items have no pattern.
_LONGEST_ITEM = 1024
#: So many stretches of equal items are found: a first item without a step, the others, perhaps a last one.
_MOST_STRETCHES = 6
#: Messages with more fields around the items have no pattern: it is read field by field.
_MOST_FIELDS = 64


class Place(NamedTuple):
    """Where the payload of a field starts and stops, from the start of its message or item."""

    start: int
    stop: int


class Stretch(NamedTuple):
    """``repeats`` items at equal distances with the same fields in the same places, the first one at ``offset``.

    Places and tests count from the start of each item's header.
    """

    offset: int
    stride: int
    repeats: int
    places: dict[str, Place]
    tests: list[ByteTest]


@dataclass
class RowPattern:
    """The fields by dotted path, the items of the one list, and the tests of what is around the items."""

    places: dict[str, Place] = field(default_factory=dict)
    stretches: list[Stretch] = field(default_factory=list)
    tests: list[ByteTest] = field(default_factory=list)

    @property
    def items(self) -> int:
        """The number of items in the list."""
        return sum(stretch.repeats for stretch in self.stretches)


def row_pattern(content: memoryview, message: Message) -> RowPattern | None:
    """The pattern of one message, or None if it has none (or is not valid, which others will explain)."""
    reader = _Reader(content)
    return reader.pattern if reader.read(0, len(content), message, "") else None


class _Reader:
    """Reads one message. What is around the items is tested region by region."""

    def __init__(self, content: memoryview) -> None:
        self._content = content
        self._region = 0
        self._mask = bytearray()
        self._fields_left = _MOST_FIELDS
        self.pattern = RowPattern()

    def read(self, position: int, stop: int, message: Message, prefix: str) -> bool:
        """Read the fields between the position and the stop; False where they have no pattern."""
        seen = set()
        while position < stop:
            header = read_field(self._content, position)
            self._fields_left -= 1
            if header is None or header[2] > stop or self._fields_left < 0:
                return False
            tag, first, last = header
            declared = message.by_number.get(tag >> 3)
            if declared is not None and (tag != declared.tag or (declared.number in seen and not declared.repeated)):
                return False
            if declared is None or declared in message.skipped:
                self._expect(position, first, last, tag)
            elif declared.message is None:
                if declared.repeated or declared.oneof:
                    return False
                self.pattern.places[prefix + declared.name] = Place(first, last)
                self._expect(position, first, last, tag)
            elif declared.repeated:
                self._end_region()
                last = self._read_items(position, stop, declared)
                if last == position:
                    return False
                self._region = last
            else:
                self._expect(position, first, first, tag)
                if declared.oneof or not self.read(first, last, declared.message, f"{prefix}{declared.name}."):
                    return False
            seen.add(tag >> 3)
            position = last
        if not prefix:
            self._end_region()
        return True

    def _expect(self, position: int, first: int, last: int, tag: int) -> None:
        """Expect the header from the position to ``first`` as it is, and a payload of the same size."""
        self._mask += b"\xff" * (first - position) + bytes([payload_mask(tag)]) * (last - first)

    def _end_region(self) -> None:
        """Turn what is expected of the bytes since the last items into tests."""
        expected = np.frombuffer(self._content[self._region : self._region + len(self._mask)], np.uint8)
        self.pattern.tests += byte_tests(np.frombuffer(bytes(self._mask), np.uint8), expected, self._region)
        self._mask.clear()

    def _read_items(self, position: int, stop: int, declared: Field) -> int:
        """Read the items that follow one another; return where they end, or where one has no pattern."""
        assert declared.message is not None
        while position < stop:
            header = read_field(self._content, position)
            if header is None or header[0] != declared.tag:
                return position
            _, first, last = header
            stride = last - position
            if last > stop or stride > _LONGEST_ITEM or len(self.pattern.stretches) == _MOST_STRETCHES:
                return position
            places_and_tests = _read_item(bytes(self._content[position:last]), first - position, declared.message)
            if places_and_tests is None:
                return position
            count = self._equal_neighbours(position, first - position, stride, stop)
            self.pattern.stretches.append(Stretch(position, stride, count, *places_and_tests))
            position += count * stride
        return position

    def _equal_neighbours(self, position: int, header: int, stride: int, stop: int) -> int:
        """How many items from the position on have its header, as far as a quick look tells."""
        head = self._content[position : position + header]
        if self._content[position + stride : position + stride + header] != head:
            return 1
        possible, left = divmod(stop - position, stride)
        if not left:
            return possible  # The tests will fail where the guess is wrong.
        items = np.frombuffer(self._content, np.uint8)[position : position + possible * stride]
        heads = items.reshape(possible, stride)[:, :header]
        different = np.flatnonzero((heads != np.frombuffer(head, np.uint8)).any(axis=1))
        return int(different[0]) if len(different) else possible


def _read_item(content: bytes, start: int, message: Message) -> tuple[dict[str, Place], list[ByteTest]] | None:
    """The numbers of an item, header included, whose fields begin at the start; None where it has no pattern."""
    sample = read_sample(content, start)
    if sample is None:
        return None
    places: dict[str, Place] = {}
    seen = set()
    for header in sample.fields:
        tag, first, last = header
        declared = message.by_number.get(tag >> 3)
        if declared is not None and (tag != declared.tag or declared.number in seen):
            return None
        if declared is not None and declared not in message.skipped:
            is_varint = tag & 7 == WireType.VARINT
            if declared.kind.numpy_type is None or declared.repeated or (is_varint and not _is_short(declared, header)):
                return None
            places[declared.name] = Place(first, last)
        seen.add(tag >> 3)
    return places, byte_tests(sample.mask, np.frombuffer(content, np.uint8))


def _is_short(declared: Field, header: tuple[int, int, int]) -> bool:
    """Whether a varint can be read as a part of the word that ends where it ends; a flag is one byte."""
    _, first, last = header
    return last - first == 1 or (last - first <= WORD <= last and declared.kind is not Kind.BOOL)
