"""The columnar protobuf codec against a plain reader of one field after another, on good and bad bytes."""

from __future__ import annotations

import math
import random
import struct
import tracemalloc
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptune_frames.errors import WireDecodingError
from neptune_frames.wire import protobuf
from neptune_frames.wire.protobuf import messages, records, scan
from neptune_frames.wire.protobuf.drafts import Draft
from neptune_frames.wire.protobuf.fields import Field, Kind, Message, WireType
from neptune_frames.wire.protobuf.records import Records

ALL_MESSAGES = [
    messages.SEARCH_RESULT,
    messages.QUERY_ATTRIBUTES_RESULT,
    messages.ATTRIBUTES,
    messages.ATTRIBUTES_SEARCH_RESULT,
    messages.FLOAT_SERIES_RESPONSE,
    messages.OBJECT_SERIES_RESPONSE,
    messages.BUCKETS_RESPONSE,
    messages.BUCKETS_REQUEST,
    messages.HISTOGRAM,
]
SETTINGS = settings(max_examples=25, deadline=None)


# --- a plain reader: one message, one field after another -------------------------------------------


class Malformed(Exception):
    pass


def read_varint(body: bytes, position: int, end: int) -> tuple[int, int]:
    value = 0
    for count in range(10):
        if position >= end:
            raise Malformed("truncated")
        byte = body[position]
        position += 1
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value & (2**64 - 1), position
    raise Malformed("overlong")


def default(field: Field) -> Any:
    if field.repeated:
        return []
    if field.nullable:
        return None
    return "" if field.kind.wire_type is WireType.LENGTH else False if field.kind is Kind.BOOL else 0


def number(field: Field, payload: Any) -> Any:
    if field.kind is Kind.DOUBLE:
        return ("double", payload)
    if field.kind is Kind.FLOAT:
        # Python's floats are doubles: a signalling NaN turns quiet on the way.
        return ("float", struct.pack("<f", *struct.unpack("<f", payload)))
    if field.kind is Kind.BOOL:
        return payload != 0
    bits = 64 if field.kind is Kind.INT64 else 32
    value = payload & (2**bits - 1)
    return value - 2**bits if field.kind is not Kind.UINT32 and value >> (bits - 1) else value


def read_message(
    body: bytes, position: int, end: int, message: Message, into: dict[str, Any] | None = None
) -> dict[str, Any]:
    result = {field.name: default(field) for field in message.fields} if into is None else into
    while position < end:
        tag, position = read_varint(body, position, end)
        if tag < 8 or tag >= 2**32:
            raise Malformed("tag")
        wire_type = tag & 7
        if wire_type == WireType.VARINT:
            payload, position = read_varint(body, position, end)
        elif wire_type in (WireType.FIXED64, WireType.FIXED32):
            size = 8 if wire_type == WireType.FIXED64 else 4
            payload, position = body[position : position + size], position + size
        elif wire_type == WireType.LENGTH:
            length, position = read_varint(body, position, end)
            payload, position = (position, position + length), position + length
        else:
            raise Malformed("wire type")
        if position > end:
            raise Malformed("truncated")
        field = message.by_number.get(tag >> 3)
        if field is None:
            continue
        if tag != field.tag and not (field.repeated and wire_type == field.kind.wire_type):
            raise Malformed("wrong wire type")
        if field.oneof is not None:
            for other in message.fields:
                if other.oneof == field.oneof and other is not field:
                    result[other.name] = None
        if field.message is not None:
            if field.repeated:
                result[field.name].append(read_message(body, *payload, field.message))
            else:
                result[field.name] = read_message(body, *payload, field.message, result[field.name])
        elif field.kind.wire_type is WireType.LENGTH:
            try:
                text = body[payload[0] : payload[1]].decode()
            except UnicodeDecodeError as error:
                raise Malformed("UTF-8") from error
            if field.repeated:
                result[field.name].append(text)
            else:
                result[field.name] = text
        elif field.repeated and wire_type == WireType.LENGTH:
            if (payload[1] - payload[0]) % 8:
                raise Malformed("packed")
            result[field.name] += [("double", body[i : i + 8]) for i in range(*payload, 8)]
        elif field.repeated:
            result[field.name].append(number(field, payload))
        else:
            result[field.name] = number(field, payload)
    return result


