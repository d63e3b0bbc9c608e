"""Exports measured: CPU, wall, memory and size, against what neptune-exporter does with the same points.

Writes a synthetic archive in the exporter's layout (1,000 runs x 10 metrics x 1,000 steps by default: values
of single precision, as training loops log them), serves it with our server on loopback, and exports it, each
time in a fresh process (imports are not counted): from the server and from the archive, to both layouts.
``--exporter PYTHON`` names an interpreter with the dependencies of neptune-exporter
(`benchmarks/peers/neptune-exporter.txt`); its conversion (`benchmarks/exporter_conversion.py`) is then measured
on some of the runs, and scaled to all of them. ``--long N`` exports one more project, with a single run of N
points, to show that memory does not follow from size.

    python -m benchmarks.export [--runs 1000] [--metrics 10] [--steps 1000] [--exporter PYTHON] [--long 30000000]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neptune_frames.server.testing import serve_in_thread
from neptune_frames.writing.exporter_layout import float_series_rows, parameter_rows, write_run

PROJECT = "bench/export"
LONG_PROJECT = "bench/long"
#: Floors: CPU of the exporter's conversion over ours, peak memory in bytes, size over that of the exporter's layout.
CPU, MEMORY, SIZE = 10.0, 1 << 30, 0.6
#: Runs on which the exporter's conversion is measured.
_SAMPLE = 48

_EXPORT = """
import json, sys, time
from pathlib import Path
import neptune_frames as nf
import neptune_frames.sources.remote, neptune_frames.writing.exporting  # importing is not measured
source, kept, project, layout = sys.argv[1:]
cpu, wall = time.process_time(), time.perf_counter()
summary = nf.export(kept, project=project, source=source, layout=layout)
# Not that of getrusage, which a process inherits from the one that started it.
(peak,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps({
    "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall,
    "peak": int(peak) * 1024, "points": summary.points, "bytes": summary.bytes,
}))
"""


@dataclass(frozen=True)
class Measured:
    """One export; ``cpu`` and ``wall`` in seconds, ``peak`` of memory and ``bytes`` written in bytes."""

    cpu: float
    wall: float
    peak: int
    points: int
    bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("runs", 1000), ("metrics", 10), ("steps", 1000), ("long", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--exporter", metavar="PYTHON", help="interpreter with the dependencies of neptune-exporter")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        points = write_archive(root / "exporter", options.runs, options.metrics, options.steps)
        stored = sum(path.stat().st_size for path in (root / "exporter" / "data").rglob("*.parquet"))
        with served(root / "exporter") as token:
            print("| export | points | CPU, s | wall, s | peak memory, MiB | size | size / exporter's |")
            print("| --- | --- | --- | --- | --- | --- | --- |")
            results = {}
            for layout in ("neptune-frames", "neptune-exporter"):
                for name, source in (("server", token), ("archive", str(root / "exporter"))):
                    found = measure(source, root / f"{layout}-{name}", PROJECT, layout)
                    results[layout, name] = found
                    show(f"{name} to {layout}", found, stored)
                    if found.points != points:
                        sys.exit(f"{found.points:,} points were exported, and {points:,} were there")
            ours = results["neptune-frames", "server"]
            if options.exporter:
                compare_with_exporter(options.exporter, token, root / "converted", ours, options.runs, points)
        print(f"size: {ours.bytes / stored:.2f} of the exporter's layout (floor {SIZE})")
        print(f"memory: {ours.peak / 2**20:.0f} MiB (floor {MEMORY / 2**20:.0f})")
    if options.long:
        measure_long(options.long)


def measure(source: str, kept: Path, project: str, layout: str) -> Measured:
    """Export in a process of its own."""
    command = [sys.executable, "-c", _EXPORT, source, str(kept), project, layout]
    environment = {**os.environ, "NEPTUNE_FRAMES_CACHE": "off"}
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    return Measured(**json.loads(printed))


def show(name: str, found: Measured, stored: int) -> None:
    size = f"{found.bytes / 1e6:.1f} MB | {found.bytes / stored:.2f}"
    print(
        f"| {name} | {found.points:,} | {found.cpu:.1f} | {found.wall:.1f} | {found.peak / 2**20:.0f} | {size} |",
        flush=True,
    )


def compare_with_exporter(python: str, token: str, directory: Path, ours: Measured, runs: int, points: int) -> None:
    """CPU of the exporter's conversion of the same points, from a sample of the runs."""
    script = Path(__file__).with_name("exporter_conversion.py")
    command = [python, "-W", "ignore", str(script), PROJECT, str(directory), str(min(runs, _SAMPLE))]
    environment = {**os.environ, "NEPTUNE_API_TOKEN": token, "NEPTUNE_LOGGER_LEVEL": "ERROR"}
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    found = json.loads(printed.splitlines()[-1])
    scale = points / found["points"]
    convert, fetch = found["convert_cpu"] * scale, found["fetch_cpu"] * scale
    print(f"neptune-exporter, {found['points']:,} points measured and scaled to {points:,}:")
    print(f"conversion {convert:.0f} s CPU, fetching {fetch:.0f} s CPU")
    print(f"our whole export over its conversion alone: {convert / ours.cpu:.1f} times less CPU (floor {CPU:.0f})")
    print(f"our whole export over its fetching and conversion: {(convert + fetch) / ours.cpu:.1f} times less CPU")


def measure_long(points: int) -> None:
    """One run with one series of that many points, from a server."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        steps = np.arange(points, dtype=np.float64)
        values = np.random.default_rng(0).standard_normal(points).astype(np.float32)
        rows = [parameter_rows({"sys/id": "LONG-1"}), float_series_rows({"loss": (steps, values)})]
        write_run(root / "exporter" / "data", LONG_PROJECT, "long", rows)
        with served(root / "exporter") as token:
            found = measure(token, root / "kept", LONG_PROJECT, "neptune-frames")
        show("one run, one series", found, sum(path.stat().st_size for path in (root / "exporter").rglob("*.parquet")))


@contextmanager
def served(archive: Path) -> Iterator[str]:
    """The API token of our server in front of an archive, warm."""
    with serve_in_thread(archive) as server:
        server.state.source.projects()
        yield server.api_token


def write_archive(archive: Path, runs: int, metrics: int, steps: int) -> int:
    """The archive that is exported; gives the number of points."""
    random = np.random.default_rng(0)
    axis = np.arange(steps, dtype=np.float64)
    for number in range(runs):
        started = np.datetime64("2025-01-01T00:00:00", "ms") + np.timedelta64(number, "h")
        times = started + np.cumsum(random.integers(200, 400, steps)).astype("timedelta64[ms]")
        curve = 3 * np.exp(-axis / 300) + 0.5
        series = {
            f"train/metric_{metric}": (
                axis,
                (curve + 0.05 * random.standard_normal(steps)).astype(np.float32),
                times,
            )
            for metric in range(metrics)
        }
        parameters = {"sys/id": f"BEN-{number}", "sys/name": f"experiment {number}", "lr": float(random.random())}
        write_run(
            archive / "data", PROJECT, f"run-{number:05d}", [parameter_rows(parameters), float_series_rows(series)]
        )
    return runs * metrics * steps


if __name__ == "__main__":
    main()
