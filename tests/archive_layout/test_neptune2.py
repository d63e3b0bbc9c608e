"""Exports of Neptune 2.x (neptune-export-format 12): file sets, artifacts, series of files, the model registry."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import neptune_frames as nf
from neptune_frames.archives.checking import check_archive
from neptune_frames.query.attributes import KNOWN_TYPES
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    RunQuery,
    SeriesOptions,
)
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.archive.layout import EXPORT_SCHEMA, encoded_name
from neptune_frames.sources.base import FileRequest, SeriesKeys, Source
from neptune_frames.writing.exporter_layout import float_series_rows, object_series_rows, parameter_rows, write_run

PROJECT = "ws/proj"
EVERYTHING = AttributeSelector((AttributeAlternative(KNOWN_TYPES),))


def rows_of_type(attribute_type: str, values: dict[str, str]) -> pa.Table:
    """Rows of a type that the writer does not know."""
    rows = parameter_rows({(path, "file"): value for path, value in values.items()})
    return rows.set_column(3, EXPORT_SCHEMA.field(3), pa.repeat(attribute_type, rows.num_rows))


def payload(root: Path, path: str, content: bytes = b"content", files: str = "files") -> None:
    target = root / files / encoded_name(PROJECT) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two runs as the 2.x exporter writes them; the second has a custom id, and the label of the first."""
    created = datetime(2023, 5, 1, tzinfo=timezone.utc)
    system = {"sys/name": "baseline", "sys/creation_time": created, "sys/tags": {"old"}, "sys/hostname": "box"}
    prefix = f"{PROJECT}/PROJ-1"
    untimed = object_series_rows(
        {"charts": ([0, 1], [f"{prefix}/charts/0.png", f"{prefix}/charts/1.png"])}, "file_series"
    )
    untimed = untimed.set_column(5, EXPORT_SCHEMA.field(5), pa.nulls(untimed.num_rows, EXPORT_SCHEMA.field(5).type))
    write_run(
        tmp_path / "data",
        PROJECT,
        "PROJ-1",
        [
            parameter_rows({**system, "sys/id": "PROJ-1", ("model/best", "file"): f"{prefix}/model/best.pt"}),
            float_series_rows({"loss": ([-1.5, 0.25, 7], [3.0, float("nan"), 1.0])}),
            rows_of_type(
                "file_set",
                {
                    "source_code/files": f"{prefix}/source_code/files",
                    "loose": f"{prefix}/loose/",
                    "lost": f"{prefix}/lost",
                    "outside": "../../..",
                },
            ),
            rows_of_type("artifact", {"data/train": f"{prefix}/data/train/files_list.json"}),
            untimed,
        ],
    )
    later = datetime(2023, 6, 1, tzinfo=timezone.utc)
    second = {**system, "sys/id": "PROJ-2", "sys/custom_run_id": "mine", "sys/creation_time": later}
    write_run(tmp_path / "data", PROJECT, "PROJ-2", [parameter_rows(second)])
    payload(tmp_path, f"{prefix}/model/best.pt", b"weights")
    payload(tmp_path, f"{prefix}/source_code/files/files.zip", b"PK")
    payload(tmp_path, f"{prefix}/loose/a.txt", b"a")
    payload(tmp_path, f"{prefix}/loose/deep/b c.txt", b"bc")
    payload(tmp_path, f"{prefix}/data/train/files_list.json", b'[{"filePath": "x"}]')
    payload(tmp_path, f"{prefix}/charts/0.png", b"png0")
    return tmp_path


def runs_of(source: Source, project: str = PROJECT, kind: ContainerKind = ContainerKind.RUN) -> pa.Table:
    return source.search(RunQuery(project, kind)).runs


def files_of(source: Source, project: str = PROJECT) -> dict[str, Any]:
    selector = AttributeSelector((AttributeAlternative(("file",)),))
    return {
        row["attribute"]: row["value"]
        for _, batch in source.values(runs_of(source, project), selector)
        for row in batch.to_pylist()
    }


def test_runs_are_known_by_both_ids(archive: Path) -> None:
    source = ArchiveSource(archive)
    runs = runs_of(source).select(["sys_id", "run_id", "experiment"]).to_pylist()
    assert sorted(runs, key=lambda run: run["sys_id"]) == [
        {"sys_id": "PROJ-1", "run_id": "PROJ-1", "experiment": "baseline"},
        {"sys_id": "PROJ-2", "run_id": "mine", "experiment": "baseline"},
    ]
    # A label is not unique; the newest run that carries it stands for it.
    assert runs_of(source, kind=ContainerKind.EXPERIMENT)["sys_id"].to_pylist() == ["PROJ-2"]


