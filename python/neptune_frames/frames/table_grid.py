"""Attribute values, long as sources send them, as one dense grid per attribute type.

A grid does not hold values but says where each cell's value is, so one gather per type makes the
columns of any result: numbers, text, timestamps or Python objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

#: The place of a cell without a value: the last one, where a gather finds what stands for "missing".
MISSING = -1

#: Text up to here is addressed by the 32-bit numbers of `pa.string`.
_MOST_STRING_BYTES = 2**31 - 1


@dataclass(frozen=True)
class TypeGrid:
    """The values of one attribute type.

    Args:
        type: Client name of the type, such as ``float_series``.
        attributes: Names, sorted; each has at least one row in ``values``.
        values: The values in the order they came (`neptune_frames.schemas.VALUE_TYPES`).
        places: For each attribute (row) and run (column) its position in ``values``, or MISSING.
        last_steps: Steps of the values, for series types.
    """

    type: str
    attributes: list[str]
    values: pa.Array
    places: npt.NDArray[np.int32] | npt.NDArray[np.int64]
    last_steps: pa.Array | None = None

    @property
    def is_complete(self) -> npt.NDArray[np.bool_]:
        """For each attribute whether every run has a value."""
        complete: npt.NDArray[np.bool_] = (self.places != MISSING).all(axis=1)
        return complete

    def arrow_cells(self) -> pa.Array:
        """All cells, attribute after attribute, null where there is no value."""
        flat = self.places.ravel()
        # No value is taken twice: what fits into one array fits into one again.
        cells = self.values.take(pa.array(flat, mask=None if self.is_complete.all() else flat == MISSING))
        return cells.cast(pa.large_string()) if pa.types.is_string(cells.type) else cells


def table_grids(values: dict[str, pa.Table], run_count: int) -> Iterator[TypeGrid]:
    """The grids of VALUES tables (`SearchAnswer.values`), by type; ``run`` counts up to ``run_count``.

    Each is made when it is asked for: who lets go of one before the next has only one in memory.
    Where a run has two values of one attribute, the later one is taken.
    """
    for attribute_type, table in sorted(values.items()):
        if table.num_rows:
            yield _grid(attribute_type, table, run_count)


def grid_attributes(values: dict[str, pa.Table]) -> list[tuple[str, str]]:
    """Name and type of each row of each grid, in the order of `table_grids`."""
    return [
        (name, attribute_type)
        for attribute_type, table in sorted(values.items())
        for name in sorted(distinct_names(table.column("attribute")))
    ]


def _grid(attribute_type: str, table: pa.Table, run_count: int) -> TypeGrid:
    codes, names = sorted_codes(table.column("attribute"))
    values = one_array(table.column("value").chunks)
    dtype = np.int32 if len(values) < 2**31 else np.int64
    places = np.full((len(names), run_count), MISSING, dtype=dtype)
    found = np.arange(len(values), dtype=dtype)
    if values.null_count:
        found = np.where(values.is_valid().to_numpy(zero_copy_only=False), found, MISSING)
    places[codes, table.column("run").to_numpy()] = found
    last_steps = one_array(table.column("last_step").chunks) if "last_step" in table.column_names else None
    return TypeGrid(attribute_type, names, values, places, last_steps)


def distinct_names(column: pa.ChunkedArray) -> list[str]:
    """Dictionary-encoded names that occur, each once."""
    return _used_names(one_array(column.unify_dictionaries().chunks))[1] if len(column) else []


def sorted_codes(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Dictionary-encoded names as codes into the sorted list of the names that occur."""
    encoded = one_array(column.unify_dictionaries().chunks)
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    used, names = _used_names(encoded)
    order = sorted(range(len(names)), key=names.__getitem__)
    new_code = np.empty(len(encoded.dictionary), dtype=np.int64)
    new_code[used[order]] = np.arange(len(order))
    return new_code[codes], [names[position] for position in order]


def _used_names(encoded: pa.DictionaryArray) -> tuple[npt.NDArray[np.int64], list[str]]:
    """The places in the dictionary that are used, and the names there."""
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    used = np.flatnonzero(np.bincount(codes, minlength=len(encoded.dictionary)))
    return used, encoded.dictionary.take(pa.array(used)).to_pylist()


def one_array(chunks: Sequence[pa.Array]) -> pa.Array:
    """Arrays of one type, one after the other. More than 2 GiB of text, of which `pa.string` cannot say the places,
    become `pa.large_string`."""
    if len(chunks) == 1:
        return chunks[0]
    if pa.types.is_string(chunks[0].type) and sum(chunk.nbytes for chunk in chunks) > _MOST_STRING_BYTES:
        chunks = [chunk.cast(pa.large_string()) for chunk in chunks]
    return pa.concat_arrays(chunks)


def gather(
    values: npt.NDArray[Any], missing: object, places: npt.NDArray[np.int32] | npt.NDArray[np.int64]
) -> npt.NDArray[Any]:
    """``values[places]``, and ``missing`` where there is no place. The dtype stays that of ``values``."""
    if not (places == MISSING).any():
        return values[places]
    with_missing = np.empty(len(values) + 1, dtype=values.dtype)
    with_missing[:-1] = values
    with_missing[-1] = missing
    return with_missing[places]
