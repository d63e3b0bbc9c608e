"""The shapes of a metrics result: documented pandas frames, wide and long Polars, Arrow."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_source import MemoryRun, MemorySource
from neptune_frames.frames.metrics import MetricsResult
from neptune_frames.frames.metrics_points import read_points
from neptune_frames.frames.questions import Containers, MetricsQuestion, fetch_metrics
from neptune_frames.query.arguments import resolve_attributes
from neptune_frames.query.selection import ContainerKind, SeriesOptions
from neptune_frames.sources.base import SeriesKeys
from pandas_dtypes import TEXT_DTYPE, TIME_DTYPE

T0 = 1_700_000_000_000
RUNS = [
    MemoryRun(
        "run-b", "exp-b", series={"loss": [(1.0, 0.5, T0), (2.0, 0.25, T0 + 1500, True, 0.5)], "acc": [(1.0, 0.9)]}
    ),
    MemoryRun("run-a", "exp-a", series={"loss": [(2.0, np.inf, T0)]}),
    MemoryRun("run-none", "exp-none", series={}),
]
BOTH = {"include_time": True, "include_previews": True}


def ask(runs: list[MemoryRun] = RUNS, attributes: object = None, **options: object) -> MetricsResult:
    options.setdefault("kind", ContainerKind.EXPERIMENT)
    options.setdefault("include_previews", False)
    question = MetricsQuestion(
        "ws/proj",
        Containers(options["kind"]),
        resolve_attributes(attributes, ("float_series",), "attributes"),
        SeriesOptions(**options),
    )
    return fetch_metrics(MemorySource(runs), question)


def row_index(rows: list[tuple[str, float]], label: str = "experiment") -> pd.MultiIndex:
    return pd.MultiIndex.from_tuples(rows, names=[label, "step"])


def test_flat_frame_is_the_documented_one() -> None:
    frame = ask(include_previews=False).to_pandas()
    expected = pd.DataFrame(
        {"acc": [np.nan, 0.9], "loss": [np.inf, 0.5]}, index=row_index([("exp-a", 2.0), ("exp-b", 1.0)])
    )
    pd.testing.assert_frame_equal(frame, expected)
    assert [level.dtype for level in frame.index.levels] == [TEXT_DTYPE, "float64"]
    assert frame.columns.dtype == TEXT_DTYPE
    assert frame.columns.name is None


def test_runs_are_labelled_by_run_id() -> None:
    frame = ask(kind=ContainerKind.RUN).to_pandas()
    assert frame.index.names == ["run", "step"]
    assert frame.index.tolist() == [("run-a", 2.0), ("run-b", 1.0)]


def test_time_and_previews_make_two_column_levels() -> None:
    frame = ask(attributes=["loss"], **BOTH).to_pandas(type_suffix=True)
    name = "loss:float_series"
    times = pd.to_datetime([T0, T0, T0 + 1500], unit="ms", utc=True)
    expected = pd.DataFrame(
        {
            (name, "value"): [np.inf, 0.5, 0.25],
            (name, "absolute_time"): times.astype(TIME_DTYPE),
            (name, "is_preview"): [False, False, True],
            (name, "preview_completion"): [1.0, 1.0, 0.5],
        },
        index=row_index([("exp-a", 2.0), ("exp-b", 1.0), ("exp-b", 2.0)]),
    )
    pd.testing.assert_frame_equal(frame, expected)
    assert [str(dtype) for dtype in frame.dtypes] == ["float64", TIME_DTYPE, "bool", "float64"]
    assert list(frame.columns.names) == [None, None]


def test_is_preview_is_object_for_all_attributes_once_one_cell_is_missing() -> None:
    frame = ask(include_time=True, include_previews=True).to_pandas()
    assert frame[("loss", "is_preview")].dtype == object
    assert frame[("loss", "is_preview")].tolist() == [False, False, True]
    assert frame[("acc", "is_preview")].dtype == object
    assert frame[("acc", "is_preview")].tolist()[1] is False
    assert pd.isna(frame[("acc", "is_preview")].tolist()[0])
    assert pd.isna(frame[("acc", "absolute_time")].iloc[0])
    assert frame[("acc", "absolute_time")].dtype == TIME_DTYPE


@pytest.mark.parametrize("options", [{}, {"include_time": True}, {"include_previews": True}, BOTH])
def test_empty_frames(options: dict[str, bool]) -> None:
    frame = ask(attributes=["absent"], **options).to_pandas()
    assert frame.shape == (0, 0)
    assert list(frame.index.names) == ["experiment", "step"]
    assert [level.dtype for level in frame.index.levels] == [TEXT_DTYPE, "float64"]
    if options:
        assert list(frame.columns.names) == [None, None]
        assert [level.dtype for level in frame.columns.levels] == [TEXT_DTYPE, TEXT_DTYPE]
    else:
        assert type(frame.columns) is pd.Index
        assert frame.columns.dtype == TEXT_DTYPE


def test_the_frame_is_the_pivot_itself_not_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    from neptune_frames.frames.wide_pivot import Pivot

    made = []
    matrix = Pivot.matrix
    monkeypatch.setattr(Pivot, "matrix", lambda self, name: made.append(matrix(self, name)) or made[-1])
    frame = ask().to_pandas()
    assert np.shares_memory(frame.to_numpy(), made[0])


def test_first_cell_that_is_not_missing_wins_per_sub_column() -> None:
    points = [(1.0, np.nan, T0), (1.0, 7.0, T0 + 5), (1.0, 8.0, None), (2.0, 1.0, None)]
    frame = ask([MemoryRun("r", "e", series={"m": points})], include_time=True).to_pandas()
    assert frame[("m", "value")].tolist() == [7.0, 1.0]
    assert frame[("m", "absolute_time")].iloc[0] == pd.Timestamp(T0, unit="ms", tz="UTC")
    assert pd.isna(frame[("m", "absolute_time")].iloc[1])


def test_nan_values_keep_their_row_and_column_and_nan_steps_a_row() -> None:
    runs = [MemoryRun("r", "e", series={"all_nan": [(1.0, np.nan)], "odd": [(np.nan, 3.0)]})]
    frame = ask(runs).to_pandas()
    assert list(frame.columns) == ["all_nan", "odd"]
    assert frame.index.get_level_values("step").tolist()[0] == 1.0
    assert np.isnan(frame.index.get_level_values("step")[1])
    assert frame["odd"].tolist()[1] == 3.0


def test_labels_and_columns_are_in_code_point_order() -> None:
    labels = ["a2", "a10", "_x", "B", "1", "é", "😀", "z"]
    runs = [MemoryRun(label, label, series={label: [(0.0, 1.0)]}) for label in labels]
    frame = ask(runs).to_pandas()
    assert frame.index.get_level_values(0).tolist() == sorted(labels)
    assert frame.columns.tolist() == sorted(labels)


def test_two_containers_with_one_label_keep_their_own_rows() -> None:
    runs = [MemoryRun("r1", "e", series={"m": [(1.0, 1.0)]}), MemoryRun("r2", "e", series={"m": [(1.0, 2.0)]})]
    frame = ask(runs).to_pandas()
    assert frame.index.tolist() == [("e", 1.0), ("e", 1.0)]
    assert frame["m"].tolist() == [1.0, 2.0]


def test_wide_polars_frame_has_null_where_there_is_no_point_and_nan_where_the_value_is() -> None:
    runs = [MemoryRun("r", "e", series={"a": [(1.0, np.nan)], "b": [(2.0, 1.0)], "step": [(1.0, 9.0)]})]
    frame = ask(runs).collect()
    assert frame.columns == ["experiment", "step", "a", "b", "step:float_series"]
    assert frame.dtypes == [pl.String, *[pl.Float64] * 4]
    assert frame["a"].is_nan().to_list() == [True, None]
    assert frame["b"].to_list() == [None, 1.0]


def test_wide_polars_columns_are_structs_with_time_or_previews() -> None:
    frame = ask(**BOTH).lazy().select(pl.col("acc").struct.field("is_preview"), "loss").collect()
    assert frame["is_preview"].to_list() == [None, False, None]
    assert list(frame.schema["loss"].to_schema()) == ["value", "timestamp", "is_preview", "preview_completion"]


def test_long_frame_and_arrow_agree() -> None:
    result = ask(include_time=True, include_previews=True)
    long = result.long().collect()
    assert long.columns == [
        "project", "experiment", "attribute", "step", "value", "timestamp", "is_preview", "preview_completion"
    ]  # fmt: skip
    assert long.height == len(result) == 4
    table = pa.table(result)
    assert table.schema == result.to_arrow().schema
    assert table.to_pylist() == long.with_columns(pl.col(pl.Categorical).cast(pl.String)).to_arrow().to_pylist()
    assert pl.DataFrame(result).height == 4


def test_repr_shows_a_preview_and_is_quiet_when_empty() -> None:
    assert "4 points" in repr(ask(include_previews=True))
    assert "exp-b" in ask()._repr_html_()
    assert "0 points" in repr(ask(attributes=["absent"]))


def test_slices_of_batches_hold_their_own_points() -> None:
    source = MemorySource(RUNS)
    runs = source.resolve_custom_ids("ws/proj", ["run-b", "run-a"])
    names = pa.array(["loss", "acc"])
    options = SeriesOptions(include_time=True)
    (batch,) = source.float_points(SeriesKeys(runs, names), options)
    whole = MetricsResult([batch], runs=runs, attributes=names, options=options)
    cut = MetricsResult(
        [batch.slice(1, 1), batch.slice(0, 1), batch.slice(2)], runs=runs, attributes=names, options=options
    )
    assert len(cut) == len(whole) == 3
    pd.testing.assert_frame_equal(cut.to_pandas(), whole.to_pandas())


def test_timestamps_keep_their_milliseconds_in_every_shape() -> None:
    result = ask([MemoryRun("r", "e", series={"m": [(1.0, 2.0, T0 + 7), (2.0, 3.0, None)]})], include_time=True)
    expected = [pd.Timestamp(T0 + 7, unit="ms", tz="UTC"), None]
    assert result.to_arrow()["timestamp"].to_pylist() == expected
    assert result.long().collect()["timestamp"].to_list() == expected
    assert result.collect()["m"].struct.field("timestamp").to_list() == expected
    assert result.to_pandas()[("m", "absolute_time")].tolist() == [expected[0], pd.NaT]


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    points=st.integers(1, 50),
)
@settings(max_examples=60, deadline=None)
def test_blocks_are_cut_to_size(lengths: list[int], points: int) -> None:
    piece = pa.struct([("step", pa.float64()), ("value", pa.float64())])
    steps = [[{"step": float(at), "value": -float(at)} for at in range(length)] for length in lengths]
    columns = [pa.array(range(len(lengths)), pa.int32()), pa.array([0] * len(lengths), pa.int32())]
    batch = pa.record_batch([*columns, pa.array(steps, pa.large_list(piece))], names=["run", "attribute", "points"])
    blocks = list(read_points([batch], points))
    assert max(map(len, blocks)) <= 2 * points
    runs = [run for block in blocks for run in np.repeat(block.run, block.lengths).tolist()]
    assert runs == [run for run, length in enumerate(lengths) for _ in range(length)]
    assert [at for block in blocks for at in block.step.tolist()] == [at for n in lengths for at in range(n)]
