"""The frame of `ReadOnlyProject.fetch_runs_df`: a row per run, the columns asked for by name and by pattern.

Cells are plain: sets are texts joined with commas, series their last values, and types that have no plain
value (files, histograms, series of texts) are None. A column that was asked for by name is there even if
no run has the attribute.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.frames.pandas_values import Block, frame_of_blocks, import_pandas, name_index
from neptune_frames.frames.run_state import active_runs, state_names
from neptune_frames.frames.table_cells import TableCells
from neptune_frames.frames.table_grid import distinct_names
from neptune_frames.progress import tracked
from neptune_frames.query.attributes import SYS_STATE, TYPES_WITHOUT_PLAIN_VALUE, WIRE_NAMES
from neptune_frames.query.extended_regex import check_regex
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    NamePattern,
    RunNeeds,
    RunQuery,
)
from neptune_frames.schemas import values_schema

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from neptune_frames.sources.base import Source

#: Types a table can be sorted by, beside those that are known without asking.
SORTABLE_TYPES = ("string", "float", "int", "bool", "datetime")

#: What a type counts as in a column: types with equal dtypes share a column without a conflict.
_CELL_TYPES = {
    "bool": "bool",
    "int": "int",
    "float": "float",
    "float_series": "float",
    "string": "string",
    "string_set": "string",
    "datetime": "datetime",
}

_Values = dict[str, pa.Table]


@dataclass(frozen=True)
class FetcherTableQuestion:
    """Which runs, and which of their attributes: those named, and those whose name matches the pattern."""

    query: RunQuery
    names: tuple[str, ...]
    pattern: str | None = None


def fetch_fetcher_table(source: Source, question: FetcherTableQuestion) -> FetcherTable:
    """Ask for the runs with the values of named attributes, then for those of matching ones.

    Raises:
        NeptuneProjectInaccessible: If the project does not exist.
        QuerySyntaxError: If the pattern is not valid, before anything is asked.
    """
    names = tuple(dict.fromkeys(question.names))
    if question.pattern:
        check_regex(question.pattern)
    projection = [name for name in names if name != SYS_STATE]
    answer = source.search(question.query, projection, RunNeeds(statistics=False))
    batches: dict[str, list[pa.RecordBatch]] = {
        attribute_type: table.select(_columns(attribute_type)).to_batches()
        for attribute_type, table in answer.values.items()
    }
    if question.pattern and answer.runs.num_rows:
        matching = AttributeAlternative(tuple(WIRE_NAMES), patterns=(NamePattern((question.pattern,)),))
        named = pa.array(names, pa.string())
        found = source.values(answer.runs, AttributeSelector((matching,)))
        for attribute_type, batch in tracked(found, "values", lambda part: part[1].num_rows):
            batches.setdefault(attribute_type, []).append(_without(batch.select(_columns(attribute_type)), named))
    values = {name: pa.Table.from_batches(found) for name, found in batches.items() if name != "experiment_state"}
    states = None
    if SYS_STATE in names:
        states = state_names(active_runs(source, question.query, answer.runs))
    return FetcherTable(answer.runs, values, names, states)


def sortable_types(source: Source, project: str, attribute: str) -> tuple[str, ...]:
    """The types by which runs can be sorted that the attribute has in the project, in alphabetical order."""
    selector = AttributeSelector((AttributeAlternative(SORTABLE_TYPES, names=(attribute,)),))
    return tuple(source.definitions([project], None, selector).column("type").to_pylist())


@dataclass(frozen=True)
class FetcherTable:
    """Runs and their values on the way to the documented frame.

    Args:
        runs: RUNS, one row per row of the frame.
        values: VALUES tables by client type; ``run`` is a position in ``runs``.
        names: Columns that are there in any case.
        states: The column ``sys/state``, where it was asked for.
    """

    runs: pa.Table
    values: _Values = field(repr=False)
    names: tuple[str, ...]
    states: pa.Array | None = None

    @property
    def value_count(self) -> int:
        """How many values there are, of any type."""
        return sum(table.num_rows for table in self.values.values())

    @cached_property
    def unsupported(self) -> dict[str, tuple[str, ...]]:
        """Attributes in the answer that have no plain value, by type."""
        return {
            attribute_type: tuple(distinct_names(self.values[attribute_type]["attribute"]))
            for attribute_type in TYPES_WITHOUT_PLAIN_VALUE
            if attribute_type in self.values and self.values[attribute_type].num_rows
        }

    def to_pandas(self) -> pd.DataFrame:
        """The documented frame: columns in the groups ``sys``, others, ``monitoring``, each sorted by name.

        Whole numbers with gaps become float64, booleans with gaps and columns of several kinds objects;
        missing cells are NaN (NaT). A named column without any value holds ``pandas.NA``.
        """
        pandas = import_pandas()
        rows = self.runs.num_rows
        if not rows:
            columns = _in_order(self.names)
            empty = (np.empty((len(columns), 0), dtype=object), np.arange(len(columns)))
            return frame_of_blocks([empty], pandas.RangeIndex(0), name_index(columns))
        cells = self._cells()
        mixed = self._mixed_names(cells)
        of_one_kind = {name: _rows_of(part, mixed, inside=False) for name, part in cells.items()}
        table = TableCells(self.runs, of_one_kind, _KIND)
        blocks = [*self._mixed_columns(cells, mixed), *self._columns_without_values(cells)]
        plain = table.column_names(type_suffix=False)
        names = [*plain, *(name for of_block, _ in blocks for name in of_block)]
        columns = _in_order(names)
        place = {name: position for position, name in enumerate(columns)}

        def positions(of_block: Sequence[str]) -> npt.NDArray[np.int64]:
            return np.array([place[name] for name in of_block], dtype=np.int64)

        placed = [*table.pandas_blocks(positions(plain)), *((block, positions(some)) for some, block in blocks)]
        return frame_of_blocks(placed, pandas.RangeIndex(rows), name_index(columns))

    def _cells(self) -> _Values:
        """Plain values by what they count as in a column; where a column has but whole numbers and floats, floats."""
        found: dict[str, list[pa.Table]] = {}
        for attribute_type, table in self.values.items():
            if attribute_type in _CELL_TYPES and table.num_rows:
                found.setdefault(_CELL_TYPES[attribute_type], []).append(_plain(attribute_type, table))
        if self.states is not None:
            found.setdefault("string", []).append(_column_as_values(SYS_STATE, self.states))
        cells = {name: _joined(tables) for name, tables in found.items()}
        if "int" in cells and "float" in cells:
            # Beside anything else the column holds objects, and each number stays what it is.
            others = (
                distinct_names(table["attribute"]) for name, table in cells.items() if name not in ("int", "float")
            )
            both = set(distinct_names(cells["int"]["attribute"])).intersection(
                distinct_names(cells["float"]["attribute"])
            )
            shared = pa.array(sorted(both.difference(*others)), pa.string())
            whole = _rows_of(cells["int"], shared, inside=True)
            if whole.num_rows:
                cells["int"] = _rows_of(cells["int"], shared, inside=False)
                cells["float"] = _joined([cells["float"], whole.set_column(2, "value", whole["value"].cast("double"))])
        return cells

    def _mixed_names(self, cells: _Values) -> pa.Array:
        """Attributes that need a column of objects: of several kinds, or truth values beside None."""
        counts = Counter(name for table in cells.values() for name in distinct_names(table["attribute"]))
        mixed = {name for name, count in counts.items() if count > 1}
        if "bool" in cells and self.unsupported:
            without_value = {name for names in self.unsupported.values() for name in names}
            mixed |= without_value.intersection(distinct_names(cells["bool"]["attribute"]))
        return pa.array(sorted(mixed), pa.string())

    def _mixed_columns(self, cells: _Values, mixed: pa.Array) -> Iterator[tuple[list[str], Block]]:
        """Attributes that are of several kinds in different runs: objects."""
        if not len(mixed):
            return
        names = mixed.to_pylist()
        objects = np.full((len(names), self.runs.num_rows), np.nan, dtype=object)
        for attribute_type in self.unsupported:
            part = _rows_of(self.values[attribute_type], mixed, inside=True)
            objects[_positions(part["attribute"], mixed), part["run"].to_numpy()] = None
        for cell_type, table in cells.items():
            part = _rows_of(table, mixed, inside=True)
            objects[_positions(part["attribute"], mixed), part["run"].to_numpy()] = _objects(cell_type, part["value"])
        yield names, objects

    def _columns_without_values(self, cells: _Values) -> Iterator[tuple[list[str], Block]]:
        """Attributes without a plain value in any run, and names that no run has."""
        rows = self.runs.num_rows
        valued = {name for table in cells.values() for name in distinct_names(table["attribute"])}
        holders = Counter[str]()
        for attribute_type in self.unsupported:
            counted = self.values[attribute_type]["attribute"].value_counts()
            holders.update(dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)))
        everywhere = [name for name, count in holders.items() if name not in valued and count == rows]
        somewhere = [name for name, count in holders.items() if name not in valued and count < rows]
        nowhere = [name for name in self.names if name not in valued and name not in holders]
        if everywhere:
            yield everywhere, np.full((len(everywhere), rows), None, dtype=object)
        if somewhere:
            yield somewhere, np.full((len(somewhere), rows), np.nan)
        if nowhere:
            yield nowhere, np.full((len(nowhere), rows), import_pandas().NA, dtype=object)


_KIND = ContainerKind.RUN


def _in_order(names: Sequence[str]) -> list[str]:
    """Column names as documented: ``sys`` first, ``monitoring`` last, by code point within a group."""
    group = {"sys": 0, "monitoring": 2}
    return sorted(names, key=lambda name: (group.get(name.partition("/")[0], 1), name))


def _plain(attribute_type: str, table: pa.Table) -> pa.Table:
    """Run, attribute and value, the value as it is shown."""
    values = table["value"]
    if attribute_type == "string_set":
        values = pc.binary_join(values, ",")
    return pa.table({"run": table["run"], "attribute": table["attribute"], "value": values})


def _column_as_values(name: str, column: pa.Array) -> pa.Table:
    rows = len(column)
    names = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([name]))
    return pa.table({"run": pa.array(np.arange(rows, dtype=np.int32)), "attribute": names, "value": column})


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).unify_dictionaries() if len(tables) > 1 else tables[0].unify_dictionaries()


def _rows_of(table: pa.Table, names: pa.Array, *, inside: bool) -> pa.Table:
    """The rows whose attribute is (or is not) one of the names."""
    if not len(names):
        return table.slice(0, 0) if inside else table
    found = pc.is_in(table["attribute"].cast(pa.string()), value_set=names.cast(pa.string()))
    return table.filter(found if inside else pc.invert(found))


def _columns(attribute_type: str) -> list[str]:
    """The columns of values that are used. Sources may leave out the others, or not, so that pieces would not match."""
    return list(values_schema(attribute_type, statistics=False).names)


def _without(batch: pa.RecordBatch, names: pa.Array) -> pa.RecordBatch:
    """Values of other attributes than these, which have come already."""
    attributes = batch.column("attribute")
    known = pc.is_in(attributes.dictionary, value_set=names)
    return batch.filter(pc.invert(known.take(attributes.indices))) if pc.any(known).as_py() else batch


def _positions(attributes: pa.ChunkedArray, names: pa.Array) -> npt.NDArray[np.int32]:
    """The position of each attribute among the names."""
    return pc.index_in(attributes.cast(pa.string()), value_set=names).to_numpy()  # type: ignore[no-any-return]


def _objects(cell_type: str, values: pa.ChunkedArray) -> npt.NDArray[np.object_]:
    objects = np.empty(len(values), dtype=object)
    objects[:] = python_datetimes(values) if cell_type == "datetime" else values.to_numpy().astype(object)
    return objects


def python_datetimes(values: pa.Array | pa.ChunkedArray) -> list[datetime]:
    """Timestamps as aware `datetime` objects in UTC."""
    instants = values.to_numpy(zero_copy_only=False).astype("datetime64[us]").tolist()
    return [instant.replace(tzinfo=timezone.utc) for instant in instants]
