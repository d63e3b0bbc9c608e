"""Parquet files of the layout "neptune-frames": how they are encoded, cut into row groups and checksummed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from neptune_frames.sources.archive.batch_layout import FileEntry
from neptune_frames.sources.archive.grouping import dense_codes
from neptune_frames.writing.durable import HashingFile

#: Rows of one row group, and of the fewest it is cut to so that it ends where an attribute ends.
ROW_GROUP_ROWS = 65_536
ROW_GROUP_LEAST = 16_384
#: Bytes of values in one row group, where values are wide.
ROW_GROUP_BYTES = 16 * 1024 * 1024

#: Measured on series of random and of smooth values: splitting the bytes of doubles helps zstd most, deltas fit
#: timestamps, and both are cheaper to write than a dictionary.
_ENCODINGS = {
    pa.float64(): "BYTE_STREAM_SPLIT",
    pa.timestamp("ms", tz="UTC"): "DELTA_BINARY_PACKED",
    pa.int64(): "DELTA_BINARY_PACKED",
    pa.int32(): "DELTA_BINARY_PACKED",
}
_KEYS = ("run", "attribute", "type")


class PartWriter:
    """One Parquet file on its way. Each table given becomes one row group, so cut them first (`row_groups`)."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = HashingFile(path)
        self.rows = 0
        encodings = {
            field.name: _ENCODINGS[field.type]
            for field in schema
            if field.type in _ENCODINGS and field.name not in _KEYS
        }
        self._schema = pa.schema([_in_memory(field) for field in schema])
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._file, mode="w"),
            self._schema,
            # Names are dictionaries in memory and in the file, but not in the schema: readers see texts.
            store_schema=False,
            compression="zstd",
            compression_level=1,
            use_dictionary=[name for name in _dictionary_columns(schema) if name not in encodings],
            column_encoding=encodings,
            write_page_index=True,
            # One page for each column of a row group: those of doubles compress by a tenth better.
            max_rows_per_page=ROW_GROUP_ROWS,
            write_statistics=True,
        )

    def write(self, table: pa.Table) -> None:
        columns = [
            column.dictionary_encode() if name in _KEYS and pa.types.is_string(column.type) else column
            for name, column in zip(table.column_names, table.columns, strict=True)
        ]
        rows = pa.table(columns, schema=self._schema)
        self._writer.write_table(rows, row_group_size=max(rows.num_rows, 1))
        self.rows += table.num_rows

    @property
    def bytes(self) -> int:
        """Written so far."""
        return self._file.bytes

    def finish(self, name: str) -> FileEntry:
        """Complete the file; ``name`` is its path in the batch."""
        self._writer.close()
        self._file.close()
        return FileEntry(name, self.rows, self._file.bytes, self._file.sha256)

    def abandon(self) -> None:
        """Give up, after an error."""
        self._writer.is_open = False
        self._file.abandon()


class Abandoned(Protocol):
    """What can give up."""

    def abandon(self) -> None: ...


@contextmanager
def abandoned_on_error(writer: Abandoned) -> Iterator[None]:
    """The writer's file is closed, though not completed, where an error ends the block."""
    try:
        yield
    except BaseException:
        writer.abandon()
        raise


def write_rows(batch: Path, name: str, table: pa.Table, schema: pa.Schema) -> FileEntry:
    """A whole table as a file of a batch."""
    writer = PartWriter(batch / name, schema)
    with abandoned_on_error(writer):
        for start in range(0, table.num_rows, ROW_GROUP_ROWS):
            writer.write(table.slice(start, ROW_GROUP_ROWS))
        return writer.finish(name)


def row_groups(
    changes: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64] | None, rows: int
) -> Iterator[tuple[int, int]]:
    """Where to cut rows into row groups: bounded in rows and bytes, at the end of an attribute if one is near.

    Args:
        changes: Rows at which another attribute begins, ascending.
        sizes: Bytes of each row, where rows are wide.
        rows: How many there are.

    >>> list(row_groups(np.array([40_000, 90_000]), None, 120_000))
    [(0, 40000), (40000, 90000), (90000, 120000)]
    >>> list(row_groups(np.array([100]), None, 100_000))
    [(0, 65536), (65536, 100000)]
    >>> list(row_groups(np.array([]), np.full(5, ROW_GROUP_BYTES // 2), 5))
    [(0, 2), (2, 4), (4, 5)]
    """
    ends = None if sizes is None else np.cumsum(sizes)
    start = 0
    while start < rows:
        stop = min(rows, start + ROW_GROUP_ROWS)
        if ends is not None:
            before = int(ends[start - 1]) if start else 0
            fits = int(np.searchsorted(ends, before + ROW_GROUP_BYTES, side="right"))
            stop = min(stop, max(start + 1, fits))
        if stop < rows:
            last = int(np.searchsorted(changes, stop, side="right")) - 1
            if last >= 0 and changes[last] >= start + ROW_GROUP_LEAST:
                stop = int(changes[last])
        yield start, stop
        start = stop


def repeated_names(
    names: pa.Array, codes: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64] | None = None
) -> pa.DictionaryArray:
    """``names[codes]``, each ``lengths`` times, as a dictionary of those that occur.

    >>> repeated_names(pa.array(["a", "b", "c"]), np.array([2, 0]), np.array([1, 2])).to_pylist()
    ['c', 'a', 'a']
    """
    distinct, places = dense_codes(codes, len(names))
    places = places.astype(np.int32)
    indices = places if lengths is None else np.repeat(places, lengths)
    return pa.DictionaryArray.from_arrays(pa.array(indices), names.take(pa.array(distinct)))


def _dictionary_columns(schema: pa.Schema) -> list[str]:
    """Columns for which a dictionary pays: names, and texts that repeat from run to run."""
    return [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_boolean(field.type)]


def _in_memory(field: pa.Field) -> pa.Field:
    """Keys are dictionaries in memory, which are written as they are."""
    return field.with_type(pa.dictionary(pa.int32(), pa.string())) if field.name in _KEYS else field
