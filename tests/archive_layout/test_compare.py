"""Comparing archives: whatever differs is found, counted and named."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from archive_layout_small import PROJECT, batch_of, rewrite, small_archives, write_small_run
from export_projects import write_project
from neptune_frames.archives import comparing
from neptune_frames.archives.comparing import Comparison, compare
from neptune_frames.cli import main
from neptune_frames.query.selection import SeriesOptions
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.writing.exporter_layout import (
    float_series_rows,
    object_series_rows,
    parameter_rows,
    write_payload,
    write_run,
)
from neptune_frames.writing.exporting import export


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return small_archives(tmp_path_factory.mktemp("made"))


def compared(one: Path, another: Path, **options: bool) -> Comparison:
    return compare(ArchiveSource(one), ArchiveSource(another), **options)


def write_plain_run(
    root: Path,
    run: str,
    attributes: Mapping[Any, Any],
    *,
    floats: Mapping[str, Any] | None = None,
    texts: Mapping[str, Any] | None = None,
    files: Mapping[str, Any] | None = None,
) -> None:
    rows = [parameter_rows({"sys/id": run, "sys/custom_run_id": run, **attributes})]
    rows += [float_series_rows(floats)] if floats else []
    rows += [object_series_rows(texts, "string_series")] if texts else []
    rows += [object_series_rows(files, "file_series")] if files else []
    write_run(root / "data", PROJECT, run, rows)


def test_what_differs_is_named(made: tuple[Path, Path], tmp_path: Path) -> None:
    exported, ours = made
    other = tmp_path / "other"
    shutil.copytree(exported, other)
    write_small_run(other, 1, lr=9.5, added=True)
    write_small_run(other, 2, points=51)
    write_small_run(other, 3)
    found = compare(ArchiveSource(ours), ArchiveSource(other))
    assert not found.is_equal
    assert found.counts["only in the source"] == 2  # run 3, and the attribute of run 1
    assert found.counts["other value"] == 1
    assert "other value: float 'lr' of run 'run-1' of ws/proj: 0.1 in the archive, 9.5 in the source" in found.shown
    assert found.counts["points only in the source"] == 3
    subset = compare(ArchiveSource(ours), ArchiveSource(other), subset=True)
    assert subset.counts["only in the source"] == 0


def test_what_only_the_archive_has(made: tuple[Path, Path], tmp_path: Path) -> None:
    _, ours = made
    (tmp_path / "other").mkdir()
    for number in range(2):
        write_small_run(tmp_path / "other", number, points=49)
    found = compare(ArchiveSource(ours), ArchiveSource(tmp_path / "other"))
    assert found.counts["only in the archive"] == 1
    assert found.counts["points only in the archive"] == 6
    nothing = tmp_path / "nothing"
    write_small_run(nothing, 0, project="ws/else")
    found = compare(ArchiveSource(ours), ArchiveSource(nothing))
    assert found.shown == ["only in the archive: project ws/proj", "only in the source: project ws/else"]
    found = compare(ArchiveSource(ours), ArchiveSource(nothing), subset=True)
    assert found.shown == ["only in the archive: project ws/proj"]
    assert main(["verify", str(ours), "--against", str(nothing)]) == 1


def test_payloads(made: tuple[Path, Path], tmp_path: Path) -> None:
    exported, ours = made
    other = tmp_path / "other"
    shutil.copytree(exported, other)
    (changed,) = other.glob("files/*/run-1/model.bin")
    changed.write_bytes(changed.read_bytes()[::-1])
    assert compare(ArchiveSource(ours), ArchiveSource(other)).is_equal
    found = compare(ArchiveSource(ours), ArchiveSource(other), payloads=True)
    assert found.shown == ["other payload: file 'model' of run 'run-1' of ws/proj: the content of the payload differs"]
    assert found.payloads == 3


def test_every_point_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values, timestamps and names in an archive of several slices of runs and cuts of points."""
    monkeypatch.setattr(comparing, "_RUNS_AT_ONCE", 2)
    monkeypatch.setattr(comparing, "_POINTS_AT_ONCE", 120)
    steps = np.arange(50.0)
    times = (1_700_000_000_000 + np.arange(50)).astype("datetime64[ms]")
    value, time, early = steps.copy(), times.copy(), {"sys/name": "first"}
    for name in ("one", "another"):
        for number in range(5):
            series = dict.fromkeys(("a", "b", "c"), (steps, steps, times))
            if number == 3:
                series["b"] = (steps, value, times)
            if number == 4:
                series["c"] = (steps, steps, time)
            write_plain_run(tmp_path / name, f"run-{number}", early if number == 2 else {}, floats=series)
        value[7], time[[8, 9]], early = -1.0, np.datetime64("2020-01-01", "ms"), {"sys/name": "second"}
    sizes: list[int] = []
    original = ArchiveSource.float_points

    def noted(source: ArchiveSource, keys: SeriesKeys, options: SeriesOptions) -> Any:
        sizes.append(len(keys))
        return original(source, keys, options)

    monkeypatch.setattr(ArchiveSource, "float_points", noted)
    found = compared(tmp_path / "one", tmp_path / "another")
    assert found.shown == [
        "other identity: run 'run-2' of ws/proj: experiment 'first', 'second'",
        "other value: string 'sys/name' of run 'run-2' of ws/proj: first in the archive, second in the source",
        (
            "points with another value: float_series 'b' of run 'run-3' of ws/proj: 1, the first at step 7.0: "
            "7.0 in the archive, -1.0 in the source"
        ),
        (
            "points with another timestamp: float_series 'c' of run 'run-4' of ws/proj: 2, the first at step 8.0: "
            "2023-11-14 22:13:20.008000+00:00 in the archive, 2020-01-01 00:00:00+00:00 in the source"
        ),
    ]
    assert found.counts["points with another timestamp"] == 2
    assert (found.runs, found.points) == (5, 750)
    assert sum(sizes) == 2 * 15
    assert max(sizes) < 6


