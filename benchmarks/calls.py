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
    """The size of a canned project. Its name is the project's name, so the server keeps no state."""

    runs: int
    attributes: int
    steps: int
    ragged: bool = False

    @property
    def project(self) -> str:
        ragged = "-ragged" if self.ragged else ""
        return f"bench/runs-{self.runs}-attributes-{self.attributes}-steps-{self.steps}{ragged}"

    @classmethod
    def of(cls, project: str) -> Shape:
        match = re.fullmatch(r"bench/runs-(\d+)-attributes-(\d+)-steps-(\d+)(-ragged)?", project)
        if match is None:
            raise ValueError(f"not a canned project: {project!r}")
        runs, attributes, steps, ragged = match.groups()
        return cls(int(runs), int(attributes), int(steps), ragged is not None)

    def tiny(self) -> Shape:
        """The same kind of project, small enough to connect and load modules with."""
        return replace(self, runs=min(self.runs, 2), attributes=min(self.attributes, 2), steps=min(self.steps, 2))


@dataclass(frozen=True)
class Scenario:
    """One row of the table. ``call(client, shape)`` gives a pandas frame or a list.

    Targets are official / ours for CPU seconds and for peak memory; 0 where none is set.
    """

    name: str
    title: str
    shape: Shape
    call: Callable[[Any, Shape], Any]
    client: str = "neptune_query"
    cpu_target: float = 0
    memory_target: float = 0


def attribute_name(index: int) -> str:
    return f"metrics/group_{index // 100:04d}/value_{index:06d}"


def run_name(index: int) -> str:
    return f"run-{index:06d}"


def experiment_name(index: int) -> str:
    return f"experiment-{index:06d}"


def fetch_metrics_by_pattern(client: Any, shape: Shape) -> Any:
    return client.fetch_metrics(project=shape.project, experiments="experiment", attributes="^metrics/")


def fetch_metrics_by_name(client: Any, shape: Shape) -> Any:
    return client.fetch_metrics(
        project=shape.project,
        experiments=[experiment_name(index) for index in range(shape.runs)],
        attributes=[attribute_name(index) for index in range(shape.attributes)],
    )


def list_experiments(client: Any, shape: Shape) -> Any:
    return client.list_experiments(project=shape.project)


_ALL = (
    Scenario(
        "one-series",
        "1 run x 1 metric x 1M points",
        Shape(1, 1, 1_000_000),
        fetch_metrics_by_pattern,
        cpu_target=20,
        memory_target=4,
    ),
    Scenario(
        "many-points",
        "100 runs x 100 metrics x 1,000 steps",
        Shape(100, 100, 1000),
        fetch_metrics_by_pattern,
        cpu_target=20,
        memory_target=5,
    ),
    Scenario(
        "ragged",
        "1,000 runs x 10 metrics x 1,000 steps, ragged",
        Shape(1000, 10, 1000, ragged=True),
        fetch_metrics_by_pattern,
        cpu_target=12,
        memory_target=4,
    ),
    Scenario(
        "many-metrics",
        "1 run x 100,000 metrics x 10 steps",
        Shape(1, 100_000, 10),
        fetch_metrics_by_pattern,
        cpu_target=10,
        memory_target=3,
    ),
    Scenario(
        "many-series",
        "1,000 runs x 1,000 metrics x 1 step",
        Shape(1000, 1000, 1),
        fetch_metrics_by_name,
        cpu_target=10,
        memory_target=3,
    ),
    Scenario("list-experiments", "list 100,000 experiments", Shape(100_000, 1, 1), list_experiments, cpu_target=4),
)

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
