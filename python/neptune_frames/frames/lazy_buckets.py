"""Buckets of float series as a lazy frame."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from neptune_frames.frames.buckets import fetch_buckets
from neptune_frames.frames.lazy_predicates import PushdownRules, analyse
from neptune_frames.frames.lazy_source import ScanPlan, ScanRequest, scan_frames
from neptune_frames.frames.lazy_words import place_words, series_words
from neptune_frames.frames.metrics_long import name_columns
from neptune_frames.frames.polars_types import polars_type
from neptune_frames.frames.questions import MetricsQuestion
from neptune_frames.query.attributes import FLOAT_SERIES_TYPES
from neptune_frames.query.selection import ContainerKind
from neptune_frames.schemas import BUCKETS

if TYPE_CHECKING:
    from neptune_frames.sources.base import Source


def scan_buckets(source: Source, question: MetricsQuestion, limit: int) -> pl.LazyFrame:
    """A lazy frame with a row per bucket and series (`neptune_frames.schemas.BUCKETS`), by label, attribute and bucket.

    Buckets divide the range common to all series of the question, so a query asks for all of them, whatever
    its conditions: with fewer series they would be other buckets.
    """
    return scan_frames(
        partial(_plan, source, question, limit),
        schema=buckets_schema(question.containers.kind),
        name="BUCKETS",
        detail=place_words(question.project, source),
        selected=[*series_words(question, FLOAT_SERIES_TYPES, "all float series"), f"{limit:,} buckets"],
    )


def buckets_schema(kind: ContainerKind) -> pl.Schema:
    """Names and types of the columns.

    Example:
        >>> buckets_schema(ContainerKind.RUN).names()[:5]
        ['project', 'run', 'attribute', 'index', 'from_x']
    """
    schema = pl.Schema(dict.fromkeys(name_columns(kind), pl.String()))
    schema.update({field.name: polars_type(field.type) for field in BUCKETS if field.name not in ("run", "attribute")})
    return schema


def _plan(source: Source, question: MetricsQuestion, limit: int, request: ScanRequest) -> ScanPlan:
    is_narrowed = request.predicate is not None or request.limit is not None
    return ScanPlan(
        partial(_frames, source, question, limit),
        pushed=("not at all, since all series share their buckets",) if is_narrowed else (),
        residual=analyse(request.predicate, PushdownRules()).residual,
    )


def _frames(source: Source, question: MetricsQuestion, limit: int) -> Iterator[pl.DataFrame]:
    yield fetch_buckets(source, question, limit).collect()
