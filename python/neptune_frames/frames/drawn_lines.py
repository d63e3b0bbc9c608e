"""The lines of a chart: which columns of a frame make them, read no further than it takes to know they are too many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from neptune_frames.counted import counted
from neptune_frames.frames.drawn_points import POINTS_PER_RANGE, thin
from neptune_frames.frames.long_frame import ATTRIBUTE, LABELS, PROJECT, VALUE, as_lazy, require_columns

if TYPE_CHECKING:
    from neptune_frames.frames.long_frame import AnyFrame

#: The places of a point in the frame of lines, which may have columns of any other name.
X, Y = "x of the line", "y of the line"

_NESTED = (pl.List, pl.Array, pl.Struct, pl.Object, pl.Binary)


@dataclass(frozen=True)
class Lines:
    """The points of some lines.

    Attributes:
        points: A row per point: the columns that tell lines apart, `X` and `Y` (floats; NaN is a gap).
        color: The column whose values have a colour each: ``experiment``, ``run`` or one of the user's.
        x_title: What is along the x axis.
        y_title: What is along the y axis; None where each panel has an attribute there.
        ranges: Into how many ranges of x the points were thinned; None if all are there.
    """

    points: pl.DataFrame
    color: str
    x_title: str
    y_title: str | None
    ranges: int | None = None

    def __len__(self) -> int:
        return self.points.height

    @property
    def series(self) -> list[str]:
        """The columns that tell lines apart."""
        return [name for name in self.points.columns if name not in (X, Y)]

    @property
    def attributes(self) -> list[str]:
        """The attributes drawn."""
        names: list[str] = self.points[ATTRIBUTE].unique().cast(pl.String).sort().to_list()
        return names

    @property
    def is_in_time(self) -> bool:
        """Whether x is a date or a time of one."""
        return self.points.schema[X].is_temporal()

    @cached_property
    def count(self) -> int:
        """The number of lines."""
        return _distinct(self.points, self.series).height

    @classmethod
    def of(cls, frame: AnyFrame, *, x: str, y: str, by: str | None, max_lines: int) -> Lines:
        """The lines of a long or wide frame.

        Raises:
            TypeError: It is not a frame, or a column is not named by text.
            ValueError: It lacks a column, has no point, or more than ``max_lines`` lines.
        """
        for name, column in (("x", x), ("y", y), ("by", by)):
            if not isinstance(column, str) and not (name == "by" and column is None):
                raise TypeError(f"{name} must be the name of a column, got {column!r}.")
        shape = _Shape.of(as_lazy(frame, "nf.plot"), x, y, by)
        lazy = shape.points()
        names = [name for name in lazy.collect_schema() if name not in (X, Y)]
        # A frame is there already; what is fetched is looked at as it comes.
        batches = [lazy.collect()] if isinstance(frame, pl.DataFrame) else lazy.collect_batches(maintain_order=True)
        points = _read(batches, names, max_lines, is_whole=isinstance(frame, pl.DataFrame))
        if PROJECT in names and by != PROJECT and points[PROJECT].n_unique() < 2:
            points = points.drop(PROJECT)
        return cls(points, shape.color, shape.x_title, shape.y_title)

    def with_gaps(self, log: bool) -> tuple[Lines, list[str]]:
        """What cannot be drawn becomes NaN; and a note for each kind of it."""
        value = pl.col(Y)
        undrawable = {"infinite": value.is_infinite()}
        if log:
            undrawable["not above 0"] = value.is_finite() & (value <= 0)
        counts = self.points.select(**{name: condition.sum() for name, condition in undrawable.items()})
        notes = [
            f"gaps: {counted(count, 'value')} ({name})" for name, count in counts.row(0, named=True).items() if count
        ]
        if not notes:
            return self, notes
        drawable = pl.when(~pl.any_horizontal(*undrawable.values())).then(value).otherwise(float("nan"))
        return replace(self, points=self.points.with_columns(drawable.alias(Y))), notes

    def thinned(self, points: int) -> Lines:
        """At most so many of the points, or a handful of each line."""
        if len(self) <= points:
            return replace(self, points=self.points.sort(*self.series, X, maintain_order=True))
        ranges = max(1, points // (POINTS_PER_RANGE * self.count))
        kept = thin(self.points, series=self.series, x=X, y=Y, ranges=ranges)
        return replace(self, points=kept, ranges=ranges)


@dataclass(frozen=True)
class _Shape:
    """Which columns of a frame make its lines."""

    lazy: pl.LazyFrame
    schema: pl.Schema
    x: str
    y: str
    color: str
    #: Columns of a wide frame that are attributes; None for a long frame.
    attributes: tuple[str, ...] | None

    @classmethod
    def of(cls, lazy: pl.LazyFrame, x: str, y: str, by: str | None) -> _Shape:
        schema = lazy.collect_schema()
        labels = [name for name in LABELS if name in schema]
        color = by if by is not None else next(iter(labels), None)
        if color is None:
            raise ValueError(
                "nf.plot takes a long frame, a row per point, or a wide one, a row per step. This one has no column "
                f'experiment or run; its columns are {list(schema)}. If another one tells lines apart, pass by="...".'
            )
        require_columns(schema, [x, *([] if by is None else [by])], "nf.plot")
        along = schema[x]
        if along.base_type() is pl.Time or not (along.is_numeric() or along.is_temporal()):
            raise ValueError(f"nf.plot draws along numbers, dates or durations, and the column {x!r} holds {along}.")
        if color in (x, y):
            raise ValueError(f"nf.plot: {color!r} cannot both tell lines apart and be an axis.")
        if schema[color].base_type() in _NESTED:
            raise ValueError(f"nf.plot cannot tell lines apart by the column {color!r}: it holds {schema[color]}.")
        attributes = None if ATTRIBUTE in schema else _attributes(schema, {PROJECT, *labels, x, color}, y)
        if attributes is None:
            _require_numbers(schema, y)
        return cls(lazy, schema, x, y, color, attributes)

    @property
    def x_title(self) -> str:
        return f"{self.x} (seconds)" if self.schema[self.x].base_type() is pl.Duration else self.x

    @property
    def y_title(self) -> str | None:
        return None if self.attributes is not None or self.y == VALUE else self.y

    def points(self) -> pl.LazyFrame:
        """The frame of lines."""
        x = pl.col(self.x)
        if self.schema[self.x].base_type() is pl.Duration:
            x = x.dt.total_microseconds() / 1e6
        keys = list(dict.fromkeys(name for name in (PROJECT, *LABELS, self.color) if name in self.schema))
        if self.attributes is None:
            keys = list(dict.fromkeys((*keys, ATTRIBUTE)))
            long = self.lazy.select(*keys, x.alias(X), pl.col(self.y).alias(Y))
        else:
            # By number, since an attribute may have any name, that of a column made here too.
            numbered = {f"{ATTRIBUTE} {place}": name for place, name in enumerate(self.attributes)}
            wide = self.lazy.select(*keys, x.alias(X), *(pl.col(name).alias(text) for text, name in numbered.items()))
            long = wide.unpivot(list(numbered), index=[*keys, X], variable_name=ATTRIBUTE, value_name=Y)
            long = long.with_columns(pl.col(ATTRIBUTE).replace_strict(numbered))
        # Text takes 16 bytes a point, categories take 4.
        texts = [name for name, kind in long.collect_schema().items() if kind == pl.String]
        return long.with_columns(pl.col(texts).cast(pl.Categorical), pl.col(Y).cast(pl.Float64)).drop_nulls([X, Y])


def _attributes(schema: pl.Schema, others: set[str | None], y: str) -> tuple[str, ...]:
    """The attributes of a wide frame: all, or the one that ``y`` names."""
    if y != VALUE:
        _require_numbers(schema, y)
        return (y,)
    attributes = tuple(name for name, kind in schema.items() if name not in others and kind.is_numeric())
    if attributes:
        return attributes
    if any(isinstance(kind, pl.Struct) and VALUE in dict(kind) for kind in schema.values()):
        raise ValueError(
            "nf.plot draws numbers, and the cells of this wide frame are structs, of a value and its time for one. "
            'Draw the long frame, or make the wide one of values only: nf.pivot(frame, values="value").'
        )
    raise ValueError(
        f"nf.plot takes a long frame, a row per point, or a wide one, a row per step. This one has no column "
        f"{ATTRIBUTE}, and no column of numbers to draw; its columns are {list(schema)}."
    )


def _require_numbers(schema: pl.Schema, column: str) -> None:
    require_columns(schema, [column], "nf.plot")
    if not schema[column].is_numeric():
        raise ValueError(f"nf.plot draws numbers, and the column {column!r} holds {schema[column]}.")


def _read(batches: Iterable[pl.DataFrame], names: list[str], max_lines: int, *, is_whole: bool) -> pl.DataFrame:
    """The points of all batches; no more are read than show that there are too many lines."""
    parts: list[pl.DataFrame] = []
    found: pl.DataFrame | None = None
    for batch in batches:
        parts.append(batch)
        new = _distinct(batch, names)
        found = new if found is None else pl.concat([found, new]).unique()
        if found.height > max_lines:
            raise ValueError(_too_many(found, max_lines, is_whole=is_whole))
    if found is None or not found.height:
        raise ValueError("nf.plot: the frame has no points.")
    return pl.concat(parts)


def _distinct(points: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """The distinct rows of some columns, whose equal rows are mostly neighbours."""
    stretches = points.select(pl.struct(names).rle().struct.field("value"))  # usually few, and counted fast
    return stretches.unnest("value").unique()


def _too_many(lines: pl.DataFrame, max_lines: int, *, is_whole: bool) -> str:
    counts = ", ".join(counted(lines[name].n_unique(), name) for name in (*LABELS, ATTRIBUTE) if name in lines.columns)
    count, more = (f"{lines.height:,}", f"max_lines={lines.height}")
    if not is_whole:
        count, more = f"at least {count}", "a greater max_lines"
    return (
        f"nf.plot draws at most {max_lines:,} lines, and the frame has {count} series ({counts}). "
        f"Filter it, or pass {more}."
    )
