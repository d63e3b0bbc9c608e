"""Reading many messages that look alike: same fields in the same places, only other values.

One sample is read field by field; all messages of its length are then tested for its layout, and where it fits
every field has a fixed place. What fits no frequent layout is left to `scan`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neptune_frames.wire.buffer import Buffer, Positions, as_slice, progression
from neptune_frames.wire.protobuf.fields import Message, WireType
from neptune_frames.wire.protobuf.found import Chunk, Found
from neptune_frames.wire.protobuf.samples import ByteTest, Sample, byte_tests, read_sample

_FEWEST_MESSAGES = 256
_LONGEST_MESSAGE = 1024
_MOST_LAYOUTS = 8
#: A layout is worth a test of its own if at least one in so many messages has its length.
_RAREST = 16
_BLOCK = 131_072


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
            alike = as_slice(np.flatnonzero(lengths == length))
        if not 0 < length < _LONGEST_MESSAGE:
            break
        members = starts[alike]
        middle = int(members[len(members) // 2])
        content = bytes(buffer.bytes[middle : middle + length])
        sample = read_sample(content)
        if sample is None or _is_one_text(sample):
            break
        stride = progression(members)
        fits = _fits(buffer, members, stride, byte_tests(sample.mask, np.frombuffer(content, np.uint8)))
        left = (
            np.zeros(len(starts), np.bool_) if isinstance(alike, slice) and alike == slice(None) else lengths != length
        )
        if fits is None:
            _add(found, sample, owners[alike], members, stride)
        else:
            _add(found, sample, owners[alike][fits], members[fits], None)
            left[alike] = ~fits
        owners, starts, stops = owners[left], starts[left], stops[left]
    return owners, starts, stops


def _is_one_text(sample: Sample) -> bool:
    """Whether there is one field, whose length varies: `scan` finds it as fast."""
    return len(sample.fields) == 1 and sample.fields[0][0] & 7 == WireType.LENGTH


def _add(found: Found, sample: Sample, owners: Positions, starts: Positions, stride: int | None) -> None:
    for tag, start, stop in sample.fields:
        found.add_chunk(tag, Chunk(owners, starts, start, stop, stride))


def _fits(buffer: Buffer, starts: Positions, stride: int | None, tests: list[ByteTest]) -> npt.NDArray[np.bool_] | None:
    """Which messages pass all tests; None means all."""
    fits = np.ones(len(starts), np.bool_)
    for first in range(0, len(starts), _BLOCK):
        block = starts[first : first + _BLOCK]
        verdict = fits[first : first + _BLOCK]
        for test in tests:
            verdict &= test.passed(buffer.numbers(block, test.dtype, stride, test.offset))
    return None if bool(fits.all()) else fits
