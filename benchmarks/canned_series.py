"""Points and buckets of the canned projects."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.calls import Shape
from neptune_frames.schemas import OBJECT_POINT, TIMESTAMP, float_point
from neptune_frames.wire import encode_buckets, encode_float_series, encode_object_series
from neptune_frames.wire.media_types import ARROW_STREAM
from neptune_frames.wire.pages import (
    BUCKET,
    BUCKETS_PAGE,
    FLOAT_SERIES_PAGE,
    OBJECT_SERIES_PAGE,
    bucket_struct,
    project_buckets,
    project_points,
)
from neptune_frames.wire.protobuf import decode_buckets_request

_EPOCH_MS = 1_700_000_000_000


def float_series(asked: dict[str, Any], media_type: str, columns: str) -> bytes:
    """One entry per request: the points after ``afterStep`` in the order asked for; in Arrow with these columns."""
    requests = asked["requests"]
    shape = _shape_of_holder(requests[0]["series"]["holder"]["identifier"])
    limit, descending = asked["perSeriesPointsLimit"], asked.get("order") == "descending"
    keys = [_series_of(request) for request in requests]
    pieces = []
    for request, (run, attribute) in zip(requests, keys, strict=True):  # once, when the answer is computed
        steps = _steps(shape, run, attribute)
        after = request.get("afterStep")
        if after is not None:
            steps = steps[steps < after] if descending else steps[steps > after]
        pieces.append(steps[::-1][:limit] if descending else steps[:limit])
    counts = np.array([len(piece) for piece in pieces], dtype=np.int64)
    steps = np.concatenate(pieces)
    numbers = np.array(keys, dtype=np.float64)
    offset = np.repeat(numbers[:, 0] * 0.5 + numbers[:, 1] * 0.25, counts)
    points = pa.StructArray.from_arrays(
        [
            pa.array(steps),
            pa.array(np.sin(steps * 0.001 + offset) + 1.5),
            _times(steps),
            pa.array(np.zeros(len(steps), dtype=bool)),
            pa.array(np.ones(len(steps), dtype=np.float32)),
        ],
        fields=list(float_point(time=True, preview=True)),
    )
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array([request["requestId"] for request in requests], pa.string()),
            pa.array(np.full(len(requests), shape.steps, dtype=np.int64)),
            pa.LargeListArray.from_arrays(pa.array(_offsets(counts)), points),
        ],
        schema=FLOAT_SERIES_PAGE,
    )
    if media_type == ARROW_STREAM:
        batch = project_points(batch, float_point(time="timestamp" in columns, preview="is_preview" in columns))
    return encode_float_series(batch, media_type)


def object_series(asked: dict[str, Any], media_type: str) -> bytes:
    """Whole string series, all in one answer."""
    requests = asked["requests"]
    shape = _shape_of_holder(requests[0]["series"]["holder"]["identifier"])
    steps = np.arange(shape.steps, dtype=np.float64)
    if asked.get("order") == "descending":
        steps = steps[::-1]
    texts = pa.array([f"step {step:.0f}: everything is as it should be" for step in steps], pa.string())
    count = len(steps) * len(requests)
    columns = {
        "step": pa.array(np.tile(steps, len(requests))),
        "timestamp": _times(np.tile(steps, len(requests))),
        "string": pa.concat_arrays([texts] * len(requests)),
    }
    points = pa.StructArray.from_arrays(
        [columns[field.name] if field.name in columns else pa.nulls(count, field.type) for field in OBJECT_POINT],
        fields=list(OBJECT_POINT),
    )
    offsets = pa.array(_offsets(np.full(len(requests), len(steps))))
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array([request["requestId"] for request in requests], pa.string()),
            pa.array([True] * len(requests)),
            pa.array(["end"] * len(requests)),
            pa.LargeListArray.from_arrays(offsets, points),
        ],
        schema=OBJECT_SERIES_PAGE,
    )
    return encode_object_series(batch, media_type)


def buckets(body: bytes, media_type: str, *, statistics: bool) -> bytes:
    """Every bucket filled, as many as asked for; the first is everything up to the first step."""
    asked = decode_buckets_request(body)
    count, series = asked.max_buckets, len(asked.request_ids)
    low, high = asked.from_x or 0.0, asked.to_x or float(count - 1)
    edges = low + (high - low) / (count - 1) * np.arange(count)
    index = np.tile(np.arange(count), series)
    to_x = np.tile(edges, series)
    from_x = np.tile(np.concatenate([[-np.inf], edges[:-1]]), series)
    y = np.sin(to_x * 0.01 + np.repeat(np.arange(series), count)) + 1.5
    columns: dict[str, npt.NDArray[Any]] = {
        "index": index,
        "from_x": from_x,
        "to_x": to_x,
        **dict.fromkeys(("first_x", "last_x"), to_x),
        **dict.fromkeys(("first_y", "last_y", "local_min", "local_max", "local_sum"), y),
        "finite_point_count": np.ones_like(index),
    }
    zeros = np.zeros_like(index)
    values = pa.StructArray.from_arrays(
        [pa.array(columns.get(field.name, zeros), field.type) for field in BUCKET], fields=list(BUCKET)
    )
    offsets = pa.array(_offsets(np.full(series, count)).astype(np.int32))
    lists = pa.ListArray.from_arrays(offsets, values)
    page = pa.RecordBatch.from_arrays([asked.request_ids.cast(pa.string()), lists], schema=BUCKETS_PAGE)
    return encode_buckets(project_buckets(page, bucket_struct(statistics=statistics)), media_type)


@lru_cache(maxsize=20_000)
def _steps(shape: Shape, run: int, attribute: int) -> npt.NDArray[np.float64]:
    if shape.kind != "ragged":
        return np.arange(shape.steps, dtype=np.float64)
    random = np.random.default_rng([run, attribute])
    return np.sort(random.choice(shape.steps * 4, shape.steps, replace=False)).astype(np.float64)


def _times(steps: npt.NDArray[np.float64]) -> pa.Array:
    return pa.array((_EPOCH_MS + steps * 1000).astype("datetime64[ms]")).cast(TIMESTAMP)


def _offsets(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _shape_of_holder(identifier: str) -> Shape:
    return Shape.of("/".join(identifier.removeprefix("CUSTOM/").split("/")[:2]))


def _series_of(request: dict[str, Any]) -> tuple[int, int]:
    series = request["series"]
    return _last_number(series["holder"]["identifier"]), _last_number(series["attribute"])


def _last_number(text: str) -> int:
    match = re.search(r"(\d+)$", text)
    if match is None:
        raise ValueError(f"{text!r} does not end in a number")
    return int(match.group(1))
