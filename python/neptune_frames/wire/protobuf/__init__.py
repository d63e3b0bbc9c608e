"""Protobuf bodies <-> pages, without a protobuf runtime and without Python work per value."""

from __future__ import annotations

from neptune_frames.wire.protobuf.attributes import (
    decode_run_attributes,
    decode_search,
    decode_values,
    encode_run_attributes,
    encode_search,
    encode_values,
)
from neptune_frames.wire.protobuf.buckets import (
    BucketsRequest,
    decode_buckets,
    decode_buckets_request,
    encode_buckets,
    encode_buckets_request,
)
from neptune_frames.wire.protobuf.definitions import decode_definitions, encode_definitions
from neptune_frames.wire.protobuf.float_series import decode_float_series, encode_float_series
from neptune_frames.wire.protobuf.object_series import decode_object_series, encode_object_series

__all__ = [
    "BucketsRequest",
    "decode_buckets",
    "decode_buckets_request",
    "decode_definitions",
    "decode_float_series",
    "decode_object_series",
    "decode_run_attributes",
    "decode_search",
    "decode_values",
    "encode_buckets",
    "encode_buckets_request",
    "encode_definitions",
    "encode_float_series",
    "encode_object_series",
    "encode_run_attributes",
    "encode_search",
    "encode_values",
]
