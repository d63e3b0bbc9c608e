"""Record batches as Arrow IPC streams, and back.

A stream holds one batch; what else there is to say is in its schema's metadata. Bodies are not compressed; HTTP does
that. Reading is zero-copy, and every body is untrusted: each message is checked against the bytes at hand before it is
read, and `check_batch` validates a batch in full (schema, offsets, UTF-8, dictionary indices, nulls).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from neptune_frames.errors import WireDecodingError
from neptune_frames.wire.arrow_messages import check_messages

Metadata = Mapping[bytes, bytes]


def encode_stream(batch: pa.RecordBatch, metadata: Metadata | None = None) -> bytes:
    """The stream of one batch."""
    sink = pa.BufferOutputStream()
    batch = batch.replace_schema_metadata(dict(metadata or {}))
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def read_stream(body: bytes) -> tuple[pa.RecordBatch, Metadata]:
    """The batch and the metadata of the one stream that the body is.

    Raises:
        WireDecodingError: It is something else.
    """
    streams = read_streams(body)
    if len(streams) != 1:
        raise WireDecodingError(f"it has {len(streams)} Arrow streams in the place of one")
    return streams[0]


def read_streams(body: bytes) -> list[tuple[pa.RecordBatch, Metadata]]:
    """Batch and metadata of each stream in the body; at least one.

    Raises:
        WireDecodingError: The body is no such streams.
    """
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


def check_batch(batch: pa.RecordBatch, *schemas: pa.Schema) -> pa.RecordBatch:
    """The batch, if it has one of the schemas and is valid.

    Raises:
        WireDecodingError: It has not, or is not.
    """
    if batch.schema not in schemas:
        raise WireDecodingError(f"its Arrow schema is not the expected one: {batch.schema.to_string()[:500]}")
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
    if pa.types.is_dictionary(array.type):
        # No index of a null is not enough: a value may be null, which nobody writes or looks for.
        if array.dictionary.null_count:
            raise WireDecodingError(f"{field.name!r} has nulls")
    elif pa.types.is_struct(array.type):
        for member, child in zip(array.type, array.flatten(), strict=True):
            if array.null_count == 0:
                _check_nulls(child, member)
    elif pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        _check_nulls(array.flatten(), array.type.value_field)
