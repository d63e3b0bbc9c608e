"""The JSON codec: exact text, tolerant reading, hostile bodies."""

from __future__ import annotations

import json
import math

import numpy as np
import pyarrow as pa
import pytest

from neptune_frames.errors import WireDecodingError
from neptune_frames.schemas import ATTRIBUTES, values_schema
from neptune_frames.wire import json as codec
from neptune_frames.wire.json.decoding import decode_object
from neptune_frames.wire.json.encoding import encode_object, json_text
from neptune_frames.wire.pages import ENTRIES, FLOAT_SERIES_PAGE, AttributesPage, DefinitionsPage

EXTREMES = [0.0, -0.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1 / 3, 1e16, 1e22, 1e-7, 2.0**53]


def float_body(point: str) -> bytes:
    return f'{{"series":[{{"requestId":"7","series":{{"totalItemCount":1,"values":[{point}]}}}}]}}'.encode()


def test_float_series_text() -> None:
    point = {"step": 1.0, "value": math.nan, "timestamp": 1735689600000, "is_preview": False, "preview_completion": 1.0}
    batch = pa.RecordBatch.from_pylist(
        [
            {"request_id": "0", "total_item_count": 2, "points": [point, {**point, "value": -math.inf}]},
            {"request_id": "1", "total_item_count": 0, "points": []},
        ],
        schema=FLOAT_SERIES_PAGE,
    )
    rest = '"timestampMillis":1735689600000,"isPreview":false,"completionRatio":1.0'
    assert codec.encode_float_series(batch).decode() == (
        '{"series":[{"requestId":"0","series":{"totalItemCount":2,"values":['
        f'{{"step":1.0,"value":"NaN",{rest}}},{{"step":1.0,"value":"-Infinity",{rest}}}]}}}},'
        '{"requestId":"1","series":{"totalItemCount":0,"values":[]}}]}'
    )


def test_numbers_survive_to_the_last_bit() -> None:
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2**64, 20_000, dtype=np.uint64).view(np.float64)
    numbers = np.concatenate([EXTREMES, bits[np.isfinite(bits)]])
    body = encode_object({"numbers": pa.array([numbers])})
    assert json.loads(body)["numbers"] == numbers.tolist()
    decoded = decode_object(body, pa.struct([pa.field("numbers", pa.large_list(pa.float64()))]))
    assert decoded.field("numbers").flatten().to_numpy().tobytes() == numbers.tobytes()


def test_strings_are_escaped_as_json_wants() -> None:
    strings = ["", 'a"b', "a\\b", "".join(map(chr, range(0x20))), "\x7f zażółć 🎉 \u2028"]
    assert [json.loads(text) for text in json_text(pa.array(strings)).to_pylist()] == strings
    assert json_text(pa.array(strings).dictionary_encode().slice(1, 2)).to_pylist() == ['"a\\"b"', '"a\\\\b"']


def test_members_that_are_null_are_left_out() -> None:
    rows = pa.array(
        [{"a": None, "b": 1, "c": None}, {"a": None, "b": None, "c": None}, None, {"a": "x", "b": 2, "c": [None]}]
    )
    assert encode_object({"rows": pa.array([rows.to_pylist()], pa.list_(rows.type))}) == (
        b'{"rows":[{"b":1},{},null,{"a":"x","b":2,"c":[null]}]}'
    )


@pytest.mark.parametrize(
    ("point", "value"),
    [
        ('{"step":1,"value":2}', 2.0),
        ('{"step":1.0,"value":"NaN"}', math.nan),
        ('{"step":1.0,"value":"Infinity"}', math.inf),
        ('{"step":1.0,"value":"-Infinity"}', -math.inf),
        ('{"value" : -0.0,\n "step":1e0, "unknown":{"a":[1,{"b":null}]}}', -0.0),
        ('{"step":1,"value":5e-324,"isPreview":null,"completionRatio":null,"timestampMillis":null}', 5e-324),
        ('{"step":1,"value":123456789012345678901234567890}', 1.2345678901234568e29),
    ],
)
def test_numbers_are_read_in_every_form(point: str, value: float) -> None:
    batch = codec.decode_float_series(float_body(point), time=True, preview=True)
    decoded = batch.column("points").flatten()
    assert repr(decoded.field("value").to_pylist()) == repr([value])
    assert decoded.field("step").to_pylist() == [1.0]
    assert decoded.field("is_preview").to_pylist() == [False]


