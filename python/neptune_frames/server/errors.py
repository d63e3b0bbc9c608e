"""Every failure as the JSON body clients know: ``{"errorType", "message", "code"}``.

Clients retry 429 and 5xx for half an hour and read any body whose ``errorType`` is ``ACCESS_DENIED`` as "no such
project" (http-api.md, section 4), so a caller's mistake is always a plain 4xx and a final one.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from neptune_frames.errors import (
    ArchiveError,
    NeptuneProjectInaccessible,
    NeptuneUserError,
    WireDecodingError,
)


class ApiError(Exception):
    """An answer other than success: HTTP status, the documented ``errorType``, and what the caller can do."""

    def __init__(self, status: int, error_type: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.message = message
        self.headers = headers


def bad_request(message: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, "BAD_REQUEST", message)


def access_denied(project: str) -> ApiError:
    """What clients turn into "project inaccessible"."""
    return ApiError(
        HTTPStatus.FORBIDDEN, "ACCESS_DENIED", f"Project {project!r} does not exist here or is not accessible."
    )


def as_api_error(error: Exception) -> ApiError | None:
    """The answer to an error of the library, or None for a defect of ours."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, NeptuneProjectInaccessible):
        return access_denied(error.project or "")
    if isinstance(error, WireDecodingError):
        return ApiError(HTTPStatus.BAD_REQUEST, "MALFORMED_JSON_REQUEST", str(error))
    if isinstance(error, ArchiveError):
        # Final, though the fault is the server's: a damaged file does not mend while a client retries.
        return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "PROJECT_NOT_READY", str(error))
    if isinstance(error, NeptuneUserError):
        return bad_request(str(error))
    return None


def error_response(error: ApiError) -> JSONResponse:
    body = {"errorType": error.error_type, "message": error.message, "code": int(error.status)}
    return JSONResponse(body, status_code=error.status, headers=error.headers)


async def _answer_known(request: Request, error: Exception) -> Response:
    known = as_api_error(error)
    assert known is not None
    return error_response(known)


async def _answer_http(request: Request, error: Exception) -> Response:
    """Starlette's own refusals (no such route, wrong method) in the shape of all others."""
    assert isinstance(error, HTTPException)
    messages = {
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.url.path} does not answer {request.method}.",
    }
    types = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
    return error_response(
        ApiError(
            error.status_code,
            types.get(error.status_code, "BAD_REQUEST"),
            messages.get(error.status_code, error.detail),
            {"Allow": ", ".join(_methods(request))} if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED else None,
        )
    )


def _methods(request: Request) -> list[str]:
    """The methods of a path, of which each may have a route of its own."""
    routes = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in routes for method in route.methods})


EXCEPTION_HANDLERS: dict[Any, Any] = {
    ApiError: _answer_known,
    NeptuneProjectInaccessible: _answer_known,
    WireDecodingError: _answer_known,
    ArchiveError: _answer_known,
    NeptuneUserError: _answer_known,
    HTTPException: _answer_http,
}
