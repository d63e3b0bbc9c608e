"""What part files hold: parameter values, and statistics of series, as plain coded tables.

An inventory is built from whole columns of many files at once, and inventories merge, so that new
or changed files cost no more than reading them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import cast

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import ArchiveError
from neptune_frames.progress import reading_bar
from neptune_frames.query.attributes import FLOAT_SERIES
from neptune_frames.slices import each_stretch, offsets_of, ranges, stretch_starts
from neptune_frames.sources.archive.grouping import Grouped, Indices, Steps, dense_codes, group_rows
from neptune_frames.sources.archive.layout import (
    NEPTUNE2_COLUMNS,
    OBJECT_SERIES_COLUMNS,
    PARAMETER_COLUMNS,
    VALUE_COLUMNS,
    FileState,
)
from neptune_frames.sources.archive.scan import FILE_COLUMN, read_rows, steps_of
from neptune_frames.sources.archive.statistics import series_statistics

#: Bytes of part files that are read at once: bounds the memory that building an inventory takes.
_CHUNK_BYTES = 16 * 1024 * 1024

#: Fewer texts than this are looked up without making a type of the known ones.
_SHORT = 100_000

_KEYS = {"attribute": pl.Int32, "run": pl.Int32, "file": pl.Int32}
_OBJECT_STATISTICS = ("count", "first_step", "last_step")
#: Bytes of a point in memory where that is not measured: the widest histogram that clients write
#: (513 edges, neptune-export-format 7), and a path of a file.
_POINT_BYTES = {"histogram_series": 8 * (513 + 512), "file_series": 256}


@dataclass(frozen=True)
class Inventory:
    """The contents of part files of one project.

    ``runs``, ``attributes`` and ``files`` are sorted distinct texts; the integer columns ``run``,
    ``attribute`` and ``file`` of the tables are positions in them. ``owners`` has a row for each file
    and run with rows in it. ``tables`` has one table per attribute type, sorted by attribute and run:
    parameters with a ``value``, series with their statistics (``bytes`` of an object series is about what
    its values take in memory; ``once`` says, where it is there, whether the file holds no step of the series
    twice). ``ignored_types`` are attribute types that
    were found but are unknown.
    """

    project: str | None
    files: pl.Series
    runs: pl.Series
    attributes: pl.Series
    owners: pl.DataFrame
    tables: Mapping[str, pl.DataFrame]
    ignored_types: frozenset[str] = frozenset()


def read_inventory(files: Mapping[str, FileState]) -> list[Inventory]:
    """Inventories of part files, some megabytes of files at a time. Raises `DamagedFileError`."""
    found = []
    with reading_bar(sum(state.size for state in files.values()), "Reading the archive") as bar:
        for chunk in _chunks(files):
            found.append(_read_chunk(chunk))
            bar.advance(sum(files[path].size for path in chunk))
    return found


def merge(inventories: Sequence[Inventory], *, without: Collection[str] = ()) -> Inventory:
    """One inventory of all, leaving out the files in ``without``."""
    project = _only_project(inventory.project for inventory in inventories)
    if len(inventories) == 1 and not without:
        return inventories[0]
    if without:
        inventories = [_without(inventory, without) for inventory in inventories]
    runs, attributes, files = (
        pl.concat([pl.Series(name, [], pl.String), *(getattr(inventory, name) for inventory in inventories)])
        .unique()
        .sort()
        for name in ("runs", "attributes", "files")
    )
    recoded = [_recoded(inventory, runs, attributes, files) for inventory in inventories]
    types = sorted({kind for inventory in recoded for kind in inventory.tables})
    tables = {
        kind: in_order([inventory.tables[kind] for inventory in recoded if kind in inventory.tables]) for kind in types
    }
    owners = pl.concat([pl.DataFrame(schema={"file": pl.Int32, "run": pl.Int32}), *(i.owners for i in recoded)])
    ignored = frozenset[str]().union(*(inventory.ignored_types for inventory in inventories))
    return Inventory(project, files, runs, attributes, owners, tables, ignored)


def _only_project(names: Iterable[str | None]) -> str | None:
    """The project that names what is in one directory, if any does."""
    projects = sorted({name for name in names if name is not None})
    if len(projects) > 1:
        raise ArchiveError(
            f"One project directory holds rows of several projects: {', '.join(projects)}. "
            "Give each project a directory of its own."
        )
    return projects[0] if projects else None


def in_order(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One table of all, sorted by attribute and run; of equal ones the first stays first."""
    tables = [table for table in tables if table.height] or tables[:1]
    if not all(_is_sorted(table) for table in tables):
        return _sorted(pl.concat(tables))
    if len(tables) == 1:
        return tables[0]
    last = max(int(table["attribute"][-1]) for table in tables)
    if any(before["run"].max() >= after["run"].min() for before, after in pairwise(tables)):  # type: ignore[operator]
        table = pl.concat(tables)
        return table if _is_sorted(table) else _sorted(table)
    # The runs of each come after those of the one before: stretches of equal attributes change places.
    offsets = np.stack([attribute_offsets(table, last + 1) for table in tables])
    lengths = np.diff(offsets)
    starts = offsets[:, :-1] + offsets_of(offsets[:, -1])[:-1, np.newaxis]
    order = pl.Series(ranges(starts.T.ravel().astype(np.uint32), lengths.T.ravel()))
    attribute = np.repeat(np.arange(last + 1, dtype=np.int32), lengths.sum(axis=0))
    rest = pl.concat([table.drop("attribute") for table in tables], rechunk=True)[order]
    return rest.insert_column(0, pl.Series("attribute", attribute))


