"""One batch of the layout "neptune-frames": collected in memory, written to a staging directory, committed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.schemas import FLOAT_SERIES_STATISTICS, SERIES_TYPES
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
    is_staging,
    part_file,
    point_rows,
    staging_directory,
    write_manifest,
)
from neptune_frames.sources.archive.layout import FLOAT_SERIES, PARAMETER_COLUMNS
from neptune_frames.sources.archive.statistics import series_statistics
from neptune_frames.writing.durable import sync_directory, sync_file
from neptune_frames.writing.part_files import (
    ROW_GROUP_ROWS,
    PartWriter,
    abandoned_on_error,
    repeated_names,
    row_groups,
    write_rows,
)
from neptune_frames.writing.point_store import Block, Codes, PointStore, Rename

#: A part file of points that has grown beyond this is followed by another one.
PART_BYTES = 512 * 1024 * 1024
#: Columns of RUN_ROWS that come from the source; the others count what the batch holds.
RUN_COLUMNS = RUN_ROWS.names[:5]
_WRITER = f"neptune-frames {metadata.version('neptune-frames')}"
_SCRATCH = ".scratch"


class Outline(NamedTuple):
    """How large a batch is; what a manifest says of it too."""

    runs: int
    attributes: int
    point_count: int


@dataclass
class Batch:
    """What was collected for one batch.

    ``runs`` has the columns of RUN_ROWS but for the counts, sorted by ``run``. ``names`` are the attributes
    of the batch, in the order in which they were met; ``values`` has, by type, pieces of three columns:
    position in ``runs``, position in ``names``, value. ``payloads`` are those that `Payloads.fetch` brought.
    """

    project: str
    scratch: Path
    selection: Mapping[str, str]
    runs: pa.Table = field(default_factory=lambda: RUN_ROWS.empty_table().select(RUN_COLUMNS))
    names: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))
    values: dict[str, list[tuple[Codes, Codes, pa.Array]]] = field(default_factory=dict)
    points: dict[str, PointStore] = field(default_factory=dict)
    payloads: pa.Table = field(default_factory=lambda: PAYLOADS.append(pa.field("run", pa.int64())).empty_table())
    rename: Rename | None = None

    def attribute_codes(self, names: pa.Array) -> Codes:
        """Positions of (distinct) names in ``names``; new ones are added."""
        known = pc.index_in(names, value_set=self.names)
        new = names.filter(pc.is_null(known))
        if len(new):
            self.names = pa.concat_arrays([self.names, new])
            known = pc.index_in(names, value_set=self.names)
        codes: Codes = known.to_numpy().astype(np.int64)
        return codes

    def store(self, series_type: str) -> PointStore:
        """The points of a type."""
        if series_type not in self.points:
            rename = self.rename if series_type == "file_series" else None
            self.points[series_type] = PointStore(series_type, self.scratch, rename=rename)
        return self.points[series_type]

    @property
    def run_ids(self) -> pa.Array:
        return self.runs["run"].combine_chunks()

    def values_of(self, kind: str) -> tuple[Codes, Codes, pa.Array]:
        """All values of one type: position in ``runs``, position in ``names``, value."""
        run, attribute, values = zip(*self.values[kind], strict=True)
        return np.concatenate(run), np.concatenate(attribute), pa.chunked_array(values).combine_chunks()

    @property
    def files_brought(self) -> int:
        """Payloads that are there."""
        return int(self.payloads.num_rows - self.payloads["bytes"].null_count)

    @property
    def text_bytes(self) -> int:
        """Bytes of texts among the values."""
        return sum(pc.sum(pc.binary_length(texts)).as_py() or 0 for _, _, texts in self.values.get("string", ()))

    @property
    def value_count(self) -> int:
        return sum(len(value) for pieces in self.values.values() for _, _, value in pieces)

    @property
    def point_count(self) -> int:
        return sum(store.points for store in self.points.values())

    def close(self) -> None:
        """Give memory and scratch files back."""
        for store in self.points.values():
            store.close()
        self.values.clear()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def without(self, left_out: Codes) -> Batch:
        """The batch without some of its runs, which have no points."""
        kept = np.ones(self.runs.num_rows, dtype=bool)
        kept[left_out] = False
        position = np.cumsum(kept) - 1
        values: dict[str, list[tuple[Codes, Codes, pa.Array]]] = {}
        for kind, pieces in self.values.items():
            for run, attribute, value in pieces:
                rows = kept[run]
                if rows.any():
                    piece = (position[run[rows]], attribute[rows], value.filter(pa.array(rows)))
                    values.setdefault(kind, []).append(piece)
        for store in self.points.values():
            store.renumber(position)
        payloads = self.payloads.filter(pa.array(kept[self.payloads["run"].to_numpy()]))
        return replace(self, runs=self.runs.filter(pa.array(kept)), values=values, payloads=payloads)

    def outline(self) -> Outline:
        """How large it is."""
        return Outline(self.runs.num_rows, self.value_count, self.point_count)

    @property
    def ranks(self) -> Codes:
        """The place of each of ``names`` among all of them, sorted."""
        order = pc.sort_indices(self.names).to_numpy().astype(np.int64)
        ranks = np.empty(len(order), dtype=np.int64)
        ranks[order] = np.arange(len(order))
        return ranks


def scratch_directory(project: Path, number: int) -> Path:
    """Where points of the ``number``-th batch of an export may lie while it is collected."""
    return project / _SCRATCH / str(number)


def write_batch(project: Path, number: int, batch: Batch) -> Manifest:
    """Write a batch and commit it: it appears below the project's directory at once and whole."""
    staging = staging_directory(project, number)
    staging.mkdir(parents=True, exist_ok=True)
    manifest = _write_files(staging, batch, number)
    sync_file(write_manifest(staging, manifest))
    for directory in [*(path for path in staging.iterdir() if path.is_dir()), staging]:
        sync_directory(directory)
    staging.rename(batch_directory(project, number))
    sync_directory(project)
    return manifest


