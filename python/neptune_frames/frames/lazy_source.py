"""Lazy Polars frames over our sources: the only place that touches Polars' (unstable) plugin interface.

Polars hands a source a projection, a row limit and a predicate, and redoes none of them reliably. The
order that is right: first the limit (it counts rows before the filter), then the filter, then the
projection. `scan_frames` applies all three itself, so that what a source makes of them can only save work.

A scan is a resolver around an IO source. Polars asks the resolver while it plans, which lets
`LazyFrame.explain` say what the source will be asked for; it asks the IO source when the query runs. Each time what
Polars hands over is a `ScanRequest`, of which the scan makes a `ScanPlan`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, replace
from functools import cache, reduce
from operator import and_
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source
from polars.lazyframe.resolver import FilterExpr, LazyFrameResolver

from neptune_frames.counted import counted
from neptune_frames.frames.lazy_predicates import is_never_true
from neptune_frames.query.rendering import shortened
from neptune_frames.sources.forks import refuse_lost_threads
from neptune_frames.sources.waiting import attend
from neptune_frames.warnings import callers_line, name_in_warnings

#: Rows in the frames handed to Polars: enough to be fast, few enough to bound what is in flight.
_FEWEST_ROWS = 50_000
MOST_ROWS = 200_000

#: No frame of Polars has more rows.
_ALL_ROWS = 2**32 - 1

#: What a scan asks for is logged here, at the level INFO.
logger = logging.getLogger("neptune_frames")


@dataclass(frozen=True)
class ScanRequest:
    """What a query needs of a scan.

    Attributes:
        projection: Names of the columns needed, filter columns included; None for all.
        predicate: Only rows that satisfy it are needed. None where no row may be left out, which is
            so under a row limit, since that counts unfiltered rows.
        limit: How many rows will be read at most; None for all.
    """

    projection: tuple[str, ...] | None = None
    predicate: pl.Expr | None = None
    limit: int | None = None

    @classmethod
    def of(cls, columns: Sequence[str] | None, predicate: pl.Expr | None, limit: int | None) -> ScanRequest:
        """What Polars hands over."""
        if limit is not None and limit >= _ALL_ROWS:  # so it says `slice(offset)` without a length
            limit = None
        return cls(None if columns is None else tuple(columns), predicate if limit is None else None, limit)

    def needs(self, column: str) -> bool:
        """Whether the query needs a column."""
        return self.projection is None or column in self.projection

    def described_limit(self, row: str) -> list[str]:
        """What a plan says of the row limit; ``row`` is what a row stands for."""
        if self.limit is None:
            return []
        return [f"the first {row}" if self.limit == 1 else f"the first {counted(self.limit, row)}"]


@dataclass(frozen=True)
class ScanPlan:
    """What a source will be asked for on behalf of a query.

    Attributes:
        frames: Makes the frames. They may hold columns and rows that are not needed.
        pushed: What the query narrowed the question to, in words.
        residual: Conjuncts of the predicate that say more than that.
        attributes: Asks which names the column ``attribute`` may hold, without reading points; None if that cannot be.
    """

    frames: Callable[[], Iterable[pl.DataFrame]]
    pushed: tuple[str, ...] = ()
    residual: tuple[pl.Expr, ...] = ()
    attributes: Callable[[], Sequence[str]] | None = None

    def describe(self, selected: Sequence[str]) -> str:
        """One line, for plans and logs.

        Args:
            selected: What the arguments of the scan select, in words.
        """
        asked, narrowed = (selected, self.pushed) if selected else (self.pushed, ())
        residual = "; ".join(map(_printed, self.residual)) or "nothing"
        of_query = f"{NARROWED}{'; '.join(narrowed)}" if narrowed else ""
        return f"{ASKED}{'; '.join(asked) or 'everything'}{of_query}{RESIDUAL}{residual}".replace("\n", " ")


#: What stands before the parts of the line; the second one may be missing.
ASKED, NARROWED, RESIDUAL = " | asked of the source: ", " | narrowed by the query: ", " | filtered after: "


def _printed(condition: pl.Expr) -> str:
    try:
        return shortened(str(condition))
    except pl.exceptions.PanicException:  # a time beyond the year 262,000: the query itself can be answered
        return "a condition that Polars cannot print"


def empty_plan() -> ScanPlan:
    """The plan of a query that no row can satisfy: nothing is asked."""
    return ScanPlan(tuple, pushed=("to nothing, so no request is made",), attributes=tuple)


def scan_frames(
    plan: Callable[[ScanRequest], ScanPlan],
    *,
    schema: pl.Schema,
    name: str,
    detail: str = "",
    selected: Sequence[str] = (),
) -> pl.LazyFrame:
    """A LazyFrame over frames that are made when a query runs.

    Args:
        plan: Turns what a query needs into what the source is asked for. Asks nothing itself: it is
            called when a query is planned and again when it runs. Not called where no row can satisfy the query.
        schema: Names and types of the columns.
        name: What `LazyFrame.explain` calls the source.
        detail: What `LazyFrame.explain` says about it: where it reads. No secrets.
        selected: What it reads there, as far as its arguments say.
    """
    refuse_lost_threads()  # when the query is collected, Polars would wait before it asks anyone who could say so
    # Polars 2.1 panics in streaming where a window function (`.over`) reads some columns of a resolver, whose node
    # keeps its full schema. A step that unnests nothing has the right one, and lets all pushdown through.
    context = copy_context()
    context.run(name_in_warnings, callers_line())
    return _scan_class(name)(plan, schema, name, detail, tuple(selected), context).lazy().unnest([])


@dataclass(frozen=True, eq=False)
class Scan(LazyFrameResolver):
    make_plan: Callable[[ScanRequest], ScanPlan]
    fixed_schema: pl.Schema
    name: str
    detail: str
    selected: tuple[str, ...]
    #: Polars reads on threads of its own, where the caller's context variables are unset and warnings find no line of
    #: the caller's: they name the one that made the scan.
    context: Context

    def schema(self) -> pl.Schema:
        return self.fixed_schema

    def resolve_lazyframe(
        self,
        *,
        projection: list[str] | None,
        limit: int | None,
        filters: list[FilterExpr],
        filter_columns: list[str],
        **_: Any,
    ) -> pl.LazyFrame:
        """The IO source. What is known of the query only goes into words here: the source gets it again."""
        columns = None if projection is None else [*projection, *filter_columns]
        pushable = [each.expr for each in filters if _is_serializable(each.expr)]
        residual = [each.expr for each in filters if not _is_serializable(each.expr)]
        plan = self.planned(columns, reduce(and_, pushable) if pushable else None, limit)
        plan = replace(plan, residual=(*plan.residual, *residual))
        frame = register_io_source(
            Reader(self, plan),
            schema=self.fixed_schema,
            explain_name=self.name,
            explain_detail=self.describe(plan),
        )
        return _shielded(frame.filter(*pushable) if pushable else frame) if residual else frame

    def describe(self, plan: ScanPlan) -> str:
        """Where it reads, and what a plan asks for there."""
        return f"{self.detail}{plan.describe(self.selected)}"

    def planned(self, columns: Sequence[str] | None, predicate: pl.Expr | None, limit: int | None) -> ScanPlan:
        """What the source will be asked for on behalf of what Polars hands over. Asks nothing."""
        if columns is not None and not columns:  # rows are counted or numbered, and one column has as many as any
            columns = self.fixed_schema.names()[:1]
        request = ScanRequest.of(columns, predicate, limit)
        return empty_plan() if is_never_true(request.predicate) else self.make_plan(request)


@cache
def _scan_class(name: str) -> type[Scan]:
    """A class of scans that has the name: Polars prints no other one of a query that was not optimised."""
    return type(name, (Scan,), {})


@dataclass(frozen=True, eq=False)
class Reader:
    """The IO source of a scan as a query holds it, with what was planned for this query."""

    scan: Scan
    plan: ScanPlan

    def __call__(
        self, columns: list[str] | None, predicate: pl.Expr | None, limit: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        if limit == 0:
            return
        plan = self.scan.planned(columns, predicate, limit)
        if logger.isEnabledFor(logging.INFO):
            logger.info("%s %s", self.scan.name, self.scan.describe(plan))
        made = _within(self.scan.context.copy(), plan.frames)
        # Under a row limit nothing is held back: the first rows may be all.
        for frame in _obey(made if limit is not None else _even(made), columns, predicate, limit):
            if frame.height:
                yield frame


def _is_serializable(predicate: pl.Expr) -> bool:
    """Whether Polars can hand a predicate to a source. It serialises it, which Python functions may not allow."""
    try:
        predicate.meta.serialize()
    except Exception:
        return False
    return True


def _shielded(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The frame, below which no further predicate is pushed."""
    return frame.map_batches(lambda batch: batch, predicate_pushdown=False, slice_pushdown=False, streamable=True)


