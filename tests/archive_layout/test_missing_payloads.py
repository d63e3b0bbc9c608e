"""Payloads that are not where they should be: a wrong directory is refused, missing files are counted and told."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import neptune_query as nq
from archive_layout_small import PROJECT, batch_of, write_small_run
from neptune_frames.archives.checking import check_archive
from neptune_frames.archives.converting import convert
from neptune_frames.cli import main
from neptune_frames.errors import ArchiveError, NeptuneWarning
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.writing.exporter_layout import object_series_rows, parameter_rows, write_payload, write_run
from neptune_frames.writing.exporting import export
from neptune_frames.writing.layouts import Layout


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """Two runs with a file each; the payload of the second is lost."""
    for number in (1, 2):
        write_small_run(tmp_path / "exported", number, points=3)
    (lost,) = (tmp_path / "exported" / "files").rglob("run-2/model.bin")
    lost.unlink()
    return tmp_path / "exported"


@pytest.mark.parametrize("command", ["convert", "serve", "verify", "verify --against"])
def test_a_named_directory_that_is_not_there_is_refused(
    command: str, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "nowhere"
    arguments = {
        "convert": ["convert", str(exported), str(tmp_path / "converted")],
        "serve": ["serve", str(exported), "--port", "0"],
        "verify": ["verify", str(exported)],
        "verify --against": ["verify", str(exported), "--against", str(exported)],
    }[command]
    assert main([*arguments, "--files", str(nowhere)]) == 1
    error = capsys.readouterr().err
    assert f"no directory of file payloads at {str(nowhere)!r}" in error
    assert "--files" in error
    assert not (tmp_path / "converted").exists()


def test_so_is_one_that_the_environment_names(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPTUNE_ARCHIVE", str(exported))
    monkeypatch.setenv("NEPTUNE_ARCHIVE_FILES", str(tmp_path / "nowhere"))
    with pytest.raises(ArchiveError, match="NEPTUNE_ARCHIVE_FILES"):
        nq.list_experiments(project=PROJECT)


@pytest.mark.parametrize("layout", ["neptune-frames", "neptune-exporter"])
def test_missing_payloads_are_counted_with_a_warning(layout: Layout, exported: Path, tmp_path: Path) -> None:
    with pytest.warns(NeptuneWarning, match="ws/proj: 1 file could not be found in the source"):
        summary = convert(exported, tmp_path / "kept", layout=layout, progress_bar=False)
    assert (summary.files, summary.files_missing) == (1, 1)
    assert "files       1 (1 missing in the source)\n" in str(summary)


def test_a_wrong_directory_that_is_there_is_noticed_too(exported: Path, tmp_path: Path) -> None:
    with pytest.warns(NeptuneWarning, match="2 files could not be found"):
        summary = convert(exported, tmp_path / "kept", files=tmp_path, progress_bar=False)
    assert (summary.files, summary.files_missing) == (0, 2)


def test_files_that_nobody_asked_for_are_not_missing(exported: Path, tmp_path: Path) -> None:
    source = ArchiveSource(exported)
    summary = export(tmp_path / "kept", project=PROJECT, source=source, files=False, progress_bar=False)
    assert (summary.files, summary.files_missing) == (0, 0)
    assert check_archive(tmp_path / "kept").payloads_never_there == 0


def test_verify_says_what_the_archive_never_had(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.warns(NeptuneWarning):
        convert(exported, tmp_path / "kept", progress_bar=False)
    listed = pq.read_table(batch_of(tmp_path / "kept") / "payloads.parquet")
    assert listed["bytes"].null_count == listed["sha256"].null_count == 1
    assert main(["verify", str(tmp_path / "kept")]) == 0
    assert "1 attached file (and 1 named but never stored)\n" in capsys.readouterr().out


def test_payloads_elsewhere_are_found(exported: Path, tmp_path: Path) -> None:
    shutil.move(exported / "files", tmp_path / "payloads")
    with pytest.warns(NeptuneWarning, match="1 file could"):
        summary = convert(exported, tmp_path / "kept", files=tmp_path / "payloads", progress_bar=False)
    assert (summary.files, summary.files_missing) == (1, 1)


def test_verify_names_what_the_exporters_layout_lacks(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = check_archive(exported)
    assert (report.payloads, report.payloads_never_there) == (1, 0)
    (problem,) = report.problems
    assert re.search(
        r"ws_proj-\w+/run-2/model\.bin: the payload, which \S+run-2-\w+_part_0\.parquet names, is", problem
    )
    assert main(["verify", str(exported)]) == 1
    assert "1 problem found in 1 project" in capsys.readouterr().out


def test_where_there_is_no_directory_of_payloads_none_is_missing(exported: Path, tmp_path: Path) -> None:
    """An export may leave files out, and they may lie elsewhere."""
    shutil.move(exported / "files", tmp_path / "payloads")
    report = check_archive(exported)
    assert (report.problems, report.payloads, report.payloads_never_there) == ([], 0, 2)
    report = check_archive(exported, tmp_path / "payloads")
    assert (len(report.problems), report.payloads) == (1, 1)
    (tmp_path / "empty").mkdir()
    assert len(check_archive(exported, tmp_path / "empty").problems) == 2


def test_many_missing_payloads_are_summed_up(tmp_path: Path) -> None:
    paths = {(f"f{number}", "file"): f"run/f{number}" for number in range(20)}
    series = object_series_rows({"images": (range(30), [f"run/images/{step}" for step in range(30)])}, "file_series")
    write_run(tmp_path / "data", PROJECT, "run", [parameter_rows(paths), series])
    write_payload(tmp_path / "files", PROJECT, "run/f1", b"content")
    write_payload(tmp_path / "files", PROJECT, "run/images/3", b"content")
    report = check_archive(tmp_path)
    assert report.payloads == 2
    assert len(report.problems) == 6
    assert report.problems[-1].endswith("43 more payloads that it names are missing")
