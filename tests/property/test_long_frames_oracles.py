"""`pivot` is Polars' own pivot, `align` what numpy interpolates series by series, thinning keeps the picture."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import neptune_frames as nf
from neptune_frames.frames import pivot_long
from neptune_frames.frames.drawn_points import POINTS_PER_RANGE, thin

ENGINES = ("in-memory", "streaming")
RUNS = ["b", "B", "é", "a10", "a2"]
NAMES = ["loss", "acc", "run", "z/y"]
STEPS = st.integers(-3, 6).map(float) | st.sampled_from([0.5, 1.25, 2.0**53, -1e300])
VALUES = st.sampled_from([0.0, -0.0, 1.5, math.nan, math.inf, -2.0, None])
SCHEMA = {"run": pl.String, "attribute": pl.String, "step": pl.Float64, "value": pl.Float64, "timestamp": pl.Int64}

keys = st.tuples(st.sampled_from(RUNS), st.sampled_from(NAMES), STEPS)
rows = st.tuples(keys, VALUES, st.none() | st.integers(0, 9)).map(lambda row: (*row[0], *row[1:]))
text_types = st.sampled_from([pl.String, pl.Categorical, pl.Enum(sorted({*RUNS, *NAMES}))])


@st.composite
def long_frames(draw: st.DrawFn, *, repeats: bool = False) -> pl.DataFrame:
    """Points in any order, series interleaved; names as any kind of text."""
    unique = None if repeats else lambda row: (row[0], row[1], row[2] + 0.0)
    found = draw(st.lists(rows, max_size=40, unique_by=unique))
    if draw(st.booleans()):
        found.sort(key=lambda row: row[:3])
    frame = pl.DataFrame(found, schema=SCHEMA, orient="row")
    return frame.with_columns(pl.col("run", "attribute").cast(draw(text_types)))


def polars_pivot(frame: pl.DataFrame, values: str | list[str]) -> pl.DataFrame:
    """The oracle. Its columns are in order of appearance, and the name of a row column is its own business."""
    cell = pl.col(values) if isinstance(values, str) else pl.struct(values)
    cells = frame.select("run", pl.col("attribute").cast(pl.String), "step", cell.alias("cell"))
    cells = cells.with_columns(pl.col("attribute").replace("run", "run:float_series"))
    wide = cells.pivot("attribute", index=["run", "step"], values="cell")
    return wide.select("run", "step", *sorted(wide.columns[2:])).sort("run", "step")


@settings(max_examples=25, deadline=None)
@given(long_frames(), st.sampled_from(ENGINES), st.sampled_from([1, 3, 1 << 21]))
def test_pivot_is_that_of_polars(frame: pl.DataFrame, engine: str, at_a_time: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pivot_long, "_POINTS_AT_A_TIME", at_a_time)
        for values in ("value", ["value", "timestamp"]):
            got = nf.pivot(frame.lazy(), values=values)
            assert_frame_equal(got.collect(engine=engine), polars_pivot(frame, values))
            assert got.collect_schema() == got.collect(engine=engine).schema
    assert nf.pivot(frame).collect_schema() == nf.pivot(frame, values=["value", "timestamp"]).collect_schema()


@settings(max_examples=15, deadline=None)
@given(long_frames(repeats=True))
def test_the_first_point_that_is_not_missing_counts(frame: pl.DataFrame) -> None:
    missing = pl.col("value").is_null() | pl.col("value").is_nan()
    first = frame.sort(missing, maintain_order=True).unique(["run", "attribute", "step"], keep="first")
    assert_frame_equal(nf.pivot(frame, values="value").collect(), polars_pivot(first, "value"))


@settings(max_examples=12, deadline=None)
@given(long_frames(), st.sampled_from(ENGINES))
def test_queries_on_a_pivot_give_what_they_give_on_its_rows(frame: pl.DataFrame, engine: str) -> None:
    frame = frame.with_columns(pl.col("run", "attribute").cast(pl.String))
    attributes = ["loss", "acc", "absent"]
    lazy = nf.pivot(frame.lazy(), attributes=attributes, values="value")
    truth = lazy.collect(engine="in-memory")
    assert truth.columns == ["run", "step", *attributes]
    step, loss = pl.col("step"), pl.col("loss")
    queries: list[Callable[[pl.LazyFrame], pl.LazyFrame]] = [
        lambda q: q.select("step"),
        lambda q: q.select(pl.len()),
        lambda q: q.filter(step > 1).select("acc", "absent"),
        lambda q: q.filter((pl.col("run") == "b") & (loss > 0)),
        lambda q: q.filter(pl.col("run").str.starts_with("a") | (step < 0)),
        lambda q: q.filter(loss.is_null(), step.is_between(0, 3)).select("run"),
        lambda q: q.head(3).filter(step > 0),
        lambda q: q.slice(1, 2),
        lambda q: q.filter(pl.col("step") == pl.col("step").max()),
    ]
    for query in queries:
        assert_frame_equal(query(lazy).collect(engine=engine), query(truth.lazy()).collect())


# --- align


FINITE = st.sampled_from([0.0, 1.5, -2.0, 1e3, math.nan, math.inf])


@st.composite
def series_to_align(draw: st.DrawFn) -> pl.DataFrame:
    """Series with finite steps, each there once, in any order."""
    steps = st.integers(-3, 6).map(float) | st.sampled_from([0.5, 1.25])
    point = st.tuples(st.sampled_from(RUNS[:3]), st.sampled_from(NAMES[:2]), steps, FINITE)
    found = draw(st.lists(point, max_size=25, unique_by=lambda row: row[:3]))
    schema = {name: SCHEMA[name] for name in ("run", "attribute", "step", "value")}
    return pl.DataFrame(found, schema=schema, orient="row")


def aligned_by_numpy(frame: pl.DataFrame, grid: list[float], how: str | None, extrapolate: bool) -> pl.DataFrame:
    """The oracle: one series after the other."""
    parts = []
    for (run, name), series in frame.sort("run", "attribute", "step").group_by("run", "attribute", maintain_order=True):
        steps, values = series["step"].to_numpy(), series["value"].to_numpy()
        at = np.array(grid)
        before, after = np.searchsorted(steps, at, side="right") - 1, np.searchsorted(steps, at, side="left")
        last = len(steps) - 1
        known = (before >= 0) & (after <= last)
        low, high = before.clip(0), after.clip(None, last)
        if how is None:
            result, known = values[low], np.isin(at, steps)
        elif how == "forward":
            result, known = values[low], known | ((before >= 0) & extrapolate)
        elif how == "nearest":
            result, known = (
                np.where(at - steps[low] <= steps[high] - at, values[low], values[high]),
                known | extrapolate,
            )
        else:
            result, known = np.interp(at, steps, values), known | extrapolate
        cells = [value if is_known else None for value, is_known in zip(result.tolist(), known.tolist(), strict=True)]
        parts.append(
            pl.DataFrame(
                {"run": [run] * len(grid), "attribute": [name] * len(grid), "step": grid, "value": cells},
                schema=frame.schema,
            )
        )
    return pl.concat(parts) if parts else frame.clear()


@settings(max_examples=50, deadline=None)
@given(
    series_to_align(),
    st.sampled_from([None, 1, 0.75, [2.0, -1, 0.5, 2], [99.0]]),
    st.sampled_from(["forward", "linear", "nearest", None]),
    st.booleans(),
    st.sampled_from(ENGINES),
    text_types,
)
def test_align_is_what_numpy_gives_for_each_series(
    frame: pl.DataFrame, steps: object, how: str | None, extrapolate: bool, engine: str, text: pl.DataType
) -> None:
    if steps is None:
        grid = sorted(set(frame["step"]))
    elif isinstance(steps, list):
        grid = sorted(set(map(float, steps)))
    else:
        found = frame["step"].to_list() or [0.0]
        grid = [n * steps for n in range(math.ceil(min(found) / steps), math.floor(max(found) / steps) + 1)]
    lazy = frame.lazy().with_columns(pl.col("run", "attribute").cast(text))
    with np.errstate(invalid="ignore"):
        expected = aligned_by_numpy(frame, grid, how, extrapolate)
    got = nf.align(lazy, steps=steps, how=how, extrapolate=extrapolate).collect(engine=engine)
    assert_frame_equal(got.with_columns(pl.col("run", "attribute").cast(pl.String)), expected)


# --- thinning


@settings(max_examples=30, deadline=None)
@given(series_to_align(), st.integers(1, 6))
def test_every_range_keeps_its_ends_its_extremes_and_its_gaps(frame: pl.DataFrame, ranges: int) -> None:
    kept = thin(
        frame.sample(fraction=1, shuffle=True, seed=1), series=["run", "attribute"], x="step", y="value", ranges=ranges
    )
    series = frame.select("run", "attribute").unique().height
    assert kept.height <= POINTS_PER_RANGE * ranges * series
    assert kept.equals(kept.sort("run", "attribute", "step"))
    assert kept.join(frame, on=["run", "attribute", "step", "value"], nulls_equal=True, how="anti").height == 0
    if not frame.height:
        return
    start, end = frame["step"].min(), frame["step"].max()
    width = (end - start) / ranges
    place = ((pl.col("step") - start) / width).floor().clip(upper_bound=ranges - 1) if width else pl.lit(0.0)
    said = [
        each.group_by("run", "attribute", place.alias("place"))
        .agg(
            first=pl.col("step").filter(pl.col("value").is_not_nan()).min(),
            last=pl.col("step").filter(pl.col("value").is_not_nan()).max(),
            low=pl.col("value").filter(pl.col("value").is_not_nan()).min(),
            high=pl.col("value").filter(pl.col("value").is_not_nan()).max(),
            gap=pl.col("value").is_nan().any(),
        )
        .sort("run", "attribute", "place")
        for each in (frame, kept)
    ]
    assert_frame_equal(*said)