def test_what_only_the_archive_has_is_a_difference_of_a_subset_too(made: tuple[Path, Path], tmp_path: Path) -> None:
    write_small_run(tmp_path, 0)
    found = compared(made[1], tmp_path, subset=True)
    assert found.counts == {"only in the archive": 2}
    assert compared(tmp_path, made[1], subset=True).is_equal


def test_sets_are_equal_in_any_order(tmp_path: Path) -> None:
    sets = {"one": [["b", "a"], [], ["a, b"], ["'"]], "another": [["a", "b", "a"], [""], ["a", "b"], ["\\'"]]}
    for name, values in sets.items():
        write_plain_run(tmp_path / name, "run", {(f"set{at}", "string_set"): each for at, each in enumerate(values)})
    assert compared(tmp_path / "one", tmp_path / "another").shown == [
        f"other value: string_set 'set{at}' of run 'run' of ws/proj: {one} in the archive, {another} in the source"
        for at, one, another in (
            (1, "[]", "['']"),
            (2, "['a, b']", "['a', 'b']"),
            (3, "['\\'']", "['\\\\\\'']"),
        )
    ]


def test_the_first_differences_are_written_out(tmp_path: Path) -> None:
    for name in ("one", "another"):
        write_plain_run(tmp_path / name, "run", {f"p{number}": f"{name} {number}" for number in range(25)})
    found = compared(tmp_path / "one", tmp_path / "another")
    assert found.counts == {"other value": 25}
    assert len(found.shown) == comparing._SHOWN


def test_a_point_without_a_value_is_none(tmp_path: Path) -> None:
    """Of texts, what is null is no point: whoever wrote it, and whether or not the other side has it."""
    for name, texts in (("one", ["a", "b"]), ("another", ["a"])):
        write_plain_run(tmp_path / name, "run", {}, texts={"log": (range(len(texts)), texts)})
    export(tmp_path / "ours", project=PROJECT, source=ArchiveSource(tmp_path / "one"), progress_bar=False)
    rewrite(
        batch_of(tmp_path / "ours"),
        "string_series/part-00000.parquet",
        lambda table: table.set_column(4, "value", pc.if_else(pc.equal(table["value"], "b"), None, table["value"])),
    )
    assert compared(tmp_path / "ours", tmp_path / "another").is_equal
    assert not compared(tmp_path / "one", tmp_path / "another").is_equal


def test_a_payload_that_one_side_lacks(tmp_path: Path) -> None:
    files = {
        "both": (b"same", b"same"),
        "changed": (b"one", b"two"),
        "here": (b"here", None),
        "neither": (None, None),
        "there": (None, b"there"),
    }
    for at, name in enumerate(("one", "another")):
        write_plain_run(tmp_path / name, "run", {(each, "file"): f"{each}.bin" for each in files})
        for each, contents in files.items():
            if (content := contents[at]) is not None:
                write_payload(tmp_path / name / "files", PROJECT, f"{each}.bin", content)
    found = compared(tmp_path / "one", tmp_path / "another", payloads=True)
    assert [line for line in found.shown if line.startswith("other payload")] == [
        "other payload: file 'changed' of run 'run' of ws/proj: the content of the payload differs",
        "other payload: file 'here' of run 'run' of ws/proj: the payload is missing in the source",
        "other payload: file 'there' of run 'run' of ws/proj: the payload is missing in the archive",
    ]
    assert found.payloads == 3


def test_payloads_of_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "_PAYLOADS_AT_ONCE", 2)
    write_project(tmp_path / "one", range(3))
    export(tmp_path / "ours", project="team/export", source=ArchiveSource(tmp_path / "one"), progress_bar=False)
    found = compared(tmp_path / "ours", tmp_path / "one", payloads=True)
    assert (found.is_equal, found.payloads) == (True, 9)
    changed = next((tmp_path / "one" / "files").rglob("run-001/sample 1.txt"))
    changed.write_bytes(changed.read_bytes()[::-1])
    assert compared(tmp_path / "ours", tmp_path / "one").is_equal
    assert compared(tmp_path / "ours", tmp_path / "one", payloads=True).shown == [
        (
            "other payload: file_series 'samples' of run 'run-001' of team/export at step 1.0: "
            "the content of the payload differs"
        )
    ]
