"""Tokens, retries, negotiation and secrets: what the session does when things go wrong."""

from __future__ import annotations

import base64
import email.utils
import gzip
import json
import logging
import math
import pickle
import ssl
import threading
import time
import traceback
import tracemalloc
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pyarrow as pa
import pytest

from neptune_frames.errors import (
    NeptuneInvalidCredentialsError,
    NeptuneProjectInaccessible,
    NeptuneRetryError,
    NeptuneUnexpectedResponseError,
    NeptuneUserError,
    WireDecodingError,
)
from neptune_frames.query.selection import AttributeAlternative, AttributeSelector
from neptune_frames.schemas import RUNS
from neptune_frames.sources.public_call import public_call
from neptune_frames.sources.remote import bodies
from neptune_frames.warnings import HttpOtherWarning
from neptune_frames.wire.media_types import ACCEPT_ANY_FORMAT

EXCHANGE = "/api/backend/v1/authorization/oauth-token"
CONFIG = "/api/backend/v1/clients/config"
REFRESH = "/realm/protocol/openid-connect/token"
DEFINITIONS = "/api/leaderboard/v1/leaderboard/attributes/definitions/query"

EVERYTHING = AttributeSelector((AttributeAlternative(("float",)),))

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def found(request: httpx.Request | None = None) -> httpx.Response:
    return httpx.Response(200, json={"entries": [{"name": "lr", "type": "float"}], "nextPage": {}})


def ask(source: Any) -> list[str]:
    names: list[str] = source.definitions(["acme/vision"], None, EVERYTHING)["attribute"].to_pylist()
    return names


def failing(status: int, **more: Any) -> httpx.Response:
    return httpx.Response(status, **more)


def refreshing(server: Any) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        issued = server.issue()
        return httpx.Response(
            200, json={"access_token": issued["accessToken"], "refresh_token": issued["refreshToken"]}
        )

    return answer


def test_one_exchange_however_many_threads_wait(server):
    exchange = server._answers[EXCHANGE]
    with ThreadPoolExecutor(32) as pool:

        def slow_exchange(request: httpx.Request) -> httpx.Response:
            # Leave the other threads time to arrive at the lock: they all see this request on its way.
            started.wait_for_all()
            return exchange(request)

        started = _Gate(32)
        server.on(EXCHANGE, slow_exchange)
        server.on(DEFINITIONS, found)
        source = server.source()

        def call() -> list[str]:
            started.arrive()
            return ask(source)

        answers = [future.result() for future in [pool.submit(call) for _ in range(32)]]
    assert answers == [["lr"]] * 32
    assert server.paths().count(EXCHANGE) == 1


class _Gate:
    """Opens when so many threads have arrived."""

    def __init__(self, count: int) -> None:
        self._arrived = threading.Semaphore(0)
        self._count = count

    def arrive(self) -> None:
        self._arrived.release()

    def wait_for_all(self) -> None:
        for _ in range(self._count):
            assert self._arrived.acquire(timeout=20)


def test_a_token_about_to_expire_is_refreshed_once(server):
    server.lifetime = 29.0
    server.on(DEFINITIONS, found)
    server.on(REFRESH, refreshing(server))
    source = server.source()
    ask(source)
    server.lifetime = 3600.0
    ask(source)
    ask(source)
    assert server.paths() == [EXCHANGE, DEFINITIONS, REFRESH, DEFINITIONS, DEFINITIONS]
    form = dict(pair.split("=") for pair in server.requests[2].content.decode().split("&"))
    assert list(form) == ["grant_type", "refresh_token", "client_id", "expires_in"]
    assert (form["grant_type"], form["refresh_token"], form["client_id"]) == ("refresh_token", "refresh-1", "stub")
    assert "Authorization" not in server.requests[2].headers


