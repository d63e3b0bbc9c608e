"""The Arrow IPC codec refuses what is not exactly the page it should be."""

from __future__ import annotations

import struct

import pyarrow as pa
import pytest

from neptune_frames.errors import WireDecodingError
from neptune_frames.schemas import ATTRIBUTES, float_point, values_schema
from neptune_frames.wire import arrow_stream as codec
from neptune_frames.wire.arrow_batches import check_batch
from neptune_frames.wire.pages import ENTRIES, FLOAT_SERIES_PAGE, AttributesPage, DefinitionsPage

POINT = {"step": 0.5, "value": 1.5, "timestamp": 1, "is_preview": True, "preview_completion": 0.5}
FLOATS = pa.RecordBatch.from_pylist(
    [{"request_id": "0", "total_item_count": 9, "points": [POINT, POINT]}, {"request_id": "1", "total_item_count": 0}],
    schema=FLOAT_SERIES_PAGE,
)


def stream(batch: pa.RecordBatch, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def attributes_page(runs: list[int]) -> AttributesPage:
    rows = [{"run": run, "attribute": "a", "value": 1} for run in runs]
    entries = pa.RecordBatch.from_pylist([{"experiment_id": "u"}, {"experiment_id": "v"}], schema=ENTRIES)
    return AttributesPage(
        entries,
        {"int": pa.RecordBatch.from_pylist(rows, schema=values_schema("int"))},
        total=7,
        next_page_token="żeton",
        unknown_types=frozenset({"gitRef", "complex"}),
    )


def test_everything_a_page_holds_travels() -> None:
    page = attributes_page([0, 1])
    assert codec.decode_values(codec.encode_values(page)) == page
    definitions = DefinitionsPage(
        pa.RecordBatch.from_pylist([{"attribute": "a", "type": "int"}], schema=ATTRIBUTES), "t", frozenset({"gitRef"})
    )
    assert codec.decode_definitions(codec.encode_definitions(definitions)) == definitions


def test_reading_copies_nothing() -> None:
    body = codec.encode_float_series(FLOATS)
    points = codec.decode_float_series(body, preview=True).column("points").values
    start = pa.py_buffer(body).address
    addresses = [buffer.address for field in points.type for buffer in [points.field(field.name).buffers()[1]]]
    assert all(start <= address < start + len(body) for address in addresses)
    assert points.type == float_point(preview=True)


def test_bodies_need_no_alignment() -> None:
    body = codec.encode_values(attributes_page([1]))
    assert codec.decode_values(memoryview(b"?" + body)[1:]) == attributes_page([1])


def test_a_column_that_was_not_sent_cannot_be_asked_for() -> None:
    point = float_point()
    points = pa.field("points", pa.large_list(pa.field("item", point, nullable=False)))
    narrow = pa.RecordBatch.from_pylist(
        [{"request_id": "0", "total_item_count": 1, "points": [{"step": 1.0, "value": 2.0}]}],
        schema=FLOAT_SERIES_PAGE.set(2, points),
    )
    assert codec.decode_float_series(stream(narrow)) == narrow
    with pytest.raises(WireDecodingError, match="timestamp"):
        codec.decode_float_series(stream(narrow), time=True)


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compressed_bodies_are_refused(compression: str) -> None:
    with pytest.raises(WireDecodingError, match="compressed"):
        codec.decode_float_series(stream(FLOATS, compression=compression))
    page = attributes_page([0])
    values = page.values["int"].replace_schema_metadata({"type": "int"})
    with pytest.raises(WireDecodingError, match="compressed"):
        codec.decode_values(stream(page.entries) + stream(values, compression=compression))


def test_other_schemas_are_refused() -> None:
    with pytest.raises(WireDecodingError, match="schema"):
        codec.decode_object_series(stream(FLOATS))
    with pytest.raises(WireDecodingError, match="schema"):
        codec.decode_values(stream(FLOATS))


def test_nulls_where_none_may_be_are_refused() -> None:
    nulls = pa.RecordBatch.from_arrays([pa.array(["a", None]), pa.array(["int", "int"])], schema=ATTRIBUTES)
    with pytest.raises(WireDecodingError, match="'attribute' has nulls"):
        codec.decode_definitions(stream(nulls))


def test_names_that_are_null_are_refused_where_names_are_looked_up() -> None:
    schema = values_schema("int")
    names = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), pa.array([None], pa.string()))
    batch = pa.RecordBatch.from_arrays([pa.array([0], pa.int32()), names, pa.array([1])], schema=schema)
    assert batch.column("attribute").null_count == 0
    with pytest.raises(WireDecodingError, match="'attribute' has nulls"):
        check_batch(batch, schema)


def test_text_that_is_not_utf8_is_refused() -> None:
    broken = pa.array([b"\xff"], pa.binary()).view(pa.string())
    batch = pa.RecordBatch.from_arrays([broken, pa.array(["int"])], schema=ATTRIBUTES)
    with pytest.raises(WireDecodingError, match="UTF8"):
        codec.decode_definitions(stream(batch))


@pytest.mark.parametrize("runs", [[0, 2], [-1], [2**31 - 1]])
def test_values_of_runs_that_are_not_there_are_refused(runs: list[int]) -> None:
    with pytest.raises(WireDecodingError, match="of 2"):
        codec.decode_values(codec.encode_values(attributes_page(runs)))


def test_streams_too_many_or_none_are_refused() -> None:
    body = codec.encode_float_series(FLOATS)
    with pytest.raises(WireDecodingError, match="2 Arrow streams"):
        codec.decode_float_series(body + body)
    entries = stream(attributes_page([]).entries)
    values = stream(attributes_page([0]).values["int"].replace_schema_metadata({"type": "int"}))
    with pytest.raises(WireDecodingError, match="second or unknown"):
        codec.decode_values(entries + values + values)
    with pytest.raises(WireDecodingError, match="second or unknown"):
        codec.decode_values(entries + entries)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, FLOATS.schema):
        pass
    with pytest.raises(WireDecodingError, match="0 batches"):
        codec.decode_float_series(bytes(sink.getvalue()))


def test_every_truncation_is_refused() -> None:
    body = codec.encode_float_series(FLOATS)
    end_of_stream = 8
    for length in range(0, len(body) - end_of_stream, 3):
        with pytest.raises(WireDecodingError):
            codec.decode_float_series(body[:length])


@pytest.mark.parametrize("length", [-1, 2**31 - 1, 2**20])
def test_header_lengths_are_checked_before_they_are_believed(length: int) -> None:
    body = bytearray(codec.encode_float_series(FLOATS))
    body[4:8] = struct.pack("<i", length)
    with pytest.raises(WireDecodingError):
        codec.decode_float_series(bytes(body))


@pytest.mark.parametrize("total", [b"-1", b"x", b"9" * 40, b"\xff"])
def test_metadata_is_checked(total: bytes) -> None:
    entries = attributes_page([]).entries.replace_schema_metadata({b"total": total})
    with pytest.raises(WireDecodingError):
        codec.decode_search(stream(entries))
