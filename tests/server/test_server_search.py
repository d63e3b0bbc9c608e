"""Searches in one project and across projects."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from neptune_frames.wire import decode_search
from neptune_frames.wire.media_types import PROTOBUF
from server.http_api import GLOBAL_SEARCH, SEARCH, SEARCH_JSON, VALUES, VALUES_JSON, L, good, ids, refused, search
from server.small_archive import OTHER_PROJECT, PROJECT


def test_newest_first_by_default(client: httpx.Client) -> None:
    assert ids(search(client)) == ["VIS-3", "VIS-2", "VIS-1"]


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 100])
def test_limit_and_offset_are_kept_exactly(client: httpx.Client, limit: int) -> None:
    everything = ["VIS-1", "VIS-2", "VIS-3"]
    for offset in range(5):
        page = search(
            client,
            pagination={"limit": limit, "offset": offset},
            sorting={"sortBy": {"name": "sys/id", "type": "string"}, "dir": "ascending"},
        )
        assert ids(page) == everything[offset : offset + limit]
        assert page.entries.num_rows == len(everything[offset : offset + limit])
        assert page.total in (None, 3)


@pytest.mark.parametrize(
    ("sorting", "expected"),
    [
        ({"sortBy": {"name": "lr", "type": "float"}, "dir": "ascending"}, ["VIS-3", "VIS-1", "VIS-2"]),
        ({"sortBy": {"name": "loss", "type": "floatSeries"}, "dir": "descending"}, ["VIS-2", "VIS-3", "VIS-1"]),
        (
            {"aggregationMode": "min", "sortBy": {"name": "loss", "type": "floatSeries"}, "dir": "ascending"},
            ["VIS-2", "VIS-1", "VIS-3"],
        ),
        (
            {"aggregationMode": "none", "sortBy": {"name": "sys/id", "type": "string"}, "dir": "descending"},
            ["VIS-3", "VIS-2", "VIS-1"],
        ),
        ({"sortBy": {"name": "layers", "type": "int"}, "dir": "descending"}, ["VIS-2", "VIS-1", "VIS-3"]),
    ],
)
def test_sorting(client: httpx.Client, sorting: dict[str, Any], expected: list[str]) -> None:
    assert ids(search(client, sorting=sorting)) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["VIS-3", "VIS-2", "VIS-1"]),
        ('(`sys/name`:string == "beta")', ["VIS-2"]),
        ('`sys/name`:string MATCHES "^(a|g)"', ["VIS-3", "VIS-1"]),
        ("`layers`:int != 3", ["VIS-3", "VIS-2"]),
        ("(`sys/trashed`:bool = false)", ["VIS-3", "VIS-2", "VIS-1"]),
    ],
)
def test_query(client: httpx.Client, query: str, expected: list[str]) -> None:
    assert ids(search(client, query={"query": query})) == expected


@pytest.mark.parametrize(
    "query",
    ["()", "nonsense", "`x`:double = 1", "`x`:float > abc", '`x`:string MATCHES "("', "(" * 100_000, "`x`:float < inf"],
)
def test_malformed_queries_are_400_with_a_reason(client: httpx.Client, query: str) -> None:
    answer = client.post(SEARCH, params={"projectIdentifier": PROJECT}, json={"query": {"query": query}})
    assert refused(answer, 400)["errorType"] != "ACCESS_DENIED"


def test_search_by_project_uuid(client: httpx.Client) -> None:
    found = good(client.get("/api/backend/v1/projects/get", params={"projectIdentifier": PROJECT})).json()
    assert f"{found['organizationName']}/{found['name']}" == PROJECT
    assert ids(search(client, found["id"])) == ids(search(client))


def test_entries_carry_project_and_run_uuid(client: httpx.Client) -> None:
    (entry,) = search(client, pagination={"limit": 1}).entries.to_pylist()
    assert (entry["organization_name"], entry["project_name"]) == ("acme", "vision")
    attributes = good(client.get(f"{L}/attributes/attributes", params={"holderIdentifier": entry["experiment_id"]}))
    assert attributes.json()["experimentId"] == entry["experiment_id"]


def test_json_twin(client: httpx.Client) -> None:
    body = {"attributeFilters": [{"path": "lr"}], "pagination": {"limit": 1}}
    answer = good(client.post(SEARCH_JSON, params={"projectIdentifier": PROJECT}, json=body)).json()
    (entry,) = answer["entries"]
    assert entry["type"] == "run"
    assert entry["attributes"] == [
        {
            "name": "lr",
            "type": "float",
            "floatProperties": {"attributeName": "lr", "attributeType": "float", "value": 0.05},
        }
    ]


def test_global_search_spans_projects_and_names_runs(client: httpx.Client) -> None:
    answer = good(client.post(GLOBAL_SEARCH, json={"experimentLeader": True}))
    page = decode_search(answer.content, PROTOBUF)
    projects = {f"{row['organization_name']}/{row['project_name']}" for row in page.entries.to_pylist()}
    assert projects == {PROJECT, OTHER_PROJECT}
    names = {row["attribute"] for row in page.values["string"].to_pylist()}
    assert names == {"sys/id", "sys/name", "sys/custom_run_id"}


@pytest.mark.parametrize("path", [SEARCH, SEARCH_JSON, VALUES, VALUES_JSON])
def test_unknown_project_is_access_denied(client: httpx.Client, path: str) -> None:
    refused(client.post(path, params={"projectIdentifier": "no/where"}, json={}), 403, "ACCESS_DENIED")
    refused(client.post(path, json={}), 400)
