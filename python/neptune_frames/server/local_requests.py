"""With the public secret, only what was sent to this machine under a name of its own is answered.

Listening on a loopback address does not keep web pages out: the owner of a page can point its name at 127.0.0.1 (DNS
rebinding), and a browser on this machine then lets the page read whatever is served there. Such requests carry
the name of the page in the header ``Host``.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from neptune_frames import config
from neptune_frames.server.auth import unauthorized
from neptune_frames.server.errors import error_response
from neptune_frames.server.loopback import is_sent_to_loopback


class LocalRequestsOnly:
    """ASGI middleware that refuses requests whose ``Host`` is neither ``localhost`` nor a loopback address.

    With a 401, after which no client asks for a token again.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = Headers(scope=scope).get("host") if scope["type"] == "http" else None
        if host is None or is_sent_to_loopback(host):
            await self._app(scope, receive, send)
            return
        refusal = unauthorized(
            f"This request was sent to {host!r}. Without a secret of its own, the server answers those to localhost, "
            "127.0.0.1 or [::1] only, so that no web page can read the data. Use one of these addresses, or set a "
            f"secret in {config.SERVER_SECRET.name} or with --secret SECRET when the server is started."
        )
        await error_response(refusal)(scope, receive, send)
