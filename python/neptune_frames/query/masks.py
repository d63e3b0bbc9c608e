"""Boolean masks of Arrow values. Dictionary-encoded values are tested once per distinct value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.query.extended_regex import literal_names

Mask: TypeAlias = npt.NDArray[np.bool_]


def where(test: Callable[[pa.Array], pa.BooleanArray], values: pa.Array) -> Mask:
    """Where an Arrow function gives true; null counts as false."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_dictionary(values.type):
        return as_mask(pc.take(pa.array(where(test, values.dictionary)), values.indices))
    return as_mask(test(values))


def is_one_of(values: pa.Array, texts: Sequence[str]) -> Mask:
    """Which strings are one of the texts."""
    return where(lambda plain: pc.is_in(plain, value_set=pa.array(texts, plain.type)), values)


def matches(values: pa.Array, pattern: str) -> Mask:
    """In which strings an RE2 search finds the pattern."""
    names = literal_names(pattern)
    if names is not None:
        return is_one_of(values, names)
    return where(lambda plain: pc.match_substring_regex(plain, pattern), values)


def has_element(sets: pa.Array, element: str) -> Mask:
    """Which lists of strings have an element."""
    mask = np.zeros(len(sets), dtype=bool)
    rows = np.arange(len(sets))
    if sets.null_count:
        rows = np.flatnonzero(as_mask(sets.is_valid()))
        sets = sets.drop_null()
    equal = is_one_of(sets.flatten(), [element])
    mask[rows[pc.list_parent_indices(sets).to_numpy()[equal]]] = True
    return mask


def as_mask(booleans: pa.BooleanArray) -> Mask:
    """Arrow booleans as numpy ones, null as False."""
    return cast(Mask, pc.fill_null(booleans, False).to_numpy(zero_copy_only=False))