def plain(value: Any, kind: pa.DataType) -> Any:
    """Python values of an Arrow array, doubles and floats by their bytes."""
    if pa.types.is_struct(kind):
        return None if value is None else {field.name: plain(value[field.name], field.type) for field in kind}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [plain(item, kind.value_type) for item in value]
    if value is not None and pa.types.is_float64(kind):
        return struct.pack("<d", value)
    if value is not None and pa.types.is_float32(kind):
        return struct.pack("<f", value)
    return value


def unmarked(value: Any) -> Any:
    if isinstance(value, tuple):
        return value[1]
    if isinstance(value, dict):
        return {key: unmarked(item) for key, item in value.items()}
    return [unmarked(item) for item in value] if isinstance(value, list) else value


def zeros_as_bytes(value: Any, kind: pa.DataType) -> Any:
    """The plain reader's integer 0 for an absent double, as bytes."""
    if pa.types.is_struct(kind):
        return None if value is None else {field.name: zeros_as_bytes(value[field.name], field.type) for field in kind}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [zeros_as_bytes(item, kind.value_type) for item in value]
    if pa.types.is_floating(kind) and isinstance(value, int):
        return bytes(8 if pa.types.is_float64(kind) else 4)
    return value


def by_columns(body: bytes, message: Message) -> Any:
    array = Records.of_body(body, message).struct()
    array.validate(full=True)
    return plain(array[0].as_py(), message.arrow_type)


def check_same(body: bytes, message: Message) -> None:
    """Equal values, or an error from both."""
    try:
        expected = zeros_as_bytes(unmarked(read_message(body, 0, len(body), message)), message.arrow_type)
    except Malformed:
        with pytest.raises(WireDecodingError) as caught:
            by_columns(body, message)
        assert caught.value.position is not None
        return
    assert by_columns(body, message) == expected


# --- random messages ----------------------------------------------------------------------------------


def write_varint(value: int) -> bytes:
    value &= 2**64 - 1
    groups = []
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def random_varint(source: random.Random) -> bytes:
    value = source.getrandbits(source.choice([1, 7, 8, 31, 32, 41, 63, 64]))
    plain_varint = write_varint(value)
    if source.random() < 0.05 and len(plain_varint) < 10:  # longer than needed, which is allowed
        return plain_varint[:-1] + bytes([plain_varint[-1] | 0x80, 0])
    return plain_varint


def random_message(source: random.Random, message: Message, depth: int = 0) -> bytes:
    """Fields in any order, several times or not at all, with unknown ones between them."""
    parts = []
    for field in message.fields:
        parts += [
            random_field(source, field, depth)
            for _ in range(source.choice([0, 1, 1, 1, 2 if source.random() < 0.2 else 1, 12 if field.repeated else 1]))
        ]
    if source.random() < 0.3:
        parts.append(write_varint(source.choice([16, 77, 2**29 - 1]) << 3 | WireType.VARINT) + random_varint(source))
        parts.append(write_varint(15 << 3 | WireType.FIXED32) + source.randbytes(4))
    if source.random() < 0.3:
        source.shuffle(parts)
    return b"".join(parts)


