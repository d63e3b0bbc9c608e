"""Arrow IPC streams <-> pages.

A page of one batch is one stream with one record batch in the page's schema; what else the page holds
is in the schema's metadata. An `AttributesPage` is several streams, one after the other: its entries,
then one per attribute type with the type in the metadata.
"""

from __future__ import annotations

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import WireDecodingError
from neptune_frames.schemas import ATTRIBUTES, VALUE_TYPES, float_point, values_schema
from neptune_frames.wire.arrow_batches import Metadata, check_batch, encode_stream, read_stream, read_streams
from neptune_frames.wire.pages import (
    BUCKETS_PAGE,
    ENTRIES,
    OBJECT_SERIES_PAGE,
    AttributesPage,
    DefinitionsPage,
    bucket_struct,
    buckets_page_schema,
    float_series_schema,
    project_buckets,
    project_points,
)

_TOTAL = b"total"
_NEXT_PAGE_TOKEN = b"next_page_token"
_UNKNOWN_TYPES = b"unknown_types"
_TYPE = b"type"


def decode_attributes(body: bytes, *, statistics: bool = True) -> AttributesPage:
    """Decode entries and their values. Those of float series may lack their ``statistics`` where these are not needed,
    and have them all the same, as they are there without a copy.
    """
    streams = read_streams(body)
    entries, metadata = streams[0]
    check_batch(entries, ENTRIES)
    values = {}
    for batch, about in streams[1:]:
        attribute_type = about.get(_TYPE, b"").decode(errors="replace")
        if attribute_type not in VALUE_TYPES or attribute_type in values:
            raise WireDecodingError(f"a second or unknown batch of type {attribute_type!r}")
        check_batch(batch, *{values_schema(attribute_type), values_schema(attribute_type, statistics=statistics)})
        _check_runs(batch.column("run"), entries.num_rows)
        values[attribute_type] = batch
    return AttributesPage(
        entries,
        values,
        total=_number(metadata, _TOTAL),
        next_page_token=_text(metadata, _NEXT_PAGE_TOKEN),
        unknown_types=_names(metadata, _UNKNOWN_TYPES),
    )


def encode_attributes(page: AttributesPage) -> bytes:
    metadata = _page_metadata(page.next_page_token, page.unknown_types)
    if page.total is not None:
        metadata[_TOTAL] = str(page.total).encode()
    streams = [encode_stream(page.entries, metadata)]
    streams += [encode_stream(batch, {_TYPE: name.encode()}) for name, batch in page.values.items()]
    return b"".join(streams)


def decode_search(body: bytes, *, identity: bool = True, statistics: bool = True) -> AttributesPage:
    """Decode a search answer, with all columns that it has."""
    return decode_attributes(body, statistics=statistics)


# The three answers that hold entries differ on the wire only in their other formats.
decode_values = decode_run_attributes = decode_attributes
encode_search = encode_values = encode_run_attributes = encode_attributes


def decode_definitions(body: bytes) -> DefinitionsPage:
    batch, metadata = read_stream(body)
    check_batch(batch, ATTRIBUTES)
    return DefinitionsPage(batch, _text(metadata, _NEXT_PAGE_TOKEN), _names(metadata, _UNKNOWN_TYPES))


def encode_definitions(page: DefinitionsPage) -> bytes:
    return encode_stream(page.definitions, _page_metadata(page.next_page_token, page.unknown_types))


def decode_float_series(body: bytes, *, time: bool = False, preview: bool = False) -> pa.RecordBatch:
    batch, _ = read_stream(body)
    schemas = [float_series_schema(float_point(time=t, preview=p)) for t in (True, False) for p in (True, False)]
    check_batch(batch, *schemas)
    try:
        return project_points(batch, float_point(time=time, preview=preview))
    except KeyError as error:
        raise WireDecodingError(f"its points have no {' and no '.join(error.args)}") from None


def encode_float_series(batch: pa.RecordBatch) -> bytes:
    return encode_stream(batch)


def decode_object_series(body: bytes) -> pa.RecordBatch:
    batch, _ = read_stream(body)
    return check_batch(batch, OBJECT_SERIES_PAGE)


def encode_object_series(batch: pa.RecordBatch) -> bytes:
    return encode_stream(batch)


def decode_buckets(body: bytes, *, statistics: bool = True) -> pa.RecordBatch:
    batch, _ = read_stream(body)
    bucket = bucket_struct(statistics=statistics)
    return project_buckets(check_batch(batch, BUCKETS_PAGE, buckets_page_schema(bucket)), bucket)


def encode_buckets(batch: pa.RecordBatch) -> bytes:
    return encode_stream(batch)


def _check_runs(runs: pa.Array, entries: int) -> None:
    bounds = pc.min_max(runs).as_py()
    if len(runs) and not 0 <= bounds["min"] <= bounds["max"] < entries:
        raise WireDecodingError(f"it refers to entries {bounds['min']} to {bounds['max']} of {entries}")


def _page_metadata(next_page_token: str | None, unknown_types: frozenset[str]) -> dict[bytes, bytes]:
    metadata = {}
    if next_page_token is not None:
        metadata[_NEXT_PAGE_TOKEN] = next_page_token.encode()
    if unknown_types:
        metadata[_UNKNOWN_TYPES] = msgspec.json.encode(sorted(unknown_types))
    return metadata


def _text(metadata: Metadata, key: bytes) -> str | None:
    try:
        return metadata[key].decode() if key in metadata else None
    except UnicodeDecodeError as error:
        raise WireDecodingError(str(error)) from None


def _number(metadata: Metadata, key: bytes) -> int | None:
    text = _text(metadata, key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise WireDecodingError(f"{key.decode()} is {text[:20]!r} in the place of a number")
    return int(text)


def _names(metadata: Metadata, key: bytes) -> frozenset[str]:
    try:
        return frozenset(msgspec.json.decode(metadata.get(key, b"[]"), type=list[str]))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireDecodingError(str(error)) from None
