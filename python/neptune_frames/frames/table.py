"""The table of runs: a row per run or experiment, a column per attribute, a cell the last value.

`fetch_run_table` asks a source, `RunTable` holds the answer and becomes the documented pandas frame or a
typed Polars frame. Rows keep the order of the source (the sort key of the question); columns are sorted
by their final names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames import config
from neptune_frames.counted import counted
from neptune_frames.frames.pandas_values import (
    empty_index,
    frame_of_blocks,
    import_pandas,
    name_index,
    string_index,
)
from neptune_frames.frames.questions import known_types
from neptune_frames.frames.table_cells import TableCells, ascending
from neptune_frames.frames.table_exports import Exports
from neptune_frames.progress import tracked
from neptune_frames.query.attributes import KNOWN_TYPES, SYSTEM_ATTRIBUTE_TYPES
from neptune_frames.query.inference import infer_sort, infer_types, require_sort, require_types
from neptune_frames.query.selection import RunNeeds, RunQuery
from neptune_frames.schemas import RUNS

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from neptune_frames.frames.questions import Containers
    from neptune_frames.query.attributes import Attribute
    from neptune_frames.query.selection import AttributeSelector, ContainerKind
    from neptune_frames.sources.base import SearchAnswer, Source
    from neptune_frames.types import File


@dataclass(frozen=True)
class TableQuestion:
    """Which runs, in which order, and which attributes of them.

    Args:
        project: ``workspace/name``, or None for every project.
        containers: Which runs or experiments.
        attributes: Which attributes become columns.
        sort_by: The attribute that orders the rows; its type is looked up if it is not given.
        descending: Whether the largest comes first.
        limit: How many rows at most; None for all.
        sort_aggregation: What of a float series orders the rows, such as ``max``; None for its last value.
    """

    project: str | None
    containers: Containers
    attributes: AttributeSelector
    sort_by: Attribute
    descending: bool = True
    limit: int | None = None
    sort_aggregation: str | None = None

    def check_types(self) -> None:
        """Types cannot be looked up across projects, so there all must be given.

        Raises:
            NeptuneUserError: If the sort key has no type.
            AttributeTypeInferenceError: If an attribute of the filter has none.
        """
        if self.project is None:
            require_sort(self.sort_by, self.descending)
            require_types(self.containers.filter)

    def run_query(self, source: Source) -> RunQuery:
        """The search; types that are not given are looked up, with one question at most."""
        if self.project is None:
            sort = require_sort(self.sort_by, self.descending)
            return RunQuery(None, self.containers.kind, require_types(self.containers.filter), sort, self.limit)
        lookup = _TypeLookup(source, self.project, self.sort_by)
        expression = infer_types(self.containers.filter, lookup)
        sort = replace(infer_sort(self.sort_by, self.descending, lookup), aggregation=self.sort_aggregation)
        return RunQuery(self.project, self.containers.kind, expression, sort, self.limit)


class _TypeLookup:
    """Types of names in a project. The first question asks for the sort key's too."""

    def __init__(self, source: Source, project: str, sort_by: Attribute) -> None:
        self._source, self._project = source, project
        self._expected = (
            {sort_by.name} if sort_by.type is None and sort_by.name not in SYSTEM_ATTRIBUTE_TYPES else set()
        )
        self._known: dict[str, AbstractSet[str]] = {}

    def __call__(self, names: Sequence[str]) -> Mapping[str, AbstractSet[str]]:
        if not self._known.keys() >= set(names):
            asked = sorted({*names, *self._expected})
            self._known.update(dict.fromkeys(asked, frozenset()), **known_types(self._source, self._project, asked))
        return self._known


def fetch_run_table(
    source: Source, question: TableQuestion, *, statistics: bool = False, suffix_parameter: str = "type_suffix"
) -> RunTable:
    """Ask a source for runs and their attribute values, of float series with or without their statistics.

    ``suffix_parameter`` is what the face that asks calls ``type_suffix`` (`RunTable`).

    Exact names go with the search, which knows how to ask for them. A pattern is made such a list where it stands for
    few names: a search answers for many runs at once, a question for values page by page.

    Raises:
        NeptuneProjectInaccessible: If the project does not exist.
        AttributeTypeInferenceError: If an attribute of the filter has several types.
    """
    if question.containers.names == ():
        return RunTable(RUNS.empty_table(), {}, question.containers.kind, _suffix_parameter=suffix_parameter)
    query, selector, needs = question.run_query(source), question.attributes, RunNeeds(statistics=statistics)
    answer = source.search(query, selector.plain_names or (), needs)
    values = answer.values
    if selector.plain_names is None and not selector.selects_nothing and answer.runs.num_rows:
        answer, values = _values_of_pattern(source, query, needs, selector, answer)
    known: dict[str, pa.Table] = {name: values[name] for name in KNOWN_TYPES if name in values}
    return RunTable(
        answer.runs, known, query.kind, with_project=query.project is None, _suffix_parameter=suffix_parameter
    )


