"""Whether an archive is whole: checksums, counts, schemas, order, and that its tables agree with its points."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from neptune_frames.errors import ArchiveError, DamagedFileError
from neptune_frames.query.attributes import FLOAT_SERIES
from neptune_frames.schemas import SERIES_TYPES
from neptune_frames.slices import offsets_of
from neptune_frames.sources.archive.batch_layout import (
    ATTRIBUTE_ROWS,
    ATTRIBUTES_DIRECTORY,
    FILES_DIRECTORY,
    MANIFEST,
    PAYLOADS,
    PAYLOADS_FILE,
    RUN_ROWS,
    RUNS_FILE,
    SERIES_DIRECTORY,
    STRETCHES,
    FileEntry,
    Manifest,
    committed_batches,
    own_part_number,
    point_rows,
    read_manifest,
)
from neptune_frames.sources.archive.discovery import find_projects, nothing_at, payload_root
from neptune_frames.sources.archive.exporter_store import ExporterStore
from neptune_frames.sources.archive.layout import FILE_SET
from neptune_frames.sources.archive.object_path import Location, open_location, sha256_of, size_of
from neptune_frames.sources.archive.parquet_files import ParquetFiles
from neptune_frames.sources.archive.payloads import locate, locate_directory
from neptune_frames.sources.archive.statistics import STATISTICS, series_statistics

#: Problems of one kind in one file that are written out.
_SHOWN = 5


@dataclass
class CheckReport:
    """What was looked at, and what is wrong; the archive is whole where ``problems`` is empty."""

    problems: list[str] = field(default_factory=list)
    projects: int = 0
    batches: int = 0
    files: int = 0
    rows: int = 0
    bytes: int = 0
    payloads: int = 0
    #: Files that attributes name and that were never brought: the source had no content of them, or (in the
    #: exporter's layout) there is no directory of payloads. No fault of the archive.
    payloads_never_there: int = 0

    @property
    def is_whole(self) -> bool:
        return not self.problems


def check_archive(
    archive: str | os.PathLike[str], files: str | os.PathLike[str] | None = None, *, checksums: bool = True
) -> CheckReport:
    """Read an archive from end to end and report everything that is not as it should be.

    Args:
        archive: Directory or URL, in any layout. The exporter's layout has no checksums and promises no
            order: there, every part file is read and must be understood, and the payloads that rows name
            must be there, if the project has a directory of payloads at all.
        files: Where payloads of the exporter's layout lie, if not beside the data.
        checksums: Whether files are read to compare their SHA-256. Rows are checked in any case.

    Raises `ArchiveError` only where there is no archive at all (also where a directory holds no project), or no
    directory of payloads where one was named.
    """
    report = CheckReport()
    for found in find_projects(open_location(archive), payload_root(files)):
        store = found.open()
        if not isinstance(store, ExporterStore):
            _check_batches(found.place, report, checksums=checksums)
        elif _holds_an_export(store):
            _check_parts(store, report, has_payloads=files is not None or store.payloads.is_dir())
        else:
            continue
        report.projects += 1
    if not report.projects:
        raise nothing_at(archive)
    return report


def _holds_an_export(store: ExporterStore) -> bool:
    """Whether a directory is one of a project: any directory might be, until there are files of an export in it."""
    listing = store.look()
    return bool(listing.parts or listing.interrupted)


def _check_parts(store: ExporterStore, report: CheckReport, *, has_payloads: bool) -> None:
    """A project in the exporter's layout: files one at a time, so that all damaged ones are named."""
    listing = store.look()
    report.problems += [f"{store.place}/{name}: leftover of an unfinished export" for name in listing.interrupted]
    for path, state in listing.parts.items():
        report.files += 1
        report.bytes += state.size
        try:
            for inventory in store.read_inventory({path: state}):
                report.rows += sum(
                    int(table["count"].sum()) if kind in SERIES_TYPES else table.height
                    for kind, table in inventory.tables.items()
                )
            named = store.named_payloads(path)
        except ArchiveError as error:
            report.problems.append(str(error))
            continue
        if has_payloads:
            _check_payloads(store.payloads, path, named, report)
        else:
            report.payloads_never_there += named.height


