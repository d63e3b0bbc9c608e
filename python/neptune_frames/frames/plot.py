"""`plot`: a line chart of a frame of points, of however many, that says how many it draws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from neptune_frames.errors import MissingDependencyError
from neptune_frames.frames.drawn_points import POINTS_PER_RANGE, thin
from neptune_frames.frames.long_frame import ATTRIBUTE, LABELS, VALUE, LongFrame, as_lazy
from neptune_frames.schemas import STEP

if TYPE_CHECKING:
    from types import ModuleType
    from typing import TypeAlias

    import altair

    from neptune_frames.frames.long_frame import AnyFrame

    AnyChart: TypeAlias = altair.Chart | altair.LayerChart | altair.FacetChart

#: Fewer points are drawn one by one, with a mark each.
_FEW_POINTS = 200

_WIDTH, _HEIGHT = 640, 280

#: Colour schemes of Vega for up to so many lines.
_SCHEMES = {10: "tableau10", 20: "tableau20"}
_SCHEME_OF_MANY = "turbo"

#: What stands for "<" in names. Altair writes names as they are into a script of its HTML pages, and "</script>" would
#: end that; with a zero-width space in it, it looks the same and ends nothing.
_OPEN_BRACKET = "<\u200b"


def plot(
    frame: AnyFrame,
    *,
    x: str = STEP.name,
    y: str = VALUE,
    log: bool = False,
    title: str | None = None,
    points: int = 10_000,
    max_lines: int = 50,
) -> AnyChart:
    """A line chart: a line per series, a colour per experiment or run, a panel per attribute.

    Takes a long frame as `scan_metrics` gives, or a wide one as `pivot` and `MetricsResult.collect` give; a lazy one
    is collected, as far as the chart needs it. The result is an Altair chart: change it as any other, or
    ``chart.save("chart.html")`` (or ``.png``, ``.svg``, ``.json``).

    Of more points than ``points``, those are drawn that keep the picture as it is: of every one of many ranges
    of x the first, the last, the lowest and the highest (M4, `neptune_frames.frames.drawn_points`). So no spike
    is lost and nothing is averaged, but zooming in shows no more; for that, filter the frame. The subtitle says how
    many of how many points are drawn. NaN, infinities and, on a log scale, values that are not above 0 are gaps.

    Args:
        frame: The points.
        x: The column along the x axis: ``step``, or ``timestamp``.
        y: The column along the y axis (long frames only; a wide frame has its attributes there).
        log: Whether the y axis is logarithmic.
        title: What stands above the chart; by default the attribute, if there is one only.
        points: How many points to draw at most.
        max_lines: How many lines to draw at most.

    Raises:
        MissingDependencyError: Altair is not installed.
        TypeError: It is not a frame.
        ValueError: The frame lacks a column, has no point, or has more series than ``max_lines``.

    Example:
        >>> chart = nf.plot(nf.scan_metrics(experiments="resnet", attributes=["train/loss"]), log=True)
        >>> chart.save("losses.html")
        >>> chart.to_dict()["title"]["subtitle"]
        ['all 10 points drawn']
    """
    altair = _import_altair()
    for name, number in (("points", points), ("max_lines", max_lines)):
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise ValueError(f"{name} must be a whole number greater than 0, got {number!r}.")
    lines = _Lines.of(frame, x, y)
    lines.check(max_lines)
    lines, notes = lines.with_gaps(log)
    drawn = lines.thinned(points)
    return _chart(altair, drawn, title, [_drawn(len(drawn), len(lines), x, drawn.ranges), *notes], log)


def _import_altair() -> ModuleType:
    try:
        import altair
    except ImportError:
        raise MissingDependencyError("altair", "A chart", "plot") from None
    return altair


@dataclass(frozen=True)
class _Lines:
    """The points of some lines: columns ``project`` (if there are several), label, ``attribute``, x and y."""

    points: pl.DataFrame
    label: str
    x: str
    y: str
    #: Into how many ranges of x the points were thinned; None if all are there.
    ranges: int | None = None

    def __len__(self) -> int:
        return self.points.height

    @property
    def series(self) -> list[str]:
        return [name for name in self.points.columns if name not in (self.x, self.y)]

    @cached_property
    def count(self) -> int:
        """The number of lines."""
        neighbours = pl.struct(self.series).rle().struct.field("value")  # usually few, and counted fast
        return int(self.points.select(neighbours.n_unique()).item())

    @classmethod
    def of(cls, frame: AnyFrame, x: str, y: str) -> _Lines:
        long = LongFrame.of(_as_long(frame, x, y), "nf.plot")
        long.require([x, y], "nf.plot")
        if not long.schema[y].is_numeric():
            raise ValueError(f"nf.plot draws numbers, and the column {y!r} holds {long.schema[y]}.")
        if not (long.schema[x].is_numeric() or long.schema[x].is_temporal()):
            raise ValueError(f"nf.plot draws along numbers or times, and the column {x!r} holds {long.schema[x]}.")
        names = [name for name in ("project", long.label, ATTRIBUTE) if name in long.schema]
        texts = pl.col(names).cast(pl.Categorical)  # 4 bytes a point instead of 16
        points = long.lazy.select(texts, x, pl.col(y).cast(pl.Float64)).drop_nulls([x, y]).collect()
        if "project" in names and points["project"].n_unique() < 2:
            points = points.drop("project")
        return cls(points, long.label, x, y)

    def check(self, max_lines: int) -> None:
        """See that there is something to draw, and not too much."""
        if not len(self):
            raise ValueError("nf.plot: the frame has no points.")
        count = self.count
        if count > max_lines:
            labels, attributes = (self.points[name].n_unique() for name in (self.label, ATTRIBUTE))
            raise ValueError(
                f"nf.plot draws at most {max_lines:,} lines, and the frame has {count:,} series ({labels:,} "
                f"{self.label}s, {attributes:,} attributes). Filter it, or pass max_lines={count}."
            )

    def with_gaps(self, log: bool) -> tuple[_Lines, list[str]]:
        """What cannot be drawn becomes NaN; and a note for each kind of it."""
        value = pl.col(self.y)
        undrawable = {"infinite": value.is_infinite()}
        if log:
            undrawable["not above 0"] = value.is_finite() & (value <= 0)
        counts = self.points.select(**{name: condition.sum() for name, condition in undrawable.items()})
        notes = [f"{count:,} values are {name}: gaps" for name, count in counts.row(0, named=True).items() if count]
        if not notes:
            return self, notes
        drawable = pl.when(~pl.any_horizontal(*undrawable.values())).then(value).otherwise(float("nan"))
        return replace(self, points=self.points.with_columns(drawable.alias(self.y))), notes

    def thinned(self, points: int) -> _Lines:
        """At most so many of the points, or a handful of each line."""
        if len(self) <= points:
            return replace(self, points=self.points.sort(*self.series, self.x, maintain_order=True))
        ranges = max(1, points // (POINTS_PER_RANGE * self.count))
        kept = thin(self.points, series=self.series, x=self.x, y=self.y, ranges=ranges)
        return replace(self, points=kept, ranges=ranges)


def _as_long(frame: AnyFrame, x: str, y: str) -> pl.LazyFrame:
    """The frame, with the attributes of a wide frame as rows."""
    lazy = as_lazy(frame, "nf.plot")
    schema = lazy.collect_schema()
    keys = [name for name in ("project", *LABELS, x) if name in schema]
    attributes = [name for name, kind in schema.items() if name not in keys and kind.is_numeric()]
    if ATTRIBUTE in schema or not attributes or not any(name in LABELS for name in keys):
        return lazy
    return lazy.unpivot(attributes, index=keys, variable_name=ATTRIBUTE, value_name=y)


def _drawn(drawn: int, total: int, x: str, ranges: int | None) -> str:
    if ranges is None:
        return f"all {total:,} points drawn"
    return f"{drawn:,} of {total:,} points drawn: first, last, lowest and highest of each of {ranges:,} ranges of {x}"


def _chart(altair: ModuleType, lines: _Lines, title: str | None, subtitle: list[str], log: bool) -> AnyChart:
    attributes = lines.points[ATTRIBUTE].unique().cast(pl.String).to_list()
    only = _script_safe(attributes[0]) if len(attributes) == 1 else None
    base = altair.Chart().encode(**_encodings(altair, lines, only, log)).properties(width=_WIDTH, height=_HEIGHT)
    chart = base.mark_line(invalid="break-paths-show-path-domains", point=len(lines) <= _FEW_POINTS)
    rows = _rows(lines)
    if any(row.get("alone") for row in rows):
        chart += base.mark_point(filled=True, size=20).transform_filter("datum.alone")
    data = {"values": rows}  # as a plain dict: Altair checks its own classes row by row, which takes seconds
    text = _script_safe(title) if title is not None else only or ""
    heading = altair.TitleParams(text=text, subtitle=subtitle, anchor="start")
    if only is not None:
        return chart.properties(data=data, title=heading)  # type: ignore[no-any-return]
    facets = chart.facet(facet=altair.Facet(field="attribute", type="nominal", title=None), columns=1, data=data)
    return facets.resolve_scale(y="independent").properties(title=heading)  # type: ignore[no-any-return]


def _encodings(altair: ModuleType, lines: _Lines, attribute: str | None, log: bool) -> dict[str, Any]:
    is_time = lines.points.schema[lines.x].is_temporal()
    labels = lines.points[lines.label].n_unique()
    scheme = next((name for most, name in _SCHEMES.items() if labels <= most), _SCHEME_OF_MANY)
    # Times are written in UTC, which browsers would turn into the reader's time.
    along = {"type": "temporal" if is_time else "quantitative", "title": lines.x}
    upward = {"type": "quantitative", "title": attribute or VALUE if lines.y == VALUE else lines.y}
    x = altair.X(field="x", scale=altair.Scale(type="utc") if is_time else altair.Scale(zero=False), **along)
    y = altair.Y(field="y", scale=altair.Scale(type="log") if log else altair.Scale(zero=False), **upward)
    color = altair.Color(
        field="label",
        type="nominal",
        title=lines.label,
        scale=altair.Scale(scheme=scheme),
        legend=altair.Legend(symbolLimit=0, labelLimit=400),
    )
    names = [name for name in ("project", "label", "attribute") if name in (*lines.series, "label")]
    tooltip = [altair.Tooltip(field=name, type="nominal") for name in names]
    tooltip += [altair.Tooltip(field="x", **along), altair.Tooltip(field="y", **upward)]
    detail = [altair.Detail(field=name, type="nominal") for name in names if name != "label"]
    return {"x": x, "y": y, "color": color, "detail": detail, "tooltip": tooltip}


def _rows(lines: _Lines) -> list[dict[str, Any]]:
    """The points as Vega-Lite data; ``alone`` marks those that no line reaches. A gap is a null."""
    y, x = pl.col(lines.y), pl.col(lines.x)
    is_gap = y.is_nan()
    # A neighbour that is not there (null) is a gap too.
    reached = [(~is_gap).shift(by).over(lines.series).fill_null(False) for by in (1, -1)]
    names = [pl.col(name).cast(pl.String) for name in lines.series]
    is_time = lines.points.schema[lines.x].is_temporal()
    rows = lines.points.select(
        *(name.alias("label") if name.meta.output_name() == lines.label else name for name in names),
        (x.dt.epoch("ms") if is_time else x).alias("x"),
        pl.when(~is_gap).then(y).alias("y"),
        (~is_gap & ~reached[0] & ~reached[1]).alias("alone"),
    ).with_columns(pl.col(pl.String).str.replace_all("<", _OPEN_BRACKET, literal=True))
    return rows.to_dicts()


def _script_safe(text: str) -> str:
    return text.replace("<", _OPEN_BRACKET)
