"""Points of float series, kept as columns, and the frame of one series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neptune_frames.frames.metrics_points import PointBlock, read_batch
from neptune_frames.frames.pandas_values import frame_of_blocks, import_pandas, timestamp_values

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True)
class _Piece:
    """Consecutive points of one series: a stretch of the columns of a block."""

    block: PointBlock
    start: int
    stop: int


class SeriesPoints:
    """The points of one series by step; views of what came, until a frame is made."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []

    def add(self, piece: _Piece) -> None:
        self._pieces.append(piece)

    def column(self, name: str) -> Any:
        """One column as a new numpy array."""
        return np.concatenate([piece.block.columns[name][piece.start : piece.stop] for piece in self._pieces])

    def to_pandas(self, *, timestamp: bool = True, previews: bool = False) -> pd.DataFrame:
        """The documented frame of `fetch_values`.

        Args:
            timestamp: Whether there is a column ``timestamp`` (UTC).
            previews: Whether preview points are included, with the columns that tell them apart.

        Returns:
            Columns ``step`` and ``value`` (float64), ``timestamp``, ``preview`` and ``completion_ratio``; rows
            ascend by step. Without a point the frame has no columns.
        """
        pandas = import_pandas()
        if not self._pieces:
            return pandas.DataFrame()
        columns = {name: self.column(name) for name in self._pieces[0].block.columns}
        if not previews and "is_preview" in columns and columns["is_preview"].any():
            final = ~columns["is_preview"]
            columns = {name: column[final] for name, column in columns.items()}
        rows = len(columns["step"])
        if not rows:
            return pandas.DataFrame()
        names = ["step", "value"]
        blocks: list[Any] = [(np.stack([columns["step"], columns["value"]]), np.array([0, 1]))]
        if timestamp:
            instants = timestamp_values(columns["timestamp"]).array.reshape(1, rows)
            blocks.append((instants, np.array([len(names)])))
            names.append("timestamp")
        if previews:
            flags, ratios = columns["is_preview"], columns["preview_completion"].astype(np.float64)
            blocks += [(flags[None, :], np.array([len(names)])), (ratios[None, :], np.array([len(names) + 1]))]
            names += ["preview", "completion_ratio"]
        return frame_of_blocks(blocks, pandas.Index(np.arange(rows)), pandas.Index(names))


def gather_points(batches: Iterable[pa.RecordBatch], series: list[SeriesPoints]) -> Iterator[int]:
    """Sort the pieces of SERIES_POINTS batches into ``series``, by attribute position.

    Yields how many series appeared for the first time, batch by batch.
    """
    begun = np.zeros(len(series), dtype=bool)
    for batch in batches:
        block = read_batch(batch)
        bounds = block.offsets.tolist()
        for position, attribute in enumerate(block.attribute.tolist()):
            series[attribute].add(_Piece(block, bounds[position], bounds[position + 1]))
        before = int(begun.sum())
        begun[block.attribute] = True
        yield int(begun.sum()) - before
