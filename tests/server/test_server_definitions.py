"""Attribute definitions of projects and runs."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import httpx
import pytest

from neptune_frames.server.testing import RunningServer
from neptune_frames.sources.archive import project_uuid
from neptune_frames.wire import decode_definitions
from neptune_frames.wire.media_types import PROTOBUF
from server.http_api import DEFINITIONS, RUN_A, RUN_B, RUN_DEFINITIONS, L, good, refused
from server.small_archive import PROJECT


def definitions(client: httpx.Client, **body: Any) -> list[tuple[str, str]]:
    body.setdefault("projectIdentifiers", [PROJECT])
    answer = good(client.post(DEFINITIONS, json=body)).json()
    assert "nextPage" in answer
    return [(entry["name"], entry["type"]) for entry in answer["entries"]]


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
def test_definition_pages_are_full_and_complete(client: httpx.Client, limit: int) -> None:
    everything = definitions(client)
    assert ("loss", "floatSeries") in everything
    seen: list[tuple[str, str]] = []
    token = None
    for _ in range(len(everything) + 1):
        body = {"projectIdentifiers": [PROJECT], "nextPage": {"limit": limit, "nextPageToken": token}}
        answer = good(client.post(DEFINITIONS, json=body)).json()
        page = [(entry["name"], entry["type"]) for entry in answer["entries"]]
        seen += page
        token = answer["nextPage"].get("nextPageToken")
        if not token:
            break
        assert len(page) == limit
    assert seen == everything


def test_definition_filters(client: httpx.Client) -> None:
    assert definitions(client, attributeNameFilter={"mustMatchAny": []}) == []
    assert definitions(client, experimentIdsFilter=[]) == []
    conjunction = {"mustMatchRegexes": ["^lo"], "mustNotMatchRegexes": ["g$"]}
    expected = [("loss", "floatSeries"), ("lost", "fileRef")]
    assert sorted(definitions(client, attributeNameFilter=conjunction)) == expected
    of_run = definitions(client, experimentIdsFilter=[RUN_B, f"{PROJECT}/VIS-999", "no/where/X-1"])
    assert {name for name, _ in of_run if not name.startswith("sys/")} == {"lr", "layers", "loss"}
    typed = definitions(client, attributeFilter=[{"attributeType": "floatSeries"}, {"attributeType": "gitRef"}])
    assert typed == [("acc", "floatSeries"), ("loss", "floatSeries")]


def test_unknown_projects_are_ignored_unless_all_are(client: httpx.Client) -> None:
    assert definitions(client, projectIdentifiers=["no/where", PROJECT]) == definitions(client)
    refused(client.post(DEFINITIONS, json={"projectIdentifiers": ["no/where"]}), 403, "ACCESS_DENIED")
    refused(client.post(DEFINITIONS, json={}), 400)


def test_many_projects_are_looked_up_at_once(
    small_server: RunningServer, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = small_server.state.source
    projects = Mock(wraps=source.projects)
    monkeypatch.setattr(source, "projects", projects)
    body = {"projectIdentifiers": [PROJECT, project_uuid(PROJECT), *(f"x/{number}" for number in range(100))]}
    good(client.post(DEFINITIONS, json=body))
    assert projects.call_count == 1


def test_too_many_projects_are_refused(client: httpx.Client) -> None:
    good(client.post(DEFINITIONS, json={"projectIdentifiers": [PROJECT] * 10_000}))
    answer = client.post(DEFINITIONS, json={"projectIdentifiers": [PROJECT] * 10_001})
    assert "at most 10,000 projects" in refused(answer, 400)["message"]


@pytest.mark.parametrize("pattern", ["(", "(?=a)", "a{2000}"])
def test_bad_regexes_are_400(client: httpx.Client, pattern: str) -> None:
    body = {"projectIdentifiers": [PROJECT], "attributeNameFilter": {"mustMatchRegexes": [pattern]}}
    refused(client.post(DEFINITIONS, json=body), 400)


@pytest.mark.parametrize("identifier", [RUN_A, f"CUSTOM/{PROJECT}/run-a"])
def test_definitions_of_one_run(client: httpx.Client, identifier: str) -> None:
    answer = good(client.get(RUN_DEFINITIONS, params={"experimentIdentifier": identifier}))
    page = decode_definitions(answer.content, PROTOBUF).definitions.to_pylist()
    assert {"attribute": "model", "type": "file"} in page
    typed = good(
        client.get(
            f"{L}/attributes/queryAttributeDefinitions",
            params={"experimentIdentifier": identifier, "attributeType": ["floatSeries", "int"]},
        )
    )
    assert {entry["name"] for entry in typed.json()["entries"]} == {"acc", "layers", "loss"}
