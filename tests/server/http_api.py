"""Paths of the HTTP API, and what its tests expect of every answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pyarrow as pa

from neptune_frames.wire import decode_search
from neptune_frames.wire.media_types import PROTOBUF
from neptune_frames.wire.pages import AttributesPage
from neptune_frames.wire.protobuf import BucketsRequest, encode_buckets_request
from server.small_archive import PROJECT

L = "/api/leaderboard/v1"
SEARCH = f"{L}/proto/leaderboard/entries/search/"
SEARCH_JSON = f"{L}/leaderboard/entries/search"
GLOBAL_SEARCH = f"{L}/proto/leaderboard/entries/global/search/"
DEFINITIONS = f"{L}/leaderboard/attributes/definitions/query"
VALUES = f"{L}/proto/leaderboard/attributes/query"
VALUES_JSON = f"{L}/leaderboard/attributes/query"
RUN_DEFINITIONS = f"{L}/proto/attributes/queryAttributeDefinitions"
RUN_ATTRIBUTES = f"{L}/proto/attributes/attributes"
FLOATS = f"{L}/proto/attributes/series/float"
OBJECTS = f"{L}/proto/attributes/series"
BUCKETS = f"{L}/proto/attributes/timeseries/buckets"
RUN_A, RUN_B = f"{PROJECT}/VIS-1", f"{PROJECT}/VIS-2"


def good(answer: httpx.Response) -> httpx.Response:
    assert answer.status_code == 200, answer.text
    return answer


def refused(answer: httpx.Response, status: int, error_type: str | None = None) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert body.keys() == {"errorType", "message", "code"}
    assert body["code"] == status
    assert body["message"]
    assert error_type is None or body["errorType"] == error_type
    assert "Traceback" not in answer.text
    return body


def search(client: httpx.Client, project: str = PROJECT, **body: Any) -> AttributesPage:
    body.setdefault("attributeFilters", [{"path": "sys/id"}])
    answer = good(client.post(SEARCH, params={"projectIdentifier": project, "type": "run"}, json=body))
    return decode_search(answer.content, answer.headers["content-type"])


def ids(page: AttributesPage) -> list[str]:
    return page.values["string"]["value"].to_pylist() if "string" in page.values else []


def buckets(
    client: httpx.Client, *series: tuple[str, str], headers: Mapping[str, str] | None = None, **view: Any
) -> httpx.Response:
    request = BucketsRequest(
        request_ids=pa.array([f"b{number}" for number in range(len(series))]),
        run_ids=pa.array([run for run, _ in series], pa.string()),
        formulas=pa.array([f"${{{name}}}" for _, name in series], pa.string()),
        **view,
    )
    about = {"Content-Type": PROTOBUF, **(headers or {})}
    return client.post(BUCKETS, content=encode_buckets_request(request), headers=about)
