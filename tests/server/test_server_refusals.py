"""What every endpoint refuses, and how."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from neptune_frames.server.limits import Limits
from neptune_frames.server.testing import RunningServer, serve_in_thread
from server.http_api import (
    BUCKETS,
    DEFINITIONS,
    FLOATS,
    GLOBAL_SEARCH,
    OBJECTS,
    RUN_A,
    RUN_ATTRIBUTES,
    SEARCH,
    VALUES,
    good,
    refused,
)
from server.small_archive import PROJECT, write_small_archive


@pytest.fixture(scope="module")
def strict_client(tmp_path_factory: pytest.TempPathFactory, connect: Any) -> Iterator[httpx.Client]:
    """A client of a server that reads bodies of at most 1000 bytes."""
    with serve_in_thread(tmp_path_factory.mktemp("strict"), limits=Limits(body_bytes=1000)) as server:
        yield connect(server)


POSTS = [
    SEARCH + f"?projectIdentifier={PROJECT}",
    GLOBAL_SEARCH,
    DEFINITIONS,
    VALUES + f"?projectIdentifier={PROJECT}",
    RUN_ATTRIBUTES + f"?holderIdentifier={RUN_A}",
    FLOATS,
    OBJECTS,
    BUCKETS,
    "/api/storagebridge/v1/signedUrl",
]
HOSTILE = {
    "empty": b"",
    "cut": b'{"a": ',
    "list": b"[]",
    "text": b'"x"',
    "null": b"null",
    "number": b"1e999",
    "not utf-8": b'{"query": {"query": "\xff\xfe"}}',
    "deep": b"[" * 200_000,
    "deep object": b'{"attributeNameFilter":{"mustMatchAny":[' * 50_000,
    "wrong types": b'{"requests": 5, "pagination": "x", "nextPage": [], "files": 7, "projectIdentifiers": {}}',
    "huge numbers": b'{"perSeriesPointsLimit": 99999999999999999999, "pagination": {"limit": 1e400}, "requests": []}',
    "null bytes": b"\x00" * 1000,
    "nul in a name": b'{"attributePathsFilter": ["a\\u0000b"], "projectIdentifiers": ["a\\u0000b"], "requests": []}',
    "lone surrogate": b'{"query": {"query": "\\ud800"}, "projectIdentifiers": ["\\ud800"], "requests": []}',
    "negative": b'{"pagination": {"limit": -1, "offset": -5}, "nextPage": {"limit": -1}, "perSeriesPointsLimit": -1}',
}


@pytest.mark.parametrize("body", list(HOSTILE))
@pytest.mark.parametrize("path", POSTS)
def test_hostile_bodies_are_final_refusals(client: httpx.Client, path: str, body: str) -> None:
    answer = client.post(path, content=HOSTILE[body], headers={"Content-Type": "application/json"})
    assert answer.status_code < 500
    assert answer.status_code != 429
    if answer.status_code != 200:
        refused(answer, answer.status_code)


@pytest.mark.parametrize("number", [2**63, 2**70, -1])
@pytest.mark.parametrize(
    ("path", "body", "key"),
    [
        (SEARCH + f"?projectIdentifier={PROJECT}", {"pagination": {"limit": 0}}, "pagination.limit"),
        (SEARCH + f"?projectIdentifier={PROJECT}", {"pagination": {"offset": 0}}, "pagination.offset"),
        (GLOBAL_SEARCH, {"pagination": {"limit": 5, "offset": 0}}, "pagination.offset"),
        (DEFINITIONS, {"projectIdentifiers": [PROJECT], "nextPage": {"limit": 0}}, "nextPage.limit"),
        (VALUES + f"?projectIdentifier={PROJECT}", {"nextPage": {"limit": 0}}, "nextPage.limit"),
    ],
)
def test_counts_beyond_64_bits_are_refused(
    client: httpx.Client, path: str, body: dict[str, Any], key: str, number: int
) -> None:
    *outer, last = key.split(".")
    body = copy.deepcopy(body)
    (body[outer[0]] if outer else body)[last] = number
    assert f"{key} is {number}" in refused(client.post(path, json=body), 400)["message"]
    (body[outer[0]] if outer else body)[last] = 2**63 - 1
    good(client.post(path, json=body))


@pytest.mark.parametrize("beside", [True, False])
def test_unknown_aggregations_are_refused(client: httpx.Client, beside: bool) -> None:
    sorting: dict[str, Any] = {"sortBy": {"name": "loss", "type": "floatSeries"}}
    (sorting if beside else sorting["sortBy"])["aggregationMode"] = "median"
    answer = client.post(SEARCH, params={"projectIdentifier": PROJECT}, json={"sorting": sorting})
    assert "aggregationMode is 'median'; it can be last, min" in refused(answer, 400)["message"]


@pytest.mark.parametrize("path", POSTS)
def test_everything_needs_a_token(small_server: RunningServer, path: str) -> None:
    refused(httpx.post(small_server.url + path, json={}, trust_env=False), 401, "UNAUTHORIZED")


def test_expired_access_token_is_401(tmp_path: Path, connect: Any) -> None:
    with serve_in_thread(write_small_archive(tmp_path), token_lifetime=0) as server:
        client = connect(server)
        refused(client.post(GLOBAL_SEARCH, json={}), 401, "AUTHORIZATION_TOKEN_EXPIRED")


@pytest.mark.parametrize("length_declared", [True, False])
@pytest.mark.parametrize("path", POSTS)
def test_oversized_bodies_are_413(strict_client: httpx.Client, path: str, length_declared: bool) -> None:
    content: Any = b" " * 1001 if length_declared else iter([b" " * 600, b" " * 600])
    refused(strict_client.post(path, content=content), 413)


def test_paths_and_methods(client: httpx.Client) -> None:
    refused(client.get("/nowhere"), 404)
    refused(client.get(SEARCH), 405)
    refused(client.delete(FLOATS), 405)
    assert client.get(SEARCH).headers["allow"] == "POST"
    assert client.delete(FLOATS).headers["allow"] == "GET, HEAD, POST"
    # No redirect from one spelling of a path to the other: clients do not follow them.
    assert client.post(SEARCH.rstrip("/"), json={}).status_code == 404
    assert client.head("/nowhere").status_code == 404


def test_a_defect_of_ours_is_a_500_without_details(
    small_server: RunningServer, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(small_server.state.source, "search", fail)
    answer = client.post(GLOBAL_SEARCH, json={})
    assert "secret" not in answer.text
    refused(answer, 500, "INTERNAL_SERVER_ERROR")
    assert "the secret inside" in caplog.text
