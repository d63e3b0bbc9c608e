"""Whether a project in our own layout is whole: its batches, what they say together, and its payloads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from neptune_frames.archives.check_report import SHOWN, CheckReport
from neptune_frames.archives.checking_batch import BatchCheck
from neptune_frames.errors import ArchiveError
from neptune_frames.sources.archive.batch_layout import (
    FILES_DIRECTORY,
    MANIFEST,
    PAYLOADS,
    committed_batches,
    project_directory,
    read_manifest,
)
from neptune_frames.sources.archive.object_path import Location, sha256_of, size_of
from neptune_frames.sources.archive.payloads import locate


def check_batches(project: Location, report: CheckReport, *, checksums: bool) -> bool:
    """Check the project in a directory, and add to a report. False where there is no batch in it."""
    batches = committed_batches(project)
    seen: list[pl.DataFrame] = []
    listed: list[pl.DataFrame] = []
    report.problems += _missing_numbers(project, [number for number, _ in batches])
    for number, batch in batches:
        try:
            manifest = read_manifest(batch)
        except ArchiveError as error:
            report.problems.append(str(error))
            continue
        if manifest.batch != number:
            report.problems.append(f"{batch / MANIFEST}: it is the manifest of batch {manifest.batch}")
        if project_directory(Path(), manifest.project).name != project.name:
            report.problems.append(
                f"{batch / MANIFEST}: it is of the project {manifest.project!r}, whose directory has another name"
            )
        check = BatchCheck(batch, manifest, report, checksums=checksums)
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
        report.problems += _points_twice(project, pl.concat(seen))
    return bool(batches)


def _missing_numbers(project: Location, numbers: Sequence[int]) -> Iterator[str]:
    """Batches are numbered from 0 on without gaps, so one that was removed shows, unless it was the last."""
    last = -1
    for number in numbers:
        if number > last + 1:
            missing = f"batch {last + 1} is" if number == last + 2 else f"batches {last + 1} to {number - 1} are"
            yield f"{project}: {missing} missing"
        last = number


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


def _points_twice(project: Location, stretches: pl.DataFrame) -> Iterator[str]:
    """Series with stretches that overlap, in one batch or in two: a point may be there twice."""
    keys = ["type", "attribute", "run"]
    ordered = stretches.sort(*keys, "first_step")
    before = ordered.select(pl.col("last_step", "batch").shift().over(keys).name.suffix("_before"))
    overlaps = ordered.hstack(before).filter(pl.col("first_step") <= pl.col("last_step_before"))
    for row in overlaps.head(SHOWN).iter_rows(named=True):
        yield (
            f"{project}: {row['type']} {row['attribute']!r} of run {row['run']!r} has steps from {row['first_step']} "
            f"on in batch {row['batch']}, and up to {row['last_step_before']} in batch {row['batch_before']}"
        )
