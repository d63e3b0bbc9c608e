"""How much one request may ask for. Exceeding a limit is a 4xx that names it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request

from neptune_frames.server.errors import ApiError, bad_request

#: The largest number that a page may start at or hold, whatever there is: what counts rows has 64 bits.
LARGEST_COUNT = 2**63 - 1
#: How many entries a page holds if a request does not say.
DEFAULT_PAGE_LIMIT = 10_000


@dataclass(frozen=True)
class Limits:
    """The defaults follow http-api.md, sections 6 and 10, where a document states them."""

    #: Bytes of a request body. The largest documented request (12,000 series of 1024-byte names) has 15 MB.
    body_bytes: int = 64 << 20
    #: Points in one float series answer, all series together; also the most series one request may name.
    float_points: int = 1_000_000
    #: Series of strings, histograms or files in one request.
    object_series: int = 2_000
    #: Estimated bytes of points in one answer of those series; the rest follows on further pages.
    object_answer_bytes: int = 32 << 20
    bucket_expressions: int = 1_000
    #: Buckets of one series: the clients ask for at most 1,000 plus the open one.
    buckets: int = 10_000
    files: int = 10_000
    #: Projects named in one request for definitions.
    projects: int = 10_000
    #: Points read at once for one request; what its page does not hold is kept for the next one.
    float_points_read: int = 4_000_000
    object_points_read: int = 200_000
    #: Bytes of points and values kept between the pages of one query.
    cache_bytes: int = 256 << 20
    #: Answers computed at the same time; further requests wait.
    concurrent_answers: int = max(4, os.cpu_count() or 1)


def check_at_most(count: int, limit: int, what: str) -> None:
    """Raises a 400 that names ``what`` when there is too much of it."""
    if count > limit:
        raise bad_request(f"A request may hold at most {limit:,} {what}; this one has {count:,}. Split it.")


def check_count(value: int, key: str) -> None:
    """Raises a 400 for a number of entries (``key``, as in the request) that is negative or has more than 64 bits."""
    if not 0 <= value <= LARGEST_COUNT:
        raise bad_request(f"{key} is {value}; it can be 0 to {LARGEST_COUNT:,}.")


async def read_body(request: Request, limit: int) -> bytes:
    """The request body, given up as soon as it exceeds ``limit`` bytes (413)."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        pieces.append(piece)
    return b"".join(pieces)


def _too_large(limit: int) -> ApiError:
    return ApiError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "BAD_REQUEST",
        f"A request body may have at most {limit:,} bytes. Split it.",
    )