def _values_of_pattern(
    source: Source, query: RunQuery, needs: RunNeeds, selector: AttributeSelector, found: SearchAnswer
) -> tuple[SearchAnswer, dict[str, pa.Table]]:
    """The runs and the values of the attributes a selector stands for."""
    if query.project is None:
        return found, _collected(source, found.runs, selector)
    definitions = source.definitions([query.project], found.runs, selector)
    names = definitions.column("attribute").unique().to_pylist()
    if len(names) > config.MAX_PROJECTED_ATTRIBUTES.get():
        return found, _collected(source, found.runs, selector)
    answer = source.search(query, names, needs)
    return answer, {kind: _of_type(table, kind, definitions) for kind, table in answer.values.items()}


def _of_type(values: pa.Table, attribute_type: str, definitions: pa.Table) -> pa.Table:
    """Without attributes that have a name in common with one that was selected, but not its type."""
    selected = definitions.filter(pc.equal(definitions.column("type"), attribute_type)).column("attribute")
    is_selected = pc.is_in(values.column("attribute").cast(pa.string()), value_set=selected.combine_chunks())
    return values if pc.all(is_selected).as_py() else values.filter(is_selected)


def _collected(source: Source, runs: pa.Table, selector: AttributeSelector) -> dict[str, pa.Table]:
    batches: dict[str, list[pa.RecordBatch]] = defaultdict(list)
    for attribute_type, batch in tracked(source.values(runs, selector), "values", lambda part: part[1].num_rows):
        batches[attribute_type].append(batch)
    return {attribute_type: pa.Table.from_batches(pieces) for attribute_type, pieces in batches.items()}


@dataclass(frozen=True, repr=False)
class RunTable(Exports):
    """Runs and their values, on the way to a wide frame.

    Args:
        runs: RUNS, one row per row of the result.
        values: VALUES tables by client type; ``run`` is a position in ``runs``.
        kind: Whether rows are experiments or runs; names the index.
        with_project: Whether the project is a level of the index (tables over all projects).
        _suffix_parameter: What the face that asked calls ``type_suffix``; part of an error.
    """

    runs: pa.Table
    values: dict[str, pa.Table]
    kind: ContainerKind
    with_project: bool = False
    _suffix_parameter: str = "type_suffix"

    def __len__(self) -> int:
        """The number of experiments or runs."""
        return int(self.runs.num_rows)

    @cached_property
    def _cells(self) -> TableCells:
        return TableCells(self.runs, self.values, self.kind)

    @property
    def _key_columns(self) -> dict[str, str]:
        """Names of the row keys of the documented frame and the RUNS columns that hold them."""
        project = {"project": "project"} if self.with_project else {}
        return {**project, self.kind.value: self.kind.label_column}

    def _column_names(self, type_suffix: bool | None, taken: Collection[str] = ()) -> list[str]:
        return self._cells.column_names(type_suffix=type_suffix, taken=taken, parameter=self._suffix_parameter)

    def to_pandas(self, *, type_suffix: bool | None = None) -> pd.DataFrame:
        """The documented frame of `fetch_experiments_table` and its siblings.

        Integers with gaps become float64 and booleans with gaps become objects; a missing cell is NaN
        (NaT for timestamps); sets, files and histograms are Python objects.

        Args:
            type_suffix: Whether column names end in the attribute's type, such as ``:float``. None: only those of
                names that have several types.

        Raises:
            ConflictingAttributeTypes: If a name has several types and ``type_suffix`` is False.
        """
        pandas = import_pandas()
        if not self.runs.num_rows:
            return pandas.DataFrame(index=self._pandas_index(), columns=empty_index("attribute"))
        names, positions = ascending(self._column_names(type_suffix))
        columns = name_index(names, "attribute")
        return frame_of_blocks(self._cells.pandas_blocks(positions), self._pandas_index(), columns)

    def _held_files(self) -> list[File]:
        return self._cells.files()

    def _contents(self) -> str:
        cells = counted(len(self._cells.attributes), "attribute")
        return f"{counted(self.runs.num_rows, self.kind.value)} x {cells}"

    def collect(self, *, type_suffix: bool | None = None) -> pl.DataFrame:
        """The Polars frame: typed, nullable columns; the keys come first: ``project``, and ``experiment`` or ``run``.

        Files and histograms are structs, string sets are lists. An attribute named like a key gets its
        type as suffix even without ``type_suffix``.

        Args:
            type_suffix: Whether column names end in the attribute's type, such as ``:float``. None: only those of
                names that have several types.

        Raises:
            ConflictingAttributeTypes: If a name has several types and ``type_suffix`` is False.
        """
        import polars as pl

        named = {"project": "project", **self._key_columns}
        keys = {name: pl.Series(self.runs.column(column)) for name, column in named.items()}
        names = iter(self._column_names(type_suffix, taken=keys))
        columns: dict[str, pl.Series] = {}
        for grid in self._cells.grids():
            # Made Polars' as a whole: of a slice of texts or lists Polars would make all of them, for each column.
            cells = pl.Series(grid.arrow_cells())
            for position in range(len(grid.attributes)):
                columns[next(names)] = cells.slice(position * self.runs.num_rows, self.runs.num_rows)
        return pl.DataFrame({**keys, **{name: columns[name] for name in sorted(columns)}})

    def _pandas_index(self) -> pd.Index:
        pandas = import_pandas()
        if self.runs.num_rows:
            levels = [string_index(self.runs.column(column), name) for name, column in self._key_columns.items()]
        else:
            levels = [empty_index(name) for name in self._key_columns]
        return levels[0] if len(levels) == 1 else pandas.MultiIndex.from_arrays(levels)
