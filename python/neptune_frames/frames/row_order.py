"""The order of rows by several columns, and by texts that stand for positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa


def in_order(frame: pl.DataFrame, *columns: npt.NDArray[Any]) -> pl.DataFrame:
    """The rows by the first column, where that is equal by the second, and so on. The columns are those of the rows;
    rows that are in that order are not moved.

    Example:
        >>> frame = pl.DataFrame({"row": [0, 1, 2]})
        >>> in_order(frame, np.array([1, 0, 1]), np.array([5.0, 7.0, 3.0]))["row"].to_list()
        [1, 2, 0]
        >>> in_order(frame, np.array([0, 1, 1]), np.array([7.0, 3.0, 3.0])) is frame
        True
    """
    falls = np.zeros(max(len(columns[0]) - 1, 0), np.bool_)
    equal = ~falls
    for column in columns:
        falls |= equal & (column[1:] < column[:-1])
        equal &= column[1:] == column[:-1]
    return frame[np.lexsort(columns[::-1])] if falls.any() else frame


def text_ranks(texts: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Numbers for texts, in the order of these from 1 on; 0 for null.

    Example:
        >>> import pyarrow as pa
        >>> text_ranks(pa.array(["b", "a", None, "b"])).tolist()
        [2, 1, 0, 2]
    """
    return pl.Series(texts, dtype=pl.String).rank("dense").cast(pl.Int64).fill_null(0).to_numpy()
