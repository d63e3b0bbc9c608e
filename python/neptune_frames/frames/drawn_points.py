"""Which of many points a line chart needs: far fewer, without a change that could be seen.

M4 (Jugel et al., "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014): of every range of the x axis
as wide as a pixel, the first, the last, the lowest and the highest point draw the same line as all points do. Every
spike stays; nothing is averaged. Missing values are gaps: of every range with some, one stays, and breaks the line.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

#: Points kept of each range: first, last, lowest, highest, and a gap.
POINTS_PER_RANGE = 5

_RANGE = "range of x"


def thin(points: pl.DataFrame, *, series: Sequence[str], x: str, y: str, ranges: int) -> pl.DataFrame:
    """The points that a line chart ``ranges`` pixels wide needs.

    Args:
        points: All points. ``y`` is a float column; NaN is a gap.
        series: The columns that tell the lines apart.
        x: The column of the x axis.
        y: The column of the y axis.
        ranges: Into how many ranges of equal width the x axis is cut, the same for all lines.

    Returns:
        Rows of ``points``, ascending by series and x.

    Example:
        >>> points = pl.DataFrame({"run": "a", "x": range(1000), "y": [0.0, 1.0] * 500})
        >>> thin(points, series=["run"], x="x", y="y", ranges=2).rows()
        [('a', 0, 0.0), ('a', 1, 1.0), ('a', 499, 1.0), ('a', 500, 0.0), ('a', 501, 1.0), ('a', 999, 1.0)]
    """
    points = points.sort(*series, x, maintain_order=True)
    along = pl.col(x).to_physical().cast(pl.Float64)
    start, width = along.min(), (along.max() - along.min()) / ranges
    place = pl.when(width > 0).then(((along - start) / width).floor()).otherwise(0.0).clip(upper_bound=ranges - 1)
    value, index = pl.col(y), pl.int_range(pl.len())
    numbers = pl.when(value.is_not_nan()).then(value)
    kept = (
        points.lazy()
        .with_columns(place.alias(_RANGE), index.alias("row"))
        .group_by(*series, _RANGE)
        .agg(
            first=pl.col("row").filter(value.is_not_nan()).first(),
            last=pl.col("row").filter(value.is_not_nan()).last(),
            lowest=pl.col("row").get(numbers.arg_min()),
            highest=pl.col("row").get(numbers.arg_max()),
            gap=pl.col("row").filter(value.is_nan()).first(),
        )
        .collect()
    )
    rows = pl.concat([kept[name] for name in ("first", "last", "lowest", "highest", "gap")]).drop_nulls().unique()
    return points[rows.sort()]
