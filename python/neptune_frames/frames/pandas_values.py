"""Arrow and numpy columns as pandas ones, with the documented dtypes of the pandas that is installed.

The one place that knows how pandas 2 and 3 differ (neptune-query reference, 4.10): strings are ``str``
backed by Arrow in pandas 3 and Python objects in pandas 2; timestamps count microseconds in pandas 3
and nanoseconds in pandas 2. Nothing here makes a Python object per value unless pandas 2 asks for it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType
    from typing import TypeAlias

    import numpy.typing as npt
    import pandas as pd

    from neptune_frames.sources.base import Source

    ArrowColumn: TypeAlias = pa.Array | pa.ChunkedArray


@cache
def import_pandas() -> ModuleType:
    """The pandas module.

    Raises:
        MissingDependencyError: If pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise MissingDependencyError("pandas", "A pandas data frame", "pandas") from None
    return pandas  # type: ignore[no-any-return]


def source_for_pandas(source: Source) -> Source:
    """The same source, once it is certain that its answers can become pandas frames: nothing is asked in vain.

    Raises:
        MissingDependencyError: If pandas is not installed.
    """
    import_pandas()
    return source


@cache
def has_string_dtype() -> bool:
    """True where text columns are ``str`` columns (pandas 3, or pandas 2 with ``future.infer_string``)."""
    pandas = import_pandas()
    return bool(pandas.Series(["text"]).dtype != object)


@cache
def timestamp_unit() -> str:
    """Unit of the documented timestamps: microseconds, nanoseconds before pandas 3."""
    return "us" if int(import_pandas().__version__.split(".")[0]) >= 3 else "ns"


def string_values(column: ArrowColumn) -> Any:
    """Text as the values of a pandas column; null becomes NaN."""
    if has_string_dtype():
        return import_pandas().StringDtype(na_value=np.nan).__from_arrow__(column)
    return string_objects(column)


def string_objects(column: ArrowColumn) -> npt.NDArray[np.object_]:
    """Text as an object array; null becomes NaN. Equal texts share one Python string."""
    encoded = pc.dictionary_encode(column)
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    # The last place answers for code -1.
    texts: npt.NDArray[np.object_] = np.array([*encoded.dictionary.to_pylist(), np.nan], dtype=object)
    objects: npt.NDArray[np.object_] = texts[codes]
    return objects


def string_index(column: ArrowColumn, name: str | None = None) -> pd.Index:
    """Text as an index."""
    return import_pandas().Index(string_values(column), name=name)


def name_index(names: list[str], name: str | None = None) -> pd.Index:
    """Column names as an index; ``str`` even if there is none, as pandas 3 shows it."""
    return string_index(pa.array(names, pa.large_string()), name)


def empty_index(name: str | None = None) -> pd.Index:
    """The index of an empty result, which the reference documents as ``object``."""
    return import_pandas().Index(np.empty(0, dtype=object), dtype=object, name=name)


#: Milliseconds that stand for "no timestamp".
NO_TIMESTAMP = np.iinfo(np.int64).min
#: The last whole milliseconds before and after 1970 that nanoseconds in an int64 can tell: years 1677 and 2262.
_NANOSECONDS_REACH = np.iinfo(np.int64).max // 1_000_000


def _fit(milliseconds: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_] | np.bool_:
    """Which times, or the lack of one, the documented unit can tell; microseconds tell all, which takes no look."""
    if timestamp_unit() != "ns":
        return np.True_
    fits: npt.NDArray[np.bool_] = (np.abs(milliseconds) <= _NANOSECONDS_REACH) | (milliseconds == NO_TIMESTAMP)
    return fits


def timestamp_values(milliseconds: npt.NDArray[np.int64]) -> Any:
    """Milliseconds since the epoch as UTC timestamps; the smallest int64 is NaT.

    Times that nanoseconds cannot tell are counted in microseconds by pandas 2 too.
    """
    unit = timestamp_unit() if _fit(milliseconds).all() else "us"
    instants = milliseconds.view("datetime64[ms]").astype(f"datetime64[{unit}]")
    return import_pandas().DatetimeIndex(instants).tz_localize("UTC")


def timestamp_blocks(
    milliseconds: npt.NDArray[np.int64], positions: npt.NDArray[np.int64]
) -> Iterator[tuple[Block, npt.NDArray[np.int64]]]:
    """Times of several columns (its rows) as blocks for `frame_of_blocks`.

    With pandas 2, a column with times that nanoseconds cannot tell is of objects, as it is in the official frame,
    and lacks a value where it has NaN.
    """
    fits = np.broadcast_to(_fit(milliseconds), milliseconds.shape).all(axis=1)
    for place in np.flatnonzero(~fits):
        times = timestamp_values(milliseconds[place]).to_pydatetime()
        yield np.where(milliseconds[place] == NO_TIMESTAMP, np.nan, times)[np.newaxis], positions[[place]]
    if fits.any():
        cells = milliseconds[fits]
        yield timestamp_values(cells.reshape(-1)).array.reshape(cells.shape), positions[fits]


def text_blocks(cells: pa.Array, positions: npt.NDArray[np.int64]) -> Iterator[tuple[Block, npt.NDArray[np.int64]]]:
    """Text of several columns, one after the other, as blocks for `frame_of_blocks`."""
    rows = len(cells) // len(positions)
    texts = string_values(cells)
    if texts.dtype == object:
        yield texts.reshape(len(positions), rows), positions
        return
    for place in range(len(positions)):
        yield texts[place * rows : (place + 1) * rows], positions[place : place + 1]


#: Columns of one dtype: rows of a two-dimensional array, or one column of an extension array.
Block = Any


def frame_of_blocks(
    blocks: Iterable[tuple[Block, npt.NDArray[np.int64]]], index: pd.Index, columns: pd.Index
) -> pd.DataFrame:
    """A frame from blocks of columns, each with the positions its columns take; no block is copied by pandas 3.

    Nothing is inferred from the values: objects stay objects. The positions together are ``range(len(columns))``.
    """
    placed = [(block, positions) for block, positions in blocks if len(positions)]
    if not placed:
        return import_pandas().DataFrame(index=index, columns=columns)
    try:
        from pandas.api.internals import create_dataframe_from_blocks
    except ImportError:  # pandas 2: the same through public calls, with one more copy
        pandas = import_pandas()
        parts = [pandas.DataFrame(block.T if block.ndim == 2 else {0: block}, copy=False) for block, _ in placed]
        frame = pandas.concat(parts, axis=1)
        frame = frame.take(np.argsort(np.concatenate([positions for _, positions in placed])), axis=1)
        return frame.set_axis(index, axis=0).set_axis(columns, axis=1)
    return create_dataframe_from_blocks(placed, index=index, columns=columns)
