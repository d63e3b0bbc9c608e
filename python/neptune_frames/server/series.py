"""What the series endpoints share: which series a request means, and their points in the order of the request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.query.selection import ContainerKind, SeriesOptions, StepRange
from neptune_frames.schemas import OBJECT_POINT
from neptune_frames.server.errors import bad_request
from neptune_frames.server.runs import find_holders
from neptune_frames.server.state import ServerState, one_batch
from neptune_frames.sources.archive import RunLookup
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.wire.lineage import EXPERIMENT, FULL, POINTS_ENTITY_TYPES, POINTS_LINEAGES


@dataclass(frozen=True)
class SeriesGroup:
    """Series of one request that share their options. ``rows`` are positions in the request."""

    keys: SeriesKeys
    options: SeriesOptions
    rows: npt.NDArray[np.int64]


def find_series(state: ServerState, series: pa.RecordBatch) -> RunLookup:
    """The runs of a SERIES_REQUESTS batch, with one position per series (see `find_holders`)."""
    holders = series["holder"].dictionary_encode()
    lookup = find_holders(state, holders.dictionary)
    return replace(lookup, positions=lookup.positions[holders.indices.to_numpy()])


def series_groups(lookup: RunLookup, series: pa.RecordBatch, step_range: StepRange) -> Iterator[SeriesGroup]:
    """The known series of a SERIES_REQUESTS batch, one group per set of options.

    Series of runs that are not here are in no group; ``lookup`` is that of `find_series`.
    """
    attributes = series["attribute"].dictionary_encode()
    attribute_of_row = attributes.indices.to_numpy()
    lineages = _choice(series["lineage"], POINTS_LINEAGES, "lineage")
    entity_types = _choice(series["entity_type"], POINTS_ENTITY_TYPES, "lineageEntityType")
    previews = pc.fill_null(series["include_preview"], False).cast(pa.int8()).to_numpy()
    is_known = lookup.positions >= 0

    choices = product(enumerate(POINTS_LINEAGES), enumerate(POINTS_ENTITY_TYPES), (False, True))
    for (lineage_code, lineage), (entity_code, entity_type), include_previews in choices:
        is_chosen = (lineages == lineage_code) & (entity_types == entity_code) & (previews == include_previews)
        rows = np.flatnonzero(is_chosen & is_known)
        if not len(rows):
            continue
        pairs = (lookup.positions[rows], attribute_of_row[rows].astype(np.int32))
        options = SeriesOptions(
            kind=ContainerKind.EXPERIMENT if entity_type == EXPERIMENT else ContainerKind.RUN,
            step_range=step_range,
            lineage=lineage == FULL,
            include_time=True,
            include_previews=include_previews,
        )
        yield SeriesGroup(SeriesKeys(lookup.runs, attributes.dictionary, pairs), options, rows)


def read_points(
    state: ServerState,
    lookup: RunLookup,
    series: pa.RecordBatch,
    step_range: StepRange,
    point: pa.StructType,
    *,
    limit: int,
    descending: bool,
    after: npt.NDArray[np.float64] | None,
) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """The next ``limit`` points of each requested series, in the order of the request.

    Args:
        state: Whom to ask.
        lookup: The runs, as `find_series` found them.
        series: SERIES_REQUESTS.
        step_range: First and last step, inclusive.
        point: Type of the points: `float_point` or `OBJECT_POINT`.
        limit: Most points of each series.
        descending: Whether the highest steps come first.
        after: One step per series, to continue after; NaN starts at the beginning.

    Returns:
        The points (large list array), and how many each series has within the step range.
    """
    pages, rows = [], []
    for group in series_groups(lookup, series, step_range):
        page = state.source.series_page(
            group.keys,
            group.options,
            limit=limit,
            objects=point == OBJECT_POINT,
            descending=descending,
            after=None if after is None else after[group.rows],
        )
        pages.append(page.select(["points", "total"]))
        rows.append(group.rows)
    ordered = _in_request_order(pages, rows, len(series), point)
    return ordered["points"], ordered["total"].to_numpy()


def _in_request_order(
    pages: list[pa.Table], rows: list[npt.NDArray[np.int64]], count: int, point: pa.StructType
) -> pa.RecordBatch:
    known = np.concatenate(rows) if rows else np.empty(0, np.int64)
    if len(pages) == 1 and len(known) == count:
        # One set of options and no unknown series, the usual case: the rows are in order already.
        return one_batch(pages[0])
    schema = pa.schema([("points", pa.large_list(pa.field("item", point, nullable=False))), ("total", pa.int64())])
    nothing = pa.table([pa.array([[]], schema.field("points").type), pa.array([0], pa.int64())], schema=schema)
    together = one_batch(pa.concat_tables([*(page.cast(schema) for page in pages), nothing]))
    source_row = np.full(count, len(known), np.int64)
    source_row[known] = np.arange(len(known))
    return together.take(pa.array(source_row))


def _choice(column: pa.Array, words: tuple[str, ...], key: str) -> npt.NDArray[np.int8]:
    """The position of each word; the first where there is none. Raises 400 for another word."""
    positions = pc.index_in(pc.fill_null(column, words[0]), pa.array(words))
    if positions.null_count:
        wrong = column.filter(pc.is_null(positions))[0].as_py()
        raise bad_request(f"{key} is {wrong!r}; it can be {' or '.join(words)}.")
    return positions.cast(pa.int8()).to_numpy()  # type: ignore[no-any-return]
