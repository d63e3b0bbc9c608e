"""Tables of runs: questions asked of a source, the documented pandas frame, typed Polars columns."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_source import MemoryRun, MemorySource
from neptune_frames.errors import AttributeTypeInferenceError, ConflictingAttributeTypes, NeptuneUserError
from neptune_frames.frames import pandas_values
from neptune_frames.frames.questions import Containers
from neptune_frames.frames.table import RunTable, TableQuestion, fetch_run_table
from neptune_frames.query.arguments import resolve_attributes
from neptune_frames.query.attributes import Attribute
from neptune_frames.query.filters import AttributeFilter, Filter
from neptune_frames.query.selection import ContainerKind
from neptune_frames.schemas import RUNS, SERIES_TYPES, values_schema
from neptune_frames.types import File, Histogram
from pandas_dtypes import TEXT_DTYPE, TIME_DTYPE

EXPERIMENT, RUN = ContainerKind.EXPERIMENT, ContainerKind.RUN
FILE = {"path": "key", "size_bytes": 10, "mime_type": "text/plain"}
HISTOGRAM = {"type": "COUNTING", "edges": [0.0, 1.0, 2.0], "values": [5.0, 7.0]}
CREATED = 1_735_689_600_000


def run_rows(*labels: str, projects: list[str] | None = None) -> pa.Table:
    count = len(labels)
    return pa.table(
        {
            "project": projects or ["ws/proj"] * count,
            "sys_id": [f"RUN-{place}" for place in range(count)],
            "run_id": [f"run-{label}" for label in labels],
            "experiment": [f"exp-{label}" for label in labels],
        },
        schema=RUNS,
    )


def values(attribute_type: str, *rows: tuple[int, str, Any], chunks: int = 1) -> pa.Table:
    schema = values_schema(attribute_type)
    records = [
        {"run": run, "attribute": name, "value": value} | ({"last_step": 3.0} if attribute_type in SERIES_TYPES else {})
        for run, name, value in rows
    ]
    batches = [pa.RecordBatch.from_pylist(records[start::chunks], schema=schema) for start in range(chunks)]
    return pa.Table.from_batches(batches)


def table(*types: tuple[str, list[tuple[int, str, Any]]], kind: ContainerKind = EXPERIMENT, **options: Any) -> RunTable:
    by_type = {attribute_type: values(attribute_type, *rows) for attribute_type, rows in types}
    return RunTable(run_rows("b", "a"), by_type, kind, **options)


MIXED = (
    ("file", [(0, "art", FILE)]),
    ("int", [(0, "config/n", 3), (1, "config/n", 4), (1, "config/m", 2**60)]),
    ("string", [(0, "config/opt", "Adam")]),
    ("bool", [(0, "flag", True), (0, "all", True), (1, "all", False)]),
    ("float_series", [(0, "loss", 0.5)]),
    ("datetime", [(0, "sys/creation_time", CREATED)]),
    ("string_set", [(0, "sys/tags", ["a", "b", "a"]), (1, "sys/tags", [])]),
    ("file_series", [(1, "img", FILE)]),
    ("histogram_series", [(1, "h", HISTOGRAM)]),
)


def test_documented_dtypes_index_and_columns() -> None:
    frame = table(*MIXED).to_pandas()
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "all": "bool",
        "art": "object",
        "config/m": "float64",
        "config/n": "int64",
        "config/opt": TEXT_DTYPE,
        "flag": "object",
        "h": "object",
        "img": "object",
        "loss": "float64",
        "sys/creation_time": TIME_DTYPE,
        "sys/tags": "object",
    }
    pd.testing.assert_index_equal(frame.index, pd.Index(["exp-b", "exp-a"], dtype=TEXT_DTYPE, name="experiment"))
    pd.testing.assert_index_equal(frame.columns, pd.Index(sorted(frame.columns), dtype=TEXT_DTYPE, name="attribute"))


def test_cells() -> None:
    first, second = (row for _, row in table(*MIXED).to_pandas().iterrows())
    assert first["art"] == File("ws/proj", "exp-b", None, "art", None, "key", 10, "text/plain")
    assert first["config/n"] == 3
    assert first["config/opt"] == "Adam"
    assert first["flag"] is True
    assert first["loss"] == 0.5
    assert first["sys/creation_time"] == pd.Timestamp("2025-01-01", tz="UTC")
    assert first["sys/tags"] == {"a", "b"}
    assert second["sys/tags"] == set()
    assert second["img"] == File("ws/proj", "exp-a", None, "img", 3.0, "key", 10, "text/plain")
    assert second["h"] == Histogram("COUNTING", [0.0, 1.0, 2.0], [5.0, 7.0])
    assert second["sys/creation_time"] is pd.NaT
    for name in ("art", "config/opt", "flag", "loss"):
        assert isinstance(second[name], float)
        assert np.isnan(second[name])


def test_files_of_runs_carry_the_run_id() -> None:
    frame = table(("file", [(0, "art", FILE)]), kind=RUN).to_pandas()
    assert frame.index.name == "run"
    assert frame.loc["run-b", "art"] == File("ws/proj", None, "run-b", "art", None, "key", 10, "text/plain")


def test_numbers_that_are_not_finite_stay() -> None:
    frame = table(("float", [(0, "a", np.inf), (1, "a", -np.inf), (0, "b", np.nan)])).to_pandas()
    assert frame["a"].tolist() == [np.inf, -np.inf]
    assert frame["b"].isna().all()


def test_series_without_a_last_value_is_missing() -> None:
    # The official client shows the wire format's zeros instead.
    frame = table(
        ("float_series", [(0, "x", None), (1, "x", 1.0)]),
        ("string_series", [(0, "s", None)]),
        ("file_series", [(0, "f", None)]),
        ("histogram_series", [(0, "h", None)]),
    ).to_pandas()
    assert frame["x"].tolist()[1] == 1.0
    assert frame.loc["exp-b"].isna().all()
    assert frame["f"].dtype == object


def test_suffix_sorts_by_final_name() -> None:
    frame = table(("int", [(0, "a", 1), (0, "a2", 1)]), ("string", [(0, "a10", "x")])).to_pandas(type_suffix=True)
    assert frame.columns.tolist() == ["a10:string", "a2:int", "a:int"]
    plain = table(("int", [(0, "a", 1), (0, "a2", 1)]), ("string", [(0, "a10", "x")])).to_pandas()
    assert plain.columns.tolist() == ["a", "a10", "a2"]


def test_conflicting_types_are_named_or_told_apart() -> None:
    conflicting = table(("int", [(0, "x", 1), (0, "z", 1)]), ("float", [(1, "x", 0.5), (1, "y", 1.0), (1, "z", 1.0)]))
    with pytest.raises(ConflictingAttributeTypes) as caught:
        conflicting.to_pandas(type_suffix=False)
    assert caught.value.attribute_names == ["x", "z"]
    assert "Pass type_suffix=True for" in str(caught.value)
    with pytest.raises(ConflictingAttributeTypes):
        conflicting.collect(type_suffix=False)
    frame = conflicting.to_pandas(type_suffix=True)
    assert frame["x:float"].tolist()[1] == 0.5
    assert frame["x:int"].tolist()[0] == 1
    assert frame["x:float"].isna().tolist() == [True, False]


@pytest.mark.parametrize("name", ["experiment", "project", "run", "attribute", "a:b"])
def test_attributes_named_like_the_keys(name: str) -> None:
    # The official client raises IndexError for the name of the index.
    named = table(("string", [(0, name, "value")]), with_project=True)
    assert named.to_pandas()[name].tolist()[0] == "value"
    column = f"{name}:string" if name in ("experiment", "project") else name
    assert named.collect()[column].to_list() == ["value", None]


def test_empty_results_as_documented() -> None:
    none = RunTable(run_rows(), {}, RUN).to_pandas()
    pd.testing.assert_index_equal(none.index, pd.Index([], dtype=object, name="run"))
    pd.testing.assert_index_equal(none.columns, pd.Index([], dtype=object, name="attribute"))
    no_columns = RunTable(run_rows("a", "b"), {}, EXPERIMENT).to_pandas()
    assert no_columns.shape == (2, 0)
    pd.testing.assert_index_equal(no_columns.index, pd.Index(["exp-a", "exp-b"], dtype=TEXT_DTYPE, name="experiment"))
    pd.testing.assert_index_equal(no_columns.columns, pd.Index([], dtype=TEXT_DTYPE, name="attribute"))
    across = RunTable(run_rows(), {}, EXPERIMENT, with_project=True).to_pandas()
    assert across.index.names == ["project", "experiment"]
    assert [level.dtype for level in across.index.levels] == [object, object]


def test_tables_across_projects_have_two_index_levels() -> None:
    rows = run_rows("b", "a", "c", projects=["ws/q", "ws/p", "ws/q"])
    frame = RunTable(rows, {"int": values("int", (2, "n", 3))}, EXPERIMENT, with_project=True).to_pandas()
    assert frame.index.tolist() == [("ws/q", "exp-b"), ("ws/p", "exp-a"), ("ws/q", "exp-c")]
    assert frame.index.names == ["project", "experiment"]
    assert frame["n"].isna().tolist() == [True, True, False]


def test_polars_columns_are_typed_and_nullable() -> None:
    frame = table(*MIXED).collect()
    assert frame.columns == ["project", "experiment", *sorted(frame.columns[2:])]
    assert frame.schema["config/m"] == pl.Int64
    assert frame["config/m"].to_list() == [None, 2**60]  # exact, unlike in pandas
    assert frame.schema["flag"] == pl.Boolean
    assert frame.schema["sys/creation_time"] == pl.Datetime("ms", "UTC")
    assert frame.schema["sys/tags"] == pl.List(pl.String)
    assert frame["art"].to_list() == [FILE, None]
    assert frame["h"].to_list() == [None, HISTOGRAM]


def test_results_stream_as_arrow() -> None:
    result = table(("int", [(0, "n", 1)]))
    assert pa.table(result).column_names == ["project", "experiment", "n"]
    assert result.lazy().select("n").collect().height == 2


CELLS = st.dictionaries(
    st.tuples(st.integers(0, 5), st.sampled_from(["a", "b", "ü", "sys/x", "a:b"])), st.integers(0, 3), max_size=20
)


@settings(max_examples=60, deadline=None)
@given(CELLS, st.sampled_from(["int", "float", "bool", "string", "datetime", "string_set"]), st.integers(1, 3))
def test_every_value_lands_in_its_cell(cells: dict[tuple[int, str], int], attribute_type: str, chunks: int) -> None:
    make = {
        "int": int,
        "float": float,
        "bool": bool,
        "string": str,
        "datetime": lambda number: pd.Timestamp(number, unit="ms", tz="UTC"),
        "string_set": lambda number: {str(number)},
    }[attribute_type]
    raw = {"datetime": int, "string_set": lambda number: [str(number)]}.get(attribute_type, make)
    rows = [(run, name, raw(number)) for (run, name), number in cells.items()]
    by_type = {attribute_type: values(attribute_type, *rows, chunks=chunks)}
    result = RunTable(run_rows(*"abcdef"), by_type, RUN)
    frame, typed = result.to_pandas(), result.collect()
    assert frame.columns.tolist() == sorted({name for _, name in cells})
    assert frame.shape[0] == 6
    for name in frame.columns:
        for run in range(6):
            if (run, name) in cells:
                assert frame[name].iloc[run] == make(cells[run, name])
                assert typed[name][run] is not None
            else:
                assert pd.isna(frame[name].iloc[run])
                assert typed[name][run] is None


# --- questions

STORED = [
    MemoryRun("r1", "one", {"lr": ("float", 0.1), "note": ("string", "x")}, {"loss": [(1.0, 0.5)]}),
    MemoryRun("r2", "two", {"lr": ("float", 0.2), "mixed": ("int", 1)}),
    MemoryRun("r3", "two", {"mixed": ("string", "y")}, is_head=False),
]


def ask(source: MemorySource, attributes: Any, **options: Any) -> RunTable:
    containers = Containers.of(options.pop("runs", None), options.pop("kind", EXPERIMENT), "experiments")
    selector = resolve_attributes(attributes, None, "attributes")
    sort = options.pop("sort_by", Attribute("sys/creation_time", "datetime"))
    return fetch_run_table(source, TableQuestion("ws/proj", containers, selector, sort, **options))


def test_short_list_of_names_is_one_request() -> None:
    source = MemorySource(STORED)
    frame = ask(source, ["lr", "loss", "unknown"]).to_pandas()
    assert frame.columns.tolist() == ["loss", "lr"]
    assert [name for name, _ in source.calls] == ["search"]


def test_pattern_becomes_a_short_list_of_names() -> None:
    """What a pattern stands for is looked up, and then travels with the search."""
    source = MemorySource(STORED)
    assert ask(source, "^l").to_pandas().columns.tolist() == ["loss", "lr"]
    assert [name for name, _ in source.calls] == ["search", "definitions", "search"]


def test_pattern_brings_only_the_types_it_selects() -> None:
    """A name that has another type in some run does not bring that run's value along."""
    frame = ask(MemorySource(STORED), AttributeFilter("mixed", type="int"), kind=RUN).to_pandas()
    assert frame["mixed"].dropna().tolist() == [1]


