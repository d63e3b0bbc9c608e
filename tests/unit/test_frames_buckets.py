"""Metric buckets: the documented frame, the join of the first two buckets, and its repair."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_source import MemoryRun, MemorySource
from neptune_frames.frames.buckets import BucketedMetrics, fetch_buckets
from neptune_frames.frames.questions import series_question
from neptune_frames.query.selection import ContainerKind
from neptune_frames.schemas import BUCKETS, RUNS
from neptune_frames.sources.base import SeriesKeys
from pandas_dtypes import TEXT_DTYPE

EXPERIMENT, RUN = ContainerKind.EXPERIMENT, ContainerKind.RUN
NONE = (None, None)
#: Bucket 0 over steps from 0, with one point.
OPEN = (-math.inf, 0.0, (0.0, 1.0), (0.0, 1.0))

Bucket = tuple[float, float, tuple[Any, Any], tuple[Any, Any]]


def bucketed(series: dict[tuple[str, str], list[Bucket]], kind: ContainerKind = EXPERIMENT) -> BucketedMetrics:
    """Buckets of (label, metric) series: (from, to, first point, last point)."""
    labels = sorted({label for label, _ in series}, reverse=True)
    names = sorted({name for _, name in series}, reverse=True)
    run_rows = [{"project": "ws/p", "sys_id": label, "run_id": label, "experiment": label} for label in labels]
    counts = dict.fromkeys(("finite_point_count", "nan_count", "positive_inf_count", "negative_inf_count"), 1)
    rows = [
        {
            "run": labels.index(label),
            "attribute": names.index(name),
            "index": 0 if start == -math.inf else 1,
            "from_x": start,
            "to_x": end,
            **dict(zip(("first_x", "first_y", "last_x", "last_y"), (*first, *last), strict=True)),
            **counts,
        }
        for (label, name), buckets in series.items()
        for start, end, first, last in buckets
    ]
    pairs = np.array([(labels.index(label), names.index(name)) for label, name in series], np.int32).reshape(-1, 2)
    keys = SeriesKeys(
        pa.Table.from_pylist(run_rows, schema=RUNS), pa.array(names, pa.string()), (pairs[:, 0], pairs[:, 1])
    )
    return BucketedMetrics(keys, pa.Table.from_pylist(rows, schema=BUCKETS), kind)


def one(*buckets: Bucket) -> pd.DataFrame:
    return bucketed({("e", "loss"): list(buckets)}).to_pandas()


def cells(frame: pd.DataFrame) -> list[tuple[str, float, float]]:
    return [(str(interval), x, y) for interval, (x, y) in zip(frame.index, frame.to_numpy().tolist(), strict=True)]


def test_documented_frame() -> None:
    frame = bucketed(
        {
            ("exp-b", "loss"): [OPEN, (0.0, 5.0, (2.0, 0.8), (5.0, 0.7)), (5.0, 10.0, (6.0, 0.3), (10.0, 0.1))],
            ("exp-a", "loss"): [(0.0, 5.0, (2.0, 0.8), (4.0, 0.9))],
        }
    ).to_pandas()
    intervals = [pd.Interval(0.0, 5.0, "both"), pd.Interval(5.0, 10.0, "right")]
    pd.testing.assert_index_equal(frame.index, pd.Index(intervals, dtype=object))
    assert frame.columns.names == ["experiment", "metric", "bucket"]
    assert frame.columns.tolist() == [(label, "loss", part) for label in ("exp-a", "exp-b") for part in ("x", "y")]
    assert all(dtype == np.float64 for dtype in frame.dtypes)
    np.testing.assert_array_equal(frame.to_numpy(), [[2.0, 0.8, 0.0, 1.0], [np.nan, np.nan, 10.0, 0.1]])


def test_first_bucket_gives_its_first_point_later_ones_their_last() -> None:
    frame = one(OPEN, (0.0, 5.0, (2.0, 0.8), (5.0, 0.7)), (5.0, 10.0, (6.0, 0.3), (10.0, 0.1)))
    assert cells(frame) == [("[0.0, 5.0]", 0.0, 1.0), ("(5.0, 10.0]", 10.0, 0.1)]


def test_gap_after_the_first_bucket() -> None:
    frame = one(OPEN, (10.0, 15.0, (11.0, 0.8), (15.0, 0.7)))
    assert cells(frame) == [("[0.0, 5.0]", 0.0, 1.0), ("(10.0, 15.0]", 15.0, 0.7)]


@pytest.mark.parametrize("bounds", [(-math.inf, 3.0), (3.0, math.inf)])
def test_single_step(bounds: tuple[float, float]) -> None:
    assert cells(one((*bounds, (3.0, 1.0), (3.0, 1.0)))) == [("[3.0, 3.0]", 3.0, 1.0)]


def test_first_bucket_without_a_finite_point_moves_no_label() -> None:
    # The official frame shows (5.0, 0.7) under [5.0, 10.0] and loses the last point.
    frame = one((-math.inf, 0.0, NONE, NONE), (0.0, 5.0, (2.0, 0.8), (5.0, 0.7)), (5.0, 10.0, (6.0, 0.3), (10.0, 0.1)))
    assert cells(frame) == [("[0.0, 5.0]", 5.0, 0.7), ("(5.0, 10.0]", 10.0, 0.1)]


def test_first_buckets_without_a_finite_point_and_a_gap() -> None:
    frame = one((-math.inf, 0.0, NONE, NONE), (0.0, 5.0, NONE, NONE), (5.0, 10.0, (6.0, 0.3), (10.0, 0.1)))
    assert cells(frame) == [("(5.0, 10.0]", 10.0, 0.1)]


def test_only_the_first_step_is_finite() -> None:
    assert cells(one(OPEN, (0.0, 5.0, NONE, NONE))) == [("[0.0, 0.0]", 0.0, 1.0)]


def test_lone_bucket_with_a_width_is_an_interval_index() -> None:
    frame = one(OPEN, (0.0, 5.0, (2.0, 0.8), (5.0, 0.7)))
    pd.testing.assert_index_equal(frame.index, pd.IntervalIndex.from_tuples([(0.0, 5.0)], closed="both"))


def test_series_without_a_finite_point_keeps_its_columns() -> None:
    frame = bucketed({("a", "x"): [], ("b", "x"): [OPEN], ("c", "y"): [(-math.inf, 0.0, NONE, NONE)]}, RUN).to_pandas()
    assert frame.shape == (1, 6)
    assert frame.columns.names[0] == "run"
    assert frame["a"].isna().all(axis=None)
    assert frame["c"].isna().all(axis=None)
    nothing = bucketed({("a", "x"): []}).to_pandas()
    assert nothing.shape == (0, 2)
    assert [str(dtype) for dtype in nothing.dtypes] == ["float64"] * 2


def test_empty_result_as_documented() -> None:
    frame = bucketed({}).to_pandas()
    assert frame.shape == (0, 0)
    pd.testing.assert_index_equal(frame.index, pd.Index([], dtype=object))
    assert frame.columns.names == ["experiment", "metric", "bucket"]
    assert [str(level.dtype) for level in frame.columns.levels] == ["object", "object", TEXT_DTYPE]


def test_polars_has_every_statistic() -> None:
    frame = bucketed({("b", "loss"): [OPEN], ("a", "loss"): [(0.0, 5.0, (2.0, 0.8), (4.0, 0.9))]}).collect()
    assert frame.columns == ["project", "experiment", "attribute", *BUCKETS.names[2:]]
    assert frame["experiment"].to_list() == ["a", "b"]


def test_question_asks_only_for_series_that_exist() -> None:
    runs = [MemoryRun("r1", "one", {}, {"loss": [(1.0, 2.0)]}), MemoryRun("r2", "two", {}, {"acc": [(1.0, 2.0)]})]
    source = MemorySource(runs)
    question = series_question(
        EXPERIMENT, project="ws/proj", runs=None, attributes=["loss", "acc"], types=("float_series",)
    )
    frame = fetch_buckets(source, question, 5).to_pandas()
    assert [name for name, _ in source.calls] == ["search", "values", "buckets"]
    keys, _, limit = source.called("buckets")[0]
    assert limit == 5
    assert keys.attributes.to_pylist() == ["acc", "loss"]
    assert [position.tolist() for position in keys.positions()] == [[0, 1], [1, 0]]
    assert frame.columns.tolist() == [
        ("one", "loss", "x"),
        ("one", "loss", "y"),
        ("two", "acc", "x"),
        ("two", "acc", "y"),
    ]


@pytest.mark.parametrize("attributes", [[], ["unknown"]])
def test_nothing_is_asked_about_nothing(attributes: list[str]) -> None:
    source = MemorySource([MemoryRun("r1", "one", {}, {"loss": [(1.0, 2.0)]})])
    question = series_question(EXPERIMENT, project="ws/proj", runs=None, attributes=attributes, types=("float_series",))
    assert fetch_buckets(source, question, 5).to_pandas().shape == (0, 0)
    assert source.called("buckets") == []


POINTS = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from([1.0, 2.0, math.nan, math.inf])),
    max_size=25,
    unique_by=lambda p: p[0],
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), POINTS, max_size=3), st.integers(1, 6))
def test_labels_hold_their_points_and_ends_are_shown(series: dict[str, list[tuple[int, float]]], limit: int) -> None:
    steps = sorted({step for points in series.values() for step, _ in points})
    if len(steps) < 2:
        return
    low, width = steps[0], (steps[-1] - steps[0]) / limit
    edges = [-math.inf, *(low + width * place for place in range(limit)), float(steps[-1])]

    def buckets_of(points: list[tuple[int, float]]) -> list[Bucket]:
        result: list[Bucket] = []
        for start, end in itertools.pairwise(edges):
            inside = sorted(point for point in points if start < point[0] <= end)
            finite = [(float(step), y) for step, y in inside if math.isfinite(y)] or [NONE]
            if inside:
                result.append((start, end, finite[0], finite[-1]))
        return result

    frame = bucketed({(label, "m"): buckets_of(points) for label, points in series.items()}).to_pandas()
    assert len(frame) <= limit
    assert not frame.isna().all(axis=1).any()
    for label, points in series.items():
        finite = sorted((float(step), y) for step, y in points if math.isfinite(y))
        shown = frame[label, "m"].dropna()
        for interval, x in shown["x"].items():
            assert x in interval
        assert set(map(tuple, shown.to_numpy().tolist())) <= set(finite)
        if finite and min(points) == finite[0]:
            assert shown["x"].iloc[0] == finite[0][0]
        if len(shown) > 1:
            assert shown["x"].iloc[-1] == finite[-1][0]
