"""Asking a source for what goes into one batch: groups of runs, until the batch is full."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.query.attributes import FLOAT_SERIES
from neptune_frames.query.selection import AttributeSelector, SeriesOptions
from neptune_frames.schemas import RUNS, SERIES_TYPES
from neptune_frames.slices import offsets_of
from neptune_frames.sources.archive.grouping import Steps
from neptune_frames.sources.archive.layout import PARAMETER_COLUMNS
from neptune_frames.sources.base import SeriesKeys, Source
from neptune_frames.writing.batch import RUN_COLUMNS, Batch, Outline
from neptune_frames.writing.durable import writing
from neptune_frames.writing.payload_names import Owners
from neptune_frames.writing.payloads import Payloads
from neptune_frames.writing.point_store import Codes

#: A batch is full when it has so many runs, values or points (or nearly).
BATCH_RUNS = 1_000
BATCH_VALUES = 500_000
BATCH_POINTS = 4_000_000
#: And so many bytes of texts among its values.
BATCH_TEXT = 64 * 1024 * 1024
_NEARLY = 0.8
#: Runs of the first group, as long as it is not known how large they are.
_FIRST_RUNS = 32
_GROWTH = 4

#: Types of attributes that have payloads.
_FILES = ("file", "file_series")


@dataclass(frozen=True)
class SeriesOfType:
    """Series of one type: positions in the group's runs, and in its names."""

    series_type: str
    runs: Codes
    attributes: Codes


class StoredSteps(Protocol):
    """What an archive holds already."""

    def last_steps(self, run_ids: pa.Array, names: pa.Array, group: SeriesOfType) -> Steps:
        """The last step stored of each series, -inf for none."""
        ...


@dataclass(frozen=True)
class Collector:
    """Asks ``source`` for runs of one project. ``advance`` is told runs and points as they come."""

    source: Source
    selector: AttributeSelector
    payloads: Callable[[], Payloads]
    stored: StoredSteps | None
    advance: Callable[[int, int], object]

    def fill(self, batch: Batch, runs: pa.Table, before: Outline | None) -> int:
        """Fill a batch with the first of ``runs`` (RUNS and `RUN_COLUMNS`); gives how many it took.

        Which ones depends on the runs and on the batch before alone: an export that was interrupted
        goes on with the batches it would have made.
        """
        payloads = self.payloads()
        taken, size = 0, _first_group(before)
        while taken < runs.num_rows:
            group = runs.slice(taken, size)
            self._add(batch, group, payloads)
            taken += group.num_rows
            filled = max(_fullness(batch.outline()), batch.text_bytes / BATCH_TEXT)
            if filled >= _NEARLY:
                break
            size = max(1, min(_GROWTH * taken, int(taken * (1 - filled) / filled)))
        batch.payloads = payloads.fetch()
        return taken

    def _add(self, batch: Batch, runs: pa.Table, payloads: Payloads) -> None:
        first = batch.runs.num_rows
        batch.runs = pa.concat_tables([batch.runs, runs.select(RUN_COLUMNS)])
        asked = runs.select(RUNS.names)
        values = _Values()
        for kind, piece in self.source.values(asked, self.selector):
            values.add(kind, piece)
        names, attributes = values.names()
        codes = batch.attribute_codes(names)
        owned = [(run + first, codes[attribute]) for _, (run, attribute, _) in values.of(_FILES, attributes)]
        if owned:
            run, attribute = (np.concatenate(each) for each in zip(*owned, strict=True))
            payloads.prepare(Owners(batch.run_ids, run, batch.names, attribute))
        for kind, (run, attribute, value) in values.of(PARAMETER_COLUMNS, attributes):
            numbers = run + first, codes[attribute]
            if kind == "file":
                value = payloads.named_files(Owners(batch.run_ids, numbers[0], batch.names, numbers[1]), value)
            batch.values.setdefault(kind, []).append((*numbers, value))
        for kind, (run, attribute, _) in values.of(SERIES_TYPES, attributes):
            order = np.lexsort((attribute, run))
            group = SeriesOfType(kind, run[order], attribute[order])
            self._add_points(batch, payloads, runs, names, codes, group, first)
        self.advance(runs.num_rows, 0)

    def _add_points(
        self,
        batch: Batch,
        payloads: Payloads,
        runs: pa.Table,
        names: pa.Array,
        codes: Codes,
        group: SeriesOfType,
        first: int,
    ) -> None:
        def renamed(run: Codes, attribute: Codes, steps: pa.Array, files: pa.Array) -> pa.Array:
            return payloads.named_series(Owners(batch.run_ids, run, batch.names, attribute), steps, files)

        store = batch.store(group.series_type)
        rename = renamed if group.series_type == "file_series" else None
        ask = self.source.float_points if group.series_type == FLOAT_SERIES else self.source.object_points
        with writing():
            last = None if self.stored is None else self.stored.last_steps(runs["run"].combine_chunks(), names, group)
        for some, after in _bands(group, last):
            keys = SeriesKeys(
                runs.select(RUNS.names), names, (some.runs.astype(np.int32), some.attributes.astype(np.int32))
            )
            options = SeriesOptions(
                step_range=(None if after is None else float(after.min()), None), lineage=False, include_time=True
            )
            beyond = None if after is None else _AfterSteps(some, after, len(names))
            for points in ask(keys, options):
                piece = points if beyond is None else beyond.narrow(points)
                run, attribute = (piece.column(name).to_numpy().astype(np.int64) for name in ("run", "attribute"))
                with writing():
                    added = store.add(piece, run + first, codes[attribute], rename)
                self.advance(0, added)


