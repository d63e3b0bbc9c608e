"""File payloads: signed URLs of our own (G, GA) and the files behind them (FILE)."""

from __future__ import annotations

import base64
import json
import math
import re
from datetime import datetime, timezone
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from neptune_frames.server.auth import Authority
from neptune_frames.server.errors import ApiError, bad_request
from neptune_frames.server.limits import check_at_most
from neptune_frames.server.state import Query, ServerState, check_bearer
from neptune_frames.sources.archive.local_copies import PayloadFile
from neptune_frames.sources.archive.payloads import mime_type
from neptune_frames.wire import paths
from neptune_frames.wire.requests import SignedFile, SignedUrlAnswer, SignedUrlRequest, decode_message, encode_message

#: How clients are told to fetch: a plain GET. They judge the age of such a URL by the two X-Goog parameters.
PROVIDER = "gcp"
_DATE_FORMAT = "%Y%m%dT%H%M%SZ"
_SIGNING_PURPOSE = "file"

#: Ranges of bytes that are answered: a few, whose numbers are those of bytes.
_ONE_RANGE = r"(?:[0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18})"
_RANGES = re.compile(rf"bytes={_ONE_RANGE}(?:,[ \t]*{_ONE_RANGE}){{0,15}}")


def sign_urls(state: ServerState, query: Query) -> bytes:
    """G: one URL per file, in order. A file that is missing gets one too; its GET says 404."""
    wanted = decode_message(query.body, SignedUrlRequest)
    check_at_most(len(wanted.files), state.limits.files, "files")
    if any(file.permission != "read" for file in wanted.files):
        raise bad_request("This server is read-only: permission can only be read.")
    date = datetime.fromtimestamp(state.authority.clock(), timezone.utc).strftime(_DATE_FORMAT)
    answer = SignedUrlAnswer(
        [
            SignedFile(
                project_identifier=file.project_identifier,
                path=file.path,
                url=query.base_url + _signed_path(state, file.project_identifier, file.path, date),
                provider=PROVIDER,
            )
            for file in wanted.files
        ]
    )
    return encode_message(answer)


async def sign_azure_urls(request: Request) -> Response:
    """GA: only uploads and downloads through an Azure account were ever asked for here, and there is none."""
    check_bearer(request)
    raise ApiError(
        HTTPStatus.GONE,
        "BAD_REQUEST",
        f"This server has no Azure storage. Ask {paths.SIGNED_URLS} for URLs that answer a plain GET.",
    )


async def download(request: Request) -> Response:
    """FILE: the payload behind a signed URL, whole or in ranges; 400 once the URL has expired."""
    state = ServerState.of(request)
    project, path = _verified(state.authority, request)
    payload = await run_in_threadpool(_payload, state, project, path)
    if payload is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "FILE_NOT_FOUND", f"The payload of {path!r} is not in this archive.")
    _drop_useless_ranges(request)
    return _PayloadResponse(payload, media_type=mime_type(path))


class _PayloadResponse(FileResponse):
    """A payload, which is kept until it has been sent."""

    def __init__(self, payload: PayloadFile, media_type: str) -> None:
        super().__init__(payload.path, media_type=media_type, headers={"X-Content-Type-Options": "nosniff"})
        self._payload = payload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await run_in_threadpool(self._payload.close)


def _payload(state: ServerState, project: str, path: str) -> PayloadFile | None:
    """The payload on disk. An unknown project has none: a refusal would make clients try again."""
    return state.source.payload(project, path)


def _signed_path(state: ServerState, project: str, path: str, date: str) -> str:
    """Path and query of a signed URL.

    The file is named in one opaque segment: a path of its own would be rewritten by clients that
    resolve ``..`` and ``//``.
    """
    name = base64.urlsafe_b64encode(json.dumps([project, path]).encode()).rstrip(b"=").decode()
    parameters = {"X-Goog-Date": date, "X-Goog-Expires": str(math.ceil(state.file_url_lifetime))}
    signature = state.authority.sign(_signed_text(name, *parameters.values()), _SIGNING_PURPOSE)
    return f"{paths.FILES}/{name}?{urlencode({**parameters, 'X-Goog-Signature': signature})}"


def _signed_text(name: str, date: str, expires: str) -> str:
    return f"{name}\n{date}\n{expires}"


def _verified(authority: Authority, request: Request) -> tuple[str, str]:
    """Project and path of a signed URL. Raises 403 for a signature that is not ours and 400 for an old one."""
    name = request.path_params["name"]
    date, expires, signature = (
        request.query_params.get(key, "") for key in ("X-Goog-Date", "X-Goog-Expires", "X-Goog-Signature")
    )
    if not authority.is_signed(_signed_text(name, date, expires), signature, _SIGNING_PURPOSE):
        raise ApiError(HTTPStatus.FORBIDDEN, "UNAUTHORIZED", "This file URL was not signed by this server.")
    signed_at = datetime.strptime(date, _DATE_FORMAT).replace(tzinfo=timezone.utc).timestamp()
    if authority.clock() >= signed_at + int(expires):
        raise bad_request("This file URL has expired; ask for another one.")
    project, path = json.loads(base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)))
    return project, path


def _drop_useless_ranges(request: Request) -> None:
    """A Range header that is none, or asks for many ranges, is ignored (RFC 9110, section 14.2), not refused.

    A 400 would say to clients that the URL has expired.
    """
    request.scope["headers"] = [
        (key, value)
        for key, value in request.scope["headers"]
        if key != b"range" or _are_ranges(value.decode("latin-1"))
    ]


def _are_ranges(text: str) -> bool:
    if not _RANGES.fullmatch(text):
        return False
    return all(int(first) <= int(last) for first, last in re.findall(r"([0-9]+)-([0-9]+)", text))
