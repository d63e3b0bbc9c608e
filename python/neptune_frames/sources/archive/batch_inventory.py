"""What batches of the layout "neptune-frames" hold, read from their tables of runs, attributes and stretches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import ArchiveError
from neptune_frames.query.attributes import FLOAT_SERIES
from neptune_frames.schemas import FLOAT_SERIES_STATISTICS
from neptune_frames.sources.archive.batch_layout import (
    ATTRIBUTES_DIRECTORY,
    RUNS_FILE,
    SERIES_DIRECTORY,
    FileEntry,
    Manifest,
)
from neptune_frames.sources.archive.inventory import Inventory, in_order
from neptune_frames.sources.archive.layout import PARAMETER_COLUMNS
from neptune_frames.sources.archive.object_path import Location
from neptune_frames.sources.archive.parquet_files import ParquetFiles

#: Columns that are read as they are encoded: texts that mostly repeat.
_TEXTS = ("run", "attribute", "type", PARAMETER_COLUMNS["string"])
_STRETCH = ("count", "first_step", "last_step", "bytes", "part", "row")
#: Attributes that the table of runs holds too: an archive of chosen attributes may have them only there.
_OF_RUNS = {
    ("string", "sys/id"): "sys_id",
    ("string", "sys/name"): "experiment",
    ("datetime", "sys/creation_time"): "creation_time",
    ("datetime", "sys/modification_time"): "modification_time",
}


def read_batches(batches: Mapping[str, tuple[Location, Manifest]], files: ParquetFiles) -> Inventory:
    """The inventory of batches, whose names in it are the keys of ``batches``; no point is read.

    Tables of series have the columns ``part`` and ``row`` too, see `STRETCHES`. Raises `DamagedFileError`.
    """
    read = [_read(batch, manifest, files) for batch, manifest in batches.values()]
    file_names = pl.Series("files", list(batches), dtype=pl.String).sort()
    runs = _distinct([one.runs["run"] for one in read]).alias("runs")
    attributes = _distinct([names for one in read for names in one.attributes]).alias("attributes")
    found: dict[str, list[pl.DataFrame]] = {}
    owners = []
    for part, one in zip(batches, read, strict=True):
        file = int(file_names.search_sorted(part))
        codes = _Codes(_Lookup(one.runs["run"], runs), _Lookup(attributes, attributes))
        pieces: dict[str, list[pl.DataFrame]] = {}
        for piece in one.pieces:
            for attribute_type, rows in _by_type(piece, file, codes):
                pieces.setdefault(attribute_type, []).append(rows)
        own = {kind: rows[0] if len(rows) == 1 else in_order(rows) for kind, rows in pieces.items()}
        for attribute_type, rows in _from_runs(one.runs, file, codes, own):
            own[attribute_type] = in_order([own[attribute_type], rows]) if attribute_type in own else rows
        for attribute_type, rows in own.items():
            found.setdefault(attribute_type, []).append(rows)
        numbers = codes.runs.known
        owners.append(pl.DataFrame({"file": np.full(len(numbers), file, dtype=np.int32), "run": numbers}))
    return Inventory(
        read[0].project if read else None,
        file_names,
        runs,
        attributes,
        pl.concat(owners) if owners else pl.DataFrame(schema={"file": pl.Int32, "run": pl.Int32}),
        {attribute_type: in_order(rows) for attribute_type, rows in found.items()},
    )


class _Piece(NamedTuple):
    """Rows of one file, keys as dictionaries; ``attribute_type`` is that of all of them, None for several."""

    directory: str
    attribute_type: str | None
    rows: pa.Table


@dataclass(frozen=True)
class _Tables:
    """What was read of one batch."""

    project: str
    runs: pl.DataFrame
    pieces: list[_Piece]

    @property
    def attributes(self) -> list[pl.Series]:
        """All names of attributes, some more than once."""
        names = [
            pl.Series(dictionary, dtype=pl.String)
            for piece in self.pieces
            for dictionary in _dictionaries(piece.rows["attribute"])
        ]
        more = [name for (_, name), column in _OF_RUNS.items() if self.runs[column].count()]
        return [*names, pl.Series(more, dtype=pl.String)]


class _Lookup:
    """Finds the numbers of some texts, which are their positions in a longer, sorted list."""

    def __init__(self, texts: pl.Series, numbered: pl.Series) -> None:
        self._texts = texts.to_arrow().cast(pa.string())
        self.known: npt.NDArray[np.int32] = numbered.search_sorted(texts).cast(pl.Int32).to_numpy()

    def numbers(self, column: pa.ChunkedArray) -> npt.NDArray[np.int32]:
        """The number of each text of a dictionary column, which are all among the texts."""
        found = np.empty(len(column), dtype=np.int32)
        names, numbers, start = None, self.known, 0
        for chunk in column.chunks:
            if names is None or not chunk.dictionary.equals(names):
                names = chunk.dictionary
                at = pc.index_in(names.cast(pa.string()), value_set=self._texts)
                if at.null_count:
                    raise ArchiveError(f"A batch names a run that is not among its runs: {names[0].as_py()!r}.")
                numbers = self.known[at.to_numpy()]
            stop = start + len(chunk)
            # Indices are in range; in the mode that checks them, numpy would buffer the result.
            np.take(numbers, chunk.indices.to_numpy(), out=found[start:stop], mode="clip")
            start = stop
        return found


class _Codes(NamedTuple):
    runs: _Lookup
    attributes: _Lookup

    def attribute(self, name: str) -> int:
        return int(self.attributes.numbers(pa.chunked_array([pa.array([name]).dictionary_encode()]))[0])


def _read(batch: Location, manifest: Manifest, files: ParquetFiles) -> _Tables:
    entry = manifest.entry(batch, RUNS_FILE)
    runs: pl.DataFrame = pl.from_arrow(  # type: ignore[assignment]
        files.read(batch / RUNS_FILE, entry, ["run", *dict.fromkeys(_OF_RUNS.values())])
    )
    pieces = [
        piece
        for directory in (ATTRIBUTES_DIRECTORY, SERIES_DIRECTORY)
        for entry in _entries(manifest, directory)
        for piece in _pieces(directory, batch / entry.path, entry, files)
    ]
    return _Tables(manifest.project, runs, pieces)


def _pieces(directory: str, file: Location, entry: FileEntry, files: ParquetFiles) -> Iterator[_Piece]:
    """The rows of a file, those of one type with the columns of that type only."""
    for attribute_type, groups in files.footer(file, entry).constants("type").items():
        wanted = ["run", "attribute", *_values(directory, attribute_type).values()]
        if attribute_type is None:
            wanted.append("type")
        texts = [name for name in wanted if name in _TEXTS]
        read = files.read(file, entry, wanted, groups, dictionaries=texts)
        yield _Piece(directory, attribute_type, read)


def _entries(manifest: Manifest, start: str) -> list[FileEntry]:
    """The files of a batch with this name, or in this directory, in order."""
    return [entry for entry in manifest.files if entry.path.partition("/")[0] == start]


def _by_type(piece: _Piece, file: int, codes: _Codes) -> Iterator[tuple[str, pl.DataFrame]]:
    """The rows of each type, as the tables of an inventory; rows of one type lie together."""
    table = piece.rows
    run, attribute = codes.runs.numbers(table["run"]), codes.attributes.numbers(table["attribute"])
    for attribute_type, start, end in _stretches_of_types(piece):
        columns: dict[str, npt.NDArray[np.int32] | pl.Series] = {
            "attribute": attribute[start:end],
            "run": run[start:end],
            "file": np.full(end - start, file, dtype=np.int32),
        }
        for name, stored in _values(piece.directory, attribute_type).items():
            values = table[stored].slice(start, end - start)
            columns[name] = _decoded(values) if pa.types.is_dictionary(values.type) else pl.Series(name, values)
        yield attribute_type, pl.DataFrame(columns)


def _stretches_of_types(piece: _Piece) -> Iterator[tuple[str, int, int]]:
    """Each type of a piece, and its first row and the one after its last."""
    if piece.attribute_type is not None:
        yield piece.attribute_type, 0, piece.rows.num_rows
        return
    types = _decoded(piece.rows["type"]).rle().struct
    ends = [0, *np.cumsum(types.field("len").to_numpy(), dtype=np.int64).tolist()]
    for attribute_type, (start, end) in zip(types.field("value"), pairwise(ends), strict=True):
        yield attribute_type, start, end


def _values(directory: str, attribute_type: str | None) -> Mapping[str, str]:
    """The columns of an inventory's table beside the keys, and where they are stored; None: of any type."""
    if directory == ATTRIBUTES_DIRECTORY:
        if attribute_type is None:
            return {column: column for column in PARAMETER_COLUMNS.values()}
        return {"value": PARAMETER_COLUMNS[attribute_type]}
    statistics = ("last", *FLOAT_SERIES_STATISTICS) if attribute_type in (FLOAT_SERIES, None) else ()
    return {name: name for name in (*_STRETCH, *statistics)}