def random_field(source: random.Random, field: Field, depth: int) -> bytes:
    if field.message is not None:
        content = random_message(source, field.message, depth + 1)
    elif field.kind.wire_type is WireType.LENGTH:
        content = "".join(source.choices("abc/ é漢🙂", k=source.choice([0, 1, 3, 9, 200]))).encode()
    elif field.repeated:
        if source.random() < 0.3:
            return write_varint(field.number << 3 | field.kind.wire_type) + source.randbytes(8)
        content = source.randbytes(8 * source.randrange(4))
    elif field.kind.wire_type is WireType.VARINT:
        return write_varint(field.tag) + random_varint(source)
    else:
        return write_varint(field.tag) + source.randbytes(8 if field.kind is Kind.DOUBLE else 4)
    return write_varint(field.tag) + write_varint(len(content)) + content


@pytest.fixture(params=["lockstep", "small blocks", "windows", "small windows"])
def strategy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way of finding fields, which otherwise depends on the sizes."""
    if request.param == "small blocks":
        monkeypatch.setattr(records, "_BLOCK", 3)
    if "windows" in request.param:
        monkeypatch.setattr(scan, "_ROUNDS_BEFORE_CHOICE", 1)
        monkeypatch.setattr(scan, "_windows_pay", lambda *_: True)
    if request.param == "small windows":
        monkeypatch.setattr(scan, "_WINDOW", 16)
        monkeypatch.setattr(scan, "_LONG_FIELD", 24)
        monkeypatch.setattr(scan, "_SHORT_FIELDS", 1)


@pytest.mark.usefixtures("strategy")
@pytest.mark.parametrize("message", ALL_MESSAGES, ids=lambda message: message.name)
def test_equals_a_plain_reader_on_random_damaged_and_truncated_messages(message: Message) -> None:
    source = random.Random(message.name)
    for _ in range(8):
        body = random_message(source, message)
        check_same(body, message)
        if not body:
            continue
        check_same(body[: source.randrange(len(body))], message)
        damaged = bytearray(body)
        for _ in range(source.choice([1, 1, 3])):
            damaged[source.randrange(len(damaged))] = source.choice([0, 0x7F, 0x80, 0xFF, source.randrange(256)])
        check_same(bytes(damaged), message)


@SETTINGS
@given(st.sampled_from(ALL_MESSAGES), st.binary(max_size=64))
def test_equals_a_plain_reader_on_any_bytes(message: Message, body: bytes) -> None:
    check_same(body, message)


@pytest.mark.parametrize("message", ALL_MESSAGES, ids=lambda message: message.name)
def test_writes_what_it_reads(message: Message) -> None:
    source = random.Random(message.name)
    for _ in range(6):
        read = Records.of_body(random_message(source, message), message).struct()
        written = Draft.of_struct(message, read).to_bytes()
        again = Records.of_body(written, message).struct()
        assert plain(again[0].as_py(), message.arrow_type) == plain(read[0].as_py(), message.arrow_type)
        assert Draft.of_struct(message, again).to_bytes() == written


# --- many messages of few layouts: the vectorised paths -------------------------------------------------


def float_point(source: random.Random) -> bytes:
    step = 0.0 if source.random() < 0.02 else source.random()
    value = source.choice([0.0, -0.0, math.nan, math.inf]) if source.random() < 0.1 else source.random()
    parts = [b"\x08" + write_varint(1_700_000_000_000 + source.randrange(1000))]
    parts += [b"\x11" + struct.pack("<d", step)] if step else []
    parts += [b"\x19" + struct.pack("<d", value)] if value or math.copysign(1, value) < 0 else []
    parts += [b"\x20\x01"] if source.random() < 0.05 else []
    parts += [b"\x2d" + struct.pack("<f", 1.0)]
    return b"".join(parts)


def values_of(source: random.Random, size: int) -> bytes:
    count = b"\x08" + write_varint(size) if size else b""
    return count + b"".join(delimited(2, float_point(source)) for _ in range(size))


def delimited(number: int, content: bytes) -> bytes:
    return write_varint(number << 3 | WireType.LENGTH) + write_varint(len(content)) + content


@pytest.mark.parametrize("sizes", [[4000], [300, 0, 1, 2, 900], list(range(60)), [3] * 400])
def test_reads_long_and_many_series_like_a_plain_reader(sizes: list[int]) -> None:
    source = random.Random(len(sizes))
    body = b"".join(
        delimited(1, delimited(1, str(i).encode()) + delimited(2, values_of(source, size)))
        for i, size in enumerate(sizes)
    )
    check_same(body, messages.FLOAT_SERIES_RESPONSE)
    page = protobuf.decode_float_series(body, time=True, preview=True)
    assert [len(points) for points in page.column("points")] == sizes
    assert protobuf.encode_float_series(page) == body
    narrow = protobuf.decode_float_series(body)
    assert narrow.column("points").values.type.names == ["step", "value"]
    for name in ("step", "value"):
        assert (
            narrow.column("points").values.field(name).to_numpy().tobytes()
            == page.column("points").values.field(name).to_numpy().tobytes()
        )


@pytest.mark.parametrize("block", [7, 100, 100_000])
@pytest.mark.parametrize("regular", [0.0, 0.9, 1.0])
def test_reads_lists_of_regular_and_irregular_items_in_blocks(
    block: int, regular: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guessed neighbours, marches in step and what is left to single rounds, cut into blocks anywhere."""
    monkeypatch.setattr(records, "_BLOCK", block)
    source = random.Random(regular)

    def entry(index: int) -> bytes:
        attributes = [
            delimited(7, delimited(1, b"n" * (5 if source.random() < regular else source.randrange(200))))
            for _ in range(12 + source.randrange(3))
        ]
        return delimited(3, delimited(1, str(index).encode()) + b"".join(attributes))

    check_same(b"".join(entry(i) for i in range(60)), messages.SEARCH_RESULT)


