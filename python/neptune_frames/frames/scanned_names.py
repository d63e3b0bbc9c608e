"""The attribute names that a lazy frame may have."""

from __future__ import annotations

import polars as pl


def scanned_attributes(lazy: pl.LazyFrame, column: str) -> list[str] | None:
    """Names that the column may hold, each once; None if only the rows can tell."""
    return None
