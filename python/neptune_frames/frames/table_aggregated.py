"""The table of `neptune_fetcher.alpha`: columns of two levels, the attribute and what is shown of it.

A series has a column for each aggregation asked for, a file one for each of its properties; everything
else has one column whose second level is empty.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import ConflictingAttributeTypes
from neptune_frames.frames.pandas_values import empty_index, frame_of_blocks, import_pandas, string_index
from neptune_frames.frames.table_cells import TableCells, ascending
from neptune_frames.query.attributes import AGGREGATIONS
from neptune_frames.query.selectors import match_names

if TYPE_CHECKING:
    import pandas as pd

    from neptune_frames.frames.table import RunTable
    from neptune_frames.query.selection import AttributeSelector

LEVELS = ["attribute", "aggregation"]

#: What is shown of types that have more than one side: column of the VALUES table by second level.
_SERIES_COLUMNS: dict[str, dict[str, str]] = {
    "float_series": {name: "value" if name == "last" else name for name in AGGREGATIONS},
    "string_series": {"last": "value"},
}
_FILE_MEMBERS = {"mime_type": "string", "path": "string", "size_bytes": "int"}

#: The type that decides about dtype and gaps.
_CELL_TYPES = {"float_series": "float", "string_series": "string"}


@dataclass(frozen=True)
class AggregationChoice:
    """Aggregations shown of the series that a selector selects."""

    selector: AttributeSelector
    aggregations: frozenset[str]


def aggregated_frame(
    table: RunTable, choices: Sequence[AggregationChoice], types: Sequence[str], *, type_suffix: bool
) -> pd.DataFrame:
    """The documented frame of the alpha tables.

    Args:
        table: Runs and values as they came.
        choices: Which aggregations are shown of which series; choices add up.
        types: Client types that are shown at all.
        type_suffix: Whether names end in ``:type``.

    Raises:
        ConflictingAttributeTypes: If two columns would have one key, since a name has several types and no suffix.
    """
    pandas = import_pandas()
    values = {name: table.values[name] for name in types if name in table.values}
    parts = [
        (attribute_type, level, TableCells(table.runs, part, table.kind))
        for attribute_type, values_of_type in values.items()
        for level, part in _parts(attribute_type, values_of_type, choices)
    ]
    keys, positions = ascending(
        _column_keys(
            [(name, attribute_type, level) for attribute_type, level, part in parts for name, _ in part.attributes],
            type_suffix,
        )
    )
    blocks, start = [], 0
    for _, _, part in parts:
        end = start + len(part.attributes)
        blocks += list(part.pandas_blocks(positions[start:end]))
        start = end
    columns = pandas.MultiIndex.from_tuples(keys, names=LEVELS)
    rows = table.runs.column(table.kind.label_column)
    index = string_index(rows, table.kind.value) if len(rows) else empty_index(table.kind.value)
    if not keys:
        return pandas.DataFrame(index=index, columns=columns)
    return frame_of_blocks(blocks, index, columns)


def _column_keys(columns: Sequence[tuple[str, str, str]], type_suffix: bool) -> list[tuple[str, str]]:
    """The two levels of each column, of which the name, the type and the second level are given.

    Several types of a name are no conflict as long as what is shown of them differs: of a file its properties, of a
    float series perhaps its smallest value, which a string series does not have.
    """
    if type_suffix:
        return [(f"{name}:{attribute_type}", level) for name, attribute_type, level in columns]
    keys = [(name, level) for name, _, level in columns]
    conflicts = {name for (name, _), count in Counter(keys).items() if count > 1}
    if conflicts:
        raise ConflictingAttributeTypes(sorted(conflicts))
    return keys


def _parts(
    attribute_type: str, values: pa.Table, choices: Sequence[AggregationChoice]
) -> list[tuple[str, dict[str, pa.Table]]]:
    """Second level and values of each column group that one type has."""
    if attribute_type == "file":
        files = values["value"].combine_chunks()
        return [
            (member, {cell_type: _with_value(values, pc.struct_field(files, member))})
            for member, cell_type in _FILE_MEMBERS.items()
        ]
    columns = _SERIES_COLUMNS.get(attribute_type)
    if columns is None:
        return [("", {attribute_type: values})]
    wanted = _wanted(attribute_type, values["attribute"], choices)
    parts = []
    for level, column in columns.items():
        if wanted[level]:
            rows = _of(values, wanted[level])
            parts.append((level, {_CELL_TYPES[attribute_type]: _with_value(rows, rows[column])}))
    return parts


def _wanted(
    attribute_type: str, attributes: pa.ChunkedArray, choices: Sequence[AggregationChoice]
) -> defaultdict[str, set[str]]:
    """Names of the attributes of one type, by aggregation."""
    names = attributes.unique().cast(pa.string())
    found: defaultdict[str, set[str]] = defaultdict(set)
    for choice in choices:
        mask = match_names(choice.selector, names, pa.repeat(attribute_type, len(names)))
        chosen = names.filter(pa.array(mask)).to_pylist()
        for aggregation in choice.aggregations:
            found[aggregation].update(chosen)
    return found


def _of(values: pa.Table, names: set[str]) -> pa.Table:
    return values.filter(pc.is_in(values["attribute"].cast(pa.string()), value_set=pa.array(sorted(names))))


def _with_value(values: pa.Table, column: pa.ChunkedArray | pa.Array) -> pa.Table:
    return values.select(["run", "attribute"]).append_column("value", column)
