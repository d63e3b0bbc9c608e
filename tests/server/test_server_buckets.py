"""Series summed up in buckets."""

from __future__ import annotations

import math

import httpx
import pytest

from neptune_frames.errors import WireDecodingError
from neptune_frames.wire import decode_buckets
from neptune_frames.wire.media_types import ARROW_STREAM, PROTOBUF, STATISTICS, UNNEEDED_HEADER
from server.http_api import BUCKETS, RUN_A, RUN_B, buckets, good, refused
from server.small_archive import PROJECT


def test_bucket_answers_cover_every_expression(client: httpx.Client) -> None:
    series = [(RUN_B, "loss"), (f"{PROJECT}/VIS-99", "loss"), (RUN_A, "missing"), (RUN_A, "loss"), (RUN_B, "loss")]
    answer = good(buckets(client, *series, max_buckets=4))
    rows = decode_buckets(answer.content, PROTOBUF).to_pylist()
    assert [row["request_id"] for row in rows] == ["b0", "b1", "b2", "b3", "b4"]
    assert [len(row["buckets"]) > 0 for row in rows] == [True, False, False, True, True]
    assert rows[0]["buckets"] == rows[4]["buckets"]
    # The range spans all series of the request: 0 to 24, in three intervals after the first point.
    assert [(bucket["from_x"], bucket["to_x"]) for bucket in rows[0]["buckets"]] == [
        (float("-inf"), 0.0),
        (0.0, 8.0),
        (8.0, 16.0),
        (16.0, 24.0),
    ]
    assert sum(bucket["finite_point_count"] for bucket in rows[3]["buckets"]) == 10


def test_statistics_that_are_not_needed_are_left_out_of_arrow(client: httpx.Client) -> None:
    whole = good(buckets(client, (RUN_A, "loss"), max_buckets=4))
    headers = {"Accept": ARROW_STREAM, UNNEEDED_HEADER: STATISTICS}
    rest = good(buckets(client, (RUN_A, "loss"), max_buckets=4, headers=headers))
    found = decode_buckets(rest.content, ARROW_STREAM, statistics=False)
    assert found.equals(decode_buckets(whole.content, PROTOBUF, statistics=False))
    with pytest.raises(WireDecodingError, match="schema"):
        decode_buckets(rest.content, ARROW_STREAM)


def test_bucket_limits(client: httpx.Client) -> None:
    good(buckets(client, (RUN_A, "loss"), max_buckets=1001))
    refused(buckets(client, (RUN_A, "loss"), max_buckets=0), 400)
    refused(buckets(client, (RUN_A, "loss"), max_buckets=1_000_000), 400)
    refused(buckets(client, *[(RUN_A, "loss")] * 1001, max_buckets=2), 400)
    refused(buckets(client, (RUN_A, "loss"), max_buckets=2, from_x=5.0, to_x=1.0), 400)
    for low, high in ((-math.inf, math.inf), (0.0, math.inf), (math.nan, 1.0), (-1.7e308, 1.7e308)):
        refused(buckets(client, (RUN_A, "loss"), max_buckets=2, from_x=low, to_x=high), 400)
    refused(buckets(client, (RUN_A, "loss} + ${acc"), max_buckets=2), 400)
    good(buckets(client, max_buckets=2))


def test_bucket_body_must_be_the_message(client: httpx.Client) -> None:
    refused(client.post(BUCKETS, content=b"\xff\xff\xff", headers={"Content-Type": PROTOBUF}), 400)
    refused(client.post(BUCKETS, json={"expressions": []}), 400)