def test_a_refused_access_token_is_refreshed_and_the_request_sent_again(server):
    server.on(DEFINITIONS, failing(401), found)
    server.on(REFRESH, refreshing(server))
    assert ask(server.source()) == ["lr"]
    assert server.paths() == [EXCHANGE, DEFINITIONS, REFRESH, DEFINITIONS]
    first, second = (server.requests[index].headers["Authorization"] for index in (1, 3))
    assert first != second


def test_a_second_refusal_is_an_error(server):
    server.on(DEFINITIONS, failing(401))
    server.on(REFRESH, refreshing(server))
    with pytest.raises(NeptuneUnexpectedResponseError) as caught:
        ask(server.source())
    assert caught.value.status_code == 401
    assert server.paths().count(DEFINITIONS) == 2


@pytest.mark.parametrize(
    "answer",
    [
        failing(400),
        failing(503),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"access_token": "no.jwt", "refresh_token": "r"}),
        httpx.Response(200, content=b"<html>"),
        httpx.ConnectError("refused"),
    ],
    ids=["400", "503", "empty", "no jwt", "html", "no connection"],
)
def test_where_a_refresh_fails_the_api_token_is_exchanged_again(server, answer):
    server.on(DEFINITIONS, failing(401), found)
    server.on(REFRESH, answer)
    assert ask(server.source()) == ["lr"]
    assert server.paths() == [EXCHANGE, DEFINITIONS, REFRESH, EXCHANGE, DEFINITIONS]


@pytest.mark.parametrize("compressed", [False, True])
def test_a_token_answer_that_would_fill_the_memory_is_not_read(server, compressed):
    """The exchange fails at once; a refresh that fails is an exchange."""
    plain = b'{"accessToken": "' + b"x" * 64 * 1024 * 1024 + b'"}'
    content = gzip.compress(plain, 9) if compressed else plain
    headers = {"Content-Encoding": "gzip" if compressed else "identity", "Content-Length": str(len(content))}

    def huge(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=headers, stream=_Pieces(content))

    server.on(DEFINITIONS, failing(401), found)
    server.on(REFRESH, huge)
    assert ask(server.source()) == ["lr"]
    assert server.paths() == [EXCHANGE, DEFINITIONS, REFRESH, EXCHANGE, DEFINITIONS]
    server.on(EXCHANGE, huge)
    tracemalloc.start()
    try:
        with pytest.raises(WireDecodingError, match=r"oauth-token.*larger than 1,048,576 bytes"):
            ask(server.source())
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_without_claims_the_refresh_endpoint_is_discovered(server):
    issued = server.issue()
    claims = base64.urlsafe_b64encode(json.dumps({"exp": time.time() + 3600}).encode()).decode().rstrip("=")
    server.on(EXCHANGE, httpx.Response(200, json={**issued, "accessToken": f"e30.{claims}.s"}))
    server.on(DEFINITIONS, failing(401), found)
    security = {"clientId": "discovered", "openIdDiscovery": "http://stub.invalid/discovery"}
    server.on(CONFIG, httpx.Response(200, json={"apiUrl": "x", "pyLibVersions": {}, "security": security}))
    endpoints = {"authorization_endpoint": "x", "token_endpoint": "http://stub.invalid/elsewhere"}
    server.on("/discovery", httpx.Response(200, json=endpoints))
    server.on("/elsewhere", refreshing(server))
    assert ask(server.source()) == ["lr"]
    assert server.paths() == [EXCHANGE, DEFINITIONS, CONFIG, "/discovery", "/elsewhere", DEFINITIONS]
    assert b"client_id=discovered" in server.requests[4].content


def test_a_rejected_api_token_is_not_tried_again(server):
    server.on(EXCHANGE, failing(401))
    with pytest.raises(NeptuneInvalidCredentialsError, match=r"set_api_token\(\)\.$"):
        ask(server.source())
    assert server.paths() == [EXCHANGE]


