"""Points of string, histogram and file series: R."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.schemas import OBJECT_POINT
from neptune_frames.server.errors import bad_request
from neptune_frames.server.limits import check_at_most
from neptune_frames.server.read_ahead import SeriesQuery, first_points, keep_rest, last_steps, read
from neptune_frames.server.search import is_descending
from neptune_frames.server.state import Query, ServerState
from neptune_frames.slices import offsets_of
from neptune_frames.wire import encode_object_series
from neptune_frames.wire.pages import OBJECT_SERIES_PAGE
from neptune_frames.wire.requests import ObjectSeriesRequest, decode_object_series_request

#: What a point costs beside its texts and numbers.
POINT_BYTES = 32

_TOKEN_SEPARATOR = "@"


def query_object_series(state: ServerState, query: Query) -> bytes:
    """R: one entry per requested series, in the order of the request.

    An answer is bounded in bytes. A series that has points left carries ``searchAfter`` with
    ``finished`` false, one that did not fit at all carries none; the client asks again for both.
    ``perSeriesPointsLimit`` bounds a series over all pages, so tokens count what was sent.
    """
    request = decode_object_series_request(query.body, max_bytes=state.limits.body_bytes)
    return encode_object_series(answer(state, request), query.media_type)


def answer(state: ServerState, request: ObjectSeriesRequest) -> pa.RecordBatch:
    series, cap = request.series, request.per_series_points_limit
    count = series.num_rows
    check_at_most(count, state.limits.object_series, "series")
    if cap is not None and cap < 0:
        raise bad_request(f"perSeriesPointsLimit is {cap}; it cannot be negative.")
    sent, after = _read_tokens(series["token"])
    descending = is_descending(request.order, "order", default="ascending")
    question = SeriesQuery(series, request.step_range, descending, after, OBJECT_POINT)
    ahead = max(1, state.limits.object_points_read // max(1, count))
    found = read(state, question, limit=1, ahead=ahead if cap is None else max(1, min(ahead, cap)))
    wanted = found.total if cap is None else np.minimum(found.total, cap)
    points = first_points(found.points, np.clip(wanted - sent, 0, found.lengths))
    points = _fitting(points, state.limits.object_answer_bytes)
    progress = sent + pc.list_value_length(points).to_numpy()
    # Nothing left to read ends a series too, whatever was counted: a client must not ask for ever.
    finished = (progress >= wanted) | (found.lengths == 0)
    keep_rest(state, question, found, points, unfinished=~finished)
    columns = [series["request_id"], *_search_after(points, after, progress, finished), points]
    return pa.RecordBatch.from_arrays(columns, schema=OBJECT_SERIES_PAGE)


def _fitting(points: pa.Array, size_limit: int) -> pa.Array:
    """The points, series by series, that fit into a number of bytes; at least one."""
    total = np.cumsum(_point_bytes(points.flatten()))
    fitting = max(1, int(np.searchsorted(total, size_limit, side="right")))
    if fitting >= len(total):
        return points
    lengths = pc.list_value_length(points).to_numpy()
    before = offsets_of(lengths)[:-1]
    return first_points(points, np.clip(fitting - before, 0, lengths))


def _point_bytes(points: pa.StructArray) -> npt.NDArray[np.int64]:
    """About how many bytes each point takes in an answer."""
    histogram, file = points.field("histogram"), points.field("file")
    variable = [
        pc.binary_length(points.field("string")),
        pc.multiply(pc.list_value_length(pc.struct_field(histogram, "edges")), 8),
        pc.multiply(pc.list_value_length(pc.struct_field(histogram, "values")), 8),
        pc.binary_length(pc.struct_field(file, "path")),
        pc.binary_length(pc.struct_field(file, "mime_type")),
    ]
    sizes = np.full(len(points), POINT_BYTES, np.int64)
    for lengths in variable:
        sizes += pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False)
    return sizes


def _search_after(
    points: pa.Array,
    after: npt.NDArray[np.float64],
    progress: npt.NDArray[np.int64],
    finished: npt.NDArray[np.bool_],
) -> tuple[pa.Array, pa.Array]:
    """``finished`` and ``token`` of each series; both null where the page had no room for a series not begun."""
    last = last_steps(points, after)
    not_begun = ~finished & (progress == 0)
    tokens = pc.binary_join_element_wise(
        pa.array(progress).cast(pa.string()), pa.array(last).cast(pa.string()), _TOKEN_SEPARATOR
    )
    nothing = pa.array(not_begun)
    return pc.if_else(nothing, None, pa.array(finished)), pc.if_else(nothing, None, tokens)


def _read_tokens(tokens: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Points sent before and the last step of them (NaN: none), per series."""
    parts = pc.extract_regex(tokens, rf"^(?P<sent>[0-9]{{1,15}}){_TOKEN_SEPARATOR}(?P<step>[-+.0-9a-z]{{1,30}})$")
    if parts.null_count > tokens.null_count:
        raise bad_request("A searchAfter.token was not issued by this server.")
    sent = pc.fill_null(pc.struct_field(parts, "sent").cast(pa.int64()), 0)
    try:
        steps = pc.fill_null(pc.struct_field(parts, "step").cast(pa.float64()), np.nan)
    except pa.ArrowInvalid:
        raise bad_request("A searchAfter.token was not issued by this server.") from None
    return sent.to_numpy(zero_copy_only=False), steps.to_numpy(zero_copy_only=False)
