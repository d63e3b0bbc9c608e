"""`MetricsResult`: the points of float series, and every shape they can take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from neptune_frames.frames.metrics_points import read_points
from neptune_frames.schemas import STEP, float_point

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from neptune_frames.frames.metrics_long import LongLayout
    from neptune_frames.frames.metrics_points import PointBlock
    from neptune_frames.frames.plot import AnyChart
    from neptune_frames.frames.wide_pivot import Pivot
    from neptune_frames.query.selection import ContainerKind, SeriesOptions

_PREVIEW_ROWS = 8


class MetricsResult:
    """Points of float series. They were fetched when this was made; shapes are made when asked for.

    ============================== =========================================================
    ``collect()``, ``lazy()``      wide Polars frame: label, step, a column per attribute
    ``long()``                     long Polars LazyFrame: a row per point
    ``to_arrow()``                 long Arrow table; also ``pa.table(result)``, DuckDB, ...
    ``to_pandas()``                the documented pandas frame
    ``plot()``                     an Altair chart
    ============================== =========================================================

    Args:
        batches: SERIES_POINTS batches. They are read to the end here.
        runs: The RUNS table that ``run`` of the batches points into.
        attributes: The names that ``attribute`` of the batches points into.
        options: What was asked for: kind of label, time, previews.
    """

    def __init__(
        self, batches: Iterable[pa.RecordBatch], *, runs: pa.Table, attributes: pa.Array, options: SeriesOptions
    ) -> None:
        self._runs = runs
        self._attributes = attributes
        self._options = options
        self._blocks: list[PointBlock] = list(read_points(batches))

    @property
    def kind(self) -> ContainerKind:
        """Whether rows are labelled by experiment or by run."""
        return self._options.kind

    def __len__(self) -> int:
        """The number of points."""
        return sum(map(len, self._blocks))

    def collect(self) -> pl.DataFrame:
        """The wide Polars frame: ``experiment`` or ``run``, ``step``, one column per attribute.

        Rows ascend by label and step, columns by name. See `neptune_frames.frames.metrics_wide`.
        """
        from neptune_frames.frames.metrics_wide import wide_frame

        point = float_point(time=self._options.include_time, preview=self._options.include_previews)
        return wide_frame(self._pivot, self.kind.value, [field.name for field in point if field.name != "step"])

    def lazy(self) -> pl.LazyFrame:
        """The wide frame, as the start of a lazy query."""
        return self.collect().lazy()

    def long(self) -> pl.LazyFrame:
        """A row per point: project, label, attribute, step, value (and time, previews), made as it is read."""
        from neptune_frames.frames.lazy_source import ScanPlan, scan_frames

        layout = self._layout
        return scan_frames(
            lambda request: ScanPlan(lambda: (layout.frame(block, request.projection) for block in self._blocks)),
            schema=layout.schema(self._options),
            name="METRICS",
            detail=f"{len(self):,} points in memory",
        )

    def to_arrow(self) -> pa.Table:
        """The long frame as an Arrow table; names are dictionary-encoded."""
        return pa.Table.from_batches(self._record_batches(), schema=self._layout.arrow_schema(self._options))

    def to_pandas(self, *, type_suffix: bool = False) -> pd.DataFrame:
        """The documented frame: index (label, step), one column per attribute, or two column levels.

        Args:
            type_suffix: Whether column names end in ``:float_series``.

        Raises:
            MissingDependencyError: If pandas is not installed.
        """
        from neptune_frames.frames.metrics_pandas import metrics_frame

        return metrics_frame(
            self._pivot,
            label_name=self.kind.value,
            include_time=self._options.include_time,
            include_previews=self._options.include_previews,
            type_suffix=type_suffix,
        )

    def plot(
        self,
        *,
        x: str = STEP.name,
        log: bool = False,
        title: str | None = None,
        points: int = 10_000,
        max_lines: int = 50,
    ) -> AnyChart:
        """A line chart of the points: `neptune_frames.plot` of the long frame, with its arguments.

        Raises:
            MissingDependencyError: If Altair is not installed.
            ValueError: If there is no point, or too many series to tell apart.
        """
        from neptune_frames.frames.plot import plot

        return plot(self.long(), x=x, log=log, title=title, points=points, max_lines=max_lines)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """The long frame as an Arrow stream, for pyarrow, Polars, DuckDB and others."""
        schema = self._layout.arrow_schema(self._options)
        return pa.RecordBatchReader.from_batches(schema, self._record_batches()).__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"{self._summary()}\n{self._preview()}" if self._blocks else self._summary()

    def _repr_html_(self) -> str:
        table = self._preview()._repr_html_() if self._blocks else ""
        return f"<p>{escape(self._summary())}</p>{table}"

    def _summary(self) -> str:
        ways = ".collect() .lazy() .long() .to_arrow() .to_pandas() .plot()"
        return f"{type(self).__name__}: {len(self):,} points; {ways}"

    def _preview(self) -> pl.DataFrame:
        return self.long().head(_PREVIEW_ROWS).collect(engine="in-memory")

    def _record_batches(self) -> Iterator[pa.RecordBatch]:
        return map(self._layout.record_batch, self._blocks)

    @cached_property
    def _layout(self) -> LongLayout:
        from neptune_frames.frames.metrics_long import LongLayout

        return LongLayout(self._runs, self._attributes, self._options)

    @property
    def _pivot(self) -> Pivot:
        from neptune_frames.frames.wide_pivot import Pivot

        labels = self._runs.column(self.kind.label_column).combine_chunks()
        return Pivot(self._blocks, labels, self._attributes)
