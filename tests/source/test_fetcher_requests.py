"""How many requests neptune_fetcher makes: the cache rules of the reference (section 16), counted at our server."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neptune_frames.server.app as server_app
from fetcher_archive import PROJECT, write_example
from neptune_fetcher import ReadOnlyProject, ReadOnlyRun
from neptune_fetcher.util import NeptuneException
from neptune_frames.server.testing import serve_in_thread
from neptune_frames.sources.choose import close_sources
from neptune_frames.writing.exporter_layout import float_series_rows, parameter_rows, write_run

pytestmark = pytest.mark.filterwarnings("ignore:.*is not supported here")

WIDE = "ws/wide"


class Counting:
    """Wraps the server's application: which paths were asked for, and how many requests were under way at once."""

    def __init__(self) -> None:
        self.paths: Counter[str] = Counter()
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()

    def around(self, create_app: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def create(state: Any) -> Any:
            app = create_app(state)
            inner = app.build_middleware_stack()

            async def counting(scope: Any, receive: Any, send: Any) -> None:
                with self._lock:
                    self.paths[scope["path"].rstrip("/").rpartition("/")[2]] += 1
                    self._now += 1
                    self.most_at_once = max(self.most_at_once, self._now)
                try:
                    await inner(scope, receive, send)
                finally:
                    with self._lock:
                        self._now -= 1

            app.middleware_stack = counting
            return app

        return create

    def of(self, action: Callable[[], Any]) -> dict[str, int]:
        """The requests that an action causes, by the last part of their paths."""
        before = self.paths.copy()
        action()
        return dict(self.paths - before)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("example") / "data"
    write_example(directory)
    scalars = {f"config/{number:05}": float(number) for number in range(10_000)}
    steps = np.arange(3.0)
    series = {f"metrics/{number:05}": (steps, steps + number) for number in range(1_000)}
    system = {"sys/id": "W-1", "sys/custom_run_id": "wide", "sys/trashed": False}
    write_run(directory, WIDE, "wide", [parameter_rows({**system, **scalars}), float_series_rows(series)])
    return directory


@pytest.fixture(scope="module")
def counting() -> Counting:
    return Counting()


@pytest.fixture(scope="module")
def api_token(data: Path, counting: Counting) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server_app, "create_app", counting.around(server_app.create_app))
        with serve_in_thread(data) as server:
            yield server.api_token


@pytest.fixture
def project(api_token: str) -> ReadOnlyProject:
    return ReadOnlyProject(PROJECT, api_token)


def test_opening_a_project(api_token: str, counting: Counting) -> None:
    close_sources()
    assert counting.of(lambda: ReadOnlyProject(PROJECT, api_token)) == {"oauth-token": 1, "get": 1}
    assert counting.of(lambda: ReadOnlyProject(PROJECT, api_token)) == {"get": 1}


def test_iterators_are_lazy(project: ReadOnlyProject, counting: Counting) -> None:
    made: list[Any] = []
    assert not counting.of(
        lambda: made.extend(
            [
                project.list_runs(),
                project.list_experiments(),
                project.fetch_read_only_runs(with_ids=["EX-1", "EX-2"]),
                project.fetch_read_only_experiments(["tree_32"]),
            ]
        )
    )
    runs, _, read_only, _ = made
    assert counting.of(lambda: next(runs)) == {"search": 1}
    assert counting.of(lambda: list(runs)) == {}
    assert counting.of(lambda: next(read_only)) == {"search": 1, "query": 1}
    assert counting.of(lambda: next(read_only)) == {"query": 1}
    assert counting.of(lambda: list(project.fetch_read_only_runs())) == {}


def test_structure(project: ReadOnlyProject, counting: Counting) -> None:
    made: list[ReadOnlyRun] = []
    assert counting.of(lambda: made.append(ReadOnlyRun(project, with_id="EX-1"))) == {"search": 1, "query": 1}
    assert counting.of(lambda: list(made[0].field_names)) == {}
    assert counting.of(lambda: made[0]["params/lr"]) == {}
    lazy = {"eager_load_fields": False}
    assert counting.of(lambda: made.append(ReadOnlyRun(project, custom_id="high_albattani", **lazy))) == {"search": 1}
    assert counting.of(lambda: made[1]["params/lr"].fetch()) == {"query": 1}
    assert counting.of(lambda: list(made[1].field_names)) == {"query": 1}
    assert counting.of(lambda: list(made[1].field_names)) == {}


