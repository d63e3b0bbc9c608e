"""Opening and filtering a large archive: a cold build of the catalog, an open from its cache, warm queries.

Writes a synthetic archive (15,000 runs x 500 attributes by default; `--directory` keeps it for the next
time) and prints how long the first question takes without a catalog cache, how long it takes a source
that finds the cache, and the milliseconds of a search by three conditions once the catalog is in memory.

    python -m benchmarks.archive_filter [--runs 15000] [--attributes 500] [--repeat 20] [--directory DIR]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from neptune_frames.query.attributes import KNOWN_TYPES
from neptune_frames.query.expressions import And, Comparison, Operand
from neptune_frames.query.selection import AttributeAlternative, AttributeSelector, ContainerKind, RunQuery
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.writing.exporter_layout import float_series_rows, parameter_rows, write_run

PROJECT = "bench/filter"
_METRICS = 10
_STEPS = 20
#: What the source asks of every search that hides trashed runs, and two conditions of a user.
CONDITIONS = And(
    (
        Comparison(Operand("sys/trashed", "bool"), "==", "False"),
        Comparison(Operand("config/float_000", "float"), ">", "0.5"),
        Comparison(Operand("metrics/m0", "float_series"), "<", "0.9"),
    )
)
EVERYTHING = AttributeSelector((AttributeAlternative(KNOWN_TYPES),))
Answer = TypeVar("Answer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("runs", 15_000), ("attributes", 500), ("repeat", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--directory", type=Path, help="where the archive lies, or is written for the next time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        archive = options.directory or Path(temporary) / "archive"
        if not archive.exists():
            write_archive(archive / "data", options.runs, options.attributes)
        measure(archive, Path(temporary) / "cache", options.repeat)


def measure(archive: Path, cache: Path, repeat: int) -> None:
    os.environ["NEPTUNE_FRAMES_CACHE"] = str(cache)
    query = RunQuery(PROJECT, ContainerKind.RUN, CONDITIONS)
    print("| question | wall, ms | CPU, ms |\n| --- | --- | --- |")
    _, *cold = timed(lambda: ArchiveSource(archive).search(query))
    report("first search, no cache", cold)
    source = ArchiveSource(archive)
    _, *opened = timed(lambda: source.search(query))
    report("first search, catalog cached", opened)
    times = []
    for _ in range(repeat):
        answer, *warm = timed(lambda: source.search(query))
        times.append(warm)
    report("search by three conditions, median", [statistics.median(column) for column in zip(*times, strict=True)])
    report("search by three conditions, slowest", [max(column) for column in zip(*times, strict=True)])
    catalog = source.definitions([PROJECT], None, EVERYTHING)
    print(f"{answer.total:,} runs found; {catalog.num_rows:,} attributes in the project")


def report(question: str, seconds: list[float]) -> None:
    print(f"| {question} | {' | '.join(f'{value * 1e3:,.1f}' for value in seconds)} |", flush=True)


def timed(call: Callable[[], Answer]) -> tuple[Answer, float, float]:
    """The answer, with wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    answer = call()
    return answer, time.perf_counter() - wall, time.process_time() - cpu


def write_archive(data: Path, runs: int, attributes: int) -> None:
    """Runs of parameters of all simple types, mostly numbers, and ten short series."""
    random = np.random.default_rng(0)
    axis = np.arange(_STEPS)
    count = attributes - _METRICS - 4
    kinds = ("float", "int", "string", "bool", "float")
    for number in range(runs):
        numbers = random.random(count).tolist()
        values = {"float": lambda x: x, "int": lambda x: int(x * 1000), "string": lambda x: f"choice-{int(x * 50)}",
                  "bool": lambda x: x > 0.5}  # fmt: skip
        parameters = {f"config/{kinds[i % 5]}_{i:03d}": values[kinds[i % 5]](x) for i, x in enumerate(numbers)}
        parameters |= {
            "sys/id": f"BEN-{number}",
            "sys/custom_run_id": f"run-{number:05d}",
            "sys/name": f"exp-{number}",
            "sys/trashed": False,
        }
        series = {f"metrics/m{index}": (axis, random.random(_STEPS)) for index in range(_METRICS)}
        write_run(data, PROJECT, f"run-{number:05d}", [parameter_rows(parameters), float_series_rows(series)])


if __name__ == "__main__":
    main()
