"""Many slices of one array: where they start, and the positions in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
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