def _check_payloads(directory: Path, part: str, named: pl.DataFrame, report: CheckReport) -> None:
    """The payloads that a part in the exporter's layout names."""
    lost = []
    for path, kind in named.select("path", "attribute_type").iter_rows():
        # A file set of Neptune 2.x is a directory, or one file.
        is_set = kind == FILE_SET
        if locate(directory, path) is None and not (is_set and locate_directory(directory, path) is not None):
            lost.append(path)
    report.payloads += named.height - len(lost)
    report.problems += [f"{directory / path}: the payload, which {part} names, is missing" for path in lost[:_SHOWN]]
    if len(lost) > _SHOWN:
        report.problems.append(f"{part}: {len(lost) - _SHOWN:,} more payloads that it names are missing")


def _check_batches(project: Location, report: CheckReport, *, checksums: bool) -> None:
    batches = committed_batches(project)
    seen: list[pl.DataFrame] = []
    listed: list[pl.DataFrame] = []
    for number, batch in batches:
        report.batches += 1
        try:
            manifest = read_manifest(batch)
        except ArchiveError as error:
            report.problems.append(str(error))
            continue
        if manifest.batch != number:
            report.problems.append(f"{batch / MANIFEST}: it is the manifest of batch {manifest.batch}")
        check = _BatchCheck(batch, manifest, report, checksums=checksums)
        check.files()
        stretches = check.tables()
        if stretches is not None:
            seen.append(stretches.with_columns(batch=pl.lit(number)))
        payloads = check.payloads()
        if payloads is not None:
            listed.append(payloads)
    if listed:
        _check_stored_payloads(project / FILES_DIRECTORY, pl.concat(listed), report, checksums=checksums)
    if seen:
        report.problems += _points_in_two_batches(project, pl.concat(seen))


def _check_stored_payloads(directory: Location, listed: pl.DataFrame, report: CheckReport, *, checksums: bool) -> None:
    """Payloads of all batches, with their sizes and checksums: each as the latest batch that lists it describes it."""
    latest = listed.unique("path", keep="last", maintain_order=True)
    report.payloads_never_there += latest.filter(pl.col("wanted") & pl.col("bytes").is_null()).height
    for path, size, digest in latest.filter(pl.col("bytes").is_not_null()).select(PAYLOADS.names).iter_rows():
        report.payloads += 1
        found = locate(directory, path)
        try:
            there = None if found is None else size_of(found)
        except FileNotFoundError:
            there = None
        if found is None or there is None:
            report.problems.append(f"{directory / path}: the payload is missing")
        elif there != size:
            report.problems.append(f"{directory / path}: it has {there:,} bytes, and should have {size:,}")
        elif checksums and sha256_of(found) != digest:
            report.problems.append(f"{directory / path}: the checksum of the payload differs")


def _points_in_two_batches(project: Location, stretches: pl.DataFrame) -> Iterator[str]:
    """Series whose stretches in two batches overlap: a point may be there twice."""
    keys = ["type", "attribute", "run"]
    ordered = stretches.sort(*keys, "first_step")
    before = ordered.select(pl.col("last_step", "batch").shift().over(keys).name.suffix("_before"))
    overlaps = ordered.hstack(before).filter(
        pl.col("first_step") <= pl.col("last_step_before"), pl.col("batch") != pl.col("batch_before")
    )
    for row in overlaps.head(_SHOWN).iter_rows(named=True):
        yield (
            f"{project}: {row['type']} {row['attribute']!r} of run {row['run']!r} has steps from {row['first_step']} "
            f"on in batch {row['batch']}, and up to {row['last_step_before']} in batch {row['batch_before']}"
        )


