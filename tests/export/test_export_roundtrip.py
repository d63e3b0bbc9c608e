"""What goes through an export comes out the same: over both layouts, from archives and from servers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import neptune_frames as nf
from archive_content import assert_same, content
from export_projects import PROJECT, write_project
from neptune_frames.errors import ArchiveError, NeptuneWarning
from neptune_frames.server.testing import serve_in_thread
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.archive.layout import EXPORT_SCHEMA, exporter_part_name
from neptune_frames.sources.remote import RemoteSource
from neptune_frames.writing.exporter_layout import (
    float_series_rows,
    object_series_rows,
    parameter_rows,
    write_run,
)
from neptune_frames.writing.layouts import LAYOUTS, Layout

_DATASETS = {"lineage": "synthetic/lineage", "speedrun-small": "nanogpt/speedrun"}


@pytest.fixture(autouse=True)
def _leftovers_are_meant() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NeptuneWarning)
        yield


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["lineage", pytest.param("speedrun-small", marks=pytest.mark.slow)])
def test_data_sets_stay_what_they_are(name: str, layout: Layout, shared_data: Path, tmp_path: Path) -> None:
    project = _DATASETS[name]
    nf.export(tmp_path / "kept", project=project, source=shared_data / name, layout=layout)
    assert_same(
        content(ArchiveSource(shared_data / name), project, tmp_path / "one"),
        content(ArchiveSource(tmp_path / "kept"), project, tmp_path / "two"),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", list(_DATASETS))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_archive_server_archive_is_the_identity(name: str, layout: Layout, shared_data: Path, tmp_path: Path) -> None:
    _check_identity(shared_data / name, _DATASETS[name], layout, tmp_path)


def test_archive_server_archive_is_the_identity_of_a_small_project(tmp_path: Path) -> None:
    _check_identity(write_project(tmp_path / "exporter", range(3)), PROJECT, "neptune-frames", tmp_path)


def _check_identity(archive: Path, project: str, layout: Layout, tmp_path: Path) -> None:
    """An archive is served and exported, and that again."""
    served = archive
    for kept in ("first", "second"):
        with serve_in_thread(served) as server, closing(RemoteSource(server.api_token)) as source:
            nf.export(tmp_path / kept, project=project, source=source, layout=layout)
        served = tmp_path / kept
    expected = content(ArchiveSource(archive), project, tmp_path / "one")
    for kept in ("first", "second"):
        assert_same(expected, content(ArchiveSource(tmp_path / kept), project, tmp_path / kept / ".payloads"))


_STEPS = st.lists(st.integers(-(10**9), 10**9).map(lambda micros: micros / 1e6), unique=True, max_size=8).map(sorted)
_NUMBERS = st.floats(width=64)
_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
_TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(
    lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000, tzinfo=timezone.utc)
)
_PARAMETERS: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False),
    "string": st.text(st.characters(codec="utf-8"), max_size=20),
    "bool": st.booleans(),
    "datetime": _TIMES,
    "string_set": st.lists(st.text(st.characters(codec="utf-8"), max_size=5), unique=True, max_size=3),
}


@st.composite
def _run(draw: st.DrawFn) -> list[Any]:
    """The row batches of one run."""
    kinds = draw(st.dictionaries(_NAMES, st.sampled_from(sorted(_PARAMETERS)), max_size=5))
    parameters = {(name, kind): draw(_PARAMETERS[kind]) for name, kind in kinds.items()}
    floats, texts = {}, {}
    for name in draw(st.lists(_NAMES, unique=True, max_size=3)):
        steps = draw(_STEPS)
        floats[name] = (steps, draw(st.lists(_NUMBERS, min_size=len(steps), max_size=len(steps))))
    for name in draw(st.lists(_NAMES.map(lambda name: f"text/{name}"), unique=True, max_size=2)):
        steps = draw(_STEPS)
        texts[name] = (steps, [f"line {step}\n" for step in steps])
    return [parameter_rows(parameters), float_series_rows(floats), object_series_rows(texts, "string_series")]


_RUN_IDS = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=12)
_PROJECTS = st.dictionaries(_RUN_IDS, _run(), min_size=1, max_size=4)
_QUIETLY = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@settings(_QUIETLY, max_examples=3)
@given(runs=_PROJECTS)
def test_generated_projects_stay_what_they_are(
    runs: dict[str, list[Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    _check_generated(runs, tmp_path_factory.mktemp("generated"))


@pytest.mark.slow
@settings(_QUIETLY, max_examples=10)
@given(runs=_PROJECTS)
def test_many_generated_projects_stay_what_they_are(
    runs: dict[str, list[Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    _check_generated(runs, tmp_path_factory.mktemp("generated"))


def _check_generated(runs: dict[str, list[Any]], root: Path) -> None:
    for run, rows in runs.items():
        write_run(root / "exporter" / "data", PROJECT, run, [*rows, parameter_rows({"sys/custom_run_id": run})])
    expected = content(ArchiveSource(root / "exporter"), PROJECT)
    for layout in LAYOUTS:
        nf.export(root / layout, project=PROJECT, source=root / "exporter", layout=layout)
        assert_same(expected, content(ArchiveSource(root / layout), PROJECT))


def test_points_in_a_scratch_file_come_out_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_project(tmp_path / "exporter", range(5))
    monkeypatch.setattr("neptune_frames.writing.point_store.MEMORY_BYTES", 500)
    monkeypatch.setattr("neptune_frames.writing.point_store.BLOCK_POINTS", 16)
    for layout in LAYOUTS:
        nf.export(tmp_path / layout, project=PROJECT, source=source, layout=layout)
        assert_same(
            content(ArchiveSource(source), PROJECT, tmp_path / "one"),
            content(ArchiveSource(tmp_path / layout), PROJECT, tmp_path / layout / ".payloads"),
        )
        assert not list(tmp_path.rglob("*.arrow"))


def test_the_exporters_layout_is_written_to_the_letter(tmp_path: Path) -> None:
    """Schema, names, order and placement of rows (neptune-export-format 2-5, 8 and 13)."""
    source = write_project(tmp_path / "exporter", range(3))
    nf.export(tmp_path / "kept", project=PROJECT, source=source, layout="neptune-exporter")
    part = tmp_path / "kept/data/team_export-88922fbabad71ddd" / exporter_part_name("run-002", 0)
    file = pq.ParquetFile(part)
    assert file.schema_arrow.equals(EXPORT_SCHEMA)
    assert {column.compression for column in _columns(file)} == {"SNAPPY"}
    rows = pl.from_arrow(file.read())
    assert isinstance(rows, pl.DataFrame)
    assert rows.select("project_id", "run_id").unique().rows() == [(PROJECT, "run-002")]
    classes = rows["attribute_type"].rle().struct.field("value").to_list()
    series = ["float_series", "string_series", "histogram_series", "file", "file_series"]
    assert classes[-5:] == series
    parameters = rows.filter(~pl.col("attribute_type").is_in(series))
    keys = (parameters["attribute_path"] + ":" + parameters["attribute_type"]).to_list()
    assert keys == sorted(keys)
    assert {"sys/custom_run_id:string", "sys/forking/parent:string", "sys/forking/step:float"} <= set(keys)
    floats = rows.filter(attribute_type="float_series").select("step", "attribute_path")
    assert floats.equals(floats.sort("step", "attribute_path"))
    nan = rows.filter((pl.col("attribute_path") == "train/acc") & (pl.col("step") == 7))
    assert nan.select("float_value", pl.col("timestamp").is_not_null()).rows() == [(None, True)]
    paths = rows["file_value"].struct.field("path").drop_nulls().to_list()
    assert paths[0] == "run-002/model.bin"
    assert paths[1:] == ["run-002/samples/step_5_000000.txt", "run-002/samples/step_6_000000.txt"]
    payloads = tmp_path / "kept/files/team_export-88922fbabad71ddd"
    assert (payloads / paths[0]).read_bytes() == b"run-002" * 10


def _columns(file: pq.ParquetFile) -> Iterator[Any]:
    for group in range(file.metadata.num_row_groups):
        for number in range(file.metadata.num_columns):
            yield file.metadata.row_group(group).column(number)


def test_a_long_series_stays_in_one_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_project(tmp_path / "exporter", range(2))
    monkeypatch.setattr("neptune_frames.writing.point_store.BLOCK_POINTS", 6)
    monkeypatch.setattr("neptune_frames.writing.exporter_layout.PART_BYTES", 0)
    monkeypatch.setattr(
        "neptune_frames.writing.exporter_project.write_run",
        lambda *arguments, **options: write_run(*arguments, **options, part_bytes=0),
    )
    nf.export(tmp_path / "kept", project=PROJECT, source=source, layout="neptune-exporter")
    owners: dict[tuple[str, str, str], set[str]] = {}
    for part in (tmp_path / "kept/data").rglob("*.parquet"):
        keys = pl.read_parquet(part, columns=["run_id", "attribute_path", "attribute_type"]).unique()
        for key in keys.rows():
            owners.setdefault(key, set()).add(part.name)
    assert len({name for names in owners.values() for name in names}) > 4
    assert all(len(names) == 1 for names in owners.values())
    assert_same(
        content(ArchiveSource(source), PROJECT, tmp_path / "one"),
        content(ArchiveSource(tmp_path / "kept"), PROJECT, tmp_path / "two"),
    )


def test_a_step_that_the_exporters_layout_cannot_hold_is_refused(tmp_path: Path) -> None:
    nf.export(tmp_path / "kept", project=PROJECT, source=_far(tmp_path))
    with pytest.raises(ArchiveError, match=r"far.*1e12"):
        nf.export(tmp_path / "other", project=PROJECT, source=tmp_path / "kept", layout="neptune-exporter")


def _far(tmp_path: Path) -> Any:
    """A source with a step that only float64 can hold."""
    from memory_source import MemoryRun, MemorySource

    class Named(MemorySource):
        def project_name(self, identifier: str) -> str:
            return identifier

    return Named([MemoryRun("far", series={"loss": [(0.0, 1.0), (2e12, 2.0)]})], PROJECT)


def test_selected_attributes_come_with_what_places_a_run(tmp_path: Path) -> None:
    source = write_project(tmp_path / "exporter", range(4))
    for layout in LAYOUTS:
        kept = tmp_path / layout
        nf.export(
            kept, project=PROJECT, source=source, attributes="^train/loss$", types=["float_series"], layout=layout
        )
        names = nf.list_attributes(project=PROJECT, source=kept)
        assert [name for name in names if not name.startswith("sys/")] == ["train/loss"]
        assert nf.list_experiments(project=PROJECT, source=kept) == nf.list_experiments(project=PROJECT, source=source)
        stitched = [
            nf.fetch_metrics(project=PROJECT, runs=["run-002"], attributes=["train/loss"], source=each).collect()
            for each in (source, kept)
        ]
        assert stitched[0].equals(stitched[1])
        assert stitched[0].height == 20, "five steps are inherited"


def test_experiments_select_their_newest_runs(tmp_path: Path) -> None:
    source = write_project(tmp_path / "exporter", range(4))
    summary = nf.export(tmp_path / "kept", project=PROJECT, experiments=["experiment 0"], source=source)
    assert summary.runs == 1
    assert nf.list_runs(project=PROJECT, source=tmp_path / "kept") == ["run-001"]


def test_a_fork_without_its_parent_is_told(tmp_path: Path) -> None:
    source = write_project(tmp_path / "exporter", range(4))
    for layout in LAYOUTS:
        with pytest.warns(NeptuneWarning, match=r"1 run, such as 'run-001'.*export these runs too"):
            nf.export(tmp_path / layout, project=PROJECT, runs=["run-002"], source=source, layout=layout)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            nf.export(tmp_path / layout, project=PROJECT, runs=["run-001"], source=source, layout=layout)
            nf.export(tmp_path / layout, project=PROJECT, runs=["run-002"], source=source, layout=layout)


def test_several_projects_share_an_archive(tmp_path: Path) -> None:
    source = tmp_path / "exporter"
    for project in ("team/one", "team/two"):
        write_project(source, range(2), project=project)
    for layout in LAYOUTS:
        summary = nf.export(tmp_path / layout, project=["team/one", "team/two"], source=source, layout=layout)
        assert [(each.project, each.runs) for each in summary.projects] == [("team/one", 2), ("team/two", 2)]
        assert ArchiveSource(tmp_path / layout).projects()["project"].to_pylist() == ["team/one", "team/two"]


def test_files_may_be_left_out(tmp_path: Path) -> None:
    source = write_project(tmp_path / "exporter", range(2))
    summary = nf.export(tmp_path / "kept", project=PROJECT, files=False, source=source)
    assert summary.files == 0
    assert not list((tmp_path / "kept").rglob("*.bin"))
    assert nf.export(tmp_path / "full", project=PROJECT, source=source).files == 6
    assert summary.bytes < 200_000
    table = nf.fetch_table(project=PROJECT, runs="", attributes=["model"], source=tmp_path / "kept").to_pandas()
    assert {file.size_bytes for file in table["model"]} == {len(b"run-000") * 10}