def _distinct(texts: list[pl.Series]) -> pl.Series:
    return pl.concat([pl.Series([], dtype=pl.String), *texts]).unique().sort()


def _decoded(column: pa.ChunkedArray) -> pl.Series:
    """The texts of a dictionary column: several times faster than decoding each text by itself."""
    texts = [pl.Series(chunk.dictionary, dtype=pl.String).gather(pl.Series(chunk.indices)) for chunk in column.chunks]
    return pl.concat([pl.Series([], dtype=pl.String), *texts])


def _dictionaries(column: pa.ChunkedArray) -> Iterator[pa.Array]:
    """The dictionaries of a column's chunks, leaving out one that is that of the chunk before."""
    before = None
    for chunk in column.chunks:
        if before is None or not chunk.dictionary.equals(before):
            before = chunk.dictionary
            yield before


def _from_runs(
    table: pl.DataFrame, file: int, codes: _Codes, found: Mapping[str, pl.DataFrame]
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Rows for what the table of runs says, where the attributes do not say it; one table for each type."""
    runs = codes.runs.known
    lacking: dict[str, list[pl.DataFrame]] = {}
    for (attribute_type, name), column in _OF_RUNS.items():
        known = table[column].is_not_null().to_numpy()
        if not known.any():
            continue
        code = codes.attribute(name)
        if attribute_type in found:
            attribute = found[attribute_type]["attribute"].to_numpy()
            start, stop = np.searchsorted(attribute, np.array([code, code + 1], dtype=np.int32)).tolist()
            known &= ~np.isin(runs, found[attribute_type]["run"][start:stop].to_numpy())
        if known.any():
            rows = pl.DataFrame({"run": runs, "value": table[column]}).filter(pl.Series(known))
            keys = (pl.lit(code, pl.Int32).alias("attribute"), "run", pl.lit(file, pl.Int32).alias("file"))
            lacking.setdefault(attribute_type, []).append(rows.select(*keys, "value").sort("run"))
    for attribute_type, pieces in lacking.items():
        yield attribute_type, in_order(pieces)
