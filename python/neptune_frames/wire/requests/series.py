"""Requests for series points (F and R), built and read as columns: one request lists up to 10,000 series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from neptune_frames.errors import NeptuneUserError
from neptune_frames.wire.requests.message import MAX_BYTES, Message, decode_message, encode_message

#: One row per requested series. ``after_step`` is for float series, ``finished`` and ``token`` for the others.
SERIES_REQUESTS = pa.schema(
    [
        pa.field("request_id", pa.string(), nullable=False),
        pa.field("holder", pa.string(), nullable=False),
        pa.field("holder_type", pa.string(), nullable=False),
        pa.field("attribute", pa.string(), nullable=False),
        pa.field("lineage", pa.string()),
        pa.field("entity_type", pa.string()),
        pa.field("include_preview", pa.bool_()),
        pa.field("after_step", pa.float64()),
        pa.field("finished", pa.bool_()),
        pa.field("token", pa.string()),
    ]
)

StepRange = tuple[float | None, float | None]


@dataclass(frozen=True)
class FloatSeriesRequest:
    """``series`` is a SERIES_REQUESTS batch; steps are inclusive, None is open; ``order`` is ``ascending`` or not."""

    series: pa.RecordBatch
    per_series_points_limit: int
    step_range: StepRange = (None, None)
    order: str | None = None


@dataclass(frozen=True)
class ObjectSeriesRequest:
    """As `FloatSeriesRequest`; without a limit the server sends what it likes."""

    series: pa.RecordBatch
    per_series_points_limit: int | None = None
    step_range: StepRange = (None, None)
    order: str | None = None


def encode_float_series_request(
    request_ids: pa.Array | Sequence[str],
    holders: pa.Array | Sequence[str],
    attributes: pa.Array | Sequence[str],
    *,
    lineage: str,
    entity_type: str | None,
    include_preview: bool,
    per_series_points_limit: int,
    step_range: StepRange = (None, None),
    order: str = "ascending",
    after_steps: pa.Array | None = None,
) -> bytes:
    """The body of a request for float points (F)."""
    raise NotImplementedError


def encode_object_series_request(
    request_ids: pa.Array | Sequence[str],
    holders: pa.Array | Sequence[str],
    attributes: pa.Array | Sequence[str],
    *,
    lineage: str,
    entity_type: str | None,
    per_series_points_limit: int | None = None,
    step_range: StepRange = (None, None),
    order: str = "ascending",
    search_after: pa.Array | None = None,
) -> bytes:
    """The body of a request for points of string, histogram and file series (R)."""
    raise NotImplementedError


def decode_float_series_request(body: bytes, *, max_bytes: int = MAX_BYTES) -> FloatSeriesRequest:
    raise NotImplementedError


def decode_object_series_request(body: bytes, *, max_bytes: int = MAX_BYTES) -> ObjectSeriesRequest:
    raise NotImplementedError
