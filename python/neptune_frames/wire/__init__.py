"""Bytes of the HTTP API <-> the pages of `neptune_frames.wire.pages`, whichever format they travel in.

Every kind of answer has a ``decode_*`` (for the client) and an ``encode_*`` (for the server); both take
the media type and pick the codec: protobuf, JSON or Arrow IPC stream. The codecs agree: equal pages
decode from all three. Request bodies are in `neptune_frames.wire.requests`.

Every ``decode_*`` takes untrusted bytes and raises `WireDecodingError` when they are not the message
they should be, or when the media type is unknown.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

import pyarrow as pa

from neptune_frames.errors import WireDecodingError
from neptune_frames.wire.media_types import ARROW_STREAM, JSON, PROTOBUF, essence, negotiate
from neptune_frames.wire.pages import AttributesPage, DefinitionsPage

__all__ = [
    "Codec",
    "codec",
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
    "negotiate",
]


class Codec(Protocol):
    """What each format's module offers."""

    def decode_search(self, body: bytes, *, identity: bool = True, statistics: bool = True) -> AttributesPage: ...
    def encode_search(self, page: AttributesPage) -> bytes: ...
    def decode_values(self, body: bytes) -> AttributesPage: ...
    def encode_values(self, page: AttributesPage) -> bytes: ...
    def decode_run_attributes(self, body: bytes) -> AttributesPage: ...
    def encode_run_attributes(self, page: AttributesPage) -> bytes: ...
    def decode_definitions(self, body: bytes) -> DefinitionsPage: ...
    def encode_definitions(self, page: DefinitionsPage) -> bytes: ...
    def decode_float_series(self, body: bytes, *, time: bool = False, preview: bool = False) -> pa.RecordBatch: ...
    def encode_float_series(self, batch: pa.RecordBatch) -> bytes: ...
    def decode_object_series(self, body: bytes) -> pa.RecordBatch: ...
    def encode_object_series(self, batch: pa.RecordBatch) -> bytes: ...
    def decode_buckets(self, body: bytes, *, statistics: bool = True) -> pa.RecordBatch: ...
    def encode_buckets(self, batch: pa.RecordBatch) -> bytes: ...


_CODECS = {
    PROTOBUF: "neptune_frames.wire.protobuf",
    JSON: "neptune_frames.wire.json",
    ARROW_STREAM: "neptune_frames.wire.arrow_stream",
}


def codec(media_type: str) -> Codec:
    """The codec of a media type; parameters such as ``; charset=utf-8`` do not matter.

    >>> codec("application/json; charset=utf-8").__name__
    'neptune_frames.wire.json'
    """
    module = _CODECS.get(essence(media_type))
    if module is None:
        raise WireDecodingError(f"its media type is {media_type!r}; known are {', '.join(_CODECS)}")
    return cast("Codec", import_module(module))


def decode_search(body: bytes, media_type: str, *, identity: bool = True, statistics: bool = True) -> AttributesPage:
    """A search answer (endpoints S and GS): entries, the projected values, the total.

    Who needs no column of the entries, only how many there are, says so with ``identity=False``: the
    columns may then be null, where a codec saves work by not reading them. In the same way float series
    without ``statistics`` may have their last value only.
    """
    return codec(media_type).decode_search(body, identity=identity, statistics=statistics)


def encode_search(page: AttributesPage, media_type: str) -> bytes:
    return codec(media_type).encode_search(page)


def decode_values(body: bytes, media_type: str) -> AttributesPage:
    """A values answer (endpoint V): values by run, the token of the next page."""
    return codec(media_type).decode_values(body)


def encode_values(page: AttributesPage, media_type: str) -> bytes:
    return codec(media_type).encode_values(page)


def decode_run_attributes(body: bytes, media_type: str) -> AttributesPage:
    """The attributes of one run (endpoint A): a page with one entry."""
    return codec(media_type).decode_run_attributes(body)


def encode_run_attributes(page: AttributesPage, media_type: str) -> bytes:
    return codec(media_type).encode_run_attributes(page)


def decode_definitions(body: bytes, media_type: str) -> DefinitionsPage:
    """Attribute definitions (endpoints D and DR)."""
    return codec(media_type).decode_definitions(body)


def encode_definitions(page: DefinitionsPage, media_type: str) -> bytes:
    return codec(media_type).encode_definitions(page)


def decode_float_series(body: bytes, media_type: str, *, time: bool = False, preview: bool = False) -> pa.RecordBatch:
    """Points of float series (endpoint F) as FLOAT_SERIES_PAGE, points in ``float_point(time=, preview=)``."""
    return codec(media_type).decode_float_series(body, time=time, preview=preview)


def encode_float_series(batch: pa.RecordBatch, media_type: str) -> bytes:
    """``batch`` is a FLOAT_SERIES_PAGE with all columns of its points."""
    return codec(media_type).encode_float_series(batch)


def decode_object_series(body: bytes, media_type: str) -> pa.RecordBatch:
    """Points of string, histogram and file series (endpoint R) as OBJECT_SERIES_PAGE."""
    return codec(media_type).decode_object_series(body)


def encode_object_series(batch: pa.RecordBatch, media_type: str) -> bytes:
    return codec(media_type).encode_object_series(batch)


def decode_buckets(body: bytes, media_type: str, *, statistics: bool = True) -> pa.RecordBatch:
    """Buckets of float series (endpoint B) as BUCKETS_PAGE, with or without their statistics."""
    return codec(media_type).decode_buckets(body, statistics=statistics)


def encode_buckets(batch: pa.RecordBatch, media_type: str) -> bytes:
    return codec(media_type).encode_buckets(batch)