def test_names_are_left_to_the_source_however_many_and_many_of_a_pattern_are_asked_for_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NEPTUNE_QUERY_ENTRIES_SEARCH_MAX_PROJECTION_ATTRIBUTES", "1")
    source = MemorySource(STORED)
    assert ask(source, ["lr", "loss"]).to_pandas().columns.tolist() == ["loss", "lr"]
    assert [name for name, _ in source.calls] == ["search"]
    source = MemorySource(STORED)
    assert ask(source, "^l").to_pandas().columns.tolist() == ["loss", "lr"]
    assert [name for name, _ in source.calls] == ["search", "definitions", "values"]


def test_no_attributes_give_rows_without_columns() -> None:
    source = MemorySource(STORED)
    assert ask(source, []).to_pandas().shape == (2, 0)
    assert [name for name, _ in source.calls] == ["search"]
    assert ask(source, [], runs="nothing").to_pandas().shape == (0, 0)


def test_sort_and_filter_types_are_looked_up_together() -> None:
    source = MemorySource(STORED)
    ask(source, [], runs=Filter.gt("lr", 0.15), sort_by=Attribute("loss"), descending=False, limit=5)
    assert [name for name, _ in source.calls] == ["definitions", "search"]
    query = source.called("search")[0]
    assert (query.sort.attribute, query.sort.type, query.sort.descending) == ("loss", "float_series", False)
    assert query.limit == 5


