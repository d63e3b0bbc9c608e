"""Reading many messages that look alike: same fields in the same places, only other values.

One sample is read field by field; its layout is then tested against all messages of the same length,
word by word, and where it fits every field has a fixed place. What fits no frequent layout is left to
`scan`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neptune_frames.wire.protobuf.buffer import WORD, Buffer, Positions, progression
from neptune_frames.wire.protobuf.fields import Message, WireType
from neptune_frames.wire.protobuf.found import Chunk, Found
from neptune_frames.wire.protobuf.headers import read_field

_FEWEST_MESSAGES = 256
_LONGEST_MESSAGE = 1024
_MOST_LAYOUTS = 8
#: A layout is worth a test of its own if at least one in so many messages has its length.
_RAREST = 16
_BLOCK = 131_072


class _Layout(NamedTuple):
    """Places of the fields (tag, start, stop, counted from the message) and the bytes that prove them."""

    fields: list[tuple[int, int, int]]
    mask: npt.NDArray[np.uint8]
    expected: npt.NDArray[np.uint8]

    @property
    def is_one_text(self) -> bool:
        """Whether there is one field, whose length varies: `scan` finds it as fast."""
        return len(self.fields) == 1 and self.fields[0][0] & 7 == WireType.LENGTH


def take_uniform(
    buffer: Buffer, owners: Positions, starts: Positions, stops: Positions, found: Found, message: Message
) -> tuple[Positions, Positions, Positions]:
    """Find the fields of messages with a frequent layout; return the messages that are left."""
    if any(field.repeated for field in message.fields):
        return owners, starts, stops
    for _ in range(_MOST_LAYOUTS):
        if len(starts) < _FEWEST_MESSAGES:
            break
        lengths = stops - starts
        shortest, longest = int(lengths.min()), int(lengths.max())
        if longest == shortest:
            length = shortest
            alike: Positions | slice = slice(None)
        else:
            counts = np.bincount(np.minimum(lengths, _LONGEST_MESSAGE))
            length = int(np.argmax(counts))
            if counts[length] < max(_FEWEST_MESSAGES, len(starts) // _RAREST):
                break
            alike = _as_slice(np.flatnonzero(lengths == length))
        if not 0 < length < _LONGEST_MESSAGE:
            break
        members = starts[alike]
        layout = _layout_of(buffer, int(members[len(members) // 2]), length)
        if layout is None or layout.is_one_text:
            break
        stride = progression(members)
        fits = _fits(buffer, members, stride, length, layout)
        left = (
            np.zeros(len(starts), np.bool_) if isinstance(alike, slice) and alike == slice(None) else lengths != length
        )
        if fits is None:
            _add(found, message, layout, owners[alike], members, stride)
        else:
            _add(found, message, layout, owners[alike][fits], members[fits], None)
            left[alike] = ~fits
        owners, starts, stops = owners[left], starts[left], stops[left]
    return owners, starts, stops


def _as_slice(ascending: Positions) -> Positions | slice:
    """The same selection as a slice if it has no gaps: a slice of an array is no copy."""
    if len(ascending) and int(ascending[-1] - ascending[0]) == len(ascending) - 1:
        return slice(int(ascending[0]), int(ascending[-1]) + 1)
    return ascending


def _layout_of(buffer: Buffer, start: int, length: int) -> _Layout | None:
    """The layout of one message, or None if it cannot be read (`scan` will say why)."""
    content = bytes(buffer.bytes[start : start + length])
    fields = []
    mask = np.zeros(length, np.uint8)
    position = 0
    while position < length:
        field = read_field(content, position)
        if field is None:
            return None
        fields.append(field)
        tag, first, stop = field
        mask[position:first] = 0xFF
        if tag & 7 == WireType.VARINT:
            mask[first:stop] = 0x80
        position = stop
    return _Layout(fields, mask, np.frombuffer(content, np.uint8) & mask)


def _fits(
    buffer: Buffer, starts: Positions, stride: int | None, length: int, layout: _Layout
) -> npt.NDArray[np.bool_] | None:
    """Which messages have the layout; None means all."""
    tests = _word_tests(layout, length)
    fits = np.ones(len(starts), np.bool_)
    for first in range(0, len(starts), _BLOCK):
        block = starts[first : first + _BLOCK]
        verdict = fits[first : first + _BLOCK]
        for offset, mask, expected in tests:
            words = None if stride is None else buffer.strided_words(int(block[0]) + offset, stride, len(block))
            if words is None:
                words = buffer.words(block + offset)
            verdict &= (words & mask) == expected
    return None if bool(fits.all()) else fits


def _word_tests(layout: _Layout, length: int) -> list[tuple[int, np.uint64, np.uint64]]:
    """(offset, mask, expected) of the words that cover every byte with something to test."""
    tests: list[tuple[int, np.uint64, np.uint64]] = []
    offset = 0
    while True:
        ahead = np.flatnonzero(layout.mask[offset:])
        if not len(ahead):
            return tests
        # No word reaches beyond its message, so that the last message may end with the body.
        offset = min(offset + int(ahead[0]), max(length - WORD, 0))
        word = slice(offset, min(offset + WORD, length))
        mask, expected = (
            np.uint64(int.from_bytes(column[word].tobytes(), "little")) for column in (layout.mask, layout.expected)
        )
        tests.append((offset, mask, expected))
        offset = word.stop


def _add(
    found: Found, message: Message, layout: _Layout, owners: Positions, starts: Positions, stride: int | None
) -> None:
    for tag, start, stop in layout.fields:
        found.add_chunk(tag, Chunk(owners, starts, start, stop, stride))
