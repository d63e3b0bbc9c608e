"""Finding the fields of many messages at once.

All messages advance together, one field per round (lockstep), so that the cost in Python is that of
the message with the most fields. Three short cuts keep long repeated fields cheap:

- neighbours of equal length are found by testing the places where they would start (`Strides`);
- where neighbours differ in length, rounds that find the same repeated submessage in every message are
  cheap ones (`_march`);
- a few long messages with fields of varying length are read window by window: every byte that may
  start a field is taken for one, and the chain of those that follow one another from the message's
  first byte is found by doubling steps (`_follow_chain`), in O(n log n) whatever the bytes are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neptune_frames.wire.buffer import Buffer, Positions, Words
from neptune_frames.wire.protobuf.fields import Message, WireType
from neptune_frames.wire.protobuf.found import Found
from neptune_frames.wire.protobuf.headers import explain, read_delimited, read_headers
from neptune_frames.wire.protobuf.runs import Runs
from neptune_frames.wire.protobuf.strides import LONGEST_LENGTH, Strides

#: Messages per round: their columns fit in the processor's cache.
_BLOCK = 32_768

_WINDOW = 262_144

#: Fields that are this long on average are read one by one: that costs less than to look at their bytes.
_LONG_FIELD = 128
#: So many short fields do not yet count.
_SHORT_FIELDS = 32

#: So many neighbours of one length are the beginning of more, which `Strides` finds at once.
_REGULAR = 64

# A rough model of cost, in microseconds, to choose between lockstep and windows.
_COST_OF_ROUND = 150.0
_COST_OF_WINDOW = 500.0
_COST_OF_WINDOW_BYTE = 0.008
_COST_OF_LONG_FIELD = 0.5
_ROUNDS_BEFORE_CHOICE = 8

#: How wide a chain looks for the next field when it looks at every byte.
_EVERY_BYTE = 2

#: Which bytes may start a field of any number: those whose low bits are a wire type that is read.
_ANY_FIELD = np.isin(np.arange(256) & 7, [WireType.VARINT, WireType.FIXED64, WireType.LENGTH, WireType.FIXED32])


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
    strides = Strides(buffer, found, message)
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
        if int(sizes.max()) > LONGEST_LENGTH or not bool((following <= ends).all()):
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


def _read_by_windows(
    buffer: Buffer, owner: int, position: int, end: int, found: Found, message: Message, windows: int
) -> int:
    """Find the fields of one long message in the next windows; return where the message goes on."""
    declared = [field.tag & 0x7F | (0x80 if field.tag >= 0x80 else 0) for field in message.by_number.values()]
    # Which bytes are taken for the start of a field: those of the field at hand, of declared fields, of any.
    width = 0
    for _ in range(windows):
        position = _skim_long_fields(buffer, owner, position, end, found)
        if position == end:
            break
        window = min(end, position + _WINDOW)
        content = buffer.bytes[position:window]
        if width < _EVERY_BYTE:
            may_start = _any_of(content, [int(content[0])] if width == 0 else declared)
        else:
            may_start = _ANY_FIELD[content]
        tags, starts, stops = _follow_chain(buffer, position, may_start, end)
        reached = position
        if len(stops):
            found.add(np.full(len(stops), owner), tags, starts, stops)
            reached = int(stops[-1])
        if width < _EVERY_BYTE and reached - position < (window - position) // 2:
            # Other fields interrupt the chain: take more bytes into account from here on.
            width += 1
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
