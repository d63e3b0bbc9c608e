"""`neptune-frames export`: what it takes, prints and returns; and the arguments of `nf.export`."""

from __future__ import annotations

from pathlib import Path

import pytest

import neptune_frames as nf
from export_projects import PROJECT, write_project
from neptune_frames.cli import main
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.writing.summary import ExportSummary, Written


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("command"), range(4))


def test_it_exports_and_says_what_it_did(exporter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = str(tmp_path / "kept")
    assert main(["export", kept, "--project", PROJECT, "--source", str(exporter)]) == 0
    printed = capsys.readouterr().out
    assert f"Written to {kept} (neptune-frames)" in printed
    assert "runs        4\n" in printed
    assert main(["export", kept, "--project", PROJECT, "--source", str(exporter), "--update"]) == 0
    assert "runs        0 (4 were there already)" in capsys.readouterr().out
    assert nf.list_runs(project=PROJECT, source=kept) == [f"run-{n:03d}" for n in range(4)]


def test_selectors_are_those_of_python(exporter: Path, tmp_path: Path) -> None:
    arguments = ["--project", PROJECT, "--source", str(exporter), "--quiet"]
    several = ["--runs", "run-000", "--runs", "run-003", "--attributes", "lr", "--attributes", "layers"]
    assert main(["export", str(tmp_path / "one"), *arguments, *several, "--type", "float", "--no-files"]) == 0
    assert nf.list_runs(project=PROJECT, source=tmp_path / "one") == ["run-000", "run-003"]
    names = nf.list_attributes(project=PROJECT, source=tmp_path / "one")
    assert [name for name in names if not name.startswith("sys/")] == ["lr"]
    assert main(["export", str(tmp_path / "two"), *arguments, "--experiments", "1$"]) == 0
    assert nf.list_runs(project=PROJECT, source=tmp_path / "two") == ["run-003"]


def test_the_layout_of_the_exporter_can_be_chosen(exporter: Path, tmp_path: Path) -> None:
    kept = str(tmp_path / "kept")
    arguments = ["export", kept, "--project", PROJECT, "--source", str(exporter), "--layout", "neptune-exporter"]
    assert main([*arguments, "--quiet"]) == 0
    assert len(list((tmp_path / "kept" / "data").rglob("*_part_0.parquet"))) == 4


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--layout", "neptune-exporter", "--update"], "--update needs --layout neptune-frames"),
        (["--type", "floats"], "--type: expected some of"),
        (["--runs", "("], "not a valid regular expression|missing"),
        (["--project", "no/such"], "does not exist"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    more: list[str], message: str, exporter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["export", str(tmp_path / "kept"), "--project", PROJECT, "--source", str(exporter), *more])
    assert status == 1
    error = capsys.readouterr().err
    assert error.startswith("neptune-frames: ")
    assert any(part in error for part in message.split("|"))
    assert not list((tmp_path / "kept").rglob("batch=*"))


def test_arguments_are_checked_before_anything_is_asked(tmp_path: Path) -> None:
    nowhere = ArchiveSource(tmp_path)
    for wrong, message in (
        ({"layout": "parquet"}, "layout must be one of"),
        ({"runs": "a", "experiments": "b"}, "runs or experiments"),
        ({"types": []}, "types: expected"),
        ({"project": []}, "empty list"),
    ):
        arguments = {"project": PROJECT, "source": nowhere, **wrong}
        with pytest.raises(ValueError, match=message):
            nf.export(tmp_path / "kept", **arguments)
    assert not (tmp_path / "kept").exists()


def test_a_summary_adds_up_and_shows_itself() -> None:
    parts = (Written("a/b", runs=2, series=3, points={"float_series": 10}), Written("<c>", kept=1, bytes=1_500_000))
    summary = ExportSummary(Path("kept"), "neptune-frames", parts, 2.0)
    assert (summary.runs, summary.kept, summary.series, summary.points, summary.bytes) == (2, 1, 3, 10, 1_500_000)
    assert "time        2.0 s (5 points/s)" in repr(summary)
    assert "1.5 MB" in str(summary)
    assert "&lt;c&gt;" in summary._repr_html_()


def test_a_destination_that_is_a_file_is_refused(
    exporter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    for layout in ("neptune-frames", "neptune-exporter"):
        for place in ("file", "file/below"):
            arguments = ["--project", PROJECT, "--source", str(exporter), "--layout", layout]
            assert main(["export", str(tmp_path / place), *arguments]) == 1
            error = capsys.readouterr().err
            assert f"cannot be written to: {tmp_path / 'file'} is a file. Give a directory" in error
            assert "valid" not in error


@pytest.mark.parametrize(
    ("choice", "warning"),
    [
        (["--attributes", "^zzz$"], "none of the attributes asked for was found"),
        (["--attributes", "lr", "--type", "bool"], "none of the attributes asked for was found"),
    ],
)
@pytest.mark.parametrize("layout", ["neptune-frames", "neptune-exporter"])
@pytest.mark.filterwarnings("default::neptune_frames.errors.NeptuneWarning")
def test_a_choice_that_nothing_meets_is_told(
    choice: list[str],
    warning: str,
    layout: str,
    exporter: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["export", str(tmp_path / "kept"), "--project", PROJECT, "--source", str(exporter), "--layout", layout]
    assert main([*arguments, *choice, "--quiet"]) == 0
    error = capsys.readouterr().err
    assert error.startswith(f"warning: {PROJECT}: {warning}")
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("layout", ["neptune-frames", "neptune-exporter"])
@pytest.mark.parametrize("kind", ["run", "experiment"])
@pytest.mark.filterwarnings("default::neptune_frames.errors.NeptuneWarning")
def test_an_export_of_no_run_fails(
    kind: str, layout: str, exporter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["export", str(tmp_path / "kept"), "--project", PROJECT, "--source", str(exporter), "--layout", layout]
    assert main([*arguments, f"--{kind}s", "^zzz"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        f"warning: {PROJECT}: no {kind} matches, so none is exported.",
        f"neptune-frames: Nothing was exported: no {kind} matches '^zzz'.",
    ]


def test_an_export_that_is_complete_does_not_fail(exporter: Path, tmp_path: Path) -> None:
    arguments = ["export", str(tmp_path / "kept"), "--project", PROJECT, "--source", str(exporter), "--quiet"]
    for _ in range(2):
        assert main([*arguments, "--runs", ""]) == 0


@pytest.mark.parametrize(
    "choice", [["--attributes", "lr"], ["--attributes", "sys/name"], ["--type", "string"], ["--type", "float_series"]]
)
def test_a_choice_that_something_meets_is_not(choice: list[str], exporter: Path, tmp_path: Path) -> None:
    arguments = ["export", str(tmp_path / "kept"), "--project", PROJECT, "--source", str(exporter), "--quiet"]
    assert main([*arguments, *choice]) == 0


@pytest.mark.parametrize(
    ("first", "then", "differing"),
    [
        (["--type", "float"], ["--type", "int"], "another selection: other attributes or types."),
        ([], ["--type", "int"], "all attributes, with the content of files, and not chosen attributes, with"),
        ([], ["--no-files"], "all attributes, with the content of files, and not all attributes, without the content"),
    ],
)
def test_another_selection_is_refused_in_words(
    first: list[str],
    then: list[str],
    differing: str,
    exporter: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["export", str(tmp_path / "kept"), "--project", PROJECT, "--source", str(exporter), "--quiet"]
    assert main([*arguments, *first]) == 0
    assert main([*arguments, *then]) == 1
    error = capsys.readouterr().err
    assert differing in error
    assert "AttributeAlternative" not in error


def test_wrong_arguments_of_convert_are_one_line(
    exporter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["convert", str(exporter), str(tmp_path / "kept"), "--update", "--layout", "neptune-exporter"]
    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith("neptune-frames: --update needs --layout neptune-frames")
