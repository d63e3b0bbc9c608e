"""A little archive for server tests: two projects, a handful of runs, every kind of attribute."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from neptune_frames.writing.exporter_layout import (
    float_series_rows,
    object_series_rows,
    parameter_rows,
    write_payload,
    write_run,
)

PROJECT = "acme/vision"
OTHER_PROJECT = "acme/other"
SLASHED = "nightly/2025/01"
PAYLOAD = b"0123456789" * 100
LONG_TEXT = "x" * 1000


def write_small_archive(root: Path) -> Path:
    """Write the archive below ``root`` (``data/`` and ``files/``) and return ``root``."""
    data, files = root / "data", root / "files"
    steps = np.arange(10.0)
    write_run(
        data,
        PROJECT,
        "run-a",
        [
            parameter_rows(
                {
                    **system("VIS-1", "alpha", "run-a", hour=1),
                    "lr": 0.1,
                    "layers": 3,
                    "optimizer": "adam",
                    "use_amp": True,
                    ("notes/tags", "string_set"): ["a", "b"],
                    ("started", "datetime"): datetime(2025, 1, 1, tzinfo=timezone.utc),
                    ("model", "file"): "run-a/model.bin",
                    ("lost", "file"): "run-a/lost.bin",
                    ("escape", "file"): "../../../../etc/passwd",
                }
            ),
            float_series_rows({"loss": (steps, 1 / (steps + 1)), "acc": (steps[:5] / 2, np.append(steps[:4], np.nan))}),
            object_series_rows({"log": (steps, [f"line {step:.0f}" for step in steps])}, "string_series"),
            object_series_rows({"long": (np.arange(40.0), [LONG_TEXT] * 40)}, "string_series"),
            object_series_rows({"samples": ([0.0, 1.0], ["run-a/0.txt", "run-a/1.txt"])}, "file_series"),
        ],
    )
    write_run(
        data,
        PROJECT,
        "run-b",
        [
            parameter_rows({**system("VIS-2", "beta", "run-b", hour=2), "lr": 0.2, "layers": 5}),
            float_series_rows({"loss": (np.arange(25.0), np.arange(25.0))}),
        ],
    )
    write_run(
        data,
        PROJECT,
        SLASHED,
        [
            parameter_rows({**system("VIS-3", "gamma", SLASHED, hour=3), "lr": 0.05}),
            float_series_rows({"loss": ([0.0, 1.5], [7.0, 8.0])}),
        ],
    )
    write_run(data, OTHER_PROJECT, "run-c", [parameter_rows({**system("OTH-1", "alpha", "run-c", hour=4), "lr": 0.4})])
    write_payload(files, PROJECT, "run-a/model.bin", PAYLOAD)
    write_payload(files, PROJECT, "run-a/0.txt", b"first")
    (root / "files" / "secret.txt").write_bytes(b"not for anyone")
    return root


def system(sys_id: str, experiment: str, run_id: str, hour: int) -> dict[str | tuple[str, str], object]:
    """What every run of a 3.x project carries."""
    return {
        "sys/id": sys_id,
        "sys/name": experiment,
        "sys/custom_run_id": run_id,
        "sys/experiment/name": experiment,
        "sys/experiment/is_head": True,
        "sys/trashed": False,
        ("sys/creation_time", "datetime"): datetime(2025, 1, 1, hour, tzinfo=timezone.utc),
    }


def series_request(*series: tuple[str, str], limit: int | None = None, **options: object) -> dict[str, object]:
    """A body for F or R: (run, attribute) pairs; ``options`` go beside them."""
    requests = [
        {
            "requestId": f"r{number}",
            "series": {
                "holder": {"identifier": run, "type": "experiment"},
                "attribute": attribute,
                "lineage": "FULL",
                "lineageEntityType": "RUN",
                "includePreview": False,
            },
        }
        for number, (run, attribute) in enumerate(series)
    ]
    body: dict[str, object] = {"requests": requests, **options}
    if limit is not None:
        body["perSeriesPointsLimit"] = limit
    return body