def test_why_an_api_token_is_rejected_is_told(server):
    server.on(EXCHANGE, httpx.Response(401, json={"errorType": "UNAUTHORIZED", "message": "the key is from 2019"}))
    with pytest.raises(NeptuneInvalidCredentialsError, match="It says: the key is from 2019"):
        ask(server.source())


def test_a_failing_exchange_is_tried_again(server):
    exchange = server._answers[EXCHANGE]
    server.on(EXCHANGE, failing(500), httpx.ConnectError("refused"), exchange)
    server.on(DEFINITIONS, found)
    assert ask(server.source()) == ["lr"]
    assert server.paths().count(EXCHANGE) == 3


@pytest.mark.parametrize("body", [{}, {"accessToken": "x", "refreshToken": "y"}, [1]])
def test_an_exchange_that_answers_nonsense_is_an_error_at_once(server, body):
    server.on(EXCHANGE, httpx.Response(200, json=body))
    with pytest.raises(WireDecodingError):
        ask(server.source())
    assert server.paths() == [EXCHANGE]


@pytest.mark.parametrize("expiry", [10**400, math.nan, "soon", None], ids=["huge", "nan", "text", "null"])
def test_a_token_that_does_not_say_when_it_expires_is_an_error_at_once(server, expiry):
    server.on(EXCHANGE, httpx.Response(200, json=server.issue(exp=expiry)))
    with pytest.raises(WireDecodingError, match="when it expires"):
        ask(server.source())
    assert server.paths() == [EXCHANGE]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520, 599])
def test_what_may_pass_is_tried_again(server, status):
    server.on(DEFINITIONS, failing(status), failing(status), found)
    assert ask(server.source()) == ["lr"]
    assert server.time.waits == [0.25, 0.5]


@pytest.mark.parametrize("error", [httpx.ConnectError("a"), httpx.ReadTimeout("b"), httpx.RemoteProtocolError("c")])
def test_errors_of_the_network_are_tried_again(server, error):
    server.on(DEFINITIONS, error, found)
    assert ask(server.source()) == ["lr"]


@pytest.mark.parametrize("error", [httpx.LocalProtocolError("a"), httpx.UnsupportedProtocol("b"), ValueError("c")])
def test_mistakes_of_ours_are_not_tried_again(server, error):
    server.on(DEFINITIONS, error)
    with pytest.raises(type(error)):
        ask(server.source())
    assert server.paths().count(DEFINITIONS) == 1


@pytest.mark.parametrize("status", [301, 302, 400, 403, 404, 409, 418, 422, 499])
def test_what_cannot_pass_is_an_error_at_once(server, status):
    server.on(DEFINITIONS, failing(status, content=b"[1]", headers={"Location": "http://elsewhere.invalid/"}))
    with pytest.raises(NeptuneUnexpectedResponseError) as caught:
        ask(server.source())
    assert caught.value.status_code == status
    assert server.paths().count(DEFINITIONS) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_access_denied_names_the_project(server, status):
    server.on(DEFINITIONS, failing(status, json={"errorType": "ACCESS_DENIED", "message": "no"}))
    with pytest.raises(NeptuneProjectInaccessible, match="acme/vision"):
        ask(server.source())


def test_a_wait_the_server_asks_for_is_kept_and_resets_the_backoff(server):
    asked = failing(429, headers={"Retry-After": "7.5"})
    server.on(DEFINITIONS, failing(500), failing(500), asked, failing(500), found)
    assert ask(server.source()) == ["lr"]
    assert server.time.waits == [0.25, 0.5, 7.5, 0.25]


def test_a_wait_may_be_a_date(server):
    date = email.utils.formatdate(time.time() + 600, usegmt=True)
    server.on(DEFINITIONS, failing(503, headers={"Retry-After": date}), found)
    assert ask(server.source()) == ["lr"]
    assert 500 < server.time.waits[0] <= 600


