"""The sweep as an archive in the exporter's layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neptune_frames.demo.sweep import TrainedRun, train_sweep
from neptune_frames.writing.exporter_layout import float_series_rows, parameter_rows, write_payload, write_run

PROJECT = "demo/spirals"
_STEP_SECONDS = 0.25


def write_archive(root: Path) -> list[TrainedRun]:
    """Train the sweep and write every run below ``root`` (``data/`` and ``files/``) as soon as it is trained."""
    runs = []
    for number, run in enumerate(train_sweep(), start=1):
        report = f"{run.run_id}/report.txt"
        write_payload(root / "files", PROJECT, report, _report(run).encode())
        parameters = _system_attributes(run, number)
        parameters.update(run.parameters)
        parameters["report", "file"] = report
        write_run(root / "data", PROJECT, run.run_id, [parameter_rows(parameters), float_series_rows(_series(run))])
        runs.append(run)
    return runs


def _system_attributes(run: TrainedRun, number: int) -> dict[str | tuple[str, str], Any]:
    attributes: dict[str | tuple[str, str], Any] = {
        "sys/id": f"SPIRALS-{number}",
        "sys/custom_run_id": run.run_id,
        "sys/name": run.experiment,
        "sys/experiment/name": run.experiment,
        "sys/experiment/is_head": True,
        "sys/creation_time": run.started,
        "sys/owner": "demo",
        "sys/tags": {"demo", "fork"} if run.parent else {"demo"},
        "sys/failed": False,
        "sys/archived": False,
        "sys/trashed": False,
    }
    if run.parent is not None:
        attributes |= {"sys/forking/parent": run.parent, "sys/forking/step": run.fork_step, "sys/forking/depth": 1}
    return attributes


def _series(run: TrainedRun) -> dict[str, tuple[Any, ...]]:
    return {name: (run.steps[name], run.values[name], _times(run, run.steps[name])) for name in run.steps}


def _times(run: TrainedRun, steps: list[float]) -> Any:
    first = np.datetime64(run.started.replace(tzinfo=None), "ms")
    offset = run.fork_step or 0
    return first + ((np.asarray(steps) - offset) * _STEP_SECONDS * 1000).astype("timedelta64[ms]")


def _report(run: TrainedRun) -> str:
    lines = [f"{name}: {values[-1]:.6g} after step {run.steps[name][-1]:g}" for name, values in run.values.items()]
    return "\n".join([run.experiment, *lines, ""])