def test_64_bit_integers_may_be_text() -> None:
    batch = codec.decode_float_series(
        b'{"series":[{"requestId":"0","series":{"totalItemCount":"9007199254740993",'
        b'"values":[{"step":1,"value":2,"timestampMillis":"1735689608000"}]}}]}',
        time=True,
    )
    assert batch.column("total_item_count").to_pylist() == [9007199254740993]
    assert batch.column("points").flatten().field("timestamp").cast(pa.int64()).to_pylist() == [1735689608000]


@pytest.mark.parametrize("body", [b"{}", b'{"series":null}', b'{"series":[]}'])
def test_an_answer_without_series_is_empty(body: bytes) -> None:
    assert codec.decode_float_series(body).num_rows == 0
    assert codec.decode_object_series(body).num_rows == 0


@pytest.mark.parametrize(
    "point",
    [
        "1", "null", "[]", '"x"', '{"step":1}', '{"value":1}', '{"step":true,"value":1}', '{"step":[1],"value":1}',
        '{"step":{},"value":1}', '{"step":1,"value":null}', '{"step":1,"value":"x"}', '{"step":1,"value":1e400}',
        '{"step":1,"value":NaN}', '{"step":1,"value":1,"timestampMillis":1.5}', '{"step":01,"value":1}',
        '{"step":1,"value":1,"timestampMillis":99999999999999999999}', '{"step":1,"value":1,"isPreview":1}',
        '{"step":1,"value":1', '{"step":1,"value":1}]', '{"step":1,"value":1,}',
    ],
)  # fmt: skip
def test_bad_points_are_refused(point: str) -> None:
    with pytest.raises(WireDecodingError):
        codec.decode_float_series(float_body(point), time=True, preview=True)


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"null", b"[]", b"1", b"{", b"{} {}", b"\xff", b"\xef\xbb\xbf{}", b'{"series":1}',
        b'{"series":[null]}', b'{"series":[{"requestId":"\xff"}]}', b'{"series":[{"requestId":"\\ud800"}]}',
        b'{"series":[{"requestId":"a\nb"}]}', b'{"series":[{"requestId":null}]}',
        b'{"x":' + b"[" * 200_000, b'{"x":' + b'{"x":' * 200_000,
        b'{"series":' + b"[" * 900 + b"]" * 900 + b"}",
    ],
)  # fmt: skip
def test_hostile_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(WireDecodingError):
        codec.decode_float_series(body)


def test_errors_name_the_place_and_do_not_quote_the_body() -> None:
    with pytest.raises(WireDecodingError, match=r"\$\.series\[\.\.\.\]\.series\.values\[\.\.\.\]\.value"):
        codec.decode_float_series(float_body('{"step":1,"value":null}'))
    with pytest.raises(WireDecodingError) as caught:
        codec.decode_float_series(b'{"series":{"secret":"' + b"x" * 5000 + b'"}}')
    assert len(str(caught.value)) < 200
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2025-01-01T00:00:00.123Z", 1735689600123),
        ("2025-01-01T02:00:00.123+02:00", 1735689600123),
        ("2024-12-31T19:00:00.123456789-05:00", 1735689600123),
        ("2025-01-01t00:00:00z", 1735689600000),
        ("1969-12-31T23:59:59.9999Z", -1),
    ],
)
def test_datetimes_with_any_offset(text: str, milliseconds: int) -> None:
    body = (
        '{"experimentId":"u","attributes":[{"name":"a","type":"datetime",'
        f'"datetimeProperties":{{"attributeName":"a","attributeType":"datetime","value":"{text}"}}}}]}}'
    )
    page = codec.decode_run_attributes(body.encode())
    assert page.values["datetime"].column("value").cast(pa.int64()).to_pylist() == [milliseconds]


