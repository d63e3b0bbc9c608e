"""`plot`: a line chart of a frame of points, of however many, that says how many it draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from neptune_frames.counted import counted
from neptune_frames.errors import MissingDependencyError
from neptune_frames.frames.drawn_lines import Lines, X, Y
from neptune_frames.frames.long_frame import ATTRIBUTE, VALUE
from neptune_frames.query.plain_values import plain_number
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

#: Colour schemes of Vega for up to so many lines, for more, and for numbers and times.
_SCHEMES = {10: "tableau10", 20: "tableau20"}
_SCHEME_OF_MANY = "turbo"
_SCHEME_OF_ORDER = "viridis"

#: A legend of more lines is higher than the plot, and its colours cannot be told apart.
_MOST_IN_LEGEND = 30

#: Characters of the names of attributes in a title.
_LONGEST_TITLE = 80
_BLANK = "\u00a0"

#: The field of a row of data that decides its colour.
_COLOR = "label"

#: What stands for "<" in names. Altair writes names as they are into a script of its HTML pages, and "</script>" would
#: end that; with a zero-width space in it, it looks the same and ends nothing.
_OPEN_BRACKET = "<\u200b"


def plot(
    frame: AnyFrame,
    *,
    x: str = STEP.name,
    y: str = VALUE,
    log: bool = False,
    by: str | None = None,
    title: str | None = None,
    points: int = 10_000,
    max_lines: int = 50,
) -> AnyChart:
    """Draw a line chart: a line per series, a colour per experiment or run, a panel per attribute.

    Accepts a long frame such as `scan_metrics` returns, or a wide one such as `pivot` and `MetricsResult.collect`
    return. A lazy frame is collected as far as the chart needs it, and reading stops once there are too many lines.

    If there are more points than ``points``, the chart shows those that keep its shape: the first, last, lowest and
    highest of each of many ranges of x (M4, `neptune_frames.frames.drawn_points`). No spike is lost and nothing is
    averaged, but zooming in shows no more detail; for that, filter the frame. The subtitle says how many of how many
    points are drawn. NaN, infinities and, on a log scale, values not above 0 are gaps.

    Args:
        frame: The points.
        x: The column on the x axis: ``step``, ``timestamp``, or any other column of numbers, dates or durations (drawn
            as seconds).
        y: The column on the y axis. For a wide frame: one attribute; by default all of them.
        log: Whether the y axis is logarithmic.
        by: The column that colours the lines, instead of experiment or run, which may then be missing: for example
            ``"config/width"`` from a joined table. Rows with different values belong to different lines.
        title: The title; by default the names of the attributes.
        points: The most points to draw.
        max_lines: The most lines to draw.

    Returns:
        An Altair chart. Change it like any other, or write it with ``chart.save("chart.html")`` (or ``.png``, ``.svg``,
        ``.json``).

    Raises:
        MissingDependencyError: Altair is not installed.
        TypeError: ``frame`` is not a frame, or a name or the title is not a string.
        ValueError: The frame lacks a column, has one that cannot be drawn, has no points, or has more series than
            ``max_lines``.

    Example:
        >>> chart = nf.plot(nf.scan_metrics(experiments="resnet", attributes=["train/loss"]), log=True)
        >>> chart.save("losses.html")
        >>> chart.to_dict()["title"]["subtitle"]
        ['all 10 points drawn']
    """
    altair = _import_altair()
    points, max_lines = _count(points, "points"), _count(max_lines, "max_lines")
    if title is not None and not isinstance(title, str):
        raise TypeError(f"title must be a string or None, got {title!r}.")
    lines, notes = Lines.of(frame, x=x, y=y, by=by, max_lines=max_lines).with_gaps(log)
    drawn = lines.thinned(points)
    return _chart(altair, drawn, title, [_drawn(len(drawn), len(lines), x, drawn.ranges), *notes], log)


def _import_altair() -> ModuleType:
    try:
        import altair
    except ImportError:
        raise MissingDependencyError("altair", "A chart", "plot") from None
    return altair


def _drawn(drawn: int, total: int, x: str, ranges: int | None) -> str:
    if ranges is None:
        return "the point drawn" if total == 1 else f"all {total:,} points drawn"
    each = "each line" if ranges == 1 else f"each of {ranges:,} ranges of {x}"
    return f"{drawn:,} of {total:,} points drawn: first, last, lowest and highest of {each}"


def _count(value: object, parameter: str) -> int:
    number = plain_number(value, parameter)
    if not isinstance(number, int) or number < 1:
        raise ValueError(f"{parameter} must be a whole number greater than 0, got {value!r}.")
    return number


def _chart(altair: ModuleType, lines: Lines, title: str | None, subtitle: list[str], log: bool) -> AnyChart:
    attributes = [_script_safe(name) for name in lines.attributes]
    only = attributes[0] if len(attributes) == 1 else None
    colors = lines.points[lines.color].unique().sort()
    if len(colors) > _MOST_IN_LEGEND:
        subtitle = [*subtitle, f"colours: {len(colors):,} values of {_script_safe(lines.color)}, named by tooltips"]
    encodings = _encodings(altair, lines, colors, only, log)
    base = altair.Chart().encode(**encodings).properties(width=_WIDTH, height=_HEIGHT)
    chart = base.mark_line(invalid="break-paths-show-path-domains", point=len(lines) <= _FEW_POINTS)
    rows = _rows(lines)
    if any(row.get("alone") for row in rows):
        chart += base.mark_point(filled=True, size=20).transform_filter("datum.alone")
    data = {"values": rows}  # as a plain dict: Altair checks its own classes row by row, which takes seconds
    text = _script_safe(title) if title is not None else _listed(attributes)
    # Vega draws no subtitle where there is no text above it.
    heading = altair.TitleParams(text=text if text.strip() else _BLANK, subtitle=subtitle, anchor="start")
    if only is not None:
        return chart.properties(data=data, title=heading)  # type: ignore[no-any-return]
    facets = chart.facet(facet=altair.Facet(field="attribute", type="nominal", title=None), columns=1, data=data)
    return facets.resolve_scale(y="independent").properties(title=heading)  # type: ignore[no-any-return]


def _listed(attributes: list[str]) -> str:
    """The attributes in a title: by name where they are few."""
    text = ", ".join(attributes)
    return text if len(text) <= _LONGEST_TITLE else counted(len(attributes), "attribute")


def _encodings(altair: ModuleType, lines: Lines, colors: pl.Series, attribute: str | None, log: bool) -> dict[str, Any]:
    # Times are written in UTC, which browsers would turn into the reader's time.
    along = {"type": "temporal" if lines.is_in_time else "quantitative", "title": _script_safe(lines.x_title)}
    upward = {"type": "quantitative", "title": _script_safe(lines.y_title or attribute or VALUE)}
    # A last label that is moved inwards would run into the one before.
    x = altair.X(
        field="x",
        scale=altair.Scale(type="utc") if lines.is_in_time else altair.Scale(zero=False),
        axis=altair.Axis(labelFlush=False),
        **along,
    )
    y = altair.Y(field="y", scale=altair.Scale(type="log") if log else altair.Scale(zero=False), **upward)
    shown = len(colors) <= _MOST_IN_LEGEND
    titles = _fields(lines)
    color = altair.Color(
        field=_COLOR,
        type="nominal",
        title=titles[_COLOR],
        # As text, 128 comes before 32.
        sort=_color_texts(colors) if shown else "ascending",
        scale=altair.Scale(scheme=_scheme(colors)),
        legend=altair.Legend(symbolLimit=0, labelLimit=400) if shown else None,
    )
    tooltip = [altair.Tooltip(field=name, type="nominal", title=text) for name, text in titles.items()]
    tooltip += [altair.Tooltip(field="x", **along), altair.Tooltip(field="y", **upward)]
    detail = [altair.Detail(field=name, type="nominal") for name in titles if name != _COLOR]
    return {"x": x, "y": y, "color": color, "detail": detail, "tooltip": tooltip}


def _scheme(colors: pl.Series) -> str:
    if colors.dtype.is_numeric() or colors.dtype.is_temporal():
        return _SCHEME_OF_ORDER
    return next((name for most, name in _SCHEMES.items() if len(colors) <= most), _SCHEME_OF_MANY)


def _fields(lines: Lines) -> dict[str, str]:
    """The fields of a row of data that tell lines apart, and what they are called."""
    others = {name: _script_safe(name) for name in lines.series if name != lines.color}
    return {_COLOR: _script_safe(lines.color), **others}


def _color_texts(colors: pl.Series) -> list[str]:
    texts: list[str] = colors.to_frame("color").select(_as_text("color")).to_series().to_list()
    return texts


def _as_text(column: str) -> pl.Expr:
    text = pl.col(column).cast(pl.String).fill_null("null")
    return text.str.replace_all("<", _OPEN_BRACKET, literal=True)


def _rows(lines: Lines) -> list[dict[str, Any]]:
    """The points as Vega-Lite data; ``alone`` marks those that no line reaches. A gap is a null."""
    y, x = pl.col(Y), pl.col(X)
    is_gap = y.is_nan()
    # A neighbour that is not there (null) is a gap too.
    reached = [(~is_gap).shift(by).over(lines.series).fill_null(False) for by in (1, -1)]
    rows = lines.points.select(
        *(_as_text(name).alias(_COLOR if name == lines.color else name) for name in lines.series),
        *([_as_text(ATTRIBUTE)] if lines.color == ATTRIBUTE else []),
        (x.dt.epoch("ms") if lines.is_in_time else x).alias("x"),
        pl.when(~is_gap).then(y).alias("y"),
        (~is_gap & ~reached[0] & ~reached[1]).alias("alone"),
    )
    return rows.to_dicts()


def _script_safe(text: str) -> str:
    return text.replace("<", _OPEN_BRACKET)
