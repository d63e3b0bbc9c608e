"""`update=True`: new runs, and what is new in runs that are there; nothing is written twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import neptune_frames as nf
from archive_content import assert_same, content
from export_projects import PROJECT, tree, write_one, write_project
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.archive.batch_layout import project_directory


class CountsPoints(ArchiveSource):
    """Remembers from which step on points were asked for, and how many it gave."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.starts: list[float | None] = []

    def float_points(self, keys: Any, options: Any) -> Any:
        self.starts.append(options.step_range[0])
        return super().float_points(keys, options)


def _same(exporter: Path, kept: Path, tmp_path: Path) -> None:
    assert_same(
        content(ArchiveSource(exporter), PROJECT, tmp_path / "one"),
        content(ArchiveSource(kept), PROJECT, tmp_path / "two"),
    )


def _points(kept: Path) -> pl.DataFrame:
    return pl.read_parquet(project_directory(kept, PROJECT) / "batch=*" / "float_series" / "*.parquet")


@pytest.mark.parametrize("modified", [True, False])
def test_grown_runs_and_new_runs_are_added(modified: bool, tmp_path: Path) -> None:
    exporter, kept = tmp_path / "exporter", tmp_path / "kept"
    for number in range(5):
        write_one(exporter, number, modified=modified)
    nf.export(kept, project=PROJECT, source=exporter)
    before = tree(kept)
    write_one(exporter, 1, steps=30, modified=modified, more={"status": "done", "lr": 0.5})
    write_one(exporter, 2, steps=25, modified=modified)
    write_one(exporter, 9, modified=modified)

    source = CountsPoints(exporter)
    summary = nf.export(kept, project=PROJECT, source=source, update=True)
    assert (summary.runs, summary.kept) == (3, 3)
    floats = summary.points_by_type["float_series"]
    assert floats == 3 * 20 + 3 * 10 + 3 * 5  # a new run, ten more steps of one, five more of another
    assert set(source.starts) - {None} == {19.0, 6.333333}
    after = tree(kept)
    assert {path: after[path] for path in before} == before, "what was there is not rewritten"
    points = _points(kept)
    assert not points.select("run", "attribute", "step").is_duplicated().any()
    _same(exporter, kept, tmp_path)

    again = nf.export(kept, project=PROJECT, source=exporter, update=True)
    assert again.runs == 0
    assert tree(kept) == after


def test_a_run_that_grew_is_left_alone_without_update(tmp_path: Path) -> None:
    exporter, kept = write_project(tmp_path / "exporter", range(3)), tmp_path / "kept"
    nf.export(kept, project=PROJECT, source=exporter)
    write_one(exporter, 1, steps=30)
    assert nf.export(kept, project=PROJECT, source=exporter).runs == 0


def test_attributes_alone_may_change(tmp_path: Path) -> None:
    exporter, kept = write_project(tmp_path / "exporter", range(3)), tmp_path / "kept"
    nf.export(kept, project=PROJECT, source=exporter)
    for number in (0, 1):
        # The modification time stays: only run 0 has one that differs.
        write_one(exporter, number, modified=number == 1, more={"note": "later"})
    summary = nf.export(kept, project=PROJECT, source=exporter, update=True)
    assert (summary.runs, summary.points) == (1, 0)
    table = nf.fetch_table(project=PROJECT, runs="", attributes=["note"], source=kept).collect()
    assert dict(table.select(pl.col("run").cast(pl.String), "note").rows()) == {
        "run-000": "later", "run-001": None, "run-002": None,
    }  # fmt: skip


@pytest.mark.slow
def test_updates_follow_updates(tmp_path: Path) -> None:
    exporter, kept = write_project(tmp_path / "exporter", range(4)), tmp_path / "kept"
    for steps in (20, 22, 27):
        for number in range(steps % 4 + 1):
            write_one(exporter, number, steps=steps)
        nf.export(kept, project=PROJECT, source=exporter, update=True)
        _same(exporter, kept, tmp_path)


def test_a_payload_that_changed_is_another_file(tmp_path: Path) -> None:
    exporter, kept = write_project(tmp_path / "exporter", range(2)), tmp_path / "kept"
    nf.export(kept, project=PROJECT, source=exporter)
    files = {path for path in tree(kept) if "/files/" in path}
    write_one(exporter, 0, steps=21, more={("model", "file"): "run-000/second.bin"})
    (payload,) = (exporter / "files").rglob("run-000/model.bin")
    payload.with_name("second.bin").write_bytes(b"second")
    nf.export(kept, project=PROJECT, source=exporter, update=True)
    added = {path for path in tree(kept) if "/files/" in path} - files
    assert len(added) == 1
    assert (kept / added.pop()).read_bytes() == b"second"
    _same(exporter, kept, tmp_path)


def test_a_payload_that_changed_in_place_is_another_file(tmp_path: Path) -> None:
    """What the archive shows stays as it is until the update is complete."""
    exporter, kept = write_project(tmp_path / "exporter", range(2)), tmp_path / "kept"
    nf.export(kept, project=PROJECT, source=exporter)
    before = {path: (kept / path).read_bytes() for path in tree(kept) if "/files/" in path}
    write_one(exporter, 0, steps=21)
    (payload,) = (exporter / "files").rglob("run-000/model.bin")
    payload.write_bytes(payload.read_bytes() + b" and more")
    nf.export(kept, project=PROJECT, source=exporter, update=True)
    after = {path: (kept / path).read_bytes() for path in tree(kept) if "/files/" in path}
    assert {path: after[path] for path in before} == before
    assert [after[path] for path in after.keys() - before.keys()] == [payload.read_bytes()]
    _same(exporter, kept, tmp_path)


def test_the_exporters_layout_cannot_be_updated(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="update=True"):
        nf.export(tmp_path, project=PROJECT, source=tmp_path, layout="neptune-exporter", update=True)
