"""The answers of the canned server: made-up projects whose shape is their name.

Values follow from run, attribute and step. Answers are protobuf (or JSON where the API has only that), as
a Neptune server sends them, or Arrow, as a server of ours does.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.calls import Shape, attribute_name, experiment_name, run_name, sys_id
from benchmarks.canned_series import buckets, float_series, object_series
from neptune_frames.schemas import ATTRIBUTES, VALUE_TYPES, values_schema
from neptune_frames.wire import encode_definitions, encode_run_attributes, encode_search, encode_values
from neptune_frames.wire.media_types import ARROW_STREAM, IDENTITY, JSON, PROTOBUF, STATISTICS
from neptune_frames.wire.pages import ENTRIES, AttributesPage, DefinitionsPage, nameless_entries

_EPOCH_MS = 1_700_000_000_000
_RUN_UUID = "00000000-0000-4000-8000-{:012d}"
_TABLE_TYPES = ("float", "int", "string", "bool", "datetime", "string_set", "float_series")
_SYSTEM_TEXTS = {"sys/id": sys_id, "sys/name": experiment_name, "sys/custom_run_id": run_name}

Ints = npt.NDArray[np.int64]


class Asked(NamedTuple):
    """One request, as far as answers depend on it.

    ``arrow`` says whether the answer is to be in Arrow; then ``columns`` are those of points that are needed, and
    ``unneeded`` the parts of the answer that are not.
    """

    target: str
    body: bytes
    arrow: bool = False
    columns: str = ""
    unneeded: str = ""


def answer(request: Asked, address: str) -> tuple[str, bytes]:
    """Media type and content of one answer."""
    parts = urlsplit(request.target)
    path, body = parts.path, request.body
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if path == "/bytes":
        return "application/octet-stream", bytes(int(query["count"]))
    asked = json.loads(body) if body.startswith(b"{") else {}
    small = _account(path, query, address)
    if small is not None:
        return JSON, json.dumps(small).encode()
    media_type = ARROW_STREAM if request.arrow else JSON if path.endswith("/definitions/query") else PROTOBUF
    return media_type, _data(path, query, asked, request, media_type)


def _data(path: str, query: dict[str, str], asked: dict[str, Any], request: Asked, media_type: str) -> bytes:
    if path.endswith("/timeseries/buckets"):
        return buckets(request.body, media_type, statistics=STATISTICS not in request.unneeded)
    if path.endswith("/leaderboard/entries/search/"):
        return search(Shape.of(query["projectIdentifier"]), asked, media_type, request.unneeded)
    if path.endswith("/attributes/definitions/query"):
        return definitions(Shape.of(asked["projectIdentifiers"][0]), asked, media_type)
    if path.endswith("/leaderboard/attributes/query"):
        return values(Shape.of(query["projectIdentifier"]), asked, media_type)
    if path.endswith("/queryAttributeDefinitions"):
        return run_definitions(_shape_of_run(query["experimentIdentifier"]), media_type)
    if path.endswith("/proto/attributes/attributes"):
        return run_attributes(_shape_of_run(query["holderIdentifier"]), asked, media_type)
    if path.endswith("/attributes/series/float"):
        return float_series(asked, media_type, request.columns)
    if path.endswith("/attributes/series"):
        return object_series(asked, media_type)
    raise ValueError(f"no canned answer for {path}")


def search(shape: Shape, asked: dict[str, Any], media_type: str, unneeded: str) -> bytes:
    """Entries in index order with the attributes that were asked for."""
    page = asked["pagination"]
    first, last = page["offset"], min(shape.runs, page["offset"] + page["limit"])
    if '"BEN-' in asked.get("query", {}).get("query", ""):
        last = min(last, 1)  # one run by its id: the first
    runs = np.arange(first, max(first, last))
    names = [item["path"] for item in asked["attributeFilters"]]
    entries = nameless_entries(len(runs)) if IDENTITY in unneeded else _entries(shape, runs, experiment_ids=True)
    values = _values(shape, runs, names)
    for attribute_type, batch in values.items():
        schema = values_schema(attribute_type, statistics=STATISTICS not in unneeded)
        values[attribute_type] = batch.select(schema.names)
    return encode_search(AttributesPage(entries, values, total=shape.runs), media_type)


def definitions(shape: Shape, asked: dict[str, Any], media_type: str) -> bytes:
    """All attributes of the project, page by page; the token is the position of the next one."""
    page = asked["nextPage"]
    start = int(page.get("nextPageToken") or 0)
    stop = min(shape.attributes, start + page["limit"])
    token = str(stop) if stop < shape.attributes else None
    return encode_definitions(DefinitionsPage(_definitions(shape, start, stop), token), media_type)


def run_definitions(shape: Shape, media_type: str) -> bytes:
    return encode_definitions(DefinitionsPage(_definitions(shape, 0, shape.attributes)), media_type)


def run_attributes(shape: Shape, asked: dict[str, Any], media_type: str) -> bytes:
    run = np.zeros(1, dtype=np.int64)
    page = AttributesPage(_entries(shape, run, experiment_ids=True), _values(shape, run, asked["attributePathsFilter"]))
    return encode_run_attributes(page, media_type)


def values(shape: Shape, asked: dict[str, Any], media_type: str) -> bytes:
    """Values of the runs asked for, ``limit`` of them (in whole runs), the token is the position of the next run."""
    all_runs = np.array([_run_of(identifier) for identifier in asked["experimentIdsFilter"]])
    names = asked.get("attributeNamesFilter")
    names = [attribute_name(index) for index in range(shape.attributes)] if names is None else names
    start = int(asked["nextPage"].get("nextPageToken") or 0)
    stop = start + max(1, asked["nextPage"]["limit"] // max(1, len(names)))
    runs = all_runs[start:stop]
    page = AttributesPage(
        _entries(shape, runs, experiment_ids=False),
        _values(shape, runs, names),
        next_page_token=str(stop) if stop < len(all_runs) else None,
    )
    return encode_values(page, media_type)


def _account(path: str, query: dict[str, str], address: str) -> dict[str, Any] | None:
    """The small answers around the data: tokens, configuration, project."""
    if path.endswith("/oauth-token"):
        from benchmarks.canned_server import unsigned_token

        return {"accessToken": unsigned_token(address), "refreshToken": "none", "username": "bench"}
    if path.endswith("/clients/config"):
        security = {"clientId": "bench", "openIdDiscovery": f"{address}/openid-configuration"}
        return {"apiUrl": address, "applicationUrl": address, "pyLibVersions": {}, "security": security}
    if path.endswith("/openid-configuration"):
        return {"authorization_endpoint": f"{address}/auth", "token_endpoint": f"{address}/token"}
    if path.endswith("/projects/get"):
        organization, name = query["projectIdentifier"].split("/")
        identifiers = {"id": query["projectIdentifier"], "organizationId": "0b0e4d2a-2222-4c5e-9b1f-000000000002"}
        return {**identifiers, "name": name, "organizationName": organization, "projectKey": "BEN", "version": 3}
    return None


def _shape_of_run(identifier: str) -> Shape:
    return Shape.of(identifier.rpartition("/")[0])


def _run_of(identifier: str) -> int:
    """The index at the end of `bench/project/BEN-7` and of a run's UUID."""
    return int(identifier.rpartition("-")[2])


