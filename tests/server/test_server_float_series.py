"""Points of float series."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from neptune_frames.wire import decode_float_series, decode_object_series
from neptune_frames.wire.media_types import ARROW_STREAM, PROTOBUF, REQUEST_FORMATS_HEADER
from neptune_frames.wire.requests import SeriesTerms, arrow_series
from server.http_api import FLOATS, OBJECTS, RUN_A, RUN_B, L, buckets, good, refused
from server.small_archive import PROJECT, SLASHED, series_request


def floats(client: httpx.Client, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = good(client.post(FLOATS, json=body))
    rows: list[dict[str, Any]] = decode_float_series(answer.content, PROTOBUF, time=True, preview=True).to_pylist()
    return rows


def test_one_entry_per_request_in_order(client: httpx.Client) -> None:
    series = [
        (RUN_B, "loss"),
        (f"{PROJECT}/VIS-99", "loss"),
        (RUN_A, "missing"),
        (RUN_A, "loss"),
        (f"CUSTOM/{PROJECT}/{SLASHED}", "loss"),
        ("CUSTOM/no/where/x", "loss"),
        (RUN_A, "lr"),
        (RUN_B, "loss"),
    ]
    rows = floats(client, series_request(*series, limit=100))
    assert [row["request_id"] for row in rows] == [f"r{number}" for number in range(len(series))]
    assert [len(row["points"]) for row in rows] == [25, 0, 0, 10, 2, 0, 0, 25]


def test_series_of_no_known_project_are_refused(client: httpx.Client) -> None:
    nowhere = ("CUSTOM/no/where/x", "loss")
    refused(client.post(FLOATS, json=series_request(nowhere, limit=1)), 403, "ACCESS_DENIED")
    refused(buckets(client, nowhere, ("no/where/X-1", "loss")), 403, "ACCESS_DENIED")


@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_float_order_and_after_step(client: httpx.Client, order: str) -> None:
    expected = list(range(25)) if order == "ascending" else list(range(24, -1, -1))
    seen: list[float] = []
    body: Any = series_request((RUN_B, "loss"), limit=10, order=order)
    for _ in range(3):
        (row,) = floats(client, body)
        seen += [point["step"] for point in row["points"]]
        body["requests"][0]["afterStep"] = seen[-1]
    assert seen == expected


def test_float_step_range_includes_both_ends(client: httpx.Client) -> None:
    body = series_request((RUN_B, "loss"), limit=100, stepRange={"from": 3, "to": 7.0}, order="ascending")
    (row,) = floats(client, body)
    assert [point["step"] for point in row["points"]] == [3, 4, 5, 6, 7]
    assert row["points"][0]["is_preview"] is False
    assert row["points"][0]["preview_completion"] == 1.0


def test_null_keys_count_as_absent(client: httpx.Client) -> None:
    body: Any = series_request((RUN_B, "loss"), limit=100, stepRange={"from": None, "to": None}, order=None)
    body["requests"][0]["afterStep"] = None
    body["unknown"] = {"key": 1}
    (row,) = floats(client, body)
    assert len(row["points"]) == 25


def test_no_series_at_all(client: httpx.Client) -> None:
    assert floats(client, series_request(limit=10)) == []
    answer = good(client.post(OBJECTS, json=series_request()))
    assert decode_object_series(answer.content, PROTOBUF).num_rows == 0


@pytest.mark.parametrize("limit", [-1, 0, 1_000_001])
def test_points_limit_is_checked(client: httpx.Client, limit: int) -> None:
    refused(client.post(FLOATS, json=series_request((RUN_A, "loss"), limit=limit)), 400)


def test_points_of_all_series_together_are_limited(client: httpx.Client) -> None:
    good(client.post(FLOATS, json=series_request((RUN_A, "loss"), limit=1_000_000)))
    refused(client.post(FLOATS, json=series_request((RUN_A, "loss"), (RUN_B, "loss"), limit=500_001)), 400)


def test_single_series_twins(client: httpx.Client) -> None:
    parameters = {"experimentId": RUN_A, "attribute": "loss", "limit": 4, "skipToStep": 5}
    answer = good(client.get(FLOATS, params=parameters))
    (row,) = decode_float_series(answer.content, PROTOBUF).to_pylist()
    assert [point["step"] for point in row["points"]] == [6, 7, 8, 9]
    good(client.get(f"{L}/attributes/series/float", params=parameters))
    refused(client.get(FLOATS, params={**parameters, "limit": "many"}), 400)
    refused(client.get(FLOATS, params={"attribute": "loss"}), 400)


def test_requests_in_arrow_are_answered_as_those_in_json(client: httpx.Client) -> None:
    body = series_request(
        (RUN_B, "loss"), (RUN_A, "loss"), limit=4, stepRange={"from": 3, "to": None}, order="descending"
    )
    plain = good(client.post(FLOATS, json=body))
    assert plain.headers[REQUEST_FORMATS_HEADER] == ARROW_STREAM
    request = arrow_series.encode_float_series_request(
        ["r0", "r1"],
        [RUN_B, RUN_A],
        ["loss", "loss"],
        SeriesTerms("FULL", "RUN", per_series_points_limit=4, step_range=(3.0, None), order="descending"),
    )
    in_arrow = good(client.post(FLOATS, content=request, headers={"Content-Type": ARROW_STREAM}))
    assert in_arrow.content == plain.content
    refused(client.post(FLOATS, content=request[:100], headers={"Content-Type": ARROW_STREAM}), 400)
    refused(client.post(FLOATS, content=request, headers={"Content-Type": "application/json"}), 400)
