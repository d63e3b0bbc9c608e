"""The official neptune-query against our server: every kind of call works, on both data sets."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import pytest

from compat.peer import floats_of
from compat.peer_process import PeerProcess

pytestmark = pytest.mark.compat

LINEAGE = "synthetic/lineage"
SPEEDRUN = "nanogpt/speedrun"
RUN = "1d3bd93b-a69e-4118-aeb8-8184239d7566"


def result_of(peer: PeerProcess, code: str, **variables: Any) -> Any:
    answer = peer.call(code, **variables)
    result = answer["result"]
    assert not (isinstance(result, dict) and result["kind"] == "error"), f"{code}: {result}"
    return result


def texts(described: dict[str, Any]) -> list[str]:
    return [item[1] for item in described["items"]]


def column(frame: dict[str, Any], *labels: str) -> list[Any]:
    """The cells of the first column whose label begins with these texts."""
    for label, cells in zip(frame["columns"]["items"], frame["cells"], strict=True):
        parts = label if isinstance(label[0], tuple) else (label,)
        if tuple(part[1] for part in parts)[: len(labels)] == labels:
            return floats_of(cells) if isinstance(cells, bytes) else list(cells)
    raise AssertionError(f"no column {labels}: {frame['columns']['items']}")


@pytest.mark.parametrize("module", ["neptune_query", "neptune_query.runs", "neptune_query.filters"])
def test_a_star_import_brings_the_same_names(query_peer: PeerProcess, module: str) -> None:
    official = texts(result_of(query_peer, f"__import__('importlib').import_module({module!r}).__all__"))
    assert sorted(importlib.import_module(module).__all__) == sorted(official)


@pytest.mark.parametrize(("project", "heads"), [(LINEAGE, 28), (SPEEDRUN, 86)])
def test_list_experiments(query_peer: PeerProcess, project: str, heads: int) -> None:
    assert len(texts(result_of(query_peer, f"nq.list_experiments(project={project!r})"))) == heads


@pytest.mark.parametrize(("project", "runs"), [(LINEAGE, 39), (SPEEDRUN, 120)])
def test_list_runs(query_peer: PeerProcess, project: str, runs: int) -> None:
    assert len(texts(result_of(query_peer, f"nq_runs.list_runs(project={project!r})"))) == runs


def test_list_with_extended_regex_and_filter(query_peer: PeerProcess) -> None:
    names = texts(result_of(query_peer, f"nq.list_experiments(project={LINEAGE!r}, experiments='^alpha & !branch')"))
    assert names == ["alpha", "alpha-early", "alpha-empty", "alpha-late"]
    code = f"nq_runs.list_runs(project={SPEEDRUN!r}, runs=Filter.eq('result/below_3_28', True))"
    assert len(texts(result_of(query_peer, code))) == 104


def test_list_attributes(query_peer: PeerProcess) -> None:
    code = f"nq_runs.list_attributes(project={SPEEDRUN!r}, attributes=AttributeFilter('^val/', type='float_series'))"
    assert texts(result_of(query_peer, code)) == ["val/avg_loss", "val/ema_loss", "val/loss"]


def test_fetch_metrics_with_lineage(query_peer: PeerProcess) -> None:
    frame = result_of(query_peer, f"nq.fetch_metrics(project={LINEAGE!r}, experiments=['alpha'], attributes=['loss'])")
    assert len(frame["index"]["items"]) == 121
    code = f"nq_runs.fetch_metrics(project={LINEAGE!r}, runs=['deep-3'], attributes=['loss'])"
    assert len(result_of(query_peer, code)["index"]["items"]) == 96


def test_fetch_metrics_of_custom_run_id(query_peer: PeerProcess) -> None:
    code = f"nq_runs.fetch_metrics(project={SPEEDRUN!r}, runs=[{RUN!r}], attributes=['val/loss', 'none'])"
    frame = result_of(query_peer, code)
    values = column(frame, "val/loss")
    assert len(values) == 13
    assert values[0] == pytest.approx(10.8258, abs=1e-4)
    assert values[-1] == pytest.approx(3.2785, abs=1e-4)


def test_fetch_metrics_range_and_tail(query_peer: PeerProcess) -> None:
    code = (
        f"nq_runs.fetch_metrics(project={SPEEDRUN!r}, runs='^{RUN}$', attributes='^val/loss$', step_range=(125, 1000), "
        "tail_limit=3, include_time='absolute', include_point_previews=True)"
    )
    frame = result_of(query_peer, code)
    assert [item[1][1] for item in frame["index"]["items"]] == ["750.0", "875.0", "1000.0"]


@pytest.mark.parametrize(
    "attributes", ["['config/num_iterations', 'val/loss']", "'^config/num_iterations$ | ^val/loss$'"]
)
def test_fetch_table(query_peer: PeerProcess, attributes: str) -> None:
    code = f"nq_runs.fetch_runs_table(project={SPEEDRUN!r}, attributes={attributes}, sort_by='sys/id')"
    frame = result_of(query_peer, code)
    assert len(frame["index"]["items"]) == 120
    iterations = [number for number in column(frame, "config/num_iterations") if not math.isnan(number)]
    assert len(iterations) == 56
    assert sum(iterations) == 152_149
    losses = column(frame, "val/loss")
    assert not any(math.isnan(loss) for loss in losses)


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_fetch_table_sorted_and_limited(query_peer: PeerProcess, direction: str) -> None:
    code = (
        f"nq_runs.fetch_runs_table(project={SPEEDRUN!r}, attributes=['val/loss'], limit=7, "
        f"sort_by=Attribute('val/loss', type='float_series'), sort_direction={direction!r})"
    )
    losses = column(result_of(query_peer, code), "val/loss")
    assert len(losses) == 7
    assert losses == sorted(losses, reverse=direction == "desc")


def test_fetch_series(query_peer: PeerProcess) -> None:
    code = f"nq_runs.fetch_series(project={SPEEDRUN!r}, runs='.*', attributes='^logs/stdout$')"
    frame = result_of(query_peer, code)
    cells = [cell for cell in column(frame, "logs/stdout") if cell[0] == "str"]
    assert len(cells) == 2428
    tail = result_of(query_peer, code[:-1] + ", tail_limit=2)")
    assert len([cell for cell in column(tail, "logs/stdout") if cell[0] == "str"]) == 26


def test_fetch_histogram_and_file_series(query_peer: PeerProcess) -> None:
    code = f"nq_runs.fetch_series(project={SPEEDRUN!r}, runs='.*', attributes='_hist$ | ^reports/')"
    frame = result_of(query_peer, code)
    kinds = [cell["kind"] for cells in frame["cells"] for cell in cells if isinstance(cell, dict)]
    assert kinds.count("Histogram") == 531
    assert kinds.count("File") == 35


def test_fetch_metric_buckets(query_peer: PeerProcess) -> None:
    code = f"nq.fetch_metric_buckets(project={LINEAGE!r}, experiments=['alpha'], x='step', y='^loss$', limit=5)"
    frame = result_of(query_peer, code)
    assert len(frame["index"]["items"]) == 5
    assert frame["index"]["items"][0][0] == "Interval"


def test_download_files(query_peer: PeerProcess, tmp_path: Path) -> None:
    code = (
        f"nq_runs.download_files(files=nq_runs.fetch_runs_table(project={SPEEDRUN!r}, attributes=['logs/steps'])"
        "['logs/steps'].dropna(), destination=destination)"
    )
    frame = result_of(query_peer, code, destination=str(tmp_path))
    paths = [cell[1] for cells in frame["cells"] for cell in cells]
    assert len(paths) == 20
    assert all(Path(path).read_bytes().startswith(b"step:") for path in paths)


def test_unknown_project(query_peer: PeerProcess) -> None:
    answer = query_peer.call("nq.list_experiments(project='no/where')")["result"]
    assert answer["class"] == "NeptuneProjectInaccessible"


def test_refused_query(query_peer: PeerProcess) -> None:
    code = f"nq.list_experiments(project={LINEAGE!r}, experiments=Filter.eq(Attribute('x', type='float'), 'abc'))"
    answer = query_peer.call(code)["result"]
    assert answer["class"] == "NeptuneUnexpectedResponseError"
