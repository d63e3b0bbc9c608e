"""Whether a batch is whole: checksums, counts, schemas, order, and that its tables agree with its points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pyarrow as pa

from neptune_frames.archives.check_report import SHOWN, CheckReport
from neptune_frames.errors import DamagedFileError
from neptune_frames.query.attributes import FLOAT_SERIES
from neptune_frames.schemas import SERIES_TYPES
from neptune_frames.slices import offsets_of
from neptune_frames.sources.archive.batch_layout import (
    ATTRIBUTE_ROWS,
    ATTRIBUTES_DIRECTORY,
    MANIFEST,
    PAYLOADS,
    PAYLOADS_FILE,
    RUN_ROWS,
    RUNS_FILE,
    SERIES_DIRECTORY,
    STRETCHES,
    FileEntry,
    Manifest,
    own_part_name,
    own_part_number,
    point_rows,
)
from neptune_frames.sources.archive.object_path import Location, ObjectPath, sha256_of
from neptune_frames.sources.archive.parquet_files import ParquetFiles
from neptune_frames.sources.archive.statistics import STATISTICS, series_statistics

_FILE_SERIES = "file_series"
#: Columns of the table of runs that count what the other tables of the batch have of each.
_RUN_COUNTS = ("attribute_count", "series_count", "point_count")


@dataclass
class BatchCheck:
    """The checks of one batch, in this order: `files`, `tables`, `payloads`. What is wrong goes to the report."""

    batch: Location
    manifest: Manifest
    report: CheckReport
    checksums: bool
    _parquet: ParquetFiles = field(default_factory=ParquetFiles)
    _unreadable: set[str] = field(default_factory=set)
    #: Paths of payloads that values name.
    _named: list[pl.Series] = field(default_factory=list)

    def wrong(self, path: str, what: str) -> None:
        self.report.problems.append(f"{self.batch / path}: {what}")

    def files(self) -> None:
        """Every file is there, with its size, checksum, rows and columns, and there is no other one."""
        for entry in self.manifest.files:
            self.report.files += 1
            self.report.rows += entry.rows
            try:
                footer = self._parquet.footer(self.batch / entry.path, entry)
            except DamagedFileError as error:
                self.report.problems.append(str(error))
                self._unreadable.add(entry.path)
                continue
            expected = _schema_of(entry.path)
            if expected is None:
                continue
            stored = footer.metadata.schema.to_arrow_schema()
            for column in expected:
                at = stored.get_field_index(column.name)
                if at < 0 or not _alike(stored.field(at).type, column.type):
                    found = "is missing" if at < 0 else f"has the type {stored.field(at).type}, not {column.type}"
                    self.wrong(entry.path, f"its column {column.name!r} {found}")
                    self._unreadable.add(entry.path)
            if self.checksums and sha256_of(self.batch / entry.path) != entry.sha256:
                self.wrong(entry.path, "its content is not what was written: the checksum differs")
        # Who reads by the documented globs would take the rows of a stray file for points.
        for path in sorted(
            _shown_files(self.batch).difference({MANIFEST}, (entry.path for entry in self.manifest.files))
        ):
            self.wrong(path, "the manifest does not name it")

    def tables(self) -> pl.DataFrame | None:
        """Counts and order of all tables, and that the table of series says where points are. Gives that table."""
        manifest = self.manifest
        runs = self._whole(RUNS_FILE, ["run", *_RUN_COUNTS])
        if runs is None:
            return None
        if not _ascends(runs.select("run")):
            self.wrong(RUNS_FILE, "its runs are not sorted, or not distinct")
        self._count(RUNS_FILE, "runs", runs.height, manifest.runs)
        values = self._joined(ATTRIBUTES_DIRECTORY, ["type", "attribute", "run", "file_value"])
        if values is not None:
            self._count(ATTRIBUTES_DIRECTORY, "values", values.height, manifest.attributes)
            self._keys(ATTRIBUTES_DIRECTORY, values, ["type", "attribute", "run"], runs["run"])
            self._run_counts(runs, "attribute_count", values.group_by("run").len("found"))
            self._named.append(_paths(values["file_value"]))
        stretches = self._joined(SERIES_DIRECTORY, STRETCHES.names)
        if stretches is None:
            return None
        self._keys(SERIES_DIRECTORY, stretches, ["type", "attribute", "run", "part", "row"], runs["run"])
        series = stretches.select("type", "attribute", "run").unique()
        self._count(SERIES_DIRECTORY, "series", series.height, manifest.series)
        self._run_counts(runs, "series_count", series.group_by("run").len("found"))
        self._run_counts(runs, "point_count", stretches.group_by("run").agg(found=pl.col("count").sum()))
        for kind in SERIES_TYPES:
            self._points_of_type(kind, stretches.filter(type=kind))
        return stretches.select("type", "attribute", "run", "first_step", "last_step")

    def payloads(self) -> pl.DataFrame | None:
        """The table of payloads, with ``wanted``: whether files were asked for; None where it cannot be read."""
        table = self._whole(PAYLOADS_FILE, PAYLOADS.names) if self._entries(PAYLOADS_FILE) else _empty(PAYLOADS)
        if table is None:
            return None
        self._count(PAYLOADS_FILE, "payloads", table.height, self.manifest.payloads)
        self._count(PAYLOADS_FILE, "bytes of payloads", int(table["bytes"].sum()), self.manifest.payload_bytes)
        named = pl.concat([table["path"].head(0), *self._named]).unique().sort()
        unlisted = named.filter(~named.is_in(table["path"].implode()))
        if len(unlisted):
            more = f" (and {len(unlisted) - 1:,} more)" if len(unlisted) > 1 else ""
            self.wrong(PAYLOADS_FILE, f"it does not list {unlisted[0]!r}, which a value names{more}")
        return table.with_columns(wanted=pl.lit(self.manifest.files_wanted))

    def _points_of_type(self, kind: str, stretches: pl.DataFrame) -> None:
        """All files of points of one type against their stretches."""
        self._count(
            SERIES_DIRECTORY, f"points of {kind}", int(stretches["count"].sum()), self.manifest.points.get(kind, 0)
        )
        entries = {own_part_number(entry.path): entry for entry in self._entries(kind)}
        for part in stretches["part"].unique().sort().to_list():
            if part not in entries:
                self.wrong(SERIES_DIRECTORY, f"it names {own_part_name(kind, part)}, which the manifest does not")
        for part, entry in entries.items():
            if entry.path not in self._unreadable:
                self._points(entry, kind, stretches.filter(pl.col("part") == part).sort("row"))

    def _points(self, entry: FileEntry, kind: str, stretches: pl.DataFrame) -> None:
        """One file of points, some row groups at a time: keys, order and statistics of every stretch."""
        ends = (stretches["row"] + stretches["count"]).to_numpy()
        if not np.array_equal(stretches["row"].to_numpy(), np.append(0, ends[:-1])) or int(ends[-1]) != entry.rows:
            self.wrong(entry.path, "its rows are not those that the table of series names")
            return
        if not _ascends(stretches.select("attribute", "run", "row")):
            self.wrong(entry.path, "its rows are not sorted by attribute and run")
        footer = self._parquet.footer(self.batch / entry.path, entry)
        has_values = kind in (FLOAT_SERIES, _FILE_SERIES)
        columns = ["run", "attribute", "step", *(["value"] if has_values else [])]
        # Stretches that end in a range of row groups are checked once that range has been read.
        kept, done = pl.DataFrame(), 0
        for group in range(footer.metadata.num_row_groups):
            try:
                table = self._parquet.read(self.batch / entry.path, entry, columns, [group])
            except DamagedFileError as error:
                self.report.problems.append(str(error))
                return
            frame: pl.DataFrame = pl.from_arrow(table)  # type: ignore[assignment]
            if kind == _FILE_SERIES:
                self._named.append(_paths(frame["value"]))
            kept = frame if not kept.height else pl.concat([kept, frame])
            complete = int(np.searchsorted(ends, footer.rows[group + 1], side="right"))
            if complete > done:
                some = stretches[done:complete]
                rows = int(some["count"].sum())
                self._stretches(entry, kind, some, kept.head(rows))
                kept, done = kept.slice(rows), complete

    def _stretches(self, entry: FileEntry, kind: str, stretches: pl.DataFrame, points: pl.DataFrame) -> None:
        """Whole stretches against their points."""
        counts = stretches["count"].to_numpy()
        offsets = offsets_of(counts)
        number = np.repeat(np.arange(len(counts)), counts)
        steps = points["step"].to_numpy()
        bad: dict[str, np.ndarray] = {}
        for name in ("run", "attribute"):
            matches = (points[name] == stretches[name].gather(pl.Series(number))).to_numpy()
            bad[f"rows of another {name}"] = np.unique(number[~matches])
        inner = np.flatnonzero((np.diff(steps) <= 0) & (np.diff(number) == 0))
        bad["steps that do not ascend"] = np.unique(number[inner])
        if kind == FLOAT_SERIES:
            computed = series_statistics(offsets, steps, points["value"].fill_null(np.nan).to_numpy())
            for name in ("first_step", "last_step", *STATISTICS):
                stored = stretches[name].fill_null(np.nan).to_numpy()
                exact = name not in ("average", "variance")
                equal = (
                    (stored == computed[name]) | (np.isnan(stored) & np.isnan(computed[name].astype(np.float64)))
                    if exact
                    else np.isclose(stored, computed[name].astype(np.float64), rtol=1e-9, atol=0, equal_nan=True)
                )
                bad[f"{name} that is not that of its points"] = np.flatnonzero(~equal)
        else:
            bad["a first or last step that is not that of its points"] = np.flatnonzero(
                (stretches["first_step"].to_numpy() != steps[offsets[:-1]])
                | (stretches["last_step"].to_numpy() != steps[offsets[1:] - 1])
            )
        for what, numbers in bad.items():
            for at in numbers[:SHOWN].tolist():
                row = stretches.row(at, named=True)
                self.wrong(entry.path, f"{row['attribute']!r} of run {row['run']!r} has {what}")

    def _entries(self, start: str) -> list[FileEntry]:
        return [entry for entry in self.manifest.files if entry.path.partition("/")[0] == start]

    def _whole(self, path: str, columns: Sequence[str]) -> pl.DataFrame | None:
        """A table of the batch in one file; None where it cannot be read, which was reported."""
        entry = next((entry for entry in self.manifest.files if entry.path == path), None)
        if entry is None:
            self.wrong(path, "the manifest does not name it")
            return None
        if path in self._unreadable:
            return None
        try:
            return pl.from_arrow(self._parquet.read(self.batch / path, entry, columns))  # type: ignore[return-value]
        except DamagedFileError as error:
            self.report.problems.append(str(error))
            return None

    def _joined(self, directory: str, columns: Sequence[str]) -> pl.DataFrame | None:
        """A table of the batch in several files, without rows where there is no file; None where one cannot be read."""
        tables = [self._whole(entry.path, columns) for entry in self._entries(directory)]
        whole = [table for table in tables if table is not None]
        nothing = _empty(_SCHEMAS[directory]()).select(columns)
        return pl.concat([nothing, *whole], how="vertical_relaxed") if len(whole) == len(tables) else None

    def _keys(self, directory: str, table: pl.DataFrame, keys: list[str], runs: pl.Series) -> None:
        if not _ascends(table.select(keys)):
            self.wrong(directory, f"its rows are not sorted by {', '.join(keys)}, or not distinct")
        found = table["run"].unique().sort()
        strangers = found.filter(~found.is_in(runs.implode()))
        if len(strangers):
            self.wrong(directory, f"it has rows of runs that are not in the batch, such as {strangers[0]!r}")

    def _run_counts(self, runs: pl.DataFrame, column: str, found: pl.DataFrame) -> None:
        """What the table of runs says of each run, against what was ``found`` of it."""
        counted = runs.join(found, on="run", how="left", maintain_order="left").with_columns(
            pl.col("found").fill_null(0)
        )
        for run, there, said in (
            counted.filter(pl.col("found") != pl.col(column)).select("run", "found", column).head(SHOWN).iter_rows()
        ):
            self.wrong(RUNS_FILE, f"it says {said:,} as {column} of run {run!r}, and the other tables have {there:,}")

    def _count(self, path: str, what: str, found: int, expected: int) -> None:
        if found != expected:
            self.wrong(path, f"it has {found:,} {what}, and the manifest says {expected:,}")


def _ascends(keys: pl.DataFrame) -> bool:
    """Whether rows strictly ascend, column by column."""
    equal = np.ones(max(keys.height - 1, 0), dtype=bool)
    for name in keys.columns:
        column = keys[name]
        ahead, behind = column.head(keys.height - 1), column.tail(keys.height - 1)
        if (equal & (ahead > behind).to_numpy()).any():
            return False
        equal &= (ahead == behind).to_numpy()
    return not equal.any()


def _shown_files(batch: Location) -> set[str]:
    """All files in the directory of a batch, with ``/``; names that begin with a dot are no part of the archive."""
    if isinstance(batch, ObjectPath):
        found = {path.relative_to(batch) for path in batch.files_below()}
    else:
        found = {path.relative_to(batch).as_posix() for path in batch.rglob("*") if path.is_file()}
    return {path for path in found if not any(name.startswith(".") for name in path.split("/"))}


def _paths(files: pl.Series) -> pl.Series:
    """The payloads that values of files name."""
    return files.struct.field("path").drop_nulls().unique()


def _empty(schema: pa.Schema) -> pl.DataFrame:
    """A table without rows."""
    return pl.from_arrow(schema.empty_table())  # type: ignore[return-value]


_SCHEMAS: dict[str, Callable[[], pa.Schema]] = {
    RUNS_FILE: lambda: RUN_ROWS,
    PAYLOADS_FILE: lambda: PAYLOADS,
    ATTRIBUTES_DIRECTORY: lambda: ATTRIBUTE_ROWS,
    SERIES_DIRECTORY: lambda: STRETCHES,
}


def _schema_of(path: str) -> pa.Schema | None:
    """The columns that a file of a batch must have; None for one that this version does not know."""
    start = path.partition("/")[0]
    if start in SERIES_TYPES:
        return point_rows(start)
    return _SCHEMAS[start]() if start in _SCHEMAS else None


def _alike(stored: pa.DataType, expected: pa.DataType) -> bool:
    """Whether a stored type is the expected one; texts may be stored in any way that reads as text."""
    if pa.types.is_dictionary(stored):
        stored = stored.value_type
    if pa.types.is_large_string(stored):
        stored = pa.string()
    if pa.types.is_nested(stored) and pa.types.is_nested(expected):
        children = [(stored.field(at), expected.field(at)) for at in range(min(stored.num_fields, expected.num_fields))]
        return stored.num_fields >= expected.num_fields and all(_alike(one.type, other.type) for one, other in children)
    return bool(stored == expected)
