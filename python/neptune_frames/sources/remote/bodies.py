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
    """Bounds the bytes of bodies that are being read and decoded. A body larger than all of it reads alone.

    Of large bodies, which keep a processor busy, there is no more than one for each processor: more would take
    the interpreter from each other. Requests whose answer has not begun are not counted.
    """

    def __init__(self, size: int = BODY_BUDGET, large: int | None = None) -> None:
        self._size = size
        self._large = large or max(2, os.cpu_count() or 1)
        self._used = 0
        self._large_used = 0
        self._changed = threading.Condition()

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        size = min(size, self._size)
        is_large = size >= _LARGE
        with self._changed:
            self._changed.wait_for(
                lambda: self._used + size <= self._size and self._large_used + is_large <= self._large
            )
            self._used += size
            self._large_used += is_large
        try:
            yield
        finally:
            with self._changed:
                self._used -= size
                self._large_used -= is_large
                self._changed.notify_all()


def expected_size(response: httpx.Response) -> int:
    """Bytes a body will roughly take."""
    length = content_length(response)
    return _UNKNOWN_LENGTH if length is None else length


def content_length(response: httpx.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def read_body(
    response: httpx.Response, check_cancelled: Callable[[], None] = lambda: None
) -> bytes | bytearray | memoryview:
    """The decompressed body.

    httpx's own ``read`` keeps a list of pieces and joins them, so that a body is held twice; and its
    default pieces are what the socket gave, which copying into one buffer does not make slower.

    Raises
    ------
    httpx.RemoteProtocolError
        The body ended early, or is not compressed as it claims.
    """
    if response.is_stream_consumed:
        return response.content
    decompress = _decompressor(response.headers.get("Content-Encoding", ""))
    if decompress is not None:
        return _read_compressed(response, decompress, check_cancelled)
    body = _room(min(content_length(response) or 0, _PREALLOCATED_AT_MOST))
    filled = 0
    overflow = b""
    pieces = response.iter_raw()
    with memoryview(body) as view:
        for piece in pieces:
            check_cancelled()
            if filled + len(piece) > len(view):
                overflow = piece
                break
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
        if filled == len(view) and not overflow:
            return body
        grown = bytearray(view[:filled])
    grown += overflow
    for piece in pieces:
        check_cancelled()
        grown += piece
    return grown


def _room(size: int) -> bytearray | memoryview:
    """Writable memory; much of it goes back to the system as soon as it is not used any more.

    What is freed by `malloc` need not: after large blocks it keeps tens of megabytes for each thread.
    """
    if size < _MAPPED_FROM or not hasattr(mmap, "MAP_PRIVATE"):
        return bytearray(size)
    # Linux aligns a mapping to huge pages only where it consists of whole ones.
    whole = -(-size // _HUGE_PAGE) * _HUGE_PAGE
    room = mmap.mmap(-1, whole, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    # Faults of small pages cost more than the copy; a last page less than a quarter full is not worth a huge one.
    huge = (size + 3 * _HUGE_PAGE // 4) // _HUGE_PAGE * _HUGE_PAGE
    if hasattr(mmap, "MADV_HUGEPAGE") and huge:
        room.madvise(mmap.MADV_HUGEPAGE, 0, huge)
    return memoryview(room)[:size]


def read_error(response: httpx.Response) -> bytes:
    """The beginning of an error's body; as much as arrived if the connection broke."""
    content = b""
    try:
        for piece in response.iter_bytes():
            content += piece
            if len(content) > CONTENT_KEPT:
                break
    except httpx.HTTPError:
        pass
    return content[:CONTENT_KEPT]


def _read_compressed(
    response: httpx.Response, decompress: zlib._Decompress, check_cancelled: Callable[[], None]
) -> bytearray:
    body = bytearray()
    try:
        for piece in response.iter_raw():
            check_cancelled()
            body += decompress.decompress(piece)
        body += decompress.flush()
    except zlib.error as error:
        raise httpx.RemoteProtocolError(f"the body is not compressed as it claims ({error})") from None
    if not decompress.eof and body:
        raise httpx.RemoteProtocolError("the compressed body ended early")
    return body


def _decompressor(encoding: str) -> zlib._Decompress | None:
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(zlib.MAX_WBITS | 32)
    raise httpx.RemoteProtocolError(f"the body has the encoding {encoding!r}, which was not asked for")
