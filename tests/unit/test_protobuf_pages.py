"""Pages through protobuf and back, and answers a page cannot hold entirely."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from neptune_frames.errors import WireDecodingError
from neptune_frames.schemas import ATTRIBUTES, values_schema
from neptune_frames.wire import protobuf
from neptune_frames.wire.pages import BUCKET, BUCKETS_PAGE, ENTRIES, OBJECT_SERIES_PAGE, AttributesPage, DefinitionsPage
from neptune_frames.wire.protobuf import messages
from neptune_frames.wire.protobuf.drafts import Draft

FILE = {"path": "s3://a/ü", "size_bytes": 0, "mime_type": ""}
HISTOGRAM = {"type": "COUNTING", "edges": [0.0, 1.0, 2.0], "values": [4.0, -0.0]}
SERIES: dict[str, Any] = {"last_step": 3.0}
STATISTICS: dict[str, Any] = {"min": 0.0, "max": 2.0, "average": 1.0, "variance": 0.5}

ROWS: dict[str, list[dict[str, Any]]] = {
    "int": [{"value": -5}, {"value": 0}],
    "float": [{"value": float("inf")}, {"value": 0.0}],
    "string": [{"value": "漢🙂"}, {"value": ""}],
    "bool": [{"value": True}, {"value": False}],
    "datetime": [{"value": 1_735_689_603_123}, {"value": -1}],
    "string_set": [{"value": ["b", "a", ""]}, {"value": []}],
    "float_series": [{"value": 1.5, **SERIES, **STATISTICS}, {"value": None, "last_step": None}],
    "string_series": [{"value": "", **SERIES}, {"value": None, "last_step": None}],
    "file": [{"value": FILE}, {"value": FILE}],
    "file_series": [{"value": FILE, **SERIES}, {"value": None, "last_step": None}],
    "histogram_series": [{"value": HISTOGRAM, **SERIES}, {"value": None, "last_step": None}],
    "experiment_state": [{"value": None}, {"value": None}],
}


def values_batch(client_type: str) -> pa.RecordBatch:
    schema = values_schema(client_type)
    rows = [{"run": run, "attribute": f"a/{client_type}", **row} for run, row in enumerate(ROWS[client_type])]
    columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def page(entries: list[dict[str, str]], **more: Any) -> AttributesPage:
    values = {client_type: values_batch(client_type) for client_type in ROWS}
    return AttributesPage(pa.RecordBatch.from_pylist(entries, schema=ENTRIES), values, **more)


def assert_same_page(read: AttributesPage, written: AttributesPage) -> None:
    assert read.entries.equals(written.entries)
    assert read.values.keys() == written.values.keys()
    for client_type, batch in read.values.items():
        batch.validate(full=True)
        assert batch.schema == values_schema(client_type)
        assert batch.to_pylist() == written.values[client_type].to_pylist()
    assert (read.total, read.next_page_token) == (written.total, written.next_page_token)


def test_search_answers_round_trip() -> None:
    names = ("experiment_id", "project_id", "organization_id", "project_name", "organization_name")
    written = page([{name: f"{name} {i}" for name in names} for i in range(2)], total=7)
    assert_same_page(protobuf.decode_search(protobuf.encode_search(written)), written)


@pytest.mark.parametrize("token", [None, "next"])
def test_value_answers_round_trip(token: str | None) -> None:
    written = page([{"experiment_id": f"e{i}", "sys_id": f"RUN-{i}"} for i in range(2)], next_page_token=token)
    assert_same_page(protobuf.decode_values(protobuf.encode_values(written)), written)


def test_types_that_are_not_known_are_named_and_dropped() -> None:
    attributes = pa.array([{"name": "a", "type": "complex"}, {"name": "b", "type": "int"}])
    entry = pa.array([{"experiment_id": "e", "attributes": attributes.to_pylist()}])
    read = protobuf.decode_run_attributes(Draft.of_struct(messages.ATTRIBUTES, entry).to_bytes())
    assert read.unknown_types == {"complex"}
    assert read.values["int"].to_pylist() == [{"run": 0, "attribute": "b", "value": None}]


def test_definitions_round_trip() -> None:
    columns = [pa.array(["a/b", "ü"]), pa.array(["float_series", "experiment_state"])]
    written = DefinitionsPage(pa.RecordBatch.from_arrays(columns, schema=ATTRIBUTES))
    assert protobuf.decode_definitions(protobuf.encode_definitions(written)) == written


def test_object_series_round_trip() -> None:
    points = [
        {"step": 1.0, "timestamp": 5, "string": "", "histogram": None, "file": None},
        {"step": 0.0, "timestamp": 0, "string": None, "histogram": HISTOGRAM, "file": None},
        {"step": 3.0, "timestamp": 7, "string": None, "histogram": None, "file": FILE},
    ]
    rows = [
        {"request_id": "0", "finished": True, "token": "t", "points": points},
        {"request_id": "1", "finished": None, "token": None, "points": []},
        {"request_id": "2", "finished": False, "token": "", "points": points[:1]},
    ]
    written = pa.RecordBatch.from_pylist(rows, schema=OBJECT_SERIES_PAGE)
    read = protobuf.decode_object_series(protobuf.encode_object_series(written))
    read.validate(full=True)
    assert read.schema == OBJECT_SERIES_PAGE
    assert read.to_pylist() == written.to_pylist()


def test_deprecated_string_points_are_read() -> None:
    old = {"requestId": "0", "string_series": {"values": [{"step": 1.0, "value": "old"}]}}
    new = {"requestId": "1", "seriesValues": {"values": [{"step": 2.0, "object": {"stringValue": "new"}}]}}
    kind = messages.OBJECT_SERIES_RESPONSE.arrow_type
    answer = pa.array([{"series": [_completed(entry) for entry in (old, new, old)]}], kind)
    read = protobuf.decode_object_series(Draft.of_struct(messages.OBJECT_SERIES_RESPONSE, answer).to_bytes())
    strings = [[point["string"] for point in points] for points in read.column("points").to_pylist()]
    assert strings == [["old"], ["new"], ["old"]]


def _completed(entry: dict[str, Any]) -> dict[str, Any]:
    return {"searchAfter": None, "string_series": None, "seriesValues": None, **entry}


def test_buckets_round_trip() -> None:
    full = {field.name: 1 if field.name.endswith("count") or field.name == "index" else 0.0 for field in BUCKET}
    without_points = {
        name: None if name.startswith(("first", "last", "local")) else value for name, value in full.items()
    }
    rows = [{"request_id": "0", "buckets": [full, without_points]}, {"request_id": "1", "buckets": []}]
    written = pa.RecordBatch.from_pylist(rows, schema=BUCKETS_PAGE)
    read = protobuf.decode_buckets(protobuf.encode_buckets(written))
    read.validate(full=True)
    assert read.equals(written)


#: The request of http-captures section 7, as the official client sent it.
CAPTURED = bytes.fromhex(
    "0a4a0a2430303030303030302d303030302d303030302d303030302d303030303030303030303030121161636d652f76"
    "6973696f6e2f5649532d311a0d247b747261696e2f6c6f73737d20010a4a0a2430303030303030302d303030302d3030"
    "30302d303030302d303030303030303030303031121161636d652f766973696f6e2f5649532d321a0d247b747261696e"
    "2f6c6f73737d2001120620043a020a00"
)


def test_a_captured_buckets_request_is_read_and_written_again() -> None:
    request = protobuf.decode_buckets_request(CAPTURED)
    assert request.run_ids.to_pylist() == ["acme/vision/VIS-1", "acme/vision/VIS-2"]
    assert request.formulas.to_pylist() == ["${train/loss}"] * 2
    assert (request.include_preview, request.lineage, request.entity_type) == (True, "FULL", "EXPERIMENT")
    assert (request.max_buckets, request.from_x, request.to_x) == (4, None, None)
    assert protobuf.encode_buckets_request(request) == CAPTURED


def test_expressions_that_disagree_are_refused() -> None:
    other = CAPTURED.replace(b"${train/loss} \x01", b"${train/loss} \x00", 1)
    assert other != CAPTURED
    with pytest.raises(WireDecodingError, match="includePreview"):
        protobuf.decode_buckets_request(other)
