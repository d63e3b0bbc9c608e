"""The exporter's layout as it is written: names, columns, steps, parts."""

from __future__ import annotations

import os
import time
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptune_frames.errors import NeptuneWarning
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.archive.layout import (
    EXPORT_SCHEMA,
    encoded_name,
    exporter_part_name,
    exporter_project_directories,
    list_parts,
)
from neptune_frames.writing.exporter_layout import (
    decimal_steps,
    float_series_rows,
    object_series_rows,
    parameter_rows,
    write_run,
)


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("nanogpt/speedrun", "nanogpt_speedrun-54b5c7319edf9742"),
        ("RUN-123", "RUN-123-29563ea1b8a856c0"),
        ("A", "A-1a89a399ca7c5046"),
        ("run.v2 (final)", "run_v2__final_-211d650defa2c673"),
        ("a²b", "a²b-950989607c2413cb"),
        ("é", "é-cb1abf8beff3192f"),
        ("e\u0301", "e_-3a4748957b95906d"),
        ("żółć/日本語", "żółć_日本語-5e02ce2a08ca5746"),
        ("", "-e4a6a0577479b2b4"),
    ],
)
def test_names_are_those_of_the_exporter(identifier: str, name: str) -> None:
    assert encoded_name(identifier) == name


@settings(deadline=None, max_examples=200)
@given(st.lists(st.floats(min_value=-999_999_999_999, max_value=999_999_999_999), min_size=1, max_size=20))
def test_steps_round_the_exact_binary_value_half_even(steps: list[float]) -> None:
    with localcontext() as context:
        context.prec = 60
        expected = [Decimal(step).quantize(Decimal("0.000001"), rounding=ROUND_HALF_EVEN) for step in steps]
    assert decimal_steps(steps).to_pylist() == expected


def test_documented_steps() -> None:
    steps = decimal_steps([0.1 + 0.2, 1e-7, 5e-7, 100000000000.3, -0.25, 1 / 128])
    texts = [str(step) for step in steps.to_pylist()]
    assert texts == ["0.300000", "0.000000", "0.000000", "100000000000.300003", "-0.250000", "0.007812"]


def test_the_largest_step_reads_back_as_the_same_float() -> None:
    assert list(map(str, decimal_steps([1e12, -1e12]).to_pylist())) == ["999999999999.999999", "-999999999999.999999"]
    assert float("999999999999.999999") == 1e12


@pytest.mark.parametrize("step", [1e12 + 1, -1e12 - 1, float("nan"), float("inf")])
def test_a_step_that_does_not_fit_is_refused(step: float) -> None:
    with pytest.raises(ValueError, match="1e12"):
        decimal_steps([0.0, step])


def test_rows_have_the_schema_and_order_of_the_exporter(tmp_path: Path) -> None:
    batches = [
        parameter_rows({"cfg/set": {"a"}, "cfg/set0": 1, ("absent", "float"): None, "flag": True}),
        float_series_rows({"b": ([0, 1], [1.0, float("nan")]), "a": ([0, 1], [3.0, 4.0])}),
        object_series_rows({"log": ([0], ["x"])}, "string_series"),
    ]
    (path,) = write_run(tmp_path, "ws/proj", "run-1", batches)
    assert path == tmp_path / encoded_name("ws/proj") / exporter_part_name("run-1", 0)
    file = pq.ParquetFile(path)
    assert file.schema_arrow.equals(EXPORT_SCHEMA)
    assert file.metadata.num_row_groups == 3
    rows = file.read()
    assert rows["attribute_path"].to_pylist() == ["absent", "cfg/set0", "cfg/set", "flag", "b", "a", "b", "a", "log"]
    assert rows["float_value"].to_pylist() == [None, None, None, None, 1.0, 3.0, None, 4.0, None]
    assert set(rows["run_id"].to_pylist()) == {"run-1"}
    assert set(rows["project_id"].to_pylist()) == {"ws/proj"}


def test_a_new_part_starts_once_one_is_large(tmp_path: Path) -> None:
    batches = [float_series_rows({f"s{number}": (np.arange(50), np.arange(50.0))}) for number in range(4)]
    paths = write_run(tmp_path, "ws/proj", "odd_part_0", batches, part_bytes=0)
    assert [path.name for path in paths] == [exporter_part_name("odd_part_0", number) for number in range(4)]
    listing = list_parts(tmp_path / encoded_name("ws/proj"))
    assert list(listing.parts) == [str(path) for path in paths]


def test_nothing_is_left_of_a_run_that_fails(tmp_path: Path) -> None:
    def batches() -> object:
        yield parameter_rows({"a": 1})
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="disk"):
        write_run(tmp_path, "ws/proj", "run-1", batches())  # type: ignore[arg-type]
    assert list((tmp_path / encoded_name("ws/proj")).iterdir()) == []


def test_parts_come_in_the_order_of_their_numbers_and_leftovers_apart(tmp_path: Path) -> None:
    complete = ("r_part_10.parquet", "r_part_2.parquet", "r_part_0.parquet")
    for name in (*complete, "q_part_1.parquet", "t_part_0.parquet.tmp", ".h_part_0.parquet", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    listing = list_parts(tmp_path)
    assert [Path(path).name for path in listing.parts] == ["r_part_0.parquet", "r_part_2.parquet", "r_part_10.parquet"]
    assert listing.interrupted == ("q_part_1.parquet", "t_part_0.parquet.tmp")


def test_what_is_being_written_is_no_leftover(tmp_path: Path) -> None:
    write_run(tmp_path, "ws/proj", "run-1", [parameter_rows({"a": 1})])
    unfinished = tmp_path / encoded_name("ws/proj") / "run-2_part_0.parquet.tmp"
    unfinished.write_bytes(b"half")
    source = ArchiveSource(tmp_path)
    assert len(source.catalogs()) == 1  # warnings are errors in this suite
    long_ago = time.time() - 3600
    os.utime(unfinished, (long_ago, long_ago))
    with pytest.warns(NeptuneWarning, match="leftovers of an unfinished export, .*run-2_part_0.parquet.tmp"):
        source.catalogs()
    source.catalogs()


def test_a_root_a_directory_of_projects_and_one_project_are_the_same_archive(tmp_path: Path) -> None:
    write_run(tmp_path / "data", "ws/proj", "run-1", [parameter_rows({"a": 1})])
    project = encoded_name("ws/proj")
    for data in (tmp_path, tmp_path / "data", tmp_path / "data" / project):
        (directory,) = exporter_project_directories(data, None)
        assert directory.data.resolve() == tmp_path / "data" / project
        assert directory.files.resolve() == tmp_path / "files" / project


def test_a_directory_of_archives(tmp_path: Path) -> None:
    for archive in ("first", "second"):
        write_run(tmp_path / archive / "data", f"ws/{archive}", "run-1", [parameter_rows({"a": 1})])
    (tmp_path / ".hidden").mkdir()
    found = exporter_project_directories(tmp_path, None)
    assert [directory.data.name for directory in found] == [encoded_name("ws/first"), encoded_name("ws/second")]
    assert found[1].files.resolve() == tmp_path / "second" / "files" / encoded_name("ws/second")


def test_the_type_of_a_parameter_must_be_known() -> None:
    with pytest.raises(TypeError, match="'a'"):
        parameter_rows({"a": None})
    assert isinstance(parameter_rows({}), pa.Table)
