"""Text columns in which each of a few texts stands many times in a row: the keys of long frames.

Arrow and Polars hold text as views of 16 bytes each, which say where a text is. A view is repeated as any
number is, and NumPy asks the system for large pages where it makes large arrays: a quarter of the time of a gather.

A text that every row has needs no views: Polars keeps such a column as that one value and its length, through filters,
joins of frames and the writing of files, until something asks for its rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

_VIEW = np.dtype("V16")


class RepeatedTexts:
    """Texts of which columns are made.

    >>> RepeatedTexts("run", pa.array(["a", "b"])).column(np.array([1, 0]), np.array([2, 1])).to_list()
    ['b', 'b', 'a']
    """

    def __init__(self, name: str, texts: pa.Array) -> None:
        self._texts = pl.Series(name, texts, dtype=pl.String)
        #: The column itself, where all texts are the same one.
        self.constant: pl.Expr | None = None
        if len(texts) and pc.count_distinct(texts, mode="all").as_py() == 1:
            self.constant = pl.lit(texts[0].as_py(), pl.String).alias(name)
        self._data: list[pa.Buffer] = []
        self._views: npt.NDArray[np.void] | None = None
        if len(texts) and not texts.null_count:
            array = self._texts.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
            _, views, *self._data = array.buffers()
            self._views = np.frombuffer(views, _VIEW, len(array), array.offset * _VIEW.itemsize)

    def column(self, positions: npt.NDArray[np.signedinteger[Any]], counts: npt.NDArray[np.int64]) -> pl.Series:
        """The text at each position, so many times in a row."""
        if self._views is None:
            return self._texts.gather(np.repeat(positions, counts))
        views = np.repeat(self._views[positions], counts)
        array = pa.Array.from_buffers(pa.string_view(), len(views), [None, pa.py_buffer(views), *self._data])
        return pl.Series(self._texts.name, array)
