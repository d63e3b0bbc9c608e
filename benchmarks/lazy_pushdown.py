"""What a filtered lazy frame costs, against its share of the full one: bytes over HTTP, CPU of the client.

    python -m benchmarks.lazy_pushdown [--points 30000000] [--repeats 3]

1,000 runs x 100 metrics; conditions keep 1% of the steps, 2 metrics, 10 runs, and all three. Target: at most three
times the share. What every query costs, whatever it asks for, is that of the emptiest one: a scan of one run, one
metric and one step. It is taken off, and shown. Every series asked for has a cost too, so that series should be long
(1,000 steps are 100 million points). An archive cannot read less than the row groups that hold what is wanted: in the
exporter's layout those of this one hold all steps of ten metrics, in ours all steps of some series of one metric. So
1% of the steps are in all of them, and what is left to save is what comes after decoding.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.lazy_archive import PROJECT, Size, served, write_archive
from neptune_frames.archives.converting import convert


def measure(steps: int, repeats: int) -> dict[str, dict[str, float]]:
    """Bytes, CPU and rows of each query; medians."""
    import httpx
    import polars as pl

    import neptune_frames as nf
    from neptune_frames.sources.archive import ArchiveSource
    from neptune_frames.sources.remote import RemoteSource

    received = 0

    class Stream(httpx.SyncByteStream):
        def __init__(self, inner: httpx.SyncByteStream) -> None:
            self.inner = inner

        def __iter__(self):  # type: ignore[no-untyped-def]
            nonlocal received
            for piece in self.inner:
                received += len(piece)
                yield piece

        def close(self) -> None:
            self.inner.close()

    class Counting(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = super().handle_request(request)
            return httpx.Response(answer.status_code, headers=answer.headers, stream=Stream(answer.stream))

    token = os.environ.get("NEPTUNE_API_TOKEN")
    source = RemoteSource(token, transport=Counting()) if token else ArchiveSource(os.environ["NEPTUNE_ARCHIVE"])
    points = nf.scan_metrics(project=PROJECT, runs="", source=source)
    run, attribute, step = pl.col("run"), pl.col("attribute"), pl.col("step")
    conditions = {
        "everything": pl.lit(True),
        "1% of the steps": step < steps // 100,
        "2 of 100 metrics": attribute.is_in(["metric/17", "metric/59"]),
        "10 of 1,000 runs": run.str.starts_with("run-0042"),
        "one point": (step == 0) & (attribute == "metric/03") & (run == "run-00007"),
    }
    conditions["all three"] = (
        conditions["1% of the steps"] & conditions["2 of 100 metrics"] & conditions["10 of 1,000 runs"]
    )
    found: dict[str, dict[str, float]] = {}
    points.filter(conditions["one point"]).collect()
    for name, condition in conditions.items():
        rounds = []
        for _ in range(repeats):
            received, cpu = 0, time.process_time()
            rows = points.filter(condition).collect().height
            rounds.append((received, time.process_time() - cpu))
        size, seconds = (statistics.median(column) for column in zip(*rounds, strict=True))
        found[name] = {"bytes": size, "cpu": seconds, "rows": rows}
    return found


def report(source: str, found: dict[str, dict[str, float]]) -> None:
    full, least = found["everything"], found.pop("one point")
    for name, one in found.items():
        share = one["rows"] / full["rows"]
        cells = [source, name, f"{share:.4%}"]
        for unit in ("bytes", "cpu"):
            whole = full[unit] - least[unit]
            part = max(0.0, one[unit] - least[unit])
            shown = f"{one[unit] / 1e6:.2f} MB" if unit == "bytes" else f"{one[unit] * 1000:.0f} ms"
            cells += [shown, f"{part / whole / share:.1f}" if whole else "-"]
        print(f"| {' | '.join(cells)} |")
    print(f"| {source} | one point | | {least['bytes'] / 1e6:.2f} MB | | {least['cpu'] * 1000:.0f} ms | |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=30_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = Size(1000, 100, arguments.points // 100_000)
    if arguments.child:
        print(json.dumps(measure(size.steps, arguments.repeats)))
        return
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "archive"
        write_archive(root, size)
        ours = Path(directory) / "ours"
        convert(root, ours, progress_bar=False)
        print("| source | query | share | bytes | of its share | CPU | of its share (<= 3) |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        with served(root) as token:
            plain = {name: value for name, value in os.environ.items() if not name.startswith("NEPTUNE_")}
            for source, environment in (
                ("server", {"NEPTUNE_API_TOKEN": token}),
                ("exporter's archive", {"NEPTUNE_ARCHIVE": str(root)}),
                ("our archive", {"NEPTUNE_ARCHIVE": str(ours)}),
            ):
                command = [sys.executable, "-m", "benchmarks.lazy_pushdown", "--child"]
                done = subprocess.run(
                    [*command, "--points", str(arguments.points), "--repeats", str(arguments.repeats)],
                    env={**plain, "NEPTUNE_FRAMES_CACHE": "off", **environment},
                    stdout=subprocess.PIPE, text=True, check=True,
                )  # fmt: skip
                report(source, json.loads(done.stdout))


if __name__ == "__main__":
    main()