def _fullness(size: Outline) -> float:
    """How full a batch is; 1 is full."""
    return max(size.runs / BATCH_RUNS, size.attributes / BATCH_VALUES, size.point_count / BATCH_POINTS)


def _first_group(before: Outline | None) -> int:
    """As many runs as make a batch, going by the batch before, and no more than that had: texts may have filled it."""
    return _FIRST_RUNS if before is None or not before.runs else max(1, int(before.runs / max(1, _fullness(before))))


class _Values:
    """Answers of `Source.values` for one group of runs."""

    def __init__(self) -> None:
        self._pieces: list[tuple[str, pa.Array, pa.Array]] = []
        self._attributes: list[pa.Array] = []

    def add(self, kind: str, piece: pa.RecordBatch) -> None:
        self._pieces.append((kind, piece.column("run"), piece.column("value")))
        self._attributes.append(piece.column("attribute"))

    def names(self) -> tuple[pa.Array, list[Codes]]:
        """All names, each once, and for each answer the positions of its names there."""
        if not self._attributes:
            return pa.array([], pa.string()), []
        unified = pa.chunked_array(self._attributes).unify_dictionaries()
        codes = [chunk.indices.to_numpy().astype(np.int64) for chunk in unified.chunks]
        return unified.chunk(0).dictionary, codes

    def of(
        self, types: Mapping[str, str] | tuple[str, ...], attributes: list[Codes]
    ) -> Iterator[tuple[str, tuple[Codes, Codes, pa.Array]]]:
        """Runs, attributes and values of each of the types that occurs, in the order of the types."""
        for kind in types:
            mine = [number for number, (each, _, _) in enumerate(self._pieces) if each == kind]
            if mine:
                runs = np.concatenate([self._pieces[number][1].to_numpy() for number in mine]).astype(np.int64)
                values = pa.chunked_array([self._pieces[number][2] for number in mine]).combine_chunks()
                yield kind, (runs, np.concatenate([attributes[number] for number in mine]), values)


def _bands(group: SeriesOfType, last: Steps | None) -> Iterator[tuple[SeriesOfType, Steps | None]]:
    """Series that are asked for together, with the step after which each one goes on (None: from its start).

    One request has one first step. Series whose last steps lie within a tenth of each other share one.
    """
    if last is None:
        yield group, None
        return
    new = np.flatnonzero(np.isneginf(last))
    if len(new):
        yield SeriesOfType(group.series_type, group.runs[new], group.attributes[new]), None
    known = np.flatnonzero(~np.isneginf(last))
    known = known[np.argsort(last[known], kind="stable")]
    while len(known):
        reach = last[known[0]] + 0.1 * abs(last[known[0]])
        count = int(np.searchsorted(last[known], reach, side="right"))
        some = np.sort(known[:count])
        yield SeriesOfType(group.series_type, group.runs[some], group.attributes[some]), last[some]
        known = known[count:]


class _AfterSteps:
    """Leaves out the points up to the last step that is stored of each series."""

    def __init__(self, group: SeriesOfType, after: Steps, name_count: int) -> None:
        self._width = name_count
        keys = group.runs * name_count + group.attributes
        order = np.argsort(keys)
        self._keys, self._after = keys[order], after[order]

    def narrow(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        lists = batch.column("points")
        points = lists.flatten()
        run, attribute = (batch.column(name).to_numpy().astype(np.int64) for name in ("run", "attribute"))
        lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)
        after = self._after[np.searchsorted(self._keys, run * self._width + attribute)]
        kept = points.field("step").to_numpy() > np.repeat(after, lengths)
        offsets = offsets_of(kept)[offsets_of(lengths)]
        column = pa.LargeListArray.from_arrays(pa.array(offsets), points.filter(pa.array(kept)), type=lists.type)
        return batch.set_column(2, batch.schema.field(2), column)
