"""Exporting a project to the layout "neptune-frames": batch after batch, each committed as it is complete."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import ArchiveError
from neptune_frames.sources.archive.batch_layout import (
    FILES_DIRECTORY,
    FORMAT_FILE,
    Manifest,
    check_format,
    committed_batches,
    format_document,
    is_archive,
    project_directory,
    read_manifest,
)
from neptune_frames.sources.base import Source
from neptune_frames.writing.batch import Batch, Outline, remove_leftovers, scratch_directory, write_batch
from neptune_frames.writing.collecting import Collector
from neptune_frames.writing.durable import only_writer, sync_directory, write_durably
from neptune_frames.writing.held import HeldRuns
from neptune_frames.writing.payload_names import OwnNaming
from neptune_frames.writing.payloads import Payloads
from neptune_frames.writing.summary import Written
from neptune_frames.writing.wanted import Wanted, find_runs

Advance = Callable[[int, int], object]


def prepare_archive(archive: Path) -> None:
    """Make a directory an archive, or check that it is one. Raises `ArchiveError`."""
    if is_archive(archive):
        check_format(archive)
        return
    archive.mkdir(parents=True, exist_ok=True)
    if any(not path.name.startswith(".") for path in archive.iterdir()):
        raise ArchiveError(
            f"{archive} is not an archive in the layout neptune-frames, and not empty. Give a new or empty directory."
        )
    write_durably(archive / FORMAT_FILE, format_document())


class ProjectExport:
    """The export of one project: what is there, what is to do, and doing it."""

    def __init__(self, source: Source, archive: Path, project: str, wanted: Wanted, *, update: bool) -> None:
        self._source = source
        self._project = project
        self._wanted = wanted
        self._directory = project_directory(archive, project)
        self._update = update

    def write(self, advance: Advance) -> Written:
        """Write what is missing; progress is told as runs and points.

        Raises `ArchiveError` where the archive holds another selection of attributes, or another export
        is writing.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        sync_directory(self._directory.parent)
        with only_writer(self._directory):
            remove_leftovers(self._directory)
            held = HeldRuns.read(self._directory)
            self._check_selection(held)
            new, changed, kept = self._plan(held)
            written = Written(self._project, kept=kept)
            advance(kept, 0)
            self._write(new, None, written, advance)
            if changed.num_rows:
                self._write(changed, HeldRuns.read(self._directory), written, advance)
            return written

    def _plan(self, held: HeldRuns) -> tuple[pa.Table, pa.Table, int]:
        """New runs, runs that may have changed (both as `find_runs` gives them), and how many are left alone."""
        runs = find_runs(self._source, self._project, self._wanted.containers)
        known = held.known(runs["run"].combine_chunks())
        new = runs.filter(pc.invert(known.held))
        if not self._update:
            return new, runs.slice(0, 0), runs.num_rows - new.num_rows
        same = pc.fill_null(pc.equal(known.modification_time, runs["modification_time"].combine_chunks()), False)
        changed = runs.filter(pc.and_(known.held, pc.invert(same)))
        return new, changed, runs.num_rows - new.num_rows - changed.num_rows

    def _write(self, runs: pa.Table, held: HeldRuns | None, written: Written, advance: Advance) -> None:
        """Batches of the runs, one being written while the next is collected."""
        collector = Collector(self._source, self._wanted.selector, self._payloads, held, advance)
        batches = committed_batches(self._directory)
        number = batches[-1][0] + 1 if batches else 0
        before: Manifest | Outline | None = None if not batches or held is not None else read_manifest(batches[-1][1])
        with ThreadPoolExecutor(1, thread_name_prefix="neptune-frames-writer") as writer:
            writing: Future[Manifest] | None = None
            while runs.num_rows:
                batch = Batch(self._project, number, scratch_directory(self._directory, number), self._wanted.selection)
                taken = collector.fill(batch, runs, before)
                before = batch.outline()
                if writing is not None:
                    _count(written, writing.result())
                writing = writer.submit(write_batch, self._directory, batch)
                runs = runs.slice(taken)
                number += 1
            if writing is not None:
                _count(written, writing.result())

    def _payloads(self) -> Payloads:
        files = self._directory / FILES_DIRECTORY
        return Payloads(self._source, self._project, files, OwnNaming(), bring=self._wanted.files)

    def _check_selection(self, held: HeldRuns) -> None:
        for manifest in held.manifests:
            if manifest.selection != self._wanted.selection:
                raise ArchiveError(
                    f"{self._directory} holds an export of other attributes: {_shown(manifest.selection)}, and not "
                    f"{_shown(self._wanted.selection)}. Ask for the same attributes, or give another destination."
                )


def _count(written: Written, manifest: Manifest) -> None:
    written.runs += manifest.runs
    written.attributes += manifest.attributes
    written.series += manifest.series
    for kind, count in manifest.points.items():
        written.points[kind] = written.points.get(kind, 0) + count
    written.files += manifest.payloads
    written.bytes += sum(entry.bytes for entry in manifest.files) + manifest.payload_bytes


def _shown(selection: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(selection.items()))
