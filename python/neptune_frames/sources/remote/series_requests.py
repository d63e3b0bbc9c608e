"""Batches of series: what one request asks for, and which of them an answer answers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import MismatchedAnswerError
from neptune_frames.query.selection import ContainerKind, SeriesOptions, StepRange
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.sources.remote.identifiers import holders
from neptune_frames.sources.remote.splitting import Bounds
from neptune_frames.wire.lineage import EXPERIMENT, FULL, OWN_POINTS, RUN
from neptune_frames.wire.requests import SeriesTerms

Positions = npt.NDArray[np.int32]


@dataclass(frozen=True)
class SeriesBatch:
    """Some of the series asked for, as columns: their keys, and how they are written in a request.

    ``holders`` and ``names`` are strings, dictionary-encoded where the same ones come again. ``projects`` is what
    errors name.
    """

    runs: Positions
    attributes: Positions
    request_ids: pa.Array
    holders: pa.Array
    names: pa.Array
    projects: str

    def __len__(self) -> int:
        return len(self.runs)

    def take(self, rows: npt.NDArray[np.int64]) -> SeriesBatch:
        """Some rows; they keep their request ids."""
        chosen = pa.array(rows)
        return SeriesBatch(
            self.runs[rows],
            self.attributes[rows],
            self.request_ids.take(chosen),
            self.holders.take(chosen),
            self.names.take(chosen),
            self.projects,
        )

    def rows_of(self, request_ids: pa.Array) -> npt.NDArray[np.int64]:
        """The row each entry of an answer belongs to. Answers may come in any order, and may lack some.

        Raises:
            MismatchedAnswerError: An id was not asked for, or is answered twice.
        """
        if request_ids.equals(self.request_ids):
            return np.arange(len(self))  # as they usually come
        found = pc.index_in(request_ids, value_set=self.request_ids)
        if found.null_count:
            strange = request_ids.filter(pc.is_null(found))[0].as_py()
            raise MismatchedAnswerError(f"it has an entry for request id {strange!r}, which was not asked for")
        rows: npt.NDArray[np.int64] = found.to_numpy().astype(np.int64)
        if len(rows) and int(np.bincount(rows).max()) > 1:
            raise MismatchedAnswerError("it answers the same request id twice")
        return rows


def series_batches(keys: SeriesKeys, parts: Bounds) -> Iterator[SeriesBatch]:
    """The series between each two bounds, cut out when their turn comes."""
    runs, attributes = keys.positions()
    all_holders = holders(keys.runs)
    projects = ", ".join(pc.unique(keys.runs["project"]).to_pylist())
    request_ids = pa.array([], pa.string())
    for start, end in parts:
        some_runs, some_attributes = runs[start:end], attributes[start:end]
        if end - start > len(request_ids):
            request_ids = padded_numbers(end - start, len(str(end - start - 1)))
        yield SeriesBatch(
            some_runs,
            some_attributes,
            request_ids.slice(0, end - start),
            _chosen(all_holders, some_runs),
            _chosen(keys.attributes, some_attributes),
            projects,
        )


def padded_numbers(count: int, width: int) -> pa.Array:
    """The numbers below ``count`` as texts of equal width: answers that repeat them are of equal layout."""
    return pc.utf8_lpad(pa.array(np.arange(count)).cast(pa.string()), width=width, padding="0")


def _chosen(texts: pa.Array, positions: Positions) -> pa.Array:
    """The texts at some positions, as references to them where they are few: each is written out once then."""
    indices = pa.array(positions)
    return texts.take(indices) if len(texts) > len(indices) else pa.DictionaryArray.from_arrays(indices, texts)


def entity_type(options: SeriesOptions) -> str:
    """Whose points count as a series' own."""
    return EXPERIMENT if options.kind is ContainerKind.EXPERIMENT else RUN


def is_from_the_end(options: SeriesOptions) -> bool:
    """Whether series are read backwards."""
    return options.tail_limit is not None


def series_terms(options: SeriesOptions, limit: int | None) -> SeriesTerms:
    """What a request for points says of all its series; ``limit`` is the most points of each."""
    return SeriesTerms(
        lineage=FULL if options.lineage else OWN_POINTS,
        lineage_entity_type=entity_type(options),
        per_series_points_limit=limit,
        include_preview=options.include_previews,
        step_range=_finite_step_range(options) or (None, None),
        order="descending" if is_from_the_end(options) else "ascending",
    )


def _finite_step_range(options: SeriesOptions) -> StepRange | None:
    """The step range with infinite bounds, which JSON cannot say, left open. None where it holds no step."""
    low, high = options.step_range
    if low == math.inf or high == -math.inf or (low is not None and high is not None and low > high):
        return None
    return (None if low == -math.inf else low), (None if high == math.inf else high)


def selects_nothing(options: SeriesOptions) -> bool:
    """Whether no point of any series can be selected, so that no request is needed."""
    return _finite_step_range(options) is None or (options.tail_limit is not None and options.tail_limit <= 0)
