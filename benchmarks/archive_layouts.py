"""Our layout of archives against hand-written queries over it, and against the exporter's layout.

Writes a synthetic archive in the exporter's layout (1,000 runs x 10 metrics x 1,000 steps by default: values
of single precision, as training loops log them), converts it, and asks both the same questions. CPU times
are the least of some calls; compare the ratios, which belong to one run of this program.

    python -m benchmarks.archive_layouts [--runs 1000] [--metrics 10] [--steps 1000] [--repeat 5] [--keep DIRECTORY]
    python -m benchmarks.archive_layouts --opening [--runs 15000] [--attributes 500]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from neptune_frames.query.expressions import And, Comparison, Operand
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    RunQuery,
    SeriesOptions,
)
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.writing.exporter_layout import float_series_rows, parameter_rows, write_run
from neptune_frames.writing.exporting import export

PROJECT = "bench/archive"
#: The floors of this project: ours over the best by hand, the exporter's layout over ours, size, opening in seconds.
BY_HAND, BY_EXPORTER, SIZE, OPENING = 1.5, 3.0, 0.6, 1.0


@dataclass(frozen=True)
class Archives:
    """The two archives, and what the questions need to know of them."""

    exported: Path
    ours: Path
    metrics: list[str]
    run: str
    steps: int

    @property
    def points(self) -> str:
        """A pattern of the part files of points, for those who query by hand."""
        return str(self.ours / "project=*" / "batch=*" / "float_series" / "*.parquet")

    @property
    def series(self) -> str:
        return str(self.ours / "project=*" / "batch=*" / "series" / "*.parquet")

    @property
    def attributes(self) -> str:
        return str(self.ours / "project=*" / "batch=*" / "attributes" / "*.parquet")


@dataclass(frozen=True)
class Question:
    """A question: how a source answers it, how it is written by hand over our layout; answers are row counts."""

    title: str
    ask: Callable[[ArchiveSource], int]
    by_polars: Callable[[], int]
    by_duckdb: Callable[[], int]
    #: Whether the exporter's layout has to read more than ours, so that the floor against it counts.
    reads_more: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=None)
    for name, default in (("metrics", 10), ("steps", 1000), ("repeat", 5), ("attributes", 500)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--keep", type=Path, help="write the archives here, and use those that are there")
    parser.add_argument("--opening", action="store_true", help="measure opening an archive of many attributes")
    sizes = parser.parse_args()
    os.environ["NEPTUNE_FRAMES_CACHE"] = "off"
    with contextlib.ExitStack() as stack:
        root = sizes.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if sizes.opening:
            measure_opening(root / "opening", sizes.runs or 15_000, sizes.attributes)
        else:
            archives = write_archives(root, sizes.runs or 1000, sizes.metrics, sizes.steps)
            measure_questions(archives, sizes.repeat)


def write_archives(root: Path, runs: int, metrics: int, steps: int) -> Archives:
    """Both archives, unless they are there."""
    exported, ours = root / "exported", root / "ours"
    names = [f"train/metric_{number}" for number in range(metrics)]
    if not ours.exists():
        write_exported(exported / "data", runs, names, steps)
        start = time.process_time()
        summary = export(ours, project=PROJECT, source=ArchiveSource(exported), progress_bar=False)
        print(f"converted {summary.points:,} points in {time.process_time() - start:.1f} s CPU")
    sizes = [sum(file.stat().st_size for file in place.rglob("*.parquet")) for place in (exported, ours)]
    print(
        f"on disk: exporter {sizes[0] / 1e6:.0f} MB, ours {sizes[1] / 1e6:.0f} MB: {sizes[1] / sizes[0]:.0%} "
        f"(floor {SIZE:.0%})\n"
    )
    return Archives(exported, ours, names, f"run-{runs // 2:05d}", steps)


def write_exported(data: Path, runs: int, metrics: list[str], steps: int) -> None:
    random = np.random.default_rng(0)
    axis = np.arange(steps)
    decay = 3.0 / (1.0 + axis / 50)
    for number in range(runs):
        parameters = {
            "sys/name": f"exp-{number}", "sys/id": f"BEN-{number}", "lr": float(random.random()),
            "batch_size": int(2 ** random.integers(4, 10)), "optimizer": str(random.choice(["adam", "sgd", "lion"])),
        }  # fmt: skip
        start = 1_750_000_000_000 + number * 7_919_000
        clock = (start + np.cumsum(random.integers(180, 260, steps))).astype("datetime64[ms]")
        series = {name: (axis, (decay + random.normal(0, 0.05, steps)).astype(np.float32), clock) for name in metrics}
        write_run(data, PROJECT, f"run-{number:05d}", [parameter_rows(parameters), float_series_rows(series)])


def questions(archives: Archives) -> Iterator[Question]:
    """The questions of the project's brief."""
    metric, run = archives.metrics[0], archives.run
    everyone = RunQuery(PROJECT, ContainerKind.RUN)
    columns = "run, attribute, step, value"

    def points(source: ArchiveSource, names: list[str], options: SeriesOptions, runs: pa.Table | None = None) -> int:
        keys = SeriesKeys(source.search(everyone).runs if runs is None else runs, pa.array(names))
        return sum(len(batch["points"].values) for batch in source.float_points(keys, options))

    def scan() -> pl.LazyFrame:
        return pl.scan_parquet(archives.points, hive_partitioning=False).select("run", "attribute", "step", "value")

    def sql(where: str) -> Callable[[], int]:
        query = f"SELECT {columns} FROM read_parquet('{archives.points}', hive_partitioning=false) WHERE {where}"
        return lambda: int(duckdb.sql(query).to_arrow_table().num_rows)

    yield Question(
        "one metric, all runs",
        lambda source: points(source, [metric], SeriesOptions()),
        lambda: scan().filter(pl.col("attribute") == metric).collect().height,
        sql(f"attribute = '{metric}'"),
        True,
    )
    yield Question(
        "all metrics, one run",
        lambda source: points(source, archives.metrics, SeriesOptions(), source.resolve_custom_ids(PROJECT, [run])),
        lambda: scan().filter(pl.col("run") == run).collect().height,
        sql(f"run = '{run}'"),
        False,
    )
    low, high = archives.steps * 0.4, archives.steps * 0.45
    yield Question(
        "one metric, all runs, a step range",
        lambda source: points(source, [metric], SeriesOptions(step_range=(low, high))),
        lambda: scan().filter(pl.col("attribute") == metric, pl.col("step").is_between(low, high)).collect().height,
        sql(f"attribute = '{metric}' AND step BETWEEN {low} AND {high}"),
        True,
    )
    selector = AttributeSelector((AttributeAlternative(("float_series",)),))
    last_values = (
        f"SELECT run, attribute, last FROM read_parquet('{archives.series}', hive_partitioning=false) "
        "WHERE type = 'float_series'"
    )
    yield Question(
        "last value of each metric",
        lambda source: sum(batch.num_rows for _, batch in source.values(source.search(everyone).runs, selector)),
        lambda: (
            pl.scan_parquet(archives.series, hive_partitioning=False)
            .filter(pl.col("type") == "float_series")
            .select("run", "attribute", "last")
            .collect()
            .height
        ),
        lambda: int(duckdb.sql(last_values).to_arrow_table().num_rows),
        False,
    )
    conditions = And(
        (
            Comparison(Operand("lr", "float"), ">", "0.5"),
            Comparison(Operand("optimizer", "string"), "==", "adam"),
            Comparison(Operand(metric, "float_series"), "<", "0.2"),
        )
    )
    yield Question(
        "runs by three conditions",
        lambda source: source.search(RunQuery(PROJECT, ContainerKind.RUN, conditions)).runs.num_rows,
        lambda: filter_by_polars(archives, metric),
        lambda: filter_by_duckdb(archives, metric),
        False,
    )


