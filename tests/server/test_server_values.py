"""Attribute values, page by page."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from neptune_frames.wire import decode_run_attributes, decode_values
from neptune_frames.wire.media_types import PROTOBUF
from server.http_api import RUN_A, RUN_ATTRIBUTES, RUN_B, VALUES, VALUES_JSON, good, refused
from server.small_archive import OTHER_PROJECT, PROJECT


@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_value_pages_add_up(client: httpx.Client, limit: int) -> None:
    body: dict[str, Any] = {"experimentIdsFilter": [RUN_A, RUN_B], "nextPage": {"limit": limit}}
    seen: list[tuple[str, str, str]] = []
    for _ in range(100):
        answer = good(client.post(VALUES, params={"projectIdentifier": PROJECT}, json=body))
        page = decode_values(answer.content, PROTOBUF)
        sys_ids = page.entries["sys_id"].to_pylist()
        found = [
            (sys_ids[row["run"]], row["attribute"], kind)
            for kind, batch in page.values.items()
            for row in batch.to_pylist()
        ]
        assert len(found) == limit or page.next_page_token is None
        seen += found
        if not page.next_page_token:
            break
        body["nextPage"]["nextPageToken"] = page.next_page_token
    whole = good(client.post(VALUES_JSON, params={"projectIdentifier": PROJECT}, json={**body, "nextPage": None}))
    expected = [
        (entry["experimentShortId"], attribute["name"])
        for entry in whole.json()["entries"]
        for attribute in entry["attributes"]
    ]
    assert len(seen) == len(set(seen))
    assert sorted((run, name) for run, name, _ in seen) == sorted(expected)
    if limit == 1:
        assert [run for run, _, _ in seen] == sorted(run for run, _, _ in seen)


def test_values_by_exact_names(client: httpx.Client) -> None:
    body = {"experimentIdsFilter": [RUN_A], "attributeNamesFilter": ["lr", "missing", "loss"]}
    answer = good(client.post(VALUES_JSON, params={"projectIdentifier": PROJECT}, json=body)).json()
    (entry,) = answer["entries"]
    by_name = {attribute["name"]: attribute for attribute in entry["attributes"]}
    assert by_name.keys() == {"lr", "loss"}
    series = by_name["loss"]["floatSeriesProperties"]
    assert (series["last"], series["lastStep"], series["min"], series["max"]) == (0.1, 9.0, 0.1, 1.0)


def test_values_of_nothing(client: httpx.Client) -> None:
    for body in (
        {"experimentIdsFilter": []},
        {"experimentIdsFilter": [RUN_A], "attributeNamesFilter": []},
        {"experimentIdsFilter": [f"{OTHER_PROJECT}/OTH-1"]},
    ):
        answer = good(client.post(VALUES_JSON, params={"projectIdentifier": PROJECT}, json=body)).json()
        assert answer["entries"] == []


def test_attributes_of_one_run(client: httpx.Client) -> None:
    parameters = {"holderIdentifier": RUN_A, "holderType": "experiment"}
    answer = good(client.post(RUN_ATTRIBUTES, params=parameters, json={"attributePathsFilter": ["layers", "missing"]}))
    page = decode_run_attributes(answer.content, PROTOBUF)
    assert page.values["int"]["value"].to_pylist() == [3]
    assert page.values.keys() == {"int"}
    parameters["holderIdentifier"] = f"{PROJECT}/VIS-99"
    refused(client.post(RUN_ATTRIBUTES, params=parameters, json={}), 404)
