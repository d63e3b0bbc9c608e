"""Points of string, histogram and file series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from neptune_frames.server.limits import Limits
from neptune_frames.server.testing import RunningServer, serve_in_thread
from neptune_frames.wire import decode_object_series
from neptune_frames.wire.media_types import PROTOBUF
from server.http_api import OBJECTS, RUN_A, L, good, refused
from server.small_archive import LONG_TEXT, series_request, write_small_archive


def test_object_series_page_until_finished(small_server: RunningServer, tmp_path: Path, connect: Any) -> None:
    with serve_in_thread(write_small_archive(tmp_path), limits=Limits(object_answer_bytes=5_000)) as server:
        client = connect(server)
        body: Any = series_request((RUN_A, "long"), (RUN_A, "missing"), (RUN_A, "log"), order="descending")
        seen: dict[str, list[float]] = {"r0": [], "r1": [], "r2": []}
        for _ in range(50):
            answer = good(client.post(OBJECTS, params={"useDeprecatedStringFields": "false"}, json=body))
            page = decode_object_series(answer.content, PROTOBUF).to_pylist()
            for row in page:
                seen[row["request_id"]] += [point["step"] for point in row["points"]]
                assert all(point["string"] for point in row["points"])
            open_rows = {row["request_id"]: row["token"] for row in page if not row["finished"]}
            if not open_rows:
                break
            body["requests"] = [
                {**request, **({"searchAfter": {"finished": False, "token": token}} if token else {})}
                for request in body["requests"]
                for token in [open_rows.get(request["requestId"])]
                if request["requestId"] in open_rows
            ]
    assert seen["r0"] == list(range(39, -1, -1))
    assert seen["r1"] == []
    assert seen["r2"] == list(range(9, -1, -1))


@pytest.mark.parametrize("cap", [0, 1, 7, 100])
def test_object_series_cap(client: httpx.Client, cap: int) -> None:
    answer = good(client.post(OBJECTS, json=series_request((RUN_A, "log"), limit=cap, order="descending")))
    (row,) = decode_object_series(answer.content, PROTOBUF).to_pylist()
    assert [point["string"] for point in row["points"]] == [f"line {step}" for step in range(9, -1, -1)][:cap]
    assert row["finished"] is True


def test_file_series_points(client: httpx.Client) -> None:
    answer = good(client.post(OBJECTS, json=series_request((RUN_A, "samples"))))
    (row,) = decode_object_series(answer.content, PROTOBUF).to_pylist()
    assert [point["file"]["path"] for point in row["points"]] == ["run-a/0.txt", "run-a/1.txt"]
    assert row["points"][0]["file"]["mime_type"] == "text/plain"
    assert row["points"][0]["file"]["size_bytes"] == 5


def test_too_many_object_series(client: httpx.Client) -> None:
    good(client.post(OBJECTS, json=series_request(*[(RUN_A, f"s{number}") for number in range(2000)])))
    refused(client.post(OBJECTS, json=series_request(*[(RUN_A, f"s{number}") for number in range(2001)])), 400)


def test_long_text_travels_whole(client: httpx.Client) -> None:
    answer = good(client.post(f"{L}/attributes/series", json=series_request((RUN_A, "long"), limit=1))).json()
    assert answer["series"][0]["series"]["values"][0]["object"]["stringValue"] == LONG_TEXT
