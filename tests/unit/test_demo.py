"""`neptune-frames demo`: what it needs is said before it begins, and what it proposes is there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from neptune_frames.cli import main
from neptune_frames.demo import tour


@pytest.mark.parametrize("package", ["pandas", "starlette", "uvicorn", "matplotlib"])
def test_missing_extras_are_told_first(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["demo", "--output", str(tmp_path / "demo")]) == 1
    told = capsys.readouterr()
    assert (
        told.err == f"neptune-frames: The demo needs {package}. Install it with: pip install 'neptune-frames[demo]'\n"
    )
    assert told.out == ""
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("is_clone", [True, False])
def test_targets_of_make_are_proposed_in_a_clone_only(
    is_clone: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if is_clone:
        (tmp_path / "Makefile").touch()
        (tmp_path / "benchmarks").mkdir()
    monkeypatch.setattr(tour, "_CLONE", tmp_path)
    fork = type("Run", (), {"parent": "p", "run_id": "r", "steps": {}})
    monkeypatch.setattr(tour, "write_archive", lambda output: [fork])
    monkeypatch.setattr(tour, "_show_faces", lambda *_: None)
    monkeypatch.setattr(tour, "draw_curves", lambda path: path)
    (tmp_path / "out").mkdir()
    tour.give_tour(tmp_path / "out")
    printed = capsys.readouterr().out
    assert ("make bench" in printed) is is_clone
    assert "neptune-frames serve" in printed


def test_the_clone_is_this_one() -> None:
    assert (tour._CLONE / "pyproject.toml").is_file()


def test_an_output_that_is_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").touch()
    assert main(["demo", "--output", str(tmp_path / "out")]) == 1
    assert f"{tmp_path / 'out'} is a file. Give a directory" in capsys.readouterr().err
