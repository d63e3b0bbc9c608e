"""Reading the body of an answer: once into one buffer, within a budget of memory for all of them."""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from neptune_frames.errors import WireDecodingError
from neptune_frames.sources.remote.rooms import Rooms

#: Bytes of undecoded bodies held at one time, decompressed, all requests together.
BODY_BUDGET = 256 * 1024 * 1024

#: Bodies from here on are large.
_LARGE = 4 * 1024 * 1024

#: What a body of unknown length counts as.
_UNKNOWN_LENGTH = 8 * 1024 * 1024

#: Bytes of an error's body that are kept.
CONTENT_KEPT = 64 * 1024

#: A declared length is believed up to here; beyond, the buffer grows with what really comes. What is not
#: filled takes no memory, since large bodies get memory of their own.
_PREALLOCATED_AT_MOST = 1024 * 1024 * 1024

#: Bytes of an answer about tokens: with many claims, one takes some kilobytes.
_SMALL = 1024 * 1024

#: A reservation grows in steps of so many bytes.
_GROWTH = 1024 * 1024

#: Bytes that are decompressed at one time.
_DECOMPRESSED_PIECE = 256 * 1024

#: Of a number of bytes: it has 64 bits.
_MOST_DIGITS = 18

#: The first byte of compressed data of which there may be several, one after another (RFC 1952, section 2.2).
_MEMBER_START = 0x1F

#: Beyond the budget, a body may be so many times as large as its compressed form: names that repeat in every entry
#: reach 50, what is made to fill memory reaches 1000.
_EXPANSION = 100


class BodyBudget:
    """Bounds the bytes of bodies that are being read and decoded, decompressed as they are held.

    Of large bodies, which keep a processor busy, there is no more than one for each processor: more would take
    the interpreter from each other. Requests whose answer has not begun are not counted.

    A body may turn out larger than was reserved for it, since it was compressed or its length not known. It then
    waits for room like a new one, except that one body at a time may go beyond the budget: of bodies that all wait
    for each other, that one goes on, ends, and lets the next one. So a body larger than the whole budget can be
    read too, beside what was there when it began to grow.
    """

    def __init__(self, size: int = BODY_BUDGET, large: int | None = None) -> None:
        self._size = size
        self._large = large or max(2, os.cpu_count() or 1)
        self._used = 0
        self._large_used = 0
        self._beyond: Reservation | None = None
        self._changed = threading.Condition()
        self.rooms = Rooms()

    @contextmanager
    def reserve(self, size: int) -> Iterator[Reservation]:
        """Wait for room for a body of about ``size`` bytes, and keep it while the context lasts."""
        reservation = Reservation(self, min(size, self._size))
        self._wait_for(reservation)
        try:
            yield reservation
        finally:
            self._release(reservation)

    def _wait_for(self, reservation: Reservation) -> None:
        size, is_large = reservation.size, reservation.is_large
        with self._changed:
            self._changed.wait_for(
                lambda: self._used + size <= self._size and self._large_used + is_large <= self._large
            )
            self._used += size
            self._large_used += is_large

    def grow(self, reservation: Reservation, size: int) -> None:
        """Make a reservation one for ``size`` bytes."""
        more = size - reservation.size
        with self._changed:
            self._changed.wait_for(
                lambda: self._used + more <= self._size or self._beyond is None or self._beyond is reservation
            )
            if self._used + more > self._size:
                self._beyond = reservation
            was_large = reservation.is_large
            reservation.size = size
            self._used += more
            # Counted, so that others wait for it, but not waited for: whoever has bytes waits for bytes alone.
            self._large_used += reservation.is_large - was_large

    def _release(self, reservation: Reservation) -> None:
        with self._changed:
            self._used -= reservation.size
            self._large_used -= reservation.is_large
            if self._beyond is reservation:
                self._beyond = None
            if not self._used:
                self.rooms.drop()
            self._changed.notify_all()


