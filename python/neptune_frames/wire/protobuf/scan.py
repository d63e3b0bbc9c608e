"""Finding the fields of many messages at once.

All messages advance together, one field per round (lockstep), so that the cost in Python is that of
the message with the most fields. Two short cuts keep long repeated fields cheap:

- neighbours of equal length are found by testing the places where they would start (`_Strides`);
- a few long messages with fields of varying length are read window by window: every byte that may
  start a field is taken for one, and the chain of those that follow one another from the message's
  first byte is found by doubling steps (`_follow_chain`), in O(n log n) whatever the bytes are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neptune_frames.errors import WireDecodingError
from neptune_frames.wire.protobuf.buffer import Buffer, Positions, Words
from neptune_frames.wire.protobuf.fields import Field, Kind, Message, WireType
from neptune_frames.wire.protobuf.headers import explain, read_headers

#: Messages per round: their columns fit in the processor's cache.
_BLOCK = 32_768

_WINDOW = 262_144

#: Fields from this length on are read one by one: that costs less than to look at their bytes.
_LONG_FIELD = 512

#: Tags from here on are told apart one by one.
_LARGE_TAG = 128

# A rough model of cost, in microseconds, to choose between lockstep and windows.
_COST_OF_ROUND = 150.0
_COST_OF_WINDOW = 500.0
_COST_OF_WINDOW_BYTE = 0.008
_COST_OF_LONG_FIELD = 1.5
_ROUNDS_BEFORE_CHOICE = 8

#: Which bytes may start a field of any number: those whose low bits are a wire type that is read.
_ANY_FIELD = np.isin(np.arange(256) & 7, [WireType.VARINT, WireType.FIXED64, WireType.LENGTH, WireType.FIXED32])


class Chunk(NamedTuple):
    """Occurrences of one field in several messages; no message twice unless the chunk is of one message.

    The payload of an occurrence starts ``offset`` bytes after its base; ``stops`` are positions, or one
    distance from the bases. ``stride`` is the common difference of the bases, if there is one.
    """

    owners: Positions
    bases: Positions
    offset: int
    stops: Positions | int
    stride: int | None = None

    def spans(self) -> tuple[Positions, Positions, Positions]:
        """Owners, starts and stops as positions."""
        stops = self.stops if isinstance(self.stops, np.ndarray) else self.bases + self.stops
        return self.owners, self.bases + self.offset if self.offset else self.bases, stops


class Found:
    """Occurrences of a message's fields."""

    def __init__(self, message: Message) -> None:
        self._by_number = message.by_number
        self._skipped = {field.number for field in message.skipped}
        self._chunks: dict[tuple[int, bool], list[Chunk]] = {}

    def add(self, owners: Positions, tags: Words, starts: Positions, stops: Positions) -> None:
        """Keep the occurrences of fields that are read; raise where a declared one has the wrong wire type."""
        first = int(tags[0])
        if bool((tags == first).all()):
            self.add_chunk(first, Chunk(owners, starts, 0, stops))
            return
        small = np.minimum(tags, np.uint64(_LARGE_TAG)).view(np.int64)
        distinct = np.flatnonzero(np.bincount(small)).tolist()
        if distinct[-1] == _LARGE_TAG:
            distinct[-1:] = np.unique(tags[small == _LARGE_TAG]).tolist()
        for tag in distinct:
            if tag >> 3 in self._by_number:
                chosen = np.flatnonzero(tags == tag)
                self.add_chunk(tag, Chunk(owners[chosen], starts[chosen], 0, stops[chosen]))

    def add_chunk(self, tag: int, chunk: Chunk) -> None:
        """Keep occurrences that all have one tag."""
        field = self._by_number.get(tag >> 3)
        if field is None:
            return
        unpacked = tag != field.tag
        if unpacked and not (field.repeated and tag & 7 == field.kind.wire_type):
            raise WireDecodingError(
                f"field {field.name!r} has wire type {tag & 7}, not {field.tag & 7}",
                position=int(chunk.bases[0]) + chunk.offset,
            )
        if field.number not in self._skipped:
            self._chunks.setdefault((field.number, unpacked), []).append(chunk)

    def chunks(self, field: Field, *, unpacked: bool = False) -> list[Chunk]:
        """Occurrences of one field; those in one message are in the order of the bytes."""
        return self._chunks.get((field.number, unpacked), [])

    def spans(self, field: Field, *, unpacked: bool = False) -> tuple[Positions, Positions, Positions]:
        """Owners, starts and stops of the occurrences of one field, all in the order of the bytes."""
        parts = [chunk.spans() for chunk in self.chunks(field, unpacked=unpacked)]
        if not parts:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
        if len(parts) == 1:
            return parts[0]
        owners, starts, stops = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        if not bool((starts[1:] > starts[:-1]).all()):
            # Payloads are disjoint and owners ascend with them, so each column can be sorted by itself.
            for column in (owners, starts, stops):
                column.sort()
        return owners, starts, stops