@pytest.mark.parametrize("text", ["2025-01-01T00:00:00", "yesterday", "", "2025-13-01T00:00:00Z"])
def test_bad_datetimes_are_refused(text: str) -> None:
    body = f'{{"attributes":[{{"name":"a","type":"datetime","datetimeProperties":{{"value":"{text}"}}}}]}}'
    with pytest.raises(WireDecodingError, match="datetimeProperties"):
        codec.decode_run_attributes(body.encode())


def test_search_answer_of_a_server() -> None:
    body = b"""{"matchingItemCount": 2, "totalGroupCount": 0, "entries": [
        {"experimentId": "u1", "type": "run", "projectId": "p", "projectName": "vision", "organizationId": "o",
         "organizationName": "acme", "attributes": [
            {"name": "sys/id", "type": "string",
             "stringProperties": {"attributeName": "sys/id", "attributeType": "string", "value": "VIS-1"}},
            {"name": "sys/state", "type": "experimentState",
             "experimentStateProperties": {"attributeName": "sys/state", "attributeType": "experimentState",
                                           "value": "idle"}},
            {"name": "git", "type": "gitRef", "gitRefProperties": {"repositoryDirty": true}},
            {"name": "sys/tags", "type": "stringSet",
             "stringSetProperties": {"attributeName": "sys/tags", "attributeType": "stringSet",
                                     "values": ["a", "b"]}}]},
        {"experimentId": "u2", "type": "run", "projectId": "p", "projectName": "vision", "organizationId": "o",
         "organizationName": "acme", "attributes": [
            {"name": "loss", "type": "floatSeries",
             "floatSeriesProperties": {"attributeName": "loss", "attributeType": "floatSeries", "config": {},
                                       "hasPreview": false, "last": "NaN", "lastStep": 9, "min": 0.5}}]}]}"""
    page = codec.decode_search(body)
    assert page.total == 2
    assert page.unknown_types == {"gitRef"}
    assert page.entries.to_pylist()[1] == {
        "experiment_id": "u2",
        "sys_id": None,
        "project_id": "p",
        "organization_id": "o",
        "project_name": "vision",
        "organization_name": "acme",
    }
    assert page.values["string"].to_pylist() == [{"run": 0, "attribute": "sys/id", "value": "VIS-1"}]
    assert page.values["experiment_state"].to_pylist() == [{"run": 0, "attribute": "sys/state", "value": "idle"}]
    assert page.values["string_set"].to_pylist() == [{"run": 0, "attribute": "sys/tags", "value": ["a", "b"]}]
    row = page.values["float_series"].to_pylist()[0]
    assert math.isnan(row.pop("value"))
    assert row == {
        "run": 1, "attribute": "loss", "last_step": 9.0, "min": 0.5, "max": None, "average": None, "variance": None
    }  # fmt: skip


def test_definitions_as_captured() -> None:
    batch = pa.RecordBatch.from_pylist(
        [{"attribute": "config/lr", "type": "float"}, {"attribute": "loss", "type": "float_series"}], schema=ATTRIBUTES
    )
    last = codec.encode_definitions(DefinitionsPage(batch))
    entries = '"entries":[{"name":"config/lr","type":"float"},{"name":"loss","type":"floatSeries"}]'
    assert last.decode() == f'{{{entries},"nextPage":{{}}}}'
    more = codec.encode_definitions(DefinitionsPage(batch, next_page_token="t"))
    assert more.decode() == f'{{{entries},"nextPage":{{"nextPageToken":"t"}}}}'
    assert codec.decode_definitions(more) == DefinitionsPage(batch, "t")


