"""What an answer holds once it is decoded: the same pages from JSON, protobuf and Arrow IPC.

``decode_*`` and ``encode_*`` in `neptune_frames.wire` turn bytes into these and back.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from neptune_frames.schemas import OBJECT_POINT, buckets_schema, float_point

#: Who an entry is. Search answers fill all columns, value answers only the first two.
ENTRIES = pa.schema(
    [
        pa.field("experiment_id", pa.string()),
        pa.field("sys_id", pa.string()),
        pa.field("project_id", pa.string()),
        pa.field("organization_id", pa.string()),
        pa.field("project_name", pa.string()),
        pa.field("organization_name", pa.string()),
    ]
)


def nameless_entries(count: int) -> pa.RecordBatch:
    """ENTRIES of which nothing but their number is told."""
    return pa.RecordBatch.from_arrays([pa.nulls(count, field.type) for field in ENTRIES], schema=ENTRIES)


#: Float points by request, as they came: one row per requested series, in the answer's order. The
#: points' struct is ``float_point(time=True, preview=True)`` or, projected, a prefix of its fields.
FLOAT_SERIES_PAGE = pa.schema(
    [
        pa.field("request_id", pa.string(), nullable=False),
        pa.field("total_item_count", pa.int64(), nullable=False),
        pa.field("points", pa.large_list(pa.field("item", float_point(time=True, preview=True), nullable=False))),
    ]
)

#: Object points by request. ``finished``/``token`` are null where the answer has no searchAfter.
OBJECT_SERIES_PAGE = pa.schema(
    [
        pa.field("request_id", pa.string(), nullable=False),
        pa.field("finished", pa.bool_()),
        pa.field("token", pa.string()),
        pa.field("points", pa.large_list(pa.field("item", OBJECT_POINT, nullable=False))),
    ]
)


def bucket_struct(*, statistics: bool = True) -> pa.StructType:
    """One bucket of one series: BUCKETS without its keys."""
    return pa.struct(list(buckets_schema(statistics=statistics))[2:])


def buckets_page_schema(bucket: pa.StructType) -> pa.Schema:
    """Buckets by request, in the answer's order; the list is empty for a series without data."""
    return pa.schema(
        [
            pa.field("request_id", pa.string(), nullable=False),
            pa.field("buckets", pa.list_(pa.field("item", bucket, nullable=False)), nullable=False),
        ]
    )


BUCKET = bucket_struct()

#: Column of BUCKET -> field of the message ``TimeseriesBucket``, and key in JSON; two names: one of the submessage.
BUCKET_FIELDS: dict[str, tuple[str, ...]] = {
    "index": ("index",),
    "from_x": ("fromX",),
    "to_x": ("toX",),
    "first_x": ("first", "x"),
    "first_y": ("first", "y"),
    "last_x": ("last", "x"),
    "last_y": ("last", "y"),
    "local_min": ("localMin",),
    "local_max": ("localMax",),
    "local_sum": ("localSum",),
    "finite_point_count": ("finitePointCount",),
    "nan_count": ("nanCount",),
    "positive_inf_count": ("positiveInfCount",),
    "negative_inf_count": ("negativeInfCount",),
}

BUCKETS_PAGE = buckets_page_schema(BUCKET)


def float_series_schema(point: pa.StructType) -> pa.Schema:
    """FLOAT_SERIES_PAGE with other points."""
    points = pa.large_list(pa.field("item", point, nullable=False))
    index = FLOAT_SERIES_PAGE.get_field_index("points")
    return FLOAT_SERIES_PAGE.set(index, FLOAT_SERIES_PAGE.field(index).with_type(points))


def project_points(page: pa.RecordBatch, point: pa.StructType) -> pa.RecordBatch:
    """A FLOAT_SERIES_PAGE whose points have only the columns of ``point``, without a copy.

    Raises:
        KeyError: There is no such column; it names the missing ones.
    """
    lists = page.column("points")
    points = lists.values
    if points.type == point:
        return page
    missing = [field.name for field in point if points.type.get_field_index(field.name) < 0]
    if missing:
        raise KeyError(*missing)
    schema = float_series_schema(point)
    return pa.RecordBatch.from_arrays(
        [*page.columns[:2], _projected(lists, point, schema.field("points").type)], schema=schema
    )


def project_buckets(page: pa.RecordBatch, bucket: pa.StructType) -> pa.RecordBatch:
    """A BUCKETS_PAGE whose buckets have only the columns of ``bucket``, without a copy."""
    lists = page.column("buckets")
    if lists.values.type == bucket:
        return page
    schema = buckets_page_schema(bucket)
    relisted = _projected(lists, bucket, schema.field("buckets").type)
    return pa.RecordBatch.from_arrays([page.column("request_id"), relisted], schema=schema)


def _projected(
    lists: pa.ListArray | pa.LargeListArray, item: pa.StructType, list_type: pa.DataType
) -> pa.ListArray | pa.LargeListArray:
    """The same lists with only the members of ``item``."""
    items = lists.values
    projected = pa.StructArray.from_arrays([items.field(field.name) for field in item], fields=list(item))
    # from_buffers keeps the offsets as they are, nulls included.
    return pa.Array.from_buffers(
        list_type, len(lists), lists.buffers()[:2], lists.null_count, lists.offset, [projected]
    )


@dataclass(frozen=True)
class AttributesPage:
    """Entries with typed values: a search answer, a values answer, or the attributes of one run.

    ``values`` maps a client type to a batch in ``values_schema(type)``; ``run`` is a row of ``entries``.
    ``unknown_types`` names wire types that were skipped.
    """

    entries: pa.RecordBatch
    values: dict[str, pa.RecordBatch] = field(default_factory=dict)
    total: int | None = None
    next_page_token: str | None = None
    unknown_types: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DefinitionsPage:
    """Attribute definitions (ATTRIBUTES) and the token of the next page, if there is one."""

    definitions: pa.RecordBatch
    next_page_token: str | None = None
    unknown_types: frozenset[str] = frozenset()
