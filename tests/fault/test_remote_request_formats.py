"""Requests for float points come in Arrow to servers that say they read it, and in JSON to all others."""

from __future__ import annotations

from typing import Any

import httpx
import pyarrow as pa
import pytest

from neptune_frames.errors import NeptuneUnexpectedResponseError
from neptune_frames.query.selection import SeriesOptions
from neptune_frames.schemas import RUNS
from neptune_frames.sources.base import SeriesKeys
from neptune_frames.wire import paths
from neptune_frames.wire.media_types import ARROW_STREAM, JSON, REQUEST_FORMATS_HEADER
from neptune_frames.wire.requests import arrow_series, decode_float_series_request

RUN = {"project": "acme/vision", "sys_id": "VIS-0", "run_id": "run-0", "experiment": "exp-0"}
KEYS = SeriesKeys(pa.Table.from_pylist([RUN], schema=RUNS), pa.array(["loss", "lr"]))


def answered(names: list[str], formats: str | None) -> httpx.Response:
    values = [{"timestampMillis": 0, "step": 1.0, "value": 2.0, "isPreview": False, "completionRatio": 1.0}]
    series = [{"requestId": name, "series": {"totalItemCount": 1, "values": values}} for name in names]
    return httpx.Response(
        200, json={"series": series}, headers={} if formats is None else {REQUEST_FORMATS_HEADER: formats}
    )


def reading(formats: str | None, *refused: str, status: int = 415) -> Any:
    """A server that reads JSON and Arrow, names ``formats``, and refuses some."""

    def answer(request: httpx.Request) -> httpx.Response:
        kind = request.headers["Content-Type"]
        if kind in refused:
            return httpx.Response(status, json={"errorType": "BAD_REQUEST", "message": "What is this?"})
        decode = arrow_series.decode_float_series_request if kind == ARROW_STREAM else decode_float_series_request
        asked = decode(request.content).series
        assert asked["attribute"].to_pylist() == ["loss", "lr"]
        return answered(asked["request_id"].to_pylist(), formats)

    return answer


def ask(source: Any, times: int) -> None:
    for _ in range(times):
        (batch,) = source.float_points(KEYS, SeriesOptions())
        assert batch["attribute"].to_pylist() == [0, 1]


def formats_of(server: Any) -> list[str]:
    return [request.headers["Content-Type"] for request in server.requests if request.url.path == paths.FLOAT_SERIES]


def test_a_server_that_says_so_is_asked_in_arrow_from_then_on(server):
    server.on(paths.FLOAT_SERIES, reading(f"{JSON}, {ARROW_STREAM}"))
    ask(server.source(), 3)
    assert formats_of(server) == [JSON, ARROW_STREAM, ARROW_STREAM]


@pytest.mark.parametrize("formats", [None, "", JSON, "*/*"])
def test_others_are_asked_in_json(server, formats):
    server.on(paths.FLOAT_SERIES, reading(formats))
    ask(server.source(), 2)
    assert formats_of(server) == [JSON, JSON]


@pytest.mark.parametrize("status", [400, 415])
def test_a_server_that_refuses_arrow_after_all_is_not_asked_in_it_again(server, status):
    server.on(paths.FLOAT_SERIES, reading(ARROW_STREAM, ARROW_STREAM, status=status))
    ask(server.source(), 4)
    assert formats_of(server) == [JSON, ARROW_STREAM, JSON, JSON, JSON]


def test_a_request_refused_in_both_formats_is_an_error_and_says_nothing_of_arrow(server):
    server.on(
        paths.FLOAT_SERIES,
        *[reading(ARROW_STREAM)] * 2,
        *[reading(None, JSON, ARROW_STREAM)] * 2,
        reading(ARROW_STREAM),
    )
    source = server.source()
    ask(source, 2)
    with pytest.raises(NeptuneUnexpectedResponseError, match="What is this"):
        ask(source, 1)
    ask(source, 1)
    assert formats_of(server) == [JSON, ARROW_STREAM, ARROW_STREAM, JSON, ARROW_STREAM]
