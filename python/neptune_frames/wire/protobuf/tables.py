"""Messages of one length as the rows of a table of bytes.

The answers for many series are alike: as many points, so as many bytes, with every field in the same place of
each answer. Such messages are the rows of a matrix of bytes, in which the same field of all points of all
messages is a view with two strides. Each view is tested or copied by one call into NumPy, block by block, so
that the bytes of a block stay in the processor's cache meanwhile. What is not like the pattern of its length
is left to `neptune_frames.wire.protobuf.records.Records`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from neptune_frames.wire.buffer import WORD, Buffer, Positions, progression, short_varints, text
from neptune_frames.wire.protobuf.fields import Kind, Message, WireType
from neptune_frames.wire.protobuf.gather import JOINED_BYTES, joined_spans
from neptune_frames.wire.protobuf.row_patterns import RowPattern, Stretch, row_pattern

#: A pattern is worth finding for messages that have so many bytes together.
_FEWEST_BYTES = 1 << 17
#: So many lengths are tried, those with most bytes first.
_MOST_LENGTHS = 16

Numbers = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]


class Tables:
    """Those of the messages between starts and stops that are rows of tables; each holds one list of numbers.

    ``rows`` are their places among all messages, table by table. ``items`` has the numbers of all items of
    each, one after another, by name; ``counts`` says how many there are of each.
    """

    def __init__(self, buffer: Buffer, starts: Positions, stops: Positions, message: Message) -> None:
        items = {field.name: field.kind for field in _listed(message).fields}
        self._buffer = buffer
        self._starts = starts
        tables = list(_tables(buffer, starts, stops, message))
        room = sum(len(table.rows) * table.pattern.items for table in tables)
        columns = {name: np.empty(room, kind.numpy_type) for name, kind in items.items()}
        self._tables: list[_Table] = []
        filled = 0
        for table in tables:
            shape = len(table.rows), table.pattern.items
            end = filled + shape[0] * shape[1]
            matrices = {name: column[filled:end].reshape(shape) for name, column in columns.items()}
            alike = _read_items(table, _blocks(buffer, starts[table.rows], stops[table.rows]), items, matrices)
            if not alike.all():
                table = _Table(table.rows[alike], table.pattern)
                end = filled + len(table.rows) * shape[1]
                for name, matrix in matrices.items():
                    columns[name][filled:end] = matrix[alike].reshape(-1)
            self._tables.append(table)
            filled = end
        self.items: dict[str, Numbers] = {name: column[:filled] for name, column in columns.items()}
        self.rows = _joined([table.rows for table in self._tables])
        self.counts = _joined([np.full(len(table.rows), table.pattern.items) for table in self._tables])

    def texts(self, path: str) -> pa.StringArray:
        """A text of each of the rows; empty where there is none."""
        parts = [self._texts(table, path) for table in self._tables]
        return parts[0] if len(parts) == 1 else pa.concat_arrays([pa.array([], pa.string()), *parts])

    def numbers(self, path: str) -> Positions:
        """A number of each of the rows; zero where there is none."""
        return _joined([self._numbers(table, path) for table in self._tables])

    def _texts(self, table: _Table, path: str) -> pa.StringArray:
        place = table.pattern.places.get(path)
        if place is None:
            return pa.repeat(pa.scalar(""), len(table.rows))
        starts = self._starts[table.rows]
        return text(self._buffer.binary(starts + place.start, starts + place.stop), starts + place.start)

    def _numbers(self, table: _Table, path: str) -> Positions:
        place = table.pattern.places.get(path)
        if place is None:
            return np.zeros(len(table.rows), np.int64)
        values, _ = self._buffer.varints(self._starts[table.rows] + place.start)
        return values.view(np.int64)


def _listed(message: Message) -> Message:
    """The message that is repeated somewhere within another."""
    for field in message.fields:
        if field.message is not None:
            return field.message if field.repeated else _listed(field.message)
    raise KeyError(f"{message.name} has no list")


class _Table(NamedTuple):
    """Messages of one length, and the pattern of one of them."""

    rows: Positions
    pattern: RowPattern


class _Block(NamedTuple):
    """Some rows of a table, and where their bytes are: the first at ``start``, the next ``stride`` further on."""

    rows: slice
    buffer: Buffer
    start: int
    stride: int

    def numbers(self, offset: int, dtype: npt.DTypeLike, step: int = 0, count: int = 1) -> Numbers:
        """A row for each row: numbers at the offset, and ``step`` further on each, without a copy."""
        shape = self.rows.stop - self.rows.start, count
        return np.ndarray(shape, dtype, self.buffer.bytes, self.start + offset, (self.stride, step))


def _tables(buffer: Buffer, starts: Positions, stops: Positions, message: Message) -> Iterator[_Table]:
    """The messages of each frequent length, as far as one of them has a pattern."""
    lengths, members, counts = np.unique(stops - starts, return_inverse=True, return_counts=True)
    sizes = lengths * counts
    content = memoryview(buffer.arrow).cast("B")
    for place in np.argsort(-sizes, kind="stable")[:_MOST_LENGTHS].tolist():
        if sizes[place] < _FEWEST_BYTES:
            return
        rows = np.flatnonzero(members == place)
        sample = rows[len(rows) // 2]
        pattern = row_pattern(content[starts[sample] : stops[sample]], message)
        if pattern is not None:
            yield _Table(rows, pattern)


def _blocks(buffer: Buffer, starts: Positions, stops: Positions) -> Iterator[_Block]:
    """Rows of one length, some at a time: as they are where their distances are equal, else brought together."""
    length = int(stops[0] - starts[0])
    height = max(1, JOINED_BYTES // length)
    stride = progression(starts)
    for first in range(0, len(starts), height):
        rows = slice(first, min(first + height, len(starts)))
        if stride is not None or height == 1:
            yield _Block(rows, buffer, int(starts[first]), stride or length)
        else:
            yield _Block(rows, Buffer(joined_spans(buffer, starts[rows], stops[rows])), 0, length)


def _read_items(
    table: _Table, blocks: Iterator[_Block], items: Mapping[str, Kind], matrices: Mapping[str, Numbers]
) -> Bools:
    """Copy the items of each row into its row of the matrices; return which rows are like the pattern."""
    alike = np.ones(len(table.rows), np.bool_)
    for block in blocks:
        verdict = alike[block.rows]
        for test in table.pattern.tests:
            verdict &= test.passed(block.numbers(test.offset, test.dtype))[:, 0]
        first = 0
        for stretch in table.pattern.stretches:
            for part in _parts(stretch, len(verdict)):
                for test in stretch.tests:
                    numbers = block.numbers(part.offset + test.offset, test.dtype, part.stride, part.repeats)
                    passed = test.passed(numbers)
                    if not passed.all():
                        verdict &= passed.all(axis=1)
                for name, kind in items.items():
                    matrices[name][block.rows, first : first + part.repeats] = _column(block, part, name, kind)
                first += part.repeats
    return alike


def _parts(stretch: Stretch, rows: int) -> Iterator[Stretch]:
    """The same items, in parts that are small enough for the cache."""
    at_once = max(1, JOINED_BYTES // (stretch.stride * rows))
    for first in range(0, stretch.repeats, at_once):
        repeats = min(at_once, stretch.repeats - first)
        yield stretch._replace(offset=stretch.offset + first * stretch.stride, repeats=repeats)


def _column(block: _Block, stretch: Stretch, name: str, kind: Kind) -> Numbers | int:
    """One number of each item: a row for each message."""
    place = stretch.places.get(name)
    if place is None:
        return 0
    size = place.stop - place.start
    dtype = np.dtype(kind.numpy_type).newbyteorder("<")
    if kind.wire_type is WireType.VARINT:
        dtype = np.dtype(np.uint8) if size == 1 else np.dtype(f"<u{WORD}")
    # A varint is the end of the word that ends with it.
    offset = stretch.offset + place.stop - dtype.itemsize
    numbers = block.numbers(offset, dtype, stretch.stride, stretch.repeats)
    if kind.wire_type is WireType.VARINT and size > 1:
        return short_varints(numbers, size).view(np.int64)
    return numbers


def _joined(columns: list[Positions]) -> Positions:
    return np.concatenate([np.empty(0, np.int64), *columns])
