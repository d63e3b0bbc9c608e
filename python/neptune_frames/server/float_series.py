"""Points of float series: F for many series page by page, F1 for one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.schemas import POINT_PREVIEW, POINT_TIME, float_point
from neptune_frames.server.errors import bad_request
from neptune_frames.server.limits import check_at_most
from neptune_frames.server.read_ahead import SeriesQuery, first_points, keep_rest, read
from neptune_frames.server.search import is_descending
from neptune_frames.server.state import Query, ServerState
from neptune_frames.wire import encode_float_series
from neptune_frames.wire.media_types import ARROW_STREAM
from neptune_frames.wire.pages import FLOAT_SERIES_PAGE, project_points
from neptune_frames.wire.requests import SERIES_REQUESTS, FloatSeriesRequest, arrow_series, decode_float_series_request

SINGLE_SERIES_LIMIT = 10_000


def query_float_series(state: ServerState, query: Query) -> bytes:
    """F: one entry per requested series, in the order of the request, empty for unknown ones.

    Exactly ``perSeriesPointsLimit`` points come as long as that many remain: a shorter page is the
    last one to a client.
    """
    is_arrow = query.body_type == ARROW_STREAM
    decode = arrow_series.decode_float_series_request if is_arrow else decode_float_series_request
    request = decode(query.body, max_bytes=state.limits.body_bytes)
    return encode_float_series(_needed(answer(state, request), query), query.media_type)


def _needed(page: pa.RecordBatch, query: Query) -> pa.RecordBatch:
    """The page without columns of points that the client does not need."""
    if query.columns is None:
        return page
    previews = {field.name for field in POINT_PREVIEW}
    point = float_point(time=POINT_TIME.name in query.columns, preview=not previews.isdisjoint(query.columns))
    return project_points(page, point)


def one_float_series(state: ServerState, query: Query) -> bytes:
    """F1 and F1-json: one series, named by query parameters."""
    return encode_float_series(answer(state, _single_request(query)), query.media_type)


def answer(state: ServerState, request: FloatSeriesRequest) -> pa.RecordBatch:
    count, limit = request.series.num_rows, request.per_series_points_limit
    _check_limits(count, limit, state.limits.float_points)
    question = SeriesQuery(
        request.series,
        request.step_range,
        is_descending(request.order, "order", default="ascending"),
        pc.fill_null(request.series["after_step"], np.nan).to_numpy(),
        float_point(time=True, preview=True),
    )
    found = read(state, question, limit, _ahead(state, question, limit))
    points = first_points(found.points, np.minimum(found.lengths, limit))
    # A client goes on with a series if and only if its page was full.
    keep_rest(state, question, found, points, unfinished=found.lengths >= limit)
    columns = [request.series["request_id"], pa.array(found.total), points]
    return pa.RecordBatch.from_arrays(columns, schema=FLOAT_SERIES_PAGE)


def _ahead(state: ServerState, query: SeriesQuery, limit: int) -> int:
    """How many points of each series to read for a page of ``limit``.

    More than the page only where another one is to be expected: a first page that asks for little
    is mostly the tail of the series, and the only one.
    """
    count = max(1, len(query.series))
    if query.is_continued or 2 * limit * count > state.limits.float_points:
        return max(limit, state.limits.float_points_read // count)
    return limit


def _check_limits(count: int, limit: int, most_points: int) -> None:
    if not 1 <= limit <= most_points:
        raise bad_request(f"perSeriesPointsLimit is {limit}; it can be 1 to {most_points:,}.")
    check_at_most(count, most_points, "series")
    if count * limit > most_points:
        raise bad_request(
            f"{count:,} series of up to {limit:,} points are more than the {most_points:,} points of one answer; "
            f"ask for at most {most_points // count:,} points each."
        )


def _single_request(query: Query) -> FloatSeriesRequest:
    parameters = query.parameters
    row = {
        "request_id": "0",
        "holder": query.required("experimentId"),
        "attribute": query.required("attribute"),
        "lineage": parameters.get("lineage"),
        "entity_type": parameters.get("lineageEntityType"),
        "include_preview": query.flag("includePreview", default=False),
        "after_step": query.number("skipToStep", float, None),
    }
    series = pa.RecordBatch.from_pylist([row], schema=SERIES_REQUESTS)
    return FloatSeriesRequest(series, query.number("limit", int, SINGLE_SERIES_LIMIT))