def test_a_broken_item_among_many_is_found_where_it_is() -> None:
    good, bad = delimited(2, b"\x11" + bytes(8)), delimited(2, b"\x11" + bytes(7))
    for before in (0, 1, 9, 500):
        with pytest.raises(WireDecodingError) as caught:
            protobuf.decode_float_series(delimited(1, delimited(2, good * before + bad + good * 500)))
        header = len(delimited(1, delimited(2, good * before + bad + good * 500))) - len(good * (before + 500) + bad)
        assert caught.value.position == header + before * len(good) + 2


def test_a_broken_item_of_many_series_is_found_where_it_is() -> None:
    """Their points are read from a copy that has those of all series one after another."""
    good, bad = delimited(2, b"\x11" + bytes(8)), delimited(2, b"\x11" + bytes(7) + b"\xff")
    bad = bad[:2] + b"\x16" + bad[3:]  # a wire type that does not exist

    def series(points: bytes) -> bytes:
        return delimited(1, delimited(2, points))

    before = series(good * 20) * 30 + series(good * 40) * 30
    broken = series(good * 11 + bad + good * 8)
    with pytest.raises(WireDecodingError, match="wire type 6") as caught:
        protobuf.decode_float_series(before + broken + series(good * 20) * 300)
    assert caught.value.position == len(before) + broken.index(bad) + 2
    assert f"at byte {caught.value.position}" in str(caught.value)


def test_points_come_in_the_order_they_were_sent_in() -> None:
    points = b"".join(delimited(2, b"\x11" + struct.pack("<d", step)) for step in [5.0, 3.0, 4.0])
    page = protobuf.decode_float_series(delimited(1, delimited(2, points)))
    assert page.column("points").values.field("step").to_pylist() == [5.0, 3.0, 4.0]


def test_nan_payloads_and_negative_zero_stay_bit_for_bit() -> None:
    strange = [0x7FF8_0000_0000_1234, 0xFFF0_0000_0000_0001, 0x8000_0000_0000_0000]
    points = b"".join(delimited(2, b"\x19" + struct.pack("<Q", bits)) for bits in strange)
    page = protobuf.decode_float_series(delimited(1, delimited(2, points)))
    values = page.column("points").values.field("value").to_numpy()
    assert values.view(np.uint64).tolist() == strange
    again = protobuf.decode_float_series(protobuf.encode_float_series(page))
    assert again.column("points").values.field("value").to_numpy().view(np.uint64).tolist() == strange


