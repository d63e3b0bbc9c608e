"""Float series answers (`ProtoFloatSeriesValuesResponseDTO`) <-> FLOAT_SERIES_PAGE."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from neptune_frames.schemas import float_point
from neptune_frames.wire.buffer import Body, Positions
from neptune_frames.wire.pages import float_series_schema
from neptune_frames.wire.protobuf import messages
from neptune_frames.wire.protobuf.drafts import Draft
from neptune_frames.wire.protobuf.pages import body_of, expanded_offsets, list_column, list_parts
from neptune_frames.wire.protobuf.records import Records
from neptune_frames.wire.protobuf.tables import Tables

_POINTS = "series.series.values"

#: Column of a point -> field of ``ProtoFloatPointValueDTO``.
_POINT_FIELDS = {
    "step": "step",
    "value": "value",
    "timestamp": "timestamp_millis",
    "is_preview": "is_preview",
    "preview_completion": "completion_ratio",
}


def decode_float_series(body: Body, *, time: bool = False, preview: bool = False) -> pa.RecordBatch:
    """Decode one answer into FLOAT_SERIES_PAGE: points in the order they came in, series in any order.

    ``time`` and ``preview`` choose the columns of the points, as in `neptune_frames.schemas.float_point`;
    columns that are not asked for are not decoded.
    """
    point = float_point(time=time, preview=preview)
    message = messages.FLOAT_SERIES_RESPONSE.select(
        "series.requestId",
        "series.series.total_item_count",
        *(f"{_POINTS}.{_POINT_FIELDS[field.name]}" for field in point),
    )
    tables, others = Records.of_body(body, message).tables("series")
    if not len(tables.rows):
        return _page_of_records(others, point)
    page = _page_of_tables(tables, point)
    if not others.count:
        return page
    pages = pa.Table.from_batches([page, _page_of_records(others, point)])
    return pages.combine_chunks().to_batches()[0]


def _page_of_tables(answers: Tables, point: pa.StructType) -> pa.RecordBatch:
    offsets = np.concatenate([[0], np.cumsum(answers.counts)])
    columns = {name: pa.array(column) for name, column in answers.items.items()}
    return _page(answers.texts("requestId"), answers.numbers("series.total_item_count"), offsets, columns, point)


def _page_of_records(answers: Records, point: pa.StructType) -> pa.RecordBatch:
    rows, series = answers.child("series")
    totals = np.zeros(answers.count, np.int64)
    totals[rows] = series.numbers("total_item_count")
    offsets, points = series.item_structs("values")
    columns = {field.name: points.field(field.name) for field in points.type}
    return _page(answers.array("requestId"), totals, expanded_offsets(offsets, rows, answers.count), columns, point)


def _page(
    request_ids: pa.Array, totals: Positions, offsets: Positions, columns: dict[str, pa.Array], point: pa.StructType
) -> pa.RecordBatch:
    schema = float_series_schema(point)
    members = [columns[_POINT_FIELDS[field.name]].cast(field.type) for field in point]
    items = pa.StructArray.from_arrays(members, fields=list(point))
    lists = list_column(schema.field("points").type, offsets, items)
    return pa.RecordBatch.from_arrays([request_ids, pa.array(totals), lists], schema=schema)


def encode_float_series(page: pa.RecordBatch) -> bytes:
    """Encode a FLOAT_SERIES_PAGE (points with any of the optional columns) as one answer.

    Columns that the points lack stay absent from the bytes and read as zero.
    """
    points = page.column("points")
    offsets, items = list_parts(points)
    point_draft = Draft(messages.FLOAT_POINT, len(items))
    for member in items.type:
        column = items.field(member.name)
        point_draft.set(_POINT_FIELDS[member.name], column.cast(pa.int64()) if member.name == "timestamp" else column)
    series = Draft(messages.FLOAT_SERIES_VALUES, page.num_rows)
    series.set("total_item_count", page.column("total_item_count"))
    series.set_items("values", offsets, point_draft)
    answers = Draft(messages.FLOAT_SERIES_ANSWER, page.num_rows)
    answers.set("requestId", page.column("request_id"))
    answers.set_child("series", np.arange(page.num_rows), series)
    return body_of(messages.FLOAT_SERIES_RESPONSE, "series", answers)
