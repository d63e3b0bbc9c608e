"""Runs or experiments as a lazy frame: a row for each, with its names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from neptune_frames.frames.lazy_narrowing import IDENTITIES, narrowed_containers
from neptune_frames.frames.lazy_predicates import PushdownRules, analyse
from neptune_frames.frames.lazy_source import ScanPlan, ScanRequest, scan_frames
from neptune_frames.frames.lazy_words import containers_words, place_words
from neptune_frames.frames.questions import Containers, run_query
from neptune_frames.query.selection import ContainerKind

if TYPE_CHECKING:
    from neptune_frames.sources.base import Source


@dataclass(frozen=True)
class RunsQuestion:
    """Which runs or experiments of which project."""

    project: str
    containers: Containers


def scan_runs(source: Source, question: RunsQuestion) -> pl.LazyFrame:
    """A lazy frame of the runs, newest first: ``project``, the label, the other name, ``sys_id``.

    Conditions on names that a search understands (`neptune_frames.query.terms`) are part of it, and ``head``
    is its limit.
    """
    kind = question.containers.kind
    return scan_frames(
        partial(_plan, source, question),
        schema=pl.Schema(dict.fromkeys(_columns(kind), pl.String())),
        name="RUNS",
        detail=place_words(question.project, source),
        selected=[containers_words(question.containers)],
    )


def _columns(kind: ContainerKind) -> dict[str, str]:
    """Names of the columns, and the columns of a RUNS table they come from."""
    other = ContainerKind.RUN if kind is ContainerKind.EXPERIMENT else ContainerKind.EXPERIMENT
    labels = {each.value: each.label_column for each in (kind, other)}
    return {"project": "project", **labels, "sys_id": "sys_id"}


def _plan(source: Source, question: RunsQuestion, request: ScanRequest) -> ScanPlan:
    kind = question.containers.kind
    pushdown = analyse(request.predicate, PushdownRules(searched=IDENTITIES))
    containers, of_runs = narrowed_containers(question.containers, pushdown)
    return ScanPlan(
        partial(_frames, source, replace(question, containers=containers), request.limit),
        pushed=(*of_runs, *request.described_limit(kind.value)),
        residual=pushdown.residual,
    )


def _frames(source: Source, question: RunsQuestion, rows: int | None) -> Iterator[pl.DataFrame]:
    containers = question.containers.resolved()
    if containers.names == ():
        return
    query = run_query(source, question.project, containers)
    runs = source.search(replace(query, limit=rows)).runs
    columns = _columns(containers.kind)
    yield pl.DataFrame({name: pl.Series(runs.column(column), dtype=pl.String) for name, column in columns.items()})
