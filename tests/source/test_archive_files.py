"""The archive source on small archives: damaged files, files of other writers, files that change."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archive_reading import PROJECT, points_of, runs_of, values_of, write
from neptune_frames.errors import ArchiveError, DamagedFileError
from neptune_frames.query.selection import (
    ContainerKind,
    RunQuery,
    SeriesOptions,
    SortKey,
)
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.writing.exporter_layout import (
    float_series_rows,
)


class TestDamage:
    def test_an_empty_file(self, tmp_path: Path) -> None:
        write(tmp_path, "a", {})
        (path,) = write(tmp_path, "b", {})
        path.write_bytes(b"")
        with pytest.raises(DamagedFileError, match="empty") as caught:
            runs_of(ArchiveSource(tmp_path))
        assert caught.value.path == str(path)

    @pytest.mark.parametrize("kept", [0.3, 0.9])
    def test_a_truncated_file(self, tmp_path: Path, kept: float) -> None:
        write(tmp_path, "a", {})
        (path,) = write(tmp_path, "odd_part_0", {}, float_series_rows({"m": (np.arange(1000), np.arange(1000.0))}))
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
        with pytest.raises(DamagedFileError) as caught:
            runs_of(ArchiveSource(tmp_path))
        assert caught.value.path == str(path)

    def test_damaged_pages(self, tmp_path: Path) -> None:
        write(tmp_path, "a", {})
        (path,) = write(
            tmp_path, "b", {}, float_series_rows({"m": (np.arange(1000), np.random.default_rng(0).random(1000))})
        )
        content = bytearray(path.read_bytes())
        start = pq.read_metadata(path).row_group(0).column(2).data_page_offset
        content[start : start + 200] = b"\xff" * 200
        path.write_bytes(content)
        with pytest.raises(DamagedFileError) as caught:
            runs_of(ArchiveSource(tmp_path))
        assert caught.value.path == str(path)

    def test_the_rest_is_read_once_the_damaged_file_is_gone(self, tmp_path: Path) -> None:
        write(tmp_path, "a", {})
        (path,) = write(tmp_path, "b", {})
        path.write_bytes(b"PAR1")
        source = ArchiveSource(tmp_path)
        with pytest.raises(DamagedFileError):
            runs_of(source)
        path.unlink()
        assert runs_of(source)["run_id"].to_pylist() == ["a"]

    def test_a_file_damaged_after_the_catalog_was_made(self, tmp_path: Path) -> None:
        (path,) = write(tmp_path, "a", {}, float_series_rows({"m": ([0], [1.0])}))
        source = ArchiveSource(tmp_path)
        keys = SeriesKeys(runs_of(source), pa.array(["m"]))
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(DamagedFileError):
            list(source.float_points(keys, SeriesOptions()))

    def test_other_projects_do_not_suffer(self, tmp_path: Path) -> None:
        write(tmp_path, "a", {})
        (path,) = write(tmp_path, "a", {}, project="ws/broken")
        write(tmp_path, "b", {}, project="ws/broken")
        path.write_bytes(b"")
        source = ArchiveSource(tmp_path)
        assert runs_of(source).num_rows == 1
        with pytest.raises(DamagedFileError):
            source.search(RunQuery("ws/broken", ContainerKind.RUN))

    def test_a_file_of_another_kind(self, tmp_path: Path) -> None:
        (path,) = write(tmp_path, "a", {})
        pq.write_table(pa.table({"x": [1]}), path)
        with pytest.raises(DamagedFileError, match="attribute_path"):
            runs_of(ArchiveSource(tmp_path))


VARIANTS = {
    "wide decimals": {"step": pa.decimal128(38, 6)},
    "fine decimals": {"step": pa.decimal128(30, 9)},
    "float64 steps": {"step": pa.float64()},
    "large strings": {name: pa.large_string() for name in ("project_id", "run_id", "attribute_path", "string_value")},
    "dictionaries": {
        name: pa.dictionary(pa.int32(), pa.string()) for name in ("project_id", "run_id", "attribute_path")
    },
    "nanoseconds": {"timestamp": pa.timestamp("ns", "UTC"), "datetime_value": pa.timestamp("ns", "UTC")},
    "microseconds without zone": {"timestamp": pa.timestamp("us"), "datetime_value": pa.timestamp("us")},
    "small numbers": {"int_value": pa.int32(), "float_value": pa.float32()},
    "large lists": {"string_set_value": pa.large_list(pa.large_string())},
    "missing columns": dict.fromkeys(("bool_value", "file_value", "histogram_value")),
}  # fmt: skip


class TestVariants:
    """Section 13 of the format: what other writers may do, alone and beside files of the exporter."""

    @pytest.mark.parametrize("variant", VARIANTS)
    @pytest.mark.parametrize("mixed", [False, True])
    def test_physical_variants(self, tmp_path: Path, variant: str, mixed: bool) -> None:
        created = datetime(2025, 3, 1, 12, tzinfo=timezone.utc)
        parameters = {"n": 7, "when": created, "tags": {"t"}, "text": "x"}
        series = float_series_rows({"m": ([0.5, 1.0], [0.25, float("nan")], pa.array([created, created]))})
        (path,) = write(tmp_path, "a", parameters, series)
        if mixed:
            write(tmp_path, "b", parameters, series)
        table = pq.read_table(path)
        for name, target in VARIANTS[variant].items():
            position = table.schema.get_field_index(name)
            if target is None:
                table = table.remove_column(position)
            else:
                table = table.set_column(position, name, table[name].cast(target))
        pq.write_table(table.select(sorted(table.column_names)), path, compression="zstd", data_page_version="2.0")
        source = ArchiveSource(tmp_path)
        assert values_of(source, "int")["a", "n"] == 7
        assert values_of(source, "datetime")["a", "when"] == created
        assert values_of(source, "string_set")["a", "tags"] == ["t"]
        assert values_of(source, "string")["a", "text"] == "x"
        found = points_of(source, ["m"], SeriesOptions(step_range=(0.5, 1.0)))
        assert len(found) == 1 + mixed
        for points in found.values():
            assert points[0] == (0.5, 0.25)
            assert points[1][0] == 1.0
            assert np.isnan(points[1][1])
        options = SeriesOptions(include_time=True)
        (batch, *_) = source.float_points(SeriesKeys(runs_of(source), pa.array(["m"])), options)
        assert batch["points"].to_pylist()[0][0]["timestamp"] == created

    def test_steps_beyond_64_bits(self, tmp_path: Path) -> None:
        steps = [Decimal("-3e20"), Decimal("0.3"), Decimal("1"), Decimal("1e13"), Decimal("2e14")]
        rows = float_series_rows({"m": (np.arange(5), np.arange(5.0))})
        (path,) = write(tmp_path, "a", {}, rows)
        table = pq.read_table(path)
        position = table.schema.get_field_index("step")
        stored = [None if step is None else steps[int(step)] for step in table["step"].to_pylist()]
        pq.write_table(table.set_column(position, "step", pa.array(stored, pa.decimal128(38, 6))), path)
        source = ArchiveSource(tmp_path)
        for low, high, kept in ((None, None, 5), (None, 2e13, 4), (-1e21, 0.3, 2), (2e12, None, 2), (None, -2e12, 1)):
            (points,) = points_of(source, ["m"], SeriesOptions(step_range=(low, high))).values()
            expected = [step for step in map(float, steps) if (low or -1e99) <= step <= (high or 1e99)]
            assert [step for step, _ in points] == expected
            assert len(expected) == kept

    def test_rows_of_several_projects(self, tmp_path: Path) -> None:
        (first,) = write(tmp_path / "one", "a", {})
        (second,) = write(tmp_path / "two", "b", {}, project="ws/second")
        messages = []
        for both in (True, False):
            data = tmp_path / f"both-{both}" / "data" / "project"
            data.mkdir(parents=True)
            tables = [pq.read_table(first), pq.read_table(second)]
            for number, table in enumerate([pa.concat_tables(tables)] if both else tables):
                pq.write_table(table, data / f"r{number}_part_0.parquet")
            with pytest.raises(ArchiveError, match="ws/proj, ws/second") as caught:
                ArchiveSource(data.parent.parent).project_name(PROJECT)
            messages.append(str(caught.value))
        assert messages[0] == messages[1]

    def test_decimals_stored_as_integers(self, tmp_path: Path) -> None:
        (path,) = write(tmp_path, "a", {}, float_series_rows({"m": ([0.5], [1.0])}))
        pq.write_table(pq.read_table(path), path, store_decimal_as_integer=True, use_dictionary=False)
        assert points_of(ArchiveSource(tmp_path), ["m"]) == {("a", "m"): [(0.5, 1.0)]}


class TestFreshness:
    def test_new_changed_and_removed_runs_count_at_once(self, tmp_path: Path) -> None:
        write(tmp_path, "a", {"x": 1})
        source = ArchiveSource(tmp_path)
        assert values_of(source, "int") == {("a", "x"): 1}
        (path,) = write(tmp_path, "b", {"x": 2, "new": 3})
        assert values_of(source, "int") == {("a", "x"): 1, ("b", "x"): 2, ("b", "new"): 3}
        write(tmp_path, "a", {"x": 10, "y": 5})
        assert values_of(source, "int") == {("a", "x"): 10, ("a", "y"): 5, ("b", "x"): 2, ("b", "new"): 3}
        path.unlink()
        assert values_of(source, "int") == {("a", "x"): 10, ("a", "y"): 5}
        assert runs_of(source)["run_id"].to_pylist() == ["a"]

    def test_only_new_files_are_read(self, tmp_path: Path) -> None:
        (first,) = write(tmp_path, "a", {"x": 1})
        source = ArchiveSource(tmp_path)
        runs_of(source)
        state = first.stat()
        first.write_bytes(b"\0" * state.st_size)  # unreadable, but as large and as old as before
        os.utime(first, ns=(state.st_atime_ns, state.st_mtime_ns))
        write(tmp_path, "b", {"x": 2})
        assert values_of(source, "int") == {("a", "x"): 1, ("b", "x"): 2}

    def test_a_part_that_goes_while_it_is_listed_is_gone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        paths = [path for run in "abc" for path in write(tmp_path, run, {})]
        scandir = os.scandir

        @contextmanager
        def removing(directory: str) -> Iterator[Iterator[os.DirEntry[str]]]:
            with scandir(directory) as entries:
                found = list(entries)
            if paths[1].name in [entry.name for entry in found]:
                paths[1].unlink(missing_ok=True)
            yield iter(found)

        monkeypatch.setattr(os, "scandir", removing)
        assert runs_of(ArchiveSource(tmp_path))["run_id"].to_pylist() == ["a", "c"]

    def test_new_projects_appear(self, tmp_path: Path) -> None:
        source = ArchiveSource(tmp_path)
        assert source.projects().num_rows == 0
        write(tmp_path, "a", {})
        assert source.projects()["project"].to_pylist() == [PROJECT]
        write(tmp_path, "a", {}, project="ws/second")
        assert source.project_name("ws/second") == "ws/second"
        assert source.project_name(source.projects()["uuid"][1].as_py()) == "ws/second"

    def test_many_threads(self, tmp_path: Path) -> None:
        for number in range(20):
            write(tmp_path, f"r{number:02d}", {"x": number}, float_series_rows({"m": ([0, 1], [0.0, number])}))
        source = ArchiveSource(tmp_path)
        answers: list[Any] = []

        def ask() -> None:
            answers.append((runs_of(source, sort=SortKey("m", "float_series")), points_of(source, ["m"])))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 8
        assert all(runs.equals(answers[0][0]) and points == answers[0][1] for runs, points in answers)
