"""Lazy Polars frames over our sources: the only place that touches Polars' (unstable) plugin interface.

Polars hands a source a projection, a row limit and a predicate, and redoes none of them reliably. The
order that is right: first the limit (it counts rows before the filter), then the filter, then the
projection. `scan_frames` applies all three itself, so that what a source makes of them can only save work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextvars import Context, copy_context
from dataclasses import dataclass

import polars as pl
from polars.io.plugins import register_io_source

#: Rows in the frames handed to Polars: enough to be fast, few enough to bound what is in flight.
_FEWEST_ROWS = 50_000
_MOST_ROWS = 200_000


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


def scan_frames(
    frames: Callable[[Wanted], Iterable[pl.DataFrame]], *, schema: pl.Schema, name: str, detail: str = ""
) -> pl.LazyFrame:
    """A LazyFrame over frames that are made when a query runs.

    Args:
        frames: Makes the frames. It may leave out columns and rows that are not wanted, and need not.
        schema: Names and types of the columns.
        name: What `LazyFrame.explain` calls the source.
        detail: What `LazyFrame.explain` says about it. No secrets.
    """

    # Polars' streaming engine reads on a thread of its own, where the caller's context variables are unset.
    callers_context = copy_context()

    def source(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        wanted = Wanted(
            columns=None if columns is None else tuple(columns),
            predicate=predicate if rows is None else None,
            rows=rows,
        )
        if rows == 0:
            return
        made = _within(callers_context.copy(), frames(wanted))
        # Under a row limit nothing is held back: the first rows may be all.
        for frame in _obey(made if rows is not None else _even(made), columns, predicate, rows):
            if frame.height:
                yield frame

    return register_io_source(source, schema=schema, explain_name=name, explain_detail=detail or None)


def _within(context: Context, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    iterator = iter(frames)
    while (frame := context.run(next, iterator, None)) is not None:
        yield frame


def _even(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same rows in frames of a good size: large ones cut, small ones joined."""
    small: list[pl.DataFrame] = []
    for frame in frames:
        small.append(frame)
        if sum(each.height for each in small) >= _FEWEST_ROWS:
            yield from _joined(small).iter_slices(_MOST_ROWS)
            small = []
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
