"""The last resort: a defect of ours becomes a 500 in the usual shape, and its trace goes to the log only."""

from __future__ import annotations

import logging
from http import HTTPStatus

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from neptune_frames.server.errors import ApiError, error_response

logger = logging.getLogger(__name__)


class UnexpectedErrors:
    """ASGI middleware that answers exceptions nobody expected.

    Starlette's own would raise them again after the answer, so that each trace is logged twice.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except ClientDisconnect:
            return
        except Exception:
            logger.exception("%s %s failed", scope["method"], scope["path"])
            if started:
                raise
            answer = ApiError(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "INTERNAL_SERVER_ERROR",
                "The server met a defect of its own; its log has the details.",
            )
            await error_response(answer)(scope, receive, send)