def test_conflict_in_a_filter_is_an_error() -> None:
    with pytest.raises(AttributeTypeInferenceError):
        ask(MemorySource(STORED), [], runs=Filter.eq("mixed", 1))


def test_questions_across_projects_need_types() -> None:
    everything = resolve_attributes([], None, "attributes")
    untyped = Containers.of(Filter.eq("lr", 1), RUN, "runs")
    with pytest.raises(NeptuneUserError):
        TableQuestion(None, untyped, everything, Attribute("lr")).check_types()
    with pytest.raises(AttributeTypeInferenceError):
        TableQuestion(None, untyped, everything, Attribute("lr", "float")).check_types()
    typed = Containers.of(Filter.eq(Attribute("lr", "float"), 1), RUN, "runs")
    TableQuestion(None, typed, everything, Attribute("lr", "float")).check_types()


def test_experiment_state_is_no_column() -> None:
    source = MemorySource([MemoryRun("r1", "one", {"sys/state": ("experiment_state", "running")})])
    assert ask(source, ["sys/state"]).to_pandas().shape == (1, 0)


def test_pandas_2_shows_times_that_nanoseconds_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pandas_values, "timestamp_unit", lambda: "ns")
    late = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=timezone.utc)
    early = datetime(1677, 9, 21, tzinfo=timezone.utc)
    milliseconds = [[CREATED, pandas_values.NO_TIMESTAMP], [int(late.timestamp() * 1000), pandas_values.NO_TIMESTAMP]]
    blocks = pandas_values.timestamp_blocks(np.array(milliseconds), np.array([7, 3]))
    shown = {int(place): values for block, places in blocks for values, place in zip(block, places, strict=True)}
    assert shown[3].tolist()[0] == late
    assert np.isnan(shown[3][1])
    assert shown[7].dtype == "datetime64[ns, UTC]"
    assert shown[7][0] == pd.Timestamp(CREATED, unit="ms", tz="UTC")
    points = pandas_values.timestamp_values(np.array([CREATED, int(early.timestamp() * 1000)]))
    assert points.tolist() == [pd.Timestamp(CREATED, unit="ms", tz="UTC"), early]
