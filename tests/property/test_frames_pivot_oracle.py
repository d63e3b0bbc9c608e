"""The pivot equals what a dictionary of cells gives, whatever steps, pieces, repeats and NaN come."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptune_frames.frames import wide_rows
from neptune_frames.frames.metrics import MetricsResult
from neptune_frames.query.selection import ContainerKind, SeriesOptions
from neptune_frames.schemas import RUNS, float_point, series_points_schema

LABELS = ["b", "B", "é", "a10", "a2"]
NAMES = ["loss", "acc", "z:float_series", "step"]
OPTIONS = SeriesOptions(kind=ContainerKind.RUN, include_time=True, include_previews=True)
SCHEMA = series_points_schema(float_point(time=True, preview=True))

WHOLE_STEPS = st.integers(-3, 6).map(float)
FAR_STEPS = st.sampled_from([0.0, -0.0, 1.0, 2.0**53, 1.7e12, 1.7e12 + 1, -5e15, 1e300])
ODD_STEPS = st.sampled_from([0.0, -0.0, 0.5, 1.25, math.inf, -math.inf, 1e-300, math.nan])
VALUES = st.sampled_from([0.0, -0.0, 1.5, math.nan, math.inf, -2.0])


def points(steps: st.SearchStrategy[float], ascending: bool) -> st.SearchStrategy[list[dict[str, Any]]]:
    point = st.fixed_dictionaries(
        {
            "step": steps,
            "value": VALUES,
            "timestamp": st.none() | st.integers(0, 2**41),
            "is_preview": st.booleans(),
            "preview_completion": st.sampled_from([0.25, 1.0]),
        }
    )
    if not ascending:
        return st.lists(point, max_size=6)
    return st.lists(point, max_size=6, unique_by=lambda each: each["step"]).map(
        lambda found: sorted(found, key=lambda each: (math.isnan(each["step"]), each["step"]))
    )


@st.composite
def ragged_batches(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """Rows of SERIES_POINTS batches: every series its own steps, in pieces over several batches."""
    steps = draw(st.sampled_from([WHOLE_STEPS, FAR_STEPS, ODD_STEPS]))
    ascending = draw(st.booleans())
    series = draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), unique=True, max_size=8))
    return _in_batches(draw, [(key, draw(points(steps, ascending))) for key in series])


@st.composite
def aligned_batches(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """The same, but all series of a run have the same steps; sometimes all runs have equally many."""
    height = draw(st.none() | st.integers(1, 5))
    found = []
    for run in draw(st.lists(st.integers(0, 4), unique=True, min_size=1)):
        size = {"max_size": 5} if height is None else {"min_size": height, "max_size": height}
        steps = sorted(draw(st.lists(WHOLE_STEPS | st.sampled_from([0.5, 7.25]), unique=True, **size)))
        for attribute in draw(st.lists(st.integers(0, 3), unique=True)):
            each = [
                {"step": step, "value": draw(VALUES), "timestamp": 5, "is_preview": False, "preview_completion": 1.0}
                for step in steps
            ]
            found.append(((run, attribute), each))
    return _in_batches(draw, found)


def _in_batches(
    draw: st.DrawFn, series: list[tuple[tuple[int, int], list[dict[str, Any]]]]
) -> list[list[dict[str, Any]]]:
    size = draw(st.integers(1, 6))
    rounds = max((len(found) for _, found in series), default=0) // size + 1
    pieces = [
        {"run": run, "attribute": attribute, "points": found[page * size : (page + 1) * size]}
        for page in range(rounds)
        for (run, attribute), found in series
    ]
    cut = draw(st.integers(0, len(pieces)))
    return [pieces[:cut], pieces[cut:]]


def result_of(batches: list[list[dict[str, Any]]]) -> MetricsResult:
    runs = pa.Table.from_pylist([{"project": "ws/proj", "run_id": label} for label in LABELS], schema=RUNS)
    made = [pa.RecordBatch.from_pylist(rows, schema=SCHEMA) for rows in batches]
    return MetricsResult(made, runs=runs, attributes=pa.array(NAMES), options=OPTIONS)


def cells_of(batches: list[list[dict[str, Any]]]) -> dict[tuple[str, float, str], dict[str, Any]]:
    """First cell that is not missing, per sub-column; a step of NaN is written as None."""
    cells: dict[tuple[str, Any, str], dict[str, Any]] = {}
    for piece in (piece for rows in batches for piece in rows):
        for point in piece["points"]:
            step = None if math.isnan(point["step"]) else point["step"] + 0.0
            cell = cells.setdefault((LABELS[piece["run"]], step, NAMES[piece["attribute"]]), {})
            for part in ("value", "timestamp", "is_preview", "preview_completion"):
                if part not in cell or cell[part] is None or cell[part] != cell[part]:
                    cell[part] = point[part]
    return cells


def check(batches: list[list[dict[str, Any]]]) -> None:
    result, cells = result_of(batches), cells_of(batches)
    rows = sorted({key[:2] for key in cells}, key=lambda row: (row[0], row[1] is None, row[1] or 0.0))
    names = sorted({key[2] for key in cells})

    frame = result.to_pandas()
    assert [(label, None if step != step else step) for label, step in frame.index] == rows
    assert list(dict.fromkeys(frame.columns.get_level_values(0))) == names
    missing = any((*row, name) not in cells for row in rows for name in names)
    for name in names:
        parts = frame[name]
        assert parts["is_preview"].dtype == (object if missing else bool)
        got = {
            "value": parts["value"].tolist(),
            "timestamp": [
                None if time is pd.NaT else round(time.timestamp() * 1000) for time in parts["absolute_time"]
            ],
            "is_preview": parts["is_preview"].tolist(),
            "preview_completion": parts["preview_completion"].tolist(),
        }
        for part, column in got.items():
            expected = [cells.get((*row, name), {}).get(part) for row in rows]
            if part != "timestamp":
                expected = [math.nan if value is None else value for value in expected]
            assert _same(column, expected), (name, part)

    wide = result.collect()
    assert wide.columns[2:] == [f"{name}:float_series" if name in ("step", "run") else name for name in names]
    for place, name in enumerate(names):
        column = wide.to_series(place + 2)
        assert column.is_null().to_list() == [(*row, name) not in cells for row in rows]
        assert _same(
            column.struct.field("value").fill_null(math.nan).to_list(),
            [cells.get((*row, name), {}).get("value", math.nan) for row in rows],
        )

    assert len(result) == result.long().collect(engine="in-memory").height == result.to_arrow().num_rows


def _same(left: list[Any], right: list[Any]) -> bool:
    return len(left) == len(right) and all(a == b or (a != a and b != b) for a, b in zip(left, right, strict=True))


@settings(max_examples=60, deadline=None)
@given(ragged_batches())
def test_ragged_points(batches: list[list[dict[str, Any]]]) -> None:
    check(batches)


@settings(max_examples=40, deadline=None)
@given(aligned_batches())
def test_aligned_points(batches: list[list[dict[str, Any]]]) -> None:
    check(batches)


@pytest.mark.parametrize("way", ["_rows_of_aligned", "_rows_by_table"])
@settings(max_examples=25, deadline=None)
@given(batches=aligned_batches() | ragged_batches())
def test_slower_ways_of_numbering_rows_give_the_same(way: str, batches: list[list[dict[str, Any]]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wide_rows, "_rows_of_aligned", lambda *_: None)
        if way == "_rows_by_table":
            patch.setattr(wide_rows, "_rows_by_table", lambda *_: None)
        slower = result_of(batches).to_pandas()
    pd.testing.assert_frame_equal(result_of(batches).to_pandas(), slower)


def test_many_blocks_give_what_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    from neptune_frames.frames import metrics_points

    rows = [
        {"run": run, "attribute": attribute, "points": [
            {"step": float(step), "value": step * 0.5, "is_preview": False, "preview_completion": 1.0}
            for step in range(run + 1)
        ]}
        for run in range(5) for attribute in range(4)
    ]  # fmt: skip
    whole = result_of([rows]).to_pandas()
    monkeypatch.setattr(metrics_points, "_BLOCK_POINTS", 7)
    cut = result_of([rows])
    assert len(cut._blocks) > 5
    pd.testing.assert_frame_equal(cut.to_pandas(), whole)
    assert np.isclose(whole.loc[("é", 2.0), ("loss", "value")], 1.0)
