"""Frames with columns in which every row has the same value.

Polars keeps such a column as that one value and its length, through filters, joins of frames and the writing of files,
until something asks for its rows. Of a million texts that saves 16 MB.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import polars as pl

#: A column, or the value that all its rows have, as a literal.
Column = pl.Series | pl.Expr


@cache
def constant(value: str | None, dtype: pl.DataType) -> pl.Expr:
    """A constant, made once: Polars takes a tenth of a millisecond for each."""
    return pl.lit(value, dtype)


def frame_of(columns: Mapping[str, Column], height: int) -> pl.DataFrame:
    """A frame with these columns in this order.

    Example:
        >>> frame_of({"run": pl.lit("a"), "step": pl.Series([0.0, 1.0])}, 2).rows()
        [('a', 0.0), ('a', 1.0)]
        >>> frame_of({"run": pl.lit("a")}, 2).rows()
        [('a',), ('a',)]
    """
    written = [column.alias(name) for name, column in columns.items() if isinstance(column, pl.Series)]
    if len(written) == len(columns):
        return pl.DataFrame(written)
    exprs = [pl.col(name) if isinstance(column, pl.Series) else column.alias(name) for name, column in columns.items()]
    if written:
        return pl.DataFrame(written).select(exprs)
    # Somebody has to say how many rows there are.
    return pl.DataFrame([pl.Series("", np.zeros(height, np.bool_))]).with_columns(exprs).select(*columns)
