"""`align`: series that were logged at different steps, brought to common ones."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import polars as pl

from neptune_frames.frames.long_frame import ATTRIBUTE, PROJECT, VALUE, LongFrame, require_columns
from neptune_frames.schemas import STEP

if TYPE_CHECKING:
    import numpy.typing as npt

    from neptune_frames.frames.long_frame import AnyFrame

    #: What users may pass as ``steps``: a number for its multiples, several numbers for these, None for every step.
    Steps = float | Iterable[float] | None

#: How a step without a point is filled: with the last value, on the line between its neighbours, or with the nearest.
How = Literal["forward", "linear", "nearest"]

# Added on the way: the points before and after a step, with their steps.
_BEFORE, _AFTER, _VALUE_BEFORE, _VALUE_AFTER = "step before", "step after", "value before", "value after"
_SERIES, _FIRST, _LAST = "number of series", "first multiple", "last multiple"

_NO_STEPS = "steps must be None, a number or several numbers, got {!r}."
_MOST_ROWS = 200_000_000


def align(
    frame: AnyFrame,
    *,
    steps: Steps = None,
    how: How | None = "forward",
    value: str = VALUE,
    extrapolate: bool = False,
) -> pl.LazyFrame:
    """Bring every series of a long frame to the same steps, so that they can be averaged or compared; lazily.

    Accepts the result of `scan_metrics` or `fetch_metrics`, or a query of your own on them. The value is null where it
    is not known: before the first point of a series and, unless ``extrapolate`` is set, after its last one. Points
    whose value is null do not count; NaN is a value.

    The frame is read once, and as a whole, because a value may come from a step that a condition on the result
    excludes. So filter before you align. The result has series x steps rows, which can be far more than there are
    points; more than 200 million are refused. Steps must be finite, and occur once in each series.

    Args:
        frame: The long frame.
        steps: The common steps. None takes every step of any series; a number n takes the multiples of n between the
            first and the last step of the frame (a step that only rounding keeps from being one counts as one);
            several numbers are the steps themselves.
        how: How to fill a step at which the series has no point: ``"forward"`` takes the last point before it,
            ``"nearest"`` the nearest one (of two, the earlier), ``"linear"`` interpolates between the two around it,
            None leaves it null.
        value: The column to align; other value columns are left out.
        extrapolate: Whether the last value of a series also holds after its last point and, unless filling forward, the
            first value before its first point.

    Returns:
        A lazy long frame with a row per series and common step: ``project``, ``experiment`` and ``run``, and
        ``attribute`` (as far as the frame has them), ``step`` (Float64) and the value, in ascending order.

    Raises:
        TypeError: ``frame`` is not a frame, or a step is not a number.
        ValueError: The frame lacks a column, or an argument cannot be used; when collected, there would be too many
            rows.

    Example:
        >>> points = nf.scan_metrics(experiments="resnet", attributes=["train/loss"], lineage_to_the_root=False)
        >>> losses = nf.align(points, steps=1.5, how="linear")
        >>> losses.select("experiment", "step", "value").collect().rows()
        [('resnet-1', 0.0, 2.5), ('resnet-1', 1.5, 1.0), ('resnet-1', 3.0, 0.5),
         ('resnet-2', 0.0, None), ('resnet-2', 1.5, None), ('resnet-2', 3.0, 0.4)]
    """
    long = LongFrame.of(frame, "nf.align")
    require_columns(long.schema, [value], "nf.align")
    if how is not None and how not in get_args(How):
        raise ValueError(f"how must be one of {', '.join(map(repr, get_args(How)))} or None, got {how!r}.")
    if how == "linear" and not long.schema[value].is_numeric():
        raise ValueError(
            f'how="linear" needs numbers, and {value!r} holds {long.schema[value]}; how="forward" does not.'
        )
    names = [name for name in (PROJECT, *long.labels, ATTRIBUTE) if name in long.schema]
    step = pl.col(STEP.name)
    if value in (*names, STEP.name):
        raise ValueError(f"nf.align: {value!r} says which series and step a row is of; it cannot be the value too.")
    # Text takes 16 bytes a point, categories take 4.
    texts = [name for name in names if long.schema[name] == pl.String]
    points = long.lazy.select(*names, step.cast(pl.Float64), value).drop_nulls([STEP.name, value])
    points = points.with_columns(pl.col(texts).cast(pl.Categorical)).cache()
    ascending = points.sort(STEP.name)
    series = points.select(names).unique().cache()
    return (
        series.sort(names)
        .join(_grid(points, series, steps), how="cross", maintain_order="left_right")
        .explode(STEP.name, empty_as_null=False, keep_nulls=False)
        .join_asof(
            ascending.rename({value: _VALUE_BEFORE}).with_columns(step.alias(_BEFORE)),
            on=STEP.name, by=names, strategy="backward", check_sortedness=False,
        )
        .join_asof(
            ascending.rename({value: _VALUE_AFTER}).with_columns(step.alias(_AFTER)),
            on=STEP.name, by=names, strategy="forward", check_sortedness=False,
        )
        .select(*names, STEP.name, _value(how, extrapolate).alias(value))
        .with_columns(pl.col(texts).cast(pl.String))
    )  # fmt: skip


def _grid(points: pl.LazyFrame, series: pl.LazyFrame, steps: Steps) -> pl.LazyFrame:
    """The common steps of some series as one list, ascending."""
    step, count = pl.col(STEP.name), series.select(pl.len().alias(_SERIES))
    if steps is None:
        found, make = [step.unique().sort().implode()], _of_list
    elif not isinstance(steps, Iterable):
        size = _size(steps)
        found = [(step.min() / size).alias(_FIRST), (step.max() / size).alias(_LAST)]
        if not size.is_integer():
            found.append(step.unique().sort().implode())
        make = partial(_of_multiples, size=size)
    else:
        found, make = [pl.lit(_given(steps)).unique().sort().implode().alias(STEP.name)], _of_list
    both = count.join(points.select(found), how="cross")
    return both.map_batches(make, schema={STEP.name: pl.List(pl.Float64)})


def _size(steps: object) -> float:
    number = 0 if isinstance(steps, bool) else steps
    if not isinstance(number, Real):  # which numbers of numpy are
        raise TypeError(_NO_STEPS.format(steps))
    size = float(number)
    if not 0 < size < math.inf:
        raise ValueError(f"steps must be greater than 0 to mean every so many steps, got {steps!r}.")
    return size


def _of_list(found: pl.DataFrame) -> pl.DataFrame:
    _check_rows(found[_SERIES].item(), found[STEP.name].list.len().item())
    return found.select(STEP.name)


def _of_multiples(found: pl.DataFrame, size: float) -> pl.DataFrame:
    series, lowest, highest = found.row(0)[:3]
    if lowest is None:
        return _one_list(np.array([]))
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise ValueError(f"nf.align: a step of the frame is not finite, so that there is no last multiple of {size:g}.")
    if size.is_integer():
        first, last = math.ceil(lowest), math.floor(highest)
        _check_rows(series, last - first + 1)
        return _one_list(np.arange(first, last + 1) * size)
    first, last = math.ceil(lowest - _rounding(lowest)), math.floor(highest + _rounding(highest))
    _check_rows(series, last - first + 1)
    return _one_list(_as_logged(np.arange(first, last + 1), size, found[STEP.name][0].to_numpy()))


def _as_logged(
    multiples: npt.NDArray[np.int64], size: float, logged: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Multiples of a fraction, each as the frame has it if it does: 3 * 0.1 is not 0.3, nor is 0.1 + 0.1 + 0.1."""
    steps = multiples * size
    after = np.minimum(np.searchsorted(logged, steps), len(logged) - 1)
    before = np.maximum(after - 1, 0)
    nearest = logged[np.where(np.abs(logged[before] - steps) < np.abs(logged[after] - steps), before, after)]
    return np.where(np.abs(nearest - steps) <= size * _rounding(multiples), nearest, steps)


