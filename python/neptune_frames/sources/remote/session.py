"""One road for every request: build, authorise, send (and again, if need be), read, decode."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from functools import partial
from typing import Any, TypeVar

import httpx

from neptune_frames import config
from neptune_frames.installation import library_version
from neptune_frames.sources.public_call import PublicCall, current_call
from neptune_frames.sources.remote.bodies import BodyBudget, expected_size, read_body, read_error
from neptune_frames.sources.remote.concurrency import cancellable_sleep, check_cancelled, compute, run_attended
from neptune_frames.sources.remote.connections import Connections
from neptune_frames.sources.remote.credentials import ApiToken
from neptune_frames.sources.remote.responses import answer_to, check, may_refuse_accept, may_refuse_content
from neptune_frames.sources.remote.retries import RetryPolicy
from neptune_frames.sources.remote.token_flow import AccessTokens
from neptune_frames.wire import paths
from neptune_frames.wire.media_types import (
    ACCEPT_ANY_FORMAT,
    ACCEPT_LEGACY,
    ARROW_STREAM,
    JSON,
    PROTOBUF,
    REQUEST_FORMATS_HEADER,
    essence,
)

T = TypeVar("T")

#: Turns a body and its media type into what it means.
Decode = Callable[[Any, str], T]

_METADATA_HEADER = "X-Neptune-Client-Metadata"

#: Characters of each part of the metadata, as the official client cuts them: the header has 200 at most.
_LONGEST_FUNCTION = 32
_LONGEST_VERSION = 24
_LONGEST_QUERY_ID = 8
_LONGEST_USER_DATA = 82  # of JSON: a text of 80 in quotation marks

_DECODABLE = (PROTOBUF, JSON, ARROW_STREAM)


class Session:
    """The connections to one server, with its access token. Thread-safe.

    Args:
        proxies: Proxy URL by scheme (``http``, ``https``, ``all``; also written ``http://``), or None for the proxies
            of the environment.
        transport: Stands in for the network, in tests.
    """

    def __init__(
        self,
        api_token: ApiToken,
        *,
        proxies: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self._base_url = api_token.api_url
        self._retry_policy = retry_policy or RetryPolicy()
        self._bodies = BodyBudget()
        self.connections = Connections(proxies, transport)
        self._tokens = AccessTokens(api_token, partial(self.connections.send, stream=True))
        self._accept = ACCEPT_ANY_FORMAT
        #: Whether the server reads requests in Arrow; None once it has refused one.
        self._reads_arrow: bool | None = False

    def __repr__(self) -> str:
        return f"Session({self._base_url!r})"

    def call(
        self,
        method: str,
        path: str,
        decode: Decode[T],
        *,
        answers: str = PROTOBUF,
        params: Mapping[str, str] | None = None,
        content: bytes | Callable[[], bytes] | None = None,
        content_type: str = JSON,
        arrow_content: Callable[[], bytes] | None = None,
        project: str | None = None,
        headers: Mapping[str, str] | None = None,
        side_by_side: bool = True,
    ) -> T:
        """Send one request and decode its answer, trying again as the retry policy says.

        Args:
            method: The HTTP method.
            path: Below the server's address.
            decode: Called with the body and its media type, in a thread that only computes.
            answers: The media type to assume where the answer does not name one that we know.
            params: The query of the URL.
            content: The body, or who makes it.
            content_type: The media type of the body.
            arrow_content: Makes the same body as an Arrow stream, for a server that says it reads that.
            project: Named in the error where access is denied.
            headers: Further headers of this request.
            side_by_side: Whether its decoding may run beside that of others
                (`neptune_frames.sources.remote.concurrency.compute`).

        Raises:
            NeptuneProjectInaccessible, NeptuneInvalidCredentialsError, NeptuneUnexpectedResponseError: The server said
                no.
            NeptuneRetryError: It did not answer in time.
            WireDecodingError: Its answer is not the message it should be.
        """
        sent = dict(headers or {})
        if path.startswith(paths.LEADERBOARD):
            sent[_METADATA_HEADER] = client_metadata(current_call())
        url = self._base_url + path

        def receive(accept: str, arrow: Callable[[], bytes] | None) -> T:
            check_cancelled()
            made = arrow or content
            body = made() if callable(made) else made
            types = {} if body is None else {"Content-Type": content_type if arrow is None else ARROW_STREAM}
            response = self._send_authorised(method, url, params, {**sent, **types, "Accept": accept}, body)
            with closing(response):
                if not response.is_success:
                    refusal = read_error(response)
                    if arrow is not None and may_refuse_content(response.status_code):
                        raise _FormatRefused
                    if accept != ACCEPT_LEGACY and may_refuse_accept(response.status_code, refusal):
                        raise _FormatRefused
                    check(response.status_code, response.headers, refusal, project=project, url=url)
                self._learn_formats(response)
                with self._bodies.reserve(expected_size(response)) as room:
                    answer = read_body(response, room.take, room.cover, check_cancelled)
                    return compute(partial(decode, answer, _media_type(response, answers)), side_by_side=side_by_side)

        def attempt() -> T:
            arrow = arrow_content if self._reads_arrow else None
            with suppress(_FormatRefused):
                return receive(self._accept, arrow)
            answer = receive(ACCEPT_LEGACY, None)
            # Only now is it known that a format was to blame, and not what was asked.
            if arrow is not None:
                self._reads_arrow = None
            else:
                self._accept = ACCEPT_LEGACY
            return answer

        sleep = cancellable_sleep(self._retry_policy.sleep)
        with answer_to(path, project):
            return run_attended(partial(self._retry_policy.run, attempt, url=url, sleep=sleep))

    def close(self) -> None:
        self.connections.close()

    def _learn_formats(self, response: httpx.Response) -> None:
        named = response.headers.get(REQUEST_FORMATS_HEADER, "")
        if self._reads_arrow is False and ARROW_STREAM in map(essence, named.split(",")):
            self._reads_arrow = True

    def _send_authorised(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        headers: dict[str, str],
        content: bytes | None,
    ) -> httpx.Response:
        """One answer, its body not read yet. A refused access token is renewed once."""

        def send() -> httpx.Response:
            request = httpx.Request(
                method,
                url,
                params=params,
                headers={**headers, "Authorization": f"Bearer {token.text}"},
                content=content,
            )
            return self.connections.send(request, stream=True)

        token = self._tokens.get()
        response = send()
        if response.status_code == 401:
            response.close()
            token = self._tokens.get(rejected=token)
            response = send()
        return response


class _FormatRefused(Exception):
    """The server may not know the formats offered, or that of the request."""


def _media_type(response: httpx.Response, otherwise: str) -> str:
    """The media type of an answer. Official servers name none that helps (``application/octet-stream``)."""
    stated = essence(response.headers.get("Content-Type", ""))
    return stated if stated in _DECODABLE else otherwise


def client_metadata(call: PublicCall | None) -> str:
    """The metadata header: which public function asks, and what the user adds (NEPTUNE_QUERY_METADATA)."""
    return json.dumps(
        {
            "fn": call.function[:_LONGEST_FUNCTION] if call else None,
            "v": f"neptune-frames/{library_version()}"[:_LONGEST_VERSION],
            "qid": call.query_id[:_LONGEST_QUERY_ID] if call else None,
            "ud": _user_data(config.METADATA.get()),
        }
    )


def _user_data(text: str) -> Any:
    if not text:
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = text
    return data if len(json.dumps(data)) <= _LONGEST_USER_DATA else "NEPTUNE_QUERY_METADATA too long"
