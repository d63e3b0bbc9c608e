"""Bytes as NumPy reads them: words, numbers and strings at any position, for many positions at once."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from neptune_frames.errors import WireDecodingError

Body: TypeAlias = "bytes | bytearray | memoryview"
Positions: TypeAlias = npt.NDArray[np.int64]
Words: TypeAlias = npt.NDArray[np.uint64]

WORD = 8
LONGEST_VARINT = 10
_INT32_OFFSETS_REACH = 2**31 - 1


def progression(positions: Positions) -> int | None:
    """The common difference of neighbouring positions, or None where it varies."""
    if len(positions) < 2:
        return None
    stride = int(positions[1] - positions[0])
    if stride <= 0 or int(positions[-1] - positions[0]) != stride * (len(positions) - 1):
        return None
    return stride if bool((positions[1:] - positions[:-1] == stride).all()) else None


def as_slice(places: Positions) -> Positions | slice:
    """The same places as a slice where each is the next one of that before: a slice of an array is no copy."""
    if len(places) and int(places[-1] - places[0]) == len(places) - 1 and bool((places[1:] > places[:-1]).all()):
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


class Buffer:
    """The bytes of one body, without a copy. Positions are byte offsets from its start."""

    def __init__(self, body: Body) -> None:
        self.arrow = pa.py_buffer(body)
        self.size = int(self.arrow.size)
        self.bytes: npt.NDArray[np.uint8] = np.frombuffer(self.arrow, np.uint8)
        # A body shorter than a word goes on with zeros.
        self._readable = self.bytes if self.size >= WORD else np.concatenate([self.bytes, np.zeros(WORD, np.uint8)])
        self._last_word = len(self._readable) - WORD
        self._words: Words = np.ndarray(self._last_word + 1, "<u8", self._readable, 0, (1,))

    def words(self, positions: Positions) -> Words:
        """The 8 bytes from each position on, little-endian; bytes after the end read as zero."""
        if len(positions) == 0 or int(positions.max()) <= self._last_word:
            stride = progression(positions)
            if stride is not None:
                return np.ndarray(len(positions), "<u8", self._readable, int(positions[0]), (stride,)).copy()
            return self._words[positions]
        inside = np.minimum(positions, self._last_word)
        beyond: Words = ((positions - inside) * 8).astype(np.uint64)
        return self._words[inside] >> beyond

    def numbers(
        self, starts: Positions, dtype: npt.DTypeLike, stride: int | None = None, offset: int = 0
    ) -> npt.NDArray[np.generic]:
        """Little-endian numbers ``offset`` bytes after each start, all within the body.

        ``stride`` is the common difference of the starts, if there is one: then nothing is copied.
        """
        kind = np.dtype(dtype).newbyteorder("<")
        if len(starts) == 0:
            return np.empty(0, kind)
        if stride is not None:
            return np.ndarray(len(starts), kind, self.bytes, int(starts[0]) + offset, (stride,))
        return np.ndarray(self.size - kind.itemsize - offset + 1, kind, self.bytes, offset, (1,))[starts]

    def strided_words(self, first: int, stride: int, count: int) -> Words | None:
        """`words` of an arithmetic progression as a view, or None where it would leave the body."""
        if first + stride * (count - 1) + WORD > self.size:
            return None
        return np.ndarray(count, "<u8", self.bytes, first, (stride,))

    def rows(self, starts: Positions, size: int) -> npt.NDArray[np.uint8]:
        """A row of ``size`` bytes from each start on, all within the body; a view of it for equidistant starts."""
        stride = progression(starts)
        if stride is not None:
            return np.ndarray((len(starts), size), np.uint8, self.bytes, int(starts[0]), (stride, 1))
        gathered = np.ndarray(self.size - size + 1, f"V{size}", self.bytes, 0, (1,))[starts]
        return gathered.view(np.uint8).reshape(len(starts), size)

    def varints(self, positions: Positions, words: Words | None = None) -> tuple[Words, Positions]:
        """Values of the varints at the positions and their sizes in bytes; size 0 marks an overlong one."""
        words = self.words(positions) if words is None else words
        if not (words & np.uint64(0x80)).any():
            return words & np.uint64(0x7F), np.ones(len(words), np.int64)
        # The lowest clear continuation bit marks the last byte: keep what is at or below it.
        stops = ~words & np.uint64(0x8080808080808080)
        lowest = stops & (~stops + np.uint64(1))
        values = _join_groups(words & (lowest | (lowest - np.uint64(1))) & np.uint64(0x7F7F7F7F7F7F7F7F))
        # `lowest >> 7` is 256**k for a varint of k + 1 bytes; the product moves the byte k + 1 to the top.
        sizes = (((lowest >> np.uint64(7)) * np.uint64(0x0102030405060708)) >> np.uint64(56)).astype(np.int64)
        long = np.flatnonzero(lowest == 0)
        if len(long):
            tail = self.words(positions[long] + WORD)
            ninth, tenth = tail & np.uint64(0xFF), (tail >> np.uint64(8)) & np.uint64(0xFF)
            has_tenth = ninth >= 0x80
            values[long] |= ((ninth & np.uint64(0x7F)) << np.uint64(56)) | (
                np.where(has_tenth, tenth, np.uint64(0)) << np.uint64(63)
            )
            sizes[long] = np.where(has_tenth, np.where(tenth < 0x80, LONGEST_VARINT, 0), LONGEST_VARINT - 1)
        return values, sizes

    def binary(
        self,
        starts: Positions,
        stops: Positions,
        chosen: Positions | None = None,
        *,
        missing_is_null: bool = False,
    ) -> pa.Array:
        """The byte strings between ascending, disjoint starts and stops, as Arrow binary.

        ``chosen`` picks and orders them; -1 stands for null or for the empty string.
        """
        # The strings and the gaps between them are neighbouring slots of one binary array over the
        # body, from which Arrow copies the chosen slots.
        wide = self.size > _INT32_OFFSETS_REACH
        offsets = np.empty(2 * len(starts) + 2, np.int64 if wide else np.int32)
        offsets[:-2:2], offsets[1:-2:2] = starts, stops
        offsets[-2:] = stops[-1] if len(stops) else 0
        slots = pa.Array.from_buffers(
            pa.large_binary() if wide else pa.binary(),
            len(offsets) - 1,
            [None, pa.py_buffer(offsets), self.arrow],
        )
        if chosen is None:
            picked = pa.array(np.arange(0, 2 * len(starts), 2))
        elif missing_is_null:
            picked = pa.array(2 * chosen, mask=chosen < 0)
        else:
            empty_slot = 2 * len(starts)
            picked = pa.array(np.where(chosen < 0, empty_slot, 2 * chosen))
        taken = slots.take(picked)
        return taken.cast(pa.binary()) if wide else taken


def short_varints(words: Words, size: int) -> Words:
    """Varints of up to 8 bytes, each the last ``size`` bytes of a word."""
    return _join_groups((words >> np.uint64(8 * (WORD - size))) & np.uint64(0x7F7F7F7F7F7F7F7F))


def _join_groups(bytes_of_seven_bits: Words) -> Words:
    """Eight 7-bit groups, one per byte, as one 56-bit number."""
    x = bytes_of_seven_bits
    x = (x & np.uint64(0x007F007F007F007F)) | ((x & np.uint64(0x7F007F007F007F00)) >> np.uint64(1))
    x = (x & np.uint64(0x00003FFF00003FFF)) | ((x & np.uint64(0x3FFF00003FFF0000)) >> np.uint64(2))
    return (x & np.uint64(0x000000000FFFFFFF)) | ((x & np.uint64(0x0FFFFFFF00000000)) >> np.uint64(4))


def text(binary: pa.Array, starts: Positions) -> pa.StringArray:
    """The byte strings as text. ``starts`` are their positions in the body, for the error."""
    try:
        return binary.cast(pa.string())
    except pa.ArrowInvalid:
        first, last = 0, len(binary)
        while last - first > 1:
            middle = (first + last) // 2
            try:
                binary.slice(first, middle - first).cast(pa.string())
                first = middle
            except pa.ArrowInvalid:
                last = middle
        position = int(starts[first]) if len(starts) == len(binary) else None
        raise WireDecodingError("a string is not valid UTF-8", position=position) from None