def test_a_wait_that_makes_no_sense_is_a_usual_one(server):
    server.on(
        DEFINITIONS, failing(503, headers={"Retry-After": "soon"}), failing(503, headers={"Retry-After": "-5"}), found
    )
    assert ask(server.source()) == ["lr"]
    assert server.time.waits == [0.25, 0.5]


def test_no_wait_at_all_is_a_usual_one_too(server):
    """A server that says so again and again, or whose clock is slow, would be asked as fast as it answers."""
    past = email.utils.formatdate(time.time() - 600, usegmt=True)
    answers = [failing(503, headers={"Retry-After": text}) for text in ("0", past, "0")]
    server.on(DEFINITIONS, *answers, found)
    assert ask(server.source()) == ["lr"]
    assert server.time.waits == [0.25, 0.5, 1.0]


def test_a_wait_without_an_end_is_a_day(server):
    server.on(DEFINITIONS, failing(503, headers={"Retry-After": "1e300"}), found)
    assert ask(server.source(hard_timeout=math.inf)) == ["lr"]
    assert server.time.waits == [86_400]


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="needs a time zone of its own")
def test_a_date_without_a_time_zone_is_not_of_this_machine(server, monkeypatch):
    date = email.utils.formatdate(time.time() + 600)
    assert date.endswith("-0000")
    server.on(DEFINITIONS, failing(503, headers={"Retry-After": date}), found)
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        assert ask(server.source()) == ["lr"]
    time.tzset()
    assert 500 < server.time.waits[0] <= 600


def test_the_soft_limit_ends_the_tries_with_one_more_at_its_end(server):
    server.on(DEFINITIONS, failing(500, content=b"broken"))
    with pytest.raises(NeptuneRetryError) as caught:
        ask(server.source(soft_timeout=1.0, hard_timeout=100.0))
    assert server.time.waits == [0.25, 0.5, 0.25]
    error = caught.value
    assert (error.retries, error.last_status_code, error.last_content) == (4, 500, b"broken")
    assert error.url == f"http://stub.invalid{DEFINITIONS}"


def test_waits_the_server_asks_for_extend_the_soft_limit_but_never_the_hard_one(server):
    server.on(DEFINITIONS, failing(429, headers={"Retry-After": "10"}))
    with pytest.raises(NeptuneRetryError):
        ask(server.source(soft_timeout=1.0, hard_timeout=35.0))
    assert server.time.waits == [10.0, 10.0, 10.0, 5.0]


def test_no_time_at_all_means_one_try(server):
    server.on(DEFINITIONS, failing(500))
    with pytest.raises(NeptuneRetryError):
        ask(server.source(soft_timeout=0.0))
    assert server.paths().count(DEFINITIONS) == 1


def test_the_limits_come_from_the_environment_at_each_request(server, monkeypatch):
    server.on(DEFINITIONS, failing(500))
    source = server.source()
    monkeypatch.setenv("NEPTUNE_QUERY_RETRY_SOFT_TIMEOUT", "0")
    with pytest.raises(NeptuneRetryError):
        ask(source)


def test_backoff_grows_to_half_a_minute(server):
    server.on(DEFINITIONS, *[failing(500)] * 12, found)
    assert ask(server.source()) == ["lr"]
    assert server.time.waits[:3] == [0.25, 0.5, 1.0]
    assert server.time.waits[-1] == 30.0


@pytest.mark.parametrize("status", [406, 415, 400])
def test_a_refused_accept_header_is_dropped_for_good(server, status):
    def picky(request: httpx.Request) -> httpx.Response:
        return found() if request.headers["Accept"] == "*/*" else failing(status, content=b"bad Accept header")

    server.on(DEFINITIONS, picky)
    source = server.source()
    assert ask(source) == ask(source) == ["lr"]
    accepts = [request.headers["Accept"] for request in server.requests if request.url.path == DEFINITIONS]
    assert accepts == [ACCEPT_ANY_FORMAT, "*/*", "*/*"]


