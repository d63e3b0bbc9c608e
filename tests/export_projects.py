"""Projects to export: small ones with every type of attribute, as archives in the exporter's layout."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np

from neptune_frames.writing.exporter_layout import (
    float_series_rows,
    object_series_rows,
    parameter_rows,
    write_payload,
    write_run,
)

PROJECT = "team/export"
START = datetime(2025, 3, 1, tzinfo=timezone.utc)


def write_project(root: Path, runs: Iterable[int], *, steps: int = 20, project: str = PROJECT) -> Path:
    """Write runs (by number) below ``root``; each third one forks from the one before."""
    for number in runs:
        write_one(root, number, steps=steps, project=project)
    return root


def write_one(
    root: Path,
    number: int,
    *,
    steps: int = 20,
    project: str = PROJECT,
    modified: bool = True,
    more: Mapping[str | tuple[str, str], Any] | None = None,
) -> None:
    """Write one run anew. ``modified`` gives it a modification time that follows from ``steps``."""
    random = np.random.default_rng(number)
    run = f"run-{number:03d}"
    created = START + timedelta(hours=number)
    parameters: dict[str | tuple[str, str], Any] = {
        "sys/id": f"EXP-{number}",
        "sys/custom_run_id": run,
        "sys/name": f"experiment {number // 2}",
        "sys/experiment/is_head": number % 2 == 1,
        "sys/creation_time": created,
        "lr": float(random.random()),
        "layers": number,
        "optimizer": "adam" if number % 2 else "",
        ("tags", "string_set"): ["b", "a"] if number % 2 else [],
        ("model", "file"): f"{run}/model.bin",
    }
    if modified:
        parameters["sys/modification_time"] = created + timedelta(seconds=steps)
    forked = number % 3 == 2
    if forked:
        parameters |= {"sys/forking/parent": f"run-{number - 1:03d}", "sys/forking/step": 4.0}
    parameters |= more or {}
    first = 5 if forked else 0
    axis = np.arange(first, steps, dtype=np.float64)
    times = np.datetime64(created.replace(tzinfo=None), "ms") + np.arange(len(axis)) * np.timedelta64(250, "ms")
    values = random.standard_normal(1000)[: len(axis)]
    floats = {
        "train/loss": (axis, values, times),
        "train/acc": (axis, np.where(axis == 7, np.nan, values**2), times),
        f"own/metric {number % 4}": (axis / 3, values, times),
    }
    histogram = {"type": "COUNTING", "edges": [0.0, 1.0, 2.0], "values": [1.0, 3.0]}
    rows = [parameter_rows(parameters), float_series_rows(floats)]
    rows.append(
        object_series_rows({"log": (axis[:5], [f"line {step}" for step in axis[:5]], times[:5])}, "string_series")
    )
    rows.append(object_series_rows({"hist": (axis[:3], [histogram] * len(axis[:3]), times[:3])}, "histogram_series"))
    samples = [f"{run}/sample {step:g}.txt" for step in axis[:2]]
    rows.append(object_series_rows({"samples": (axis[:2], samples, times[:2])}, "file_series"))
    write_payload(root / "files", project, f"{run}/model.bin", run.encode() * 10)
    for sample in samples:
        write_payload(root / "files", project, sample, sample.encode())
    write_run(root / "data", project, run, rows)


def tree(archive: Path) -> dict[str, str]:
    """Every file that an archive shows, with a digest of its content; hidden ones are no part of it."""
    return {
        path.relative_to(archive).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(archive.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(archive).parts)
    }
