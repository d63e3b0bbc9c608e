"""API tokens: where the server is, and the secret that opens it."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx

from neptune_frames.errors import InvalidApiTokenError
from neptune_frames.sources.token_text import unquoted


class ApiToken:
    """A decoded API token. Its secret is shown by no repr, no pickle and no error.

    Args:
        text: Base64 of a JSON object with ``api_url`` (or ``api_address``), as a server hands it out. Surrounding
            white space and quotation marks do not matter.

    Raises:
        InvalidApiTokenError: The text is not such a token.
    """

    __slots__ = ("_text", "api_url")

    api_url: str

    def __init__(self, text: str) -> None:
        self._text = unquoted(text)
        self.api_url = _address(_fields(self._text)).rstrip("/")

    def reveal(self) -> str:
        """The token as text, for the one header that carries it."""
        return self._text

    def __repr__(self) -> str:
        return "ApiToken(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an API token cannot be pickled: it would be written out in clear; decode it again instead")


def _fields(text: str) -> dict[str, Any]:
    if not text:
        raise InvalidApiTokenError("it is empty")
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidApiTokenError("it is not base64 text") from None
    try:
        fields = json.loads(decoded)
    except (ValueError, RecursionError):
        raise InvalidApiTokenError("it does not hold JSON") from None
    if not isinstance(fields, dict):
        raise InvalidApiTokenError("it does not hold a JSON object")
    return fields


def _address(fields: dict[str, Any]) -> str:
    for key in ("api_url", "api_address"):
        address = fields.get(key)
        if isinstance(address, str) and address.strip():
            address = address.strip()
            if not address.lower().startswith(("http://", "https://")):
                raise InvalidApiTokenError(f"its {key} is not an http or https address")
            _check_address(address, key)
            return address
    raise InvalidApiTokenError("it names no server: api_url and api_address are both missing or empty")


def _check_address(address: str, key: str) -> None:
    """That requests can be sent there, and that whoever reads the address reads no secret. It is in no message."""
    try:
        parts, sent = urlsplit(address), httpx.URL(address)
        port_fits = parts.port is None or parts.port > 0  # raises for what is no port at all
    except (ValueError, httpx.InvalidURL):
        raise InvalidApiTokenError(f"its {key} has no valid host or port") from None
    if "@" in parts.netloc:
        raise InvalidApiTokenError(
            f"its {key} holds a user name or password (not shown here), which servers do not take"
        )
    if parts.query or parts.fragment:
        raise InvalidApiTokenError(f"its {key} holds more than a host, a port and a path")
    # httpx escapes what no name of a host may hold, and then looks for that host.
    if not port_fits or not sent.host or b"%" in sent.raw_host:
        raise InvalidApiTokenError(f"its {key} has no valid host or port")