def test_file_sets_and_artifacts_are_files(archive: Path) -> None:
    prefix = f"{PROJECT}/PROJ-1"
    found = files_of(ArchiveSource(archive))
    assert {name: (value["path"], value["size_bytes"]) for name, value in found.items()} == {
        "model/best": (f"{prefix}/model/best.pt", 7),
        "source_code/files": (f"{prefix}/source_code/files/files.zip", 2),
        "loose/a.txt": (f"{prefix}/loose/a.txt", 1),
        "loose/deep/b c.txt": (f"{prefix}/loose/deep/b c.txt", 2),
        "lost": (f"{prefix}/lost", 0),
        "outside": ("../../..", 0),
        "data/train": (f"{prefix}/data/train/files_list.json", 19),
    }
    assert found["source_code/files"]["mime_type"] == "application/zip"


def test_files_are_fetched(archive: Path, tmp_path: Path) -> None:
    source = ArchiveSource(archive)
    found = files_of(source)
    names = ["source_code/files", "loose/a.txt", "lost", "outside"]
    wanted = [FileRequest(PROJECT, found[name]["path"], None, tmp_path / f"got{n}") for n, name in enumerate(names)]
    assert source.fetch_files(wanted, progress=False) == [True, True, False, False]
    assert (tmp_path / "got0").read_bytes() == b"PK"


def test_series_of_files_have_no_times(archive: Path) -> None:
    source = ArchiveSource(archive)
    keys = SeriesKeys(runs_of(source), pa.array(["charts"]))
    ((points,),) = [batch["points"].to_pylist() for batch in source.object_points(keys, SeriesOptions())]
    assert [(point["step"], point["timestamp"], point["file"]["size_bytes"]) for point in points] == [
        (0.0, None, 4),
        (1.0, None, 0),
    ]


def test_series_with_negative_steps(archive: Path) -> None:
    source = ArchiveSource(archive)
    keys = SeriesKeys(runs_of(source), pa.array(["loss"]))
    ((points,),) = [batch["points"].to_pylist() for batch in source.float_points(keys, SeriesOptions())]
    assert [point["step"] for point in points] == [-1.5, 0.25, 7.0]
    assert np.isnan(points[1]["value"])


def test_the_server_answers_the_same(archive: Path) -> None:
    pytest.importorskip("starlette")
    from neptune_frames.server.testing import serve_in_thread
    from neptune_frames.sources.remote import RemoteSource

    source = ArchiveSource(archive)
    with serve_in_thread(archive / "data", files=archive / "files") as server:
        remote = RemoteSource(server.api_token)
        assert remote.definitions([PROJECT], None, EVERYTHING).equals(source.definitions([PROJECT], None, EVERYTHING))
        assert files_of(remote) == files_of(source)
        keys = SeriesKeys(runs_of(source), pa.array(["charts"]))
        remote_points, own_points = (
            [point["file"]["path"] for batch in asked.object_points(keys, SeriesOptions()) for row in batch.to_pylist()
             for point in row["points"]]
            for asked in (remote, source)
        )  # fmt: skip
        assert remote_points == own_points
        remote.close()


@pytest.mark.parametrize("root", ["data", "model_data"])
def test_the_model_registry_is_projects_of_its_own(archive: Path, root: str) -> None:
    payloads = {"data": "files", "model_data": "model_files"}[root]
    for registry, identifier in (("models", "PROJ-MOD"), ("model_versions", "PROJ-MOD-1")):
        # The writer names a directory after its project; the registry's lie inside that.
        staging = archive / "staging" / registry
        rows = parameter_rows(
            {"sys/id": identifier, "sys/model_id": "PROJ-MOD", ("weights", "file"): f"{registry}/{identifier}/w.bin"}
        )
        (part,) = write_run(staging, PROJECT, identifier, [rows])
        target = archive / root / encoded_name(PROJECT) / registry
        target.mkdir(parents=True)
        part.rename(target / part.name)
        payload(archive, f"{registry}/{identifier}/w.bin", b"w", payloads)
    source = nf.open_source(archive)
    names = [PROJECT, f"{PROJECT}.model_versions", f"{PROJECT}.models"]
    assert sorted(source.projects()["project"].to_pylist()) == names
    assert runs_of(source)["sys_id"].to_pylist().count("PROJ-MOD") == 0
    for name, identifier in zip(names[1:], ("PROJ-MOD-1", "PROJ-MOD"), strict=True):
        assert runs_of(source, name)["sys_id"].to_pylist() == [identifier]
        assert files_of(source, name)["weights"]["size_bytes"] == 1
    alone = ArchiveSource(archive / root)
    assert files_of(alone, names[1])["weights"]["size_bytes"] == 1


def test_verify_knows_which_payloads_are_directories(archive: Path) -> None:
    report = check_archive(archive)
    missing = {problem.partition(": the payload")[0].rpartition(f"{PROJECT}/PROJ-1/")[2] for problem in report.problems}
    outside = str(archive / "files" / encoded_name(PROJECT) / "../../..")
    assert missing == {"lost", "charts/1.png", outside}
    assert report.payloads == 5
