"""Conditions on the times of points: archives leave out what they exclude, and which point counts stays the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import neptune_frames as nf
from neptune_frames.archives.converting import convert
from neptune_frames.sources.archive import ArchiveSource, exporter_store
from neptune_frames.sources.archive.parquet_files import ParquetFiles
from neptune_frames.writing import part_files
from neptune_frames.writing.exporter_layout import float_series_rows, object_series_rows, parameter_rows, write_run

PROJECT = "ws/times"
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
LONG = 40
timestamp, step, attribute, run = pl.col("timestamp"), pl.col("step"), pl.col("attribute"), pl.col("run")


def at(*seconds: float | None) -> list[datetime | None]:
    return [None if second is None else START + timedelta(seconds=second) for second in seconds]


def write_archive(root: Path) -> Path:
    """Forks whose points overlap, steps that a file or two files hold twice, times that are null or run backwards."""
    runs: dict[str, tuple[dict[str, Any], list[pa.Table]]] = {
        "root": (
            {},
            [
                float_series_rows(
                    {
                        "m": (range(8), range(8), at(0, 1, None, 3, 4, 5, 6, 7)),
                        "back": (range(6), range(6), at(9, 8, 7, 6, 5, 4)),
                    }
                ),
                object_series_rows({"log": (range(4), ["a", "b", "c", "d"], at(0, 3, 6, None))}, "string_series"),
            ],
        ),
        # Steps 3 to 5 are the child's own, at other times than those of the root.
        "child": (
            {"sys/forking/parent": "root", "sys/forking/step": 5.0},
            [float_series_rows({"m": ([3, 4, 5, 6], [-3, -4, -5, -6], at(20, 21, None, 2))})],
        ),
        "grandchild": (
            {"sys/forking/parent": "child", "sys/forking/step": 6.0},
            [
                float_series_rows({"m": ([7, 8], [-70, -80], at(3, 30))}),
                object_series_rows({"log": ([3, 4], ["own", "last"], at(1, 31))}, "string_series"),
            ],
        ),
        # Of the rows of one step the first counts: within a file, and over files.
        "twice": (
            {},
            [
                float_series_rows({"m": ([0, 1, 2], [0, 1, 2], at(0, 9, 2))}),
                float_series_rows({"m": ([1, 2, 3], [11, 12, 13], at(1, 12, 13))}),
            ],
        ),
        "parts": (
            {},
            [
                float_series_rows({"m": ([0, 1, 2], [0, 1, 2], at(0, 9, 2))}),
                float_series_rows({"m": ([2, 3, 4], [22, 3, 4], at(22, 3, None))}),
            ],
        ),
        "long": (
            {},
            [
                float_series_rows({"n": (range(low, low + 8), range(8), at(*range(100 + low, 108 + low)))})
                for low in range(0, LONG, 8)
            ],
        ),
    }
    for run_id, (parameters, tables) in runs.items():
        names = {"sys/id": f"TI-{run_id}", "sys/custom_run_id": run_id, "sys/name": f"exp {run_id}"}
        names |= {"sys/experiment/name": f"exp {run_id}", "sys/experiment/is_head": True}
        rows = [parameter_rows({**names, **parameters}), *tables]
        write_run(root / "data", PROJECT, run_id, rows, part_bytes=1 if run_id == "parts" else 1 << 30)
    return root


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ArchiveSource]:
    """The archive in both layouts, with small row groups."""
    exported = write_archive(tmp_path_factory.mktemp("exported"))
    converted = tmp_path_factory.mktemp("converted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part_files, "ROW_GROUP_ROWS", 8)
        patch.setattr(part_files, "ROW_GROUP_LEAST", 4)
        convert(exported, converted, progress_bar=False)
    return {"exported": ArchiveSource(exported), "converted": ArchiveSource(converted)}


@pytest.fixture
def rows_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each read of points: those that Polars gives of part files, those of row groups of batches."""
    counts: list[int] = []
    read_rows, read = exporter_store.read_rows, ParquetFiles.read

    def noted_rows(*arguments: Any, **options: Any) -> pl.DataFrame:
        found = read_rows(*arguments, **options)
        counts.append(found.height)
        return found

    def noted_read(self: ParquetFiles, *arguments: Any, **options: Any) -> pa.Table:
        table = read(self, *arguments, **options)
        if "step" in table.column_names:
            counts.append(table.num_rows)
        return table

    monkeypatch.setattr(exporter_store, "read_rows", noted_rows)
    monkeypatch.setattr(ParquetFiles, "read", noted_read)
    return counts


SCANS: dict[str, Callable[[Any], pl.LazyFrame]] = {
    "runs": lambda source: nf.scan_metrics(runs="", project=PROJECT, source=source, include_time="absolute"),
    "experiments": lambda source: nf.scan_metrics(
        experiments="", project=PROJECT, source=source, include_time="absolute"
    ),
    "own": lambda source: nf.scan_metrics(
        runs="", project=PROJECT, source=source, include_time="absolute", lineage_to_the_root=False
    ),
    "tails": lambda source: nf.scan_metrics(
        runs="", project=PROJECT, source=source, include_time="absolute", tail_limit=3
    ),
    "series": lambda source: nf.scan_series(runs="", project=PROJECT, source=source, include_time="absolute"),
}


@cache
def everything(name: str, source: Any) -> pl.DataFrame:
    return SCANS[name](source).collect()


#: In seconds, some between milliseconds, before and after all points.
SECONDS = st.sampled_from([-1, 0, 1, 2, 3, 3.0005, 4, 6, 8.9995, 9, 12, 20, 21, 22, 30, 110, 200])


