"""Exporting a project to the layout "neptune-exporter": run after run, each complete when its part 0 is there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import ArchiveError
from neptune_frames.progress import Counting
from neptune_frames.query.attributes import FLOAT_SERIES
from neptune_frames.schemas import SERIES_TYPES
from neptune_frames.slices import each_stretch
from neptune_frames.sources.archive.batch_layout import is_archive
from neptune_frames.sources.archive.layout import (
    EXPORT_SCHEMA,
    PARAMETER_COLUMNS,
    VALUE_COLUMNS,
    encoded_name,
    exporter_part_name,
    list_parts,
)
from neptune_frames.sources.base import Source
from neptune_frames.writing.batch import Batch, remove_scratch, scratch_directory
from neptune_frames.writing.collecting import Collector
from neptune_frames.writing.durable import sync_directory
from neptune_frames.writing.exporter_layout import Continued, decimals_of, export_rows, microsteps, write_run
from neptune_frames.writing.payload_names import ExporterNaming
from neptune_frames.writing.payloads import Payloads, remove_incoming
from neptune_frames.writing.pipeline import write_batches
from neptune_frames.writing.point_store import Block, Codes, PointStore
from neptune_frames.writing.selection import ExportPlan, ExportSelection, missing_parents
from neptune_frames.writing.summary import Written

Rows: TypeAlias = "pa.Table | Continued"


def prepare_archive(archive: Path) -> None:
    """Make a directory ready for the layout. Raises `ArchiveError` where it holds an archive of ours."""
    if is_archive(archive):
        raise ArchiveError(f"{archive} is an archive in the layout neptune-frames. Give another destination.")
    for name in ("data", "files"):
        (archive / name).mkdir(parents=True, exist_ok=True)
    sync_directory(archive)


class ExporterProject:
    """Implements `neptune_frames.writing.exporting.ProjectArchive` for the exporter's layout."""

    def __init__(self, archive: Path, project: str) -> None:
        self._data = archive / "data"
        self._files = archive / "files" / encoded_name(project)
        self._project = project
        self.directory = self._data / encoded_name(project)

    def remove_leftovers(self) -> None:
        """Parts of runs that were interrupted must not mix with new ones."""
        remove_scratch(self.directory)
        remove_incoming(self._files)
        for name in list_parts(self.directory).interrupted:
            (self.directory / name).unlink()

    def plan(self, found: pa.Table, selection: ExportSelection, *, update: bool) -> ExportPlan:
        held = [self._holds(run) for run in found["run"].to_pylist()]
        missing = [parent for parent in missing_parents(found) if not self._holds(parent)]
        return ExportPlan(found, found.filter(pc.invert(pa.array(held, pa.bool_()))), None, missing)

    def _holds(self, run: str) -> bool:
        return (self.directory / exporter_part_name(run, 0)).exists()

    def _naming(self, runs: Sequence[str]) -> ExporterNaming:
        """Runs that the archive holds keep their directories, whether or not they are among those asked for."""
        held = {part.rpartition("_part_")[0] for part in map(os.path.basename, list_parts(self.directory).parts)}
        others = held.difference(map(encoded_name, runs))
        return ExporterNaming(runs, (name.rpartition("-")[0] for name in others))

    def write(
        self, source: Source, selection: ExportSelection, plan: ExportPlan, written: Written, advance: Counting
    ) -> None:
        naming, places = self._naming(plan.found["run"].to_pylist()), count()

        def payloads() -> Payloads:
            return Payloads(source, self._project, self._files, naming, bring=selection.files)

        def batch() -> Batch:
            return Batch(self._project, scratch_directory(self.directory, next(places)), selection.recorded)

        def write(full: Batch) -> Written:
            return self._write_batch(full, selection)

        collector = Collector(source, selection.selector, payloads, None, advance)
        for done in write_batches(collector, plan.new, batch, write, before=None):
            written.add(done)
        remove_scratch(self.directory)

    def _write_batch(self, batch: Batch, selection: ExportSelection) -> Written:
        names = batch.names.take(pc.sort_indices(batch.names))
        ranks = batch.ranks
        series = {
            kind: _Section(_series_rows(store, batch.run_ids, names, ranks))
            for kind, store in batch.points.items()
            if store.points
        }
        # The order of classes in which the exporter writes them (section 8).
        sections = [
            _Section(_parameter_rows(batch, [kind for kind in PARAMETER_COLUMNS if kind != "file"])),
            *(series[kind] for kind in SERIES_TYPES if kind in series and kind != "file_series"),
            _Section(_parameter_rows(batch, ["file"])),
            *(series[kind] for kind in ("file_series",) if kind in series),
        ]
        paths: list[Path] = []
        for position, run in enumerate(batch.run_ids.to_pylist()):
            rows = (each for section in sections for each in section.of(position))
            paths += write_run(self._data, self._project, run, rows, durable=True)
        sync_directory(self.directory)
        done = Written(
            self._project,
            runs=batch.runs.num_rows,
            attributes=batch.value_count,
            series=sum(section.series for section in series.values()),
            points={kind: store.points for kind, store in batch.points.items()},
            files=batch.files_brought,
            files_missing=batch.files_missing,
            bytes=sum(path.stat().st_size for path in paths) + (pc.sum(batch.payloads["bytes"]).as_py() or 0),
            selection_met=selection.is_met(batch),
        )
        batch.close()
        return done


