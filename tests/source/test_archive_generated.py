"""The archive source on small archives: values, points, pages of them, and payloads."""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archive_reading import EVERYTHING, PROJECT, points_of, runs_of, values_of, write
from neptune_frames.errors import NeptuneWarning
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    RunQuery,
    SeriesOptions,
)
from neptune_frames.schemas import BUCKETS, RUNS, VALUE_TYPES, float_point, series_points_schema
from neptune_frames.sources.archive import ArchiveSource, exporter_store, series
from neptune_frames.sources.archive.layout import EXPORT_SCHEMA, encoded_name
from neptune_frames.sources.base import FileRequest, SeriesKeys
from neptune_frames.writing.exporter_layout import (
    float_series_rows,
    object_series_rows,
    parameter_rows,
    write_payload,
    write_run,
)


class TestRows:
    def test_padding_is_dropped_and_empty_values_stay(self, tmp_path: Path) -> None:
        write(
            tmp_path, "a", {"text": "", "tags": set(), ("lr", "float"): None, ("n", "int"): None, ("f", "file"): None}
        )
        source = ArchiveSource(tmp_path)
        defined = source.definitions([PROJECT], None, EVERYTHING).to_pylist()
        assert [(row["attribute"], row["type"]) for row in defined] == [
            ("sys/custom_run_id", "string"), ("sys/id", "string"), ("sys/trashed", "bool"), ("tags", "string_set"),
            ("text", "string"),
        ]  # fmt: skip
        assert values_of(source, "string_set") == {("a", "tags"): []}
        assert values_of(source, "string")["a", "text"] == ""

    def test_one_path_with_two_types(self, tmp_path: Path) -> None:
        write(tmp_path, "a", {("x", "int"): 1})
        write(tmp_path, "b", {("x", "float"): 0.5}, float_series_rows({"x": ([1], [2.0])}))
        source = ArchiveSource(tmp_path)
        assert values_of(source, "int") == {("a", "x"): 1}
        assert values_of(source, "float") == {("b", "x"): 0.5}
        assert values_of(source, "float_series") == {("b", "x"): 2.0}
        answer = source.search(RunQuery(PROJECT, ContainerKind.RUN), ["x"])
        assert {kind: table["value"].to_pylist() for kind, table in answer.values.items()} == {
            "int": [1], "float": [0.5], "float_series": [2.0],
        }  # fmt: skip

    def test_extreme_values(self, tmp_path: Path) -> None:
        last = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=timezone.utc)
        write(tmp_path, "a", {"big": 2**63 - 1, "odd": 2**53 + 1, "when": last, "inf": float("-inf"), "yes": True})
        source = ArchiveSource(tmp_path)
        assert values_of(source, "int") == {("a", "big"): 2**63 - 1, ("a", "odd"): 2**53 + 1}
        assert values_of(source, "datetime") == {("a", "when"): last}
        assert values_of(source, "float") == {("a", "inf"): float("-inf")}
        assert values_of(source, "bool")["a", "yes"] is True

    def test_points_that_are_nan_stay_and_repeated_steps_keep_the_first(self, tmp_path: Path) -> None:
        series = float_series_rows({"m": ([0, 1, 1, 2], [1.0, float("nan"), 5.0, 3.0])})
        write(tmp_path, "a", {}, series)
        source = ArchiveSource(tmp_path)
        (points,) = points_of(source, ["m"]).values()
        assert [step for step, _ in points] == [0, 1, 2]
        assert points[1][1] != points[1][1]
        ((_, batch),) = source.values(runs_of(source), AttributeSelector((AttributeAlternative(("float_series",)),)))
        (row,) = batch.to_pylist()
        assert (row["value"], row["min"], row["max"], row["average"], row["variance"]) == (3.0, 1.0, 3.0, 2.0, 1.0)

    def test_a_series_of_nan_only(self, tmp_path: Path) -> None:
        write(tmp_path, "a", {}, float_series_rows({"m": ([0, 3], [float("nan")] * 2)}))
        ((_, batch),) = ArchiveSource(tmp_path).values(
            runs_of(ArchiveSource(tmp_path)), AttributeSelector((AttributeAlternative(("float_series",)),))
        )
        (row,) = batch.to_pylist()
        assert row["last_step"] == 3.0
        assert all(np.isnan(row[name]) for name in ("value", "min", "max", "average", "variance"))

    def test_large_steps_are_correctly_rounded(self, tmp_path: Path) -> None:
        steps = [0.1, 123456789.123457, 9007199254.740993, 100000000000.3, 999999999999.5]
        write(tmp_path, "a", {}, float_series_rows({"m": (steps, [0.0] * 5)}))
        (points,) = points_of(ArchiveSource(tmp_path), ["m"]).values()
        stored = pq.read_table(next((tmp_path / "data").rglob("*.parquet")))["step"].drop_null().to_pylist()
        assert [step for step, _ in points] == [float(step) for step in stored]

    def test_rows_of_a_series_in_two_parts_are_one_series(self, tmp_path: Path) -> None:
        batches = [parameter_rows({"sys/id": "S-1"}), float_series_rows({"m": ([4, 5], [4.0, 5.0])}),
                   float_series_rows({"m": ([0, 1, 4], [0.0, 1.0, 9.0])})]  # fmt: skip
        write_run(tmp_path / "data", PROJECT, "a", batches, part_bytes=0)
        source = ArchiveSource(tmp_path)
        assert points_of(source, ["m"]) == {("a", "m"): [(0, 0.0), (1, 1.0), (4, 4.0), (5, 5.0)]}
        assert values_of(source, "float_series") == {("a", "m"): 5.0}

    def test_points_have_the_columns_asked_for(self, tmp_path: Path) -> None:
        times = pa.array([datetime(2025, 1, 1, tzinfo=timezone.utc)])
        write(tmp_path, "a", {}, float_series_rows({"m": ([1.5], [2.0], times)}))
        source = ArchiveSource(tmp_path)
        for time in (False, True):
            for preview in (False, True):
                options = SeriesOptions(include_time=time, include_previews=preview)
                (batch,) = source.float_points(SeriesKeys(runs_of(source), pa.array(["m"])), options)
                assert batch.schema.equals(series_points_schema(float_point(time=time, preview=preview)))
                point = batch["points"].to_pylist()[0][0]
                assert point.get("timestamp") == (times[0].as_py() if time else None)
                assert point.get("preview_completion") == (1.0 if preview else None)

    def test_object_series(self, tmp_path: Path) -> None:
        histogram = {"type": "COUNTING", "edges": [0.0, 1.0, 2.0], "values": [3.0, 4.0]}
        wider = {"type": "COUNTING", "edges": [0.0, 1.0, 2.0, 3.0], "values": [3.0, 4.0, 5.0]}
        write(
            tmp_path, "a", {},
            object_series_rows({"log": ([0, 1], ["x", "two\nlines"])}, "string_series"),
            object_series_rows({"h": ([0, 1], [histogram, wider])}, "histogram_series"),
            object_series_rows({"img": ([0, 1], ["a/img/0.png", None])}, "file_series"),
        )  # fmt: skip
        source = ArchiveSource(tmp_path)
        keys = SeriesKeys(runs_of(source), pa.array(["h", "img", "log"]))
        found = {}
        for batch in source.object_points(keys, SeriesOptions()):
            for row in batch.to_pylist():
                found[keys.attributes[row["attribute"]].as_py()] = row["points"]
        assert [point["histogram"] for point in found["h"]] == [histogram, wider]
        assert [point["string"] for point in found["log"]] == ["x", "two\nlines"]
        assert [point["file"]["path"] for point in found["img"]] == ["a/img/0.png"]
        assert values_of(source, "histogram_series") == {("a", "h"): wider}

    @pytest.mark.parametrize("kind", ["string_series", "histogram_series"])
    def test_wide_points_are_read_some_bytes_at_a_time(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        wide: Any = "x" * 8200
        if kind == "histogram_series":
            wide = {"type": "COUNTING", "edges": [float(n) for n in range(513)], "values": [1.0] * 512}
        names = [f"wide/{number}" for number in range(6)]
        write(tmp_path, "a", {}, object_series_rows({name: ([0, 1], [wide, wide]) for name in names}, kind))
        source = ArchiveSource(tmp_path)
        keys = SeriesKeys(runs_of(source), pa.array(names))
        heights = []
        read = exporter_store.read_rows
        monkeypatch.setattr(exporter_store, "read_rows", lambda *args, **options: note(read(*args, **options)))

        def note(rows: Any) -> Any:
            heights.append(rows.height)
            return rows

        monkeypatch.setattr(series, "_BYTES_PER_READ", 4 * 8200)
        batches = list(source.object_points(keys, SeriesOptions()))
        assert sorted(row for batch in batches for row in batch["attribute"].to_pylist()) == list(range(6))
        assert max(heights) <= 4
        assert sum(heights) == 12

    def test_unknown_types_are_named_once_and_left_out(self, tmp_path: Path) -> None:
        rows = parameter_rows({("artifacts", "file"): "a/files_list.json", "x": 1})
        kinds = pa.array(["notebook" if kind == "file" else kind for kind in rows["attribute_type"].to_pylist()])
        write(tmp_path, "a", {}, rows.set_column(3, EXPORT_SCHEMA.field(3), kinds))
        source = ArchiveSource(tmp_path)
        with pytest.warns(NeptuneWarning, match="notebook"):
            assert values_of(source, "int") == {("a", "x"): 1}
        assert values_of(source, "file") == {}

    def test_a_project_in_two_directories_is_read_once(self, tmp_path: Path) -> None:
        (path,) = write(tmp_path, "a", {"x": 1})
        shutil.copytree(path.parent, tmp_path / "data" / "a copy")
        source = ArchiveSource(tmp_path)
        with pytest.warns(NeptuneWarning, match="two directories"):
            assert values_of(source, "int") == {("a", "x"): 1}
        assert source.projects().num_rows == 1


class TestPages:
    @pytest.fixture
    def source(self, tmp_path: Path) -> ArchiveSource:
        write(tmp_path, "a", {}, float_series_rows({"m": (np.arange(10), np.arange(10.0)), "n": ([5], [1.0])}))
        write(tmp_path, "b", {}, object_series_rows({"log": (np.arange(4), list("wxyz"))}, "string_series"))
        return ArchiveSource(tmp_path)

    def page(self, source: ArchiveSource, **options: Any) -> list[tuple[list[float], int]]:
        runs = source.resolve_custom_ids(PROJECT, ["a", "b", "c"])
        keys = SeriesKeys(runs, pa.array(["n", "m", "log"]))
        table = source.series_page(keys, options.pop("series", SeriesOptions()), **options)
        assert table.num_rows == 9
        return [([point["step"] for point in row["points"]], row["total"]) for row in table.to_pylist()]

    def test_ascending_and_descending(self, source: ArchiveSource) -> None:
        assert self.page(source, limit=3)[:3] == [([5], 1), ([0, 1, 2], 10), ([], 0)]
        assert self.page(source, limit=3, descending=True)[:2] == [([5], 1), ([9, 8, 7], 10)]
        assert self.page(source, limit=3)[3:] == [([], 0)] * 6

    def test_pages_join(self, source: ArchiveSource) -> None:
        after = np.full(9, np.nan)
        for descending, expected in ((False, [[3, 4, 5], [6, 7, 8], [9], []]), (True, [[6, 5, 4], [3, 2, 1], [0], []])):
            last = 2.0 if not descending else 7.0
            for steps in expected:
                after[1] = last
                assert self.page(source, limit=3, descending=descending, after=after)[1] == (steps, 10)
                last = steps[-1] if steps else last

    def test_objects_and_options(self, source: ArchiveSource) -> None:
        options = SeriesOptions(step_range=(1, None))
        assert self.page(source, limit=2, objects=True, series=options)[5] == ([1, 2], 3)


def payload_path(source: ArchiveSource, path: str) -> Path | None:
    payload = source.payload(PROJECT, path)
    return None if payload is None else payload.path


class TestPayloads:
    def test_sizes_types_and_copies(self, tmp_path: Path) -> None:
        write(tmp_path, "a", {("f", "file"): "a/f.png", ("lost", "file"): "a/lost.tar.gz", ("bin", "file"): "a/model"})
        write_payload(tmp_path / "files", PROJECT, "a/f.png", b"12345")
        source = ArchiveSource(tmp_path)
        assert values_of(source, "file") == {
            ("a", "f"): {"path": "a/f.png", "size_bytes": 5, "mime_type": "image/png"},
            ("a", "lost"): {"path": "a/lost.tar.gz", "size_bytes": 0, "mime_type": "application/gzip"},
            ("a", "bin"): {"path": "a/model", "size_bytes": 0, "mime_type": "application/octet-stream"},
        }
        target = tmp_path / "out" / "deep" / "f.png"
        requests = [
            FileRequest(PROJECT, "a/f.png", 5, target),
            FileRequest(PROJECT, "a/lost.tar.gz", None, tmp_path / "out" / "lost"),
            FileRequest("no/project", "a/f.png", None, tmp_path / "out" / "other"),
        ]
        assert source.fetch_files(requests) == [True, False, False]
        assert target.read_bytes() == b"12345"
        assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["f.png"]

    def test_paths_never_leave_the_root(self, tmp_path: Path) -> None:
        write(tmp_path, "a", {})
        write_payload(tmp_path / "files", PROJECT, "a/f", b"inside")
        secret = tmp_path / "secret"
        secret.write_bytes(b"outside")
        root = tmp_path / "files" / encoded_name(PROJECT)
        (root / "link").symlink_to(secret)
        (root / "up").symlink_to(tmp_path)
        (root / "inner").symlink_to(root / "a" / "f")
        source = ArchiveSource(tmp_path)
        for path in (str(secret), "../../secret", "a/../../../secret", "link", "up/secret", "", "a", "a\0b", "a/f/x"):
            assert source.payload(PROJECT, path) is None, path
        assert payload_path(source, "a/../a/f") == (root / "a" / "f").resolve()
        assert payload_path(source, "inner") == (root / "a" / "f").resolve()

    def test_another_root_of_payloads(self, tmp_path: Path) -> None:
        write(tmp_path, "a", {("f", "file"): "a/f"})
        write_payload(tmp_path / "elsewhere", PROJECT, "a/f", b"123")
        source = ArchiveSource(tmp_path / "data", tmp_path / "elsewhere")
        assert values_of(source, "file")["a", "f"]["size_bytes"] == 3


class TestEmptyAnswers:
    def test_nothing_asked(self, tmp_path: Path) -> None:
        write(tmp_path, "a", {"x": 1}, float_series_rows({"m": ([0], [1.0])}))
        source = ArchiveSource(tmp_path)
        runs = runs_of(source)
        none = pa.array([], pa.string())
        assert list(source.float_points(SeriesKeys(runs, none), SeriesOptions())) == []
        assert list(source.float_points(SeriesKeys(RUNS.empty_table(), pa.array(["m"])), SeriesOptions())) == []
        assert list(source.values(RUNS.empty_table(), EVERYTHING)) == []
        assert list(source.values(runs, AttributeSelector(()))) == []
        assert source.definitions([PROJECT], RUNS.empty_table(), EVERYTHING).num_rows == 0
        assert source.buckets(SeriesKeys(runs, none), SeriesOptions(), 5).schema.equals(BUCKETS)
        assert list(source.float_points(SeriesKeys(runs, pa.array(["m"])), SeriesOptions(tail_limit=0))) == []
        assert list(source.float_points(SeriesKeys(runs, pa.array(["m"])), SeriesOptions(step_range=(3, 1)))) == []
        assert source.find_runs([]).positions.tolist() == []

    def test_a_part_without_rows(self, tmp_path: Path) -> None:
        (path,) = write(tmp_path, "a", {})
        pq.write_table(EXPORT_SCHEMA.empty_table(), path.with_name("z-0000000000000000_part_0.parquet"))
        assert runs_of(ArchiveSource(tmp_path))["run_id"].to_pylist() == ["a"]

    def test_pairs(self, tmp_path: Path) -> None:
        for run_id in "ab":
            write(tmp_path, run_id, {}, float_series_rows({name: ([0], [1.0]) for name in "mn"}))
        source = ArchiveSource(tmp_path)
        runs = source.resolve_custom_ids(PROJECT, ["b", "nope", "a"])
        pairs = (np.array([0, 1, 2], np.int32), np.array([1, 0, 0], np.int32))
        keys = SeriesKeys(runs, pa.array(["m", "n"]), pairs)
        rows = [row for batch in source.float_points(keys, SeriesOptions()) for row in batch.to_pylist()]
        assert sorted((row["run"], row["attribute"]) for row in rows) == [(0, 1), (2, 0)]

    def test_a_name_given_twice_is_answered_at_both_positions(self, tmp_path: Path) -> None:
        write(
            tmp_path, "a", {},
            float_series_rows({"m": ([0], [1.0]), "n": ([0], [2.0])}),
            object_series_rows({"log": ([0], ["x"])}, "string_series"),
        )  # fmt: skip
        source = ArchiveSource(tmp_path)
        runs = runs_of(source)
        keys = SeriesKeys(runs, pa.array(["m", "n", "no", "m", "no", "m", "log", "log"]))

        def answered(keys: SeriesKeys, objects: bool = False) -> list[tuple[int, float]]:
            read = source.object_points if objects else source.float_points
            rows = [row for batch in read(keys, SeriesOptions()) for row in batch.to_pylist()]
            return sorted((row["attribute"], row["points"][0].get("value")) for row in rows)

        assert answered(keys) == [(0, 1.0), (1, 2.0), (3, 1.0), (5, 1.0)]
        assert answered(keys, objects=True) == [(6, None), (7, None)]
        pairs = (np.zeros(3, np.int32), np.array([1, 2, 5], np.int32))
        assert answered(SeriesKeys(runs, keys.attributes, pairs)) == [(1, 2.0), (5, 1.0)]
        page = source.series_page(keys, SeriesOptions(), limit=5)
        assert page["total"].to_pylist() == [1, 1, 0, 1, 0, 1, 0, 0]


def test_every_type_has_its_arrow_type(tmp_path: Path) -> None:
    write(
        tmp_path,
        "a",
        {"i": 1, "f": 1.5, "s": "x", "b": True, "d": datetime(2025, 1, 1), "t": {"x"}, ("p", "file"): "p"},
    )
    answer = ArchiveSource(tmp_path).search(RunQuery(PROJECT, ContainerKind.RUN), list("ifsbdtp"))
    assert {kind: table.schema.field("value").type for kind, table in answer.values.items()} == {
        kind: VALUE_TYPES[kind] for kind in ("int", "float", "string", "bool", "datetime", "string_set", "file")
    }
