"""The project that the examples in docstrings read: `team/vision`, an archive of three small runs.

``resnet-1`` and ``vit-1`` started from nothing, ``resnet-2`` is a fork of ``resnet-1`` at step 2.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

PROJECT = "team/vision"
_START = datetime(2026, 3, 1, tzinfo=timezone.utc)


@pytest.fixture(scope="session")
def example_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("examples") / "export"
    _write(root, 1, "resnet-1", 0.1, range(5), [2.5, 1.25, 0.75, 0.5, 0.4], [0.2, 0.5, 0.6, 0.7, 0.75])
    fork = {"sys/forking/parent": "run-1", "sys/forking/step": 2.0, "sys/forking/depth": 1}
    _write(root, 2, "resnet-2", 0.01, range(3, 5), [0.4, 0.25], [0.8, 0.9], fork)
    _write(root, 3, "vit-1", 0.001, range(5), [3.0, 2.0, 1.5, 1.25, 1.0], [0.1, 0.25, 0.4, 0.5, 0.6])
    return root


def _write(
    root: Path,
    number: int,
    name: str,
    learning_rate: float,
    steps: range,
    losses: list[float],
    accuracies: list[float],
    more: dict[str, Any] | None = None,
) -> None:
    from neptune_frames.writing.exporter_layout import (
        float_series_rows,
        object_series_rows,
        parameter_rows,
        write_payload,
        write_run,
    )

    run_id = f"run-{number}"
    write_payload(root / "files", PROJECT, f"{run_id}/roc.txt", f"{name}\n".encode())
    parameters: dict[str | tuple[str, str], Any] = {
        "sys/id": f"VIS-{number}",
        "sys/custom_run_id": run_id,
        "sys/name": name,
        "sys/experiment/name": name,
        "sys/experiment/is_head": True,
        "sys/creation_time": _START + timedelta(days=number),
        "sys/owner": "ada",
        "sys/tags": {"baseline"} if number == 1 else {"candidate"},
        "config/lr": learning_rate,
        ("plots/roc", "file"): f"{run_id}/roc.txt",
        **(more or {}),
    }
    metrics = {"train/loss": (list(steps), losses), "train/accuracy": (list(steps), accuracies)}
    texts = {"samples/text": (list(steps)[-2:], ["a cat", f"a cat, says {name}"])}
    rows = [parameter_rows(parameters), float_series_rows(metrics), object_series_rows(texts, "string_series")]
    write_run(root / "data", PROJECT, run_id, rows)


#: What the documented functions say beside their results, and examples need not show.
_EXPECTED_WARNINGS = ("neptune_frames.warnings.ExperimentalWarning", "neptune_fetcher.util.NeptuneWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for category in _EXPECTED_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(f"ignore::{category}"))


@pytest.fixture(autouse=True)
def _reader(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    doctest_namespace: dict[str, Any],
) -> Iterator[None]:
    """An example runs in an empty directory, for someone who has said where the archive is."""
    for name in list(os.environ):
        if name.startswith("NEPTUNE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEPTUNE_ARCHIVE", str(request.getfixturevalue("example_archive")))
    monkeypatch.setenv("NEPTUNE_PROJECT", PROJECT)
    monkeypatch.setenv("NEPTUNE_FRAMES_CACHE", "off")

    import polars as pl

    import neptune_frames as nf
    import neptune_query as nq
    import neptune_query.runs as nr
    from neptune_fetcher import ReadOnlyProject, ReadOnlyRun, alpha
    from neptune_frames.sources import choose

    doctest_namespace.update(nf=nf, nq=nq, nr=nr, pl=pl, ReadOnlyProject=ReadOnlyProject, ReadOnlyRun=ReadOnlyRun)
    monkeypatch.setattr(choose, "_api_token", None)
    before = alpha.get_context()
    alpha.set_context()
    yield
    alpha.set_context(before)
