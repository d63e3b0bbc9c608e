"""Checks of Arrow IPC messages before pyarrow reads them.

pyarrow verifies the structure of a message's header. It trusts the lengths that compressed buffers
claim for themselves, so a few bytes could ask for gigabytes: messages with compressed bodies are refused.
Format: https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format
"""

from __future__ import annotations

import struct

import pyarrow as pa

from neptune_frames.errors import WireDecodingError

_CONTINUATION = 0xFFFFFFFF

#: Slots in the tables of Message.fbs, in the order of their declaration.
_HEADER_TYPE, _HEADER = 1, 2
_DICTIONARY_DATA = 1
_COMPRESSION = 3
_KIND_DICTIONARY, _KIND_BATCH = 2, 3


def check_messages(buffer: pa.Buffer) -> None:
    """Walk over all messages of the streams in ``buffer``.

    Raises:
        WireDecodingError: A message claims more bytes than there are, or its body is compressed.
    """
    source = pa.BufferReader(buffer)
    view = memoryview(buffer)
    while source.tell() < buffer.size:
        start = source.tell()
        if not _is_end_of_stream(view, start):
            message = pa.ipc.read_message(source)
            _check_compression(message)
        else:
            source.seek(start + 8)


def _is_end_of_stream(view: memoryview, start: int) -> bool:
    if len(view) - start < 8:
        raise WireDecodingError("an Arrow message ends early", position=start)
    continuation, length = struct.unpack_from("<Ii", view, start)
    if continuation != _CONTINUATION:
        raise WireDecodingError("no Arrow message starts here", position=start)
    if length < 0 or length > len(view) - start - 8:
        raise WireDecodingError(f"an Arrow message claims a header of {length} bytes", position=start)
    return bool(length == 0)


def _check_compression(message: pa.ipc.Message) -> None:
    header = memoryview(message.metadata)
    table = struct.unpack_from("<I", header, 0)[0]
    kind_at, header_at = _slot(header, table, _HEADER_TYPE), _slot(header, table, _HEADER)
    if kind_at is None or header_at is None:
        return
    kind, batch = header[kind_at], _follow(header, header_at)
    if kind == _KIND_DICTIONARY:
        data_at = _slot(header, batch, _DICTIONARY_DATA)
        if data_at is None:
            return
        batch = _follow(header, data_at)
    elif kind != _KIND_BATCH:
        return
    if _slot(header, batch, _COMPRESSION) is not None:
        raise WireDecodingError("its Arrow buffers are compressed")


def _slot(header: memoryview, table: int, number: int) -> int | None:
    """Where a flatbuffers table keeps a field; None where it is left out. pyarrow verified the offsets."""
    virtual_table = table - struct.unpack_from("<i", header, table)[0]
    size = struct.unpack_from("<H", header, virtual_table)[0]
    entry = 4 + 2 * number
    if entry >= size:
        return None
    offset = struct.unpack_from("<H", header, virtual_table + entry)[0]
    return table + offset if offset else None


def _follow(header: memoryview, position: int) -> int:
    return int(position + struct.unpack_from("<I", header, position)[0])
