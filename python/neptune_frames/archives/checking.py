"""Whether an archive is whole: the check of all its projects, and of those in the exporter's layout."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from neptune_frames.archives.check_report import SHOWN, CheckReport
from neptune_frames.archives.checking_batches import check_batches
from neptune_frames.errors import ArchiveError
from neptune_frames.schemas import SERIES_TYPES
from neptune_frames.sources.archive.discovery import find_projects, nothing_at, payload_root
from neptune_frames.sources.archive.exporter_store import ExporterStore
from neptune_frames.sources.archive.layout import FILE_SET
from neptune_frames.sources.archive.object_path import open_location
from neptune_frames.sources.archive.payloads import locate, locate_directory


def check_archive(
    archive: str | os.PathLike[str], files: str | os.PathLike[str] | None = None, *, checksums: bool = True
) -> CheckReport:
    """Read an archive from end to end and report everything that is not as it should be.

    Args:
        archive: Directory or URL, in any layout. The exporter's layout has no checksums and promises no
            order: there, every part file is read and must be understood, and the payloads that rows name
            must be there, each named by one run, if the project has a directory of payloads at all.
        files: Where payloads of the exporter's layout lie, if not beside the data.
        checksums: Whether files are read to compare their SHA-256. Rows are checked in any case.

    Raises `ArchiveError` only where there is no archive at all (also where a directory holds no project), or no
    directory of payloads where one was named.
    """
    report = CheckReport()
    for found in find_projects(open_location(archive), payload_root(files)):
        store = found.open()
        if isinstance(store, ExporterStore):
            holds_data = _holds_an_export(store)
            if holds_data:
                _check_parts(store, report, has_payloads=files is not None or store.payloads.is_dir())
        else:
            holds_data = check_batches(found.place, report, checksums=checksums)
        report.projects += holds_data
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
    owners = []
    for path, state in listing.parts.items():
        report.files += 1
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
        payloads = named.unique(["path", "attribute_type"], maintain_order=True)
        if has_payloads:
            owners.append(named.select("path", "run_id"))
            _check_payloads(store.payloads, path, payloads, report)
        else:
            report.payloads_never_there += payloads.height
    if owners:
        _check_owners(store.payloads, pl.concat(owners), report)


def _check_payloads(directory: Path, part: str, named: pl.DataFrame, report: CheckReport) -> None:
    """The payloads that a part in the exporter's layout names."""
    lost = []
    for path, kind in named.select("path", "attribute_type").iter_rows():
        # A file set of Neptune 2.x is a directory, or one file.
        is_set = kind == FILE_SET
        if locate(directory, path) is None and not (is_set and locate_directory(directory, path) is not None):
            lost.append(path)
    report.payloads += named.height - len(lost)
    report.problems += [f"{directory / path}: the payload, which {part} names, is missing" for path in lost[:SHOWN]]
    if len(lost) > SHOWN:
        report.problems.append(f"{part}: {len(lost) - SHOWN:,} more payloads that it names are missing")


def _check_owners(directory: Path, named: pl.DataFrame, report: CheckReport) -> None:
    """Each run has payloads of its own: where two runs name one, it is the content of at most one of them."""
    runs = named.unique().group_by("path").agg(pl.col("run_id").sort()).filter(pl.col("run_id").list.len() > 1)
    for path, (one, another, *_) in runs.sort("path").head(SHOWN).iter_rows():
        report.problems.append(f"{directory / path}: rows of two runs, {one!r} and {another!r}, name this payload")
    if runs.height > SHOWN:
        report.problems.append(f"{directory}: {runs.height - SHOWN:,} more payloads are named by rows of two runs")
