"""Reading the named values of many entries that list the same names in the same order.

One entry is taken as the pattern. All entries then advance together, one named value per round: where an
entry has the bytes of the pattern (name, type, and the header of the value), its value is at a place known
from the pattern. Values that differ from it in anything else than their content, and whole entries that
list other names, are left to `scan`.
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

    ``expected`` are these bytes under ``mask``, as words; ``outer`` and ``inner`` are where the lengths of
    the named value and of its typed value end and how many bytes they take; ``tail`` is where the content starts.
    """

    name: str
    type_name: str
    number: int
    mask: npt.NDArray[np.uint64]
    expected: npt.NDArray[np.uint64]
    outer: tuple[int, int]
    inner: tuple[int, int]
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
        there = self.there[rows].T
        owners = np.broadcast_to(self.owners[:, None], there.shape)[there]
        codes = np.broadcast_to(np.arange(len(rows)), there.shape)[there]
        names = [self.patterns[row].name for row in rows]
        starts, stops = self.starts[rows].T[there], self.stops[rows].T[there]
        return NamedContents(self.patterns[rows[0]].number, names, owners, codes, starts, stops)


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
    """All entries on their way along a pattern; each is at one of the ``positions``."""

    def __init__(
        self, buffer: Buffer, owners: Positions, positions: Positions, ends: Positions, field: NamedField
    ) -> None:
        self._buffer = buffer
        self._owners = owners
        self._positions = positions
        self._ends = ends
        self._field = field
        self._walking = np.arange(len(owners))
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
            going_on = self._positions[self._walking] < self._ends[self._walking]
            if not going_on.all():
                self._walking = self._walking[going_on]
            if not len(self._walking):
                break
            everyone = len(self._walking) == len(self._owners)
            walking = slice(None) if everyone else self._walking
            there[number, walking], starts[number, walking], following = self._step(pattern, walking)
            stops[number, walking] = self._positions[walking] = following
        rest_owners, rest_starts, rest_stops = (np.concatenate(columns) for columns in zip(*self._rest, strict=True))
        named = NamedValues(patterns, self._owners, there, starts, stops)
        return named, Rest(rest_owners, rest_starts, rest_stops, self._positions)

    def _step(
        self, pattern: ValuePattern, walking: Positions | slice
    ) -> tuple[npt.NDArray[np.bool_], Positions, Positions]:
        """Which of the entries have this value of the pattern, where its content starts, and where they go on."""
        positions, ends = self._positions[walking], self._ends[walking]
        like, tails, following = _compare(self._buffer, positions, ends, pattern)
        if self._field.numbers.get(pattern.type_name) != pattern.number:
            like[:] = False
        if not like.all():
            others = np.flatnonzero(~like)
            headers = read_headers(self._buffer, positions[others], ends[others])
            is_named = headers.valid & (headers.tags == self._field.tag)
            following[others] = np.where(is_named, headers.stops, positions[others])
            owners = self._owners[self._walking[others[is_named]]]
            self._rest.append((owners, headers.starts[is_named], headers.stops[is_named]))
            # An entry that goes on with something else is left to `scan` from here on.
            self._walking = np.delete(self._walking, others[~is_named])
        return like, tails, following


def _compare(
    buffer: Buffer, positions: Positions, ends: Positions, pattern: ValuePattern
) -> tuple[npt.NDArray[np.bool_], Positions, Positions]:
    """Which entries go on as the pattern does, where the contents start, and where they stop."""
    size = WORD * len(pattern.mask)
    last = buffer.size - size
    if last < 0:
        return np.zeros(len(positions), np.bool_), positions, positions.copy()
    readable = positions if int(positions.max()) <= last else np.minimum(positions, last)
    bytes_ahead = np.ndarray(last + 1, f"V{size}", buffer.bytes, 0, (1,))[readable]
    words = bytes_ahead.view("<u8").reshape(len(positions), -1)
    equal = (words & pattern.mask) == pattern.expected
    like = np.ones(len(positions), np.bool_) if bool(equal.all()) else equal.all(axis=1)
    if readable is not positions:
        like &= positions <= last
    rows = bytes_ahead.view(np.uint8).reshape(len(positions), -1)
    following = positions + (pattern.outer[0] + _length(rows, *pattern.outer))
    content_stops = positions + (pattern.inner[0] + _length(rows, *pattern.inner))
    tails = positions + pattern.tail
    like &= (content_stops == following) & (tails <= following) & (following <= ends)
    return like, tails, following


def _length(rows: npt.NDArray[np.uint8], stop: int, size: int) -> Positions:
    """The varint of the given size that ends at a place of each row."""
    length = rows[:, stop - 1].astype(np.int64)
    for place in range(stop - 2, stop - size - 1, -1):
        length = (length << 7) | (rows[:, place] & 0x7F)
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
    place = start - position
    for tag in _NAME_AND_TYPE:
        part = read_field(named, place)
        if part is None or part[0] != tag:
            return None
        parts.append(named[part[1] : part[2]])
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
    outer_size, inner_size = start - position - 1, inner_start - place - 1
    mask = np.full(-(-tail // WORD) * WORD, 0xFF, np.uint8)
    mask[tail:] = 0
    # Of the two lengths only the number of their bytes is tested.
    mask[1 : 1 + outer_size] = 0x80
    mask[place + 1 : inner_start] = 0x80
    expected = np.zeros(len(mask), np.uint8)
    expected[:tail] = np.frombuffer(named[:tail], np.uint8)
    expected &= mask
    return (
        ValuePattern(
            name,
            type_name,
            typed[0] >> 3,
            mask.view("<u8"),
            expected.view("<u8"),
            (start - position, outer_size),
            (inner_start, inner_size),
            tail,
        ),
        stop,
    )