def attribute_offsets(table: pl.DataFrame, count: int) -> Indices:
    """Where the rows of each of ``count`` attributes start in a table in order, and their end."""
    offsets: Indices = np.searchsorted(table["attribute"].to_numpy(), np.arange(count + 1, dtype=np.int32))
    return offsets


def _is_sorted(table: pl.DataFrame) -> bool:
    attribute, run = table["attribute"].to_numpy(), table["run"].to_numpy()
    rises = attribute[1:] > attribute[:-1]
    rises |= (attribute[1:] == attribute[:-1]) & (run[1:] >= run[:-1])
    return bool(rises.all())


def _sorted(table: pl.DataFrame) -> pl.DataFrame:
    attribute, run = table["attribute"].to_numpy(), table["run"].to_numpy()
    return table[np.argsort((attribute.astype(np.int64) << 32) | run, kind="stable")]


def codes_in(texts: pl.Series, known: pl.Series) -> npt.NDArray[np.int32]:
    """The position of each text in ``known`` (distinct), -1 where it is not there."""
    if len(texts) < _SHORT:
        kind = pa.large_string()
        found = pc.index_in(texts.to_arrow().cast(kind), value_set=known.to_arrow().cast(kind), skip_nulls=True)
        positions: npt.NDArray[np.int32] = pc.fill_null(found, -1).to_numpy()
        return positions
    codes = texts.cast(pl.Enum(known), strict=False).to_physical().cast(pl.Int32)
    return codes.fill_null(-1).to_numpy()


