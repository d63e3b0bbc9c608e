"""A lazy frame larger than memory should be: all points of an archive into one Parquet file, in bounded memory.

    python -m benchmarks.lazy_memory [--points 50000000] [--limit-mb 1024] [--source archive|server]

Writes an archive of 1,000 runs x 10 metrics to a temporary directory, and lets fresh processes sink
`scan_metrics` of all of it: from the archive, and over HTTP from our server, which runs in a process of its own.
Peaks are of the whole client process, imports included.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.lazy_archive import PROJECT, Size, served, write_archive

_RUNS, _METRICS = 1000, 10


def sink(how: str, target: Path) -> dict[str, float]:
    """Read everything and write it; the environment names the source."""
    import polars as pl

    import neptune_frames as nf

    points = nf.scan_metrics(project=PROJECT, runs="")
    wall, cpu = time.perf_counter(), time.process_time()
    if how == "sink_parquet":
        points.sink_parquet(target)
        rows = pl.scan_parquet(target).select(pl.len()).collect().item()
    elif how == "collect_batches":
        rows = sum(batch.height for batch in points.collect_batches())
    else:
        means = points.group_by("attribute").agg(pl.col("value").mean(), pl.len().alias("rows"))
        rows = means.collect(engine="streaming")["rows"].sum()
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "rows": rows,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measured(how: str, target: Path, environment: dict[str, str]) -> dict[str, float]:
    """What a fresh process needs, which finds no catalog of an earlier one."""
    command = [sys.executable, "-m", "benchmarks.lazy_memory", "--child", how, "--target", str(target)]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("NEPTUNE_")}
    done = subprocess.run(
        command,
        env={**plain, "NEPTUNE_FRAMES_CACHE": "off", **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=50_000_000)
    parser.add_argument("--limit-mb", type=int, default=1024)
    parser.add_argument("--source", choices=("archive", "server"), action="append", help="default: both")
    parser.add_argument("--child", choices=("sink_parquet", "collect_batches", "group_by"), help=argparse.SUPPRESS)
    parser.add_argument("--target", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(sink(arguments.child, arguments.target)))
        return
    size = Size(_RUNS, _METRICS, arguments.points // (_RUNS * _METRICS))
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        write_archive(root / "archive", size)
        with served(root / "archive") as token:
            print(f"| {size.points:,} points | source | wall s | CPU s | peak MB (<= {arguments.limit_mb}) |")
            print("| --- | --- | --- | --- | --- |")
            peaks = []
            environments = {
                "archive": {"NEPTUNE_ARCHIVE": str(root / "archive")},
                "server": {"NEPTUNE_API_TOKEN": token},
            }
            for source in arguments.source or environments:
                for how in ("sink_parquet", "collect_batches", "group_by"):
                    found = measured(how, root / "points.parquet", environments[source])
                    assert found["rows"] == size.points, found
                    peaks.append(found["peak_mb"])
                    print(
                        f"| {how} | {source} | {found['wall']:.1f} | {found['cpu']:.1f} | {found['peak_mb']:.0f} |",
                        flush=True,
                    )
    if max(peaks) > arguments.limit_mb:
        raise SystemExit(f"{max(peaks):.0f} MB are more than {arguments.limit_mb}")


if __name__ == "__main__":
    main()
