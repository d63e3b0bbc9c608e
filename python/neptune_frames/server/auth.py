"""Who may ask: API tokens, the JWT access and refresh tokens made from them, and signatures of file URLs.

Everything is stateless: keys derive from the server's secret, so tokens survive a restart and several
servers of one secret accept each other's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any

from neptune_frames.server.api_tokens import PUBLIC_SECRET, read_api_key
from neptune_frames.server.errors import ApiError

CLIENT_ID = "neptune-frames"
REALM_PATH = "/auth/realms/neptune"
TOKEN_ENDPOINT_PATH = f"{REALM_PATH}/protocol/openid-connect/token"

_KEY_DERIVATION_ROUNDS = 100_000


@dataclass(frozen=True)
class TokenPair:
    access: str = field(repr=False)
    refresh: str = field(repr=False)


@dataclass
class Authority:
    """Issues and checks tokens and signatures.

    ``lifetime`` and ``refresh_lifetime`` are seconds; ``clock`` gives seconds since the epoch.
    """

    secret: str = field(default=PUBLIC_SECRET, repr=False)
    lifetime: float = 3600.0
    refresh_lifetime: float = 30 * 86400.0
    clock: Callable[[], float] = time.time
    _keys: dict[str, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def _master_key(self) -> bytes:
        # Slow on purpose: a token in the wrong hands must not let a weak secret be guessed offline.
        return hashlib.pbkdf2_hmac("sha256", _as_bytes(self.secret), b"neptune-frames server", _KEY_DERIVATION_ROUNDS)

    def exchange(self, api_token: str, base_url: str) -> TokenPair:
        """Access and refresh token for an API token. Raises a 401 for a wrong one.

        Any other status would make clients try the same token again for half an hour.
        """
        key = read_api_key(api_token)
        if key is None or not hmac.compare_digest(_as_bytes(key), _as_bytes(self.secret)):
            raise unauthorized("The API token is not valid for this server. `neptune-frames token URL` prints one.")
        return self._issue(base_url)

    def refresh(self, refresh_token: str, base_url: str) -> TokenPair:
        """A new pair for a refresh token. Raises a 401 for an expired or foreign one."""
        self._check(refresh_token, "refresh")
        return self._issue(base_url)

    def check_bearer(self, authorization: str | None) -> None:
        """Raises a 401 unless the ``Authorization`` header holds a valid access token."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthorized("This endpoint needs the header `Authorization: Bearer <access token>`.")
        self._check(token.strip(), "access")

    def sign(self, text: str, purpose: str) -> str:
        """An unguessable signature of a text for one purpose, as hex digits."""
        return self._digest(text.encode(), purpose).hex()

    def is_signed(self, text: str, signature: str, purpose: str) -> bool:
        return hmac.compare_digest(self.sign(text, purpose).encode(), signature.encode())

    def _issue(self, base_url: str) -> TokenPair:
        now = self.clock()
        claims = {"iss": f"{base_url.rstrip('/')}{REALM_PATH}", "azp": CLIENT_ID, "iat": int(now)}
        return TokenPair(
            access=self._encode({**claims, "exp": _whole(now + self.lifetime), "jti": uuid.uuid4().hex}, "access"),
            refresh=self._encode(
                {**claims, "exp": _whole(now + self.refresh_lifetime), "jti": uuid.uuid4().hex}, "refresh"
            ),
        )

    def _encode(self, claims: dict[str, Any], purpose: str) -> str:
        """A JWT (RFC 7519), signed with HS256. Each purpose has a key of its own: no token serves another one."""
        signed = f"{_base64url_json({'alg': 'HS256', 'typ': 'JWT'})}.{_base64url_json(claims)}"
        return f"{signed}.{_base64url(self._digest(signed.encode(), purpose))}"

    def _check(self, token: str, purpose: str) -> None:
        signed, _, signature = token.rpartition(".")
        expected = _base64url(self._digest(signed.encode(), purpose))
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise unauthorized(f"The {purpose} token was not issued by this server.")
        claims = json.loads(_from_base64url(signed.partition(".")[2]))
        if self.clock() >= claims["exp"]:
            raise ApiError(
                HTTPStatus.UNAUTHORIZED,
                "AUTHORIZATION_TOKEN_EXPIRED",
                f"The {purpose} token has expired. Ask for another one at {TOKEN_ENDPOINT_PATH}.",
                {"WWW-Authenticate": "Bearer"},
            )

    def _digest(self, message: bytes, purpose: str) -> bytes:
        key = self._keys.get(purpose)
        if key is None:
            key = self._keys[purpose] = hmac.digest(self._master_key, purpose.encode(), "sha256")
        return hmac.digest(key, message, "sha256")


def unauthorized(message: str) -> ApiError:
    return ApiError(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", message, {"WWW-Authenticate": "Bearer"})


def _as_bytes(secret: str) -> bytes:
    """The bytes of a secret, also of one that is no valid text, which JSON and environment variables can hold."""
    return secret.encode("utf-8", "surrogatepass")


def _whole(seconds: float) -> int | float:
    """Expiry as clients like it: whole seconds, unless a test asks for a part of one."""
    return int(seconds) if seconds >= time.time() + 60 else seconds


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _base64url_json(content: dict[str, Any]) -> str:
    return _base64url(json.dumps(content, separators=(",", ":")).encode())
