"""Page tokens of definitions and values: how many entries were sent before.

A token says all that is needed to go on, so any page can be answered from scratch; what the previous
page computed is kept for a while to spare that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from neptune_frames.server.errors import bad_request
from neptune_frames.server.limits import DEFAULT_PAGE_LIMIT, check_count
from neptune_frames.server.state import ServerState
from neptune_frames.wire.requests import DefinitionsRequest, NextPage, ValuesRequest, encode_message


class Entries(Protocol):
    """An answer that is cut into pages."""

    @property
    def num_rows(self) -> int: ...

    @property
    def nbytes(self) -> int: ...


EntriesT = TypeVar("EntriesT", bound=Entries)


def page_bounds(next_page: NextPage | None) -> tuple[int, int]:
    """Start and length of the page asked for."""
    page = next_page or NextPage()
    limit = DEFAULT_PAGE_LIMIT if page.limit is None else page.limit
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
    compute: Callable[[], EntriesT],
) -> EntriesT:
    """All pages together: computed for a first page, taken from the cache for a later one if it is still there.

    So all pages are of one state of the archive. What is not continued after this page is not kept.
    """
    start, limit = page_bounds(request.next_page)
    plain = msgspec.structs.replace(request, next_page=None)
    key = (scope, type(request).__name__, hashlib.sha256(encode_message(plain)).digest())
    is_first = request.next_page is None or not request.next_page.next_page_token
    if not is_first:
        known: EntriesT | None = state.cache.get(key)
        if known is not None:
            return known
    computed = compute()
    if token_after(start, limit, computed.num_rows) is not None:
        state.cache.put(key, computed, int(computed.nbytes))
    return computed
