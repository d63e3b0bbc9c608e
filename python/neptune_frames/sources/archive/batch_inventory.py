"""What a batch of the layout "neptune-frames" holds, read from its tables of runs, attributes and stretches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from neptune_frames.schemas import FLOAT_SERIES_STATISTICS
from neptune_frames.sources.archive.batch_layout import (
    ATTRIBUTES_DIRECTORY,
    RUNS_FILE,
    SERIES_DIRECTORY,
    FileEntry,
    Manifest,
)
from neptune_frames.sources.archive.inventory import Inventory, codes_in
from neptune_frames.sources.archive.layout import FLOAT_SERIES, PARAMETER_COLUMNS
from neptune_frames.sources.archive.object_path import Location
from neptune_frames.sources.archive.parquet_files import ParquetFiles

_KEYS = ("run", "attribute", "type")
_STRETCH = ("count", "first_step", "last_step", "bytes", "part", "row")
#: Attributes that the table of runs holds too: an archive of chosen attributes may have them only there.
_OF_RUNS = {
    ("string", "sys/id"): "sys_id",
    ("string", "sys/name"): "experiment",
    ("datetime", "sys/creation_time"): "creation_time",
    ("datetime", "sys/modification_time"): "modification_time",
}


def read_batch(part: str, batch: Location, manifest: Manifest, files: ParquetFiles) -> Inventory:
    """The inventory of one batch, whose name in it is ``part``; no point is read.

    Tables of series have the columns ``part`` and ``row`` too, see `STRETCHES`. Raises `DamagedFileError`.
    """
    kinds = [(kind, _entries(manifest, kind)) for kind in (ATTRIBUTES_DIRECTORY, SERIES_DIRECTORY)]
    tables = [
        (kind, files.read(batch / entry.path, entry, _columns(kind), dictionaries=_KEYS))
        for kind, entries in kinds
        for entry in entries
    ]
    (runs_entry,) = [entry for entry in manifest.files if entry.path == RUNS_FILE]
    columns = ["run", *dict.fromkeys(_OF_RUNS.values())]
    runs_table: pl.DataFrame = pl.from_arrow(files.read(batch / RUNS_FILE, runs_entry, columns))  # type: ignore[assignment]
    runs = runs_table["run"].unique().sort().alias("runs")
    names = [
        *(pl.Series(chunk.dictionary, dtype=pl.String) for _, table in tables for chunk in table["attribute"].chunks),
        pl.Series(
            [name for (_, name), column in _OF_RUNS.items() if runs_table[column].count()],
            dtype=pl.String,
        ),
    ]
    attributes = pl.concat(names).unique().sort().alias("attributes")
    found: dict[str, list[pl.DataFrame]] = {}
    for kind, table in tables:
        for attribute_type, rows in _by_type(kind, table, runs, attributes):
            found.setdefault(attribute_type, []).append(rows)
    merged = {kind: pl.concat(rows) for kind, rows in found.items()}
    for attribute_type, rows in _from_runs(runs_table, runs, attributes, merged):
        merged[attribute_type] = pl.concat([merged[attribute_type], rows]) if attribute_type in merged else rows
    return Inventory(
        manifest.project,
        pl.Series("files", [part]),
        runs,
        attributes,
        pl.DataFrame({"file": pl.zeros(len(runs), pl.Int32, eager=True), "run": np.arange(len(runs), dtype=np.int32)}),
        {kind: _sorted(rows) for kind, rows in merged.items()},
    )


def _columns(kind: str) -> list[str]:
    if kind == ATTRIBUTES_DIRECTORY:
        return [*_KEYS, *PARAMETER_COLUMNS.values()]
    return [*_KEYS, *_STRETCH, "last", *FLOAT_SERIES_STATISTICS]


def _entries(manifest: Manifest, directory: str) -> list[FileEntry]:
    """The part files of one directory of a batch, in order."""
    return [entry for entry in manifest.files if entry.path.startswith(f"{directory}/")]


def _by_type(kind: str, table: pa.Table, runs: pl.Series, attributes: pl.Series) -> Iterator[tuple[str, pl.DataFrame]]:
    """The rows of each type, as the tables of an inventory; rows of one type lie together."""
    types = pl.concat([pl.Series(["int"]).clear(), *(_texts(chunk) for chunk in table["type"].chunks)]).rle()
    ends = np.cumsum(types.struct.field("len").to_numpy(), dtype=np.int64)
    run, attribute = dictionary_codes(table["run"], runs), dictionary_codes(table["attribute"], attributes)
    for attribute_type, (start, end) in zip(types.struct.field("value"), pairwise([0, *ends.tolist()]), strict=True):
        columns: dict[str, npt.NDArray[np.int32] | pl.Series] = {
            "attribute": attribute[start:end],
            "run": run[start:end],
            "file": np.zeros(end - start, dtype=np.int32),
        }
        for name, stored in _values(kind, attribute_type).items():
            columns[name] = pl.Series(name, table[stored].slice(start, end - start))
        yield attribute_type, pl.DataFrame(columns)


def _values(kind: str, attribute_type: str) -> Mapping[str, str]:
    """The columns of an inventory's table beside the keys, and where they are stored."""
    if kind == ATTRIBUTES_DIRECTORY:
        return {"value": PARAMETER_COLUMNS[attribute_type]}
    statistics: Sequence[str] = ("last", *FLOAT_SERIES_STATISTICS) if attribute_type == FLOAT_SERIES else ()
    return {name: name for name in (*_STRETCH, *statistics)}


def _texts(chunk: pa.DictionaryArray) -> pl.Series:
    """A chunk of few distinct texts in long stretches."""
    return pl.Series(chunk.dictionary, dtype=pl.String).gather(pl.Series(chunk.indices))


def dictionary_codes(column: pa.ChunkedArray, known: pl.Series) -> npt.NDArray[np.int32]:
    """The position of each text of a dictionary column in ``known``, which has them all."""
    pieces = [
        codes_in(pl.Series(chunk.dictionary, dtype=pl.String), known)[chunk.indices.to_numpy()]
        for chunk in column.chunks
    ]
    return np.concatenate([np.empty(0, dtype=np.int32), *pieces])


def _from_runs(
    table: pl.DataFrame, runs: pl.Series, attributes: pl.Series, found: Mapping[str, pl.DataFrame]
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Rows for what the table of runs says, where the attributes do not say it."""
    run = pl.Series("run", codes_in(table["run"], runs))
    for (attribute_type, name), column in _OF_RUNS.items():
        code = int(codes_in(pl.Series([name]), attributes)[0])
        rows = pl.DataFrame({"run": run, "value": table[column]}).drop_nulls("value")
        if attribute_type in found:
            stored = found[attribute_type].filter(pl.col("attribute") == code)
            rows = rows.join(stored, on="run", how="anti")
        if rows.height:
            keys = (pl.lit(code, pl.Int32).alias("attribute"), "run", pl.lit(0, pl.Int32).alias("file"))
            yield attribute_type, rows.select(*keys, "value")


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    """By attribute and run, which is how they lie in the files, but for those of several part files."""
    key = pl.col("attribute").cast(pl.Int64) * 2**32 + pl.col("run")
    return rows if rows.select(key).to_series().is_sorted() else rows.sort(key, maintain_order=True)
