"""Arrow IPC streams <-> pages.

A page of one batch is one stream with one record batch in the page's schema; what else the page holds
is in the schema's metadata. An `AttributesPage` is several streams, one after the other: its entries,
then one per attribute type with the type in the metadata. Bodies are not compressed; HTTP does that.

Reading is zero-copy, and every body is untrusted: each message is checked against the bytes at hand
before it is read, the schema must be the page's own, and the batch is validated in full (offsets,
UTF-8, dictionary indices, nulls).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.errors import WireDecodingError
from neptune_frames.schemas import ATTRIBUTES, VALUE_TYPES, float_point, values_schema
from neptune_frames.wire.arrow_messages import check_messages
from neptune_frames.wire.pages import (
    BUCKETS_PAGE,
    ENTRIES,
    OBJECT_SERIES_PAGE,
    AttributesPage,
    DefinitionsPage,
    bucket_struct,
    float_series_schema,
    project_buckets,
    project_points,
)

_TOTAL = b"total"
_NEXT_PAGE_TOKEN = b"next_page_token"
_UNKNOWN_TYPES = b"unknown_types"
_TYPE = b"type"

Metadata = Mapping[bytes, bytes]


def decode_attributes(body: bytes) -> AttributesPage:
    streams = _read_streams(body)
    entries, metadata = streams[0]
    _check_batch(entries, ENTRIES)
    values = {}
    for batch, about in streams[1:]:
        attribute_type = about.get(_TYPE, b"").decode(errors="replace")
        if attribute_type not in VALUE_TYPES or attribute_type in values:
            raise WireDecodingError(f"a second or unknown batch of type {attribute_type!r}")
        _check_batch(batch, values_schema(attribute_type))
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
    streams = [_written(page.entries, metadata)]
    streams += [_written(batch, {_TYPE: name.encode()}) for name, batch in page.values.items()]
    return b"".join(streams)


def decode_search(body: bytes, *, identity: bool = True, statistics: bool = True) -> AttributesPage:
    """Decode a search answer, with all columns, as they are there without a copy."""
    return decode_attributes(body)


# The three answers that hold entries differ on the wire only in their other formats.
decode_values = decode_run_attributes = decode_attributes
encode_search = encode_values = encode_run_attributes = encode_attributes


def decode_definitions(body: bytes) -> DefinitionsPage:
    batch, metadata = _read_page(body)
    _check_batch(batch, ATTRIBUTES)
    return DefinitionsPage(batch, _text(metadata, _NEXT_PAGE_TOKEN), _names(metadata, _UNKNOWN_TYPES))


def encode_definitions(page: DefinitionsPage) -> bytes:
    return bytes(_written(page.definitions, _page_metadata(page.next_page_token, page.unknown_types)))


def decode_float_series(body: bytes, *, time: bool = False, preview: bool = False) -> pa.RecordBatch:
    batch, _ = _read_page(body)
    schemas = [float_series_schema(float_point(time=t, preview=p)) for t in (True, False) for p in (True, False)]
    _check_batch(batch, *schemas)
    try:
        return project_points(batch, float_point(time=time, preview=preview))
    except KeyError as error:
        raise WireDecodingError(f"its points have no {' and no '.join(error.args)}") from None


def encode_float_series(batch: pa.RecordBatch) -> bytes:
    return bytes(_written(batch, {}))


def decode_object_series(body: bytes) -> pa.RecordBatch:
    batch, _ = _read_page(body)
    return _check_batch(batch, OBJECT_SERIES_PAGE)


def encode_object_series(batch: pa.RecordBatch) -> bytes:
    return bytes(_written(batch, {}))


def decode_buckets(body: bytes, *, statistics: bool = True) -> pa.RecordBatch:
    batch, _ = _read_page(body)
    return project_buckets(_check_batch(batch, BUCKETS_PAGE), bucket_struct(statistics=statistics))


def encode_buckets(batch: pa.RecordBatch) -> bytes:
    return bytes(_written(batch, {}))


def _written(batch: pa.RecordBatch, metadata: Metadata) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    batch = batch.replace_schema_metadata(dict(metadata))
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def _read_page(body: bytes) -> tuple[pa.RecordBatch, Metadata]:
    streams = _read_streams(body)
    if len(streams) != 1:
        raise WireDecodingError(f"it has {len(streams)} Arrow streams in the place of one")
    return streams[0]


def _read_streams(body: bytes) -> list[tuple[pa.RecordBatch, Metadata]]:
    """Each stream's only batch and metadata; at least one."""
    try:
        buffer = pa.py_buffer(body)
        check_messages(buffer)
        source = pa.BufferReader(buffer)
        streams: list[tuple[pa.RecordBatch, Metadata]] = []
        while not streams or source.tell() < buffer.size:
            with pa.ipc.open_stream(source) as reader:
                batches = list(reader)
                if len(batches) != 1:
                    raise WireDecodingError(f"an Arrow stream has {len(batches)} batches in the place of one")
                streams.append((batches[0].replace_schema_metadata(None), reader.schema.metadata or {}))
        return streams
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        raise WireDecodingError(str(error)) from None


def _check_batch(batch: pa.RecordBatch, *schemas: pa.Schema) -> pa.RecordBatch:
    if batch.schema not in schemas:
        raise WireDecodingError(f"its Arrow schema is not the page's: {batch.schema.to_string()[:500]}")
    try:
        batch.validate(full=True)
    except pa.ArrowException as error:
        raise WireDecodingError(str(error)) from None
    for field, column in zip(batch.schema, batch.columns, strict=True):
        _check_nulls(column, field)
    return batch


def _check_nulls(array: pa.Array, field: pa.Field) -> None:
    """That nothing is null which must not be; elements hidden under a null parent do not count."""
    if not field.nullable and array.null_count:
        raise WireDecodingError(f"{field.name!r} has nulls")
    if pa.types.is_struct(array.type):
        for member, child in zip(array.type, array.flatten(), strict=True):
            if array.null_count == 0:
                _check_nulls(child, member)
    elif pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        _check_nulls(array.flatten(), array.type.value_field)


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