def _rounding(multiple: Any) -> Any:
    """How far from a whole multiple of a fraction a step may be that is meant as one: sums of fractions round."""
    return np.minimum(1e-9 * np.abs(multiple), 1e-3)


def _one_list(steps: npt.NDArray[np.float64]) -> pl.DataFrame:
    return pl.DataFrame([pl.Series(STEP.name, steps, dtype=pl.Float64).implode()])


def _check_rows(series: int, steps: int) -> None:
    if series * steps > _MOST_ROWS:
        raise ValueError(
            f"nf.align: {series:,} series at {steps:,} common steps are {series * steps:,} rows, more than "
            f"{_MOST_ROWS:,}. Give fewer steps, or filter the frame."
        )


def _given(steps: Iterable[float]) -> pl.Series:
    try:
        given = pl.Series(list(steps), dtype=pl.Float64)
    except (TypeError, pl.exceptions.PolarsError):
        raise TypeError(_NO_STEPS.format(steps)) from None
    if not given.is_finite().all() or given.null_count():
        raise ValueError("steps must be finite numbers: there is a null, a NaN or an infinity among them.")
    return given


def _value(how: How | None, extrapolate: bool) -> pl.Expr:
    """The value at a step, from the points before and after it; at a point, both are that point."""
    step, before, after = pl.col(STEP.name), pl.col(_BEFORE), pl.col(_AFTER)
    earlier, later = pl.col(_VALUE_BEFORE), pl.col(_VALUE_AFTER)
    if how is None:
        return pl.when(before == step).then(earlier)
    if how == "forward":
        between = earlier
    elif how == "nearest":
        between = pl.when(step - before <= after - step).then(earlier).otherwise(later)
    else:
        slope = (later - earlier) / (after - before)
        upward, downward = earlier + slope * (step - before), later + slope * (step - after)
        # As in numpy.interp: from an infinity the line is seen from its other end only.
        line = pl.when(upward.is_not_nan()).then(upward).otherwise(downward)
        between = pl.when((before == after) | (earlier == later)).then(earlier).otherwise(line)
    inside = before.is_not_null() & after.is_not_null()
    if not extrapolate:
        return pl.when(inside).then(between)
    outside = earlier if how == "forward" else pl.coalesce(earlier, later)
    return pl.when(inside).then(between).otherwise(outside)