def _within(context: Context, frames: Callable[[], Iterable[pl.DataFrame]]) -> Iterator[pl.DataFrame]:
    """The frames, each made in the context; whoever makes them is told at once when no more are wanted."""
    context.run(attend.set, _raise_interrupt)
    iterator = context.run(lambda: iter(frames()))
    try:
        while (frame := context.run(next, iterator, None)) is not None:
            yield frame
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            context.run(close)


def _raise_interrupt() -> None:
    """Raise `KeyboardInterrupt` if Polars took note of a Ctrl-C: any call of it does."""
    _ANY_FRAME.slice(0, 1)


_ANY_FRAME = pl.DataFrame({"any": [0]})


def _even(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same rows in frames of a good size: large ones cut, small ones joined."""
    small: list[pl.DataFrame] = []
    rows = 0
    for frame in frames:
        small.append(frame)
        rows += frame.height
        if rows >= _FEWEST_ROWS:
            yield from _joined(small).iter_slices(MOST_ROWS)
            small, rows = [], 0
    if small:
        yield _joined(small)


def _joined(frames: list[pl.DataFrame]) -> pl.DataFrame:
    return frames[0] if len(frames) == 1 else pl.concat(frames)


def _obey(
    frames: Iterable[pl.DataFrame], columns: list[str] | None, predicate: pl.Expr | None, limit: int | None
) -> Iterator[pl.DataFrame]:
    for frame in frames:
        if limit is not None:
            frame = frame.head(limit)
            limit -= frame.height
        if predicate is not None:
            frame = _filtered(frame, predicate)
        yield frame if columns is None else _selected(frame, columns)
        if limit == 0:
            return


def _selected(frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Some columns. Without any the frame still has its rows, which a selection of none would not have."""
    return frame.select(columns) if columns else frame.drop(frame.columns)


def _filtered(frame: pl.DataFrame, predicate: pl.Expr) -> pl.DataFrame:
    """The rows that satisfy the predicate. Nothing is copied where all do, as when the source was asked for them."""
    kept = frame.select(predicate).to_series()
    if len(kept) != frame.height:  # a condition without columns
        return frame.filter(predicate)
    return frame if kept.all(ignore_nulls=False) else frame.filter(kept)