class _Piece(NamedTuple):
    """Rows of one run (a position), and how many series begin in them."""

    run: int
    rows: Rows
    series: int


class _Section:
    """One class of rows of all runs, handed out run by run."""

    def __init__(self, pieces: Iterator[_Piece]) -> None:
        self._pieces = pieces
        self._next = next(pieces, None)
        self.series = 0

    def of(self, run: int) -> Iterator[Rows]:
        """The rows of a run; runs must be asked for in order."""
        while self._next is not None and self._next.run == run:
            self.series += self._next.series
            yield self._next.rows
            self._next = next(self._pieces, None)


def _parameter_rows(batch: Batch, kinds: Sequence[str]) -> Iterator[_Piece]:
    """One table per run that has any, by path and type."""
    tables, numbers = [], []
    for kind in kinds:
        for run, attribute, values in batch.values.get(kind, ()):
            columns = {
                "attribute_path": batch.names.take(pa.array(attribute)),
                "attribute_type": pa.repeat(kind, len(run)),
                VALUE_COLUMNS[kind]: _stored(kind, values),
            }
            tables.append(export_rows(columns, len(run)))
            numbers.append(run)
    if not tables:
        return
    table, run = pa.concat_tables(tables), np.concatenate(numbers)
    key = pc.binary_join_element_wise(table["attribute_path"], table["attribute_type"], ":")
    order = pc.sort_indices(pa.table({"run": run, "key": key}), sort_keys=[("run", "ascending"), ("key", "ascending")])
    table, run = table.take(order), run[order.to_numpy()]
    for start, stop in each_stretch(run):
        yield _Piece(int(run[start]), table.slice(start, stop - start), 0)


def _series_rows(store: PointStore, run_ids: pa.Array, names: pa.Array, ranks: Codes) -> Iterator[_Piece]:
    """Tables of at most about a million points, by step and then by path, in the order of the runs."""
    last: tuple[int, int] | None = None
    reached = 0
    for block in store.blocks(ranks, by_run=True):
        for first, stop in each_stretch(block.runs):
            run, series = int(block.runs[first]), stop - first
            continued = last == (run, block.attributes[first])
            start, end = int(block.offsets[first]), int(block.offsets[stop])
            with _named_misfit(run_ids[run].as_py()):
                micros = microsteps(block.points["step"].slice(start, end - start).to_numpy())
                _check_steps_apart(micros, block, first, stop, names, reached if continued else None)
            rows = _point_rows(store.series_type, block, first, stop, names, micros)
            yield _Piece(run, Continued(rows) if continued else rows, series - continued)
            reached = int(micros[-1])
        last = (int(block.runs[-1]), int(block.attributes[-1]))


def _check_steps_apart(
    micros: npt.NDArray[np.int64], block: Block, first: int, stop: int, names: pa.Array, before: int | None
) -> None:
    """Raise ValueError where two points of a series have one step in millionths: readers see only one of them.

    ``micros`` are those of the stretches ``first:stop``; ``before`` is the last one of the stretch that the first of
    them continues.
    """
    starts = block.offsets[first:stop] - block.offsets[first]
    same = np.append(before == micros[0], micros[1:] == micros[:-1])
    same[starts[1:] if before is not None else starts] = False
    if same.any():
        at = int(same.argmax())
        name = names[int(block.attributes[first + int(np.searchsorted(starts, at, side="right")) - 1])].as_py()
        step = block.points["step"][int(block.offsets[first]) + at].as_py()
        raise ValueError(f"two steps of {name!r}, one of them {step!r}, are the same in millionths")


@contextmanager
def _named_misfit(run: str) -> Iterator[None]:
    """A value that the layout cannot hold as `ArchiveError`, which names the run."""
    try:
        yield
    except ValueError as error:
        raise ArchiveError(
            f"The run {run!r} does not fit the layout neptune-exporter: {error}. Leave it out, or export to "
            "the layout neptune-frames."
        ) from error


def _point_rows(
    kind: str, block: Block, first: int, stop: int, names: pa.Array, micros: npt.NDArray[np.int64]
) -> pa.Table:
    """The stretches ``first:stop`` of a block, which are of one run, with their steps in millionths."""
    start, end = int(block.offsets[first]), int(block.offsets[stop])
    points = block.points.slice(start, end - start)
    order = pa.array(np.argsort(points["step"].to_numpy(), kind="stable"))
    lengths = np.diff(block.offsets[first : stop + 1])
    paths = names.take(pa.array(np.repeat(block.attributes[first:stop], lengths)))
    columns = {
        "attribute_path": paths.take(order),
        "attribute_type": pa.repeat(kind, len(micros)),
        "step": decimals_of(micros).take(order),
        "timestamp": points["timestamp"].take(order),
        VALUE_COLUMNS[kind]: _stored(kind, points["value"].combine_chunks()).take(order),
    }
    return export_rows(columns, len(micros))


def _stored(kind: str, values: pa.Array) -> pa.Array:
    """Values as the layout has them: of a file its path, and null for NaN in a series (section 7)."""
    if kind in ("file", "file_series"):
        field = EXPORT_SCHEMA.field("file_value").type[0]
        return pa.StructArray.from_arrays([values.field("path")], fields=[field], mask=values.is_null())
    if kind == FLOAT_SERIES:
        return pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)
    return values.cast(EXPORT_SCHEMA.field(VALUE_COLUMNS[kind]).type)
