"""The calls that are compared, written once and run by both clients.

This file runs in the official clients' environments too, so it imports nothing but the standard library.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Shape:
    """The size and kind of a canned project. Its name is the project's name, so the server keeps no state.

    Kinds: ``metrics`` (float series, all with steps 0, 1, ...), ``ragged`` (each series its own steps),
    ``table`` (attributes of mixed types), ``texts`` (string series).
    """

    kind: str
    runs: int
    attributes: int
    steps: int = 1

    @property
    def project(self) -> str:
        return f"bench/{self.kind}-{self.runs}-{self.attributes}-{self.steps}"

    @classmethod
    def of(cls, project: str) -> Shape:
        match = re.fullmatch(r"bench/([a-z]+)-(\d+)-(\d+)-(\d+)", project)
        if match is None:
            raise ValueError(f"not a canned project: {project!r}")
        return cls(match.group(1), *map(int, match.groups()[1:]))

    def tiny(self) -> Shape:
        """The same kind of project, small enough to connect and load modules with."""
        return replace(self, runs=min(self.runs, 2), attributes=min(self.attributes, 14), steps=min(self.steps, 2))


@dataclass(frozen=True)
class Scenario:
    """One row of the table. ``call(client, shape)`` gives a frame, a list, or a list of frames.

    Targets are official / ours for CPU seconds and for peak memory; 0 where none is set.
    """

    name: str
    title: str
    shape: Shape
    call: Callable[[Any, Shape], Any]
    cpu_target: float = 0
    memory_target: float = 0
    client: str = "neptune_query"


def attribute_name(index: int) -> str:
    return f"metrics/group_{index // 100:04d}/value_{index:06d}"


def run_name(index: int) -> str:
    return f"run-{index:06d}"


def experiment_name(index: int) -> str:
    return f"experiment-{index:06d}"


def sys_id(index: int) -> str:
    return f"BEN-{index}"


def _experiments(shape: Shape) -> list[str]:
    return [experiment_name(index) for index in range(shape.runs)]


def _attributes(shape: Shape) -> list[str]:
    return [attribute_name(index) for index in range(shape.attributes)]


def fetch_metrics_by_pattern(client: Any, shape: Shape) -> Any:
    return client.fetch_metrics(project=shape.project, experiments="experiment", attributes="^metrics/")


def fetch_metrics_by_name(client: Any, shape: Shape) -> Any:
    return client.fetch_metrics(project=shape.project, experiments=_experiments(shape), attributes=_attributes(shape))


def list_experiments(client: Any, shape: Shape) -> Any:
    return client.list_experiments(project=shape.project)


def list_attributes(client: Any, shape: Shape) -> Any:
    return client.list_attributes(project=shape.project, experiments="experiment", attributes="^metrics/")


def fetch_table_by_name(client: Any, shape: Shape) -> Any:
    return client.fetch_experiments_table(project=shape.project, attributes=_attributes(shape))


def fetch_table_by_pattern(client: Any, shape: Shape) -> Any:
    return client.fetch_experiments_table(project=shape.project, attributes="^metrics/")


def fetch_buckets(client: Any, shape: Shape) -> Any:
    return client.fetch_metric_buckets(
        project=shape.project, experiments="experiment", x="step", y="^metrics/", limit=shape.steps
    )


def fetch_series(client: Any, shape: Shape) -> Any:
    return client.fetch_series(project=shape.project, experiments="experiment", attributes="^metrics/")


def prefetch_series(client: Any, shape: Shape) -> Any:
    run = client.ReadOnlyRun(client.ReadOnlyProject(shape.project), with_id=sys_id(0))
    names = _attributes(shape)
    run.prefetch_series_values(names, use_threads=True, progress_bar=False)
    return [run[name].fetch_values() for name in names]


def prefetch_fields(client: Any, shape: Shape) -> Any:
    run = client.ReadOnlyRun(client.ReadOnlyProject(shape.project), with_id=sys_id(0))
    names = _attributes(shape)
    run.prefetch(names)
    return [run[name].fetch() for name in names]


def fetch_runs_table(client: Any, shape: Shape) -> Any:
    return client.ReadOnlyProject(shape.project).fetch_runs_df(columns=_attributes(shape), progress_bar=False)


_FETCHER = "neptune_fetcher"

_ALL = (
    Scenario(
        "one-series", "1 run x 1 metric x 1M points", Shape("metrics", 1, 1, 1_000_000), fetch_metrics_by_pattern, 20, 4
    ),
    Scenario(
        "many-points",
        "100 runs x 100 metrics x 1,000 steps",
        Shape("metrics", 100, 100, 1000),
        fetch_metrics_by_pattern,
        20,
        5,
    ),
    Scenario(
        "ragged",
        "1,000 runs x 10 metrics x 1,000 steps, ragged",
        Shape("ragged", 1000, 10, 1000),
        fetch_metrics_by_pattern,
        12,
        4,
    ),
    Scenario(
        "many-metrics",
        "1 run x 100,000 metrics x 10 steps",
        Shape("metrics", 1, 100_000, 10),
        fetch_metrics_by_pattern,
        10,
        3,
    ),
    Scenario(
        "many-series",
        "1,000 runs x 1,000 metrics x 1 step",
        Shape("metrics", 1000, 1000, 1),
        fetch_metrics_by_name,
        10,
        3,
    ),
    Scenario("list-experiments", "list 100,000 experiments", Shape("metrics", 100_000, 1), list_experiments, 4),
    Scenario("list-attributes", "list 100,000 attributes", Shape("metrics", 1, 100_000), list_attributes, 4),
    Scenario(
        "table-names",
        "table of 5,000 runs x 200 mixed attributes, exact names",
        Shape("table", 5000, 200),
        fetch_table_by_name,
        8,
        3,
    ),
    Scenario(
        "table-pattern",
        "table of 5,000 runs x 200 mixed attributes, regex",
        Shape("table", 5000, 200),
        fetch_table_by_pattern,
        8,
        3,
    ),
    Scenario("buckets", "buckets of 1,000 series x 1,000", Shape("metrics", 100, 10, 1000), fetch_buckets, 10, 4),
    Scenario("series", "1M points of 100 string series", Shape("texts", 1, 100, 10_000), fetch_series, 5, 2),
    Scenario(
        "prefetch-series",
        "prefetch 1,000 series x 1,000 points, then fetch_values of each",
        Shape("metrics", 1, 1000, 1000),
        prefetch_series,
        10,
        3,
        _FETCHER,
    ),
    Scenario(
        "runs-df",
        "fetch_runs_df of 5,000 runs x 200 columns",
        Shape("table", 5000, 200),
        fetch_runs_table,
        8,
        3,
        _FETCHER,
    ),
    Scenario(
        "prefetch-fields", "prefetch 10,000 scalar fields", Shape("table", 1, 10_000), prefetch_fields, 3, 0, _FETCHER
    ),
)

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