def test_a_refusal_that_only_mentions_the_word_leaves_the_fast_format_to_later_requests(server):
    """A bad filter on metrics/acceptance_rate, repeated in the error, is no refusal of the Accept header."""
    refusal = failing(400, json={"errorType": "BAD_REQUEST", "message": "`metrics/acceptance_rate` is no query"})
    server.on(DEFINITIONS, lambda request: refusal if len(server.requests) <= 3 else found())
    source = server.source()
    with pytest.raises(NeptuneUnexpectedResponseError, match="acceptance_rate"):
        ask(source)
    assert ask(source) == ["lr"]
    accepts = [request.headers["Accept"] for request in server.requests if request.url.path == DEFINITIONS]
    assert accepts == [ACCEPT_ANY_FORMAT, "*/*", ACCEPT_ANY_FORMAT]


def test_an_error_that_says_nothing_of_accept_is_not_asked_for_again(server):
    server.on(DEFINITIONS, failing(400, content=b"bad query"))
    with pytest.raises(NeptuneUnexpectedResponseError):
        ask(server.source())
    assert server.paths().count(DEFINITIONS) == 1


def test_a_body_made_to_fill_the_memory_is_an_error_at_once(server, monkeypatch):
    monkeypatch.setattr(bodies, "BODY_BUDGET", 2 * 1024 * 1024)
    packed = gzip.compress(bytes(64 * 1024 * 1024), 1)
    server.on(
        DEFINITIONS,
        lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(packed)),
    )
    with pytest.raises(WireDecodingError, match="compressed bytes hold"):
        ask(server.source())
    assert server.paths().count(DEFINITIONS) == 1


@pytest.mark.parametrize(
    "media_type", [None, "application/octet-stream", "text/plain", "application/json; charset=utf-8"]
)
def test_an_unhelpful_content_type_is_read_as_the_endpoint_answers(server, media_type):
    headers = {} if media_type is None else {"Content-Type": media_type}
    content = found().content
    server.on(DEFINITIONS, lambda request: httpx.Response(200, content=content, headers=headers))
    assert ask(server.source()) == ["lr"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_bodies_are_decompressed(server, encoding):
    compressed = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding](found().content)

    def answer(request: httpx.Request) -> httpx.Response:
        headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(compressed))

    server.on(DEFINITIONS, answer)
    assert ask(server.source()) == ["lr"]
    for size in (len(compressed) - 6, 11, 1):
        server.time.waits.clear()
        truncated = httpx.Response(200, headers={"Content-Encoding": encoding}, stream=_Pieces(compressed[:size]))
        server.on(DEFINITIONS, truncated, answer)
        assert ask(server.source()) == ["lr"]
        assert len(server.time.waits) == 1


@pytest.mark.parametrize("padding", [b"", b"\0" * 5])
def test_a_body_compressed_in_several_parts_is_read_whole(server, padding):
    content = found().content
    compressed = gzip.compress(content[:7]) + gzip.compress(content[7:]) + padding
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    for size in (1, 5, len(compressed)):
        server.on(DEFINITIONS, httpx.Response(200, headers=headers, stream=_Pieces(compressed, size)))
        assert ask(server.source()) == ["lr"]
    assert server.time.waits == []


class _Pieces(httpx.SyncByteStream):
    def __init__(self, content: bytes, size: int = 4096) -> None:
        self._content = content
        self._size = size

    def __iter__(self):
        size = self._size
        return (self._content[first : first + size] for first in range(0, len(self._content), size))


def test_the_public_call_travels_with_every_data_request(server, monkeypatch):
    monkeypatch.setenv("NEPTUNE_QUERY_METADATA", '{"job": "nightly"}')
    server.on(DEFINITIONS, found)
    with public_call("runs.fetch_metrics") as call, public_call("inner"):
        ask(server.source())
    metadata = json.loads(server.requests[1].headers["X-Neptune-Client-Metadata"])
    assert metadata["fn"] == "runs.fetch_metrics"
    assert metadata["qid"] == call.query_id
    assert metadata["ud"] == {"job": "nightly"}
    assert len(server.requests[1].headers["X-Neptune-Client-Metadata"]) <= 200
    assert "X-Neptune-Client-Metadata" not in server.requests[0].headers
    assert server.requests[1].headers["User-Agent"].startswith("neptune-frames/")


