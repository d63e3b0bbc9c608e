"""Points of float series, kept as columns, and the frame of one series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from neptune_frames.frames.metrics_points import PointBlock, read_batch
from neptune_frames.frames.pandas_values import frame_of_blocks, import_pandas, timestamp_values

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class _Block:
    """The points of many series, as they came. Times become timestamps once for all of them."""

    points: PointBlock

    @cached_property
    def timestamps(self) -> Any:
        return timestamp_values(self.points.columns["timestamp"]).array


@dataclass(frozen=True)
class _Piece:
    """Consecutive points of one series: a stretch of the columns of a block."""

    block: _Block
    start: int
    stop: int

    def column(self, name: str) -> Any:
        if name == "timestamp":
            return self.block.timestamps[self.start : self.stop]
        return self.block.points.columns[name][self.start : self.stop]


class FieldPoints:
    """The points of one float series of a run by step; views of what came, until a frame is made."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []

    def add(self, piece: _Piece) -> None:
        self._pieces.append(piece)

    def to_pandas(self, *, timestamp: bool = True, previews: bool = False) -> pd.DataFrame:
        """The documented frame of `fetch_values`, which shares no memory with what is kept.

        Args:
            timestamp: Whether there is a column ``timestamp`` (UTC).
            previews: Whether preview points are included, with the columns that tell them apart.

        Returns:
            Columns ``step`` and ``value`` (float64), ``timestamp``, ``preview`` and ``completion_ratio``; rows
            ascend by step. Without a point the frame has no columns.
        """
        chosen = None if previews else self._final()
        rows = sum(piece.stop - piece.start for piece in self._pieces) if chosen is None else int(chosen.sum())
        if not rows:
            return import_pandas().DataFrame()
        blocks: list[Any] = [np.stack([self._column("step", chosen), self._column("value", chosen)])]
        if timestamp:
            blocks.append(self._column("timestamp", chosen).copy().reshape(1, rows))
        if previews:
            blocks.append(self._column("is_preview", chosen)[None, :].copy())
            blocks.append(self._column("preview_completion", chosen).astype(np.float64)[None, :])
        placed, start = [], 0
        for block in blocks:
            placed.append((block, np.arange(start, start + len(block))))
            start += len(block)
        # Copies, since the name of an index can be set. They are shallow.
        return frame_of_blocks(placed, _row_numbers(rows).copy(), _column_names(timestamp, previews).copy())

    def _final(self) -> Any:
        """Which points are no previews; None if all are."""
        if not self._pieces or "is_preview" not in self._pieces[0].block.points.columns:
            return None
        flags = self._column("is_preview", None)
        return ~flags if flags.any() else None

    def _column(self, name: str, chosen: Any) -> Any:
        parts = [piece.column(name) for piece in self._pieces]
        if len(parts) == 1:
            column = parts[0]
        elif name == "timestamp":
            column = import_pandas().concat([import_pandas().Series(part) for part in parts]).array
        else:
            column = np.concatenate(parts)
        return column if chosen is None else column[chosen]


def gather_points(batches: Iterable[pa.RecordBatch], series: list[FieldPoints]) -> Iterator[int]:
    """Sort the pieces of SERIES_POINTS batches into ``series``, by attribute position.

    Yields how many series appeared for the first time, batch by batch.
    """
    begun = np.zeros(len(series), dtype=bool)
    for batch in batches:
        points = read_batch(batch)
        block = _Block(points)
        bounds = points.offsets.tolist()
        for position, attribute in enumerate(points.attribute.tolist()):
            series[attribute].add(_Piece(block, bounds[position], bounds[position + 1]))
        before = int(begun.sum())
        begun[points.attribute] = True
        yield int(begun.sum()) - before


@lru_cache(maxsize=64)
def _row_numbers(rows: int) -> pd.Index:
    return import_pandas().Index(np.arange(rows))


@cache
def _column_names(timestamp: bool, previews: bool) -> pd.Index:
    names = [
        "step",
        "value",
        *(["timestamp"] if timestamp else []),
        *(["preview", "completion_ratio"] if previews else []),
    ]
    return import_pandas().Index(names)