def filter_by_polars(archives: Archives, metric: str) -> int:
    values = pl.scan_parquet(archives.attributes, hive_partitioning=False)
    series = pl.scan_parquet(archives.series, hive_partitioning=False)
    by_rate = values.filter(type="float", attribute="lr").filter(pl.col("float_value") > 0.5).select("run")
    by_name = values.filter(type="string", attribute="optimizer", string_value="adam").select("run")
    by_metric = series.filter(type="float_series", attribute=metric).filter(pl.col("last") < 0.2).select("run")
    return by_rate.join(by_name, on="run", how="semi").join(by_metric, on="run", how="semi").collect().height


def filter_by_duckdb(archives: Archives, metric: str) -> int:
    values, series = (
        f"read_parquet('{place}', hive_partitioning=false)" for place in (archives.attributes, archives.series)
    )
    return int(
        duckdb.sql(
            f"SELECT run FROM {values} WHERE type = 'float' AND attribute = 'lr' AND float_value > 0.5 INTERSECT "
            f"SELECT run FROM {values} WHERE type = 'string' AND attribute = 'optimizer' AND string_value = 'adam' "
            f"INTERSECT SELECT run FROM {series} WHERE type = 'float_series' AND attribute = '{metric}' AND last < 0.2"
        )
        .to_arrow_table()
        .num_rows
    )