def test_secrets_stay_out_of_reprs_logs_pickles_and_messages(server, caplog):
    caplog.set_level(logging.DEBUG)
    server.on(DEFINITIONS, failing(500, content=b"broken"))
    source = server.source(soft_timeout=1.0)
    texts = [repr(source), repr(source._session), repr(source._session.__dict__)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(NeptuneRetryError) as error:
            ask(source)
    texts += ["".join(traceback.format_exception(error.value)), caplog.text, *(str(one.message) for one in caught)]
    texts += [repr(source._session._tokens._token)]
    secrets = [
        request.headers[name]
        for request in server.requests
        for name in ("X-Neptune-Api-Token", "Authorization")
        if name in request.headers
    ]
    assert len(secrets) >= 2
    for text in texts:
        for secret in secrets:
            assert secret.removeprefix("Bearer ") not in text
    with pytest.raises(TypeError):
        pickle.dumps(source)


def test_an_error_of_one_request_is_raised_without_waiting_for_the_others(server, monkeypatch):
    monkeypatch.setenv("NEPTUNE_QUERY_MAX_REQUEST_SIZE", "50")
    release = threading.Event()
    lock = threading.Lock()
    order = iter(range(100))

    def answer(request: httpx.Request) -> httpx.Response:
        with lock:
            first = next(order) == 0
        if first:
            return failing(422)
        assert release.wait(20)
        return found()

    server.on(DEFINITIONS, answer)
    runs = pa.table([["a/b"] * 8, [f"X-{index}" for index in range(8)], [None] * 8, [None] * 8], schema=RUNS)
    try:
        with pytest.raises(NeptuneUnexpectedResponseError):
            server.source().definitions(["a/b"], runs, EVERYTHING)
    finally:
        release.set()


def test_the_warning_of_another_try_says_why_and_for_how_long(server, monkeypatch):
    monkeypatch.setattr("neptune_frames.warnings._last_shown", {})
    refused = httpx.ConnectError("[Errno 111] Connection refused")
    server.on(DEFINITIONS, refused, found)
    told = rf"{DEFINITIONS} failed \(ConnectError: \[Errno 111\] Connection refused\) and will be"
    limit = r"for up to 30 minutes \(NEPTUNE_QUERY_RETRY_SOFT_TIMEOUT, in seconds, changes that\)"
    with pytest.warns(HttpOtherWarning, match=rf"{told} tried again, {limit}\."):
        ask(server.source())
    monkeypatch.setattr("neptune_frames.warnings._last_shown", {})
    monkeypatch.setenv("NEPTUNE_QUERY_RETRY_SOFT_TIMEOUT", "")
    monkeypatch.setenv("NEPTUNE_QUERY_RETRY_HARD_TIMEOUT", "90")
    server.on(DEFINITIONS, refused, found)
    with pytest.warns(HttpOtherWarning, match=r"up to 90 seconds \(NEPTUNE_QUERY_RETRY_HARD_TIMEOUT"):
        ask(server.source())


def test_a_certificate_that_is_not_accepted_is_an_error_at_once(server):
    failure = ssl.SSLCertVerificationError("certificate verify failed")
    failure.verify_message = "self-signed certificate"
    error = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]")
    error.__cause__ = failure
    server.on(EXCHANGE, error)
    with pytest.raises(NeptuneUserError, match=r"stub.* cannot be verified: self-signed certificate\. .*SSL_CERT_FILE"):
        ask(server.source())
    assert server.paths() == [EXCHANGE]
