"""The official neptune-fetcher against our server: projects, runs, tables, values and series."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from compat.peer_process import PeerProcess

pytestmark = pytest.mark.compat

LINEAGE = "synthetic/lineage"
SPEEDRUN = "nanogpt/speedrun"
MODULES_OF_ALPHA = ("", ".runs", ".filters", ".exceptions")
RUN = "1d3bd93b-a69e-4118-aeb8-8184239d7566"


@pytest.fixture(scope="module")
def peer(fetcher_peer: PeerProcess) -> PeerProcess:
    fetcher_peer.execute(
        f"lineage = ReadOnlyProject({LINEAGE!r})\n"
        f"speedrun = ReadOnlyProject({SPEEDRUN!r})\n"
        f"run = ReadOnlyRun(speedrun, custom_id={RUN!r})\n"
        "restarted = ReadOnlyRun(lineage, custom_id='alpha-restart-2')\n"
    )
    return fetcher_peer


def result_of(peer: PeerProcess, code: str) -> Any:
    result = peer.call(code)["result"]
    assert not (isinstance(result, dict) and result["kind"] == "error"), f"{code}: {result}"
    return result


def column(frame: dict[str, Any], name: str) -> list[Any]:
    names = [label[1] for label in frame["columns"]["items"]]
    return list(frame["cells"][names.index(name)])


@pytest.mark.parametrize("module", ["neptune_fetcher", *(f"neptune_fetcher.alpha{part}" for part in MODULES_OF_ALPHA)])
def test_a_star_import_brings_the_same_names(peer: PeerProcess, module: str) -> None:
    official = result_of(peer, f"__import__('importlib').import_module({module!r}).__all__")["items"]
    assert sorted(importlib.import_module(module).__all__) == sorted(name for _, name in official)


@pytest.mark.parametrize(
    ("call", "count"),
    [
        # One of 39 is trashed. The one without any parameters is listed too: an archive fills in sys/trashed.
        ("list(lineage.list_runs())", 38),
        ("list(lineage.list_experiments())", 27),
        ("list(speedrun.list_runs())", 118),
        ("list(speedrun.list_experiments())", 84),
    ],
)
def test_listings_hide_trashed_runs(peer: PeerProcess, call: str, count: int) -> None:
    assert len(result_of(peer, call)["items"]) == count


def test_tables(peer: PeerProcess) -> None:
    frame = result_of(
        peer,
        "speedrun.fetch_runs_df(columns=['config/num_iterations', 'val/loss'], columns_regex='^env/gpu_count$', "
        "trashed=None, sort_by='sys/id', ascending=True)",
    )
    assert len(frame["index"]["items"]) == 120
    assert [label[1] for label in frame["columns"]["items"]] == [
        "sys/custom_run_id",
        "sys/id",
        "sys/name",
        "config/num_iterations",
        "env/gpu_count",
        "val/loss",
    ]
    ids = [cell[1] for cell in column(frame, "sys/id")]
    assert ids == sorted(ids)


def test_table_criteria(peer: PeerProcess) -> None:
    frame = result_of(
        peer,
        "speedrun.fetch_runs_df(columns=['sys/tags'], owners=['modded-nanogpt'], tags=['track_1_short', 'rerun'], "
        "names_regex='^20', query='`result/below_3_28`:bool = true')",
    )
    tags = column(frame, "sys/tags")
    assert tags
    assert all("rerun" in str(cell) and "track_1_short" in str(cell) for cell in tags)


@pytest.mark.parametrize(("state", "runs"), [("inactive", 118), ("active", 0)])
def test_archived_runs_are_inactive(peer: PeerProcess, state: str, runs: int) -> None:
    frame = result_of(peer, f"speedrun.fetch_runs_df(columns=['sys/id'], states=[{state!r}])")
    assert len(frame["index"]["items"]) == runs


def test_values_of_one_run(peer: PeerProcess) -> None:
    assert result_of(peer, "run['sys/id'].fetch()") == ("str", "NSR-199")
    assert result_of(peer, "run['config/num_iterations'].fetch()") == ("int", 1393)
    assert result_of(peer, "run['config/cooldown_frac'].fetch()") == ("float", "0.4")
    assert result_of(peer, "run['val/loss'].fetch_last()")[1].startswith("3.27")
    assert "val/loss" in [item[1] for item in result_of(peer, "list(run.field_names)")["items"]]


@pytest.mark.parametrize(("inherited", "points"), [(True, 121), (False, 60)])
def test_series_of_one_run(peer: PeerProcess, inherited: bool, points: int) -> None:
    frame = result_of(peer, f"restarted['loss'].fetch_values(include_inherited={inherited}, progress_bar=False)")
    assert len(frame["index"]["items"]) == points


def test_prefetched_series(peer: PeerProcess) -> None:
    peer.execute("run.prefetch_series_values(['val/loss', 'train/time_ms'], use_threads=True, progress_bar=False)")
    assert len(result_of(peer, "run['val/loss'].fetch_values(progress_bar=False)")["index"]["items"]) == 13
    assert len(result_of(peer, "run['train/time_ms'].fetch_values(progress_bar=False)")["index"]["items"]) == 1394


def test_unknown_project(peer: PeerProcess) -> None:
    assert peer.call("ReadOnlyProject('no/where')")["result"]["class"] == "NeptuneException"