def remove_leftovers(project: Path) -> None:
    """Remove what exports that were interrupted left behind. Only the project's writer may do so."""
    for path in project.iterdir():
        if is_staging(path.name) or path.name == _SCRATCH:
            shutil.rmtree(path)


def _write_files(staging: Path, batch: Batch, number: int) -> Manifest:
    names = batch.names.take(pc.sort_indices(batch.names))
    ranks = batch.ranks
    runs = batch.run_ids
    files: list[FileEntry] = []
    value_counts = np.zeros(batch.runs.num_rows, dtype=np.int64)
    if batch.value_count:
        files.append(_write_values(staging, batch, names, ranks, runs, value_counts))
    stretches, points = [], {}
    for series_type in sorted(SERIES_TYPES):
        store = batch.points.get(series_type)
        if store is None or not store.points:
            continue
        writer = _PointWriter(staging, series_type, runs, names)
        with abandoned_on_error(writer):
            for block in store.blocks(ranks):
                writer.write(block)
            files += writer.finish()
        points[series_type] = sum(entry.rows for entry in writer.entries)
        stretches.append(writer.stretches())
    series_counts, point_counts, series = np.zeros_like(value_counts), np.zeros_like(value_counts), 0
    if stretches:
        stretch_table = pa.concat_tables(stretches)
        files.append(
            write_rows(
                staging, f"{SERIES_DIRECTORY}/part-00000.parquet", stretch_table.drop(["_run", "_new"]), STRETCHES
            )
        )
        run, new = stretch_table["_run"].to_numpy(), stretch_table["_new"].to_numpy()
        series_counts += np.bincount(run, weights=new, minlength=len(runs)).astype(np.int64)
        point_counts += np.bincount(run, weights=stretch_table["count"].to_numpy(), minlength=len(runs)).astype(
            np.int64
        )
        series = int(new.sum())
    if batch.payloads.num_rows:
        files.append(write_rows(staging, PAYLOADS_FILE, batch.payloads.select(PAYLOADS.names), PAYLOADS))
    run_rows = pa.table(
        [*batch.runs.columns, pa.array(value_counts), pa.array(series_counts), pa.array(point_counts)], schema=RUN_ROWS
    )
    files.append(write_rows(staging, RUNS_FILE, run_rows, RUN_ROWS))
    return Manifest(
        writer=_WRITER,
        project=batch.project,
        batch=number,
        runs=len(runs),
        attributes=batch.value_count,
        series=series,
        points=points,
        payloads=batch.payloads.num_rows,
        payload_bytes=pc.sum(batch.payloads["bytes"]).as_py() or 0,
        selection=dict(batch.selection),
        files=sorted(files, key=lambda entry: entry.path),
    )


def _write_values(
    staging: Path, batch: Batch, names: pa.Array, ranks: Codes, runs: pa.Array, counts: Codes
) -> FileEntry:
    """The attributes file; adds the values of each run to ``counts``."""
    name = part_file(Path(), ATTRIBUTES_DIRECTORY, 0).as_posix()
    writer = PartWriter(staging / name, ATTRIBUTE_ROWS)
    with abandoned_on_error(writer):
        for kind in sorted(batch.values):
            run, codes, values = batch.values_of(kind)
            attribute = ranks[codes]
            np.add.at(counts, run, 1)
            order = np.lexsort((run, attribute))
            for start in range(0, len(order), ROW_GROUP_ROWS):
                some = order[start : start + ROW_GROUP_ROWS]
                keys = repeated_names(runs, run[some]), repeated_names(names, attribute[some])
                writer.write(attribute_rows(kind, *keys, values.take(pa.array(some))))
        return writer.finish(name)


