"""Without pandas, what gives a pandas frame says so before it asks anything."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import neptune_fetcher.alpha as npt
import neptune_frames as nf
import neptune_query as nq
from memory_source import MemoryRun, MemorySource
from neptune_fetcher import ReadOnlyProject
from neptune_fetcher.alpha import _context
from neptune_frames.errors import MissingDependencyError
from neptune_frames.frames import pandas_values
from neptune_frames.frames.run_fields import RunFields
from neptune_frames.query.selection import ContainerKind, RunQuery
from neptune_frames.sources import choose

PROJECT = "ws/proj"
FILE = nf.File(PROJECT, "exp", None, "art", None, "key", 4, "text/plain")


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> MemorySource:
    """What every face asks."""
    source = MemorySource([MemoryRun("run", "exp", {"lr": ("float", 0.1)}, {"loss": [(1.0, 0.5)]})])
    monkeypatch.setattr(choose, "default_source", lambda *_: source)
    monkeypatch.setattr(_context, "resolve", lambda _: (source, PROJECT))
    return source


@pytest.fixture
def without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    pandas_values.import_pandas.cache_clear()
    monkeypatch.setitem(sys.modules, "pandas", None)


WHOLE: dict[str, Any] = {"project": PROJECT, "experiments": "exp"}
LOSS: dict[str, Any] = {"experiments": "exp", "attributes": ["loss"]}

CALLS: dict[str, Callable[[MemorySource], object]] = {
    "nq.fetch_experiments_table": lambda _: nq.fetch_experiments_table(**WHOLE),
    "nq.fetch_metrics": lambda _: nq.fetch_metrics(**WHOLE, attributes=["loss"]),
    "nq.fetch_series": lambda _: nq.fetch_series(**WHOLE, attributes=["text"]),
    "nq.fetch_metric_buckets": lambda _: nq.fetch_metric_buckets(**WHOLE, y=["loss"]),
    "nq.download_files": lambda _: nq.download_files(files=[FILE]),
    "alpha.fetch_experiments_table": lambda _: npt.fetch_experiments_table("exp", ["lr"], sort_by="lr"),
    "alpha.fetch_metrics": lambda _: npt.fetch_metrics(**LOSS),
    "alpha.fetch_series": lambda _: npt.fetch_series(**LOSS),
    "alpha.download_files": lambda _: npt.download_files(**LOSS),
    "fetch_runs": lambda source: ReadOnlyProject(PROJECT, source=source).fetch_runs(),
    "fetch_runs_df": lambda source: ReadOnlyProject(PROJECT, source=source).fetch_runs_df(sort_by="lr"),
}


@pytest.mark.filterwarnings("ignore:.*is experimental")
@pytest.mark.usefixtures("without_pandas")
@pytest.mark.parametrize("call", CALLS)
def test_nothing_is_asked_without_pandas(
    call: str, source: MemorySource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where files would be downloaded to
    with pytest.raises(MissingDependencyError, match=r"pip install 'neptune-frames\[pandas\]'"):
        CALLS[call](source)
    assert source.calls == []


def test_points_of_a_run_are_not_asked_for_without_pandas(source: MemorySource, request: pytest.FixtureRequest) -> None:
    fields = RunFields(source, source.search(RunQuery(PROJECT, ContainerKind.RUN)).runs)
    before = len(source.calls)
    request.getfixturevalue("without_pandas")
    with pytest.raises(MissingDependencyError, match="pandas"):
        fields.series_frame("loss", timestamp=True, inherited=True, step_range=(None, None), previews=False)
    assert len(source.calls) == before
