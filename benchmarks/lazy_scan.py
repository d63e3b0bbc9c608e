"""A long lazy frame of 10M points over HTTP (protobuf), against downloading as many bytes and copying them once.

    python -m benchmarks.lazy_scan [--points 10000000]

Both run in fresh processes against the canned server. Targets: at most 4 times the CPU of the download,
and at most 3 times the Arrow size of the result as peak memory above the imported baseline.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from benchmarks.calls import Shape
from benchmarks.canned_server import running_server
from benchmarks.measured_client import status_kilobytes

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")

_ANSWER_BYTES = 32_000_000
_POINT_BYTES = 32


def scan(shape: Shape) -> pl.DataFrame:
    """Collect the long frame."""
    import neptune_frames as nf

    frame = nf.scan_metrics(project=shape.project, experiments="experiment", attributes="^metrics/").collect()
    assert frame.height == shape.runs * shape.attributes * shape.steps
    return frame


def download(address: str, size: int) -> None:
    """Read ``size`` bytes in answers as large as those of the scan, and copy each once."""
    import httpx
    import numpy as np

    with httpx.Client() as client:
        for start in range(0, size, _ANSWER_BYTES):
            count = min(_ANSWER_BYTES, size - start)
            with client.stream("GET", f"{address}/bytes?count={count}") as response:
                body = bytearray(count)
                filled = 0
                for piece in response.iter_raw():
                    body[filled : filled + len(piece)] = piece
                    filled += len(piece)
            np.frombuffer(body, dtype=np.uint8).copy()


def measured(warm: Callable[[], object], call: Callable[[], T]) -> tuple[T, dict[str, float]]:
    warm()
    gc.collect()
    baseline = status_kilobytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    cpu, wall = time.process_time(), time.perf_counter()
    result = call()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return result, {"cpu": cpu, "wall": wall, "peak_mb": (status_kilobytes("VmHWM") - baseline) / 1024}


def child(what: str, points: int, address: str) -> None:
    shape = Shape("metrics", 100, points // 100_000, 1000)
    if what == "scan":
        frame, answer = measured(lambda: scan(shape.tiny()), lambda: scan(shape))
        answer["size_mb"] = frame.to_arrow().nbytes / 2**20
    else:
        _, answer = measured(lambda: download(address, 1000), lambda: download(address, points * _POINT_BYTES))
    print(json.dumps(answer))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", choices=("scan", "download"), help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.points, arguments.address)
        return
    with running_server() as server:
        rounds: dict[str, list[dict[str, float]]] = {"scan": [], "download": []}
        for number in range(arguments.repeats + 1):
            for what, answers in rounds.items():
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.lazy_scan", "--child", what, "--points", str(arguments.points),
                     "--address", server.address],
                    env={**os.environ, "NEPTUNE_API_TOKEN": server.api_token},
                    stdout=subprocess.PIPE, text=True, check=True,
                )  # fmt: skip
                if number:
                    answers.append(json.loads(done.stdout))
    scanned, downloaded = (
        {key: statistics.median(one[key] for one in answers) for key in answers[0]} for answers in rounds.values()
    )
    print(f"| long lazy frame, {arguments.points:,} points | scan | download and copy | ratio (target) |")
    print("| --- | --- | --- | --- |")
    ratio = scanned["cpu"] / downloaded["cpu"]
    print(f"| CPU s | {scanned['cpu']:.2f} | {downloaded['cpu']:.2f} | {ratio:.1f} (<= 4) |")
    print(f"| wall s | {scanned['wall']:.2f} | {downloaded['wall']:.2f} | {scanned['wall'] / downloaded['wall']:.1f} |")
    peak, size = scanned["peak_mb"], scanned["size_mb"]
    print(f"| peak MB above baseline | {peak:.0f} | Arrow size {size:.0f} | {peak / size:.1f} (<= 3) |")


if __name__ == "__main__":
    main()
