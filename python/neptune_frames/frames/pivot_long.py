"""`pivot`: a long frame of points as a wide one, lazily.

Polars' own pivot makes one filtered aggregate per column, so its cost grows as rows x columns. Here rows are
numbered once for all columns (`neptune_frames.frames.wide_rows`), and one gather fills every cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from neptune_frames.counted import counted
from neptune_frames.frames.lazy_explain import asked_of_sources
from neptune_frames.frames.lazy_predicates import conditions_on, needs_one_of
from neptune_frames.frames.lazy_source import ScanPlan, ScanRequest, scan_frames
from neptune_frames.frames.long_frame import (
    ATTRIBUTE,
    LABELS,
    POINT_DETAILS,
    PROJECT,
    VALUE,
    LongFrame,
    as_names,
    require_columns,
)
from neptune_frames.frames.metrics_points import PointBlock
from neptune_frames.frames.scanned_names import scanned_attributes
from neptune_frames.frames.table_grid import MISSING
from neptune_frames.frames.typed_columns import float_series_columns
from neptune_frames.frames.wide_pivot import Pivot
from neptune_frames.query.arguments import resolve_attributes
from neptune_frames.query.attributes import FLOAT_SERIES_TYPES
from neptune_frames.query.selectors import match_names
from neptune_frames.schemas import STEP
from neptune_frames.slices import offsets_of, ranges, stretch_starts

if TYPE_CHECKING:
    import numpy.typing as npt

    from neptune_frames.frames.long_frame import AnyFrame

#: Points that become wide at a time; one container may have more.
_POINTS_AT_A_TIME = 1 << 21

#: Added to the points: numbers of their row keys and of their column.
_CONTAINER, _COLUMN = "number of the container", "number of the column"


def pivot(
    frame: AnyFrame,
    *,
    attributes: str | Sequence[str] | None = None,
    values: str | Sequence[str] | None = None,
    index: str | Sequence[str] | None = None,
) -> pl.LazyFrame:
    """Turn a long frame into a wide one, lazily: a row per experiment (or run) and step, a column per attribute.

    Accepts the result of `scan_metrics` or `fetch_metrics`, or a query of your own on them: any frame with the columns
    ``experiment`` or ``run``, ``attribute``, ``step`` and the values. A cell without a point is null, and NaN stays
    NaN; where a series has several points at a step, the first that is neither null nor NaN counts. An attribute named
    like a row column gets the suffix ``:float_series``.

    Conditions on labels and steps of the wide frame are passed on to the long one. If a condition leaves out the rows
    in which the attributes that it names have no value, as ``drop_nulls()`` and comparisons do, only the attributes
    that the query uses are read. The long frame is held in memory while it becomes wide; the wide frame is handed on a
    few runs at a time.

    Args:
        frame: The long frame.
        attributes: Which attributes become columns; others are left out. A list holds exact names, in the order of the
            columns. A string is an extended regular expression, None takes all; the columns are then in ascending
            order, and the names must be known now: a scan is asked for its names, not for points, and every float
            series it selects gets a column; for other frames the ``attribute`` column is read.
        values: The column that fills the cells; with several, the cells are structs of these fields. None takes
            ``value``, and ``timestamp``, ``is_preview`` and ``preview_completion`` where they exist.
        index: The columns before ``step``: by default the label, or both where the frame has both, because runs may
            share an experiment. Frames of several projects that have a label in common need ``["project", "run"]``
            (or ``"experiment"``), which keeps its rows apart. A frame of averages has no label; it needs what they are
            averages of, such as ``"config/lr"``.

    Returns:
        A lazy frame with the columns of ``index``, ``step`` (of the type it has in the long frame, Float64 in a scan),
        and one per attribute, in ascending order of label and step.

    Raises:
        TypeError: ``frame`` is not a frame, or a name is not a string.
        ValueError: The frame lacks a column, has steps that are neither numbers nor times, or has one column both as a
            value and in ``index``; or ``index`` names none besides the step. When collected: a label is in
            several projects and ``index`` was not given, or a point has no step.

    Example:
        >>> points = nf.scan_metrics(experiments=["resnet-2"], attributes="^train/")
        >>> nf.pivot(points.filter(pl.col("step") >= 3)).collect()
        shape: (2, 4)
        ┌────────────┬──────┬────────────────┬────────────┐
        │ experiment ┆ step ┆ train/accuracy ┆ train/loss │
        │ ---        ┆ ---  ┆ ---            ┆ ---        │
        │ str        ┆ f64  ┆ f64            ┆ f64        │
        ╞════════════╪══════╪════════════════╪════════════╡
        │ resnet-2   ┆ 3.0  ┆ 0.8            ┆ 0.4        │
        │ resnet-2   ┆ 4.0  ┆ 0.9            ┆ 0.25       │
        └────────────┴──────┴────────────────┴────────────┘
    """
    long = LongFrame.of(frame, "nf.pivot", needs_label=index is None)
    chosen = [VALUE, *(name for name in POINT_DETAILS if name in long.schema)]
    if values is not None:
        chosen = as_names(values, "values")
    keys = list(long.labels) if index is None else [name for name in as_names(index, "index") if name != STEP.name]
    if not keys:
        label = (*long.labels, *LABELS)[0]
        raise ValueError(f"index must name at least one column besides step, such as {label!r}, got {index!r}.")
    require_columns(long.schema, [*keys, *chosen], "nf.pivot")
    _check_columns(long.schema, keys, chosen)
    if attributes is None or isinstance(attributes, str):
        names = attribute_names(long, attributes)
    else:
        names = as_names(attributes, "attributes")
    shown = dict(zip(float_series_columns(names, taken=(*keys, STEP.name)), names, strict=True))
    one_project = index is None and PROJECT in long.schema
    wide = _Wide(long, tuple(keys), tuple(chosen), shown, attributes is not None, one_project)
    return scan_frames(wide.plan, schema=wide.schema, name="PIVOT", detail=counted(len(names), "attribute"))


def _check_columns(schema: pl.Schema, keys: Sequence[str], values: Sequence[str]) -> None:
    twice = [name for name in values if name in (*keys, ATTRIBUTE)]
    if twice:
        raise ValueError(f"nf.pivot: {twice[0]!r} says which cell a value goes to; it cannot be the value too.")
    step = schema[STEP.name]
    if not (step.is_numeric() or step.is_temporal()):
        raise ValueError(
            f"nf.pivot: steps must be numbers or times, and the column {STEP.name!r} holds {step}; cast it first."
        )


def attribute_names(long: LongFrame, pattern: str | None = None) -> list[str]:
    """The attributes that a long frame may have, ascending; with a pattern, those that match it."""
    selector = resolve_attributes(pattern, FLOAT_SERIES_TYPES, "attributes")
    names = scanned_attributes(long.lazy)
    if names is None:
        rows = long.lazy.select(pl.col(ATTRIBUTE).cast(pl.String).unique()).collect()
        names = rows.to_series().drop_nulls().to_list()
    ascending = pa.array(sorted(names), pa.string())
    chosen = match_names(selector, ascending, pa.repeat(pa.scalar(*FLOAT_SERIES_TYPES), len(ascending)))
    return ascending.filter(pa.array(chosen)).to_pylist()  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Wide:
    """A wide frame to come.

    Attributes:
        long: Its points.
        keys: What stands in front of the step in a row.
        values: What fills a cell.
        columns: Names of the columns, and the attributes they show.
        chosen_by_name: Whether points of other attributes are left out, and not a contradiction.
        one_project: Whether each label must be in one project: nobody said that points of several may share a row.
    """

    long: LongFrame
    keys: tuple[str, ...]
    values: tuple[str, ...]
    columns: dict[str, str]
    chosen_by_name: bool
    one_project: bool

    @property
    def schema(self) -> pl.Schema:
        types = self.long.schema
        cell = pl.Struct({name: types[name] for name in self.values})
        return pl.Schema(
            {
                **{name: types[name] for name in (*self.keys, STEP.name)},
                **dict.fromkeys(self.columns, types[self.values[0]] if len(self.values) == 1 else cell),
            }
        )

    @property
    def _names(self) -> tuple[str, ...]:
        """What says whose points these are."""
        return tuple(dict.fromkeys((*self.keys, *([PROJECT] if self.one_project else []), ATTRIBUTE)))

    def plan(self, request: ScanRequest) -> ScanPlan:
        """What becomes of a query: its conditions on rows are conditions on the long frame too."""
        on_rows, residual = conditions_on(request.predicate, (*self.keys, STEP.name))
        shown = [name for name in self.columns if request.needs(name)]
        only = tuple(self.columns) if self.chosen_by_name else None
        if needs_one_of(request.predicate, self.columns):
            only = tuple(shown)  # other attributes only add rows that do not satisfy the condition
        points = self._points(on_rows, only, self.values if shown else ())
        return ScanPlan(lambda: self._frames(points, shown), tuple(asked_of_sources(points)), residual)

    def _points(
        self, conditions: Sequence[pl.Expr], columns: Sequence[str] | None, values: Sequence[str]
    ) -> pl.LazyFrame:
        """The points that are needed: of the attributes in some columns, or of all.

        Text takes 16 bytes a point, so it becomes categories, which take 4.
        """
        long = self.long.lazy.filter(*conditions) if conditions else self.long.lazy
        if columns is not None:
            long = long.filter(pl.col(ATTRIBUTE).is_in([self.columns[name] for name in columns]))
        texts = [name for name in self._names if self.long.schema[name] == pl.String]
        needed = dict.fromkeys((*self._names, STEP.name, *values))
        return long.select(pl.col(name).cast(pl.Categorical) if name in texts else name for name in needed)

    def _frames(self, lazy: pl.LazyFrame, shown: Sequence[str]) -> Iterator[pl.DataFrame]:
        """The wide frame, a few containers at a time."""
        points = lazy.collect()
        if not points.height:
            return
        self._check_steps(points)
        # What says whose points these are is looked up for a piece, not for a point.
        starts = stretch_starts(*(points[name].rle_id().to_numpy() for name in self._names))
        heads = points[starts]
        if self.one_project:
            self._check_projects(heads)
        names = pl.Series(ATTRIBUTE, list(self.columns.values()), dtype=pl.String).cast(heads.schema[ATTRIBUTE])
        columns = pl.DataFrame([names]).with_row_index(_COLUMN)
        containers = heads.select(self.keys).unique().sort(self.keys).with_row_index(_CONTAINER)
        heads = heads.join(columns, on=ATTRIBUTE, how="left", maintain_order="left")
        heads = heads.join(containers, on=self.keys, how="left", maintain_order="left", nulls_equal=True)
        self._check_names(heads)
        container, column = (heads[name].to_numpy().astype(np.int32) for name in (_CONTAINER, _COLUMN))
        lengths = np.diff(starts, append=points.height)
        steps = _Steps.of(points[STEP.name])
        pieces = _Pieces(container, column, starts, lengths, steps.numbers)
        for some in pieces.by_containers():
            yield self._wide(pieces, some, points, containers, steps, shown)

    def _check_projects(self, heads: pl.DataFrame) -> None:
        projects, label = pl.col(PROJECT), self.keys[-1]
        pairs = heads.lazy().select(*self.keys, PROJECT).unique()
        homes_of = pairs.group_by(self.keys).agg(projects.cast(pl.String).sort())
        shared = homes_of.filter(projects.list.len() > 1).sort(self.keys).head(1).collect()
        if shared.height:
            *_, name, homes = shared.row(0)
            raise ValueError(
                f"nf.pivot: the {label} {name!r} is in {len(homes)} projects, {homes[0]!r} and {homes[1]!r} among "
                f"them, and their points would share rows. Pass index={[PROJECT, *self.keys]}, or filter the frame."
            )

    def _check_steps(self, points: pl.DataFrame) -> None:
        if points[STEP.name].null_count():
            raise ValueError(
                f"nf.pivot: the long frame has no step in {counted(points[STEP.name].null_count(), 'row')}."
            )

    def _check_names(self, heads: pl.DataFrame) -> None:
        if heads[_COLUMN].null_count():
            unknown = heads.filter(pl.col(_COLUMN).is_null())[ATTRIBUTE].unique().head(3).to_list()
            raise ValueError(
                f"nf.pivot: the long frame has attributes that were not known before it was collected: {unknown}. "
                "Pass all that should become columns as attributes=[...]."
            )

    def _wide(
        self,
        pieces: _Pieces,
        some: npt.NDArray[np.int64],
        points: pl.DataFrame,
        containers: pl.DataFrame,
        steps: _Steps,
        shown: Sequence[str],
    ) -> pl.DataFrame:
        """The rows of some pieces, which are all of their containers."""
        shape = pieces.pivot(some)
        if shape.rows.repeated and shown:
            # The first of several points at a step counts, so those without a value go last.
            value = pl.col(self.values[0])
            missing = value.is_null() | (value.is_nan() if points.schema[self.values[0]].is_float() else False)
            found, owner = pieces.points(some), np.repeat(some, pieces.lengths[some])
            points = points[found]
            order = np.argsort(points.select(missing).to_series().to_numpy(), kind="stable")
            points, found, owner = points[order], found[order], owner[order]
            pieces = _Pieces.of(pieces.container[owner], pieces.column[owner], pieces.step[found])
            shape = pieces.pivot(np.arange(len(pieces.starts)))
        height = len(shape.rows)
        rows = containers[shape.labels.to_numpy()[shape.label_codes]].select(self.keys)
        cells = self._cells(points, shape) if shown else pl.Series()
        place = {column: number for number, column in enumerate(shape.names.to_pylist())}
        nothing = pl.Series([None], dtype=cells.dtype).new_from_index(0, height)
        numbers = {name: place.get(number) for number, name in enumerate(self.columns)}
        return pl.DataFrame(
            [
                *(keys.cast(self.long.schema[keys.name]) for keys in rows),
                steps.shown(shape.steps),
                *(
                    (nothing if (number := numbers[name]) is None else cells.slice(number * height, height)).alias(name)
                    for name in shown
                ),
            ]
        )

    def _cells(self, points: pl.DataFrame, shape: Pivot) -> pl.Series:
        """All cells, column after column."""
        place = shape.matrix("place").reshape(-1)
        absent = None if shape.complete else place == MISSING
        where = pl.Series(pa.array(place, mask=absent)).cast(pl.get_index_type())
        values = points.select(self.values)
        return (values.to_series() if len(self.values) == 1 else values.to_struct()).gather(where)


@dataclass(frozen=True)
class _Steps:
    """The steps of points as numbers, by which rows are told apart and ordered.

    They are the steps themselves; of whole numbers that floats cannot tell apart, the places among ``distinct``.
    """

    numbers: npt.NDArray[np.float64]
    dtype: pl.DataType
    distinct: pl.Series | None

    @classmethod
    def of(cls, steps: pl.Series) -> _Steps:
        numbers = steps.cast(pl.Float64)
        if steps.dtype.is_float() or numbers.cast(steps.dtype, strict=False).eq_missing(steps).all():
            return cls(numbers.to_numpy(), steps.dtype, None)
        distinct = steps.unique().sort()
        return cls(distinct.search_sorted(steps).cast(pl.Float64).to_numpy(), steps.dtype, distinct)

    def shown(self, numbers: npt.NDArray[np.float64]) -> pl.Series:
        """The column of the wide frame."""
        if self.distinct is None:
            return pl.Series(STEP.name, numbers).cast(self.dtype)
        return self.distinct[numbers.astype(np.int64)]


@dataclass(frozen=True)
class _Pieces:
    """Neighbouring points of one container and column, which are the pieces of series that a frame has."""

    container: npt.NDArray[np.int32]
    column: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    step: npt.NDArray[np.float64]

    @classmethod
    def of(
        cls, container: npt.NDArray[np.int32], column: npt.NDArray[np.int32], step: npt.NDArray[np.float64]
    ) -> _Pieces:
        """The pieces of points."""
        starts = stretch_starts(container, column)
        return cls(container[starts], column[starts], starts, np.diff(starts, append=len(step)), step)

    def by_containers(self) -> Iterator[npt.NDArray[np.int64]]:
        """The pieces in groups: each has all pieces of its containers, and containers ascend."""
        order = np.argsort(self.container, kind="stable")
        before = offsets_of(self.lengths[order])[:-1]
        begins = stretch_starts(self.container[order])
        cuts = begins[stretch_starts(before[begins] // _POINTS_AT_A_TIME)]
        return iter(np.split(order, cuts[1:]))

    def points(self, some: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The places of the points of some pieces."""
        return ranges(self.starts[some], self.lengths[some])

    def pivot(self, some: npt.NDArray[np.int64]) -> Pivot:
        """The shape of some pieces; its labels and names are numbers, its cells places of points."""
        points = self.points(some)
        offsets = offsets_of(self.lengths[some])
        block = PointBlock(
            self.container[some], self.column[some], offsets, {"step": self.step[points], "place": points}
        )
        numbers = (pa.array(np.arange(each.max() + 1)) for each in (self.container, self.column))
        return Pivot([block], *numbers)