# --- hostile bytes ---------------------------------------------------------------------------------------

HOSTILE = {
    "length beyond the body": b"\x0a\xff\xff\xff\xff\x07",
    "length of 2**63": b"\x0a" + write_varint(2**63),
    "length of 2**64 - 1": b"\x0a" + b"\xff" * 9 + b"\x01",
    "overlong varint": b"\x08" + b"\x80" * 11 + b"\x00",
    "group": b"\x7b\x7c",
    "wire type 6": b"\x7e",
    "wire type 7": b"\x7f",
    "field number 0": b"\x00\x00",
    "ends within a tag": b"\x80",
    "tag beyond 32 bits": b"\x80\x80\x80\x80\x80\x01\x00",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_bytes_are_an_error_with_a_position(body: bytes) -> None:
    for message in ALL_MESSAGES:
        with pytest.raises(WireDecodingError) as caught:
            Records.of_body(body, message).struct()
        assert caught.value.position is not None


@pytest.mark.parametrize("count", range(1, 6))
def test_bodies_shorter_than_a_word_are_read(count: int) -> None:
    for message in ALL_MESSAGES:
        repeated = next(field for field in message.fields if field.repeated)
        check_same(delimited(repeated.number, b"") * count, message)
    page = protobuf.decode_float_series(delimited(1, b"") * count)
    assert page.column("points").to_pylist() == [[]] * count


def test_invalid_text_is_found_where_it_is() -> None:
    good, bad = delimited(1, delimited(1, b"good")), delimited(1, delimited(1, b"ba\xff"))
    with pytest.raises(WireDecodingError) as caught:
        protobuf.decode_definitions(good * 50 + bad + good * 50)
    assert caught.value.position == 50 * len(good) + len(bad) - 3


@pytest.mark.parametrize(
    "content",
    [
        b"\x0a\x00",
        b"\x12\x00",
        b"\x08\x01",
        b"\x78\x01",
        b"\x7a\x01x",
        b"\x0a\x01",
        b"\x3a\x02\x0a\x00",
        b"\x12\x80\x01" + b"\x00" * 128,
        b"\x80",
    ],
    ids=lambda content: content[:4].hex(),
)
def test_memory_stays_near_the_size_of_the_body(content: bytes) -> None:
    size = 300_000
    body = (content * (size // len(content) + 1))[:size]
    tracemalloc.start()
    try:
        Records.of_body(body, messages.SEARCH_RESULT)
        Records.of_body(body, messages.FLOAT_SERIES_VALUES)
    except WireDecodingError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # A two-byte field takes a few 8-byte positions; what must not happen is a size the bytes only claim.
    assert peak < 120 * size + 20_000_000


def test_many_messages_that_claim_lengths_do_not_slow_down() -> None:
    """Every byte may start a field and no two neighbours are alike: still no round per field."""
    source = random.Random(1)
    body = b"".join(delimited(source.choice([1, 2, 15]), bytes(source.randrange(3))) for _ in range(60_000))
    rounds = 0
    original = scan.read_headers

    def counted(*arguments: Any) -> Any:
        nonlocal rounds
        rounds += 1
        return original(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "read_headers", counted)
        records = Records.of_body(body, Message("Any", (Field(1, "one", Kind.STRING, repeated=True),)))
    assert rounds < 100
    assert len(records.array("one").values) == sum(1 for _ in iter_fields(body, 1))


def iter_fields(body: bytes, number: int) -> list[int]:
    found, position = [], 0
    while position < len(body):
        if body[position] >> 3 == number:
            found.append(position)
        position += 2 + body[position + 1]
    return found
