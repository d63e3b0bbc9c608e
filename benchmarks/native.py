"""What native frames cost, against the pandas frames of the drop-in for the same data.

    python -m benchmarks.native [SCENARIO ...] [--repeats 3]

Each call runs in fresh processes, in turn with the other one, against the canned server (`benchmarks.canned_server`),
which answers in Arrow. A Polars frame should not cost more than the pandas frame that is made of the same answers.
Long frames hold more than wide ones; the size of the results is shown.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.calls import Shape
from benchmarks.canned_server import running_server
from benchmarks.measured_client import status_kilobytes


class Pair(NamedTuple):
    """Two calls for the same data, each given ``neptune_frames`` or ``neptune_query`` and the project."""

    shape: Shape
    native: Callable[[Any, str], Any]
    drop_in: Callable[[Any, str], Any]


_TABLE = Shape("table", 5000, 200)
_METRICS = Shape("metrics", 100, 100, 1000)
_BUCKETS = Shape("metrics", 100, 10, 1000)
_TEXTS = Shape("texts", 1, 100, 10_000)


def _table(nq: Any, project: str) -> Any:
    return nq.fetch_experiments_table(project=project, attributes="^metrics/")


def _metrics(nq: Any, project: str) -> Any:
    return nq.fetch_metrics(project=project, experiments="experiment", attributes="^metrics/")


def _buckets(nq: Any, project: str) -> Any:
    return nq.fetch_metric_buckets(project=project, experiments="experiment", x="step", y="^metrics/", limit=1000)


def _series(nq: Any, project: str) -> Any:
    return nq.fetch_series(project=project, experiments="experiment", attributes="^metrics/")


PAIRS = {
    "table": Pair(_TABLE, lambda nf, project: nf.scan_table(project=project, experiments="").collect(), _table),
    "attributes": Pair(
        _TABLE, lambda nf, project: nf.scan_attributes(project=project, experiments="").collect(), _table
    ),
    "runs": Pair(
        Shape("metrics", 100_000, 1),
        lambda nf, project: nf.scan_runs(project=project, experiments="").collect(),
        lambda nq, project: nq.list_experiments(project=project),
    ),
    "long": Pair(_METRICS, lambda nf, project: nf.scan_metrics(project=project, experiments="").collect(), _metrics),
    "wide": Pair(
        _METRICS,
        lambda nf, project: nf.fetch_metrics(project=project, experiments="", attributes="").lazy().collect(),
        _metrics,
    ),
    "pivot": Pair(
        _METRICS,
        lambda nf, project: nf.pivot(nf.scan_metrics(project=project, experiments="")).collect(),
        _metrics,
    ),
    "series": Pair(_TEXTS, lambda nf, project: nf.scan_series(project=project, experiments="").collect(), _series),
    "buckets": Pair(
        _BUCKETS, lambda nf, project: nf.scan_buckets(project=project, experiments="", limit=1000).collect(), _buckets
    ),
}


def measure(scenario: str, module: str) -> dict[str, float]:
    """CPU, wall and peak memory of one call in this process, which has made a small one before."""
    import neptune_frames
    import neptune_query

    pair = PAIRS[scenario]
    call, client = (pair.native, neptune_frames) if module == "native" else (pair.drop_in, neptune_query)
    call(client, pair.shape.tiny().project)
    baseline = status_kilobytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    cpu, wall = time.process_time(), time.perf_counter()
    result = call(client, pair.shape.project)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = (status_kilobytes("VmHWM") - baseline) / 1024
    return {"cpu": cpu, "wall": wall, "peak": peak, "size": _megabytes(result)}


def _megabytes(result: Any) -> float:
    if hasattr(result, "estimated_size"):
        return float(result.estimated_size("mb"))
    return float(result.memory_usage().sum() / 2**20) if hasattr(result, "memory_usage") else 0.0


def compare(scenario: str, repeats: int, token: str) -> None:
    rounds: dict[str, list[dict[str, float]]] = {"native": [], "drop-in": []}
    for number in range(repeats + 1):  # the first round only warms the answers
        for module, found in rounds.items():
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-m", "benchmarks.native", scenario, "--child", module],
                env={**os.environ, "NEPTUNE_API_TOKEN": token},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            if number:
                found.append(json.loads(done.stdout))
    native, drop_in = (
        {unit: statistics.median(one[unit] for one in found) for unit in found[0]} for found in rounds.values()
    )
    both = {unit: f"{native[unit]:.2f} / {drop_in[unit]:.2f}" for unit in native}
    ratio = {unit: f"{native[unit] / max(drop_in[unit], 1e-9):.1f}" for unit in native}
    cells = [scenario, both["wall"], both["cpu"], ratio["cpu"], both["peak"], ratio["peak"], both["size"]]
    print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of: {', '.join(PAIRS)}")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if unknown := set(arguments.scenarios) - set(PAIRS):
        parser.error(f"unknown scenarios: {', '.join(sorted(unknown))}")
    if arguments.child:
        print(json.dumps(measure(arguments.scenarios[0], arguments.child)))
        return
    print("| scenario | wall s, native / drop-in | CPU s | ratio | peak MB | ratio | result MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    with running_server("--arrow") as server:
        for scenario in arguments.scenarios or PAIRS:
            compare(scenario, arguments.repeats, server.api_token)


if __name__ == "__main__":
    main()
