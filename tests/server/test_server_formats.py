"""The three formats of answers: which one, and that they hold the same."""

from __future__ import annotations

from typing import Any

import httpx
import pyarrow as pa
import pytest

from neptune_frames.errors import WireDecodingError
from neptune_frames.wire import (
    decode_definitions,
    decode_float_series,
    decode_object_series,
    decode_run_attributes,
    decode_search,
    decode_values,
)
from neptune_frames.wire.media_types import ARROW_STREAM, IDENTITY, JSON, PROTOBUF, STATISTICS, UNNEEDED_HEADER
from neptune_frames.wire.pages import AttributesPage, nameless_entries
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
    pages = []
    for accept in (PROTOBUF, JSON, ARROW_STREAM) if name != "definitions" else (JSON, ARROW_STREAM):
        answer = good(client.post(path, json=body, headers={"Accept": accept}))
        assert answer.headers["content-type"].partition(";")[0] == accept
        pages.append(comparable(decode(answer.content, accept)))  # type: ignore[operator]
    assert all(page == pages[0] for page in pages)


def test_definitions_come_page_by_page_which_protobuf_cannot_say(client: httpx.Client) -> None:
    path, body, _ = FORMATS["definitions"]
    paged = {**body, "nextPage": {"limit": 1}}
    refused(client.post(path, json=paged, headers={"Accept": PROTOBUF}), 406)
    either = client.post(path, json=paged, headers={"Accept": f"{PROTOBUF}, {JSON};q=0.5"})
    assert decode_definitions(either.content, JSON).next_page_token


def searched(client: httpx.Client, accept: str, **headers: str) -> AttributesPage:
    path, body, _ = FORMATS["search"]
    answer = good(client.post(path, json=body, headers={"Accept": accept, **headers}))
    return decode_search(answer.content, accept, statistics=UNNEEDED_HEADER not in headers)


@pytest.mark.parametrize("accept", [PROTOBUF, JSON, ARROW_STREAM])
def test_what_a_client_does_not_need_is_left_out_of_arrow_only(client: httpx.Client, accept: str) -> None:
    whole = searched(client, accept)
    rest = searched(client, accept, **{UNNEEDED_HEADER: f"{IDENTITY}, {STATISTICS}, what nobody knows"})
    assert whole.entries["experiment_id"].null_count == 0
    assert rest.entries.num_rows == whole.entries.num_rows > 0
    assert rest.total == whole.total
    kept = ["run", "attribute", "value"]
    assert rest.values["float_series"].select(kept).equals(whole.values["float_series"].select(kept))
    assert rest.entries.equals(nameless_entries(rest.entries.num_rows)) == (accept == ARROW_STREAM)
    if accept == ARROW_STREAM:
        assert rest.values["float_series"].schema.names == kept


def test_statistics_that_are_needed_must_be_there(client: httpx.Client) -> None:
    path, body, _ = FORMATS["search"]
    answer = client.post(path, json=body, headers={"Accept": ARROW_STREAM, UNNEEDED_HEADER: STATISTICS})
    with pytest.raises(WireDecodingError, match="schema"):
        decode_search(answer.content, ARROW_STREAM)


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