def _chunks(files: Mapping[str, FileState]) -> list[list[str]]:
    sizes = np.cumsum([state.size for state in files.values()])
    paths = list(files)
    return [paths[start:stop] for start, stop in each_stretch(sizes // _CHUNK_BYTES)]


def _read_chunk(files: list[str]) -> Inventory:
    kind = pl.col("attribute_type")
    keys = ["project_id", "run_id", "attribute_path"]
    floats = read_rows(files, [*keys, "step", "float_value"], kind == FLOAT_SERIES, with_file=True)
    others = read_rows(
        files,
        [*keys, "attribute_type", "step", *PARAMETER_COLUMNS.values(), pl.col("histogram_value").is_not_null()],
        kind != FLOAT_SERIES,
        with_file=True,
    )
    frames = (floats, others)
    file_names = pl.Series("files", files).sort()
    run_names, attribute_names = (
        pl.concat([frame[column].unique() for frame in frames]).drop_nulls().unique().sort().alias(name)
        for name, column in (("runs", "run_id"), ("attributes", "attribute_path"))
    )
    projects = pl.concat([frame["project_id"].rle().struct.field("value") for frame in frames]).unique()
    coded = [_coded(frame, file_names, run_names, attribute_names) for frame in frames]
    tables = {FLOAT_SERIES: _float_series(coded[0])}
    parameters = PARAMETER_COLUMNS | NEPTUNE2_COLUMNS
    tables |= {name: _parameters(coded[1], name, column) for name, column in parameters.items()}
    tables |= {name: _object_series(coded[1], name, column) for name, column in OBJECT_SERIES_COLUMNS.items()}
    owners = pl.concat([_owners(frame) for frame in coded]).unique()
    return Inventory(
        _only_project(projects),
        file_names,
        run_names,
        attribute_names,
        owners,
        {name: in_order([table]) for name, table in tables.items() if table.height},
        frozenset(others["attribute_type"].drop_nulls().unique()).difference(VALUE_COLUMNS, NEPTUNE2_COLUMNS),
    )


def _coded(frame: pl.DataFrame, files: pl.Series, runs: pl.Series, attributes: pl.Series) -> pl.DataFrame:
    """The frame with positions for its file, run and attribute names."""
    codes = [
        pl.Series("attribute", codes_in(frame["attribute_path"], attributes)),
        pl.Series("run", repeated_codes(frame["run_id"], runs)),
        pl.Series("file", repeated_codes(frame[FILE_COLUMN], files)),
    ]
    # Not by `drop`: the columns that were read are in many chunks, which it would copy into one.
    texts = (FILE_COLUMN, "project_id", "run_id", "attribute_path")
    return pl.DataFrame([*(frame[name] for name in frame.columns if name not in texts), *codes])


def repeated_codes(texts: pl.Series, known: pl.Series) -> npt.NDArray[np.int32]:
    """`codes_in` for texts that repeat in long stretches: each stretch is looked up once."""
    stretches = texts.rle().struct
    return np.repeat(codes_in(stretches.field("value"), known), stretches.field("len").to_numpy())


def _parameters(rows: pl.DataFrame, attribute_type: str, column: str) -> pl.DataFrame:
    value = pl.col(column).struct.field("path") if column == "file_value" else pl.col(column)
    return (
        rows.lazy()
        .filter((pl.col("attribute_type") == attribute_type) & value.is_not_null())
        .select(*_KEYS, value.alias("value"))
        .unique(["attribute", "run"], keep="first", maintain_order=True)
        .collect()
    )


def _float_series(rows: pl.DataFrame) -> pl.DataFrame:
    keys, series = _series_keys(rows)
    steps = steps_of(rows["step"])
    grouped = group_rows(series, steps, len(keys))
    values = cast("npt.NDArray[np.float64]", grouped.take(rows["float_value"].fill_null(np.nan).to_numpy()))
    statistics = series_statistics(_nonempty(grouped.offsets), grouped.steps, values)
    return _with_points(keys, grouped.offsets, {**statistics, "once": _held_once(series, steps, grouped)})


def _object_series(rows: pl.DataFrame, attribute_type: str, column: str) -> pl.DataFrame:
    present = pl.col(column) if column == "histogram_value" else pl.col(column).is_not_null()
    rows = rows.filter(pl.col("attribute_type") == attribute_type, present)
    keys, series = _series_keys(rows)
    steps = steps_of(rows["step"])
    grouped = group_rows(series, steps, len(keys))
    offsets = _nonempty(grouped.offsets)
    statistics = series_statistics(offsets, grouped.steps, grouped.steps)
    if attribute_type in _POINT_BYTES:
        size = statistics["count"] * _POINT_BYTES[attribute_type]
    else:
        lengths = cast("Indices", grouped.take(rows[column].str.len_bytes().cast(pl.Int64).to_numpy()))
        size = np.diff(offsets_of(lengths)[offsets])
    once = _held_once(series, steps, grouped)
    return _with_points(
        keys, grouped.offsets, {**{name: statistics[name] for name in _OBJECT_STATISTICS}, "bytes": size, "once": once}
    )


def _series_keys(rows: pl.DataFrame) -> tuple[pl.DataFrame, Indices]:
    """The distinct series of the rows (attribute, run, file), and the series of each row."""
    attribute, starts = rows["attribute"].to_numpy(), _owner_starts(rows)
    run, file = (rows[name].to_numpy()[starts].astype(np.int64) for name in ("run", "file"))
    runs = int(run.max(initial=0)) + 1
    owners, of_stretch = np.unique(file * runs + run, return_inverse=True)
    owner = np.repeat(of_stretch, np.diff(starts, append=rows.height))
    count = max(len(owners), 1)
    series_keys = attribute * np.int64(count) + owner
    distinct, series = dense_codes(series_keys, (int(attribute.max(initial=-1)) + 1) * count)
    held = owners[distinct % count]
    keys = {"attribute": distinct // count, "run": held % runs, "file": held // runs}
    return pl.DataFrame(keys).cast(_KEYS), series  # type: ignore[arg-type]


def _owners(rows: pl.DataFrame) -> pl.DataFrame:
    """The distinct pairs of file and run of the rows."""
    starts = _owner_starts(rows)
    return pl.DataFrame({name: rows[name].to_numpy()[starts] for name in ("file", "run")}).unique()


def _owner_starts(rows: pl.DataFrame) -> Indices:
    """Where rows of another file or run begin: they come in long stretches."""
    return stretch_starts(rows["file"].to_numpy(), rows["run"].to_numpy())


def _held_once(series: Indices, steps: Steps, grouped: Grouped) -> npt.NDArray[np.bool_]:
    """For each series that has points, whether no two of its rows have the same step."""
    rows = np.bincount(series[~np.isnan(steps)], minlength=len(grouped.offsets) - 1)
    points = np.diff(grouped.offsets)
    once: npt.NDArray[np.bool_] = (rows == points)[points > 0]
    return once


def _nonempty(offsets: Indices) -> Indices:
    return np.unique(offsets)


def _with_points(
    keys: pl.DataFrame, offsets: Indices, statistics: Mapping[str, npt.NDArray[np.generic]]
) -> pl.DataFrame:
    """The series that have points, with their statistics."""
    return keys.filter(pl.Series(np.diff(offsets) > 0)).with_columns(
        [pl.Series(name, column) for name, column in statistics.items()]
    )


def _without(inventory: Inventory, files: Collection[str]) -> Inventory:
    gone = np.flatnonzero(inventory.files.is_in(list(files)).to_numpy())
    kept = ~pl.col("file").is_in(gone.astype(np.int32))
    tables = {name: table.filter(kept) for name, table in inventory.tables.items()}
    owners = inventory.owners.filter(kept)
    used = inventory.runs.gather(owners["run"].unique())
    return _recoded(
        replace(inventory, owners=owners, tables=tables),
        used.sort(),
        inventory.attributes,
        inventory.files.filter(~inventory.files.is_in(list(files))),
    )


def _recoded(inventory: Inventory, runs: pl.Series, attributes: pl.Series, files: pl.Series) -> Inventory:
    """The same inventory with positions in other lists of names."""
    maps = {
        "attribute": codes_in(inventory.attributes, attributes),
        "run": codes_in(inventory.runs, runs),
        "file": codes_in(inventory.files, files),
    }

    def recode(table: pl.DataFrame) -> pl.DataFrame:
        return table.with_columns(
            [pl.Series(name, codes[table[name].to_numpy()]) for name, codes in maps.items() if name in table.columns]
        )

    tables = {name: recode(table) for name, table in inventory.tables.items() if table.height}
    return replace(
        inventory, files=files, runs=runs, attributes=attributes, owners=recode(inventory.owners), tables=tables
    )
