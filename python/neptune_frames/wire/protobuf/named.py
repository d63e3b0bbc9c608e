"""Reading the named values of many entries that list the same names in the same order.

One entry is taken as the pattern. All entries then advance together, one named value per round: where an
entry has the head of the pattern's value, its content is at a place known from the pattern. An entry that
lacks a name waits for the next one that it has. Values that differ from the pattern in anything else than their
content, and what entries have beside it, are left to `scan`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neptune_frames.wire.buffer import WORD, Buffer, Positions
from neptune_frames.wire.protobuf.headers import read_headers
from neptune_frames.wire.protobuf.named_patterns import NamedField, ValuePattern, entry_patterns

#: Fewer cost less when they are read value by value.
_FEWEST_ENTRIES = 64
#: The longest entry may have so many times the bytes of the average one: this bounds what is looked for in vain.
_MOST_UNEVEN = 4
#: Of so many rounds most entries must have followed the pattern, or it is left.
_ROUNDS_ON_TRIAL = 16


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
    starts: Positions
    stops: Positions

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
    lengths = ends - positions
    longest = int(np.argmax(lengths))
    if int(lengths[longest]) * len(lengths) > _MOST_UNEVEN * int(lengths.sum()):
        return None
    patterns = entry_patterns(buffer, int(positions[longest]), int(ends[longest]), field)
    return _Walk(buffer, owners, positions, ends, field).along(patterns) if patterns else None


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
            starts[number] = self._positions
            there[number] = self._step(pattern)
            stops[number] = self._positions
        starts += np.array([pattern.tail for pattern in patterns])[:, None]
        rest_owners, rest_starts, rest_stops = (np.concatenate(columns) for columns in zip(*self._rest, strict=True))
        named = NamedValues(patterns, self._owners, there, starts, stops)
        return named, Rest(rest_owners, rest_starts, rest_stops, self._positions)

    def _step(self, pattern: ValuePattern) -> npt.NDArray[np.bool_] | bool:
        """Pass this value of the pattern; return which of the entries have it."""
        rows = _heads(self._buffer, self._positions, pattern)
        differences = rows.view("<u8") ^ pattern.expected
        differences[:, -1] &= pattern.last_mask  # all other words are bytes of the head
        if not differences.any():  # so the lengths are the same too
            following = self._positions + pattern.stop
            like = following <= self._ends
        else:
            lengths = _length(rows, pattern.outer)
            following = self._positions + (lengths + pattern.outer.stop)
            # The typed value is the last thing in the named one, so that one length tells the other.
            like = _length(rows, pattern.inner) == lengths - (pattern.inner.stop - pattern.outer.stop)
            like &= following <= self._ends
            like &= lengths >= pattern.tail - pattern.outer.stop
            differences &= pattern.loose_mask
            if differences.any():
                like &= ~differences.any(axis=1)
        if self._field.numbers.get(pattern.type_name) != pattern.number:
            like[:] = False
        if like.all():
            self._positions = following
            return True
        self._positions = np.where(like, following, self._positions)
        self._pass(pattern, rows, np.flatnonzero(~like))
        return like

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
    size = WORD * len(pattern.expected)
    last = buffer.size - size
    if last < 0:
        return np.zeros((len(positions), size), np.uint8)
    if int(positions[-1]) <= last:
        return buffer.rows(positions, size)
    rows = buffer.rows(np.minimum(positions, last), size).copy()
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