class Reservation:
    """Room for one body, of ``size`` bytes."""

    def __init__(self, budget: BodyBudget, size: int) -> None:
        self._budget = budget
        self.size = size

    @property
    def is_large(self) -> bool:
        return self.size >= _LARGE

    def take(self, size: int) -> bytearray | memoryview:
        """Memory of that size, for the body."""
        return self._budget.rooms.take(size)

    def cover(self, size: int) -> None:
        """Have room for ``size`` bytes, and wait for it if that is more than before."""
        if size > self.size:
            self._budget.grow(self, -(-size // _GROWTH) * _GROWTH)


def expected_size(response: httpx.Response) -> int:
    """Bytes a body will roughly take; a compressed one at least."""
    length = content_length(response)
    return _UNKNOWN_LENGTH if length is None else length


def content_length(response: httpx.Response) -> int | None:
    return whole_number(response.headers.get("Content-Length", ""))


def whole_number(text: str) -> int | None:
    """A number of bytes in a header, None where it is none. (``int`` fails for "²", a digit, and for "9" * 5000.)

    >>> whole_number("42"), whole_number("²"), whole_number("-1"), whole_number(""), whole_number("9" * 5000)
    (42, None, None, None, None)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def read_body(
    response: httpx.Response,
    take: Callable[[int], bytearray | memoryview] = bytearray,
    cover: Callable[[int], None] = lambda size: None,
    check_cancelled: Callable[[], None] = lambda: None,
) -> bytes | bytearray | memoryview:
    """The decompressed body.

    httpx's own ``read`` keeps a list of pieces and joins them, so that a body is held twice; and its
    default pieces are what the socket gave, which copying into one buffer does not make slower.

    Args:
        response: The answer, its body not read yet.
        take: Called for memory of the size that the server announced.
        cover: Called with the bytes that are held, as they become more than the server announced.
        check_cancelled: Called between pieces; may raise.

    Raises:
        httpx.RemoteProtocolError: The body ended early, or is not compressed as it claims.
        WireDecodingError: It is compressed so well that it can only be meant to fill the memory.
    """
    if response.is_stream_consumed:
        return response.content
    pieces = _pieces(response)
    announced = 0 if _is_compressed(response) else content_length(response) or 0
    body = take(min(announced, _PREALLOCATED_AT_MOST))
    filled = 0
    overflow = b""
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
    cover(len(grown) + len(overflow))
    grown += overflow
    for piece in pieces:
        check_cancelled()
        cover(len(grown) + len(piece))
        grown += piece
    return grown


def read_small(response: httpx.Response) -> bytes:
    """A body that is small unless the server means harm, such as one with tokens; of an error, its beginning.

    Raises:
        WireDecodingError: It is not small. The rest is not read.
    """
    if not response.is_success:
        return read_error(response)

    def check(size: int) -> None:
        if size > _SMALL:
            raise WireDecodingError(f"it is larger than {_SMALL:,} bytes, which no answer of this kind is")

    def take(size: int) -> bytearray:
        check(size)
        return bytearray(size)

    return bytes(read_body(response, take, check))


def read_error(response: httpx.Response) -> bytes:
    """The beginning of an error's body; as much as arrived if the connection broke."""
    if response.is_stream_consumed:
        return response.content[:CONTENT_KEPT]
    content = b""
    try:
        for piece in _pieces(response):
            content += piece
            if len(content) > CONTENT_KEPT:
                break
    except (httpx.HTTPError, WireDecodingError):
        pass
    return content[:CONTENT_KEPT]


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    """The body as it comes, decompressed."""
    return _decompressed(response) if _is_compressed(response) else response.iter_raw()


def _is_compressed(response: httpx.Response) -> bool:
    return _encoding(response) not in ("", "identity")


def _encoding(response: httpx.Response) -> str:
    return str(response.headers.get("Content-Encoding", "")).strip().lower()


def _decompressed(response: httpx.Response) -> Iterator[bytes]:
    encoding = _encoding(response)
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise httpx.RemoteProtocolError(f"the body has the encoding {encoding!r}, which was not asked for")
    decompressor = _decompressor()
    received = made = 0
    try:
        for compressed in response.iter_raw():
            received += len(compressed)
            while compressed:
                if decompressor.eof:
                    if compressed[0] != _MEMBER_START:
                        break  # padding
                    decompressor = _decompressor()
                # A piece at a time: what the server sends at once may hold a thousand times as much.
                piece = decompressor.decompress(compressed, _DECOMPRESSED_PIECE)
                compressed = decompressor.unused_data if decompressor.eof else decompressor.unconsumed_tail
                made += len(piece)
                _check_expansion(received, made)
                yield piece
        rest = decompressor.flush()
    except zlib.error as error:
        raise httpx.RemoteProtocolError(f"the body is not compressed as it claims ({error})") from None
    yield rest
    if received and not decompressor.eof:
        raise httpx.RemoteProtocolError("the compressed body ended early")


def _decompressor() -> zlib._Decompress:
    """Of zlib or of gzip, whichever it turns out to be."""
    return zlib.decompressobj(zlib.MAX_WBITS | 32)


def _check_expansion(received: int, made: int) -> None:
    if made > BODY_BUDGET and made > _EXPANSION * received:
        raise WireDecodingError(
            f"{received:,} compressed bytes hold {made:,} and more, which no data of a server would; the rest is not "
            "read"
        )
