"""Page tokens of definitions and values: how many entries were sent before.

A token says all that is needed to go on, so any page can be answered from scratch; what the previous
page computed is kept for a while to spare that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeVar

import msgspec

from neptune_frames.server.errors import bad_request
from neptune_frames.server.limits import check_count
from neptune_frames.server.state import ServerState
from neptune_frames.wire.requests import DefinitionsRequest, NextPage, ValuesRequest, encode_message

T = TypeVar("T")

DEFAULT_LIMIT = 10_000


def page_bounds(next_page: NextPage | None) -> tuple[int, int]:
    """Start and length of the page asked for."""
    page = next_page or NextPage()
    limit = DEFAULT_LIMIT if page.limit is None else page.limit
    check_count(limit, "nextPage.limit")
    token = page.next_page_token or "0"
    if not (token.isascii() and token.isdigit() and len(token) < 16):
        raise bad_request("nextPage.nextPageToken was not issued by this server.")
    return int(token), limit


def token_after(start: int, limit: int, total: int) -> str | None:
    """The token of the page that follows, or None after the last one."""
    end = start + limit
    return str(end) if limit and end < total else None


def whole_answer(
    state: ServerState,
    scope: str,
    request: DefinitionsRequest | ValuesRequest,
    compute: Callable[[], T],
    size: Callable[[T], int],
) -> T:
    """All pages together: computed for a first page, taken from the cache for a later one if it is still there."""
    plain = msgspec.structs.replace(request, next_page=None)
    key = (scope, type(request).__name__, hashlib.sha256(encode_message(plain)).digest())
    is_first = request.next_page is None or not request.next_page.next_page_token
    if not is_first:
        known: T | None = state.cache.get(key)
        if known is not None:
            return known
    computed = compute()
    state.cache.put(key, computed, size(computed))
    return computed
