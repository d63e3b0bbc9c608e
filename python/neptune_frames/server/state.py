"""What every handler needs: the source, the authority, the limits, the cache; and the steps all handlers share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast

import pyarrow as pa
from anyio import CapacityLimiter, to_thread
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from neptune_frames.server.auth import Authority
from neptune_frames.server.cache import BytesBoundedCache
from neptune_frames.server.errors import ApiError, access_denied, bad_request
from neptune_frames.server.limits import Limits, read_body
from neptune_frames.sources.archive import ArchiveSource
from neptune_frames.wire import negotiate
from neptune_frames.wire.media_types import (
    ARROW_STREAM,
    JSON,
    POINT_COLUMNS_HEADER,
    PROTOBUF,
    REQUEST_FORMATS_HEADER,
    UNNEEDED_HEADER,
    essence,
)

#: What the ``/proto/`` paths answer: protobuf unless a client asks for something else.
PROTO_PATH = (PROTOBUF, ARROW_STREAM, JSON)
#: What the plain paths answer.
JSON_PATH = (JSON, ARROW_STREAM, PROTOBUF)
#: What comes page by page, with a token for the next one, for which the protobuf message has no place.
PAGED_PATH = (JSON, ARROW_STREAM)
JSON_ONLY = (JSON,)


@dataclass
class ServerState:
    """Everything one server holds. Answers are plain functions of it and of a decoded request."""

    source: ArchiveSource
    authority: Authority = field(default_factory=Authority)
    limits: Limits = field(default_factory=Limits)
    #: Seconds a signed file URL is valid.
    file_url_lifetime: float = 900.0
    cache: BytesBoundedCache = field(init=False, repr=False)
    #: Bounds the memory of answers being made at once.
    answering: CapacityLimiter = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.cache = BytesBoundedCache(self.limits.cache_bytes)
        self.answering = CapacityLimiter(self.limits.concurrent_answers)

    @staticmethod
    def of(request: Request) -> ServerState:
        return cast("ServerState", request.app.state.server)

    def find_projects(self, identifiers: Iterable[str]) -> list[dict[str, Any]]:
        """The rows of `ArchiveSource.projects` for names or UUIDs, each once; unknown ones are left out.

        The archive is listed once, however many are asked for. Raises `ArchiveError` where none is known, and it may be
        a project whose name cannot be read.
        """
        known = {}
        for project in self.source.projects().to_pylist():
            known[project["project"]] = known[project["uuid"]] = project
        found = {known[name]["project"]: known[name] for name in identifiers if name in known}
        if not found:
            self.source.projects(complete=True)
        return list(found.values())

    def project_name(self, identifier: str) -> str:
        """The name of the project with that name or UUID. Raises ACCESS_DENIED when it is not here."""
        found = self.find_projects([identifier])
        if not found:
            raise access_denied(identifier)
        return cast("str", found[0]["project"])


@dataclass(frozen=True)
class Query:
    """One request after all checks: its query parameters, its body, and the media type to answer with.

    ``body_type`` is the media type of the body. An answer in Arrow may do without what the client does not need:
    ``columns`` are those of float points that it does (POINT_COLUMNS_HEADER), None for all, ``unneeded`` the parts of
    the answer that it does not (UNNEEDED_HEADER). ``base_url`` is where the client reached the server.
    """

    parameters: QueryParams
    body: bytes = b""
    media_type: str = JSON
    body_type: str = JSON
    columns: frozenset[str] | None = None
    unneeded: frozenset[str] = frozenset()
    base_url: str = ""

    def required(self, name: str) -> str:
        """A query parameter; raises 400 when it is missing."""
        value = self.parameters.get(name)
        if not value:
            raise bad_request(f"The query parameter {name} is missing.")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """A boolean query parameter."""
        text = self.parameters.get(name)
        if text is None:
            return default
        if text.lower() not in ("true", "false"):
            raise bad_request(f"The query parameter {name} is {text!r}; it can be true or false.")
        return text.lower() == "true"

    def number(self, name: str, kind: type[float] | type[int], default: float | None) -> Any:
        """A numeric query parameter."""
        text = self.parameters.get(name)
        if text is None:
            return default
        try:
            return kind(text)
        except ValueError:
            raise bad_request(f"The query parameter {name} is {text!r}; it must be a number.") from None


def base_url(request: Request) -> str:
    """The server's address as this client reached it, which is the address it can reach again."""
    return str(request.base_url).rstrip("/")


def acceptable(request: Request, offered: Sequence[str]) -> str:
    """The media type to answer with; raises 406 when the client accepts none of those offered."""
    media_type = negotiate(request.headers.get("accept"), offered)
    if media_type is None:
        raise ApiError(
            HTTPStatus.NOT_ACCEPTABLE, "BAD_REQUEST", f"{request.url.path} answers in {', '.join(offered)} only."
        )
    return media_type


def check_bearer(request: Request) -> ServerState:
    """The state, once the caller has shown a valid access token."""
    state = ServerState.of(request)
    state.authority.check_bearer(request.headers.get("authorization"))
    return state


def _words(request: Request, header: str) -> frozenset[str] | None:
    """The words in a header, None where it is not there."""
    text = request.headers.get(header)
    return None if text is None else frozenset(name.strip() for name in text.split(","))


def endpoint(answer: Callable[[ServerState, Query], bytes], offered: Sequence[str]) -> Callable[[Request], Any]:
    """A handler: check the caller, read the body, let ``answer(state, query)`` make the bytes in a thread.

    The order matters: nothing is read for a caller without a token, and nothing computed for an
    answer the caller would not understand.
    """

    async def handle(request: Request) -> Response:
        state = check_bearer(request)
        media_type = acceptable(request, offered)
        body = await read_body(request, state.limits.body_bytes)
        body_type = essence(request.headers.get("content-type", JSON))
        columns, unneeded = (
            _words(request, header) if media_type == ARROW_STREAM else None
            for header in (POINT_COLUMNS_HEADER, UNNEEDED_HEADER)
        )
        query = Query(
            request.query_params, body, media_type, body_type, columns, unneeded or frozenset(), base_url(request)
        )
        content = await to_thread.run_sync(answer, state, query, limiter=state.answering)
        return Response(content, media_type=media_type, headers={REQUEST_FORMATS_HEADER: ARROW_STREAM})

    return handle


def one_batch(table: pa.Table) -> pa.RecordBatch:
    """The rows of a table as one batch."""
    return pa.RecordBatch.from_arrays([_one_array(column) for column in table.columns], schema=table.schema)


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined
