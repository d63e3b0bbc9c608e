"""`MetricsResult`: the points of float series, and every shape they can take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from neptune_frames.counted import counted
from neptune_frames.frames.metrics_points import read_points
from neptune_frames.frames.table_exports import Exports
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


class MetricsResult(Exports):
    """The points of float series, already fetched. You choose the shape; it is made when you ask for it.

    - ``collect()``, ``lazy()``: wide Polars, a row per label and step, a column per attribute
    - ``to_pandas()``: wide, the frame of `neptune_query.fetch_metrics`
    - ``long()``: long Polars, lazy, a row per point
    - ``to_arrow()``, ``pa.table(result)``, ``pl.DataFrame(result)``: long Arrow, a row per point
    - ``plot()``: an Altair chart

    Note that ``collect()`` is wide while ``pl.DataFrame(result)`` and ``to_arrow()`` are long: Arrow consumers get a
    schema that does not depend on the data.

    Args:
        batches: SERIES_POINTS batches. They are read to the end here.
        runs: The RUNS table that ``run`` of the batches points into.
        attributes: The names that ``attribute`` of the batches points into.
        options: What was asked for: kind of label, time, previews.
    """

    _ways = "wide: .collect() .lazy() .to_pandas(); long: .long() .to_arrow(); .plot()"

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
        """The wide Polars frame: a row per label and step, in ascending order, and a column per attribute.

        Returns:
            A frame with ``experiment`` or ``run`` (String), ``step`` (Float64), and a column per attribute, ascending
            by name: Float64, or with time or previews a struct of ``value``, ``timestamp``, ``is_preview`` and
            ``preview_completion`` as requested. A missing point is null, NaN stays NaN. For a row per point, see
            `long`.

        Example:
            >>> nf.fetch_metrics(experiments=["vit-1"], attributes="^train/").collect().columns
            ['experiment', 'step', 'train/accuracy', 'train/loss']
        """
        from neptune_frames.frames.metrics_wide import wide_frame

        point = float_point(time=self._options.include_time, preview=self._options.include_previews)
        return wide_frame(self._pivot, self.kind.value, [field.name for field in point if field.name != "step"])

    def long(self) -> pl.LazyFrame:
        """The long Polars frame: a row per point, made piece by piece as it is read.

        Returns:
            A lazy frame with the columns of `neptune_frames.scan_metrics`: ``project``, ``experiment`` or ``run``,
            ``attribute``, ``step``, ``value``, and time and previews if requested.

        Example:
            >>> nf.fetch_metrics(experiments=["vit-1"], attributes="^train/").long().select(pl.len()).collect().item()
            10
        """
        from neptune_frames.frames.lazy_predicates import conditions_on
        from neptune_frames.frames.lazy_source import ScanPlan, ScanRequest, scan_frames

        layout = self._layout

        def plan(request: ScanRequest) -> ScanPlan:
            _, conditions = conditions_on(request.predicate, ())
            return ScanPlan(
                lambda: (layout.frame(block, request.projection) for block in self._blocks), residual=conditions
            )

        return scan_frames(
            plan,
            schema=layout.schema(self._options),
            name="METRICS",
            detail=f"{counted(len(self), 'point')} in memory",
        )

    def to_arrow(self) -> pa.Table:
        """The long frame as an Arrow table: a row per point.

        Returns:
            A table with the columns of `long`; names are dictionary-encoded.

        Example:
            >>> nf.fetch_metrics(experiments=["vit-1"], attributes="^train/").to_arrow().num_rows
            10
        """
        return pa.Table.from_batches(self._record_batches(), schema=self._layout.arrow_schema(self._options))

    def to_pandas(self, *, type_suffix: bool = False) -> pd.DataFrame:
        """The frame of `neptune_query.fetch_metrics`: wide, with the index (label, step).

        Args:
            type_suffix: Whether column names end in ``:float_series``.

        Returns:
            A pandas frame with a float64 column per attribute, or two column levels with time or previews.

        Raises:
            MissingDependencyError: pandas is not installed.

        Example:
            >>> nf.fetch_metrics(experiments=["vit-1"], attributes=["train/loss"]).to_pandas().index.names
            FrozenList(['experiment', 'step'])
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
        y: str = "value",
        log: bool = False,
        by: str | None = None,
        title: str | None = None,
        points: int = 10_000,
        max_lines: int = 50,
    ) -> AnyChart:
        """A line chart of the points: `neptune_frames.plot` of the long frame.

        Args:
            x: The column on the x axis: ``step``, or ``timestamp`` if it was requested.
            y: The column on the y axis: ``value``, or ``preview_completion`` if previews were requested.
            log: Whether the y axis is logarithmic.
            by: The column that colours the lines, such as ``attribute``; by default the experiment or run.
            title: The title; by default the names of the attributes.
            points: The most points to draw.
            max_lines: The most lines to draw.

        Returns:
            An Altair chart.

        Raises:
            MissingDependencyError: Altair is not installed.
            ValueError: There are no points, or too many series.

        Example:
            >>> nf.fetch_metrics(experiments=["vit-1"], attributes=["train/loss"]).plot().to_dict()["title"]["subtitle"]
            ['all 5 points drawn']
        """
        from neptune_frames.frames.plot import plot

        return plot(self.long(), x=x, y=y, log=log, by=by, title=title, points=points, max_lines=max_lines)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """The long frame as an Arrow stream, for pyarrow, Polars, DuckDB and others."""
        schema = self._layout.arrow_schema(self._options)
        return pa.RecordBatchReader.from_batches(schema, self._record_batches()).__arrow_c_stream__(requested_schema)

    def _contents(self) -> str:
        return counted(len(self), "point")

    def _shown_part(self) -> str:
        return f"the first {_PREVIEW_ROWS} points:" if len(self) > _PREVIEW_ROWS else ""

    def _shown(self) -> pl.DataFrame:
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
