"""Progress bars: on a terminal only, on standard error, and only where somebody wants one."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from tqdm import tqdm

import neptune_frames as nf
from archive_layout_small import write_small_run
from memory_source import MemoryRun, MemorySource
from neptune_fetcher import ReadOnlyProject
from neptune_frames import progress
from neptune_frames.progress import allowing_bars, counting_bar, long_fetch, progress_bar, reading_bar, tracked
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.writing.exporter_layout import float_series_rows, parameter_rows, write_run


def test_the_bar_is_the_documented_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "_is_terminal", lambda: True)
    with progress_bar(2, "metrics", title="Fetching metrics") as bar:
        bar.advance(1)
        bar.advance(1)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Fetching metrics: 100%" in shown.err
    assert "2/2" in shown.err
    assert "metrics/s" in shown.err
    assert shown.err.endswith("\n")


@pytest.mark.parametrize(
    ("terminal", "enabled", "setting"), [(False, True, "1"), (True, False, "1"), (True, True, "0")]
)
def test_the_bar_is_off(
    terminal: bool, enabled: bool, setting: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_is_terminal", lambda: terminal)
    monkeypatch.setenv("NEPTUNE_PROGRESS_BAR", setting)
    with progress_bar(2, "metrics", title="Fetching metrics", enabled=enabled) as bar:
        bar.advance(2)
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error is a terminal, and whoever waits is impatient."""
    monkeypatch.setattr(progress, "_is_terminal", lambda: True)
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    monkeypatch.setattr("tqdm.tqdm", partial(tqdm, mininterval=0))


@pytest.mark.usefixtures("terminal")
def test_what_is_in_the_items_is_counted_too(capsys: pytest.CaptureFixture[str]) -> None:
    with counting_bar(2, "runs", "points", title="team/project") as advance:
        advance(1, 5000)
        advance(1, 2000)
    shown = capsys.readouterr().err
    assert "team/project: 100%" in shown
    assert "7,000 points" in shown


@pytest.mark.usefixtures("terminal")
def test_items_are_counted_towards_the_total_that_the_first_one_tells(capsys: pytest.CaptureFixture[str]) -> None:
    with long_fetch("Fetching table"):
        assert list(tracked([3, 4], "runs", lambda page: page, lambda first: 7)) == [3, 4]
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Fetching table" in shown.err
    assert "7.00" in shown.err


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("how", ["a short fetch", "nobody asked", "switched off", "by the environment", "no terminal"])
def test_nothing_is_drawn_where_it_is_not_wanted(
    how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if how == "a short fetch":
        monkeypatch.setattr(progress, "_PATIENCE", 60.0)
    if how == "by the environment":
        monkeypatch.setenv("NEPTUNE_PROGRESS_BAR", "no")
    if how == "no terminal":
        monkeypatch.setattr(progress, "_is_terminal", lambda: False)
    if how == "nobody asked":
        list(tracked([1], "runs", lambda page: page))
    else:
        with long_fetch("Fetching table", enabled=how != "switched off"):
            list(tracked([1], "runs", lambda page: page))
    assert capsys.readouterr().err.strip() == ""


@pytest.mark.usefixtures("terminal")
def test_nothing_is_drawn_where_bars_are_not_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    with allowing_bars(False), reading_bar(2, "Reading") as bar, progress_bar(2, "runs", title="Title") as other:
        bar.advance(2)
        other.advance(2)
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("wanted", [True, False])
def test_reading_an_archive_for_the_first_time_draws_a_bar(
    wanted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEPTUNE_FRAMES_CACHE", "off")
    rows = [parameter_rows({"sys/name": "one"}), float_series_rows({"loss": ([1.0], [0.5])})]
    write_run(tmp_path / "read" / "data", "ws/proj", "run-1", rows)
    source = ArchiveSource(tmp_path / "read")
    for shown in (wanted, False):
        nf.fetch_metrics(project="ws/proj", experiments="", source=source, progress_bar=wanted)
        assert ("Reading the archive: 100%" in capsys.readouterr().err) is shown
    copy = nf.export(tmp_path / "copy", project="ws/proj", source=ArchiveSource(tmp_path / "read"), progress_bar=wanted)
    assert copy.runs == 1
    assert ("Reading the archive" in capsys.readouterr().err) is wanted


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("wanted", [True, False])
def test_the_faces_draw_bars(wanted: bool, capsys: pytest.CaptureFixture[str]) -> None:
    source = MemorySource([MemoryRun("run-1", "one", {"config/lr": ("float", 0.1)}, {"loss": [(1.0, 0.5)]})])
    ReadOnlyProject("ws/proj", source=source).fetch_runs_df(columns_regex="^config", trashed=None, progress_bar=wanted)
    nf.fetch_metrics(project="ws/proj", experiments="", source=source, progress_bar=wanted)
    nf.fetch_buckets(project="ws/proj", experiments="", source=source, progress_bar=wanted)
    shown = capsys.readouterr().err
    for title in ("Fetching table", "Fetching metrics", "Fetching buckets"):
        assert (title in shown) is wanted


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("wanted", [True, False])
def test_downloads_draw_a_bar(wanted: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_small_run(tmp_path / "data", 1, points=1)
    table = nf.fetch_table(project="ws/proj", runs="", source=tmp_path / "data", progress_bar=False)
    path = tmp_path / "data" / "absent"
    file = nf.File("ws/proj", None, table.collect()["run"].item(), "plot", None, str(path), 4, "text/plain")
    nf.download_files(files=file, destination=tmp_path / "new", source=tmp_path / "data", progress_bar=wanted)
    assert ("1/1" in capsys.readouterr().err) is wanted
