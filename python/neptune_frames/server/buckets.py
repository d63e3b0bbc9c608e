"""Series summed up in buckets: B."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.query.selection import ContainerKind, SeriesOptions
from neptune_frames.server.errors import bad_request
from neptune_frames.server.limits import check_at_most
from neptune_frames.server.runs import find_holders
from neptune_frames.server.state import Query, ServerState, one_batch
from neptune_frames.slices import offsets_of, ranges
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.wire import encode_buckets
from neptune_frames.wire.lineage import EXPERIMENT, FULL
from neptune_frames.wire.media_types import STATISTICS
from neptune_frames.wire.pages import BUCKET, BUCKETS_PAGE, bucket_struct, project_buckets
from neptune_frames.wire.protobuf import BucketsRequest, decode_buckets_request

#: A formula that names one attribute: ``${name}``, with a backslash before each of ``\ $ { }`` in the name.
_ATTRIBUTE_FORMULA = r"^\$\{(?P<name>(?:[^\\${}]|\\[\\${}])*)\}$"


def query_buckets(state: ServerState, query: Query) -> bytes:
    """B: one entry per expression, in the order of the request, without buckets for unknown series."""
    request = decode_buckets_request(query.body)
    _check(state, request)
    page = project_buckets(_answer(state, request), bucket_struct(statistics=STATISTICS not in query.unneeded))
    return encode_buckets(page, query.media_type)


def _check(state: ServerState, request: BucketsRequest) -> None:
    check_at_most(len(request.request_ids), state.limits.bucket_expressions, "expressions")
    if not 1 <= request.max_buckets <= state.limits.buckets:
        raise bad_request(f"view.maxBuckets is {request.max_buckets}; it can be 1 to {state.limits.buckets:,}.")
    if (request.from_x is None) != (request.to_x is None):
        raise bad_request("view.from and view.to belong together; give both or neither.")
    if request.from_x is not None and request.to_x is not None:
        view = f"view.from is {request.from_x} and view.to is {request.to_x}"
        if not math.isfinite(request.to_x - request.from_x):
            raise bad_request(f"{view}; they and their difference must be finite.")
        if request.from_x > request.to_x:
            raise bad_request(f"{view}; from cannot be the larger.")
    if len(pc.unique(request.request_ids)) != len(request.request_ids):
        raise bad_request("Two expressions have the same requestId; each needs its own.")


def _answer(state: ServerState, request: BucketsRequest) -> pa.RecordBatch:
    count = len(request.request_ids)
    lookup = find_holders(state, request.run_ids)
    attributes = attribute_names(request.formulas).dictionary_encode()
    known = np.flatnonzero(lookup.positions >= 0)
    runs, names = lookup.positions[known].astype(np.int32), attributes.indices.to_numpy()[known].astype(np.int32)

    # A series may be named twice; the source is asked once, and its buckets go to both.
    series_of_known = runs.astype(np.int64) * max(1, len(attributes.dictionary)) + names
    _, first = np.unique(series_of_known, return_index=True)
    view = None if request.from_x is None or request.to_x is None else (request.from_x, request.to_x)
    buckets = state.source.view_buckets(
        SeriesKeys(lookup.runs, attributes.dictionary, (runs[first], names[first])),
        SeriesOptions(
            kind=ContainerKind.EXPERIMENT if request.entity_type == EXPERIMENT else ContainerKind.RUN,
            lineage=request.lineage == FULL,
            include_previews=request.include_preview,
        ),
        request.max_buckets,
        view,
    ).sort_by([("run", "ascending"), ("attribute", "ascending"), ("index", "ascending")])

    of_bucket = buckets["run"].to_numpy().astype(np.int64) * max(1, len(attributes.dictionary))
    of_bucket += buckets["attribute"].to_numpy()
    starts, ends = np.zeros(count, np.int64), np.zeros(count, np.int64)
    starts[known] = np.searchsorted(of_bucket, series_of_known, side="left")
    ends[known] = np.searchsorted(of_bucket, series_of_known, side="right")
    return _page(request.request_ids, one_batch(buckets), starts, ends - starts)


def attribute_names(formulas: pa.Array) -> pa.Array:
    r"""The attribute each formula names; raises 400 for a formula that does more.

    >>> attribute_names(pa.array([r"${a/b}", r"${a\{b\}}"])).to_pylist()
    ['a/b', 'a{b}']
    """
    parts = pc.extract_regex(formulas, _ATTRIBUTE_FORMULA)
    if parts.null_count:
        formula = formulas.filter(pc.is_null(parts))[0].as_py()
        raise bad_request(f"The formula {formula!r} is not supported; it can name one attribute: ${{name}}.")
    return pc.replace_substring_regex(pc.struct_field(parts, "name"), r"\\(.)", r"\1")


def _page(request_ids: pa.Array, buckets: pa.RecordBatch, starts: np.ndarray, counts: np.ndarray) -> pa.RecordBatch:
    """Buckets gathered into one list per request."""
    gathered = buckets.take(pa.array(ranges(starts, counts)))
    items = pa.StructArray.from_arrays([gathered[field.name] for field in BUCKET], fields=list(BUCKET))
    offsets = pa.array(offsets_of(counts), pa.int32())
    column = pa.ListArray.from_arrays(offsets, items, type=BUCKETS_PAGE.field("buckets").type)
    return pa.RecordBatch.from_arrays([request_ids, column], schema=BUCKETS_PAGE)
