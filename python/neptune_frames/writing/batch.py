"""What was collected for one batch: runs, their values, and the points of their series."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.sources.archive.batch_layout import PAYLOADS, RUN_ROWS, files_wanted
from neptune_frames.writing.point_store import Codes, PointStore

#: Columns of RUN_ROWS that come from the source; the others count what the batch holds.
RUN_COLUMNS = RUN_ROWS.names[:5]

#: Rows of PAYLOADS, and the run (a position in the batch) that brings each.
BATCH_PAYLOADS = PAYLOADS.append(pa.field("run", pa.int64()))

_SCRATCH = ".scratch"


def scratch_directory(project: Path, number: int) -> Path:
    """Where points of the ``number``-th batch of an export may lie while it is collected."""
    return project / _SCRATCH / str(number)


def remove_scratch(project: Path) -> None:
    """Remove the scratch directories of all batches; only the writer of the project may do so."""
    shutil.rmtree(project / _SCRATCH, ignore_errors=True)


class Outline(NamedTuple):
    """How large a batch is; what a manifest says of it too."""

    runs: int
    attributes: int
    point_count: int


@dataclass
class Batch:
    """What was collected for one batch.

    ``runs`` has the columns of RUN_ROWS but for the counts, sorted by ``run``. ``names`` are the attributes
    of the batch, in the order in which they were met; ``values`` has, by type, pieces of three columns:
    position in ``runs``, position in ``names``, value. ``payloads`` are those that `Payloads.fetch` brought.
    """

    project: str
    scratch: Path
    selection: Mapping[str, str]
    runs: pa.Table = field(default_factory=lambda: RUN_ROWS.empty_table().select(RUN_COLUMNS))
    names: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))
    values: dict[str, list[tuple[Codes, Codes, pa.Array]]] = field(default_factory=dict)
    points: dict[str, PointStore] = field(default_factory=dict)
    payloads: pa.Table = field(default_factory=BATCH_PAYLOADS.empty_table)

    def attribute_codes(self, names: pa.Array) -> Codes:
        """Positions of (distinct) names in ``names``; new ones are added."""
        known = pc.index_in(names, value_set=self.names)
        new = names.filter(pc.is_null(known))
        if len(new):
            self.names = pa.concat_arrays([self.names, new])
            known = pc.index_in(names, value_set=self.names)
        codes: Codes = known.to_numpy().astype(np.int64)
        return codes

    def store(self, series_type: str) -> PointStore:
        """The points of a type."""
        if series_type not in self.points:
            self.points[series_type] = PointStore(series_type, self.scratch)
        return self.points[series_type]

    @property
    def run_ids(self) -> pa.Array:
        return self.runs["run"].combine_chunks()

    def values_of(self, kind: str) -> tuple[Codes, Codes, pa.Array]:
        """All values of one type: position in ``runs``, position in ``names``, value."""
        run, attribute, values = zip(*self.values[kind], strict=True)
        return np.concatenate(run), np.concatenate(attribute), pa.chunked_array(values).combine_chunks()

    @property
    def files_brought(self) -> int:
        """Payloads that are there."""
        return int(self.payloads.num_rows - self.payloads["bytes"].null_count)

    @property
    def files_missing(self) -> int:
        """Payloads that were asked for, and that the source does not have."""
        return int(self.payloads["bytes"].null_count) if files_wanted(self.selection) else 0

    @property
    def text_bytes(self) -> int:
        """Bytes of texts among the values."""
        return sum(pc.sum(pc.binary_length(texts)).as_py() or 0 for _, _, texts in self.values.get("string", ()))

    @property
    def value_count(self) -> int:
        return sum(len(value) for pieces in self.values.values() for _, _, value in pieces)

    @property
    def point_count(self) -> int:
        return sum(store.points for store in self.points.values())

    def close(self) -> None:
        """Give memory and scratch files back."""
        for store in self.points.values():
            store.close()
        self.values.clear()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def without(self, left_out: Codes) -> Batch:
        """The batch without some of its runs, which have no points."""
        kept = np.ones(self.runs.num_rows, dtype=bool)
        kept[left_out] = False
        position = np.cumsum(kept) - 1
        values: dict[str, list[tuple[Codes, Codes, pa.Array]]] = {}
        for kind, pieces in self.values.items():
            for run, attribute, value in pieces:
                rows = kept[run]
                if rows.any():
                    piece = (position[run[rows]], attribute[rows], value.filter(pa.array(rows)))
                    values.setdefault(kind, []).append(piece)
        for store in self.points.values():
            store.renumber(position)
        payloads = self.payloads.filter(pa.array(kept[self.payloads["run"].to_numpy()]))
        return replace(self, runs=self.runs.filter(pa.array(kept)), values=values, payloads=payloads)

    def outline(self) -> Outline:
        """How large it is."""
        return Outline(self.runs.num_rows, self.value_count, self.point_count)

    @property
    def ranks(self) -> Codes:
        """The place of each of ``names`` among all of them, sorted."""
        order = pc.sort_indices(self.names).to_numpy().astype(np.int64)
        ranks = np.empty(len(order), dtype=np.int64)
        ranks[order] = np.arange(len(order))
        return ranks
