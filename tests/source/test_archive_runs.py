"""The archive source on small archives: projects, which runs they have, in which order, and forks."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pytest

from archive_reading import EVERYTHING, PROJECT, points_of, runs_of, values_of, write
from neptune_frames.errors import ArchiveError, NeptuneProjectInaccessible
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    RunQuery,
    SeriesOptions,
    SortKey,
)
from neptune_frames.schemas import RUNS
from neptune_frames.sources.archive import ArchiveSource, catalog, project_uuid, projects, run_uuids
from neptune_frames.sources.archive.layout import encoded_name
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.writing.exporter_layout import (
    float_series_rows,
    write_run,
)


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


def test_uuids_of_projects_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        write(tmp_path, "a", {}, project=f"ws/p{number}")
    made: list[str] = []

    def noting(name: str) -> str:
        made.append(name)
        return project_uuid(name)

    monkeypatch.setattr(projects, "project_uuid", noting)
    source = ArchiveSource(tmp_path)
    for _ in range(3):
        assert source.project_name(project_uuid("ws/p1")) == "ws/p1"
        assert source.projects()["uuid"].to_pylist() == [project_uuid(f"ws/p{number}") for number in range(3)]
    assert sorted(made) == ["ws/p0", "ws/p1", "ws/p2"]


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

    def test_uuids_are_made_for_the_runs_asked_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(5):
            write(tmp_path, f"r{number}", {})
        source = ArchiveSource(tmp_path)
        made: list[str] = []

        def noting(project: str, run_ids: Iterable[str]) -> list[str]:
            wanted = list(run_ids)
            made.extend(wanted)
            return run_uuids(project, wanted)

        monkeypatch.setattr(catalog, "run_uuids", noting)
        (uuid,) = source.run_uuids(runs_of(source, limit=1, offset=3)).to_pylist()
        assert made == ["r3"]
        assert uuid == run_uuids(project_uuid(PROJECT), ["r3"])[0]
        named = ["garbage", f"{PROJECT}/SYS-r1", None, f"{PROJECT}/gone", "garbage-with-dashes"]
        assert source.find_runs(named).positions.tolist() == [-1, 0, -1, -1, -1]
        assert made == ["r3"]
        assert source.find_runs([*named, uuid]).positions.tolist() == [-1, 0, -1, -1, -1, 1]

    def test_what_is_no_uuid_and_names_no_project_reads_none(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path, "a", {})
        source = ArchiveSource(tmp_path)
        monkeypatch.setattr(catalog.Catalog, "__init__", None)  # none can be made
        assert source.find_runs(["garbage", "", "12345678"]).positions.tolist() == [-1, -1, -1]
        with pytest.raises(TypeError):
            source.find_runs([project_uuid("any")])

    def test_unknown_project(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        source = ArchiveSource(tmp_path)
        assert source.projects().num_rows == 0
        assert source.payload(PROJECT, "a") is None
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
