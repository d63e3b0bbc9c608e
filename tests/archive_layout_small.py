"""A small archive in both layouts, and ways to damage one of ours."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.archive.batch_layout import FileEntry, Manifest, read_manifest, write_manifest
from neptune_frames.writing.exporter_layout import (
    float_series_rows,
    object_series_rows,
    parameter_rows,
    write_payload,
    write_run,
)
from neptune_frames.writing.exporting import export

PROJECT = "ws/proj"


def write_small_run(root: Path, number: int, *, points: int = 50, project: str = PROJECT, **parameters: Any) -> None:
    """A run with values of most types, three metrics, texts and a file, as the exporter writes it."""
    run = f"run-{number}"
    steps = np.arange(points)
    times = (1_700_000_000_000 + steps * 1000 + number).astype("datetime64[ms]")
    system = {
        "sys/id": f"SYS-{number}",
        "sys/custom_run_id": run,
        "sys/name": f"exp-{number}",
        "sys/creation_time": datetime(2025, 1, 1 + number, tzinfo=timezone.utc),
        "lr": 0.1 * number,
        "seed": number,
        "tags": {"a", f"t{number}"},
        ("model", "file"): f"{run}/model.bin",
    }
    series = {
        name: (steps, np.random.default_rng((number, at)).random(points), times)
        for at, name in enumerate(("m/a", "m/b", "m/c"))
    }
    log = {"log": ([0, 1], [f"hello {number}", "two\nlines"])}
    write_run(
        root / "data",
        project,
        run,
        [
            parameter_rows({**system, **parameters}),
            float_series_rows(series),
            object_series_rows(log, "string_series"),
        ],
    )
    write_payload(root / "files", project, f"{run}/model.bin", f"weights {number}".encode())


def small_archives(root: Path, runs: int = 3, **options: Any) -> tuple[Path, Path]:
    """The same runs in the exporter's layout and in ours."""
    exported, ours = root / "exported", root / "ours"
    for number in range(runs):
        write_small_run(exported, number, **options)
    export(ours, project=PROJECT, source=ArchiveSource(exported), progress_bar=False)
    return exported, ours


def batch_of(archive: Path, number: int = 0) -> Path:
    (project,) = archive.glob("project=*")
    return project / f"batch={number:06d}"


def rewrite(batch: Path, path: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change a table of a batch, and tell the manifest, as a writer with a fault would."""
    table = change(pq.read_table(batch / path, partitioning=None))
    pq.write_table(table, batch / path, compression="zstd")
    retell(batch, path, rows=table.num_rows)


def retell(batch: Path, path: str, **facts: Any) -> None:
    """Have the manifest describe a file as it is."""
    manifest = read_manifest(batch)
    content = (batch / path).read_bytes()
    facts = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), **facts}
    change_manifest(
        batch,
        files=[msgspec.structs.replace(entry, **facts) if entry.path == path else entry for entry in manifest.files],
    )


def change_manifest(batch: Path, /, **facts: Any) -> Manifest:
    manifest = msgspec.structs.replace(read_manifest(batch), **facts)
    write_manifest(batch, manifest)
    return manifest


def entry_of(batch: Path, path: str) -> FileEntry:
    return read_manifest(batch).entry(batch, path)
