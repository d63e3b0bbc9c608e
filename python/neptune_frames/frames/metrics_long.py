"""Long frames of float points: one row per point, keys as dictionary codes.

Columns: ``project``, ``experiment`` or ``run``, ``attribute``, ``step``, ``value``, and where they were
asked for ``timestamp``, ``is_preview`` and ``preview_completion``. Names are text in Polars frames, so that they
join with tables and take every text function, and dictionaries in Arrow.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from neptune_frames.frames.constant_columns import Column, frame_of
from neptune_frames.frames.pandas_values import NO_TIMESTAMP
from neptune_frames.frames.repeated_texts import key_names, key_texts
from neptune_frames.schemas import POINT_PREVIEW, POINT_TIME, STEP, TIMESTAMP, float_point

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy.typing as npt

    from neptune_frames.frames.metrics_points import PointBlock
    from neptune_frames.query.selection import ContainerKind, SeriesOptions

_NAME = pa.dictionary(pa.int32(), pa.string())
_TIME_NAME = POINT_TIME.name
_PREVIEW_NAMES = [field.name for field in POINT_PREVIEW]


class LongLayout:
    """How the points of some runs and attributes look as long frames.

    Example:
        >>> from neptune_frames.query.selection import ContainerKind, SeriesOptions
        >>> LongLayout.schema(SeriesOptions(kind=ContainerKind.RUN)).names()
        ['project', 'run', 'attribute', 'step', 'value']
    """

    def __init__(self, runs: pa.Table, attributes: pa.Array, options: SeriesOptions) -> None:
        self.options = options
        self._names = key_names(runs, options.kind, attributes)
        self._texts = key_texts(runs, options.kind, attributes)

    @cached_property
    def _dictionaries(self) -> dict[str, pa.DictionaryArray]:
        """The names as Arrow shows them. Who reads dictionaries may insist on distinct values (pandas does): runs share
        their project."""
        return {name: values.dictionary_encode() for name, values in self._names.items()}

    @staticmethod
    def arrow_schema(options: SeriesOptions) -> pa.Schema:
        """The Arrow schema of long tables; names are dictionaries."""
        names = [pa.field(name, _NAME, nullable=False) for name in name_columns(options.kind)]
        point = float_point(time=options.include_time, preview=options.include_previews)
        return pa.schema([*names, *point])

    @staticmethod
    def schema(options: SeriesOptions) -> pl.Schema:
        """The Polars schema of long frames, known before anything is fetched."""
        schema = pl.Schema({name: pl.String() for name in name_columns(options.kind)})
        schema.update({STEP.name: pl.Float64(), "value": pl.Float64()})
        if options.include_time:
            schema[_TIME_NAME] = pl.Datetime("ms", "UTC")
        if options.include_previews:
            schema.update(zip(_PREVIEW_NAMES, (pl.Boolean(), pl.Float32()), strict=True))
        return schema

    def record_batch(self, block: PointBlock) -> pa.RecordBatch:
        """The points of a block as Arrow, in `arrow_schema`."""
        schema = self.arrow_schema(self.options)
        arrays = [
            self._dictionaries[name].take(pa.array(np.repeat(_positions(block, name), block.lengths)))
            if name in self._dictionaries
            else arrow_column(block.columns[name], name)
            for name in schema.names
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def frame(self, block: PointBlock, columns: Collection[str] | None = None) -> pl.DataFrame:
        """The points of a block as Polars, with all columns or the given ones, in `schema` order."""
        chosen = [name for name in self.schema(self.options) if columns is None or name in columns]
        return frame_of({name: self._column(name, block) for name in chosen}, len(block))

    def _column(self, name: str, block: PointBlock) -> Column:
        if name in self._texts:
            return self._texts[name].column(_positions(block, name), block.lengths)
        return pl.Series(arrow_column(block.columns[name], name))


def name_columns(kind: ContainerKind) -> tuple[str, str, str]:
    """The columns of a long frame that hold names."""
    return ("project", kind.value, "attribute")


def arrow_column(values: npt.NDArray[np.generic], name: str, absent: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """A point column as Arrow (no copy of 8-byte values); timestamps get their type and their nulls."""
    if name != _TIME_NAME:
        return pa.array(values, mask=absent)
    unknown = values == NO_TIMESTAMP
    if absent is not None:
        unknown |= absent
    return pa.array(values, mask=unknown if unknown.any() else None).view(TIMESTAMP)


def _positions(block: PointBlock, name: str) -> npt.NDArray[np.int32]:
    """Where the names of the pieces are: those of runs all in one place."""
    return block.attribute if name == "attribute" else block.run
