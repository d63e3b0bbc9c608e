"""API tokens: what a user pastes into ``NEPTUNE_API_TOKEN``. Needs none of the server's dependencies."""

from __future__ import annotations

import base64
import binascii
import json

#: The secret of a server started without one. It protects nothing, which is why such a server stays on loopback.
PUBLIC_SECRET = "neptune-frames-public"


def is_public(secret: str | None) -> bool:
    """Whether a server of this secret (None: it was given none) is open to everyone who can reach it."""
    return secret is None or secret == PUBLIC_SECRET


def make_api_token(url: str, secret: str = PUBLIC_SECRET) -> str:
    """The API token with which clients reach the server at ``url``.

    >>> token = make_api_token("http://127.0.0.1:8600")
    >>> sorted(json.loads(base64.b64decode(token)))
    ['api_address', 'api_key', 'api_url']
    """
    address = url.rstrip("/")
    content = {"api_address": address, "api_url": address, "api_key": secret}
    return base64.b64encode(json.dumps(content).encode()).decode()


def read_api_key(api_token: str) -> str | None:
    """The key in an API token, or None where the text is no API token."""
    try:
        content = json.loads(base64.b64decode(api_token.strip(), validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    key = content.get("api_key") if isinstance(content, dict) else None
    return key if isinstance(key, str) else None
