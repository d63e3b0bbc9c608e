"""Where an export goes: made by several at once, elsewhere than its source, and fit for what is written."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import neptune_frames as nf
from export_projects import PROJECT, tree, write_project
from neptune_frames.archives.converting import convert
from neptune_frames.cli import main
from neptune_frames.errors import ArchiveError
from neptune_frames.sources.archive.batch_layout import format_document, is_archive
from neptune_frames.writing.durable import write_durably
from neptune_frames.writing.exporter_layout import (
    float_series_rows,
    object_series_rows,
    parameter_rows,
    write_run,
)
from neptune_frames.writing.own_layout import prepare_archive


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("destination") / "exporter", range(2))


def test_a_small_file_is_written_by_several_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def another_in_between(descriptor: int) -> None:
        monkeypatch.undo()
        write_durably(tmp_path / "file", b"of another thread")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", another_in_between)
    write_durably(tmp_path / "file", b"ours")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"ours")]


@pytest.mark.parametrize("when", ["before", "after"])
def test_another_export_makes_the_archive_meanwhile(when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes between two looks at the directory, or before both."""
    listing = Path.iterdir

    def another() -> None:
        monkeypatch.undo()
        prepare_archive(tmp_path)
        (tmp_path / "project=other").mkdir()

    def noted(path: Path) -> Iterator[Path]:
        if when == "before":
            another()
        found = list(listing(path))
        if when == "after":
            another()
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", noted)
    prepare_archive(tmp_path)
    assert is_archive(tmp_path)
    assert (tmp_path / "neptune-frames.json").read_bytes() == format_document()


def test_exports_of_two_projects_make_one_archive(tmp_path: Path) -> None:
    projects = ("team/one", "team/two")
    for project in projects:
        write_project(tmp_path / "exporter", range(1), project=project)
    failures: list[BaseException] = []

    def export(project: str, kept: Path, together: threading.Barrier) -> None:
        together.wait()
        try:
            nf.export(kept, project=project, source=tmp_path / "exporter")
        except ArchiveError as error:
            failures.append(error)

    for number in range(5):
        kept, together = tmp_path / f"kept-{number}", threading.Barrier(len(projects))
        threads = [threading.Thread(target=export, args=(project, kept, together)) for project in projects]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert nf.open_source(kept).projects()["project"].to_pylist() == list(projects)


@pytest.mark.parametrize(
    ("source", "destination"), [("", ""), ("", "new"), ("", "data/new"), ("data", ""), ("data", "../x/..")]
)
def test_an_archive_is_not_written_into_itself(source: str, destination: str, tmp_path: Path) -> None:
    archive = write_project(tmp_path / "archive", range(2))
    (leftover,) = (path for path in archive.rglob("run-001*.parquet"))
    leftover.rename(leftover.with_name(leftover.name + ".tmp"))
    expected = {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}
    for layout in ("neptune-exporter", "neptune-frames"):
        with pytest.raises(ArchiveError, match="one of them is in the other"):
            convert(archive / source, archive / destination, projects=[PROJECT], layout=layout)  # type: ignore[arg-type]
    assert {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()} == expected


def test_a_link_to_the_source_is_the_source(exporter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "link").symlink_to(exporter)
    before = tree(exporter)
    assert main(["convert", str(exporter), str(tmp_path / "link"), "--layout", "neptune-exporter"]) == 1
    assert "Give a destination elsewhere" in capsys.readouterr().err
    assert tree(exporter) == before


def test_archives_beside_each_other_are_apart(exporter: Path, tmp_path: Path) -> None:
    nf.export(tmp_path / "kept", project=PROJECT, source=exporter)
    assert convert(tmp_path / "kept", tmp_path / "kept-2").runs == 2


def _write_fine_steps(root: Path, steps: list[float], kind: str) -> None:
    """A run with one more series, and steps as float64, as some exports have them."""
    if kind == "float_series":
        rows = float_series_rows({"a": (range(3), [1.0] * 3), "b/fine": (range(len(steps)), [2.0] * len(steps))})
    else:
        rows = object_series_rows({"a": (range(3), ["x"] * 3), "b/fine": (range(len(steps)), ["y"] * len(steps))}, kind)
    names = parameter_rows({"sys/id": "X-1", "sys/custom_run_id": "fine"})
    (path,) = write_run(root / "data", PROJECT, "fine", [names, rows])
    table = pq.read_table(path)
    there = zip(table["attribute_path"].to_pylist(), table["step"].to_pylist(), strict=True)
    floats = [None if at is None else steps[int(at)] if name == "b/fine" else float(at) for name, at in there]
    column = table.schema.get_field_index("step")
    pq.write_table(table.set_column(column, "step", pa.array(floats, pa.float64())), path)


@pytest.mark.parametrize("kind", ["float_series", "string_series"])
@pytest.mark.parametrize("block", [1 << 20, 2, 1])
@pytest.mark.parametrize("steps", [[0.0, 1e-7, 1.0], [0.0, 1.0, 1.0 + 2e-7], [-1.0, 0.0, 1.0, 1.0 + 3e-7, 2.0]])
def test_steps_that_the_exporters_layout_cannot_tell_apart(
    steps: list[float], block: int, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_fine_steps(tmp_path / "exporter", steps, kind)
    nf.export(tmp_path / "own", project=PROJECT, source=tmp_path / "exporter")
    monkeypatch.setattr("neptune_frames.writing.point_store.BLOCK_POINTS", block)
    with pytest.raises(ArchiveError, match=r"run 'fine' does not fit .*two steps of 'b/fine', one of them .* the same"):
        nf.export(tmp_path / "kept", project=PROJECT, source=tmp_path / "own", layout="neptune-exporter")
    assert not list((tmp_path / "kept/data").rglob("*.parquet"))


@pytest.mark.parametrize("block", [1 << 20, 1])
def test_steps_that_are_apart_in_millionths_are_written(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The series before ends where this one begins, which is no tie."""
    _write_fine_steps(tmp_path / "exporter", [2.0, 2.000001, 2.000002], "float_series")
    nf.export(tmp_path / "own", project=PROJECT, source=tmp_path / "exporter")
    monkeypatch.setattr("neptune_frames.writing.point_store.BLOCK_POINTS", block)
    nf.export(tmp_path / "kept", project=PROJECT, source=tmp_path / "own", layout="neptune-exporter")
    points = nf.fetch_metrics(project=PROJECT, runs="", attributes=["b/fine"], source=tmp_path / "kept").collect()
    assert points["step"].to_list() == [2.0, 2.000001, 2.000002]


def test_a_package_that_is_not_installed_writes_archives(exporter: Path, tmp_path: Path) -> None:
    """As from a checkout on PYTHONPATH."""
    program = f"""
import importlib.metadata as metadata

def version(name):
    raise metadata.PackageNotFoundError(name)

metadata.version = version
import neptune_frames as nf
nf.export({str(tmp_path / "kept")!r}, project={PROJECT!r}, source={str(exporter)!r})
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    (manifest,) = (tmp_path / "kept").rglob("manifest.json")
    assert '"neptune-frames unknown"' in manifest.read_text()
