"""Metric points as a lazy frame: nothing is fetched until a query runs, and then only what it needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeGuard

import polars as pl
import pyarrow as pa

from neptune_frames.frames.lazy_predicates import equal_texts, keep_candidates, step_range
from neptune_frames.frames.lazy_source import Wanted, scan_frames
from neptune_frames.frames.metrics_long import LongLayout
from neptune_frames.frames.metrics_points import read_points
from neptune_frames.frames.questions import MetricsQuestion, Narrowing, float_points, series_keys
from neptune_frames.schemas import POINT_TIME

if TYPE_CHECKING:
    from neptune_frames.query.selection import ContainerKind, SeriesOptions
    from neptune_frames.sources.base import Source


#: More labels than this are not named in a search, which then finds more runs than needed.
_MOST_LABELS = 1000


def scan_metrics(source: Source, question: MetricsQuestion) -> pl.LazyFrame:
    """A lazy long frame (columns: `neptune_frames.frames.metrics_long`) of the points asked for.

    Each query that is collected asks the source anew. Work that is left out:

    - runs and attributes that a condition on ``project``, ``experiment``/``run`` or ``attribute`` excludes
      (any condition on these columns; ``==`` and ``is_in`` on labels are part of the search itself);
    - steps that a comparison of ``step`` with numbers excludes;
    - timestamps, if the column is not used;
    - what comes after the last row needed (``head``).

    Everything else is filtered after it arrived. Steps are taken not to be NaN.
    """

    def frames(wanted: Wanted) -> Iterator[pl.DataFrame]:
        options = narrow_options(question.options, wanted)
        start, end = options.step_range
        if start is not None and end is not None and start > end:
            return
        labels = equal_texts(wanted.predicate, options.kind.value)
        asked = replace(question, containers=question.containers.among(labels)) if _searchable(labels) else question
        keys = series_keys(source, asked, _Needed(options.kind, wanted.predicate))
        layout = LongLayout(keys.runs, keys.attributes, options)
        for block in read_points(float_points(source, keys, options)):
            yield layout.frame(block, wanted.columns)

    return scan_frames(
        frames, schema=LongLayout.schema(question.options), name="METRICS", detail=f"project {question.project}"
    )


def narrow_options(options: SeriesOptions, wanted: Wanted) -> SeriesOptions:
    """The options, without steps and timestamps that the query does not need.

    With a tail limit only the lower bound of a condition on steps is used: the last n points at or after
    a step are those of the last n points that are at or after it, but before a step there are others.
    """
    low, high = step_range(wanted.predicate)
    if options.tail_limit is not None:
        high = None
    start, end = options.step_range
    time = options.include_time and (wanted.columns is None or POINT_TIME.name in wanted.columns)
    return replace(
        options,
        step_range=(
            max((bound for bound in (start, low) if bound is not None), default=None),
            min((bound for bound in (end, high) if bound is not None), default=None),
        ),
        include_time=time,
    )


def _searchable(labels: Collection[str] | None) -> TypeGuard[Collection[str]]:
    return labels is not None and 0 < len(labels) <= _MOST_LABELS


@dataclass(frozen=True)
class _Needed(Narrowing):
    """The runs and attributes that some row satisfying the predicate may have."""

    kind: ContainerKind
    predicate: pl.Expr | None

    def runs(self, runs: pa.Table) -> pa.Table:
        names = {"project": "project", self.kind.value: self.kind.label_column}
        candidates = pl.DataFrame([_categorical(name, runs.column(column)) for name, column in names.items()])
        return runs.take(self._kept(candidates)) if runs.num_rows else runs

    def attributes(self, names: pa.Array) -> pa.Array:
        return names.take(self._kept(pl.DataFrame([_categorical("attribute", names)])))

    def _kept(self, candidates: pl.DataFrame) -> pa.Array:
        kept = keep_candidates(candidates.with_row_index("place of the candidate"), self.predicate)
        return pa.array(kept["place of the candidate"].to_numpy())


def _categorical(name: str, values: pa.Array | pa.ChunkedArray) -> pl.Series:
    return pl.Series(name, values, dtype=pl.Categorical)
