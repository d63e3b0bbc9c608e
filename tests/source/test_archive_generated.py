"""The archive source on small archives made for one rule each."""

from __future__ import annotations

import os
import pickle
import shutil
import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neptune_frames.errors import ArchiveError, DamagedFileError, NeptuneProjectInaccessible, NeptuneWarning
from neptune_frames.query.attributes import KNOWN_TYPES
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    RunQuery,
    SeriesOptions,
    SortKey,
)
from neptune_frames.schemas import BUCKETS, RUNS, VALUE_TYPES, float_point, series_points_schema, values_schema
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

PROJECT = "ws/proj"
EVERYTHING = AttributeSelector((AttributeAlternative(KNOWN_TYPES),))


def write(
    root: Path, run_id: str, parameters: Mapping[Any, Any], *batches: pa.Table, project: str = PROJECT
) -> list[Path]:
    system = {"sys/id": f"SYS-{run_id}", "sys/custom_run_id": run_id}
    return write_run(root / "data", project, run_id, [parameter_rows({**system, **parameters}), *batches])


def runs_of(source: ArchiveSource, kind: ContainerKind = ContainerKind.RUN, **query: Any) -> pa.Table:
    return source.search(RunQuery(PROJECT, kind, **query)).runs


def test_an_unknown_project_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(
        NeptuneProjectInaccessible, match=r"^Project 'ws/x' does not exist in .*, which holds no project.$"
    ):
        ArchiveSource(tmp_path).project_name("ws/x")
    for number in range(12):
        write(tmp_path, "a", {}, project=f"ws/p{number:02}")
    source = ArchiveSource(tmp_path)
    for ask in (source.project_name, lambda name: source.definitions([name], None, EVERYTHING)):
        with pytest.raises(NeptuneProjectInaccessible) as caught:
            ask("ws/x")
        message = str(caught.value)
        assert f"does not exist in the archive {tmp_path}, which holds 'ws/p00', 'ws/p01'," in message
        assert message.endswith("'ws/p09' and 2 more.")
        assert "token" not in message
        assert str(pickle.loads(pickle.dumps(caught.value))) == message


def test_a_limit_may_be_any_number(tmp_path: Path) -> None:
    write(tmp_path, "a", {})
    assert runs_of(ArchiveSource(tmp_path), limit=2**70).num_rows == 1
    assert runs_of(ArchiveSource(tmp_path), offset=2**70).num_rows == 0


def points_of(
    source: ArchiveSource, names: list[str], options: SeriesOptions | None = None
) -> dict[tuple[str, str], Any]:
    runs = runs_of(source)
    found: dict[tuple[str, str], Any] = {}
    for batch in source.float_points(SeriesKeys(runs, pa.array(names)), options or SeriesOptions()):
        for row in batch.to_pylist():
            key = (runs["run_id"][row["run"]].as_py(), names[row["attribute"]])
            found.setdefault(key, []).extend((point["step"], point["value"]) for point in row["points"])
    return found


def values_of(source: ArchiveSource, attribute_type: str) -> dict[tuple[str, str], Any]:
    runs = runs_of(source)
    selector = AttributeSelector((AttributeAlternative((attribute_type,)),))
    found = {}
    for kind, batch in source.values(runs, selector):
        assert kind == attribute_type
        assert batch.schema.equals(values_schema(kind))
        for row in batch.to_pylist():
            found[runs["run_id"][row["run"]].as_py(), row["attribute"]] = row["value"]
    return found


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


