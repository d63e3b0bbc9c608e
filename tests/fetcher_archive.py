"""Small archives for the tests of neptune_fetcher: the reference's running example, and the README's names."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from neptune_frames.writing.exporter_layout import float_series_rows, object_series_rows, parameter_rows, write_run

PROJECT = "ws/proj"

_CREATED = {
    "EX-1": datetime(2024, 1, 15, 8, tzinfo=timezone.utc),
    "EX-2": datetime(2024, 2, 6, 5, tzinfo=timezone.utc),
    "EX-3": datetime(2024, 3, 1, 0, 0, 0, 123_000, tzinfo=timezone.utc),
    "EX-4": datetime(2023, 12, 31, tzinfo=timezone.utc),
    "EX-5": datetime(2023, 11, 1, tzinfo=timezone.utc),
}


def write_example(data: Path) -> None:
    """The five runs of the fetcher reference, and the parent that EX-1 was forked from (in no project of its own)."""
    _run(
        data,
        "EX-1",
        "tree_32",
        "nostalgic_shockley",
        {
            "params/lr": 0.001,
            "params/batch": 32,
            "params/opt": "Adam",
            ("sys/tags", "string_set"): ["exploration", "pretrained"],
            "sys/owner": 'the "boss"',
            "sys/failed": False,
        },
        {
            "metrics/loss": ([1.0, 2.0, 3.0], [1.0, 0.5, 0.25], _times(3)),
            "metrics/acc": ([1.0, 2.0], [0.5, 0.9], _times(2)),
        },
    )
    _run(
        data,
        "EX-2",
        "tree_33",
        "high_albattani",
        {
            "params/lr": 0.01,
            "params/batch": 64,
            "params/opt": "AdamW",
            ("sys/tags", "string_set"): ["exploration"],
            "sys/owner": "josh",
            "sys/failed": True,
        },
        {"metrics/acc": ([1.0, 2.0], [0.95, 0.7], _times(2))},
    )
    _run(
        data,
        "EX-3",
        None,
        "plain_run",
        {"params/lr": 0.002, "params/batch": 64.5, ("model", "file"): "plain_run/model"},
        {},
        object_series_rows({"log/out": ([1.0, 2.0], ["a", "b"])}, "string_series"),
    )
    _run(data, "EX-4", "tree_34", "old_head", {"sys/experiment/is_head": False}, {"monitoring/cpu": ([1.0], [50.0])})
    _run(data, "EX-5", "gone", "gone_run", {"sys/trashed": True}, {})


def write_readme_projects(data: Path) -> None:
    """Two projects with the runs and fields that the README's examples name."""
    names = ["seagull-flying-skills", "tree/one", "tree_32", "yolo-v2", "yolo-v3", "experiment-12"]
    ids = ["TES-1", "RUN-1", "RUN-2", "RUN-3", "RUN-4", "RUN-5"]
    custom_ids = ["nostalgic_shockley", "high_albattani", "run-2", "run-3", "run-4", "run-5"]
    for project in ("workspace/project", "workspace-name/project-name"):
        for hour, (name, sys_id, custom_id) in enumerate(zip(names, ids, custom_ids, strict=True)):
            created = datetime(2025, 1, 1, hour, tzinfo=timezone.utc)
            parameters = {
                **_system(sys_id, name, custom_id, created),
                ("sys/group_tags", "string_set"): ["group"],
                "sys/failed": False,
                "parameters/optimizer": "Adam",
                "parameters/init_lr": 0.5,
                "parameter/init_lr": 0.5,
                "training/lr": 0.25,
                "tree/depth": 4,
                "learning_rate": 0.001,
                "scores/f1": 0.9,
                "batch_size": 32,
                "token": "abc",
            }
            steps = np.arange(1.0, 4.0)
            series = dict.fromkeys(("metrics/loss", "metrics/accuracy", "accuracy", "loss"), (steps, steps / 3))
            write_run(data, project, custom_id, [parameter_rows(parameters), float_series_rows(series)])


def _run(
    data: Path,
    sys_id: str,
    name: str | None,
    custom_id: str,
    parameters: dict[Any, Any],
    series: dict[str, Any],
    *more: Any,
) -> None:
    system = _system(sys_id, name, custom_id, _CREATED[sys_id])
    batches = [parameter_rows({**system, **parameters}), *more]
    write_run(data, PROJECT, custom_id, [*batches, float_series_rows(series)] if series else batches)


def _system(sys_id: str, name: str | None, custom_id: str, created: datetime) -> dict[Any, Any]:
    named = {} if name is None else {"sys/name": name, "sys/experiment/name": name, "sys/experiment/is_head": True}
    return {
        "sys/id": sys_id,
        "sys/custom_run_id": custom_id,
        "sys/trashed": False,
        ("sys/creation_time", "datetime"): created,
        ("sys/modification_time", "datetime"): created,
        **named,
    }


def _times(count: int) -> list[datetime]:
    return [datetime(2024, 5, 1, 0, 0, second, tzinfo=timezone.utc) for second in range(count)]
