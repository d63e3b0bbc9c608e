"""Many slices of one array: where they start, and the positions in them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

Position = TypeVar("Position", bound=np.integer[Any])


def offsets_of(lengths: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int64]:
    """Start of each slice where they follow one another, and the end of the last.

    >>> offsets_of(np.array([2, 0, 1])).tolist()
    [0, 2, 2, 3]
    """
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def ranges(starts: npt.NDArray[Position], lengths: npt.NDArray[np.integer[Any]]) -> npt.NDArray[Position]:
    """The positions in several slices, one after the other, in the type of ``starts``.

    >>> ranges(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    offsets = offsets_of(lengths)
    positions = np.arange(offsets[-1], dtype=starts.dtype)
    # Differences below zero wrap around in an unsigned type, and back again in the sum.
    positions += np.repeat((starts - offsets[:-1]).astype(starts.dtype), lengths)
    return positions


def stretch_starts(*columns: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Where stretches of rows begin that are equal in all columns.

    Example:
        >>> stretch_starts(np.array([7, 7, 7, 8]), np.array([0, 0, 1, 1])).tolist()
        [0, 2, 3]
    """
    if not len(columns[0]):
        return np.empty(0, np.int64)
    begins = np.zeros(len(columns[0]), np.bool_)
    begins[0] = True
    for column in columns:
        begins[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(begins)


def each_stretch(*columns: npt.NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Start and end of each stretch of rows that are equal in all columns.

    >>> list(each_stretch(np.array([7, 7, 7, 8])))
    [(0, 3), (3, 4)]
    """
    starts = stretch_starts(*columns).tolist()
    return pairwise([*starts, len(columns[0])])
