"""Checking archives: every kind of damage is found, named, and never answered from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_layout_small import (
    PROJECT,
    batch_of,
    change_manifest,
    retell,
    rewrite,
    small_archives,
    write_small_run,
)
from export_projects import write_project
from neptune_frames.archives.checking import check_archive
from neptune_frames.archives.comparing import compare
from neptune_frames.archives.info import archive_info
from neptune_frames.cli import main
from neptune_frames.errors import ArchiveError, DamagedFileError
from neptune_frames.query.attributes import KNOWN_TYPES
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    RunQuery,
    SeriesOptions,
    SortKey,
)
from neptune_frames.schemas import SERIES_TYPES
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.archive.batch_layout import (
    own_part_name,
    own_part_number,
    project_directory,
    read_manifest,
)
from neptune_frames.sources.archive.parquet_files import ParquetFiles
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.writing.exporter_layout import parameter_rows, write_payload, write_run
from neptune_frames.writing.exporting import export

FLOATS = "float_series/part-00000.parquet"
TEXTS = "string_series/part-00000.parquet"
SERIES = "series/part-00000.parquet"
VALUES = "attributes/part-00000.parquet"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return small_archives(tmp_path_factory.mktemp("made"))


@pytest.fixture
def ours(made: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy to damage."""
    shutil.copytree(made[1], tmp_path / "ours")
    return tmp_path / "ours"


def read_everything(archive: Path) -> int:
    source = ArchiveSource(archive)
    runs = source.search(RunQuery(PROJECT, ContainerKind.RUN)).runs
    everything = AttributeSelector((AttributeAlternative(KNOWN_TYPES),))
    count = sum(batch.num_rows for _, batch in source.values(runs, everything))
    keys = SeriesKeys(runs, pa.array(["m/a", "m/b", "m/c", "log"]))
    options = SeriesOptions(include_time=True)
    for batch in [*source.float_points(keys, options), *source.object_points(keys, options)]:
        count += len(batch["points"].values)
    return count


