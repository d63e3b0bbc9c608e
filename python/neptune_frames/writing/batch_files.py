"""One batch of the layout "neptune-frames": written to a staging directory, committed by a rename."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.installation import library_version
from neptune_frames.schemas import SERIES_TYPES
from neptune_frames.sources.archive.batch_layout import (
    ATTRIBUTE_ROWS,
    ATTRIBUTES_DIRECTORY,
    PAYLOADS,
    PAYLOADS_FILE,
    RUN_ROWS,
    RUNS_FILE,
    SERIES_DIRECTORY,
    STRETCHES,
    FileEntry,
    Manifest,
    batch_directory,
    part_file,
    staged_number,
    staging_directory,
    write_manifest,
)
from neptune_frames.sources.archive.layout import PARAMETER_COLUMNS
from neptune_frames.writing.batch import Batch, remove_scratch
from neptune_frames.writing.durable import sync_directory, sync_file
from neptune_frames.writing.part_files import (
    ROW_GROUP_ROWS,
    PartWriter,
    abandoned_on_error,
    repeated_names,
    write_rows,
)
from neptune_frames.writing.point_files import PointFiles


def remove_leftovers(project: Path) -> None:
    """Remove what exports that were interrupted left behind. Only the project's writer may do so."""
    for path in project.iterdir():
        if staged_number(path.name) is not None:
            shutil.rmtree(path)
    remove_scratch(project)


def write_batch(project: Path, number: int, batch: Batch) -> Manifest:
    """Write a batch and commit it: it appears below the project's directory at once and whole."""
    staging = staging_directory(project, number)
    staging.mkdir(parents=True, exist_ok=True)
    manifest = _BatchFiles(staging, batch).write(number)
    sync_file(write_manifest(staging, manifest))
    for directory in [*(path for path in staging.iterdir() if path.is_dir()), staging]:
        sync_directory(directory)
    staging.rename(batch_directory(project, number))
    sync_directory(project)
    return manifest


class _BatchFiles:
    """The Parquet files of one batch; ``counts`` are attributes, series and points of each run."""

    def __init__(self, directory: Path, batch: Batch) -> None:
        self._directory = directory
        self._batch = batch
        self._runs = batch.run_ids
        self._names = batch.names.take(pc.sort_indices(batch.names))
        self._ranks = batch.ranks
        self._files: list[FileEntry] = []
        self._points: dict[str, int] = {}
        kinds = ("attribute_count", "series_count", "point_count")
        self._counts = {kind: np.zeros(len(self._runs), dtype=np.int64) for kind in kinds}

    def write(self, number: int) -> Manifest:
        """Write all files. Gives the manifest, which is not written."""
        batch = self._batch
        if batch.value_count:
            self._write_values()
        self._write_points()
        if batch.payloads.num_rows:
            self._write_table(PAYLOADS_FILE, batch.payloads.select(PAYLOADS.names), PAYLOADS)
        counts = [pa.array(self._counts[name]) for name in RUN_ROWS.names if name in self._counts]
        self._write_table(RUNS_FILE, pa.table([*batch.runs.columns, *counts], schema=RUN_ROWS), RUN_ROWS)
        return Manifest(
            writer=f"neptune-frames {library_version()}",
            project=batch.project,
            batch=number,
            runs=len(self._runs),
            attributes=batch.value_count,
            series=int(self._counts["series_count"].sum()),
            points=self._points,
            payloads=batch.payloads.num_rows,
            payload_bytes=pc.sum(batch.payloads["bytes"]).as_py() or 0,
            selection=dict(batch.selection),
            files=sorted(self._files, key=lambda entry: entry.path),
        )

    def _write_values(self) -> None:
        name = part_file(Path(), ATTRIBUTES_DIRECTORY, 0).as_posix()
        writer = PartWriter(self._directory / name, ATTRIBUTE_ROWS)
        with abandoned_on_error(writer):
            for kind in sorted(self._batch.values):
                run, codes, values = self._batch.values_of(kind)
                attribute = self._ranks[codes]
                np.add.at(self._counts["attribute_count"], run, 1)
                order = np.lexsort((run, attribute))
                for start in range(0, len(order), ROW_GROUP_ROWS):
                    some = order[start : start + ROW_GROUP_ROWS]
                    keys = repeated_names(self._runs, run[some]), repeated_names(self._names, attribute[some])
                    writer.write(attribute_rows(kind, *keys, values.take(pa.array(some))))
            self._files.append(writer.finish(name))

    def _write_points(self) -> None:
        """The points of all types, and the index of their series."""
        stretches = []
        for series_type in sorted(SERIES_TYPES):
            store = self._batch.points.get(series_type)
            if store is None or not store.points:
                continue
            writer = PointFiles(self._directory, series_type, self._runs, self._names)
            with abandoned_on_error(writer):
                for block in store.blocks(self._ranks):
                    writer.write(block)
                entries = writer.finish()
            self._files += entries
            self._points[series_type] = sum(entry.rows for entry in entries)
            stretches.append(writer.stretches())
        if not stretches:
            return
        rows = pa.concat_tables(stretches)
        run, new, count = (rows[column].to_numpy() for column in ("_run", "_new", "count"))
        np.add.at(self._counts["series_count"], run, new)
        np.add.at(self._counts["point_count"], run, count)
        name = part_file(Path(), SERIES_DIRECTORY, 0).as_posix()
        self._write_table(name, rows.drop(["_run", "_new"]), STRETCHES)

    def _write_table(self, name: str, table: pa.Table, schema: pa.Schema) -> None:
        self._files.append(write_rows(self._directory, name, table, schema))


def attribute_rows(kind: str, runs: pa.Array, attributes: pa.Array, values: pa.Array) -> pa.Table:
    """Rows of ATTRIBUTE_ROWS that have values of one type; names are dictionaries."""
    count = len(values)
    columns: dict[str, pa.Array] = {each.name: pa.nulls(count, each.type) for each in ATTRIBUTE_ROWS}
    types = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, dtype=np.int32)), pa.array([kind]))
    return pa.table({**columns, "run": runs, "attribute": attributes, "type": types, PARAMETER_COLUMNS[kind]: values})
