"""Parquet files of batches: opened with what the manifest says of them, footers read once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from neptune_frames.errors import DamagedFileError
from neptune_frames.query.literals import EPOCH
from neptune_frames.slices import offsets_of
from neptune_frames.sources.archive.batch_layout import FileEntry
from neptune_frames.sources.archive.object_path import Location, ObjectPath, RangedReader

#: Footers that are kept in memory.
_KEPT_FOOTERS = 512
#: The end of a file in an object store that is fetched to read its footer.
_FOOTER_BYTES = 64 * 1024
_UNREADABLE = (pa.ArrowException, OSError, ValueError)


@dataclass(frozen=True)
class Footer:
    """The metadata of a file; ``rows`` are the first rows of its row groups, and the number of all."""

    metadata: pq.FileMetaData
    rows: npt.NDArray[np.int64]

    @classmethod
    def of(cls, metadata: pq.FileMetaData) -> Footer:
        lengths = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
        return cls(metadata, offsets_of(np.array(lengths, np.int64)))

    def bounds(self, column: str) -> list[tuple[Any, Any] | None]:
        """The lowest and highest value of a column by row group; None where that is not known."""
        paths = [self.metadata.schema.column(position).path for position in range(self.metadata.num_columns)]
        if column not in paths:
            return [None] * self.metadata.num_row_groups
        at = paths.index(column)
        found = [
            self.metadata.row_group(number).column(at).statistics for number in range(self.metadata.num_row_groups)
        ]
        return [(one.min, one.max) if one is not None and one.has_min_max else None for one in found]

    @cached_property
    def steps(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The lowest and highest step by row group; infinite where that is not known."""
        found = [(-np.inf, np.inf) if one is None else one for one in self.bounds("step")]
        return np.array([low for low, _ in found]), np.array([high for _, high in found])

    @cached_property
    def times(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The earliest and the latest time by row group, in milliseconds since 1970; infinite where not known."""
        found = [
            (-np.inf, np.inf) if one is None else (_milliseconds(one[0]), _milliseconds(one[1]))
            for one in self.bounds("timestamp")
        ]
        return np.array([low for low, _ in found]), np.array([high for _, high in found])

    def constants(self, column: str) -> dict[str | None, list[int]]:
        """Row groups by the only text that a column has in them, in order; None: by several, or not known."""
        found: dict[str | None, list[int]] = {}
        for number, one in enumerate(self.bounds(column)):
            found.setdefault(one[0] if one is not None and one[0] == one[1] else None, []).append(number)
        return found


def _milliseconds(time: datetime) -> int:
    return (time - EPOCH) // timedelta(milliseconds=1)


#: The earliest and the latest time, None where there is none.
TimeSpan = tuple[datetime | None, datetime | None]


def time_span(metadata: pq.FileMetaData) -> TimeSpan:
    """The span of a file's column ``timestamp``, as its statistics have it."""
    return joined_span([one for one in Footer.of(metadata).bounds("timestamp") if one is not None])


def joined_span(spans: Sequence[TimeSpan]) -> TimeSpan:
    """From the earliest to the latest of several spans."""
    first = [start for start, _ in spans if start is not None]
    last = [end for _, end in spans if end is not None]
    return (min(first) if first else None, max(last) if last else None)


class ParquetFiles:
    """Reads files of batches, on disk or in an object store. Thread-safe.

    Raises `DamagedFileError`, naming the file, where it is missing, has another size or number of rows than
    its manifest says, or cannot be decoded.
    """

    def __init__(self) -> None:
        self._footers: OrderedDict[str, Footer] = OrderedDict()
        self._lock = threading.Lock()

    def footer(self, file: Location, entry: FileEntry) -> Footer:
        key = str(file)
        with self._lock:
            if key in self._footers:
                self._footers.move_to_end(key)
                return self._footers[key]
        with named_damage(file), _opened(file, entry, None) as opened:
            metadata = opened.metadata
        if metadata.num_rows != entry.rows:
            raise DamagedFileError(key, f"it has {metadata.num_rows:,} rows, and the manifest says {entry.rows:,}")
        footer = Footer.of(metadata)
        with self._lock:
            self._footers[key] = footer
            if len(self._footers) > _KEPT_FOOTERS:
                self._footers.popitem(last=False)
        return footer

    def forget(self, directory: Location) -> None:
        """Drop what is known of the files below a directory."""
        with self._lock:
            for key in [key for key in self._footers if key.startswith(str(directory))]:
                del self._footers[key]

    def read(
        self,
        file: Location,
        entry: FileEntry,
        columns: Sequence[str],
        row_groups: Sequence[int] | None = None,
        dictionaries: Sequence[str] = (),
    ) -> pa.Table:
        """Columns of some row groups (default: all), those in ``dictionaries`` as they are encoded."""
        footer = self.footer(file, entry)
        groups = list(range(footer.metadata.num_row_groups)) if row_groups is None else list(row_groups)
        with named_damage(file), _opened(file, entry, footer, columns, groups, dictionaries) as opened:
            table = opened.read_row_groups(groups, columns=list(columns))
        missing = set(columns).difference(table.column_names)
        if missing:
            raise DamagedFileError(str(file), f"it has no column {', '.join(sorted(missing))}")
        return table


@contextmanager
def named_damage(file: Location) -> Iterator[None]:
    """What fails while a file is read as `DamagedFileError`, which names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise DamagedFileError(str(file), "it is missing") from error
    except _UNREADABLE as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise DamagedFileError(str(file), lines[0]) from error


@contextmanager
def _opened(
    file: Location,
    entry: FileEntry,
    footer: Footer | None,
    columns: Sequence[str] = (),
    row_groups: Sequence[int] = (),
    dictionaries: Sequence[str] = (),
) -> Iterator[pq.ParquetFile]:
    metadata = None if footer is None else footer.metadata
    source: str | RangedReader
    if isinstance(file, ObjectPath):
        source = RangedReader(file, entry.bytes)
        if metadata is None:
            source.fetch([(max(0, entry.bytes - _FOOTER_BYTES), entry.bytes)])
        else:
            source.fetch(_ranges(metadata, columns, row_groups))
    else:
        source = str(file)
        size = file.stat().st_size
        if size != entry.bytes:
            raise DamagedFileError(source, f"it has {size:,} bytes, and the manifest says {entry.bytes:,}")
    # The ranges were fetched as they are read: buffering would ask for the gaps between them too.
    with pq.ParquetFile(source, metadata=metadata, read_dictionary=list(dictionaries), pre_buffer=False) as opened:
        yield opened


def _ranges(metadata: pq.FileMetaData, columns: Sequence[str], row_groups: Sequence[int]) -> list[tuple[int, int]]:
    """Where the chunks of columns lie in the file."""
    wanted = set(columns)
    found = []
    for number in row_groups:
        group = metadata.row_group(number)
        for position in range(group.num_columns):
            column = group.column(position)
            if column.path_in_schema.partition(".")[0] in wanted:
                start = column.data_page_offset
                if column.has_dictionary_page and column.dictionary_page_offset is not None:
                    start = min(start, column.dictionary_page_offset)
                found.append((start, start + column.total_compressed_size))
    return found
