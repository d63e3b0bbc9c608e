"""Points of one series type as part files, with an index of where each series lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from neptune_frames.query.attributes import FLOAT_SERIES
from neptune_frames.schemas import FLOAT_SERIES_STATISTICS
from neptune_frames.sources.archive.batch_layout import FileEntry, part_file, point_rows
from neptune_frames.sources.archive.statistics import series_statistics
from neptune_frames.writing.part_files import PartWriter, repeated_names, row_groups
from neptune_frames.writing.point_store import Block, Codes

#: A part file of points that has grown beyond this is followed by another one.
PART_BYTES = 512 * 1024 * 1024


class PointFiles:
    """The part files of one series type in the directory of a batch, and the stretches in them.

    Blocks number runs by ``runs`` and attributes by ``names``, both sorted.
    """

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
