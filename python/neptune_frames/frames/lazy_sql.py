"""SQL over lazy scans."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import polars as pl

_SHOW_TABLES = re.compile(r"\s*show\s+tables\s*;?\s*", re.IGNORECASE)


def query(text: str, tables: Mapping[str, Callable[[], pl.LazyFrame]]) -> pl.LazyFrame:
    """The lazy frame that a SELECT (or SHOW TABLES) stands for; of the tables, only those that it names are set up.

    Args:
        text: The query, in the dialect of `polars.SQLContext`.
        tables: Makes the frame of each table that there is.

    Raises:
        TypeError: The query is not text.
        polars.exceptions.SQLInterfaceError: The query cannot be understood, or names another table.
        polars.exceptions.ColumnNotFoundError: It names a column that no table has.
    """
    if not isinstance(text, str):
        raise TypeError(f"nf.sql takes a query as a string, got {type(text).__name__}.")
    if _SHOW_TABLES.fullmatch(text):
        # A list of names: nothing is asked for it, which the columns of some tables need.
        frames = {name: pl.LazyFrame() for name in tables}
        return pl.SQLContext(frames, eager=False).execute(text)
    words = set(re.findall(r"\w+", text.lower()))
    frames = {name: make() for name, make in tables.items() if name in words}
    lazy = pl.SQLContext(frames, eager=False).execute(text)
    lazy.collect_schema()  # mistakes come out here, not when the query is collected
    return lazy