@st.composite
def conditions(draw: st.DrawFn, label: str) -> pl.Expr:
    first, second = (START + timedelta(seconds=draw(SECONDS)) for _ in range(2))
    about_time = [
        timestamp > first,
        timestamp <= first,
        timestamp == first,
        timestamp != first,
        timestamp.is_between(first, second, closed=draw(st.sampled_from(["both", "none", "left"]))),
        timestamp.is_in([first, second]),
        timestamp.is_null(),
        (timestamp < first) | (timestamp > second),
        ((timestamp < first) & (attribute == "m")) | ((timestamp == second) & (step > 2)),
        timestamp > pl.lit(first.isoformat()).str.to_datetime(time_zone="UTC"),
    ]
    others = [step >= 3, step < 5, attribute == "m", pl.col(label).str.contains("child")]
    found = draw(st.sampled_from(about_time))
    return found & draw(st.sampled_from(others)) if draw(st.booleans()) else found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_conditions_on_times(archives: dict[str, ArchiveSource], data: st.DataObject) -> None:
    name, layout = data.draw(st.sampled_from(sorted(SCANS))), data.draw(st.sampled_from(sorted(archives)))
    condition = data.draw(conditions("experiment" if name == "experiments" else "run"))
    found = SCANS[name](archives[layout]).filter(condition).collect()
    expected = everything(name, archives[layout]).filter(condition)
    assert sorted(map(repr, found.rows())) == sorted(map(repr, expected.rows()))


def test_both_layouts_hold_the_same(archives: dict[str, ArchiveSource]) -> None:
    for name in SCANS:
        one, other = (sorted(map(repr, everything(name, source).rows())) for source in archives.values())
        assert one == other
        assert one


def test_points_out_of_the_range_are_not_read(archives: dict[str, ArchiveSource], rows_read: list[int]) -> None:
    late = (timestamp >= START + timedelta(seconds=100)) & (timestamp <= START + timedelta(seconds=103))
    for layout, expected in (("exported", 4), ("converted", 8)):
        everything("runs", archives[layout])
        rows_read.clear()
        found = SCANS["runs"](archives[layout]).filter(late, attribute == "n").collect()
        assert found["step"].to_list() == [0, 1, 2, 3]
        assert sum(rows_read) == expected, layout


def test_a_row_is_left_out_only_if_it_is_the_one_that_counts(
    archives: dict[str, ArchiveSource], rows_read: list[int]
) -> None:
    """The second row of step 1 is at second 1, but the first one counts, which is at second 9."""
    early = timestamp == START + timedelta(seconds=1)
    for source in archives.values():
        rows_read.clear()
        assert SCANS["runs"](source).filter(early, run == "twice").collect().height == 0
        assert sum(rows_read) > 0
    found = SCANS["runs"](archives["exported"]).filter(timestamp == START + timedelta(seconds=3), attribute == "m")
    assert found.collect().select("run", "step").sort("run").rows() == [("grandchild", 7), ("parts", 3), ("root", 3)]


def test_the_last_points_are_those_of_all_times(archives: dict[str, ArchiveSource]) -> None:
    """The last three points of the series that runs backwards are the earliest ones."""
    for source in archives.values():
        query = SCANS["tails"](source).filter(attribute == "back")
        assert query.filter(timestamp > START + timedelta(seconds=6)).collect().height == 0
        assert query.filter(timestamp > START + timedelta(seconds=5), run == "root").collect()["step"].to_list() == [3]


@pytest.mark.parametrize("layout", ["exported", "converted"])
def test_times_are_read_only_where_they_are_needed(
    archives: dict[str, ArchiveSource], layout: str, columns_read: list[set[str]]
) -> None:
    source = archives[layout]
    for name, query, columns in (
        ("runs", lambda q: q.select("run", "step"), set()),
        ("runs", lambda q: q.select(pl.len()), set()),
        ("runs", lambda q: q.group_by("run").agg(step.max()), set()),
        ("runs", lambda q: q.filter(timestamp > START).select("run", "step"), {"timestamp"}),
        ("runs", lambda q: q.filter(pl.col("value") > 0).select("run"), {"value"}),
        ("series", lambda q: q.select("run", "step"), set()),
        ("series", lambda q: q.select("string"), {"value"}),
        ("series", lambda q: q.filter(timestamp > START).select("run", "step"), {"timestamp"}),
    ):
        expected = query(everything(name, source).lazy()).collect()
        columns_read.clear()
        found = query(SCANS[name](source)).collect()
        assert sorted(map(repr, found.rows())) == sorted(map(repr, expected.rows()))
        assert columns_read
        assert all(each & {"value", "timestamp"} == columns for each in columns_read), (name, columns_read)


@pytest.fixture
def columns_read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[set[str]]]:
    """Columns of each read of points."""
    found: list[set[str]] = []
    read_rows, read = exporter_store.read_rows, ParquetFiles.read

    def noted_rows(*arguments: Any, **options: Any) -> pl.DataFrame:
        frame = read_rows(*arguments, **options)
        found.append(set(frame.columns))
        return frame

    def noted_read(self: ParquetFiles, file: Any, entry: Any, columns: Any, *rest: Any, **options: Any) -> pa.Table:
        if "step" in columns:
            found.append({"value" if name in ("string_value", "histogram") else name for name in columns})
        return read(self, file, entry, columns, *rest, **options)

    monkeypatch.setattr(exporter_store, "read_rows", noted_rows)
    monkeypatch.setattr(ParquetFiles, "read", noted_read)
    return found
