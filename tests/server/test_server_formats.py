"""The three formats of answers: which one, and that they hold the same."""

from __future__ import annotations

from typing import Any

import httpx
import pyarrow as pa
import pytest

from neptune_frames.wire import (
    decode_definitions,
    decode_float_series,
    decode_object_series,
    decode_run_attributes,
    decode_search,
    decode_values,
)
from neptune_frames.wire.media_types import ARROW_STREAM, JSON, PROTOBUF
from neptune_frames.wire.pages import AttributesPage
from server.http_api import (
    DEFINITIONS,
    FLOATS,
    GLOBAL_SEARCH,
    OBJECTS,
    RUN_A,
    RUN_ATTRIBUTES,
    RUN_B,
    SEARCH,
    VALUES,
    good,
    refused,
)
from server.small_archive import PROJECT, series_request

FORMATS = {
    "search": (SEARCH + f"?projectIdentifier={PROJECT}", {"attributeFilters": [{"path": "loss"}]}, decode_search),
    "global": (GLOBAL_SEARCH, {}, decode_search),
    "definitions": (DEFINITIONS, {"projectIdentifiers": [PROJECT]}, decode_definitions),
    "values": (VALUES + f"?projectIdentifier={PROJECT}", {"experimentIdsFilter": [RUN_A, RUN_B]}, decode_values),
    "run attributes": (RUN_ATTRIBUTES + f"?holderIdentifier={RUN_A}", {}, decode_run_attributes),
    "floats": (FLOATS, series_request((RUN_A, "loss"), (RUN_A, "acc"), limit=6), decode_float_series),
    "objects": (OBJECTS, series_request((RUN_A, "log"), (RUN_A, "samples")), decode_object_series),
}


def comparable(page: Any) -> Any:
    """A decoded page as plain values; what protobuf cannot say (who a run of a values answer is, besides
    its ids; that a file has no known size) is left out."""
    if isinstance(page, AttributesPage):
        values = {kind: sized(sorted(batch.to_pylist(), key=repr)) for kind, batch in page.values.items()}
        return page.entries["experiment_id"].to_pylist(), values, page.next_page_token
    if isinstance(page, pa.RecordBatch):
        return sized(page.to_pylist())
    return page.definitions.to_pylist(), page.next_page_token


def sized(rows: list[dict[str, Any]]) -> str:
    """Rows as text, in which nan equals nan, and an unknown size is 0."""
    return repr(rows).replace("'size_bytes': None", "'size_bytes': 0")


@pytest.mark.parametrize("name", list(FORMATS))
def test_formats_hold_the_same_answer(client: httpx.Client, name: str) -> None:
    path, body, decode = FORMATS[name]
    pages = {}
    for accept in (PROTOBUF, JSON, ARROW_STREAM):
        answer = good(client.post(path, json=body, headers={"Accept": accept}))
        assert answer.headers["content-type"].partition(";")[0] == accept
        pages[accept] = comparable(decode(answer.content, accept))  # type: ignore[operator]
    assert pages[PROTOBUF] == pages[JSON] == pages[ARROW_STREAM]


@pytest.mark.parametrize("name", list(FORMATS))
def test_default_format_is_what_official_clients_expect(client: httpx.Client, name: str) -> None:
    # They send Accept: */* everywhere, and parse by path (http-api.md, section 2).
    path, body, _ = FORMATS[name]
    answer = good(client.post(path, json=body, headers={"Accept": "*/*"}))
    assert answer.headers["content-type"].partition(";")[0] == (PROTOBUF if "/proto/" in path else JSON)


@pytest.mark.parametrize("name", list(FORMATS))
def test_unacceptable_formats_are_406(client: httpx.Client, name: str) -> None:
    path, body, _ = FORMATS[name]
    refused(client.post(path, json=body, headers={"Accept": "text/html"}), 406)
