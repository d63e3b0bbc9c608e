"""Time and memory of the wide pivot, for the shapes metrics come in.

    python benchmarks/pivot.py              each shape: points to pandas, and to wide Polars
    python benchmarks/pivot.py --polars     the same pivot by `polars.DataFrame.pivot`, for comparison

Every case runs in a process of its own. CPU seconds count all threads; memory is the peak of the
process above what it held with the points as Arrow batches ready, in bytes per point.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from neptune_frames.frames.metrics import MetricsResult
from neptune_frames.query.selection import SeriesOptions
from neptune_frames.schemas import RUNS, float_point, series_points_schema

#: Name -> (runs, attributes, steps, steps differ between series, points per piece)
SHAPES: dict[str, tuple[int, int, int, str, int | None]] = {
    "1 x 1 x 1M": (1, 1, 1_000_000, "", None),
    "100 x 100 x 1000": (100, 100, 1000, "", None),
    "100 x 100 x 1000, pages of 100": (100, 100, 1000, "", 100),
    "1000 x 10 x 1000, own integer steps": (1000, 10, 1000, "integer", None),
    "1000 x 10 x 1000, own float steps": (1000, 10, 1000, "float", None),
    "1 x 100,000 x 10": (1, 100_000, 10, "", None),
    "1000 x 1000 x 1": (1000, 1000, 1, "", None),
    "1000 x 1000 x 1, own integer steps": (1000, 1000, 1, "integer", None),
}
_SERIES_PER_BATCH_POINTS = 1_000_000


def batches(runs: int, attributes: int, steps: int, own: str, piece: int | None) -> list[pa.RecordBatch]:
    """SERIES_POINTS batches of about a million points."""
    random = np.random.default_rng(0)
    point = float_point()
    piece = piece or steps
    made = []
    series_per_batch = max(1, _SERIES_PER_BATCH_POINTS // piece)
    run, attribute = np.divmod(np.arange(runs * attributes, dtype=np.int32), np.int32(attributes))
    for begin in range(0, steps, piece):
        for first in range(0, len(run), series_per_batch):
            chosen = slice(first, first + series_per_batch)
            count = len(run[chosen])
            if own == "integer":
                step = np.cumsum(random.integers(1, 5, (count, piece)), axis=1).astype(float).ravel()
            elif own == "float":
                step = np.cumsum(random.random((count, piece)), axis=1).ravel()
            else:
                step = np.tile(np.arange(begin, begin + piece, dtype=float), count)
            points = pa.StructArray.from_arrays(
                [pa.array(step), pa.array(random.random(len(step)))], fields=list(point)
            )
            offsets = pa.array(np.arange(count + 1, dtype=np.int64) * piece)
            schema = series_points_schema(point)
            lists = pa.LargeListArray.from_arrays(offsets, points, type=schema.field("points").type)
            arrays = [pa.array(run[chosen]), pa.array(attribute[chosen]), lists]
            made.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return made


def result_of(shape: str) -> MetricsResult:
    runs, attributes, *_ = SHAPES[shape]
    table = pa.table(
        {
            "project": ["ws/proj"] * runs,
            "sys_id": [f"R-{i}" for i in range(runs)],
            "run_id": [f"run-{i}" for i in range(runs)],
            "experiment": [f"exp-{i}" for i in range(runs)],
        },
        schema=RUNS,
    )
    names = pa.array([f"metrics/m_{i}" for i in range(attributes)])
    return MetricsResult(batches(*SHAPES[shape]), runs=table, attributes=names, options=SeriesOptions())


def with_polars(result: MetricsResult) -> object:
    """What a user would write: the long frame, pivoted, sorted, its columns sorted."""
    long = result.long().collect().drop("project")
    wide = long.pivot("attribute", index=["run", "step"], values="value", aggregate_function="first")
    wide = wide.sort("run", "step")
    return wide.select("run", "step", *sorted(wide.columns[2:]))


METHODS: dict[str, Callable[[MetricsResult], object]] = {
    "pandas": lambda result: result.to_pandas(),
    "wide": lambda result: result.collect(),
    "polars pivot": with_polars,
}


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(shape: str, method: str) -> None:
    if method == "pandas":
        import pandas  # noqa: F401  (its import is not what is measured)
    warm = MetricsResult([], runs=RUNS.empty_table(), attributes=pa.array([], pa.string()), options=SeriesOptions())
    METHODS[method](warm) if method != "polars pivot" else None
    result = result_of(shape)
    held = peak_bytes()
    wall, cpu = time.perf_counter(), time.process_time()
    METHODS[method](result)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    points = len(result)
    print(
        f"{shape:38} {method:13} {points / 1e6:6.1f}M {wall:7.3f} {cpu:7.3f} {cpu / points * 1e9:8.1f} "
        f"{(peak_bytes() - held) / points:8.1f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polars", action="store_true", help="measure polars.DataFrame.pivot as well")
    parser.add_argument("--case", nargs=2, metavar=("SHAPE", "METHOD"), help="measure one case in this process")
    arguments = parser.parse_args()
    if arguments.case:
        measure(*arguments.case)
        return
    print(
        f"{'runs x attributes x steps':38} {'to':13} {'points':>7} {'wall s':>7} {'CPU s':>7} "
        f"{'ns/point':>8} {'B/point':>8}"
    )
    methods = list(METHODS) if arguments.polars else ["pandas", "wide"]
    for shape in SHAPES:
        for method in methods:
            subprocess.run([sys.executable, str(Path(__file__)), "--case", shape, method], check=False)


if __name__ == "__main__":
    main()
