"""JSON bodies <-> pages: the JSON twins of the retrieval endpoints, column by column."""

from __future__ import annotations

from neptune_frames.wire.json.attributes import (
    decode_run_attributes,
    decode_search,
    decode_values,
    encode_run_attributes,
    encode_search,
    encode_values,
)
from neptune_frames.wire.json.definitions import decode_definitions, encode_definitions
from neptune_frames.wire.json.series import (
    decode_buckets,
    decode_float_series,
    decode_object_series,
    encode_buckets,
    encode_float_series,
    encode_object_series,
)

__all__ = [
    "decode_buckets",
    "decode_definitions",
    "decode_float_series",
    "decode_object_series",
    "decode_run_attributes",
    "decode_search",
    "decode_values",
    "encode_buckets",
    "encode_definitions",
    "encode_float_series",
    "encode_object_series",
    "encode_run_attributes",
    "encode_search",
    "encode_values",
]
