"""Which of many points a line chart needs: far fewer, without a change that could be seen.

M4 (Jugel et al., "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014): of every range of the x axis
as wide as a pixel, the first, the last, the lowest and the highest point draw the same line as all points do. Every
spike stays; nothing is averaged. Missing values are gaps: of every range with some, one stays, and breaks the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from neptune_frames.slices import stretch_starts

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

#: Points kept of each range: first, last, lowest, highest, and a gap.
POINTS_PER_RANGE = 5


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
    number = _series_numbers(points, series)
    along = points[x].to_physical().cast(pl.Float64).to_numpy()
    order = _order(number, along)
    if order is not None:
        points, number, along = points[order], number[order], along[order]
    values = points[y].to_numpy()
    segment = _segments(number, _range_of(along, ranges))
    is_number = ~np.isnan(values)
    numbers = np.flatnonzero(is_number)
    kept = [
        _firsts(numbers, segment),
        _firsts(numbers[::-1], segment),
        _firsts(_lowest(np.where(is_number, values, np.inf), segment, is_number), segment),
        _firsts(_lowest(np.where(is_number, -values, np.inf), segment, is_number), segment),
        _firsts(np.flatnonzero(~is_number), segment),
    ]
    return points[np.unique(np.concatenate(kept))]


def _series_numbers(points: pl.DataFrame, series: Sequence[str]) -> Ints:
    """The number of the series of each point; series count in order of their names."""
    stretches = points.select(pl.struct(series).rle().alias("stretch")).unnest("stretch")
    names = stretches.select(pl.col("value").rank("dense"), "len")
    return np.repeat(names["value"].to_numpy().astype(np.int64), names["len"].to_numpy())


def _order(number: Ints, along: Floats) -> Ints | None:
    """What sorts points by series and x; None if they are sorted."""
    same = number[1:] == number[:-1]
    if not (np.where(same, along[1:] >= along[:-1], number[1:] > number[:-1])).all():
        return np.lexsort((along, number))
    return None


def _range_of(along: Floats, ranges: int) -> Ints:
    """In which of the ranges of x each point is."""
    if not len(along):
        return np.empty(0, dtype=np.int64)
    start, width = along.min(), (along.max() - along.min()) / ranges
    if not width > 0:
        return np.zeros(len(along), dtype=np.int64)
    places: Floats = np.minimum((along - start) / width, ranges - 1)
    return places.astype(np.int64)


def _segments(number: Ints, place: Ints) -> Ints:
    """The number of the segment of each point: the points of one series in one range, which follow each other."""
    begins = (number[1:] != number[:-1]) | (place[1:] != place[:-1])
    segments: Ints = np.concatenate([[0], np.cumsum(begins)])
    return segments[: len(number)]


def _lowest(values: Floats, segment: Ints, candidates: npt.NDArray[np.bool_]) -> Ints:
    """Where the candidates are that have the lowest value of their segment."""
    starts = stretch_starts(segment)
    if not len(starts):
        return starts
    return np.flatnonzero((values == np.minimum.reduceat(values, starts)[segment]) & candidates)


def _firsts(places: Ints, segment: Ints) -> Ints:
    """Of places one after the other, the first in each segment."""
    firsts: Ints = places[np.diff(segment[places], prepend=-1) != 0]
    return firsts
