"""Points and buckets of series in JSON (endpoints F, R, B).

The multi-series endpoints have no JSON answer of their own in the server's description; these are the
single-series twins by request id, and for buckets the protobuf message with camelCase keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.schemas import FILE, HISTOGRAM, OBJECT_POINT, POINT_TIME, float_point
from neptune_frames.slices import offsets_of
from neptune_frames.wire.json.decoding import decode_object
from neptune_frames.wire.json.encoding import constant, encode_object, single_list
from neptune_frames.wire.pages import (
    BUCKET,
    BUCKET_FIELDS,
    BUCKETS_PAGE,
    OBJECT_SERIES_PAGE,
    bucket_struct,
    float_series_schema,
    project_buckets,
)
from neptune_frames.wire.renaming import renamed


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


def _list_of(item: pa.DataType) -> pa.DataType:
    return pa.large_list(_required("item", item))


FILE_JSON = pa.struct(
    [pa.field("path", pa.string()), pa.field("sizeBytes", pa.int64()), pa.field("mimeType", pa.string())]
)
HISTOGRAM_JSON = pa.struct(
    [
        pa.field("type", pa.string()),
        pa.field("edges", pa.large_list(pa.float64())),
        pa.field("values", pa.large_list(pa.float64())),
    ]
)

#: JSON key -> type of the members of a float point, in the order of ``float_point(time=True, preview=True)``.
_FLOAT_POINT = {
    "step": _required("step", pa.float64()),
    "value": _required("value", pa.float64()),
    "timestamp": pa.field("timestampMillis", pa.int64()),
    "is_preview": pa.field("isPreview", pa.bool_()),
    "preview_completion": pa.field("completionRatio", pa.float32()),
}

_OBJECT_POINT = pa.struct(
    [
        _required("step", pa.float64()),
        pa.field("timestampMillis", pa.int64()),
        pa.field("isPreview", pa.bool_()),
        pa.field(
            "object",
            pa.struct(
                [
                    pa.field("stringValue", pa.string()),
                    pa.field("histogram", HISTOGRAM_JSON),
                    pa.field("fileRef", FILE_JSON),
                ]
            ),
        ),
    ]
)
_OBJECT_SERIES = pa.struct(
    [
        _required("requestId", pa.string()),
        pa.field("searchAfter", pa.struct([pa.field("finished", pa.bool_()), pa.field("token", pa.string())])),
        pa.field("series", pa.struct([pa.field("values", _list_of(_OBJECT_POINT))])),
    ]
)

_FINITE_POINT = pa.struct([pa.field("x", pa.float64()), pa.field("y", pa.float64())])

_BUCKET = pa.struct(
    {
        keys[0]: _FINITE_POINT if len(keys) > 1 else BUCKET.field(column).type for column, keys in BUCKET_FIELDS.items()
    }.items()
)


def _float_answer(columns: Sequence[str]) -> pa.StructType:
    # The flag is always read, as are all booleans of the messages: see `decoding`.
    members = {column: _FLOAT_POINT[column] for column in (*columns, "is_preview")}
    values = pa.field("values", _list_of(pa.struct(list(members.values()))))
    series = pa.struct([pa.field("totalItemCount", pa.int64()), values])
    return pa.struct(
        [pa.field("series", _list_of(pa.struct([_required("requestId", pa.string()), ("series", series)])))]
    )


_OBJECT_ANSWER = pa.struct([pa.field("series", _list_of(_OBJECT_SERIES))])
_BUCKETS_ANSWER = pa.struct(
    [
        pa.field(
            "entries",
            _list_of(pa.struct([_required("requestId", pa.string()), pa.field("bucket", _list_of(_BUCKET))])),
        )
    ]
)


def decode_float_series(body: bytes, *, time: bool = False, preview: bool = False) -> pa.RecordBatch:
    point = float_point(time=time, preview=preview)
    columns = [field.name for field in point]
    series = decode_object(body, _float_answer(columns)).field("series").flatten()
    values = pc.struct_field(series, ["series", "values"])
    flat = values.flatten()
    points = _structs(point, {column: flat.field(_FLOAT_POINT[column].name) for column in columns})
    totals = pc.fill_null(pc.struct_field(series, ["series", "totalItemCount"]), 0)
    return pa.RecordBatch.from_arrays(
        [series.field("requestId"), totals, relisted(values, points)], schema=float_series_schema(point)
    )


def encode_float_series(batch: pa.RecordBatch) -> bytes:
    lists = batch.column("points")
    points = lists.flatten()
    members = {
        field.name: points.field(column).cast(field.type)
        for column, field in _FLOAT_POINT.items()
        if points.type.get_field_index(column) >= 0
    }
    values = relisted(lists, _members(members))
    series = _members({"totalItemCount": batch.column("total_item_count"), "values": values})
    return encode_object({"series": single_list(_members({"requestId": batch.column("request_id"), "series": series}))})


def decode_object_series(body: bytes) -> pa.RecordBatch:
    series = decode_object(body, _OBJECT_ANSWER).field("series").flatten()
    values = pc.struct_field(series, ["series", "values"])
    flat = values.flatten()
    points = _structs(
        OBJECT_POINT,
        {
            "step": flat.field("step"),
            "timestamp": flat.field("timestampMillis"),
            "string": pc.struct_field(flat, ["object", "stringValue"]),
            "histogram": renamed(pc.struct_field(flat, ["object", "histogram"]), HISTOGRAM),
            "file": renamed(pc.struct_field(flat, ["object", "fileRef"]), FILE),
        },
    )
    progress = series.field("searchAfter")
    # A search position without `finished` is one that is not finished: protobuf leaves out false.
    finished = pc.if_else(progress.is_valid(), pc.fill_null(progress.field("finished"), False), None)
    return pa.RecordBatch.from_arrays(
        [series.field("requestId"), finished, pc.struct_field(progress, ["token"]), relisted(values, points)],
        schema=OBJECT_SERIES_PAGE,
    )


def encode_object_series(batch: pa.RecordBatch) -> bytes:
    lists = batch.column("points")
    points = lists.flatten()
    objects = _members(
        {
            "stringValue": points.field("string"),
            "histogram": renamed(points.field("histogram"), HISTOGRAM_JSON),
            "fileRef": renamed(points.field("file"), FILE_JSON),
        }
    )
    values = _members(
        {
            "step": points.field("step"),
            "timestampMillis": points.field("timestamp").cast(pa.int64()),
            # Only float series have previews, but the keys are required.
            "isPreview": constant(pa.scalar(False), len(points)),
            "completionRatio": constant(pa.scalar(1.0), len(points)),
            "object": objects,
        }
    )
    finished, token = batch.column("finished"), batch.column("token")
    progress = _members({"finished": finished, "token": token}, present=pc.or_(finished.is_valid(), token.is_valid()))
    series = _members({"values": relisted(lists, values)})
    entries = _members({"requestId": batch.column("request_id"), "searchAfter": progress, "series": series})
    return encode_object({"series": single_list(entries)})


def decode_buckets(body: bytes, *, statistics: bool = True) -> pa.RecordBatch:
    entries = decode_object(body, _BUCKETS_ANSWER).field("entries").flatten()
    lists = entries.field("bucket")
    flat = lists.flatten()
    columns = {column: _bucket_column(flat, column, keys) for column, keys in BUCKET_FIELDS.items()}
    buckets = relisted(lists, _structs(BUCKET, columns), BUCKETS_PAGE.field("buckets").type)
    page = pa.RecordBatch.from_arrays([entries.field("requestId"), buckets], schema=BUCKETS_PAGE)
    return project_buckets(page, bucket_struct(statistics=statistics))


def _bucket_column(buckets: pa.StructArray, column: str, keys: tuple[str, ...]) -> pa.Array:
    """One column; in protobuf's JSON an absent number is zero, unless its presence is tracked."""
    values = pc.struct_field(buckets, list(keys))
    if not BUCKET.field(column).nullable:
        return pc.fill_null(values, 0)
    if len(keys) == 1:
        return values
    return pc.if_else(buckets.field(keys[0]).is_valid(), pc.fill_null(values, 0.0), None)


