"""The cells of a table of runs, a grid per type, and the blocks of the documented pandas frames that they become."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa

from neptune_frames.frames import values_objects
from neptune_frames.frames.pandas_values import NO_TIMESTAMP, Block, text_blocks, timestamp_blocks
from neptune_frames.frames.table_grid import MISSING, TypeGrid, gather, grid_attributes, table_grids
from neptune_frames.frames.typed_columns import column_names

if TYPE_CHECKING:
    import numpy.typing as npt

    from neptune_frames.query.selection import ContainerKind
    from neptune_frames.types import File

_Key = TypeVar("_Key", str, tuple[str, str])

_FILE_TYPES = ("file", "file_series")


@dataclass(frozen=True)
class TableCells:
    """The values of some attributes of some runs.

    Args:
        runs: RUNS, one row per row of the table.
        values: VALUES tables by client type; ``run`` is a position in ``runs``.
        kind: Whether rows are experiments or runs; files know which they belong to.
    """

    runs: pa.Table
    values: dict[str, pa.Table]
    kind: ContainerKind

    def grids(self) -> Iterator[TypeGrid]:
        """A grid per type, ordered by type; each is made when it is asked for."""
        return table_grids(self.values, self.runs.num_rows)

    @cached_property
    def attributes(self) -> list[tuple[str, str]]:
        """Name and type of each column, grid after grid."""
        return grid_attributes(self.values)

    def column_names(
        self, *, type_suffix: bool | None, taken: Collection[str] = (), parameter: str = "type_suffix"
    ) -> list[str]:
        """Final names of the columns, grid after grid (`neptune_frames.frames.typed_columns`).

        Raises:
            ConflictingAttributeTypes: If a name has several types and ``type_suffix`` is False.
        """
        return column_names(self.attributes, type_suffix=type_suffix, taken=taken, parameter=parameter)

    def pandas_blocks(self, position: npt.NDArray[np.int64]) -> Iterator[tuple[Block, npt.NDArray[np.int64]]]:
        """Columns of one dtype each, with their positions in a frame; ``position`` has them grid after grid."""
        start = 0
        for grid in self.grids():
            of_grid = position[start : start + len(grid.attributes)]
            start += len(grid.attributes)
            if grid.type in _DTYPE_WITH_GAPS:
                yield from _number_blocks(grid, of_grid)
            elif grid.type in _OBJECTS:
                yield gather(_OBJECTS[grid.type](self, grid), np.nan, grid.places), of_grid
            elif grid.type == "datetime":
                milliseconds = grid.values.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
                yield from timestamp_blocks(gather(milliseconds, NO_TIMESTAMP, grid.places), of_grid)
            else:
                yield from text_blocks(grid.arrow_cells(), of_grid)

    def files(self) -> list[File]:
        """All files, as the objects that the pandas frame holds."""
        held: list[File] = []
        files = {name: table for name, table in self.values.items() if name in _FILE_TYPES}
        for grid in table_grids(files, self.runs.num_rows):
            held.extend(self._files(grid)[grid.places[grid.places != MISSING]].tolist())
        return held

    def _files(self, grid: TypeGrid) -> npt.NDArray[np.object_]:
        """The `File` of each value, with the run and attribute it belongs to."""
        attributes, runs = np.nonzero(grid.places != MISSING)
        owner = np.zeros((2, len(grid.values)), dtype=np.int64)
        owner[:, grid.places[attributes, runs]] = attributes, runs
        owners = pa.array(owner[1])
        return values_objects.files(
            grid.values,
            kind=self.kind,
            projects=self.runs.column("project").take(owners).to_pylist(),
            labels=self.runs.column(self.kind.label_column).take(owners).to_pylist(),
            attributes=pa.array(grid.attributes).take(pa.array(owner[0])).to_pylist(),
            steps=[None] * len(grid.values) if grid.last_steps is None else grid.last_steps.to_pylist(),
        )


def ascending(names: Sequence[_Key]) -> tuple[list[_Key], npt.NDArray[np.int64]]:
    """The names in ascending order, and the place there of each name as it came.

    Example:
        >>> ascending(["b", "c", "a"])
        (['a', 'b', 'c'], array([1, 2, 0]))
    """
    order = sorted(range(len(names)), key=names.__getitem__)
    places = np.empty(len(names), dtype=np.int64)
    places[order] = np.arange(len(names))
    return [names[number] for number in order], places


#: dtype of a column whose attribute some run lacks, for types numpy holds.
_DTYPE_WITH_GAPS = {
    "int": np.dtype(np.float64),
    "float": np.dtype(np.float64),
    "float_series": np.dtype(np.float64),
    "bool": np.dtype(object),
}

#: Types whose cells are Python objects, and who makes them.
_OBJECTS: dict[str, Callable[[TableCells, TypeGrid], npt.NDArray[np.object_]]] = {
    "string_set": lambda _, grid: values_objects.sets(grid.values),
    "histogram_series": lambda _, grid: values_objects.histograms(grid.values),
    **dict.fromkeys(_FILE_TYPES, TableCells._files),
}


def _number_blocks(
    grid: TypeGrid, position: npt.NDArray[np.int64]
) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[np.int64]]]:
    """Attributes that every run has, and those with gaps, which may need another dtype."""
    numbers = grid.values.fill_null(pa.scalar(False).cast(grid.values.type)).to_numpy(zero_copy_only=False)
    with_gaps = numbers.astype(_DTYPE_WITH_GAPS[grid.type], copy=False)
    complete = grid.is_complete & (numbers.dtype != with_gaps.dtype)
    if complete.any():
        yield numbers[grid.places[complete]], position[complete]
    if not complete.all():
        yield gather(with_gaps, np.nan, grid.places[~complete]), position[~complete]
