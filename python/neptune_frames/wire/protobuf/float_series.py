"""Float series answers (`ProtoFloatSeriesValuesResponseDTO`) <-> FLOAT_SERIES_PAGE."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from neptune_frames.schemas import float_point
from neptune_frames.wire.pages import FLOAT_SERIES_PAGE
from neptune_frames.wire.protobuf import messages
from neptune_frames.wire.protobuf.buffer import Body
from neptune_frames.wire.protobuf.drafts import Draft
from neptune_frames.wire.protobuf.pages import body_of, expanded_offsets, list_column, list_parts
from neptune_frames.wire.protobuf.records import Records

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
    """Decode one answer into FLOAT_SERIES_PAGE, points in the order they came in.

    ``time`` and ``preview`` choose the columns of the points, as in `neptune_frames.schemas.float_point`;
    columns that are not asked for are not decoded.
    """
    point = float_point(time=time, preview=preview)
    message = messages.FLOAT_SERIES_RESPONSE.select(
        "series.requestId",
        "series.series.total_item_count",
        *(f"{_POINTS}.{_POINT_FIELDS[field.name]}" for field in point),
    )
    _, answers = Records.of_body(body, message).items("series")
    rows, series = answers.child("series")
    totals = np.zeros(answers.count, np.int64)
    totals[rows] = series.numbers("total_item_count")
    offsets, points = series.item_structs("values")
    columns = [points.field(_POINT_FIELDS[field.name]).cast(field.type) for field in point]
    items = pa.StructArray.from_arrays(columns, fields=list(point))
    schema = FLOAT_SERIES_PAGE.set(2, pa.field("points", pa.large_list(pa.field("item", point, nullable=False))))
    return pa.RecordBatch.from_arrays(
        [
            answers.array("requestId"),
            pa.array(totals),
            list_column(schema.field("points").type, expanded_offsets(offsets, rows, answers.count), items),
        ],
        schema=schema,
    )


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