def scan(
    buffer: Buffer, starts: Positions, stops: Positions, found: Found, message: Message, owners: Positions
) -> None:
    """Find the fields of the messages between the starts and stops, which belong to ``owners``."""
    for first in range(0, len(starts), _BLOCK):
        block = slice(first, first + _BLOCK)
        _lockstep(buffer, owners[block], starts[block], stops[block], found, message)


def _lockstep(
    buffer: Buffer, owners: Positions, positions: Positions, ends: Positions, found: Found, message: Message
) -> None:
    strides = _Strides(buffer, found, message)
    rounds = consumed = consumed_by_single_fields = 0
    while True:
        pending = positions < ends
        if not pending.all():
            owners, positions, ends = owners[pending], positions[pending], ends[pending]
        if not len(owners):
            return
        choose = rounds > 0 and rounds % _ROUNDS_BEFORE_CHOICE == 0
        if choose and _windows_pay(positions, ends, consumed / rounds, consumed_by_single_fields / rounds):
            for owner, position, end in zip(owners.tolist(), positions.tolist(), ends.tolist(), strict=True):
                _read_by_windows(buffer, owner, position, end, found, message)
            return
        headers = read_headers(buffer, positions, ends)
        if not headers.valid.all():
            bad = int(np.argmin(headers.valid))
            raise explain(buffer, int(positions[bad]), int(ends[bad]))
        found.add(owners, headers.tags, headers.starts, headers.stops)
        following = strides.extend(owners, positions, headers.tags, headers.starts, headers.stops, ends)
        consumed += int((following - positions).max())
        consumed_by_single_fields += int((headers.stops - positions).max())
        rounds += 1
        positions = following


def _windows_pay(positions: Positions, ends: Positions, bytes_per_round: float, field_size: float) -> bool:
    remaining = ends - positions
    lockstep = _COST_OF_ROUND * float(remaining.max()) / bytes_per_round
    byte = _COST_OF_WINDOW_BYTE if field_size < _LONG_FIELD else _COST_OF_LONG_FIELD / field_size
    windows = _COST_OF_WINDOW * len(remaining) + byte * float(remaining.sum())
    return windows < lockstep


class _Strides:
    """Guesses that a repeated submessage is followed by more of the same length, and tests the guess."""

    _FIRST_REACH = 8
    _GROWTH = 8

    def __init__(self, buffer: Buffer, found: Found, message: Message) -> None:
        self._buffer = buffer
        self._found = found
        self._tags = [field.tag for field in message.fields if field.repeated and field.kind is Kind.MESSAGE]
        self._reach = self._FIRST_REACH
        self._pause = 0
        self._next_pause = 1

    def extend(
        self, owners: Positions, positions: Positions, tags: Words, starts: Positions, stops: Positions, ends: Positions
    ) -> Positions:
        """Where each message continues after its field and the equally long ones that follow it."""
        if not self._tags:
            return stops
        if self._pause:
            self._pause -= 1
            return stops
        lengths = stops - positions
        header_sizes = starts - positions
        repeats = np.minimum((ends - stops) // lengths, self._reach)
        repeats[~np.isin(tags, self._tags) | (header_sizes > 8)] = 0
        tested = int(repeats.sum())
        if tested == 0:
            return stops
        if len(repeats) == 1:
            return stops + lengths * self._extend_one(
                int(owners[0]), int(positions[0]), int(tags[0]), int(header_sizes[0]), int(lengths[0]), tested
            )
        masks = np.uint64(0xFFFFFFFFFFFFFFFF) >> (64 - 8 * header_sizes).astype(np.uint64)
        expected = self._buffer.words(positions) & masks
        rows = np.repeat(np.arange(len(repeats)), repeats)
        # Number of each test within its message, from 1 on.
        ordinals = np.arange(1, tested + 1) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        heads = np.repeat(positions, repeats) + ordinals * np.repeat(lengths, repeats)
        alike = (self._buffer.words(heads) & np.repeat(masks, repeats)) == np.repeat(expected, repeats)
        accepted = repeats
        if not alike.all():
            different = np.flatnonzero(~alike)[::-1]
            accepted = repeats.copy()
            # Assigned from the last to the first, so that the first difference of each message stays.
            accepted[rows[different]] = ordinals[different] - 1
            kept = np.flatnonzero(ordinals <= accepted[rows])
            rows, heads = rows[kept], heads[kept]
        self._learn(tested, len(rows))
        if len(rows):
            self._found.add(owners[rows], tags[rows], heads + header_sizes[rows], heads + lengths[rows])
        following: Positions = stops + accepted * lengths
        return following

    def _extend_one(self, owner: int, position: int, tag: int, header_size: int, length: int, tested: int) -> int:
        """How many fields like that at the position follow it in its message: the same without index columns."""
        mask = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - 8 * header_size)
        expected = self._buffer.words(np.array([position]))[0] & mask
        heads = position + length * np.arange(1, tested + 1)
        words = self._buffer.strided_words(position + length, length, tested)
        alike = ((self._buffer.words(heads) if words is None else words) & mask) == expected
        accepted = tested if alike.all() else int(np.argmin(alike))
        self._learn(tested, accepted)
        if accepted:
            self._found.add_chunk(tag, Chunk(np.full(accepted, owner), heads[:accepted], header_size, length, length))
        return accepted

    def _learn(self, tested: int, right: int) -> None:
        """Reach further after a good guess; pause longer and longer after bad ones."""
        if right == tested:
            self._reach *= self._GROWTH
            self._next_pause = 1
        else:
            self._reach = self._FIRST_REACH
            if right < tested // 2:
                self._pause = self._next_pause
                self._next_pause = min(2 * self._next_pause, 64)


