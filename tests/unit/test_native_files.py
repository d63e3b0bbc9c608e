"""What `nf.download_files` takes: every shape that the native API gives files in, and a word where there are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import neptune_frames as nf
from memory_source import MemoryRun, MemorySource
from neptune_frames.errors import NeptuneUserError
from neptune_frames.frames.files import collect_files

FILE = {"path": "key", "size_bytes": 4, "mime_type": "text/plain"}
VALUES = [
    {"step": 1.0, "timestamp": 0, "string": None, "histogram": None, "file": FILE},
    {"step": 2.0, "timestamp": 0, "string": None, "histogram": None, "file": {**FILE, "path": "late"}},
    {"step": 3.0, "timestamp": 0, "string": "words", "histogram": None, "file": None},
]
ART = [("ws/proj", "run-a", "art", None)]
LOGS = [("ws/proj", "run-a", "log", 1.0), ("ws/proj", "run-a", "log", 2.0)]


@pytest.fixture
def source() -> MemorySource:
    runs = [
        MemoryRun("run-a", "exp", {"art": ("file", FILE), "lr": ("float", 0.1)}, {}, {"log": ("file_series", VALUES)}),
        MemoryRun("run-b", "exp-b", {"lr": ("float", 0.2)}),
    ]
    return MemorySource(runs)


def table(source: MemorySource, **chosen: Any) -> Any:
    return nf.fetch_table(
        project="ws/proj", attributes=["art", "lr"], source=source, sort_by="sys/id", **(chosen or {"runs": ""})
    )


def series(source: MemorySource) -> Any:
    return nf.fetch_series(project="ws/proj", runs=["run-a"], attributes=["log"], source=source)


def targets(source: MemorySource, directory: Path) -> list[str]:
    """Where below a directory the files of the one download go."""
    (requests,) = [call[1] for call in source.calls if call[0] == "fetch_files"]
    return [request.target.relative_to(directory.resolve()).as_posix() for request in requests]


OF_TABLES: dict[str, Callable[[Any], Any]] = {
    "result": lambda table: table,
    "polars": lambda table: table.collect(),
    "lazy": lambda table: table.lazy(),
    "arrow": lambda table: table.to_arrow(),
    "pandas": lambda table: table.to_pandas(),
    "pandas column": lambda table: table.to_pandas()["art"],
    "values": lambda table: [file for file in table.to_pandas()["art"] if isinstance(file, nf.File)],
    "value": lambda table: table.to_pandas()["art"].iloc[0],
}


@pytest.mark.parametrize("shape", OF_TABLES)
def test_files_of_tables(source: MemorySource, shape: str, tmp_path: Path) -> None:
    files = OF_TABLES[shape](table(source, runs="a$" if shape == "value" else ""))
    downloaded = nf.download_files(files=files, destination=tmp_path, source=source)
    assert downloaded.collect().drop("path").rows() == ART
    assert downloaded.to_pandas().shape == (1, 1)
    (requests,) = [call[1] for call in source.calls if call[0] == "fetch_files"]
    assert targets(source, tmp_path) == ["run-a/art.txt"]
    assert [(request.path, request.size_bytes) for request in requests] == [("key", 4)]


@pytest.mark.parametrize("shape", ["result", "polars", "lazy", "arrow", "pandas"])
def test_files_of_series(source: MemorySource, shape: str, tmp_path: Path) -> None:
    downloaded = nf.download_files(files=OF_TABLES[shape](series(source)), destination=tmp_path, source=source)
    assert downloaded.collect().drop("path").rows() == LOGS
    assert len(downloaded) == 2
    assert downloaded.to_pandas().index.names == ["run", "step"]


def test_files_of_scans(source: MemorySource, tmp_path: Path) -> None:
    scanned = nf.scan_series(project="ws/proj", runs=["run-a"], attributes=["log"], source=source)
    downloaded = nf.download_files(files=scanned.filter(pl.col("step") > 1), destination=tmp_path, source=source)
    assert downloaded.collect().drop("path").rows() == LOGS[1:]
    assert downloaded.collect().schema["path"] == pl.String
    experiments = table(source, experiments="")
    assert (
        nf.download_files(files=experiments, destination=tmp_path, source=source).collect().columns[1] == "experiment"
    )


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        (lambda table: "logs/steps", TypeError, r"files must be File values .*, got str"),
        (lambda table: 3, TypeError, "got int"),
        (lambda table: ["logs/steps"], ValueError, "there is no File in it, but str among others"),
        (lambda table: table.to_pandas()["lr"], ValueError, "there is no File in it, but float"),
        (lambda table: table.collect()["art"], ValueError, "does not say whose they are"),
        (lambda table: table.collect()["art"].to_list(), ValueError, "but dict among others"),
        (lambda table: table.collect().to_pandas(), ValueError, "but .* among others"),
        (lambda table: table.collect().drop("art"), ValueError, "the frame has no column of files"),
        (lambda table: table.lazy().drop("run"), ValueError, "needs the columns project and experiment or run"),
    ],
)
def test_what_holds_no_files_is_refused(
    source: MemorySource, files: Callable[[Any], Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        nf.download_files(files=files(table(source)), destination=tmp_path / "new", source=source)
    assert not (tmp_path / "new").exists()


def test_nothing_gives_nothing(source: MemorySource, tmp_path: Path) -> None:
    without = table(source, runs=["run-b"])
    for files in ([], [None, float("nan")], without, table(source).collect().clear()):
        downloaded = nf.download_files(files=files, destination=tmp_path, source=source)
        assert len(downloaded) == downloaded.collect().height == 0
    assert [call for call in source.calls if call[0] == "fetch_files"] == []


@pytest.mark.parametrize("shape", ["result", "polars", "lazy", "arrow"])
@pytest.mark.parametrize("kind", ["experiment", "run"])
def test_no_files_have_the_columns_of_their_frame(source: MemorySource, shape: str, kind: str, tmp_path: Path) -> None:
    if shape == "result":
        none = table(source, **{f"{kind}s": "b$"})
    else:
        frame = table(source, **{f"{kind}s": ""}).collect().filter(pl.col("art").is_null())
        none = {"polars": frame, "lazy": frame.lazy(), "arrow": frame.to_arrow()}[shape]
    paths = nf.download_files(files=none, destination=tmp_path, source=source).collect()
    assert paths.columns == ["project", kind, "attribute", "step", "path"]
    assert not paths.height


@pytest.mark.parametrize("chosen", ["runs", "experiments"])
def test_files_of_attributes(source: MemorySource, chosen: str, tmp_path: Path) -> None:
    """The frame names attributes in a column, as that of series does."""
    found = nf.scan_attributes(project="ws/proj", source=source, **{chosen: ""}).collect()
    art = found.filter(attribute="art")
    log = art.with_columns(attribute=pl.lit("log"), type=pl.lit("file_series"), last_step=2.0)
    scanned = pl.concat([found, log])
    label = "run-a" if chosen == "runs" else "exp"
    downloaded = nf.download_files(files=scanned, destination=tmp_path, source=source)
    assert downloaded.collect().drop("path").rows() == [("ws/proj", label, "art", None), ("ws/proj", label, "log", 2.0)]
    assert targets(source, tmp_path) == [f"{label}/art.txt", f"{label}/log/step_2_000000.txt"]
    few = scanned.select("project", chosen[:-1], "attribute", "file_value")
    assert nf.download_files(files=few, destination=tmp_path, source=source).collect()["step"].to_list() == [None] * 2


@pytest.mark.parametrize("shape", ["polars", "arrow", "pandas"])
def test_the_type_behind_a_name_is_no_part_of_it(source: MemorySource, shape: str, tmp_path: Path) -> None:
    result = table(source)
    suffixed = result.collect(type_suffix=True)
    files = {"polars": suffixed, "arrow": suffixed.to_arrow(), "pandas": result.to_pandas(type_suffix=True)}[shape]
    paths = nf.download_files(files=files, destination=tmp_path, source=source).collect()
    assert paths.drop("path").rows() == ART
    assert targets(source, tmp_path) == ["run-a/art.txt"]


def test_a_name_that_ends_like_a_type_beside_the_shorter_one(source: MemorySource, tmp_path: Path) -> None:
    frame = table(source, runs=["run-a"]).collect().with_columns(pl.col("art").alias("art:file"))
    paths = nf.download_files(files=frame, destination=tmp_path, source=source).collect()
    assert paths["attribute"].to_list() == ["art", "art:file"]


def test_files_that_differ_in_one_cell_of_one_project(source: MemorySource, tmp_path: Path) -> None:
    (file,) = OF_TABLES["values"](table(source, runs=["run-a"]))
    with pytest.raises(ValueError, match=r"step None: both of project 'ws/proj'\. Download"):
        nf.download_files(files=[file, replace(file, path="older")], destination=tmp_path, source=source)


def test_a_tilde_is_the_home_directory(source: MemorySource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    nf.download_files(files=table(source), destination="~/plots", source=source)
    assert targets(source, tmp_path) == ["home/plots/run-a/art.txt"]
    assert not (tmp_path / "~").exists()


def test_only_columns_of_objects_are_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    iterate = pd.Series.__iter__
    monkeypatch.setattr(pd.Series, "__iter__", lambda column: read.append(column.name) or iterate(column))
    file = nf.File("ws/proj", None, "run-a", "art", None, "key", 4, "text/plain")
    frame = pd.DataFrame({"number": [1.5], "count": [2], "file": [file], "time": pd.to_datetime(["2026-01-01"])})
    assert collect_files(frame) == [file]
    assert read == ["file"]


def test_files_of_experiments_and_runs_do_not_mix(source: MemorySource, tmp_path: Path) -> None:
    both = [*table(source).to_pandas()["art"], *table(source, experiments="").to_pandas()["art"]]
    with pytest.raises(NeptuneUserError, match=r"some by run\. Download them in separate calls"):
        nf.download_files(files=both, destination=tmp_path, source=source)