@pytest.mark.parametrize("next_page", ['{"limit":10000,"nextPageToken":null}', "{}", "null", '{"nextPageToken":""}'])
def test_definitions_of_the_last_page(next_page: str) -> None:
    body = f'{{"entries":[{{"name":"a","type":"gitRef"}},{{"name":"b","type":"int"}}],"nextPage":{next_page}}}'
    page = codec.decode_definitions(body.encode())
    assert page.definitions.to_pylist() == [{"attribute": "b", "type": "int"}]
    assert page.next_page_token is None
    assert page.unknown_types == {"gitRef"}


def test_buckets_with_zeros_left_out() -> None:
    """The protobuf JSON form leaves out zeros and writes 64-bit integers as text."""
    batch = codec.decode_buckets(
        b'{"entries":[{"requestId":"0","bucket":[{"fromX":"-Infinity","first":{"y":1.0},"finitePointCount":"1"}]},'
        b'{"requestId":"1"}]}'
    )
    (bucket,) = batch.column("buckets")[0].as_py()
    assert (bucket["index"], bucket["from_x"], bucket["to_x"], bucket["finite_point_count"]) == (0, -math.inf, 0.0, 1)
    assert (bucket["first_x"], bucket["first_y"], bucket["last_x"], bucket["local_min"]) == (0.0, 1.0, None, None)
    assert batch.column("buckets")[1].as_py() == []


def test_values_keep_nulls_apart() -> None:
    schema = values_schema("file")
    rows = [
        {"run": 0, "attribute": "a", "value": {"path": None, "size_bytes": 5, "mime_type": None}},
        {"run": 0, "attribute": "b", "value": {"path": "p", "size_bytes": None, "mime_type": "m"}},
    ]
    entries = pa.RecordBatch.from_pylist([{"experiment_id": "u", "sys_id": "VIS-1"}], schema=ENTRIES)
    page = AttributesPage(entries, {"file": pa.RecordBatch.from_pylist(rows, schema=schema)})
    decoded = codec.decode_values(codec.encode_values(page))
    assert decoded.values["file"].to_pylist() == rows
    assert decoded.entries.to_pylist() == entries.to_pylist()


@pytest.mark.parametrize("more", ["", ',"text":"NaN"', ',"text":"true"', ',"count":"9007199254740993"'])
def test_numbers_read_the_same_whatever_else_the_body_holds(more: str) -> None:
    """All but the first body are read with every number as text."""
    message = pa.struct(
        [
            pa.field("floats", pa.large_list(pa.float64())),
            pa.field("integers", pa.large_list(pa.int64())),
            pa.field("flag", pa.bool_()),
            pa.field("count", pa.int64()),
        ]
    )
    floats = [*EXTREMES, 0.1000000000000000055511151231257827, None]
    integers = [0, -1, 2**53 - 1, 1735689600000, None]
    body = f'{{"floats":{json.dumps(floats)},"integers":{json.dumps(integers)},"flag":true{more}}}'
    decoded = decode_object(body.encode(), message).to_pylist()[0]
    assert repr(decoded["floats"]) == repr(floats)
    assert decoded["integers"] == integers
    assert decoded["flag"] is True
    assert decoded["count"] == (9007199254740993 if "count" in more else None)


@pytest.mark.parametrize("integer", [2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)])
def test_large_integers_are_exact(integer: int) -> None:
    decoded = decode_object(b'{"a":%d}' % integer, pa.struct([pa.field("a", pa.int64())]))
    assert decoded.to_pylist() == [{"a": integer}]


@pytest.mark.parametrize("number", ["true", "false", "[true]", '"true"', "{}", "1e400"])
def test_only_numbers_are_numbers(number: str) -> None:
    message = pa.struct([pa.field("a", pa.float64()), pa.field("b", pa.bool_())])
    with pytest.raises(WireDecodingError):
        decode_object(b'{"b":true,"a":' + number.encode() + b"}", message)


@pytest.mark.parametrize("number", ["1.5", "1e30", "9223372036854775808", "true"])
def test_only_integers_are_integers(number: str) -> None:
    with pytest.raises(WireDecodingError):
        decode_object(b'{"a":' + number.encode() + b"}", pa.struct([pa.field("a", pa.int64())]))
