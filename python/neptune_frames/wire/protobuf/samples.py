"""One message taken as a sample: where its fields are, and the tests that tell whether others are laid out like it.

Numbers are of fixed size, and so are tags; varints and lengths are of the same size where the same of their bytes
have the continuation bit. So messages of one length have all fields in the same places if some bits of their bytes
are those of the sample, which NumPy compares as numbers for all messages at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neptune_frames.wire.buffer import WORD
from neptune_frames.wire.protobuf.fields import WireType
from neptune_frames.wire.protobuf.headers import read_field

#: Bytes of the numbers that are compared.
_WIDTHS = (1, 2, 4, WORD)


class Sample(NamedTuple):
    """The fields of a message (tag, start and stop of the payload) and the bits of its bytes that prove the places."""

    fields: list[tuple[int, int, int]]
    mask: npt.NDArray[np.uint8]


class ByteTest(NamedTuple):
    """A little-endian number at an offset, which must be as ``expected`` under ``mask``."""

    offset: int
    dtype: np.dtype[np.unsignedinteger[Any]]
    mask: np.unsignedinteger[Any]
    expected: np.unsignedinteger[Any]

    def passed(self, numbers: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Which of the numbers are as they should be."""
        if int(self.mask) != np.iinfo(self.dtype).max:
            numbers = numbers & self.mask
        verdict: npt.NDArray[np.bool_] = numbers == self.expected
        return verdict


def read_sample(content: bytes, start: int = 0) -> Sample | None:
    """Read the fields of a message from ``start`` on; all bytes before it are tested. None if it is not valid."""
    fields = []
    mask = np.zeros(len(content), np.uint8)
    mask[:start] = 0xFF
    position = start
    while position < len(content):
        field = read_field(content, position)
        if field is None:
            return None
        tag, first, stop = field
        fields.append(field)
        mask[position:first] = 0xFF
        mask[first:stop] = payload_mask(tag)
        position = stop
    return Sample(fields, mask)


def payload_mask(tag: int) -> int:
    """The bits of each byte of a field's payload that are the same in all payloads of its size."""
    return 0x80 if tag & 7 == WireType.VARINT else 0


def byte_tests(mask: npt.NDArray[np.uint8], expected: npt.NDArray[np.uint8], offset: int = 0) -> list[ByteTest]:
    """The fewest tests of all bytes with something to test, in numbers no wider than need be.

    ``offset`` is that of the first byte. No number reaches beyond the bytes of the mask.
    """
    tests = []
    tested = 0
    while len(ahead := np.flatnonzero(mask[tested:])):
        first = tested + int(ahead[0])
        span = 1 + int(np.flatnonzero(mask[first : first + WORD])[-1])
        fitting = [width for width in _WIDTHS if width <= len(mask)]
        width = next((width for width in fitting if width >= span), fitting[-1])
        # A number that would reach too far begins earlier, with bytes that are tested already or need no test.
        first = min(first, len(mask) - width)
        part = slice(first, first + width)
        dtype = np.dtype(f"<u{width}")
        (bits,), (wanted,) = mask[part].view(dtype), (mask[part] & expected[part]).view(dtype)
        tests.append(ByteTest(offset + first, dtype, bits, wanted))
        tested = part.stop
    return tests
