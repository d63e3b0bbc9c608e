"""Finding the fields of many messages at once.

All messages advance together, one field per round (lockstep), so that the cost in Python is that of
the message with the most fields. Three short cuts keep long repeated fields cheap:

- neighbours of equal length are found by testing the places where they would start (`_Strides`);
- where neighbours differ in length, rounds that find the same repeated submessage in every message are
  cheap ones (`_march`);
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
from neptune_frames.wire.protobuf.gather import JOINED_BYTES, joined_words
from neptune_frames.wire.protobuf.headers import explain, read_delimited, read_headers
from neptune_frames.wire.protobuf.runs import Runs, progressions

#: Messages per round: their columns fit in the processor's cache.
_BLOCK = 32_768

_WINDOW = 262_144

#: Fields that are this long on average are read one by one: that costs less than to look at their bytes.
_LONG_FIELD = 128
#: So many short fields do not yet count.
_SHORT_FIELDS = 32

#: Tags from here on are told apart one by one.
_LARGE_TAG = 128

#: So many neighbours of one length are the beginning of more, which `_Strides` finds at once.
_REGULAR = 64

# A rough model of cost, in microseconds, to choose between lockstep and windows.
_COST_OF_ROUND = 150.0
_COST_OF_WINDOW = 500.0
_COST_OF_WINDOW_BYTE = 0.008
_COST_OF_LONG_FIELD = 0.5
_ROUNDS_BEFORE_CHOICE = 8

#: Bytes of a length that is read together with its tag.
_LONGEST_MARCHED_LENGTH = 4

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
        self._runs: dict[int, list[Runs]] = {}

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
        if field.number in self._skipped:
            return
        if field.repeated and field.message is not None:
            self.add_runs(tag, Runs.of_singles(*chunk.spans()))
        else:
            self._chunks.setdefault((field.number, unpacked), []).append(chunk)

    def add_runs(self, tag: int, runs: Runs) -> None:
        """Keep runs of a repeated submessage that is read."""
        self._runs.setdefault(tag >> 3, []).append(runs)

    def runs(self, field: Field) -> Runs:
        """Occurrences of a repeated submessage, in the order of the bytes."""
        merged = Runs.merged(self._runs.get(field.number, []))
        self._runs[field.number] = [merged]
        return merged

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
    windows = 1
    while True:
        pending = positions < ends
        if not pending.all():
            owners, positions, ends = owners[pending], positions[pending], ends[pending]
        if not len(owners):
            return
        if rounds == _ROUNDS_BEFORE_CHOICE:
            if _windows_pay(positions, ends, consumed / rounds, consumed_by_single_fields / rounds):
                spans = zip(owners.tolist(), positions.tolist(), ends.tolist(), strict=True)
                positions = np.array([_read_by_windows(buffer, *span, found, message, windows) for span in spans])
                # What follows may be more regular: look again, but less and less often.
                windows *= 2
            rounds = consumed = consumed_by_single_fields = 0
            continue
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
        if len(owners) > 1 and strides.pause:
            positions, marched = _march(buffer, owners, positions, ends, int(headers.tags[0]), strides.pause, found)
            strides.pause -= marched


def _march(
    buffer: Buffer, owners: Positions, positions: Positions, ends: Positions, tag: int, most: int, found: Found
) -> tuple[Positions, int]:
    """Rounds in which every message goes on with the same submessage: where they lead, and their number."""
    starts: list[Positions] = []
    stops: list[Positions] = []
    while len(starts) < most and bool((positions < ends).all()):
        words = buffer.words(positions)
        if not bool(((words & np.uint64(0xFF)) == tag).all()):
            break
        lengths, sizes = buffer.varints(positions + 1, words >> np.uint64(8))
        following = positions + 1 + sizes + lengths.view(np.int64)
        if int(sizes.max()) > _LONGEST_MARCHED_LENGTH or not bool((following <= ends).all()):
            break
        starts.append(positions + 1 + sizes)
        stops.append(following)
        positions = following
    if starts:
        # Message by message, so that positions ascend.
        columns = (np.stack(rounds, axis=1).ravel() for rounds in (starts, stops))
        found.add_runs(tag, Runs.of_singles(np.repeat(owners, len(starts)), *columns))
    return positions, len(starts)


def _windows_pay(positions: Positions, ends: Positions, bytes_per_round: float, field_size: float) -> bool:
    remaining = ends - positions
    lockstep = _COST_OF_ROUND * float(remaining.max()) / bytes_per_round
    byte = _COST_OF_WINDOW_BYTE if field_size < _LONG_FIELD else _COST_OF_LONG_FIELD / field_size
    windows = _COST_OF_WINDOW * len(remaining) + byte * float(remaining.sum())
    return windows < lockstep


class _Strides:
    """Guesses that a repeated submessage is followed by more of the same length, and tests the guess.

    ``pause`` is the number of rounds without a guess, after bad ones.
    """

    _FIRST_REACH = 8
    _GROWTH = 8
    _FARTHEST_REACH = 65_536
    _LONGEST_PAUSE = 64

    def __init__(self, buffer: Buffer, found: Found, message: Message) -> None:
        self._buffer = buffer
        self._found = found
        # Large tags are rare: they would only make headers longer than the words that are compared.
        self._tags = [
            field.tag
            for field in message.fields
            if field.repeated and field.kind is Kind.MESSAGE and field.tag < _LARGE_TAG
        ]
        self._reach = self._FIRST_REACH
        self._next_pause = 1
        self.pause = 0

    def extend(
        self, owners: Positions, positions: Positions, tags: Words, starts: Positions, stops: Positions, ends: Positions
    ) -> Positions:
        """Where each message continues after its field and the equally long ones that follow it."""
        tag = int(tags[0])
        if tag not in self._tags or not bool((tags == tag).all()):
            self.pause = 0
            return stops
        if self.pause:
            self.pause -= 1
            return stops
        strides = stops - positions
        header_sizes = starts - positions
        repeats = (ends - stops) // strides
        if self._next_pause > 1 or not bool(((ends - stops) == repeats * strides).all()):
            # Only what would fill the messages exactly is worth a test at once.
            np.minimum(repeats, self._reach, out=repeats)
        repeats[header_sizes > _LONGEST_MARCHED_LENGTH + 1] = 0
        trying = np.flatnonzero(repeats)
        if not len(trying):
            return stops
        counts = repeats[trying]
        accepted = self._accepted(positions[trying], stops[trying], strides[trying], header_sizes[trying], counts)
        self._learn(int(counts.sum()), int(accepted.sum()))
        right = accepted > 0
        kept, counts = trying[right], accepted[right]
        if len(kept):
            lengths = strides[kept] - header_sizes[kept]
            self._found.add_runs(tag, Runs(owners[kept], starts[kept] + strides[kept], lengths, strides[kept], counts))
        following = stops.copy()
        following[kept] += counts * strides[kept]
        return following

    def _accepted(
        self, positions: Positions, stops: Positions, strides: Positions, header_sizes: Positions, counts: Positions
    ) -> Positions:
        """How many of the ``counts`` fields after each stop begin as the field at the position does."""
        masks = np.uint64(0xFFFFFFFFFFFFFFFF) >> (64 - 8 * header_sizes).astype(np.uint64)
        expected = self._buffer.words(positions) & masks
        if len(counts) == 1:
            words = self._buffer.strided_words(int(stops[0]), int(strides[0]), int(counts[0]))
            if words is None:
                words = self._buffer.words(progressions(stops, strides, counts))
            different = np.flatnonzero((words & masks) != expected)
            return different[:1] if len(different) else counts
        accepted = counts.copy()
        ends = np.cumsum(counts)
        first = 0
        while first < len(counts):
            words_at_once = JOINED_BYTES // int(strides[first])
            last = max(first + 1, int(np.searchsorted(ends, ends[first] + words_at_once, "right")))
            some = slice(first, last)
            words = joined_words(self._buffer, stops[some], strides[some], counts[some])
            if bool((expected[some] == expected[first]).all()):
                unlike = (words & masks[first]) != expected[first]
            else:
                unlike = ((words ^ np.repeat(expected[some], counts[some])) & np.repeat(masks[some], counts[some])) != 0
            # The first difference of each run, assigned last.
            different = np.flatnonzero(unlike)[::-1] + (ends[first] - counts[first])
            rows = np.searchsorted(ends, different, "right")
            accepted[rows] = different - (ends - counts)[rows]
            first = last
        return accepted

    def _learn(self, tested: int, right: int) -> None:
        """Reach further after a good guess; pause longer and longer after bad ones."""
        if right == tested:
            self._reach = min(self._GROWTH * self._reach, self._FARTHEST_REACH)
            self._next_pause = 1
        else:
            self._reach = self._FIRST_REACH
            if right < tested // 2:
                self.pause = self._next_pause
                self._next_pause = min(2 * self._next_pause, self._LONGEST_PAUSE)


def _read_by_windows(
    buffer: Buffer, owner: int, position: int, end: int, found: Found, message: Message, windows: int
) -> int:
    """Find the fields of one long message in the next windows; return where the message goes on."""
    declared = [field.tag & 0x7F | (0x80 if field.tag >= 0x80 else 0) for field in message.by_number.values()]
    only_declared = True
    for _ in range(windows):
        position = _skim_long_fields(buffer, owner, position, end, found)
        if position == end:
            break
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
    return position


def _skim_long_fields(buffer: Buffer, owner: int, position: int, end: int, found: Found) -> int:
    """Find length-delimited fields from the position on while they are long; return where the message goes on."""
    content = memoryview(buffer.arrow).cast("B")
    heads: list[int] = []
    first = position
    size = equal = 0
    while position < end:
        # Two bytes of length are the usual case, spelled out because it is the time that this takes.
        if position + 2 < end and content[position + 1] >= 0x80 > content[position + 2]:
            if content[position] & 0x87 != WireType.LENGTH:
                break
            stop = position + 3 + (content[position + 1] & 0x7F | content[position + 2] << 7)
            if stop > end:
                break
        else:
            field = read_delimited(content, position, end)
            if field is None:
                break
            stop = field[2]
        equal = equal + 1 if stop - position == size else 0
        if equal == _REGULAR or stop - first < _LONG_FIELD * (len(heads) - _SHORT_FIELDS):
            break
        heads.append(position)
        size = stop - position
        position = stop
    if heads:
        headers = read_headers(buffer, np.array(heads), end)
        found.add(np.full(len(heads), owner), headers.tags, headers.starts, headers.stops)
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
