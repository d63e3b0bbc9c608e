"""Reading the body of an answer: once into one buffer, within a budget of memory for all of them."""

from __future__ import annotations

import mmap
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

#: Bytes of undecoded bodies held at one time, all requests together.
BODY_BUDGET = 256 * 1024 * 1024

#: Bodies from here on are large.
_LARGE = 4 * 1024 * 1024

#: What a body of unknown length counts as.
_UNKNOWN_LENGTH = 8 * 1024 * 1024

#: Bytes of an error's body that are kept.
CONTENT_KEPT = 64 * 1024

#: A declared length is believed up to here; beyond, the buffer grows with what really comes. What is not
#: filled takes no memory, since bodies of a declared length from `_MAPPED_FROM` on get memory of their own.
_PREALLOCATED_AT_MOST = 1024 * 1024 * 1024
_MAPPED_FROM = 1024 * 1024

#: The pages that Linux maps as one where a mapping asks for it and has whole ones.
_HUGE_PAGE = 2 * 1024 * 1024


class BodyBudget:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
"""Bounds the bytes of bodies that are being read and decoded. A body larger than all of it reads alone.

 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
Of large bodies, which keep a processor busy, there is no more than one for each processor: more would take
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
the interpreter from each other. Requests whose answer has not begun are not counted.
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
"""

 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
def __init__(self, size: int = BODY_BUDGET, large: int | None = None) -> None:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    self._size = size
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    self._large = large or max(2, os.cpu_count() or 1)
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    self._used = 0
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    self._large_used = 0
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    self._changed = threading.Condition()

 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
@contextmanager
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
def reserve(self, size: int) -> Iterator[None]:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    size = min(size, self._size)
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    is_large = size >= _LARGE
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    with self._changed:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
        self._changed.wait_for(
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
            lambda: self._used + size <= self._size and self._large_used + is_large <= self._large
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
        )
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
        self._used += size
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
        self._large_used += is_large
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    try:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
        yield
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    finally:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
        with self._changed:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
            self._used -= size
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
            self._large_used -= is_large
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
            self._changed.notify_all()


def expected_size(response: httpx.Response) -> int:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
"""Bytes a body will roughly take."""
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
length = content_length(response)
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
return _UNKNOWN_LENGTH if length is None else length


def content_length(response: httpx.Response) -> int | None:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
text = response.headers.get("Content-Length", "")
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
return int(text) if text.isascii() and text.isdigit() else None


def read_body(
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
response: httpx.Response, check_cancelled: Callable[[], None] = lambda: None
) -> bytes | bytearray | memoryview:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
"""The decompressed body.

 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
httpx's own ``read`` keeps a list of pieces and joins them, so that a body is held twice; and its
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
default pieces are what the socket gave, which copying into one buffer does not make slower.

 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
Raises
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
------
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
httpx.RemoteProtocolError
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    The body ended early, or is not compressed as it claims.
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
"""
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
if response.is_stream_consumed:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    return response.content
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
decompress = _decompressor(response.headers.get("Content-Encoding", ""))
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
if decompress is not None:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    return _read_compressed(response, decompress, check_cancelled)
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
body = _room(min(content_length(response) or 0, _PREALLOCATED_AT_MOST))
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
filled = 0
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
overflow = b""
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
pieces = response.iter_raw()
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
with memoryview(body) as view:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    for piece in pieces:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
        check_cancelled()
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
        if filled + len(piece) > len(view):
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
            overflow = piece
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
            break
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
        view[filled : filled + len(piece)] = piece
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
        filled += len(piece)
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    if filled == len(view) and not overflow:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
        return body
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    grown = bytearray(view[:filled])
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
grown += overflow
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
for piece in pieces:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    check_cancelled()
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    grown += piece
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
return grown


def _room(size: int) -> bytearray | memoryview:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
"""Writable memory; much of it goes back to the system as soon as it is not used any more.

 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
What is freed by `malloc` need not: after large blocks it keeps tens of megabytes for each thread.
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
"""
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
if size < _MAPPED_FROM or not hasattr(mmap, "MAP_PRIVATE"):
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    return bytearray(size)
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
# Linux aligns a mapping to huge pages only where it consists of whole ones.
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
whole = -(-size // _HUGE_PAGE) * _HUGE_PAGE
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
room = mmap.mmap(-1, whole, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
# Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
huge = (size + _HUGE_PAGE // 2) // _HUGE_PAGE * _HUGE_PAGE
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
if hasattr(mmap, "MADV_HUGEPAGE") and huge:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    room.madvise(mmap.MADV_HUGEPAGE, 0, huge)
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
return memoryview(room)[:size]


def read_error(response: httpx.Response) -> bytes:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
"""The beginning of an error's body; as much as arrived if the connection broke."""
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
content = b""
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
try:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    for piece in response.iter_bytes():
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
        content += piece
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
        if len(content) > CONTENT_KEPT:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
            break
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
except httpx.HTTPError:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    pass
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
return content[:CONTENT_KEPT]


def _read_compressed(
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
response: httpx.Response, decompress: zlib._Decompress, check_cancelled: Callable[[], None]
) -> bytearray:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
body = bytearray()
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
try:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    for piece in response.iter_raw():
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
        check_cancelled()
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
        body += decompress.decompress(piece)
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    body += decompress.flush()
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
except zlib.error as error:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    raise httpx.RemoteProtocolError(f"the body is not compressed as it claims ({error})") from None
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
if not decompress.eof and body:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    raise httpx.RemoteProtocolError("the compressed body ended early")
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
return body


def _decompressor(encoding: str) -> zlib._Decompress | None:
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
encoding = encoding.strip().lower()
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
if encoding in ("", "identity"):
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    return None
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
if encoding in ("gzip", "x-gzip", "deflate"):
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
    return zlib.decompressobj(zlib.MAX_WBITS | 32)
 Faults of small pages cost more than the copy; a last page that would stay mostly empty is not worth a huge one.
raise httpx.RemoteProtocolError(f"the body has the encoding {encoding!r}, which was not asked for")
