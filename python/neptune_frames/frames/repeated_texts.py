"""Text columns in which each of a few texts stands many times in a row: the keys of long frames.

Arrow and Polars hold text as views of 16 bytes each, which say where a text is. A view is repeated as any
number is, and NumPy asks the system for large pages where it makes large arrays: a quarter of the time of a gather.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.frames.constant_columns import Column

if TYPE_CHECKING:
    from neptune_frames.query.selection import ContainerKind

_VIEW = np.dtype("V16")


class RepeatedTexts:
    """Texts of which columns are made.

    >>> RepeatedTexts(pa.array(["a", "b"])).column(np.array([1, 0]), np.array([2, 1])).to_list()
    ['b', 'b', 'a']
    >>> type(RepeatedTexts(pa.array(["w/p", "w/p"])).column(np.array([1, 0]), np.array([2, 1]))).__name__
    'Expr'
    """

    def __init__(self, texts: pa.Array) -> None:
        self._texts = pl.Series(texts, dtype=pl.String)
        self._only: pl.Expr | None = None
        if len(texts) and pc.count_distinct(texts, mode="all").as_py() == 1:
            self._only = pl.lit(texts[0].as_py(), pl.String)
        self._data: list[pa.Buffer] = []
        self._views: npt.NDArray[np.void] | None = None
        if len(texts) and not texts.null_count:
            array = self._texts.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
            _, views, *self._data = array.buffers()
            self._views = np.frombuffer(views, _VIEW, len(array), array.offset * _VIEW.itemsize)

    def column(
        self, positions: npt.NDArray[np.signedinteger[Any]], counts: npt.NDArray[np.int64] | None = None
    ) -> Column:
        """The text at each position, once or so many times in a row; a constant where there is only one text."""
        if self._only is not None:
            return self._only
        if self._views is None:
            return self._texts.gather(positions if counts is None else np.repeat(positions, counts))
        views = self._views[positions]
        if counts is not None:
            views = np.repeat(views, counts)
        array = pa.Array.from_buffers(pa.string_view(), len(views), [None, pa.py_buffer(views), *self._data])
        return pl.Series(array)


def key_names(runs: pa.Table, kind: ContainerKind, attributes: pa.Array | None = None) -> dict[str, pa.Array]:
    """The names that say whose row it is, by column: ``project``, and ``experiment`` or ``run``, from RUNS, and the
    ``attribute`` of those given."""
    columns = {"project": "project", kind.value: kind.label_column}
    names = {name: runs.column(column).combine_chunks() for name, column in columns.items()}
    return names if attributes is None else {**names, "attribute": attributes}


def key_texts(runs: pa.Table, kind: ContainerKind, attributes: pa.Array | None = None) -> dict[str, RepeatedTexts]:
    """`key_names`, of which columns are made."""
    return {name: RepeatedTexts(texts) for name, texts in key_names(runs, kind, attributes).items()}