def attribute_rows(kind: str, runs: pa.Array, attributes: pa.Array, values: pa.Array) -> pa.Table:
    """Rows of ATTRIBUTE_ROWS that have values of one type; names are dictionaries."""
    count = len(values)
    columns: dict[str, pa.Array] = {each.name: pa.nulls(count, each.type) for each in ATTRIBUTE_ROWS}
    types = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, dtype=np.int32)), pa.array([kind]))
    return pa.table({**columns, "run": runs, "attribute": attributes, "type": types, PARAMETER_COLUMNS[kind]: values})


class _PointWriter:
    """The part files of one series type, and the stretches in them."""

    def __init__(self, staging: Path, series_type: str, runs: pa.Array, names: pa.Array) -> None:
        self.entries: list[FileEntry] = []
        self._staging = staging
        self._type = series_type
        self._runs = runs
        self._names = names
        self._writer: PartWriter | None = None
        self._stretches: list[pa.Table] = []
        self._last: tuple[int, int] | None = None

    def write(self, block: Block) -> None:
        """Append a block; one that comes after a large part begins another."""
        if self._writer is not None and self._writer.bytes > PART_BYTES:
            self._close_part()
        number = len(self.entries)
        if self._writer is None:
            self._writer = PartWriter(part_file(self._staging, self._type, number), point_rows(self._type))
        self._stretches.append(self._stretch_rows(block, number, self._writer.rows))
        changes = block.offsets[np.flatnonzero(np.diff(block.attributes)) + 1]
        for start, stop in row_groups(changes, block.sizes, block.points.num_rows):
            self._writer.write(self._rows(block, start, stop))

    def abandon(self) -> None:
        """Give up, after an error."""
        if self._writer is not None:
            self._writer.abandon()

    def finish(self) -> list[FileEntry]:
        self._close_part()
        return self.entries

    def stretches(self) -> pa.Table:
        """Rows of STRETCHES, with ``_run`` (its number) and ``_new`` (1 where a series begins) behind."""
        return pa.concat_tables(self._stretches)

    def _close_part(self) -> None:
        if self._writer is not None:
            number = len(self.entries)
            name = part_file(Path(), self._type, number).as_posix()
            self.entries.append(self._writer.finish(name))
            self._writer = None

    def _rows(self, block: Block, start: int, stop: int) -> pa.Table:
        first = int(np.searchsorted(block.offsets, start, side="right")) - 1
        last = int(np.searchsorted(block.offsets, stop, side="left"))
        lengths: Codes = np.diff(np.clip(block.offsets[first : last + 1], start, stop)).astype(np.int64)
        points = block.points.slice(start, stop - start)
        return pa.table(
            {
                "run": repeated_names(self._runs, block.runs[first:last], lengths),
                "attribute": repeated_names(self._names, block.attributes[first:last], lengths),
                **{name: points[name] for name in points.column_names},
            }
        )

    def _stretch_rows(self, block: Block, part: int, row: int) -> pa.Table:
        starts, counts = block.offsets[:-1], np.diff(block.offsets)
        steps = block.points["step"].to_numpy()
        statistics: dict[str, npt.NDArray[np.generic] | pa.Array]
        if self._type == FLOAT_SERIES:
            found = series_statistics(block.offsets, steps, block.points["value"].to_numpy())
            statistics = {name: found[name] for name in ("last", *FLOAT_SERIES_STATISTICS)}
            sizes = counts * 16
        else:
            assert block.sizes is not None
            statistics = {name: pa.nulls(len(counts), pa.float64()) for name in ("last", *FLOAT_SERIES_STATISTICS)}
            sizes = np.add.reduceat(block.sizes, starts)
        new = np.ones(len(counts), dtype=np.int64)
        if self._last == (block.attributes[0], block.runs[0]):
            new[0] = 0
        self._last = (int(block.attributes[-1]), int(block.runs[-1]))
        count = len(counts)
        return pa.table(
            {
                "run": repeated_names(self._runs, block.runs).cast(pa.string()),
                "attribute": repeated_names(self._names, block.attributes).cast(pa.string()),
                "type": pa.repeat(self._type, count),
                "part": np.full(count, part, dtype=np.int32),
                "row": starts + row,
                "count": counts,
                "bytes": sizes,
                "first_step": steps[starts],
                "last_step": steps[block.offsets[1:] - 1],
                **statistics,
                "_run": block.runs,
                "_new": new,
            }
        )