def _entries(shape: Shape, runs: Ints, *, experiment_ids: bool) -> pa.RecordBatch:
    count = len(runs)
    organization, name = shape.project.split("/")
    columns = {
        "experiment_id": [_RUN_UUID.format(run) for run in runs],
        "sys_id": [None if experiment_ids else sys_id(run) for run in runs],
        "project_id": ["0b0e4d2a-1111-4c5e-9b1f-000000000001"] * count,
        "organization_id": ["0b0e4d2a-2222-4c5e-9b1f-000000000002"] * count,
        "project_name": [name] * count,
        "organization_name": [organization] * count,
    }
    return pa.RecordBatch.from_pydict(columns, schema=ENTRIES)


def _definitions(shape: Shape, start: int, stop: int) -> pa.RecordBatch:
    indices = range(start, stop)
    columns = {
        "attribute": [attribute_name(index) for index in indices],
        "type": [_type_of(shape, index) for index in indices],
    }
    return pa.RecordBatch.from_pydict(columns, schema=ATTRIBUTES)


def _type_of(shape: Shape, index: int) -> str:
    if shape.kind == "table":
        return _TABLE_TYPES[index % len(_TABLE_TYPES)]
    return "string_series" if shape.kind == "texts" else "float_series"


def _values(shape: Shape, runs: Ints, names: list[str]) -> dict[str, pa.RecordBatch]:
    """One batch per type, run by run, for the system texts and the project's own attributes among the names."""
    by_type: dict[str, list[str]] = {}
    for name in names:
        if name in _SYSTEM_TEXTS:
            by_type.setdefault("string", []).append(name)
        elif name.startswith("metrics/") and int(name[-6:]) < shape.attributes:
            by_type.setdefault(_type_of(shape, int(name[-6:])), []).append(name)
    return {attribute_type: _batch(attribute_type, runs, chosen) for attribute_type, chosen in by_type.items()}


def _batch(attribute_type: str, runs: Ints, names: list[str]) -> pa.RecordBatch:
    places = np.tile(np.arange(len(names), dtype=np.int32), len(runs))
    number = np.array([0 if name in _SYSTEM_TEXTS else int(name[-6:]) for name in names])
    seed = np.repeat(runs, len(names)) * 7 + np.tile(number, len(runs))
    schema = values_schema(attribute_type)
    columns: dict[str, Any] = {
        "run": pa.array(np.repeat(np.arange(len(runs), dtype=np.int32), len(names))),
        "attribute": pa.DictionaryArray.from_arrays(places, pa.array(names, pa.string())),
        "value": _column(attribute_type, runs, names, seed),
        "last_step": pa.array(np.full(len(seed), 999.0)),
    }
    for offset, statistic in enumerate(("min", "max", "average", "variance")):
        columns[statistic] = pa.array(seed * 0.125 + offset)
    return pa.RecordBatch.from_arrays([columns[field.name] for field in schema], schema=schema)


def _column(attribute_type: str, runs: Ints, names: list[str], seed: Ints) -> pa.Array:
    if attribute_type == "string":
        texts = [
            _SYSTEM_TEXTS[name](run) if name in _SYSTEM_TEXTS else f"option-{(run * 7 + int(name[-6:])) % 50}"
            for run in runs.tolist()
            for name in names
        ]
        return pa.array(texts, pa.string())
    if attribute_type == "string_series":
        return pa.array([f"line {number}" for number in seed.tolist()], pa.string())
    if attribute_type == "string_set":
        return pa.array([[f"tag-{number % 5}", "common"] for number in seed.tolist()], pa.list_(pa.string()))
    if attribute_type == "bool":
        return pa.array(seed % 2 == 0)
    if attribute_type == "int":
        return pa.array(seed)
    if attribute_type == "datetime":
        return pa.array(seed + _EPOCH_MS).cast(VALUE_TYPES["datetime"])
    return pa.array(seed * 0.5 + 0.25)
