"""Buckets of an archive against the rules of http-api 13.2, written out one point at a time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from neptune_frames.archives.converting import convert
from neptune_frames.query.selection import ContainerKind, RunQuery, SeriesOptions
from neptune_frames.schemas import BUCKETS
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.archive.batch_store import BatchStore
from neptune_frames.sources.archive.buckets import View, bucket_table
from neptune_frames.sources.archive.exporter_store import ExporterStore
from neptune_frames.sources.archive.grouping import offsets_of
from neptune_frames.sources.archive.inventory import Inventory
from neptune_frames.sources.archive.store import StoredPoints, StretchRequest
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.writing.exporter_layout import float_series_rows, parameter_rows, write_run

finite = st.floats(-1e6, 1e6, allow_subnormal=False)
values = st.one_of(finite, st.sampled_from([math.nan, math.inf, -math.inf]))


def reference(points: list[tuple[float, float]], low: float, high: float, count: int) -> dict[int, dict[str, Any]]:
    width = (high - low) / (count - 1)
    edges = [low + width * number for number in range(count - 1)] + [high]
    found: dict[int, list[tuple[float, float]]] = {}
    for x, y in points:
        number = 0 if x <= low else count if x > high else next(i for i in range(1, count) if x <= edges[i])
        found.setdefault(number, []).append((x, y))
    rows = {}
    for number, inside in found.items():
        good = [point for point in inside if math.isfinite(point[1])]
        rows[number] = {
            "from_x": -math.inf if number == 0 else edges[number - 1],
            "to_x": math.inf if number == count else edges[number],
            "first_x": good[0][0] if good else None,
            "first_y": good[0][1] if good else None,
            "last_x": good[-1][0] if good else None,
            "last_y": good[-1][1] if good else None,
            "local_min": min(y for _, y in good) if good else None,
            "local_max": max(y for _, y in good) if good else None,
            "finite_point_count": len(good),
            "nan_count": sum(math.isnan(y) for _, y in inside),
            "positive_inf_count": sum(y == math.inf for _, y in inside),
            "negative_inf_count": sum(y == -math.inf for _, y in inside),
        }
    return rows


def table_of(series: list[list[tuple[float, float]]], count: int, view: tuple[float, float]) -> pa.Table:
    steps = np.array([x for points in series for x, _ in points])
    ys = np.array([y for points in series for _, y in points])
    runs = np.arange(len(series), dtype=np.int32)
    read = (runs, np.zeros_like(runs), offsets_of(np.array([len(points) for points in series])), steps, ys)
    return bucket_table([read], View(*view, count))


@settings(deadline=None, max_examples=80)
@example([{-1e6: 0.0, math.nextafter(-1e6, 0): 0.0}], 6, None)
@given(
    st.lists(st.dictionaries(finite, values, min_size=1, max_size=12), min_size=1, max_size=3),
    st.integers(2, 9),
    st.one_of(st.none(), st.tuples(finite, finite)),
)
def test_buckets_follow_the_rules(
    series: list[dict[float, float]], count: int, view: tuple[float, float] | None
) -> None:
    points = [sorted(one.items()) for one in series]
    low, high = (min(view), max(view)) if view else (min(p[0][0] for p in points), max(p[-1][0] for p in points))
    if not low < high:
        return
    table = table_of(points, count, (low, high))
    assert table.schema.equals(BUCKETS)
    found: dict[int, dict[int, Any]] = {}
    for row in table.to_pylist():
        found.setdefault(row.pop("run"), {})[row.pop("index")] = row
    for number, one in enumerate(points):
        expected = reference(one, low, high, count)
        assert set(found[number]) == set(expected)
        for index, row in expected.items():
            got = found[number][index]
            assert {name: got[name] for name in row} == row
            good = [y for x, y in one if math.isfinite(y) and row["from_x"] < x <= row["to_x"]]
            assert got["local_sum"] == (pytest.approx(sum(good), rel=1e-9, abs=1e-6) if good else None)


def test_a_single_step_has_one_bucket_without_an_end() -> None:
    (row,) = table_of([[(5.0, 1.0)]], 4, (5.0, 5.0)).to_pylist()
    assert (row["from_x"], row["to_x"], row["first_x"], row["finite_point_count"]) == (5.0, math.inf, 5.0, 1)


def test_edges_belong_to_the_bucket_they_end() -> None:
    view = View(0.0, 0.3, 4)
    edges = [view.bounds(np.array([number]))[1][0] for number in range(4)]
    assert view.numbers(np.array(edges)).tolist() == [0, 1, 2, 3]
    assert view.numbers(np.nextafter(edges, 1)).tolist() == [1, 2, 3, 4]


def test_common_range_over_all_series(tmp_path: Path) -> None:
    axis = np.arange(11)
    for run_id, steps in (("a", axis), ("b", axis + 10)):
        write_run(tmp_path, "ws/proj", run_id, [float_series_rows({"m": (steps, steps * 2.0), "n": (steps, steps)})])
    source = ArchiveSource(tmp_path)
    runs = source.search(RunQuery("ws/proj", ContainerKind.RUN)).runs
    keys = SeriesKeys(runs, pa.array(["m", "x", "n"]))
    rows = source.buckets(keys, SeriesOptions(), 2).to_pylist()
    first = [
        (r["run"], r["attribute"], r["index"], r["from_x"], r["to_x"], r["last_y"]) for r in rows if r["attribute"] == 0
    ]
    assert first == [
        (0, 0, 0, -math.inf, 0.0, 0.0), (0, 0, 1, 0.0, 10.0, 20.0),
        (1, 0, 1, 0.0, 10.0, 20.0), (1, 0, 2, 10.0, 20.0, 40.0),
    ]  # fmt: skip
    assert {row["attribute"] for row in rows} == {0, 2}
    again = source.view_buckets(keys, SeriesOptions(), 3, (0.0, 20.0)).to_pylist()
    assert again == rows


@pytest.mark.parametrize("view", [(0.0, math.inf), (-math.inf, 1.0), (math.nan, 1.0), (2.0, 1.0), (-1e308, 1e308)])
def test_what_is_no_range_is_refused(view: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="two finite steps"):
        table_of([[(5.0, 1.0)]], 4, view)


def forked(root: Path, own_layout: bool) -> ArchiveSource:
    """A root with 11 points of `m`, a fork of it after step 4 with points up to 30, and a run with two of `n`."""
    system = {"sys/forking/parent": "root", "sys/forking/step": 4.0}
    series = {"root": {"m": range(-1, 10)}, "fork": {"m": range(5, 31), "n": [7, 40]}, "other": {"n": [12, 13]}}
    for run_id, held in series.items():
        points = {name: (np.array(steps), np.arange(len(steps)) * 1.0) for name, steps in held.items()}
        own = {"sys/id": run_id, "sys/custom_run_id": run_id, **(system if run_id == "fork" else {})}
        write_run(root / "exported" / "data", "ws/proj", run_id, [parameter_rows(own), float_series_rows(points)])
    if own_layout:
        convert(root / "exported", root / "own", progress_bar=False)
    return ArchiveSource(root / ("own" if own_layout else "exported"))


@pytest.mark.parametrize("own_layout", [False, True])
@pytest.mark.parametrize(
    ("options", "span", "reads"),
    [
        (SeriesOptions(), (-1.0, 40.0), ["fork/m"]),  # cut: what it inherits
        (SeriesOptions(lineage=False), (-1.0, 40.0), []),
        (SeriesOptions(lineage=False, step_range=(0.5, 35.0)), (1.0, 30.0), ["root/m", "fork/n"]),
        (SeriesOptions(lineage=False, step_range=(41, None)), None, []),
        (SeriesOptions(lineage=False, tail_limit=1), (9.0, 40.0), ["root/m", "fork/m", "fork/n", "other/n"]),
        (SeriesOptions(lineage=False, time_range=(10**14, None)), None, ["root/m", "fork/m", "fork/n", "other/n"]),
    ],
)
def test_the_range_is_known_without_reading_whole_series(
    tmp_path: Path,
    own_layout: bool,
    options: SeriesOptions,
    span: tuple[float, float] | None,
    reads: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = forked(tmp_path, own_layout)
    keys = SeriesKeys(source.search(RunQuery("ws/proj", ContainerKind.RUN)).runs, pa.array(["m", "n"]))
    store = BatchStore if own_layout else ExporterStore
    read_points, asked = store.read_points, []

    def noting(self: Any, inventory: Inventory, request: StretchRequest) -> StoredPoints:
        asked.append((inventory, request))
        return read_points(self, inventory, request)

    monkeypatch.setattr(store, "read_points", noting)
    found = source._step_span(keys, options)
    assert found == span
    names = {
        f"{inventory.runs[run]}/{inventory.attributes[attribute]}"
        for inventory, request in asked
        for run, attribute in request.stretches.select("run", "attribute").rows()
    }
    assert names == ({*reads, "root/m"} if reads == ["fork/m"] else set(reads))
    assert all("value" not in request.columns for _, request in asked)
    if span is None:
        assert source.view_buckets(keys, options, 5).num_rows == 0
        return
    asked.clear()
    assert source.view_buckets(keys, options, 5).equals(source.view_buckets(keys, options, 5, span))
