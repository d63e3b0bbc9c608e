"""What `nf.download_files` takes: every shape that the native API gives files in, and a word where there are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import neptune_frames as nf
from memory_source import MemoryRun, MemorySource
from neptune_frames.errors import NeptuneUserError

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
    assert [request.target.relative_to(tmp_path).as_posix() for request in requests] == ["run-a/art.txt"]
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


def test_files_of_experiments_and_runs_do_not_mix(source: MemorySource, tmp_path: Path) -> None:
    both = [*table(source).to_pandas()["art"], *table(source, experiments="").to_pandas()["art"]]
    with pytest.raises(NeptuneUserError, match=r"some by run\. Download them in separate calls"):
        nf.download_files(files=both, destination=tmp_path, source=source)
