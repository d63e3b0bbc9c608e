"""Buckets of float series over a common range (endpoint B, http-api 13)."""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import MismatchedAnswerError
from neptune_frames.query.selection import SeriesOptions, StepRange
from neptune_frames.schemas import BUCKETS, buckets_schema
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.sources.remote.concurrency import fetch_ordered, large_answers_ahead
from neptune_frames.sources.remote.responses import answer_to
from neptune_frames.sources.remote.series_requests import SeriesBatch, entity_type, padded_numbers, series_batches
from neptune_frames.sources.remote.session import Session
from neptune_frames.sources.remote.splitting import even_parts
from neptune_frames.wire import decode_buckets, paths
from neptune_frames.wire.lineage import FULL, OWN_BUCKETS
from neptune_frames.wire.media_types import PROTOBUF, STATISTICS, UNNEEDED_HEADER
from neptune_frames.wire.protobuf import BucketsRequest, encode_buckets_request

SERIES_PER_REQUEST = 1000

#: Request ids look like UUIDs that count up.
_ID_PREFIX = "00000000-0000-0000-0000-"
_ID_DIGITS = 12

#: Characters that a formula uses itself.
_RESERVED = r"([\\${}])"


def fetch_buckets(
    session: Session, keys: SeriesKeys, options: SeriesOptions, limit: int, *, statistics: bool = True
) -> pa.Table:
    """BUCKETS of all series. Beyond one request, a first pass finds the range that all requests share."""
    schema = buckets_schema(statistics=statistics)
    if len(keys) == 0:
        return schema.empty_table()
    batches = list(series_batches(keys, even_parts(len(keys), SERIES_PER_REQUEST)))
    # Bucket 0 is what lies up to the first x; the finite buckets come on top of it.
    count = limit + 1
    common: StepRange = (None, None)
    if len(batches) > 1:
        found = _common_range(_fetch(session, batches, options, 2, common, buckets_schema(statistics=False)))
        if found is None:
            return schema.empty_table()
        common = found
    return _fetch(session, batches, options, count, common, schema)


def _fetch(
    session: Session,
    batches: list[SeriesBatch],
    options: SeriesOptions,
    count: int,
    range_: StepRange,
    schema: pa.Schema,
) -> pa.Table:
    tasks = (partial(_request, session, batch, options, count, range_, schema) for batch in batches)
    return pa.Table.from_batches(fetch_ordered(tasks, large_answers_ahead()), schema=schema)


def _common_range(buckets: pa.Table) -> StepRange | None:
    """Smallest and largest finite x of all series, None where there is none."""
    edges = [buckets[name].to_numpy() for name in ("from_x", "to_x", "first_x", "last_x")]
    every = np.concatenate(edges).astype(np.float64)
    finite = every[np.isfinite(every)]
    return (float(finite.min()), float(finite.max())) if len(finite) else None


def _request(
    session: Session,
    batch: SeriesBatch,
    options: SeriesOptions,
    count: int,
    range_: StepRange,
    schema: pa.Schema,
) -> pa.RecordBatch:
    numbers = padded_numbers(len(batch), _ID_DIGITS)
    asked = SeriesBatch(
        batch.runs,
        batch.attributes,
        pc.binary_join_element_wise(_ID_PREFIX, numbers, ""),
        batch.holders.cast(pa.string()),
        batch.names.cast(pa.string()),
        batch.projects,
    )
    request = BucketsRequest(
        request_ids=asked.request_ids,
        run_ids=asked.holders,
        formulas=_formulas(asked.names),
        include_preview=options.include_previews,
        lineage=FULL if options.lineage else OWN_BUCKETS,
        entity_type=entity_type(options),
        max_buckets=count,
        from_x=range_[0],
        to_x=range_[1],
    )
    content = encode_buckets_request(request)
    statistics = schema.equals(BUCKETS)
    page = session.call(
        "POST",
        paths.BUCKETS,
        partial(decode_buckets, statistics=statistics),
        content=content,
        content_type=PROTOBUF,
        headers={} if statistics else {UNNEEDED_HEADER: STATISTICS},
        project=batch.projects,
    )
    with answer_to(paths.BUCKETS, batch.projects):
        return _with_keys(page, asked, schema)


def _formulas(names: pa.Array) -> pa.Array:
    """``${name}``, with a backslash before the characters that formulas use themselves."""
    escaped = pc.replace_substring_regex(names, pattern=_RESERVED, replacement=r"\\\1")
    return pc.binary_join_element_wise("${", escaped, "}", "")


def _with_keys(page: pa.RecordBatch, asked: SeriesBatch, schema: pa.Schema) -> pa.RecordBatch:
    rows = asked.rows_of(page.column("request_id"))
    if len(rows) != len(asked):
        raise MismatchedAnswerError(f"it answers {len(rows)} of the {len(asked)} series asked for")
    lists = page.column("buckets")
    owners = rows[pc.list_parent_indices(lists).to_numpy()]
    buckets = lists.flatten()
    columns = [
        pa.array(asked.runs[owners]),
        pa.array(asked.attributes[owners]),
        *(buckets.field(name) for name in schema.names[2:]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
