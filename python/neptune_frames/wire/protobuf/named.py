"""Reading the named values of many entries that list the same names in the same order.

One entry is taken as the pattern. All entries then advance together, one named value per round: where an
entry has the bytes of the pattern (name, type, and the header of the value), its value is at a place known
from the pattern. An entry that lacks a name waits for the next one that it has. Values that differ from the
pattern in anything else than their content, and what entries have beside it, are left to `scan`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neptune_frames.wire.protobuf.buffer import WORD, Buffer, Positions
from neptune_frames.wire.protobuf.fields import WireType
from neptune_frames.wire.protobuf.headers import read_delimited, read_field, read_headers

#: Fewer cost less when they are read value by value.
_FEWEST_ENTRIES = 64
#: Of so many rounds most entries must have followed the pattern, or it is left.
_ROUNDS_ON_TRIAL = 16

#: Tags of the two texts that a named value, and again its typed value, begins with.
_NAME_AND_TYPE = (1 << 3 | WireType.LENGTH, 2 << 3 | WireType.LENGTH)


class ValuePattern(NamedTuple):
    """One named value of the pattern: what it is, and the bytes it begins with in every entry.

    ``expected`` are these bytes under ``mask``, as words; ``outer`` and ``inner`` are the places of the lengths of
    the named value and of its typed value. The name ends at ``name_stop``, the content starts at ``tail``.
    """

    name: str
    type_name: str
    number: int
    mask: npt.NDArray[np.uint64]
    expected: npt.NDArray[np.uint64]
    outer: slice
    name_stop: int
    inner: slice
    tail: int


@dataclass(frozen=True)
class NamedField:
    """A repeated field of named values: its tag, and the number of the field that holds a value, by type name."""

    tag: int
    numbers: Mapping[str, int]


class NamedContents(NamedTuple):
    """Values of one type in the order of the bytes: their message, their name (a position in ``names``), their content.

    ``number`` is the field that the typed value is of; its content starts after the leading name and type.
    """

    number: int
    names: list[str]
    owners: Positions
    codes: Positions
    starts: Positions
    stops: Positions


@dataclass(frozen=True)
class NamedValues:
    """Values found by a pattern: a row per named value of the pattern, a column per entry.

    ``there`` tells which were found; their contents lie between ``starts`` and ``stops``. ``owners`` are the
    messages that the entries are.
    """

    patterns: list[ValuePattern]
    owners: Positions
    there: npt.NDArray[np.bool_]
    starts: npt.NDArray[np.int64]
    stops: npt.NDArray[np.int64]

    def of_type(self, type_name: str) -> NamedContents | None:
        """All values of one type, entry by entry; None if there are none."""
        rows = [row for row, pattern in enumerate(self.patterns) if pattern.type_name == type_name]
        if not rows or not self.there[rows].any():
            return None
        names = [self.patterns[row].name for row in rows]
        shape = len(self.owners), len(rows)
        owners = np.broadcast_to(self.owners[:, None], shape)
        codes = np.broadcast_to(np.arange(len(rows)), shape)
        columns = owners, codes, self.starts[rows].T, self.stops[rows].T
        there = self.there[rows].T
        flat = [column.ravel() for column in columns] if there.all() else [column[there] for column in columns]
        return NamedContents(self.patterns[rows[0]].number, names, *flat)


class Rest(NamedTuple):
    """What the pattern did not tell: named values as spans with their owners, and where entries go on."""

    owners: Positions
    starts: Positions
    stops: Positions
    positions: Positions


def find_named(
    buffer: Buffer, owners: Positions, positions: Positions, ends: Positions, field: NamedField
) -> tuple[NamedValues, Rest] | None:
    """Walk along the pattern of the longest entry, if there are entries enough."""
    if len(owners) < _FEWEST_ENTRIES:
        return None
    longest = int(np.argmax(ends - positions))
    patterns = _patterns(buffer, int(positions[longest]), int(ends[longest]), field)
    return _Walk(buffer, owners, positions.copy(), ends, field).along(patterns) if patterns else None


class _Walk:
    """All entries on their way along a pattern; each is at one of the ``positions``, which ascend."""

    def __init__(
        self, buffer: Buffer, owners: Positions, positions: Positions, ends: Positions, field: NamedField
    ) -> None:
        self._buffer = buffer
        self._owners = owners
        self._positions = positions
        self._ends = ends
        self._field = field
        nothing = owners[:0]
        self._rest = [(nothing, nothing, nothing)]

    def along(self, patterns: list[ValuePattern]) -> tuple[NamedValues, Rest]:
        shape = (len(patterns), len(self._owners))
        there = np.zeros(shape, np.bool_)
        starts, stops = np.empty(shape, np.int64), np.empty(shape, np.int64)
        for number, pattern in enumerate(patterns):
            if number % _ROUNDS_ON_TRIAL == 0 and number:
                recent = there[number - _ROUNDS_ON_TRIAL : number]
                if np.count_nonzero(recent) < recent.size // 2:
                    break
            there[number], starts[number], stops[number] = self._step(pattern)
        starts += np.array([pattern.tail for pattern in patterns])[:, None]
        rest_owners, rest_starts, rest_stops = (np.concatenate(columns) for columns in zip(*self._rest, strict=True))
        named = NamedValues(patterns, self._owners, there, starts, stops)
        return named, Rest(rest_owners, rest_starts, rest_stops, self._positions)

    def _step(self, pattern: ValuePattern) -> tuple[npt.NDArray[np.bool_] | bool, Positions, Positions]:
        """Which of the entries have this value of the pattern, where they were, and where they go on."""
        positions = self._positions
        rows = _heads(self._buffer, positions, pattern)
        lengths = _length(rows, pattern.outer)
        following = positions + (lengths + pattern.outer.stop)
        # The typed value is the last thing in the named one, so that one length tells the other.
        like = _length(rows, pattern.inner) == lengths - (pattern.inner.stop - pattern.outer.stop)
        like &= following <= self._ends
        like &= lengths >= pattern.tail - pattern.outer.stop
        words = rows.view("<u8")
        equal = (words & pattern.mask) == pattern.expected
        if not equal.all():
            like &= equal.all(axis=1)
        if self._field.numbers.get(pattern.type_name) != pattern.number:
            like[:] = False
        if like.all():
            self._positions = following
            return True, positions, following
        self._positions = np.where(like, following, positions)
        self._pass(pattern, rows, np.flatnonzero(~like))
        return like, positions, self._positions

    def _pass(self, pattern: ValuePattern, rows: npt.NDArray[np.uint8], others: Positions) -> None:
        """Pass values of this name that are not like the pattern; any other value waits for its own name."""
        name = slice(pattern.outer.stop, pattern.name_stop)
        expected = pattern.expected.view(np.uint8)[name]
        others = others[(rows[others, name] == expected).all(axis=1) & (self._positions[others] < self._ends[others])]
        if not len(others):
            return
        headers = read_headers(self._buffer, self._positions[others], self._ends[others])
        valid = headers.valid & (headers.tags == self._field.tag)
        self._rest.append((self._owners[others[valid]], headers.starts[valid], headers.stops[valid]))
        self._positions[others[valid]] = headers.stops[valid]


def _heads(buffer: Buffer, positions: Positions, pattern: ValuePattern) -> npt.NDArray[np.uint8]:
    """A row of as many bytes from each position on as the pattern has words; zeros behind the end of the body."""
    size = WORD * len(pattern.mask)
    last = buffer.size - size
    if last < 0:
        return np.zeros((len(positions), size), np.uint8)
    inside = positions if int(positions[-1]) <= last else np.minimum(positions, last)
    heads = np.ndarray(last + 1, f"V{size}", buffer.bytes, 0, (1,))[inside]
    rows = heads.view(np.uint8).reshape(len(positions), size)
    if inside is not positions:
        for row in np.flatnonzero(positions > last).tolist():  # fewer than there are bytes in a row
            ahead = buffer.bytes[positions[row] :]
            rows[row] = 0
            rows[row, : len(ahead)] = ahead
    return rows


def _length(rows: npt.NDArray[np.uint8], place: slice) -> Positions:
    """The varint of the given size at a place of each row."""
    length = rows[:, place.stop - 1].astype(np.int64)
    for byte in range(place.stop - 2, place.start - 1, -1):
        length = (length << 7) | (rows[:, byte] & 0x7F)
    return length


def _patterns(buffer: Buffer, position: int, end: int, field: NamedField) -> list[ValuePattern]:
    """The named values of one entry, up to the first thing that is none."""
    content = memoryview(buffer.arrow).cast("B")
    patterns = []
    while position < end:
        pattern_and_stop = _pattern(content, position, end, field)
        if pattern_and_stop is None:
            break
        pattern, position = pattern_and_stop
        patterns.append(pattern)
    return patterns


def _pattern(content: memoryview, position: int, end: int, field: NamedField) -> tuple[ValuePattern, int] | None:
    header = read_delimited(content, position, end)
    if header is None or header[0] != field.tag:
        return None
    _, start, stop = header
    named = bytes(content[position:stop])
    parts = []
    place, name_stop = start - position, 0
    for tag in _NAME_AND_TYPE:
        part = read_field(named, place)
        if part is None or part[0] != tag:
            return None
        parts.append(named[part[1] : part[2]])
        name_stop = name_stop or part[2]
        place = part[2]
    typed = read_field(named, place)
    if typed is None or typed[0] & 7 != WireType.LENGTH or typed[2] != len(named) or typed[0] >= 0x80:
        return None
    inner_start, tail = typed[1], typed[1]
    for tag, text in zip(_NAME_AND_TYPE, parts, strict=True):
        part = read_field(named, tail) if tail < len(named) else None
        if part is None or part[0] != tag or named[part[1] : part[2]] != text:
            break
        tail = part[2]
    try:
        name, type_name = (part.decode() for part in parts)
    except UnicodeDecodeError:
        return None
    outer, inner = slice(1, start - position), slice(place + 1, inner_start)
    mask = np.full(-(-tail // WORD) * WORD, 0xFF, np.uint8)
    mask[tail:] = 0
    # Of the two lengths only the number of their bytes is tested.
    mask[outer] = mask[inner] = 0x80
    expected = np.zeros(len(mask), np.uint8)
    expected[:tail] = np.frombuffer(named, np.uint8, tail)
    expected &= mask
    return (
        ValuePattern(
            name, type_name, typed[0] >> 3, mask.view("<u8"), expected.view("<u8"), outer, name_stop, inner, tail
        ),
        stop,
    )
