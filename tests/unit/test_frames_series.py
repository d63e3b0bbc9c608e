"""Series of strings, histograms and files: the question asked, the documented pandas frame, long Polars."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neptune_frames as nf
from memory_source import MemoryRun, MemorySource
from neptune_frames.frames import table_grid
from neptune_frames.frames.object_series import ObjectSeries, fetch_object_series
from neptune_frames.frames.questions import series_question
from neptune_frames.query.selection import ContainerKind
from neptune_frames.types import File, Histogram
from pandas_dtypes import TEXT_DTYPE, TIME_DTYPE

EXPERIMENT, RUN = ContainerKind.EXPERIMENT, ContainerKind.RUN
TYPES = ("string_series", "histogram_series", "file_series")
TIME = 1_700_000_000_000
FILE = {"path": "key", "size_bytes": 2048, "mime_type": "image/png"}
HISTOGRAM = {"type": "COUNTING", "edges": [0.0, 1.0, 2.0], "values": [5.0, 7.0]}


def point(step: float, **value: Any) -> dict[str, Any]:
    return {"step": step, "timestamp": TIME, "string": None, "histogram": None, "file": None, **value}


def texts(*pairs: tuple[float, str]) -> tuple[str, list[dict[str, Any]]]:
    return "string_series", [point(step, string=text) for step, text in pairs]


RUNS = [
    MemoryRun("run-b", "exp-b", objects={"log": texts((1.0, "hi"), (2.0, "yo"))}, series={"loss": [(1.0, 0.5)]}),
    MemoryRun(
        "run-a",
        "exp-a",
        objects={
            "h": ("histogram_series", [point(3.0, histogram=HISTOGRAM)]),
            "img": ("file_series", [point(3.0, file=FILE)]),
        },
    ),
]


def ask(source: MemorySource, attributes: Any = None, **options: Any) -> ObjectSeries:
    options = {"kind": EXPERIMENT, "project": "ws/proj", "runs": None, "types": TYPES, **options}
    return fetch_object_series(source, series_question(attributes=attributes, **options))


def test_documented_frame() -> None:
    frame = ask(MemorySource(RUNS)).to_pandas()
    index = pd.MultiIndex.from_tuples([("exp-a", 3.0), ("exp-b", 1.0), ("exp-b", 2.0)], names=["experiment", "step"])
    pd.testing.assert_index_equal(frame.index, index)
    pd.testing.assert_index_equal(frame.columns, pd.Index(["h", "img", "log"], dtype=TEXT_DTYPE))
    assert [str(dtype) for dtype in frame.dtypes] == ["object"] * 3
    assert frame.loc[("exp-a", 3.0), "h"] == Histogram("COUNTING", [0.0, 1.0, 2.0], [5.0, 7.0])
    assert frame.loc[("exp-a", 3.0), "img"] == File("ws/proj", "exp-a", None, "img", 3.0, "key", 2048, "image/png")
    assert frame["log"].tolist()[1:] == ["hi", "yo"]
    assert isinstance(frame["log"].iloc[0], float)


def test_text_alone_has_the_text_dtype() -> None:
    frame = ask(MemorySource(RUNS), ["log", "loss", "unknown"], kind=RUN).to_pandas()
    assert frame.index.names == ["run", "step"]
    assert frame.columns.tolist() == ["log"]
    assert str(frame["log"].dtype) == TEXT_DTYPE


def test_time_is_a_second_column_level() -> None:
    frame = ask(MemorySource(RUNS), include_time="absolute").to_pandas()
    assert frame.columns.tolist() == [
        (name, part) for name in ("h", "img", "log") for part in ("value", "absolute_time")
    ]
    assert list(frame.columns.names) == [None, None]
    times = frame["log", "absolute_time"]
    assert str(times.dtype) == TIME_DTYPE
    assert times.tolist() == [pd.NaT, *[pd.Timestamp(TIME, unit="ms", tz="UTC")] * 2]


def test_files_of_runs_carry_the_run_id() -> None:
    frame = ask(MemorySource(RUNS), ["img"], kind=RUN).to_pandas()
    assert frame["img"].iloc[0] == File("ws/proj", None, "run-a", "img", 3.0, "key", 2048, "image/png")


def test_one_name_may_hold_several_types() -> None:
    runs = [
        MemoryRun("r1", "one", objects={"x": texts((1.0, "text"))}),
        MemoryRun("r2", "two", objects={"x": ("histogram_series", [point(1.0, histogram=HISTOGRAM)])}),
    ]
    frame = ask(MemorySource(runs)).to_pandas()
    assert frame["x"].tolist() == ["text", Histogram("COUNTING", [0.0, 1.0, 2.0], [5.0, 7.0])]


def test_first_of_two_points_at_a_step_is_kept() -> None:
    runs = [MemoryRun("r", "e", objects={"x": texts((1.0, "first"), (1.0, "second"), (2.0, "third"))})]
    for piece_points in (1, 100):
        frame = ask(MemorySource(runs, piece_points=piece_points)).to_pandas()
        assert frame["x"].tolist() == ["first", "third"]


@pytest.mark.parametrize("include_time", [None, "absolute"])
def test_empty_results_as_documented(include_time: str | None) -> None:
    frame = ask(MemorySource([]), include_time=include_time).to_pandas()
    assert frame.shape == (0, 0)
    assert frame.index.names == ["experiment", "step"]
    assert [str(level.dtype) for level in frame.index.levels] == [TEXT_DTYPE, "float64"]
    if include_time is None:
        pd.testing.assert_index_equal(frame.columns, pd.Index([], dtype=TEXT_DTYPE))
    else:
        assert [str(level.dtype) for level in frame.columns.levels] == [TEXT_DTYPE, TEXT_DTYPE]
        assert list(frame.columns.names) == [None, None]


def test_question_goes_by_definition_even_for_names() -> None:
    source = MemorySource(RUNS)
    ask(source, ["log", "loss"])
    assert [name for name, _ in source.calls] == ["search", "definitions", "object_points"]
    source = MemorySource(RUNS)
    ask(source, [])
    assert source.calls == []


def test_polars_is_long_and_has_one_schema() -> None:
    frame = ask(MemorySource(RUNS), include_time="absolute").collect()
    columns = ["project", "experiment", "attribute", "step", "timestamp", "string", "histogram", "file"]
    assert frame.columns == columns
    assert frame["attribute"].to_list() == ["h", "img", "log", "log"]
    assert frame["string"].to_list() == [None, None, "hi", "yo"]
    assert frame["file"].to_list()[1] == FILE
    assert frame.schema["timestamp"] == pl.Datetime("ms", "UTC")
    empty = ask(MemorySource([]), include_time="absolute").collect()
    assert empty.schema == frame.schema


SERIES = st.dictionaries(
    st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", "ü"])),
    st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, 7.0]), st.sampled_from(["x", "", "ω"])), max_size=5),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(SERIES, st.integers(1, 3), st.integers(1, 3))
def test_every_point_lands_in_its_cell(
    series: dict[tuple[int, str], list[tuple[float, str]]], batch_series: int, piece_points: int
) -> None:
    ordered = {key: sorted(points, key=lambda pair: pair[0]) for key, points in series.items()}
    runs = [
        MemoryRun(f"r{run}", f"e{run}", objects={name: texts(*ordered[run, name]) for r, name in ordered if r == run})
        for run in range(4)
    ]
    frame = ask(MemorySource(runs, batch_series=batch_series, piece_points=piece_points)).to_pandas()
    expected: dict[tuple[str, float], dict[str, str]] = {}
    for (run, name), points in ordered.items():
        for step, text in points:
            expected.setdefault((f"e{run}", step), {}).setdefault(name, text)
    assert frame.index.tolist() == sorted(expected)
    assert frame.columns.tolist() == sorted({name for (_, name), points in ordered.items() if points})
    for row, cells in expected.items():
        for name in frame.columns:
            cell = frame.loc[row, name]
            assert cell == cells[name] if name in cells else np.isnan(cell)


def test_more_text_than_32_bits_can_address(monkeypatch: pytest.MonkeyPatch) -> None:
    chunked = pa.chunked_array([["a", "b"], ["a", None, "c"]])
    assert table_grid.one_array(chunked.chunks).type == pa.string()
    monkeypatch.setattr(table_grid, "_MOST_STRING_BYTES", 10)
    joined = table_grid.one_array(chunked.chunks)
    assert joined.type == pa.large_string()
    assert joined.to_pylist() == chunked.to_pylist()
    lines = [(float(step), f"line {step}") for step in range(3)]
    runs = [MemoryRun(label, values={"note": ("string", label)}, objects={"log": texts(*lines)}) for label in "AB"]
    asked: Any = {"project": "ws/proj", "runs": "", "source": MemorySource(runs)}
    logs = nf.fetch_series(**asked)
    assert logs.to_pandas()["log"].tolist() == [text for _, text in lines] * 2
    assert logs.collect()["string"].to_list() == [text for _, text in lines] * 2
    assert nf.fetch_table(**asked, attributes=["note"]).collect()["note"].to_list() == ["A", "B"]
