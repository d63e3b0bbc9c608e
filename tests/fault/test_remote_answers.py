"""Answers that cannot be used: the error names the request and the project, and says what to do."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from neptune_frames.errors import (
    MismatchedAnswerError,
    NeptuneUnexpectedResponseError,
    NotNeptuneServerError,
    WireDecodingError,
)
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    RunQuery,
    SeriesOptions,
)
from neptune_frames.schemas import RUNS
from neptune_frames.sources.base import FileRequest, SeriesKeys

EXCHANGE = "/api/backend/v1/authorization/oauth-token"
LEADERBOARD = "/api/leaderboard/v1"
SEARCH = f"{LEADERBOARD}/proto/leaderboard/entries/search/"
GLOBAL_SEARCH = f"{LEADERBOARD}/proto/leaderboard/entries/global/search/"
DEFINITIONS = f"{LEADERBOARD}/leaderboard/attributes/definitions/query"
VALUES = f"{LEADERBOARD}/proto/leaderboard/attributes/query"
FLOATS = f"{LEADERBOARD}/proto/attributes/series/float"
OBJECTS = f"{LEADERBOARD}/proto/attributes/series"
BUCKETS = f"{LEADERBOARD}/proto/attributes/timeseries/buckets"
SIGN = "/api/storagebridge/v1/signedUrl"

PROJECT = "acme/vision"
EVERYTHING = AttributeSelector((AttributeAlternative(("float",)),))
RUN = pa.table([[PROJECT], ["VIS-1"], pa.nulls(1, pa.string()), pa.nulls(1, pa.string())], schema=RUNS)
SERIES = SeriesKeys(RUN, pa.array(["loss"]))
FILE = FileRequest(PROJECT, "path", None, Path("x"))

Ask = Callable[[Any], object]


def search(source: Any) -> object:
    return source.search(RunQuery(PROJECT, ContainerKind.RUN))


def search_everywhere(source: Any) -> object:
    return source.search(RunQuery(None, ContainerKind.RUN))


def definitions(source: Any) -> object:
    return source.definitions([PROJECT], None, EVERYTHING)


def values(source: Any) -> object:
    return list(source.values(RUN, EVERYTHING))


def float_points(source: Any) -> object:
    return list(source.float_points(SERIES, SeriesOptions()))


def object_points(source: Any) -> object:
    return list(source.object_points(SERIES, SeriesOptions()))


def buckets(source: Any) -> object:
    return source.buckets(SERIES, SeriesOptions(), 10)


def files(source: Any) -> object:
    return source.fetch_files([FILE], progress=False)


@pytest.mark.parametrize(
    ("path", "ask", "project"),
    [
        (SEARCH, search, PROJECT),
        (GLOBAL_SEARCH, search_everywhere, None),
        (DEFINITIONS, definitions, PROJECT),
        (VALUES, values, PROJECT),
        (FLOATS, float_points, PROJECT),
        (OBJECTS, object_points, PROJECT),
        (BUCKETS, buckets, PROJECT),
        (SIGN, files, None),
    ],
)
def test_what_cannot_be_decoded_names_its_request(server: Any, path: str, ask: Ask, project: str | None) -> None:
    page = httpx.Response(200, headers={"Content-Type": "application/json"}, content=b"<html>Sign in</html>")
    server.on(path, page)
    with pytest.raises(WireDecodingError) as caught:
        ask(server.source())
    error = caught.value
    named = path if project is None else f"{path} (project '{project}')"
    assert error.request == named
    assert str(error).startswith(f"The answer to {named} could not be decoded: ")
    assert "Check that the address in the API token" in str(error)
    assert not isinstance(error, MismatchedAnswerError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    ("path", "ask", "answer", "reason"),
    [
        (SEARCH, search, {"matchingItemCount": 1, "entries": [{"experimentId": "u", "attributes": []}]}, "no sys/id"),
        (VALUES, values, {"entries": [{"experimentShortId": "VIS-7", "attributes": []}]}, "run 'VIS-7'"),
        (FLOATS, float_points, {"series": [{"requestId": "7", "series": {"values": []}}]}, "request id '7'"),
        (BUCKETS, buckets, {"entries": []}, "0 of the 1 series"),
        (SIGN, files, {"files": []}, "not those that were asked for"),
    ],
)
def test_what_does_not_fit_its_request_is_not_called_undecodable(
    server: Any, path: str, ask: Ask, answer: dict[str, Any], reason: str
) -> None:
    server.on(path, httpx.Response(200, json=answer))
    with pytest.raises(MismatchedAnswerError) as caught:
        ask(server.source())
    text = str(caught.value)
    assert text.startswith(f"The answer to {path}")
    assert "does not fit what was asked: " in text
    assert reason in text
    assert "decoded" not in text
    assert path == SIGN or PROJECT in text
    assert "ask again" in text


def test_half_a_token_is_not_told(server: Any) -> None:
    server.on(EXCHANGE, httpx.Response(200, json={"accessToken": "SECRET", "refreshToken": "SECRET"}))
    with pytest.raises(
        WireDecodingError, match=rf"The answer to \S+{EXCHANGE} could not be decoded: .*not a JWT"
    ) as caught:
        definitions(server.source())
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "shown"),
    [
        (404, b"<!DOCTYPE html><html>Nothing here</html>", r"\(a page of HTML or XML\)"),
        (405, b"Method Not Allowed", "Method Not Allowed"),
        (404, b"\xff\xfe\x00", r"\(no text, but 3 bytes\)"),
        (403, b'{"detail": "not here"}', '{"detail": "not here"}'),
        (302, b"", r"\(no content\)"),
        (404, b'{"errorType": "NOT_FOUND"}', '{"errorType": "NOT_FOUND"}'),
    ],
)
@pytest.mark.parametrize("ask", [definitions, lambda source: source.project_name(PROJECT)], ids=["data", "project"])
def test_what_is_no_neptune_server_is_called_so(server: Any, status: int, body: bytes, shown: str, ask: Ask) -> None:
    server.on(EXCHANGE, httpx.Response(status, content=body))
    with pytest.raises(
        NotNeptuneServerError, match=rf"^http://stub.invalid does not answer .* status {status}: {shown}\. Check"
    ):
        ask(server.source())


def test_what_a_neptune_server_refuses_is_shown_with_its_address(server: Any) -> None:
    server.on(EXCHANGE, httpx.Response(400, json={"errorType": "BAD", "message": "no"}))
    with pytest.raises(
        NeptuneUnexpectedResponseError, match=rf"request to http://stub.invalid{EXCHANGE} .* status 400: "
    ) as caught:
        definitions(server.source())
    assert not isinstance(caught.value, NotNeptuneServerError)
