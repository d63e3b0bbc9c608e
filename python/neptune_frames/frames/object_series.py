"""Series of strings, histograms and files: long for Polars, (label, step) by attribute for pandas."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.counted import counted
from neptune_frames.frames import values_objects
from neptune_frames.frames.metrics_pandas import row_index, two_levels
from neptune_frames.frames.metrics_points import PointBlock
from neptune_frames.frames.pandas_values import (
    NO_TIMESTAMP,
    Block,
    frame_of_blocks,
    string_index,
    string_objects,
    text_blocks,
    timestamp_values,
)
from neptune_frames.frames.questions import points_of, series_keys
from neptune_frames.frames.table_exports import Exports
from neptune_frames.frames.table_grid import MISSING, gather, one_array
from neptune_frames.frames.wide_pivot import Pivot
from neptune_frames.progress import tracked
from neptune_frames.schemas import OBJECT_POINT, POINT_TIME
from neptune_frames.slices import offsets_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt
    import pandas as pd
    import polars as pl

    from neptune_frames.frames.questions import MetricsQuestion
    from neptune_frames.query.selection import ContainerKind
    from neptune_frames.sources.base import SeriesKeys, Source
    from neptune_frames.types import File


def fetch_object_series(source: Source, question: MetricsQuestion) -> ObjectSeries:
    """Ask which string, histogram and file series there are, then for their points."""
    # By definition, not by plain name: a name may belong to a series of numbers.
    by_definition = replace(question.attributes, plain_names=None) if question.attributes.plain_names else None
    keys = series_keys(source, replace(question, attributes=by_definition or question.attributes))
    batches = tracked(source.object_points(keys, question.options), "points", points_of) if len(keys) else ()
    return ObjectSeries._from_batches(
        keys, batches, question.containers.kind, include_time=question.options.include_time
    )


@dataclass(frozen=True, repr=False)
class ObjectSeries(Exports):
    """Points of string, histogram and file series, on the way to a frame.

    Args:
        keys: The series that were asked for.
        _flat: Their points (`Source.object_points`).
        kind: Whether series belong to experiments or runs; names the index.
        include_time: Whether results show when a point was logged.
    """

    keys: SeriesKeys
    _flat: FlatPoints
    kind: ContainerKind
    include_time: bool = False

    @classmethod
    def _from_batches(
        cls, keys: SeriesKeys, batches: Iterable[pa.RecordBatch], kind: ContainerKind, *, include_time: bool = False
    ) -> ObjectSeries:
        """Collect the answer of `Source.object_points`."""
        return cls(keys, FlatPoints.of(batches, time=include_time), kind, include_time)

    def __len__(self) -> int:
        """The number of points."""
        return len(self._flat)

    def collect(self) -> pl.DataFrame:
        """A row per point: ``project``, the label (``experiment`` or ``run``), ``attribute``, ``step``, the
        ``timestamp`` if time was asked for, and ``string``, ``histogram`` and ``file``, of which one is set.

        Sorted by label, attribute and step.
        """
        from neptune_frames.frames.object_series_long import long_frame

        return long_frame(self.keys, self._flat, self.kind, include_time=self.include_time)

    def to_pandas(self) -> pd.DataFrame:
        """The documented frame of `fetch_series`.

        Rows are (label, step), ascending; columns are attributes, ascending. Values are text, `Histogram`
        or `File`; the dtype is ``str`` if all values of the frame are text. With time, columns have a
        second level ``value``, ``absolute_time``. Where a series has two points at one step, the first is kept.
        """
        flat = self._flat
        pivot = Pivot([flat.block] if len(flat) else [], self._labels, self.keys.attributes)
        places = pivot.matrix("place")
        index, columns = row_index(pivot, self.kind.value), string_index(pivot.names)
        depth = 2 if self.include_time else 1
        blocks = self._pandas_values(places, np.arange(0, depth * len(places), depth))
        if self.include_time:
            milliseconds = flat.column("timestamp").cast(pa.int64()).fill_null(NO_TIMESTAMP).to_numpy()
            instants = timestamp_values(gather(milliseconds, NO_TIMESTAMP, places.reshape(-1)))
            blocks.append((instants.array.reshape(places.shape), np.arange(1, 2 * len(places), 2)))
            columns = two_levels(columns, ["value", "absolute_time"])
        return frame_of_blocks(blocks, index, columns)

    def _held_files(self) -> list[File]:
        if not self._flat.holds("file"):
            return []
        found = self._flat.column("file").is_valid().to_numpy(zero_copy_only=False)
        files: list[File] = self._files(self._flat, found).tolist()
        return files

    def _contents(self) -> str:
        return counted(len(self), "point")

    @property
    def _labels(self) -> pa.Array:
        return self.keys.runs.column(self.kind.label_column).combine_chunks()

    def _pandas_values(
        self, places: npt.NDArray[np.int64], positions: npt.NDArray[np.int64]
    ) -> list[tuple[Block, npt.NDArray[np.int64]]]:
        """The value columns: for each attribute the values of the points at ``places``, and its position."""
        flat = self._flat
        if not len(places):
            return []
        if not flat.holds("histogram") and not flat.holds("file"):
            cells = places.reshape(-1)
            texts = flat.column("string").cast(pa.large_string()).take(pa.array(cells, mask=cells == MISSING))
            return list(text_blocks(texts, positions))
        objects = string_objects(flat.column("string"))
        if flat.holds("histogram"):
            histograms = flat.column("histogram")
            found = histograms.is_valid().to_numpy(zero_copy_only=False)
            objects[found] = values_objects.histograms(histograms.drop_null())
        if flat.holds("file"):
            found = flat.column("file").is_valid().to_numpy(zero_copy_only=False)
            objects[found] = self._files(flat, found)
        return [(gather(objects, np.nan, places), positions)]

    def _files(self, flat: FlatPoints, found: npt.NDArray[np.bool_]) -> npt.NDArray[np.object_]:
        runs = pa.array(flat.run[found])
        return values_objects.files(
            flat.column("file").drop_null(),
            kind=self.kind,
            projects=self.keys.runs.column("project").take(runs).to_pylist(),
            labels=self._labels.take(runs).to_pylist(),
            attributes=self.keys.attributes.take(pa.array(flat.attribute[found])).to_pylist(),
            steps=flat.block.step[found].tolist(),
        )


@dataclass(frozen=True)
class FlatPoints:
    """All points in columns of equal length; keys are positions in the asked runs and attributes.

    ``columns`` lacks columns that hold nothing but null, and ``timestamp`` where it was not asked for.
    """

    block: PointBlock
    columns: dict[str, pa.Array]

    def __len__(self) -> int:
        return len(self.block)

    def holds(self, name: str) -> bool:
        """Whether some point has a value in the column."""
        return name in self.columns

    def column(self, name: str) -> pa.Array:
        """A column of OBJECT_POINT."""
        return self.columns[name] if name in self.columns else pa.nulls(len(self), OBJECT_POINT.field(name).type)

    @property
    def run(self) -> npt.NDArray[np.int32]:
        return np.repeat(self.block.run, self.block.lengths)

    @property
    def attribute(self) -> npt.NDArray[np.int32]:
        return np.repeat(self.block.attribute, self.block.lengths)

    @classmethod
    def of(cls, batches: Iterable[pa.RecordBatch], *, time: bool) -> FlatPoints:
        """The points of SERIES_POINTS batches, which are let go one by one."""
        parts: dict[str, list[pa.Array]] = {field.name: [] for field in OBJECT_POINT if time or field != POINT_TIME}
        keys: list[tuple[pa.Array, ...]] = []
        for batch in batches:
            lists = batch.column("points")
            lengths = pc.list_value_length(lists)
            filled = pc.greater(lengths, 0)
            keys.append(tuple(key.filter(filled) for key in (batch.column("run"), batch.column("attribute"), lengths)))
            points = lists.flatten()
            for member, values in zip(points.type, points.flatten(), strict=True):
                if member.name in parts:
                    empty = values.null_count == len(values)
                    parts[member.name].append(
                        pa.NullArray.from_buffers(pa.null(), len(values), [None]) if empty else values
                    )
        return cls._joined(keys, parts)

    @classmethod
    def _joined(cls, keys: list[tuple[pa.Array, ...]], parts: dict[str, list[pa.Array]]) -> FlatPoints:
        run, attribute, lengths = (
            np.concatenate([np.empty(0, np.int32), *(key[place].to_numpy() for key in keys)]) for place in range(3)
        )
        columns = {}
        for name in list(parts):
            chunks = parts.pop(name)
            if any(not pa.types.is_null(chunk.type) for chunk in chunks):
                chunks = [chunk.cast(OBJECT_POINT.field(name).type) for chunk in chunks]
                columns[name] = one_array(chunks)
        step = columns.pop("step").to_numpy() if "step" in columns else np.empty(0)
        block = PointBlock(run, attribute, offsets_of(lengths), {"step": step, "place": np.arange(len(step))})
        return cls(block, columns)
