"""How an API token becomes an access token, and stays one: the exchange and the refresh, without I/O.

`exchange` and `refresh` are generators: they yield the requests they need and are sent the answers.
Whoever drives them does the I/O; `AccessTokens` drives them, one at a time for all threads.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from neptune_frames.errors import (
    NeptuneFailedToFetchClientConfig,
    NeptuneInvalidCredentialsError,
    NeptuneUnexpectedResponseError,
    NotNeptuneServerError,
    WireDecodingError,
)
from neptune_frames.sources.remote.bodies import read_small
from neptune_frames.sources.remote.credentials import ApiToken
from neptune_frames.sources.remote.responses import RetryableAnswer, answer_to, check, error_message, is_neptune_error
from neptune_frames.wire import paths
from neptune_frames.wire.requests import (
    ClientConfig,
    ExchangedTokens,
    OpenIdConfiguration,
    RefreshedTokens,
    decode_message,
)

#: A token is renewed this many seconds before it expires.
RENEWAL_MARGIN = 30.0


class Answer(NamedTuple):
    """An answer, its body read."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


Flow = Generator[httpx.Request, Answer, "AccessToken"]


@dataclass(frozen=True)
class AccessToken:
    """An access token with the claims that matter; ``expires_at`` is in seconds since the epoch."""

    text: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: float
    issuer: str | None
    client_id: str | None

    def is_fresh(self, now: float) -> bool:
        return self.expires_at - now > RENEWAL_MARGIN

    @classmethod
    def from_texts(cls, access_token: str, refresh_token: str) -> AccessToken:
        """Read the claims of a JWT. The signature is the server's business and is not checked."""
        claims = _claims(access_token)
        try:
            expires_at = float(claims["exp"])
        except (KeyError, OverflowError, TypeError, ValueError):
            expires_at = math.nan
        if math.isnan(expires_at):
            raise WireDecodingError("the access token does not say when it expires (claim exp)") from None
        return cls(access_token, refresh_token, expires_at, _text(claims, "iss"), _text(claims, "azp"))


def exchange(api_token: ApiToken) -> Flow:
    """API token for access token (TOK). A rejected API token is an error that no retry mends."""
    response = yield httpx.Request(
        "GET", api_token.api_url + paths.TOKEN_EXCHANGE, headers={"X-Neptune-Api-Token": api_token.reveal()}
    )
    if response.status_code == 401:
        raise NeptuneInvalidCredentialsError(error_message(response.content))
    try:
        check(response.status_code, response.headers, response.content, url=api_token.api_url + paths.TOKEN_EXCHANGE)
    except NeptuneUnexpectedResponseError as error:
        # No Neptune server lacks this path: a 404 comes from another, or from another address of one.
        if response.status_code != HTTPStatus.NOT_FOUND and is_neptune_error(response.content):
            raise
        raise NotNeptuneServerError(response.status_code, response.content, url=api_token.api_url) from error
    with answer_to(api_token.api_url + paths.TOKEN_EXCHANGE):
        tokens = decode_message(response.content, ExchangedTokens)
        return AccessToken.from_texts(tokens.access_token, tokens.refresh_token)


def refresh(api_token: ApiToken, old: AccessToken, now: float) -> Flow:
    """A new access token for an old one's refresh token (OIDC-T)."""
    if old.issuer and old.client_id:
        endpoint, client_id = f"{old.issuer.rstrip('/')}/protocol/openid-connect/token", old.client_id
    else:
        endpoint, client_id = yield from _discover(api_token)
    response = yield httpx.Request(
        "POST",
        endpoint,
        data={
            "grant_type": "refresh_token",
            "refresh_token": old.refresh_token,
            "client_id": client_id,
            # Seconds left of the old token, usually negative: servers do not need it, the official clients send it.
            "expires_in": str(old.expires_at - now - RENEWAL_MARGIN),
        },
    )
    check(response.status_code, response.headers, response.content)
    with answer_to(urlsplit(endpoint).path):
        tokens = decode_message(response.content, RefreshedTokens)
        return AccessToken.from_texts(tokens.access_token, tokens.refresh_token)


def renew(api_token: ApiToken, old: AccessToken | None, now: float) -> Flow:
    """Refresh if there is something to refresh; where that fails for any reason, exchange again."""
    if old is not None:
        try:
            return (yield from refresh(api_token, old, now))
        except (
            httpx.HTTPError,
            httpx.InvalidURL,
            NeptuneFailedToFetchClientConfig,
            NeptuneUnexpectedResponseError,
            RetryableAnswer,
            WireDecodingError,
        ):
            pass
    return (yield from exchange(api_token))


class AccessTokens:
    """The access token of one server, renewed by one thread while the others wait for its result.

    Args:
        send: Sends a request and returns the answer, its body not read yet.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        api_token: ApiToken,
        send: Callable[[httpx.Request], httpx.Response],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api_token = api_token
        self._send = send
        self._clock = clock
        self._lock = threading.Lock()
        self._token: AccessToken | None = None

    def get(self, rejected: AccessToken | None = None) -> AccessToken:
        """A fresh token; not ``rejected``, which a server has refused."""
        token = self._usable(rejected)
        if token is not None:
            return token
        with self._lock:
            # Another thread may have renewed it while this one waited.
            token = self._usable(rejected)
            if token is None:
                token = self._token = self._drive(renew(self._api_token, self._token, self._clock()))
            return token

    def _usable(self, rejected: AccessToken | None) -> AccessToken | None:
        token = self._token
        if token is None or token is rejected or not token.is_fresh(self._clock()):
            return None
        return token

    def _drive(self, flow: Flow) -> AccessToken:
        def answer(request: httpx.Request) -> httpx.Request:
            try:
                with answer_to(request.url.path), closing(self._send(request)) as response:
                    received = Answer(response.status_code, response.headers, read_small(response))
            except (httpx.HTTPError, WireDecodingError) as error:
                return flow.throw(error)
            return flow.send(received)

        try:
            request = next(flow)
            while True:
                request = answer(request)
        except StopIteration as end:
            token: AccessToken = end.value
            return token


def _discover(api_token: ApiToken) -> Generator[httpx.Request, Answer, tuple[str, str]]:
    """Token endpoint and client id, from the client configuration and the OpenID document it names."""
    try:
        response = yield httpx.Request("GET", api_token.api_url + paths.CLIENT_CONFIG)
        check(response.status_code, response.headers, response.content)
        with answer_to(paths.CLIENT_CONFIG):
            security = decode_message(response.content, ClientConfig).security
        response = yield httpx.Request("GET", security.open_id_discovery)
        check(response.status_code, response.headers, response.content)
        with answer_to(urlsplit(security.open_id_discovery).path):
            return decode_message(response.content, OpenIdConfiguration).token_endpoint, security.client_id
    except (NeptuneUnexpectedResponseError, RetryableAnswer, WireDecodingError) as error:
        raise NeptuneFailedToFetchClientConfig(error) from error


def _claims(jwt: str) -> dict[str, Any]:
    parts = jwt.split(".")
    try:
        payload = parts[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, binascii.Error, ValueError, RecursionError):
        raise WireDecodingError("the access token is not a JWT") from None
    if not isinstance(claims, dict):
        raise WireDecodingError("the access token's claims are not an object")
    return claims


def _text(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and value else None
