"""Buckets of series: requests (`ProtoGetTimeseriesBucketsRequest`) and answers (`ProtoTimeseriesBucketsDTO`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from neptune_frames.errors import WireDecodingError
from neptune_frames.wire.buffer import Body
from neptune_frames.wire.lineage import BUCKETS_ENTITY_TYPES, BUCKETS_LINEAGES, FULL, RUN
from neptune_frames.wire.pages import BUCKET_FIELDS, bucket_struct, buckets_page_schema
from neptune_frames.wire.protobuf import messages
from neptune_frames.wire.protobuf.drafts import Draft
from neptune_frames.wire.protobuf.pages import body_of, list_column, list_parts
from neptune_frames.wire.protobuf.records import Records
from neptune_frames.wire.protobuf.structs import expand


@dataclass(frozen=True)
class BucketsRequest:
    """What buckets are asked for: one series per expression (columns of equal length), and one view.

    ``lineage`` is one of BUCKETS_LINEAGES, ``entity_type`` of BUCKETS_ENTITY_TYPES; they and ``include_preview``
    hold for all expressions. ``from_x``/``to_x`` None is the range of all points of the request. The
    x axis is the step; both scales are linear.
    """

    request_ids: pa.StringArray
    run_ids: pa.StringArray
    formulas: pa.StringArray
    include_preview: bool = False
    lineage: str = FULL
    entity_type: str = RUN
    max_buckets: int = 1000
    from_x: float | None = None
    to_x: float | None = None


def encode_buckets_request(request: BucketsRequest) -> bytes:
    """Encode a request.

    Raises ValueError for an unknown lineage or entity type.
    """
    count = len(request.request_ids)
    expressions = Draft(messages.EXPRESSION, count)
    expressions.set("requestId", request.request_ids)
    expressions.set("runId", request.run_ids)
    expressions.set("customYFormula", request.formulas)
    expressions.set("includePreview", np.full(count, request.include_preview))
    expressions.set("lineage", np.full(count, BUCKETS_LINEAGES.index(request.lineage), np.int32))
    expressions.set("entityType", np.full(count, BUCKETS_ENTITY_TYPES.index(request.entity_type), np.int32))
    view = Draft(messages.VIEW, 1)
    view.set("from", pa.array([request.from_x], pa.float64()))
    view.set("to", pa.array([request.to_x], pa.float64()))
    view.set("maxBuckets", np.array([request.max_buckets], np.int32))
    view.set("xAxis", pa.array([{"steps": {}}], pa.struct([pa.field("steps", pa.struct([]))])))
    draft = Draft(messages.BUCKETS_REQUEST, 1)
    draft.set_items("expressions", np.array([0, count]), expressions)
    draft.set_child("view", np.array([0]), view)
    return draft.to_bytes()


def decode_buckets_request(body: Body) -> BucketsRequest:
    """Decode a request.

    Raises `WireDecodingError` also for what our requests cannot say: another x axis than the step, a
    logarithmic scale, a step filter, or expressions that disagree on preview, lineage or entity type.
    """
    request = Records.of_body(body, messages.BUCKETS_REQUEST)
    _, expressions = request.items("expressions")
    view = request.array("view")[0].as_py() or {}
    _check_view(view)
    lineage, entity_type = (_common(expressions.numbers(name), name) for name in ("lineage", "entityType"))
    return BucketsRequest(
        expressions.array("requestId"),
        expressions.array("runId"),
        expressions.array("customYFormula"),
        bool(_common(expressions.numbers("includePreview"), "includePreview")),
        _enum(BUCKETS_LINEAGES, lineage, "lineage"),
        _enum(BUCKETS_ENTITY_TYPES, entity_type, "entityType"),
        int(view.get("maxBuckets", 0)),
        view.get("from"),
        view.get("to"),
    )


def _check_view(view: dict[str, object]) -> None:
    axis = view.get("xAxis") or {}
    assert isinstance(axis, dict)
    other_axes = [name for name, value in axis.items() if value is not None and name != "steps"]
    if other_axes:
        raise WireDecodingError(f"the x axis {other_axes[0]!r} is not supported; it can be 'steps'")
    if view.get("xScale") or view.get("yScale"):
        raise WireDecodingError("a scale that is not linear is not supported")
    filters = view.get("pointFilters") or {}
    assert isinstance(filters, dict)
    if filters.get("stepRange") is not None:
        raise WireDecodingError("view.pointFilters.stepRange is not supported; give view.from and view.to")


def _common(values: npt.NDArray[np.generic], name: str) -> int:
    """The value all expressions share; 0 if there is none."""
    if len(values) and bool((values != values[0]).any()):
        raise WireDecodingError(f"the expressions of one request differ in {name!r}, which is not supported")
    return int(values.item(0)) if len(values) else 0


def _enum(names: tuple[str, ...], number: int, field: str) -> str:
    if not 0 <= number < len(names):
        raise WireDecodingError(f"{field!r} is {number}; known are 0 to {len(names) - 1} ({', '.join(names)})")
    return names[number]


def decode_buckets(body: Body, *, statistics: bool = True) -> pa.RecordBatch:
    """Decode an answer into BUCKETS_PAGE, buckets in the order they came in, with or without their statistics."""
    bucket = bucket_struct(statistics=statistics)
    message = messages.BUCKETS_RESPONSE.select(
        "entries.requestId", *(".".join(("entries.bucket", *BUCKET_FIELDS[column.name])) for column in bucket)
    )
    _, entries = Records.of_body(body, message).items("entries")
    offsets, items = entries.item_structs("bucket", bucket, partial(_decode_items, bucket))
    schema = buckets_page_schema(bucket)
    return pa.RecordBatch.from_arrays(
        [entries.array("requestId"), list_column(schema.field("buckets").type, offsets, items)], schema=schema
    )


def _decode_items(bucket: pa.StructType, buckets: Records) -> pa.StructArray:
    everyone = np.arange(buckets.count)
    points = {name: buckets.child(name) for name in ("first", "last")}
    columns = []
    for column in bucket:
        first, *rest = BUCKET_FIELDS[column.name]
        if rest:
            rows, point = points[first]
            columns.append(expand(point.array(rest[0]), rows, everyone))
        else:
            columns.append(buckets.array(first))
    return pa.StructArray.from_arrays(columns, fields=list(bucket))


def encode_buckets(page: pa.RecordBatch) -> bytes:
    """Encode a BUCKETS_PAGE; ``first`` and ``last`` are there where both of their coordinates are."""
    offsets, items = list_parts(page.column("buckets"))
    buckets = Draft(messages.BUCKET, len(items))
    points: dict[str, dict[str, pa.Array]] = {}
    for column, (first, *rest) in BUCKET_FIELDS.items():
        if rest:
            points.setdefault(first, {})[rest[0]] = items.field(column)
        else:
            buckets.set(first, items.field(column))
    for name, coordinates in points.items():
        x, y = coordinates["x"], coordinates["y"]
        rows = np.flatnonzero(np.logical_and(*(c.is_valid().to_numpy(zero_copy_only=False) for c in (x, y))))
        point = Draft(messages.FINITE_POINT, len(rows))
        point.set("x", x.take(pa.array(rows)))
        point.set("y", y.take(pa.array(rows)))
        buckets.set_child(name, rows, point)
    entries = Draft(messages.SERIES_BUCKETS, page.num_rows)
    entries.set("requestId", page.column("request_id"))
    entries.set_items("bucket", offsets, buckets)
    return body_of(messages.BUCKETS_RESPONSE, "entries", entries)
