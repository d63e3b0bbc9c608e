"""Float points as they arrive: flat columns, piece by piece, without a copy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.frames.pandas_values import NO_TIMESTAMP
from neptune_frames.slices import offsets_of

if TYPE_CHECKING:
    import numpy.typing as npt


#: Large batches are worked on in blocks of about this many points, which bounds temporary memory.
_BLOCK_POINTS = 1 << 20


@dataclass(frozen=True)
class PointBlock:
    """Pieces of series: the points of piece ``i`` are ``offsets[i]:offsets[i + 1]`` of each column.

    Columns are numpy views of Arrow buffers where the types allow it: ``step`` and ``value`` float64,
    ``timestamp`` int64 milliseconds (`NO_TIMESTAMP` where absent), ``is_preview`` bool,
    ``preview_completion`` float32.
    """

    run: npt.NDArray[np.int32]
    attribute: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    columns: dict[str, npt.NDArray[Any]]

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Points in each piece."""
        return np.diff(self.offsets)

    @property
    def step(self) -> npt.NDArray[np.float64]:
        return self.columns["step"]

    def __len__(self) -> int:
        return len(self.columns["step"])


def read_points(batches: Iterable[pa.RecordBatch], points: int | None = None) -> Iterator[PointBlock]:
    """Blocks of the points of SERIES_POINTS batches; pieces without a point are left out.

    A block has about ``points`` points (default: about a million), at most twice as many.
    """
    for batch in batches:
        block = read_batch(batch)
        if len(block):
            yield from _split(block, points or _BLOCK_POINTS)


def read_batch(batch: pa.RecordBatch) -> PointBlock:
    """The points of one SERIES_POINTS batch."""
    points = batch.column("points")
    offsets = points.offsets.to_numpy()
    first, last = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
    flat = points.values.slice(first, last - first)
    columns = {field.name: _numpy_column(flat.field(position)) for position, field in enumerate(points.type.value_type)}
    run, attribute = batch.column("run").to_numpy(), batch.column("attribute").to_numpy()
    lengths = np.diff(offsets)
    if not lengths.all():
        filled = lengths > 0
        run, attribute, lengths = run[filled], attribute[filled], lengths[filled]
    return PointBlock(run, attribute, offsets_of(lengths), columns)


def _numpy_column(column: pa.Array) -> npt.NDArray[Any]:
    if pa.types.is_timestamp(column.type):
        column = column.view(pa.int64())
        if column.null_count:
            column = pc.fill_null(column, NO_TIMESTAMP)
    return column.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def _split(block: PointBlock, points: int) -> Iterator[PointBlock]:
    """Views of whole pieces, about so many points each; longer pieces are cut."""
    if len(block) <= points:
        yield block
        return
    block = _cut_long_pieces(block, points)
    bounds = np.searchsorted(block.offsets, np.arange(points, len(block), points))
    edges = np.unique(np.concatenate([[0], bounds, [len(block.run)]]))
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        start, stop = int(block.offsets[first]), int(block.offsets[last])
        yield PointBlock(
            block.run[first:last],
            block.attribute[first:last],
            block.offsets[first : last + 1] - start,
            {name: column[start:stop] for name, column in block.columns.items()},
        )


def _cut_long_pieces(block: PointBlock, points: int) -> PointBlock:
    cuts = np.arange(points, len(block), points)
    cuts = cuts[block.lengths[np.searchsorted(block.offsets, cuts, side="right") - 1] > points]
    if not len(cuts):
        return block
    offsets = np.union1d(block.offsets, cuts)
    piece = np.searchsorted(block.offsets, offsets[:-1], side="right") - 1
    return PointBlock(block.run[piece], block.attribute[piece], offsets, block.columns)