def test_a_whole_archive(made: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    exported, ours = made
    report = check_archive(ours)
    assert report.problems == []
    assert (report.projects, report.files, report.payloads) == (1, 6, 3)
    assert check_archive(exported).is_whole
    assert main(["verify", str(ours), "--against", str(exported), "--payloads"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("3 attached files, 456 points: equal")


def set_column(name: str, change: Callable[[pa.ChunkedArray], Any]) -> Callable[[pa.Table], pa.Table]:
    def changed(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index(name)
        return table.set_column(at, table.schema.field(at), change(table[name]))

    return changed


def put(position: int, value: object) -> Callable[[pa.ChunkedArray], pa.Array]:
    def changed(column: pa.ChunkedArray) -> pa.Array:
        values = column.to_pylist()
        values[position] = value
        return pa.array(values, column.type)

    return changed


def flip_bytes(batch: Path) -> None:
    content = bytearray((batch / FLOATS).read_bytes())
    content[40:60] = bytes(20)
    (batch / FLOATS).write_bytes(content)


def swap_rows(table: pa.Table) -> pa.Table:
    order = np.arange(table.num_rows)
    order[[3, 4]] = order[[4, 3]]
    return table.take(pa.array(order))


def reorder(*order: int) -> Callable[[pa.Table], pa.Table]:
    """Rows in another order; those that are not named follow as they were."""

    def changed(table: pa.Table) -> pa.Table:
        rest = [row for row in range(table.num_rows) if row not in order]
        return table.take(pa.array([*order, *rest]))

    return changed


def without_entry(start: str) -> Callable[[Path], object]:
    """The manifest names files no more, and they are gone: nothing is left that could be read instead."""

    def change(batch: Path) -> None:
        files = read_manifest(batch).files
        for entry in files:
            if entry.path.startswith(start):
                (batch / entry.path).unlink()
        change_manifest(batch, files=[entry for entry in files if not entry.path.startswith(start)])

    return change


def move_series(batch: Path) -> None:
    """The points of the first two runs change places, in the file and in the table that says where they are."""
    table = pq.read_table(batch / FLOATS, partitioning=None)
    moved = pa.concat_tables([table.slice(50, 50), table.slice(0, 50), table.slice(100)])
    # In row groups of one series, each of which is in order.
    pq.write_table(moved, batch / FLOATS, row_group_size=50)
    retell(batch, FLOATS)
    rewrite(batch, SERIES, set_column("row", lambda column: put(1, 0)(pa.chunked_array([put(0, 50)(column)]))))


def doubled_series(batch: Path) -> None:
    """A series whose points are there twice, as two stretches of one file."""
    rewrite(batch, TEXTS, lambda table: pa.concat_tables([table, table.slice(4)]))
    last = pq.read_table(batch / SERIES, partitioning=None).slice(11)
    rewrite(batch, SERIES, lambda table: pa.concat_tables([table, set_column("row", put(0, 6))(last)]))
    change_manifest(batch, points={"float_series": 450, "string_series": 8})
    rewrite(batch, "runs.parquet", set_column("point_count", put(2, 154)))


STATISTICS_DAMAGES: dict[str, tuple[Callable[[Path], object], str, bool]] = {
    f"{name} of a series": (
        lambda batch, name=name: rewrite(batch, SERIES, set_column(name, put(4, 0.1234))),  # type: ignore[misc]
        f"'m/b' of run 'run-1' has {name} that is not that of its points",
        name == "last_step",
    )
    for name in ("first_step", "last_step", "last", "min", "max", "average", "variance")
}
COUNT_DAMAGES: dict[str, tuple[Callable[[Path], object], str, bool]] = {
    f"count of {what}": (
        lambda batch, field=field, said=said: change_manifest(batch, **{field: said}),  # type: ignore[misc]
        message,
        False,
    )
    for what, field, said, message in (
        ("runs", "runs", 4, "runs.parquet: it has 3 runs, and the manifest says 4"),
        ("values", "attributes", 20, "attributes: it has 27 values, and the manifest says 20"),
        ("series", "series", 4, "series: it has 12 series, and the manifest says 4"),
        ("points", "points", {"string_series": 6, "float_series": 449}, "450 points of float_series, and the manifest"),
        ("points of a type", "points", {"float_series": 450}, "6 points of string_series, and the manifest says 0"),
        ("payloads", "payloads", 2, "payloads.parquet: it has 3 payloads, and the manifest says 2"),
        ("bytes", "payload_bytes", 26, "it has 27 bytes of payloads, and the manifest says 26"),
    )
}
RUN_COUNT_DAMAGES: dict[str, tuple[Callable[[Path], object], str, bool]] = {
    f"{column} of a run": (
        lambda batch, column=column: rewrite(batch, "runs.parquet", set_column(column, put(1, 3))),  # type: ignore[misc]
        f"runs.parquet: it says 3 as {column} of run 'run-1', and the other tables have {there}",
        False,
    )
    for column, there in (("attribute_count", 9), ("series_count", 4), ("point_count", 152))
}

#: What is done to a batch, what the check says, and whether reading fails too.
DAMAGES: dict[str, tuple[Callable[[Path], object], str, bool]] = {
    "missing points": (lambda batch: (batch / FLOATS).unlink(), "is missing", True),
    "missing values": (lambda batch: (batch / VALUES).unlink(), "is missing", True),
    "truncated": (
        lambda batch: (batch / FLOATS).write_bytes((batch / FLOATS).read_bytes()[:-50]),
        "bytes, and the manifest says",
        True,
    ),
    "empty": (lambda batch: (batch / TEXTS).write_bytes(b""), "0 bytes, and the manifest says", True),
    "flipped bytes": (flip_bytes, "checksum differs", False),
    "no manifest": (lambda batch: (batch / "manifest.json").unlink(), "manifest.json is damaged: it is missing", True),
    "half a manifest": (
        lambda batch: (batch / "manifest.json").write_bytes((batch / "manifest.json").read_bytes()[:100]),
        "manifest.json is damaged",
        True,
    ),
    "later version": (lambda batch: change_manifest(batch, version=2), "reads up to 1", True),
    "too few rows": (
        lambda batch: rewrite(batch, FLOATS, lambda table: table.slice(0, 440)) or retell(batch, FLOATS, rows=440),
        "not those that the table of series names",
        True,
    ),
    "rows and manifest": (lambda batch: retell(batch, FLOATS, rows=17), "450 rows, and the manifest says 17", True),
    "order of points": (lambda batch: rewrite(batch, FLOATS, swap_rows), "steps that do not ascend", False),
    "another run": (
        lambda batch: rewrite(batch, FLOATS, set_column("run", put(70, "run-0"))),
        "'m/a' of run 'run-1' has rows of another run",
        False,
    ),
    "another value": (
        lambda batch: rewrite(batch, FLOATS, set_column("value", put(49, 7.0))),
        "'m/a' of run 'run-0' has last that is not that of its points",
        False,
    ),
    "last step of texts": (
        lambda batch: rewrite(batch, SERIES, set_column("last_step", put(-1, 9.0))),
        "'log' of run 'run-2' has a first or last step",
        True,
    ),
    "missing column": (
        lambda batch: rewrite(batch, VALUES, lambda table: table.drop(["float_value"])),
        "'float_value' is missing",
        True,
    ),
    "type of a column": (
        lambda batch: rewrite(batch, VALUES, set_column("int_value", lambda column: column.cast(pa.int64()))),
        "",
        False,
    ),
    "order of values": (lambda batch: rewrite(batch, VALUES, swap_rows), "attributes: its rows are not sorted", False),
    "strange run": (
        lambda batch: rewrite(batch, "runs.parquet", lambda table: table.slice(1)),
        "runs that are not in the batch, such as 'run-0'",
        False,
    ),
    "another attribute": (
        lambda batch: rewrite(batch, FLOATS, set_column("attribute", put(70, "m/b"))),
        "'m/a' of run 'run-1' has rows of another attribute",
        False,
    ),
    "order of runs": (lambda batch: rewrite(batch, "runs.parquet", reorder(1, 0)), "its runs are not sorted", False),
    "order of series": (move_series, f"{FLOATS}: its rows are not sorted by attribute and run", False),
    "points twice": (doubled_series, "'log' of run 'run-2' has steps from 0.0 on in batch 0, and up to 1.0", False),
    "type of a key": (
        lambda batch: rewrite(
            batch, FLOATS, lambda table: table.set_column(2, "step", table["step"].cast(pa.string()))
        ),
        "its column 'step' has the type string, not double",
        False,
    ),
    "number of the batch": (lambda batch: change_manifest(batch, batch=7), "it is the manifest of batch 7", False),
    "project": (lambda batch: change_manifest(batch, project="ws/other"), "it is of the project 'ws/other'", False),
    "stray points": (
        lambda batch: shutil.copy(batch / FLOATS, batch / "float_series/part-00001.parquet"),
        "float_series/part-00001.parquet: the manifest does not name it",
        False,
    ),
    "values not listed": (without_entry("attributes"), "attributes: it has 0 values, and the manifest says 27", False),
    "series not listed": (without_entry("series"), "series: it has 0 series, and the manifest says 12", False),
    "points not listed": (without_entry("float"), f"series: it names {FLOATS}, which the manifest does not", True),
    "nothing listed": (without_entry(""), "runs.parquet: the manifest does not name it", False),
    "payloads not listed": (without_entry("payloads"), "it has 0 payloads, and the manifest says 3", False),
    "a payload not listed": (
        lambda batch: (
            rewrite(batch, "payloads.parquet", lambda table: table.slice(1))
            and change_manifest(batch, payloads=2, payload_bytes=18)
        ),
        "payloads.parquet: it does not list 'run-0-",
        False,
    ),
    **STATISTICS_DAMAGES,
    **COUNT_DAMAGES,
    **RUN_COUNT_DAMAGES,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found(ours: Path, damage: str) -> None:
    change, message, fails = DAMAGES[damage]
    before = read_everything(ours)
    change(batch_of(ours))
    report = check_archive(ours)
    if not message:
        assert report.is_whole
        assert read_everything(ours) == before
        return
    assert any(message in problem for problem in report.problems), report.problems
    assert main(["verify", str(ours)]) == 1
    if fails:
        with pytest.raises(ArchiveError) as caught:
            read_everything(ours)
        assert str(batch_of(ours)) in str(caught.value)


def test_an_export_is_checked(made: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(made[0], tmp_path / "exported")
    first, second, third = sorted(tmp_path.glob("exported/data/*/*.parquet"))
    first.write_bytes(first.read_bytes()[:-30])
    second.write_bytes(b"")
    third.with_name(third.name + ".tmp").write_bytes(b"")
    assert main(["verify", str(tmp_path / "exported")]) == 1
    shown = capsys.readouterr().out
    assert all(f"{file} is damaged" in shown for file in (first, second))
    assert "leftover of an unfinished export" in shown
    assert "exported: 3 problems found in 1 project" in shown


def test_first_and_last_points_are_read_from_their_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROW_GROUP_ROWS", "ROW_GROUP_LEAST"):
        monkeypatch.setattr(f"neptune_frames.writing.part_files.{name}", 10)
    _, ours = small_archives(tmp_path, runs=2, points=100)
    source = ArchiveSource(ours)
    runs = source.search(RunQuery(PROJECT, ContainerKind.RUN, sort=SortKey("sys/id", "string", False))).runs
    read: list[list[int]] = []
    original = ParquetFiles.read

    def noted(files: ParquetFiles, file: Any, entry: Any, columns: Any, groups: Any = None, *rest: Any) -> pa.Table:
        read.append(list(groups))
        return original(files, file, entry, columns, groups, *rest)

    monkeypatch.setattr(ParquetFiles, "read", noted)
    keys = SeriesKeys(runs, pa.array(["m/b"]))
    for options, groups, steps in (
        (SeriesOptions(tail_limit=3), [29, 39], [97.0, 98.0, 99.0]),
        (SeriesOptions(tail_limit=3, step_range=(98, None)), [29, 39], [98.0, 99.0]),
        (SeriesOptions(tail_limit=2, step_range=(None, 15)), [20, 21, 30, 31], [14.0, 15.0]),
        (SeriesOptions(step_range=(40, 49)), [24, 34], [float(step) for step in range(40, 50)]),
        (SeriesOptions(head_limit=3), [20, 30], [0.0, 1.0, 2.0]),
        (SeriesOptions(head_limit=11, step_range=(-5, 9)), [20, 30], [float(step) for step in range(10)]),
        # Where they begin is not known.
        (SeriesOptions(head_limit=3, step_range=(85, 89)), [28, 38], [float(step) for step in range(85, 90)]),
        (SeriesOptions(head_limit=3, tail_limit=2), [29, 39], [98.0, 99.0]),
        (SeriesOptions(head_limit=3, time_range=(1_700_000_095_000, None)), [29, 39], [95.0, 96.0, 97.0, 98.0, 99.0]),
    ):
        read.clear()
        found = [row for batch in source.float_points(keys, options) for row in batch.to_pylist()]
        assert [[point["step"] for point in row["points"]] for row in found] == [steps, steps]
        assert read == [groups]


def test_payloads_are_checked(ours: Path) -> None:
    first, second, third = sorted(path for path in ours.glob("project=*/files/**/*") if path.is_file())
    first.unlink()
    second.write_bytes(b"longer than it was")
    third.write_bytes(third.read_bytes()[::-1])
    problems = check_archive(ours).problems
    assert [problem.rpartition(": ")[2] for problem in problems] == [
        "the payload is missing",
        "it has 18 bytes, and should have 9",
        "the checksum of the payload differs",
    ]
    assert len(check_archive(ours, checksums=False).problems) == 2


def test_points_in_two_batches_are_found(ours: Path) -> None:
    shutil.copytree(batch_of(ours), batch_of(ours, 1))
    change_manifest(batch_of(ours, 1), batch=1)
    problems = check_archive(ours).problems
    assert any("in batch 1, and up to 49.0 in batch 0" in problem for problem in problems)


@pytest.mark.parametrize(
    ("removed", "message"), [([0], "batch 0 is missing"), ([1], "batch 1 is missing"), ([0, 1], "batches 0 to 1 are")]
)
def test_batches_that_were_removed_are_missed(tmp_path: Path, removed: list[int], message: str) -> None:
    for number in range(3):
        write_small_run(tmp_path / "exported", number, points=3)
        export(tmp_path / "ours", project=PROJECT, source=ArchiveSource(tmp_path / "exported"), progress_bar=False)
    assert check_archive(tmp_path / "ours").is_whole
    for number in removed:
        shutil.rmtree(batch_of(tmp_path / "ours", number))
    (problem,) = check_archive(tmp_path / "ours").problems
    assert message in problem


def test_a_project_without_a_batch_is_none(ours: Path) -> None:
    shutil.rmtree(batch_of(ours))
    with pytest.raises(ArchiveError, match="no project was found"):
        check_archive(ours)


def test_hidden_files_are_no_part_of_a_batch(ours: Path) -> None:
    (batch_of(ours) / ".DS_Store").write_bytes(b"")
    assert check_archive(ours).is_whole


def test_files_of_a_series_are_payloads_too(tmp_path: Path) -> None:
    write_project(tmp_path / "exported", range(2))
    export(tmp_path / "ours", project="team/export", source=ArchiveSource(tmp_path / "exported"), progress_bar=False)
    assert check_archive(tmp_path / "ours").is_whole
    batch = batch_of(tmp_path / "ours")
    rewrite(batch, "payloads.parquet", lambda table: table.filter(pc.match_substring(table["path"], "model")))
    problems = check_archive(tmp_path / "ours").problems
    assert any("it does not list 'run-000-" in one and "(and 3 more)" in one for one in problems), problems


def test_a_payload_of_two_runs_is_a_problem(tmp_path: Path) -> None:
    write_payload(tmp_path / "files", PROJECT, "a.bin", b"content")
    for run, attributes, problems in (("a", ["model", "again"], 0), ("b", ["model"], 1)):
        names: dict[str | tuple[str, str], object] = {(name, "file"): "a.bin" for name in attributes}
        write_run(tmp_path / "data", PROJECT, run, [parameter_rows({"sys/id": run, **names})])
        found = check_archive(tmp_path).problems
        assert len(found) == problems, found
    assert found[0].endswith("a.bin: rows of two runs, 'a' and 'b', name this payload")


def test_a_damaged_project_leaves_the_others_alone(made: tuple[Path, Path], tmp_path: Path) -> None:
    for project in ("ws/one", "ws/two"):
        write_small_run(tmp_path / "exported", 0, project=project)
    export(tmp_path / "ours", project=["ws/one", "ws/two"], source=ArchiveSource(tmp_path / "exported"))
    (damaged,) = tmp_path.glob("ours/project=ws_one*/batch=000000")
    (damaged / SERIES).unlink()
    source = ArchiveSource(tmp_path / "ours")
    assert source.search(RunQuery("ws/two", ContainerKind.RUN)).runs.num_rows == 1
    with pytest.raises(DamagedFileError) as caught:
        source.search(RunQuery("ws/one", ContainerKind.RUN))
    assert caught.value.path == str(damaged / SERIES)


def test_another_archive_in_the_place_of_one(made: tuple[Path, Path], ours: Path, tmp_path: Path) -> None:
    source = ArchiveSource(ours)
    everyone = RunQuery(PROJECT, ContainerKind.RUN)

    def points() -> int:
        keys = SeriesKeys(source.search(everyone).runs, pa.array(["m/a"]))
        return sum(len(batch["points"].values) for batch in source.float_points(keys, SeriesOptions()))

    assert points() == 150
    (project,) = ours.glob("project=*")
    shutil.rmtree(project)
    assert source.projects().num_rows == 0
    write_small_run(tmp_path / "other", 0, points=70)
    export(ours, project=PROJECT, source=ArchiveSource(tmp_path / "other"), progress_bar=False)
    assert points() == 70
    # The same without a look in between, as far as the directory of the batch tells them apart.
    shutil.rmtree(project)
    export(ours, project=PROJECT, source=ArchiveSource(made[0]), progress_bar=False)
    assert points() == 150


def test_batches_join(made: tuple[Path, Path], tmp_path: Path) -> None:
    exported, ours = tmp_path / "exported", tmp_path / "ours"
    for points, update in ((20, False), (45, True), (50, True)):
        for number in range(3):
            write_small_run(exported, number, points=points, stage=points)
        export(ours, project=PROJECT, source=ArchiveSource(exported), update=update, progress_bar=False)
    assert len(list(ours.glob("project=*/batch=*"))) == 3
    assert check_archive(ours).is_whole
    found = compare(ArchiveSource(ours), ArchiveSource(exported), payloads=True)
    assert found.is_equal, found.shown
    selector = AttributeSelector((AttributeAlternative(("float_series",)),))
    summaries = []
    for source in (ArchiveSource(ours), ArchiveSource(exported)):
        runs = source.search(RunQuery(PROJECT, ContainerKind.RUN)).runs
        values = [row for _, batch in source.values(runs, selector) for row in batch.to_pylist()]
        summaries.append([sorted(values, key=lambda row: (row["attribute"], row["run"]))])
        tail = SeriesOptions(tail_limit=7, step_range=(10, 47))
        keys = SeriesKeys(runs, pa.array(["m/a", "m/c"]))
        rows = [row for batch in source.float_points(keys, tail) for row in batch.to_pylist()]
        summaries[-1].append(sorted(rows, key=lambda row: (row["run"], row["attribute"])))
    assert summaries[0] == summaries[1]


def test_a_later_format_is_refused(ours: Path) -> None:
    (ours / "neptune-frames.json").write_text('{"format": "neptune-frames", "version": 99}')
    with pytest.raises(ArchiveError, match=r"version 99; this library reads 'neptune-frames' up to version 1"):
        ArchiveSource(ours)


def test_information(made: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    from neptune_frames.archives.info import archive_info

    (exported,), (ours,) = (archive_info(archive) for archive in made)
    for name in ("project", "runs", "experiments", "attributes", "values", "series", "points", "payloads"):
        assert getattr(exported, name) == getattr(ours, name), name
    assert (exported.first_time, exported.last_time) == (ours.first_time, ours.last_time)
    assert ours.points == {"float_series": 450, "string_series": 6}
    assert main(["info", str(made[1])]) == 0
    assert "points     456 (450 float_series, 6 string_series)" in capsys.readouterr().out
    assert main(["info", "--json", str(made[0])]) == 0
    assert '"runs": 3' in capsys.readouterr().out


def test_checksums_can_be_left_out(ours: Path, capsys: pytest.CaptureFixture[str]) -> None:
    retell(batch_of(ours), FLOATS, sha256="0" * 64)
    assert main(["verify", str(ours), "--no-checksums"]) == 0
    assert main(["verify", str(ours)]) == 1
    assert "the checksum differs" in capsys.readouterr().out


def test_a_subset_is_compared(made: tuple[Path, Path], tmp_path: Path) -> None:
    write_small_run(tmp_path / "more", 3)
    shutil.copytree(made[0], tmp_path / "more", dirs_exist_ok=True)
    against = ["verify", str(made[1]), "--against", str(tmp_path / "more")]
    assert main(against) == 1
    assert main([*against, "--subset"]) == 0


@pytest.mark.parametrize("option", ["--subset", "--payloads"])
def test_how_to_compare_needs_something_to_compare_with(
    option: str, made: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["verify", str(made[1]), option])
    assert stopped.value.code == 2
    assert f"error: {option} says how to compare: give --against SOURCE" in capsys.readouterr().err


def test_payloads_that_lie_elsewhere(
    made: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, elsewhere = str(tmp_path / "exported"), str(made[0] / "files")
    shutil.copytree(made[0] / "data", tmp_path / "exported" / "data")
    assert main(["info", archive]) == 0
    assert "files      0 (0 bytes)" in capsys.readouterr().out
    assert main(["info", archive, "--files", elsewhere]) == 0
    assert "files      3 (27 bytes)" in capsys.readouterr().out
    monkeypatch.setenv("NEPTUNE_ARCHIVE_FILES", elsewhere)
    for command in (["info"], ["verify"]):
        assert main([*command, archive]) == 0
    shown = capsys.readouterr().out
    assert "files      3 (27 bytes)" in shown
    assert "3 attached files" in shown
    assert main(["convert", archive, str(tmp_path / "kept")]) == 0
    assert "files       3" in capsys.readouterr().out


def test_info_counts_what_is_stored(tmp_path: Path) -> None:
    """Two values of an export can name one payload; in our layout each has its own."""
    write_payload(tmp_path / "exported" / "files", PROJECT, "a.bin", b"content")
    names: dict[str | tuple[str, str], object] = {(name, "file"): "a.bin" for name in ("model", "again")}
    write_run(tmp_path / "exported" / "data", PROJECT, "a", [parameter_rows({"sys/id": "a", **names})])
    export(tmp_path / "ours", project=PROJECT, source=ArchiveSource(tmp_path / "exported"), progress_bar=False)
    for name, count in (("exported", 1), ("ours", 2)):
        (info,) = archive_info(tmp_path / name)
        assert (info.payloads, info.payload_bytes) == (count, 7 * count)
        assert len([path for path in (tmp_path / name).rglob("*.bin") if path.is_file()]) == count


def test_conversion(made: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exported, _ = made
    target = tmp_path / "converted"
    assert main(["convert", str(exported), str(target), "--project", PROJECT, "--no-progress"]) == 0
    assert main(["convert", str(exported), str(target)]) == 0
    assert "(3 were there already)" in capsys.readouterr().out
    assert compare(ArchiveSource(target), ArchiveSource(exported)).is_equal
    assert main(["convert", str(target), str(tmp_path / "back"), "--layout", "neptune-exporter", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert compare(ArchiveSource(tmp_path / "back"), ArchiveSource(exported), payloads=True).is_equal
    (tmp_path / "empty" / "data").mkdir(parents=True)
    assert main(["convert", str(tmp_path / "empty"), str(target)]) == 1
    assert "no project" in capsys.readouterr().err


@pytest.mark.slow
def test_against_a_server(
    made: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("starlette")
    from neptune_frames.server.testing import serve_in_thread
    from neptune_frames.sources.choose import close_sources

    exported, ours = made
    assert main(["verify", str(ours), "--against", "server"]) == 1
    assert "no API token" in capsys.readouterr().err
    with serve_in_thread(exported) as server:
        monkeypatch.setenv("NEPTUNE_API_TOKEN", server.api_token)
        assert main(["verify", str(ours), "--against", "server", "--payloads"]) == 0
        shown = capsys.readouterr().out
        assert "456 points: equal" in shown
        assert server.api_token not in shown
        close_sources()


def test_points_that_no_series_names(ours: Path) -> None:
    """A table of series without a row for a file of points: a problem, not a failure of the check itself."""
    rewrite(batch_of(ours), SERIES, lambda table: table.filter(pc.not_equal(table["type"], "string_series")))
    assert any(f"{TEXTS}: its rows are not those" in problem for problem in check_archive(ours).problems)


@given(kind=st.sampled_from([*SERIES_TYPES, "attributes", "series"]), number=st.integers(0, 10**9))
def test_part_numbers_are_those_of_names(kind: str, number: int) -> None:
    assert own_part_number(own_part_name(kind, number)) == number


def test_no_part_number() -> None:
    for path in ("runs.parquet", "series/part-1.parquet", "series/part-00001.parquet.tmp", "a/b/part-00001.parquet"):
        assert own_part_number(path) is None


def test_a_file_that_an_update_replaced(tmp_path: Path) -> None:
    """Each batch lists its own version; a file that did not change is listed by both, and counts once."""
    exported, ours = small_archives(tmp_path)
    write_small_run(exported, 0, points=70)
    write_small_run(exported, 1, points=70)
    for payload in (exported / "files").rglob("run-0/model.bin"):
        payload.write_bytes(b"other and longer weights")
    export(ours, project=PROJECT, source=ArchiveSource(exported), update=True, progress_bar=False)
    report = check_archive(ours)
    assert (report.problems, report.files, report.payloads) == ([], 11, 4)
    assert compare(ArchiveSource(ours), ArchiveSource(exported), payloads=True).is_equal
    next((ours / project_directory(ours, PROJECT) / "files").rglob("*.bin")).write_bytes(b"lost")
    assert len(check_archive(ours).problems) == 1


@pytest.mark.parametrize("command", ["verify", "info", "info --json", "convert"])
def test_a_directory_without_an_archive_is_not_taken_for_one(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs" / "pictures").mkdir(parents=True)
    (tmp_path / "docs" / "pictures" / "loss.svg").write_text("<svg/>")
    (tmp_path / "docs" / "empty").mkdir()
    more = [str(tmp_path / "target")] if command == "convert" else []
    for place in ("docs", "docs/empty"):
        name, *options = command.split()
        assert main([name, str(tmp_path / place), *options, *more]) == 1
        shown = capsys.readouterr()
        assert "no project was found in it" in shown.err
        assert shown.out == ""


def test_directories_that_are_none_of_an_export_are_no_projects(made: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(made[0], tmp_path / "exported")
    (tmp_path / "exported" / "data" / "pictures").mkdir()
    assert check_archive(tmp_path / "exported").projects == 1


@pytest.mark.filterwarnings("default::neptune_frames.errors.NeptuneWarning")
def test_what_has_problems_is_compared_all_the_same(
    made: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made[0], tmp_path / "exported")
    part = next(tmp_path.glob("exported/data/*/*.parquet"))
    leftover = part.with_name("other-0_part_0.parquet.tmp")
    leftover.write_bytes(b"")
    os.utime(leftover, (0, 0))
    assert main(["verify", str(tmp_path / "exported"), "--against", str(made[1])]) == 1
    shown = capsys.readouterr()
    assert "1 problem found in 1 project" in shown.out
    assert shown.out.rstrip().endswith("456 points: equal")
    assert shown.err.startswith("warning: ")


def test_the_other_side_is_looked_for_first(ours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(ours), "--against", str(tmp_path / "nowhere")]) == 1
    shown = capsys.readouterr()
    assert (shown.out, "nowhere" in shown.err) == ("", True)


@pytest.mark.filterwarnings("default::neptune_frames.errors.NeptuneWarning")
def test_info_counts_files_that_are_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        write_small_run(tmp_path / "exported", number, points=3)
    next((tmp_path / "exported" / "files").rglob("run-2/model.bin")).unlink()
    assert main(["convert", str(tmp_path / "exported"), str(tmp_path / "kept"), "--no-progress"]) == 0
    shown = capsys.readouterr()
    assert "files       1 (1 missing in the source)" in shown.out
    assert shown.err.startswith("warning: ws/proj: 1 file could not be found in the source")
    counts = [
        (one.payloads, one.payload_bytes) for name in ("exported", "kept") for one in archive_info(tmp_path / name)
    ]
    assert counts[0] == counts[1]
    assert counts[0][0] == 1