def test_values(project: ReadOnlyProject, counting: Counting) -> None:
    run = ReadOnlyRun(project, with_id="EX-1")
    one = {"query": 1}

    def missing() -> None:
        with pytest.raises(KeyError):
            run["nope"]

    assert counting.of(missing) == one
    assert counting.of(missing) == one
    assert counting.of(lambda: run["params/lr"].fetch()) == one
    assert counting.of(lambda: run["params/lr"].fetch()) == {}
    assert counting.of(lambda: run["metrics/acc"].fetch()) == one
    assert counting.of(lambda: run["metrics/acc"].fetch_last()) == {}  # type: ignore[attr-defined]
    assert counting.of(lambda: run.prefetch(["params/opt", "params/opt", "params/lr"])) == one
    assert counting.of(lambda: run.prefetch(["params/opt", "params/lr"])) == {}
    assert counting.of(lambda: run["params/opt"].fetch()) == {}
    assert counting.of(lambda: run.prefetch(["nope"])) == one
    assert counting.of(lambda: run.prefetch(["nope"])) == one
    del run["params/lr"]
    assert counting.of(lambda: run["params/lr"].fetch()) == one
    with pytest.raises(KeyError):
        del run["sys/id"]
    assert counting.of(lambda: run["sys/state"].fetch()) == {"search": 1}
    assert counting.of(lambda: run["sys/state"].fetch()) == {}
    unsupported = ReadOnlyRun(project, with_id="EX-3")["log/out"]
    assert counting.of(unsupported.fetch) == {}


def test_series(project: ReadOnlyProject, counting: Counting) -> None:
    run = ReadOnlyRun(project, with_id="EX-1")
    series: Any = run["metrics/loss"]
    asked, nothing = {"float": 1}, {}
    assert counting.of(series.fetch_values) == asked
    assert counting.of(series.fetch_values) == asked
    assert counting.of(lambda: run.prefetch_series_values(["metrics/loss", "sys/id"])) == {"query": 1, "float": 1}
    for same in (
        {},
        {"include_timestamp": False},
        {"include_point_previews": True},
        {"step_range": (None, None)},
        {"step_range": [None, None]},
        {"progress_bar": False},
    ):
        assert counting.of(lambda same=same: series.fetch_values(**same)) == nothing
    assert counting.of(series.fetch_last) == nothing
    for other in ({"include_inherited": False}, {"step_range": (2, None)}):
        assert counting.of(lambda other=other: series.fetch_values(**other)) == asked
    assert counting.of(series.fetch_values) == nothing
    assert counting.of(lambda: run.prefetch_series_values(["metrics/loss"], step_range=(2, None))) == asked
    assert counting.of(lambda: series.fetch_values(step_range=(2.0, None))) == nothing
    assert counting.of(series.fetch_values) == asked
    assert counting.of(lambda: run.prefetch_series_values(["nope"])) == {"query": 1}


def test_tables(project: ReadOnlyProject, counting: Counting) -> None:
    """The values of named columns come with the search."""
    assert counting.of(lambda: project.fetch_runs_df(columns=["params/lr"])) == {"search": 1}
    assert counting.of(lambda: project.fetch_runs_df(columns_regex="params")) == {"search": 1, "query": 1}
    assert counting.of(lambda: project.fetch_runs_df(sort_by="params/lr")) == {"search": 1, "query": 1}
    assert counting.of(lambda: project.fetch_runs_df(sort_by="sys/id")) == {"search": 1}
    assert counting.of(lambda: project.fetch_runs_df(["sys/state"])) == {"search": 2}
    with pytest.raises(ValueError, match="limit"):
        project.fetch_runs_df(limit=0)


@pytest.mark.parametrize(
    "arguments", [{"limit": 0}, {"states": ["foo"]}, {"tags": ["t"] * 5001}, {"columns_regex": "("}]
)
def test_refusals_need_no_request(project: ReadOnlyProject, counting: Counting, arguments: dict[str, Any]) -> None:
    def refused() -> None:
        with pytest.raises((ValueError, NeptuneException)):
            project.fetch_runs_df(**arguments)

    assert counting.of(refused) == {}


def test_thousands_of_fields(api_token: str, counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few requests, no more at once than NEPTUNE_FETCHER_MAX_WORKERS allows, and none afterwards."""
    monkeypatch.setenv("NEPTUNE_FETCHER_MAX_WORKERS", "2")
    run = ReadOnlyRun(ReadOnlyProject(WIDE, api_token), custom_id="wide")
    scalars = [name for name in run.field_names if name.startswith("config/")]
    series = [name for name in run.field_names if name.startswith("metrics/")]
    assert (len(scalars), len(series)) == (10_000, 1_000)
    counting.most_at_once = 0
    assert counting.of(lambda: run.prefetch(scalars))["query"] <= 2
    found = counting.of(lambda: run.prefetch_series_values(series, use_threads=True, progress_bar=False))
    assert found["query"] == 1
    assert 2 <= found["float"] <= 10
    assert counting.most_at_once == 2

    def read_all() -> None:
        assert [run[name].fetch() for name in scalars] == [float(number) for number in range(10_000)]
        frames = [run[name].fetch_values() for name in series]  # type: ignore[attr-defined]
        assert [frame["value"].iloc[-1] for frame in frames] == [number + 2.0 for number in range(1_000)]

    assert counting.of(read_all) == {}


def test_workers_must_be_a_number(api_token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ReadOnlyRun(ReadOnlyProject(PROJECT, api_token), with_id="EX-1")
    for wrong in ("x", "0"):
        monkeypatch.setenv("NEPTUNE_FETCHER_MAX_WORKERS", wrong)
        with pytest.raises(ValueError, match="NEPTUNE_FETCHER_MAX_WORKERS"):
            run.prefetch_series_values(["metrics/loss"])