def encode_buckets(batch: pa.RecordBatch) -> bytes:
    lists = batch.column("buckets")
    flat = lists.flatten()
    members: dict[str, pa.Array] = {}
    for column, keys in BUCKET_FIELDS.items():
        if len(keys) == 1:
            members[keys[0]] = flat.field(column)
        elif keys[0] not in members:
            x, y = flat.field(f"{keys[0]}_x"), flat.field(f"{keys[0]}_y")
            members[keys[0]] = _members({"x": x, "y": y}, present=x.is_valid())
    entries = _members({"requestId": batch.column("request_id"), "bucket": relisted(lists, _members(members))})
    return encode_object({"entries": single_list(entries)})


def relisted(lists: pa.Array, values: pa.Array, kind: pa.DataType | None = None) -> pa.Array:
    """Lists of the same lengths over other values; a null list is an empty one."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    offsets = offsets_of(lengths)
    if kind is not None and pa.types.is_list(kind):
        return pa.ListArray.from_arrays(pa.array(offsets).cast(pa.int32()), values, type=kind)
    return pa.LargeListArray.from_arrays(pa.array(offsets), values, type=kind or _list_of(values.type))


def _members(arrays: Mapping[str, pa.Array], present: pa.Array | None = None) -> pa.StructArray:
    mask = None if present is None else pc.invert(present)
    return pa.StructArray.from_arrays(list(arrays.values()), names=list(arrays), mask=mask)


def _structs(wanted: pa.StructType, arrays: Mapping[str, pa.Array]) -> pa.StructArray:
    members = [_filled(arrays[field.name], field).cast(field.type) for field in wanted]
    return pa.StructArray.from_arrays(members, fields=list(wanted))


def _filled(values: pa.Array, field: pa.Field) -> pa.Array:
    """Absent flags and ratios are false and zero, as in protobuf."""
    if field.nullable or values.null_count == 0 or field.name == POINT_TIME.name:
        return values
    return pc.fill_null(values, False if pa.types.is_boolean(values.type) else 0)
