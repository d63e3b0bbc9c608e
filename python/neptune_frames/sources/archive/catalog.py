"""One project of an archive as it is now: identities, attribute columns, series, lineage.

A catalog never changes; `neptune_frames.sources.archive.projects` makes a new one when files change.
Runs that were exported without system attributes get the few they need to be found: see `complete`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import count

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.query.selection import AttributeSelector
from neptune_frames.query.selectors import match_names
from neptune_frames.schemas import RUNS
from neptune_frames.slices import ranges
from neptune_frames.sources.archive.identity import project_uuid, run_uuids
from neptune_frames.sources.archive.inventory import Inventory, attribute_offsets, codes_in, merge
from neptune_frames.sources.archive.lineage import Lineage, lineage_of
from neptune_frames.sources.archive.object_path import Location
from neptune_frames.sources.archive.store import ProjectStore

_ARCHIVED = "sys/archived"
_CREATION = "sys/creation_time"
_CUSTOM_RUN_ID = "sys/custom_run_id"
_EXPERIMENT_NAME = "sys/experiment/name"
_FORK_STEP = "sys/forking/step"
_IS_HEAD = "sys/experiment/is_head"
_NAME = "sys/name"
_PARENT = "sys/forking/parent"
_SYS_ID = "sys/id"
_TRASHED = "sys/trashed"
#: Selections of attributes that are kept of a catalog.
_KEPT_SELECTIONS = 8
_VERSIONS = count()


@dataclass(frozen=True)
class Catalog:
    """A project. Runs and attributes are numbered in code-point order of run ids and names.

    ``inventory`` has been completed by `complete`, so that every run has ``sys/id``, ``sys/custom_run_id``
    and ``sys/trashed``. ``store`` reads points. ``version`` is no other catalog's in this process.
    """

    project: str
    inventory: Inventory
    store: ProjectStore
    version: int = field(default_factory=_VERSIONS.__next__, init=False)

    @property
    def payloads(self) -> Location:
        """The directory of file payloads."""
        return self.store.payloads

    @property
    def run_count(self) -> int:
        return len(self.inventory.runs)

    @property
    def attributes(self) -> pl.Series:
        """The names of all attributes, sorted."""
        return self.inventory.attributes

    def names_of(self, attributes: npt.NDArray[np.integer]) -> pa.Array:
        """The names of attributes given by number."""
        return self._names.take(pa.array(attributes))

    @cached_property
    def _names(self) -> pa.Array:
        return self.attributes.to_arrow().cast(pa.string())

    def attribute_codes(self, names: Sequence[str] | pa.Array) -> npt.NDArray[np.int32]:
        """The number of each attribute, -1 where the project has none of that name."""
        texts = names.to_pylist() if isinstance(names, (pa.Array, pa.ChunkedArray)) else names
        return np.fromiter((self._codes.get(text, -1) for text in texts), np.int32, len(texts))

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {name: code for code, name in enumerate(self.attributes)}

    def rows(self, attribute_type: str, attributes: npt.NDArray[np.int32]) -> pl.DataFrame:
        """The rows of some attributes in the table of a type (see `Inventory.tables`), by attribute and run."""
        table = self.inventory.tables.get(attribute_type)
        if table is None:
            return pl.DataFrame(schema={"attribute": pl.Int32, "run": pl.Int32, "file": pl.Int32, "value": pl.Null})
        return table[self.row_positions(attribute_type, attributes)]

    def row_positions(self, attribute_type: str, attributes: npt.NDArray[np.int32]) -> slice | npt.NDArray[np.int64]:
        """Where `rows` lie in the table of a type, which must be there; as a slice if they are neighbours."""
        offsets = self._offsets[attribute_type]
        starts, stops = offsets[attributes], offsets[attributes + 1]
        if (starts[1:] == stops[:-1]).all():
            return slice(int(starts[0]), int(stops[-1])) if len(attributes) else slice(0, 0)
        return ranges(starts, stops - starts)

    def types_of(self, attribute: int) -> tuple[str, ...]:
        """The types an attribute has in any run."""
        return tuple(kind for kind, offsets in self._offsets.items() if offsets[attribute + 1] > offsets[attribute])

    @cached_property
    def definitions(self) -> pl.DataFrame:
        """All (``attribute`` number, ``type``) pairs of the project, sorted by name then type."""
        found = [
            pl.DataFrame({"attribute": np.flatnonzero(np.diff(offsets)).astype(np.int32)}).with_columns(
                type=pl.lit(kind)
            )
            for kind, offsets in self._offsets.items()
        ]
        empty = pl.DataFrame(schema={"attribute": pl.Int32, "type": pl.String})
        return pl.concat([empty, *found]).sort("attribute", "type")

    @cached_property
    def definition_names(self) -> tuple[pa.Array, pa.Array]:
        """Name and type of each of `definitions`."""
        defined = self.definitions
        return self.names_of(defined["attribute"].to_numpy()), defined["type"].to_arrow().cast(pa.string())

    def selected(self, selector: AttributeSelector) -> pl.DataFrame:
        """Those of `definitions` that a selector selects; the last few answers are kept."""
        return self._selected(selector)

    @cached_property
    def _selected(self) -> Callable[[AttributeSelector], pl.DataFrame]:
        def select(selector: AttributeSelector) -> pl.DataFrame:
            return self.definitions[np.flatnonzero(match_names(selector, *self.definition_names))]

        return lru_cache(maxsize=_KEPT_SELECTIONS)(select)

    @cached_property
    def runs(self) -> pa.Table:
        """All runs (RUNS), by number."""
        return pa.table(
            {
                "project": pa.repeat(self.project, self.run_count),
                "sys_id": self._text(_SYS_ID).to_arrow().cast(pa.string()),
                "run_id": self._text(_CUSTOM_RUN_ID).to_arrow().cast(pa.string()),
                "experiment": self._text(_NAME).to_arrow().cast(pa.string()),
            },
            schema=RUNS,
        )

    @cached_property
    def heads(self) -> npt.NDArray[np.bool_]:
        """Which runs are the head of their experiment.

        A head is marked as one. Where nothing in the project is marked, the newest run of each name
        counts, as it does among several marked runs of one name.
        """
        candidates = pl.DataFrame({"run": np.arange(self.run_count), "name": self._text(_NAME)}).with_columns(
            head=self._dense("bool", _IS_HEAD), created=self._dense("datetime", _CREATION)
        )
        named = candidates.filter(pl.col("name").is_not_null())
        if candidates["head"].null_count() < candidates.height:
            named = named.filter(pl.col("head"))
        newest = named.sort("created", "run", nulls_last=False).unique("name", keep="last")
        heads = np.zeros(self.run_count, dtype=bool)
        heads[newest["run"].to_numpy()] = True
        return heads

    @cached_property
    def lineage(self) -> Lineage:
        parents = self._text(_PARENT).to_arrow()
        parent = _find(parents, self.inventory.runs.to_arrow())
        for known in (_CUSTOM_RUN_ID, _SYS_ID):
            parent = np.where(parent >= 0, parent, _find(parents, self._text(known).to_arrow()))
        step = self._dense("float", _FORK_STEP).fill_null(self._dense("int", _FORK_STEP).cast(pl.Float64))
        names = self._text(_NAME)
        return lineage_of(
            parent.astype(np.int64),
            step.fill_null(np.nan).to_numpy().copy(),
            codes_in(names, names.drop_nulls().unique()).astype(np.int64),
        )

    def positions(self, runs: pa.Table) -> npt.NDArray[np.int64]:
        """The number of each run of a RUNS table of this project, -1 where there is none."""
        by_id = self.find_by("sys_id", runs["sys_id"])
        if (by_id >= 0).all():
            return by_id
        by_run = self.find_by("run_id", runs["run_id"])
        return np.where(runs["sys_id"].is_null().to_numpy(), by_run, by_id)

    def find_by(self, column: str, texts: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.int64]:
        """The number of each run named by a column of RUNS (``sys_id``, ``run_id``) or by its ``uuid``."""
        return _find(texts, self._uuids if column == "uuid" else self.runs[column])

    def uuids_of(self, runs: npt.NDArray[np.int64]) -> pa.Array:
        """The UUIDs of runs given by number."""
        return pa.array(run_uuids(project_uuid(self.project), self.inventory.runs.gather(runs)), pa.string())

    @cached_property
    def _uuids(self) -> pa.Array:
        return self.uuids_of(np.arange(self.run_count))

    def _text(self, name: str) -> pl.Series:
        return self._dense("string", name)

    def _dense(self, attribute_type: str, name: str) -> pl.Series:
        """The values of one attribute for every run, null where it is missing."""
        code = self.attribute_codes([name])
        rows = self.rows(attribute_type, code) if code[0] >= 0 else pl.DataFrame()
        if not rows.height:
            dtypes = {"string": pl.String, "bool": pl.Boolean, "int": pl.Int64, "float": pl.Float64}
            return pl.repeat(
                None, self.run_count, dtype=dtypes.get(attribute_type, pl.Datetime("ms", "UTC")), eager=True
            )
        position = np.full(self.run_count, -1)
        position[rows["run"].to_numpy()] = np.arange(rows.height)
        return rows["value"].gather(pl.Series(position).replace(-1, None))

    @cached_property
    def _offsets(self) -> dict[str, npt.NDArray[np.int64]]:
        count = len(self.attributes)
        return {kind: attribute_offsets(table, count) for kind, table in self.inventory.tables.items()}


def _find(texts: pa.ChunkedArray | pa.Array, known: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.int64]:
    """The first position of each text in ``known``, -1 where it is missing or null."""
    one_type = pa.string()
    found = pc.index_in(texts.cast(one_type), value_set=known.cast(one_type), skip_nulls=True)
    numbers: npt.NDArray[np.int64] = pc.fill_null(found, -1).to_numpy().astype(np.int64)
    return numbers


def complete(inventory: Inventory) -> Inventory:
    """The inventory with the system attributes that a run needs to be found, where an export lacks them.

    Exports of metrics only, or of chosen attributes, have runs without them (neptune-export-format 9):

    - ``sys/id`` and ``sys/custom_run_id`` are then the run id, so that every run can be addressed;
    - ``sys/name`` is the name of the experiment, if that is known;
    - ``sys/trashed`` is what ``sys/archived`` says, else false: neptune_fetcher lists only runs where it is false.

    Nothing else is made up, and nothing that is stored is changed.
    """
    everyone = pl.DataFrame({"run": np.arange(len(inventory.runs), dtype=np.int32)})
    run_ids = everyone.with_columns(value=inventory.runs)
    archived = everyone.join(_rows_of(inventory, "bool", _ARCHIVED), on="run", how="left")
    sources = {
        ("string", _CUSTOM_RUN_ID): run_ids,
        ("string", _SYS_ID): run_ids,
        ("string", _NAME): _rows_of(inventory, "string", _EXPERIMENT_NAME),
        ("bool", _TRASHED): archived.with_columns(pl.col("value").fill_null(value=False)),
    }
    names = pl.Series([name for _, name in sources])
    added: dict[str, list[pl.DataFrame]] = {}
    for code, ((kind, name), source) in enumerate(sources.items()):
        lacking = source.join(_rows_of(inventory, kind, name), on="run", how="anti")
        if lacking.height:
            # No file holds these rows; that they are never read makes any number do.
            row = (pl.lit(code, pl.Int32).alias("attribute"), "run", pl.lit(0, pl.Int32).alias("file"), "value")
            added.setdefault(kind, []).append(lacking.select(*row))
    if not added:
        return inventory
    tables = {kind: pl.concat(rows) for kind, rows in added.items()}
    used = pl.concat([table["attribute"] for table in tables.values()]).unique().sort()
    tables = {
        kind: table.with_columns(attribute=used.search_sorted(table["attribute"]).cast(pl.Int32))
        for kind, table in tables.items()
    }
    filler = Inventory(None, inventory.files, inventory.runs, names.gather(used), inventory.owners.clear(), tables)
    return merge([inventory, filler])


def _rows_of(inventory: Inventory, attribute_type: str, name: str) -> pl.DataFrame:
    """``run`` and ``value`` of one parameter."""
    table = inventory.tables.get(attribute_type)
    code = codes_in(pl.Series([name]), inventory.attributes)[0]
    if table is None or code < 0:
        dtype = pl.Boolean if attribute_type == "bool" else pl.String
        return pl.DataFrame(schema={"run": pl.Int32, "value": dtype})
    return table.filter(pl.col("attribute") == code).select("run", "value")
