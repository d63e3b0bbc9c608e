"""The answers of the canned server: made-up projects whose shape is their name.

Series are deterministic: value and time follow from run, attribute and step. Answers are protobuf, as a
Neptune server sends them to both clients.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.calls import Shape, attribute_name, experiment_name, run_name
from neptune_frames.schemas import ATTRIBUTES, float_point, values_schema
from neptune_frames.wire import encode_definitions, encode_float_series, encode_search
from neptune_frames.wire.media_types import JSON, PROTOBUF
from neptune_frames.wire.pages import ENTRIES, AttributesPage, DefinitionsPage

_EPOCH_MS = 1_700_000_000_000
_POINT = float_point(time=True, preview=True)


def answer(path: str, query: dict[str, str], body: bytes, address: str) -> tuple[str, bytes]:
    """Media type and content of one answer."""
    if path.endswith("/oauth-token"):
        from benchmarks.canned_server import unsigned_token

        token = {"accessToken": unsigned_token(address), "refreshToken": "none", "username": "bench"}
        return JSON, json.dumps(token).encode()
    asked = json.loads(body)
    if path.endswith("/leaderboard/entries/search/"):
        return PROTOBUF, search(Shape.of(query["projectIdentifier"]), asked)
    if path.endswith("/attributes/definitions/query"):
        return JSON, definitions(Shape.of(asked["projectIdentifiers"][0]), asked)
    if path.endswith("/attributes/series/float"):
        return PROTOBUF, float_series(asked)
    raise ValueError(f"no canned answer for {path}")


def search(shape: Shape, asked: dict[str, Any]) -> bytes:
    """Entries in index order, with the label and id attributes that were asked for."""
    page = asked["pagination"]
    rows = range(page["offset"], min(shape.runs, page["offset"] + page["limit"]))
    texts = {"sys/id": _sys_id, "sys/name": experiment_name, "sys/custom_run_id": run_name}
    names = [item["path"] for item in asked["attributeFilters"] if item["path"] in texts]
    entries = pa.RecordBatch.from_pydict(
        {
            "experiment_id": [f"00000000-0000-4000-8000-{row:012d}" for row in rows],
            "sys_id": [None] * len(rows),
            "project_id": ["0b0e4d2a-1111-4c5e-9b1f-000000000001"] * len(rows),
            "organization_id": ["0b0e4d2a-2222-4c5e-9b1f-000000000002"] * len(rows),
            "project_name": [shape.project.partition("/")[2]] * len(rows),
            "organization_name": ["bench"] * len(rows),
        },
        schema=ENTRIES,
    )
    values = pa.RecordBatch.from_arrays(
        [
            pa.array(np.repeat(np.arange(len(rows), dtype=np.int32), len(names))),
            pa.DictionaryArray.from_arrays(np.tile(np.arange(len(names), dtype=np.int32), len(rows)), pa.array(names)),
            pa.array([texts[name](row) for row in rows for name in names], pa.string()),
        ],
        schema=values_schema("string"),
    )
    return encode_search(AttributesPage(entries, {"string": values}, total=shape.runs), PROTOBUF)


def definitions(shape: Shape, asked: dict[str, Any]) -> bytes:
    """All metrics of the project, page by page; the token is the position of the next one."""
    page = asked["nextPage"]
    start = int(page.get("nextPageToken") or 0)
    stop = min(shape.attributes, start + page["limit"])
    batch = pa.RecordBatch.from_pydict(
        {
            "attribute": [attribute_name(index) for index in range(start, stop)],
            "type": ["float_series"] * (stop - start),
        },
        schema=ATTRIBUTES,
    )
    token = str(stop) if stop < shape.attributes else None
    return encode_definitions(DefinitionsPage(batch, token), JSON)


def float_series(asked: dict[str, Any]) -> bytes:
    """One entry per request: the points after ``afterStep`` in the order asked for."""
    requests = asked["requests"]
    first_holder = requests[0]["series"]["holder"]["identifier"].removeprefix("CUSTOM/")
    shape = Shape.of("/".join(first_holder.split("/")[:2]))
    limit = asked["perSeriesPointsLimit"]
    descending = asked.get("order") == "descending"
    pieces = []
    for request in requests:  # once, when the answer is computed
        run, attribute = _series_of(request)
        steps = _steps(shape, run, attribute)
        after = request.get("afterStep")
        if after is not None:
            steps = steps[steps < after] if descending else steps[steps > after]
        pieces.append(steps[::-1][:limit] if descending else steps[:limit])
    counts = np.array([len(piece) for piece in pieces], dtype=np.int64)
    steps = np.concatenate(pieces) if pieces else np.empty(0)
    keys = np.array([_series_of(request) for request in requests], dtype=np.float64).reshape(-1, 2)
    offset = np.repeat(keys[:, 0] * 0.5 + keys[:, 1] * 0.25, counts)
    points = pa.StructArray.from_arrays(
        [
            pa.array(steps),
            pa.array(np.sin(steps * 0.001 + offset) + 1.5),
            pa.array((_EPOCH_MS + steps * 1000).astype("datetime64[ms]")).cast(pa.timestamp("ms", "UTC")),
            pa.array(np.zeros(len(steps), dtype=bool)),
            pa.array(np.ones(len(steps), dtype=np.float32)),
        ],
        fields=list(_POINT),
    )
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int64())
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array([request["requestId"] for request in requests], pa.string()),
            pa.array(np.full(len(requests), shape.steps, dtype=np.int64)),
            pa.LargeListArray.from_arrays(offsets, points),
        ],
        names=["request_id", "total_item_count", "points"],
    )
    return encode_float_series(batch, PROTOBUF)


@lru_cache(maxsize=20_000)
def _steps(shape: Shape, run: int, attribute: int) -> npt.NDArray[np.float64]:
    if not shape.ragged:
        return np.arange(shape.steps, dtype=np.float64)
    random = np.random.default_rng([run, attribute])
    return np.sort(random.choice(shape.steps * 4, shape.steps, replace=False)).astype(np.float64)


def _series_of(request: dict[str, Any]) -> tuple[int, int]:
    series = request["series"]
    return _last_number(series["holder"]["identifier"]), _last_number(series["attribute"])


def _last_number(text: str) -> int:
    match = re.search(r"(\d+)$", text)
    if match is None:
        raise ValueError(f"{text!r} does not end in a number")
    return int(match.group(1))


def _sys_id(index: int) -> str:
    return f"BEN-{index}"