class TestIdentity:
    def test_runs_without_system_attributes_are_addressed_by_their_run_id(self, tmp_path: Path) -> None:
        write_run(tmp_path / "data", PROJECT, "bare/run", [float_series_rows({"m": ([0], [1.0])})])
        source = ArchiveSource(tmp_path)
        assert runs_of(source).to_pylist() == [
            {"project": PROJECT, "sys_id": "bare/run", "run_id": "bare/run", "experiment": None}
        ]
        found = source.find_runs([f"CUSTOM/{PROJECT}/bare/run", f"{PROJECT}/bare/run"])
        assert found.positions.tolist() == [0, 0]

    def test_a_run_counts_as_trashed_as_far_as_its_export_says(self, tmp_path: Path) -> None:
        write_run(tmp_path / "data", PROJECT, "bare", [float_series_rows({"m": ([0], [1.0])})])
        write(tmp_path, "archived", {"sys/archived": True})
        write(tmp_path, "kept", {"sys/archived": False})
        write(tmp_path, "stored", {"sys/archived": True, "sys/trashed": False})
        write(tmp_path, "trashed", {"sys/trashed": True})
        source = ArchiveSource(tmp_path)
        flags = values_of(source, "bool")
        assert {run: value for (run, name), value in flags.items() if name == "sys/trashed"} == {
            "archived": True, "bare": False, "kept": False, "stored": False, "trashed": True,
        }  # fmt: skip
        assert {run for run, name in flags if name == "sys/archived"} == {"archived", "kept", "stored"}
        bare = source.resolve_custom_ids(PROJECT, ["bare"])
        names = source.definitions([PROJECT], bare, EVERYTHING)["attribute"].to_pylist()
        assert names == ["m", "sys/custom_run_id", "sys/id", "sys/trashed"]

    def test_the_newest_run_of_a_name_is_the_head_where_none_is_marked(self, tmp_path: Path) -> None:
        for number in range(4):
            created = datetime(2025, 1, 1 + number % 3, tzinfo=timezone.utc)
            write(tmp_path, f"r{number}", {"sys/name": "same" if number < 3 else "other", "sys/creation_time": created})
        heads = runs_of(ArchiveSource(tmp_path), ContainerKind.EXPERIMENT)["run_id"].to_pylist()
        assert sorted(heads) == ["r2", "r3"]

    def test_marked_heads_win(self, tmp_path: Path) -> None:
        write(tmp_path, "old", {"sys/experiment/name": "e", "sys/experiment/is_head": True})
        write(tmp_path, "new", {"sys/experiment/name": "e", "sys/experiment/is_head": False})
        write(tmp_path, "loner", {"sys/experiment/name": "f", "sys/experiment/is_head": False})
        heads = runs_of(ArchiveSource(tmp_path), ContainerKind.EXPERIMENT)
        assert heads.select(["run_id", "experiment"]).to_pylist() == [{"run_id": "old", "experiment": "e"}]

    def test_unknown_project(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        source = ArchiveSource(tmp_path)
        assert source.projects().num_rows == 0
        assert not source.has_project(PROJECT)
        with pytest.raises(NeptuneProjectInaccessible, match=PROJECT):
            runs_of(source)
        with pytest.raises(NeptuneProjectInaccessible):
            source.definitions([PROJECT], None, EVERYTHING)
        assert source.search(RunQuery(None, ContainerKind.RUN)).runs.equals(RUNS.empty_table())

    def test_no_archive(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError, match="nowhere"):
            ArchiveSource(tmp_path / "nowhere")

    def test_global_search(self, tmp_path: Path) -> None:
        for number, project in enumerate(("ws/b", "ws/a")):
            write(tmp_path, f"r{number}", {"x": number, "sys/creation_time": datetime(2025, 1, 1)}, project=project)
        source = ArchiveSource(tmp_path)
        answer = source.search(RunQuery(None, ContainerKind.RUN, sort=SortKey("x", "int")), ["x"])
        assert answer.runs["project"].to_pylist() == ["ws/a", "ws/b"]
        assert sorted((row["run"], row["value"]) for row in answer.values["int"].to_pylist()) == [(0, 1), (1, 0)]
        assert source.definitions(["ws/a", "no/such"], None, EVERYTHING).num_rows == 5
        keys = SeriesKeys(answer.runs, pa.array(["nothing"]))
        assert list(source.float_points(keys, SeriesOptions())) == []

    def test_two_projects_in_one_directory_are_refused(self, tmp_path: Path) -> None:
        write(tmp_path, "a", {})
        (stray,) = write(tmp_path, "b", {}, project="ws/other")
        stray.rename(tmp_path / "data" / encoded_name(PROJECT) / stray.name)
        with pytest.raises(ArchiveError, match="ws/other"):
            runs_of(ArchiveSource(tmp_path))


class TestOrder:
    @pytest.mark.parametrize("descending", [False, True])
    def test_missing_comes_last_and_ties_are_by_run_id(self, tmp_path: Path, descending: bool) -> None:
        for run_id, value in (("d", 1.0), ("c", None), ("b", 2.0), ("a", 1.0), ("e", float("nan"))):
            write(tmp_path, run_id, {} if value is None else {"x": value})
        order = runs_of(ArchiveSource(tmp_path), sort=SortKey("x", "float", descending))["run_id"].to_pylist()
        assert order == (["b", "a", "d", "c", "e"] if descending else ["a", "d", "b", "c", "e"])

    def test_texts_sort_by_code_point(self, tmp_path: Path) -> None:
        names = ["é", "z", "a10", "a2", "B", "\U0001f600", "\uffff", ""]
        for number, name in enumerate(names):
            write(tmp_path, f"r{number}", {"x": name})
        source = ArchiveSource(tmp_path)
        answer = source.search(RunQuery(PROJECT, ContainerKind.RUN, sort=SortKey("x", "string", False)), ["x"])
        values = {row["run"]: row["value"] for row in answer.values["string"].to_pylist()}
        assert [values[run] for run in range(len(names))] == sorted(names)

    def test_an_attribute_that_one_project_lacks(self, tmp_path: Path) -> None:
        write(tmp_path, "a", {}, project="ws/without")
        write(tmp_path, "b", {"x": 1.0, "s": "t"}, float_series_rows({"m": ([0], [1.0])}))
        source = ArchiveSource(tmp_path)
        for sort in (SortKey("x", "float"), SortKey("s", "string"), SortKey("m", "float_series", True, "average")):
            found = source.search(RunQuery(None, ContainerKind.RUN, sort=sort))
            assert found.runs["run_id"].to_pylist() == ["b", "a"]

    def test_unsortable_types_keep_the_order_of_ties(self, tmp_path: Path) -> None:
        for run_id in "cab":
            write(tmp_path, run_id, {"x": {run_id}})
        order = runs_of(ArchiveSource(tmp_path), sort=SortKey("x", "string_set"))["run_id"].to_pylist()
        assert order == ["a", "b", "c"]


class TestForks:
    def test_own_points_win_over_inherited_ones(self, tmp_path: Path) -> None:
        write(tmp_path, "root", {}, float_series_rows({"m": ([0, 1, 2, 3], [0.0, 1.0, 2.0, 3.0])}))
        fork = {"sys/forking/parent": "SYS-root", "sys/forking/step": 2}
        write(tmp_path, "child", fork, float_series_rows({"m": ([1, 4], [-1.0, -4.0])}))
        source = ArchiveSource(tmp_path)
        assert points_of(source, ["m"])["child", "m"] == [(0, 0.0), (1, -1.0), (2, 2.0), (4, -4.0)]
        assert points_of(source, ["m"], SeriesOptions(lineage=False))["child", "m"] == [(1, -1.0), (4, -4.0)]
        ((_, batch),) = source.values(runs_of(source), AttributeSelector((AttributeAlternative(("float_series",)),)))
        averages = {row["last_step"]: row["average"] for row in batch.to_pylist()}
        assert averages == {3.0: 1.5, 4.0: -0.75}

    def test_definitions_of_a_fork_end_at_its_step(self, tmp_path: Path) -> None:
        series = float_series_rows({"early": ([0], [0.0]), "late": ([9], [0.0])})
        write(tmp_path, "root", {"config": 1}, series)
        write(tmp_path, "child", {"sys/forking/parent": "root", "sys/forking/step": 5.0})
        source = ArchiveSource(tmp_path)
        child = source.resolve_custom_ids(PROJECT, ["child"])
        names = source.definitions([PROJECT], child, EVERYTHING)["attribute"].to_pylist()
        assert [name for name in names if not name.startswith("sys/")] == ["early"]

    def test_a_fork_without_a_step_inherits_nothing(self, tmp_path: Path) -> None:
        write(tmp_path, "root", {}, float_series_rows({"m": ([0], [0.0])}))
        write(tmp_path, "child", {"sys/forking/parent": "root"})
        assert set(points_of(ArchiveSource(tmp_path), ["m"])) == {("root", "m")}

    def test_cycles_end(self, tmp_path: Path) -> None:
        for run_id, parent in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")):
            fork = {"sys/forking/parent": parent, "sys/forking/step": 10.0}
            write(tmp_path, run_id, fork, float_series_rows({"m": ([ord(run_id) - 97], [0.0])}))
        found = points_of(ArchiveSource(tmp_path), ["m"])
        assert [step for step, _ in found["d", "m"]] == [0, 3]
        assert [step for step, _ in found["a", "m"]] == [0]

    def test_a_long_chain(self, tmp_path: Path) -> None:
        for number in range(30):
            fork = {"sys/forking/parent": f"r{number - 1}", "sys/forking/step": float(number - 1)} if number else {}
            write(tmp_path, f"r{number}", fork, float_series_rows({"m": ([number, 100], [float(number), -1.0])}))
        found = points_of(ArchiveSource(tmp_path), ["m"])
        assert found["r29", "m"] == [*((float(n), float(n)) for n in range(30)), (100.0, -1.0)]


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

    def test_new_projects_appear(self, tmp_path: Path) -> None:
        source = ArchiveSource(tmp_path)
        assert source.projects().num_rows == 0
        write(tmp_path, "a", {})
        assert source.projects()["project"].to_pylist() == [PROJECT]
        write(tmp_path, "a", {}, project="ws/second")
        assert source.has_project("ws/second")
        assert source.has_project(source.projects()["uuid"][1].as_py())

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
