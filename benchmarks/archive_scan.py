"""The archive source against hand-written Polars: one metric of all runs, and all metrics.

Writes a synthetic archive (1,000 runs x 10 metrics x 1,000 steps by default) to a temporary directory
and prints, for each question, the CPU time of the source, of a `pl.scan_parquet` query that ends in the
same points (sorted by run, metric and step), and of one that leaves the rows as they lie in the files;
the ratios are those of the source to each.

    python benchmarks/archive_scan.py [--runs 1000] [--metrics 10] [--steps 1000] [--repeat 3]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from neptune_frames.query.expressions import And, Comparison, Operand
from neptune_frames.query.selection import ContainerKind, RunQuery, SeriesOptions
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.writing.exporter_layout import float_series_rows, parameter_rows, write_run

PROJECT = "bench/archive"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("runs", 1000), ("metrics", 10), ("steps", 1000), ("repeat", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    sizes = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        metrics = [f"train/metric_{number}" for number in range(sizes.metrics)]
        write_archive(data, sizes.runs, metrics, sizes.steps)
        files = sorted(str(path) for path in data.rglob("*.parquet"))
        source = ArchiveSource(data)
        everything = RunQuery(PROJECT, ContainerKind.RUN)
        seconds, _ = timed(lambda: source.search(everything), 1)
        print(f"building the catalog, once: {seconds:.2f} s CPU for {sizes.runs * len(metrics) * sizes.steps:,} points")
        runs = source.search(everything).runs
        print("| question | points | source, ms CPU | by hand, sorted | ratio | by hand, unsorted | ratio |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for label, names in (("one metric of all runs", metrics[:1]), ("all metrics of all runs", metrics)):
            keys = SeriesKeys(runs, pa.array(names))
            ours, points = timed(lambda keys=keys: count_points(source, keys), sizes.repeat)
            cells = [label, f"{points:,}", f"{ours * 1e3:.0f}"]
            for ordered in (True, False):
                theirs, expected = timed(
                    lambda names=names, ordered=ordered: count_by_hand(files, names, ordered), sizes.repeat
                )
                if points != expected:
                    raise SystemExit(f"{points} points, but {expected} by hand")
                cells += [f"{theirs * 1e3:.0f}", f"{ours / theirs:.2f}"]
            print(f"| {' | '.join(cells)} |")
        three = And(
            (
                Comparison(Operand("lr", "float"), ">", "0.5"),
                Comparison(Operand("sys/name", "string"), "!=", "exp-3"),
                Comparison(Operand(metrics[0], "float_series"), "<", "0.9"),
            )
        )
        source.search(RunQuery(PROJECT, ContainerKind.RUN, three))
        seconds, _ = timed(lambda: source.search(RunQuery(PROJECT, ContainerKind.RUN, three)), sizes.repeat)
        print(f"a search by three conditions, warm: {seconds * 1e3:.1f} ms CPU")


def write_archive(data: Path, runs: int, metrics: list[str], steps: int) -> None:
    random = np.random.default_rng(0)
    axis = np.arange(steps)
    for number in range(runs):
        parameters = {"sys/name": f"exp-{number}", "sys/id": f"BEN-{number}", "lr": float(random.random())}
        series = {name: (axis, random.random(steps)) for name in metrics}
        rows = [parameter_rows(parameters), float_series_rows(series)]
        write_run(data, PROJECT, f"run-{number:05d}", rows)


def count_points(source: ArchiveSource, keys: SeriesKeys) -> int:
    return sum(len(batch["points"].values) for batch in source.float_points(keys, SeriesOptions()))


def count_by_hand(files: list[str], names: list[str], ordered: bool) -> int:
    points = (
        pl.scan_parquet(files, glob=False)
        .filter(pl.col("attribute_type") == "float_series", pl.col("attribute_path").is_in(names))
        .select("run_id", "attribute_path", pl.col("step").cast(pl.Float64), "float_value")
    )
    return (points.sort("run_id", "attribute_path", "step") if ordered else points).collect().height


def timed(call: Callable[[], object], repeat: int) -> tuple[float, object]:
    """The least CPU time of some calls, and the last answer."""
    best, answer = float("inf"), None
    for _ in range(repeat):
        start = time.process_time()
        answer = call()
        best = min(best, time.process_time() - start)
    return best, answer


if __name__ == "__main__":
    main()