@dataclass
class _BatchCheck:
    """The checks of one batch; what is wrong goes to the report."""

    batch: Location
    manifest: Manifest
    report: CheckReport
    checksums: bool
    _parquet: ParquetFiles = field(default_factory=ParquetFiles)
    _unreadable: set[str] = field(default_factory=set)

    def wrong(self, path: str, what: str) -> None:
        self.report.problems.append(f"{self.batch / path}: {what}")

    def files(self) -> None:
        """Every file is there, with its size, checksum, rows and columns."""
        for entry in self.manifest.files:
            self.report.files += 1
            self.report.rows += entry.rows
            self.report.bytes += entry.bytes
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

    def tables(self) -> pl.DataFrame | None:
        """Counts and order of all tables, and that the table of series says where points are. Gives that table."""
        manifest = self.manifest
        runs = self._whole(RUNS_FILE, ["run"])
        if runs is None:
            return None
        if not _ascends(runs.select("run")) or runs["run"].is_duplicated().any():
            self.wrong(RUNS_FILE, "its runs are not sorted, or not distinct")
        self._count(RUNS_FILE, "runs", runs.height, manifest.runs)
        known = runs["run"]
        values = self._joined(ATTRIBUTES_DIRECTORY, ["type", "attribute", "run"])
        if values is not None:
            self._count(ATTRIBUTES_DIRECTORY, "values", values.height, manifest.attributes)
            self._keys(ATTRIBUTES_DIRECTORY, values, ["type", "attribute", "run"], known)
        stretches = self._joined(SERIES_DIRECTORY, [field.name for field in STRETCHES])
        if stretches is None:
            return None
        self._keys(SERIES_DIRECTORY, stretches, ["type", "attribute", "run", "part", "row"], known)
        self._count(
            SERIES_DIRECTORY, "series", stretches.select("type", "attribute", "run").n_unique(), manifest.series
        )
        for kind in SERIES_TYPES:
            of_type = stretches.filter(type=kind)
            self._count(
                SERIES_DIRECTORY, f"points of {kind}", int(of_type["count"].sum()), manifest.points.get(kind, 0)
            )
            for entry in self._entries(kind):
                if entry.path not in self._unreadable:
                    part = own_part_number(entry.path)
                    self._points(entry, kind, of_type.filter(pl.col("part") == part).sort("row"))
        return stretches.select("type", "attribute", "run", "first_step", "last_step")

    def payloads(self) -> pl.DataFrame | None:
        """The table of payloads, with ``wanted``: whether files were asked for; None where there is none."""
        table = self._whole(PAYLOADS_FILE, PAYLOADS.names) if self._entries(PAYLOADS_FILE) else None
        if table is None:
            return None
        self._count(PAYLOADS_FILE, "payloads", table.height, self.manifest.payloads)
        return table.with_columns(wanted=pl.lit(self.manifest.selection.get("files") != "no"))

    def _points(self, entry: FileEntry, kind: str, stretches: pl.DataFrame) -> None:
        """One file of points, some row groups at a time: keys, order and statistics of every stretch."""
        ends = (stretches["row"] + stretches["count"]).to_numpy()
        if not np.array_equal(stretches["row"].to_numpy(), np.append(0, ends[:-1])) or int(ends[-1]) != entry.rows:
            self.wrong(entry.path, "its rows are not those that the table of series names")
            return
        footer = self._parquet.footer(self.batch / entry.path, entry)
        columns = ["run", "attribute", "step", *(["value"] if kind == FLOAT_SERIES else [])]
        # Stretches that end in a range of row groups are checked once that range has been read.
        kept, done, last_key = pl.DataFrame(), 0, None
        for group in range(footer.metadata.num_row_groups):
            try:
                table = self._parquet.read(self.batch / entry.path, entry, columns, [group])
            except DamagedFileError as error:
                self.report.problems.append(str(error))
                return
            frame: pl.DataFrame = pl.from_arrow(table)  # type: ignore[assignment]
            first = frame.select("attribute", "run").row(0) if frame.height else last_key
            if last_key is not None and first is not None and first < last_key:
                self.wrong(entry.path, f"its rows are not sorted at row group {group}")
            last_key = frame.select("attribute", "run").row(-1) if frame.height else last_key
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
            for at in numbers[:_SHOWN].tolist():
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
        """A table of the batch in several files; None where there is none, or one cannot be read."""
        tables = [self._whole(entry.path, columns) for entry in self._entries(directory)]
        whole = [table for table in tables if table is not None]
        return pl.concat(whole) if whole and len(whole) == len(tables) else None

    def _keys(self, directory: str, table: pl.DataFrame, keys: list[str], runs: pl.Series) -> None:
        if not _ascends(table.select(keys)):
            self.wrong(directory, f"its rows are not sorted by {', '.join(keys)}, or not distinct")
        found = table["run"].unique().sort()
        strangers = found.filter(~found.is_in(runs.implode()))
        if len(strangers):
            self.wrong(directory, f"it has rows of runs that are not in the batch, such as {strangers[0]!r}")

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
