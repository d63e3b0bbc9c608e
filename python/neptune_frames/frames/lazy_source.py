"""Lazy Polars frames over our sources: the only place that touches Polars' (unstable) plugin interface.

Polars hands a source a projection, a row limit and a predicate, and redoes none of them reliably. The
order that is right: first the limit (it counts rows before the filter), then the filter, then the
projection. `scan_frames` applies all three itself, so that what a source makes of them can only save work.

A scan is a resolver around an IO source. Polars asks the resolver while it plans, which lets
`LazyFrame.explain` say what the source will be asked for; it asks the IO source when the query runs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source
from polars.lazyframe.resolver import FilterExpr, LazyFrameResolver

from neptune_frames.query.rendering import shortened
from neptune_frames.sources.forks import refuse_lost_threads
from neptune_frames.sources.waiting import attend

#: Rows in the frames handed to Polars: enough to be fast, few enough to bound what is in flight.
_FEWEST_ROWS = 50_000
MOST_ROWS = 200_000

#: What a scan asks for is logged here, at the level INFO.
logger = logging.getLogger("neptune_frames")


@dataclass(frozen=True)
class Wanted:
    """What a query needs of a source.

    Attributes:
        columns: Names of the columns needed, filter columns included; None for all.
        predicate: Only rows that satisfy it are needed. None where no row may be left out, which is
            so under a row limit, since that counts unfiltered rows.
        rows: How many rows will be read at most; None for all.
    """

    columns: tuple[str, ...] | None = None
    predicate: pl.Expr | None = None
    rows: int | None = None

    def needs(self, column: str) -> bool:
        """Whether the query needs a column."""
        return self.columns is None or column in self.columns


@dataclass(frozen=True)
class Plan:
    """What a source will be asked for on behalf of a query.

    Attributes:
        frames: Makes the frames. They may hold columns and rows that are not wanted.
        asked: What the question was narrowed to, in words.
        after: Parts of the predicate that did not narrow it.
        attributes: Asks which names the column ``attribute`` may hold, without reading points; None if that cannot be.
    """

    frames: Callable[[], Iterable[pl.DataFrame]]
    asked: tuple[str, ...] = ()
    after: tuple[pl.Expr, ...] = ()
    attributes: Callable[[], Sequence[str]] | None = None

    def __str__(self) -> str:
        """One line, for plans and logs."""
        asked = "; ".join(self.asked) or "everything"
        after = "; ".join(shortened(str(part)) for part in self.after) or "nothing"
        return f"{ASKED}{asked}{AFTER}{after}".replace("\n", " ")


ASKED, AFTER = " | asked of the source: ", " | filtered after: "


def scan_frames(plan: Callable[[Wanted], Plan], *, schema: pl.Schema, name: str, detail: str = "") -> pl.LazyFrame:
    """A LazyFrame over frames that are made when a query runs.

    Args:
        plan: Turns what a query needs into what the source is asked for. Asks nothing itself: it is
            called when a query is planned and again when it runs.
        schema: Names and types of the columns.
        name: What `LazyFrame.explain` calls the source.
        detail: What `LazyFrame.explain` says about it. No secrets.
    """
    refuse_lost_threads()  # when the query is collected, Polars would wait before it asks anyone who could say so
    # Polars 2.1 panics in streaming where a window function (`.over`) reads some columns of a resolver, whose node
    # keeps its full schema. A step that unnests nothing has the right one, and lets all pushdown through.
    return Scan(plan, schema, name, detail, copy_context()).lazy().unnest([])


@dataclass(frozen=True, eq=False)
class Scan(LazyFrameResolver):
    plan: Callable[[Wanted], Plan]
    fixed_schema: pl.Schema
    name: str
    detail: str
    #: Polars reads on threads of its own, where the caller's context variables are unset.
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
        columns = None if projection is None else (*projection, *filter_columns)
        told = [each.expr for each in filters if _can_be_told(each.expr)]
        untold = [each.expr for each in filters if not _can_be_told(each.expr)]
        planned = self.plan(_wanted(columns, reduce(and_, told) if told else None, limit))
        planned = replace(planned, after=(*planned.after, *untold))
        frame = register_io_source(
            Reader(self, planned),
            schema=self.fixed_schema,
            explain_name=self.name,
            explain_detail=f"{self.detail}{planned}",
        )
        return _shielded(frame.filter(*told) if told else frame) if untold else frame

    def read(
        self, columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        if rows == 0:
            return
        plan = self.plan(_wanted(columns, predicate, rows))
        logger.info("%s %s%s", self.name, self.detail, plan)
        made = _within(self.context.copy(), plan.frames)
        # Under a row limit nothing is held back: the first rows may be all.
        for frame in _obey(made if rows is not None else _even(made), columns, predicate, rows):
            if frame.height:
                yield frame


@dataclass(frozen=True, eq=False)
class Reader:
    """The IO source of a scan as a query holds it, with what was planned for this query."""

    scan: Scan
    planned: Plan

    def __call__(
        self, columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        return self.scan.read(columns, predicate, rows, batch_size)


def _can_be_told(predicate: pl.Expr) -> bool:
    """Whether Polars can hand a predicate to a source. It serialises it, which Python functions may not allow."""
    try:
        predicate.meta.serialize()
    except Exception:
        return False
    return True


def _shielded(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The frame, below which no further predicate is pushed."""
    return frame.map_batches(lambda batch: batch, predicate_pushdown=False, slice_pushdown=False, streamable=True)


def _wanted(columns: Sequence[str] | None, predicate: pl.Expr | None, rows: int | None) -> Wanted:
    return Wanted(None if columns is None else tuple(columns), predicate if rows is None else None, rows)


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
    frames: Iterable[pl.DataFrame], columns: list[str] | None, predicate: pl.Expr | None, rows: int | None
) -> Iterator[pl.DataFrame]:
    for frame in frames:
        if rows is not None:
            frame = frame.head(rows)
            rows -= frame.height
        if predicate is not None:
            frame = frame.filter(predicate)
        yield frame if columns is None else frame.select(columns)
        if rows == 0:
            return