def _read_by_windows(buffer: Buffer, owner: int, position: int, end: int, found: Found, message: Message) -> None:
    """Find the fields of one long message."""
    declared = [field.tag & 0x7F | (0x80 if field.tag >= 0x80 else 0) for field in message.by_number.values()]
    only_declared = True
    while True:
        position = _skim_long_fields(buffer, owner, position, end, found)
        if position == end:
            return
        window = min(end, position + _WINDOW)
        content = buffer.bytes[position:window]
        may_start = _any_of(content, declared) if only_declared else _ANY_FIELD[content]
        tags, starts, stops = _follow_chain(buffer, position, may_start, end)
        reached = position
        if len(stops):
            found.add(np.full(len(stops), owner), tags, starts, stops)
            reached = int(stops[-1])
        if only_declared and reached - position < (window - position) // 2:
            # Undeclared fields interrupt the chain: take every byte into account from here on.
            only_declared = False
        elif reached == position:
            raise explain(buffer, position, end)
        position = reached


def _skim_long_fields(buffer: Buffer, owner: int, position: int, end: int, found: Found) -> int:
    """Find long length-delimited fields from the position on; return the position of what is none."""
    content = memoryview(buffer.arrow)
    columns: tuple[list[int], list[int], list[int]] = ([], [], [])
    while position < end and content[position] & 0x87 == WireType.LENGTH:
        start, length, shift = position + 1, 0, 0
        while start < end and content[start] >= 0x80 and shift < 28:
            length |= (content[start] & 0x7F) << shift
            start, shift = start + 1, shift + 7
        if start >= end or content[start] >= 0x80:
            break
        length |= content[start] << shift
        stop = start + 1 + length
        if length < _LONG_FIELD or stop > end:
            break
        for column, value in zip(columns, (content[position], start + 1, stop), strict=True):
            column.append(value)
        position = stop
    if columns[0]:
        tags, starts, stops = (np.array(column) for column in columns)
        found.add(np.full(len(tags), owner), tags.view(np.uint64), starts, stops)
    return position


def _any_of(content: npt.NDArray[np.uint8], values: list[int]) -> npt.NDArray[np.bool_]:
    equal = np.zeros(len(content), np.bool_)
    for value in values:
        equal |= content == value
    return equal


def _follow_chain(
    buffer: Buffer, position: int, may_start: npt.NDArray[np.bool_], end: int
) -> tuple[Words, Positions, Positions]:
    """Fields that follow one another from the position on and start within a window.

    ``may_start`` tells which bytes of the window may start a field. The chain ends early at a byte that
    may not, and at an invalid field.
    """
    may_start[0] = True
    offsets = np.flatnonzero(may_start)
    headers = read_headers(buffer, position + offsets, end)
    nowhere = len(offsets)
    rank = np.full(len(may_start) + 1, nowhere, np.int32)
    rank[offsets] = np.arange(nowhere, dtype=np.int32)
    successors = np.full(nowhere + 1, nowhere)
    inside = np.flatnonzero(headers.valid & (headers.stops <= position + len(may_start)))
    successors[inside] = rank[headers.stops[inside] - position]
    chain = _chain(successors)
    if not headers.valid[chain[-1]]:
        chain = chain[:-1]
    return headers.tags[chain], headers.starts[chain], headers.stops[chain]


def _chain(successors: Positions) -> Positions:
    """0, its successor, the successor of that and so on, up to the last element, which stands for the end."""
    nowhere = len(successors) - 1
    jumps = [successors]
    while jumps[-1][0] != nowhere:
        jumps.append(jumps[-1].take(jumps[-1]))
    chain = np.zeros(1, np.int64)
    for jump in reversed(jumps):
        # `chain` holds every 2k-th element: put the elements k further on between them.
        longer = np.empty(2 * len(chain), np.int64)
        longer[::2], longer[1::2] = chain, jump.take(chain)
        # Elements ascend up to the end.
        chain = longer[: np.searchsorted(longer, nowhere)]
    return chain