def measure_questions(archives: Archives, repeat: int) -> None:
    """One row per question: our source, the best by hand, and the same source over the exporter's layout."""
    ours, exported = ArchiveSource(archives.ours), ArchiveSource(archives.exported)
    for label, source in (("ours", ours), ("exporter", exported)):
        seconds, _ = timed(lambda source=source: source.search(RunQuery(PROJECT, ContainerKind.RUN)), 1)
        print(f"opening the archive, layout {label}: {seconds * 1e3:.0f} ms CPU")
    print(
        f"\n| question | rows | ours, ms CPU | Polars by hand | DuckDB by hand | ours / best (floor {BY_HAND}) "
        f"| exporter layout | exporter / ours (floor {BY_EXPORTER:g}) |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for question in questions(archives):
        calls = (
            lambda question=question: question.ask(ours),
            question.by_polars,
            question.by_duckdb,
            lambda question=question: question.ask(exported),
        )
        (own, rows), *others = [timed(call, repeat) for call in calls]
        if any(found != rows for _, found in others):
            raise SystemExit(f"{question.title}: {rows} rows, but {[found for _, found in others]}")
        polars_cpu, duckdb_cpu, exported_cpu = (seconds for seconds, _ in others)
        floor = "" if question.reads_more else " (no floor: reads no more)"
        print(
            f"| {question.title} | {rows:,} | {own * 1e3:.1f} | {polars_cpu * 1e3:.1f} | {duckdb_cpu * 1e3:.1f} "
            f"| {own / min(polars_cpu, duckdb_cpu):.2f} | {exported_cpu * 1e3:.1f} | {exported_cpu / own:.1f}{floor} |",
            flush=True,
        )


def timed(call: Callable[[], Any], repeat: int) -> tuple[float, Any]:
    """The least CPU time of some calls after a first one, and the answer."""
    answer = call() if repeat > 1 else None
    best = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        answer = call()
        best = min(best, time.process_time() - start)
    return best, answer


_OPEN = """
import sys, time
from neptune_frames.query.selection import ContainerKind, RunQuery
from neptune_frames.sources.archive import ArchiveSource
cpu, wall = time.process_time(), time.perf_counter()
answer = ArchiveSource(sys.argv[1]).search(RunQuery(sys.argv[2], ContainerKind.RUN, limit=10))
print(answer.total, time.perf_counter() - wall, time.process_time() - cpu)
"""


def measure_opening(root: Path, runs: int, attributes: int) -> None:
    """Opening an archive of many values in fresh processes; no catalog is kept of our layout."""
    archive = root / "ours"
    if not archive.exists():
        write_parameters(root / "exported" / "data", runs, attributes)
        export(archive, project=PROJECT, source=ArchiveSource(root / "exported"), progress_bar=False)
    for label in ("first", "again", "again"):
        done = subprocess.run(
            [sys.executable, "-c", _OPEN, str(archive), PROJECT], capture_output=True, text=True, check=True
        )
        count, wall, cpu = done.stdout.split()
        print(
            f"opening {count} runs x {attributes} attributes, {label}: {float(wall):.2f} s, {float(cpu):.2f} s CPU "
            f"(floor {OPENING:g} s)"
        )


def write_parameters(data: Path, runs: int, attributes: int) -> None:
    random = np.random.default_rng(0)
    for number in range(runs):
        parameters: dict[str, Any] = {"sys/name": f"exp-{number}", "sys/id": f"BEN-{number}"}
        floats = random.random(attributes).round(6).tolist()
        for at in range(attributes - 2):
            parameters[f"config/group_{at % 20}/value_{at}"] = (
                floats[at], number % (at + 2), f"text {number % 97}", number % (at + 3) == 0
            )[at % 4]  # fmt: skip
        write_run(data, PROJECT, f"run-{number:05d}", [parameter_rows(parameters)])


if __name__ == "__main__":
    main()
