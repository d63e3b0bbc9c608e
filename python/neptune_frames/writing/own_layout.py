"""Exporting a project to the layout "neptune-frames": batch after batch, each committed as it is complete."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import ArchiveError
from neptune_frames.progress import Counting
from neptune_frames.sources.archive.batch_layout import (
    FILES_DIRECTORY,
    FORMAT_FILE,
    Manifest,
    batch_directory,
    check_format,
    committed_batches,
    files_wanted,
    format_document,
    is_archive,
    project_directory,
    read_manifest,
)
from neptune_frames.sources.archive.object_path import Location
from neptune_frames.sources.base import Source
from neptune_frames.writing.batch import Batch, Outline, remove_scratch, scratch_directory
from neptune_frames.writing.batch_files import remove_leftovers, write_batch
from neptune_frames.writing.collecting import Collector
from neptune_frames.writing.durable import write_durably, writing
from neptune_frames.writing.held import HeldRuns, HeldSteps
from neptune_frames.writing.payload_names import OwnNaming
from neptune_frames.writing.payloads import Payloads, remove_incoming
from neptune_frames.writing.pipeline import write_batches
from neptune_frames.writing.selection import ExportPlan, ExportSelection, missing_parents
from neptune_frames.writing.summary import Written


def prepare_archive(archive: Location) -> None:
    """Make a directory or a place in an object store an archive, or check that it is one. Raises `ArchiveError`."""
    if isinstance(archive, Path):
        archive.mkdir(parents=True, exist_ok=True)
    # Another export may be making the archive right now. It writes the format file before anything else, so where
    # there is anything of its doing, that file is found by looking for it afterwards.
    shown = [path.name for path in archive.iterdir() if not path.name.startswith(".")]
    if is_archive(archive):
        check_format(archive)
    elif shown:
        raise ArchiveError(
            f"{archive} is not an archive in the layout neptune-frames, and not empty. Give a new or empty place."
        )
    elif isinstance(archive, Path):
        write_durably(archive / FORMAT_FILE, format_document())
    else:
        (archive / FORMAT_FILE).write_bytes(format_document())


class OwnProject:
    """Implements `neptune_frames.writing.exporting.ProjectArchive` for the layout "neptune-frames".

    ``committed`` is told the directory of each batch once it is there.
    """

    def __init__(self, archive: Path, project: str, committed: Callable[[Path], object] = lambda batch: None) -> None:
        self._project = project
        self._committed = committed
        self.directory = project_directory(archive, project)

    def remove_leftovers(self) -> None:
        remove_leftovers(self.directory)
        remove_incoming(self.directory / FILES_DIRECTORY)

    def plan(self, found: pa.Table, selection: ExportSelection, *, update: bool) -> ExportPlan:
        """Raises `ArchiveError` where the archive holds other attributes."""
        held = HeldRuns.read(self.directory)
        self._check_selection(held, selection)
        known = held.known(found["run"].combine_chunks())
        new = found.filter(pc.invert(known.held))
        missing = sorted(set(missing_parents(found)).difference(held.runs["run"].to_list()))
        if not update:
            return ExportPlan(found, new, None, missing)
        same = pc.fill_null(pc.equal(known.modification_time, found["modification_time"].combine_chunks()), False)
        return ExportPlan(found, new, found.filter(pc.and_(known.held, pc.invert(same))), missing)

    def write(
        self, source: Source, selection: ExportSelection, plan: ExportPlan, written: Written, advance: Counting
    ) -> None:
        self._write(source, selection, plan.new, None, written, advance)
        if plan.changed is not None and plan.changed.num_rows:
            with writing():
                held = HeldRuns.read(self.directory)
            self._write(source, selection, plan.changed, held, written, advance)

    def _write(
        self,
        source: Source,
        selection: ExportSelection,
        runs: pa.Table,
        held: HeldRuns | None,
        written: Written,
        advance: Counting,
    ) -> None:
        """New runs, or with ``held`` what is new of runs that are there."""
        batches = committed_batches(self.directory)
        before = _outline(batches[-1][1]) if batches and held is None else None
        stored = None
        if held is not None:
            with writing():
                stored = held.payloads()
        numbers, places = count(batches[-1][0] + 1 if batches else 0), count()

        def payloads() -> Payloads:
            files = self.directory / FILES_DIRECTORY
            return Payloads(source, self._project, files, OwnNaming(), bring=selection.files, stored=stored)

        def batch() -> Batch:
            return Batch(self._project, scratch_directory(self.directory, next(places)), selection.recorded)

        def write(full: Batch) -> Written:
            changed = full if held is None else full.without(held.unchanged(full))
            done = Written(self._project, kept=full.runs.num_rows - changed.runs.num_rows)
            if changed.runs.num_rows:
                manifest = write_batch(self.directory, next(numbers), changed)
                self._committed(batch_directory(self.directory, manifest.batch))
                done.add(_written(manifest, changed, selection))
            full.close()
            return done

        steps = None if held is None else HeldSteps(held, runs["run"])
        collector = Collector(source, selection.selector, payloads, steps, advance)
        for done in write_batches(collector, runs, batch, write, before=before):
            written.add(done)
        remove_scratch(self.directory)

    def _check_selection(self, held: HeldRuns, selection: ExportSelection) -> None:
        for manifest in held.manifests:
            if manifest.selection != selection.recorded:
                there, asked = _shown(manifest.selection), _shown(selection.recorded)
                differing = f"{there}, and not {asked}" if there != asked else "other attributes or types"
                raise ArchiveError(
                    f"{self.directory} holds an export of another selection: {differing}. Ask for the same selection, "
                    "or give another destination."
                )


def _outline(batch: Path) -> Outline:
    manifest = read_manifest(batch)
    return Outline(manifest.runs, manifest.attributes, manifest.point_count)


def _written(manifest: Manifest, batch: Batch, selection: ExportSelection) -> Written:
    return Written(
        manifest.project,
        runs=manifest.runs,
        attributes=manifest.attributes,
        series=manifest.series,
        points=dict(manifest.points),
        files=batch.files_brought,
        files_missing=batch.files_missing,
        bytes=sum(entry.bytes for entry in manifest.files) + manifest.payload_bytes,
        selection_met=selection.is_met(batch),
    )


def _shown(selection: dict[str, str]) -> str:
    """A selection in words. Manifests hold the choice of attributes in a form that is no reading for people."""
    attributes = "chosen attributes" if "attributes" in selection else "all attributes"
    return f"{attributes}, {'with' if files_wanted(selection) else 'without'} the content of files"
