"""Answers of one length are read as rows of tables: with the same result as one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from neptune_frames.errors import WireDecodingError
from neptune_frames.schemas import float_point
from neptune_frames.wire.pages import FLOAT_SERIES_PAGE
from neptune_frames.wire.protobuf import messages, row_patterns, tables
from neptune_frames.wire.protobuf.float_series import decode_float_series, encode_float_series

POINT = float_point(time=True, preview=True)
#: Numbers that take few or many bytes, or none.
COLUMNS: dict[str, list[Any]] = {
    "step": [0.0, -0.0, 1.0, 2.5, float("inf")],
    "value": [0.0, 1.0, float("nan"), -1e300],
    "timestamp": [0, 1, 127, 128, 1_700_000_000_000, -1],
    "is_preview": [False, True],
    "preview_completion": [0.0, 0.5, 1.0],
}


@st.composite
def pages(draw: st.DrawFn) -> pa.RecordBatch:
    """Series of a few lengths whose points are mostly alike."""
    lengths = draw(st.lists(st.integers(0, 12), min_size=1, max_size=3))
    counts = np.array(draw(st.lists(st.sampled_from(lengths), min_size=1, max_size=30)))
    oddity = draw(st.sampled_from([0.0, 0.0, 0.02, 0.5]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    total = int(counts.sum())
    columns = []
    for field in POINT:
        values = np.array(COLUMNS[field.name])
        usual = np.full(total, draw(st.integers(0, len(values) - 1)))
        odd = random.random(total) < oddity
        usual[odd] = random.integers(len(values), size=int(odd.sum()))
        columns.append(pa.array(values[usual]).cast(field.type))
    if draw(st.booleans()):
        firsts = (np.cumsum(counts) - counts)[counts > 0]
        steps = np.arange(1.0, total + 1)
        steps[firsts] = 0
        columns[0] = pa.array(steps)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    points = pa.LargeListArray.from_arrays(pa.array(offsets), pa.StructArray.from_arrays(columns, fields=list(POINT)))
    identifiers = pa.array([f"{number:0{draw(st.integers(0, 3))}d}" for number in range(len(counts))])
    totals = pa.array(random.choice([0, 5, 300], len(counts)))
    return pa.RecordBatch.from_arrays([identifiers, totals, points], schema=FLOAT_SERIES_PAGE)


ALWAYS, NEVER = 1, 1 << 40


def plain(page: pa.RecordBatch) -> list[str]:
    """What can be compared: NaN as text, times as numbers, series in any order."""
    lists = page.column("points")
    members = [lists.values.field(place) for place in range(lists.values.type.num_fields)]
    members = [column.view(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in members]
    points = pa.StructArray.from_arrays(members, names=[field.name for field in lists.values.type])
    relisted = pa.LargeListArray.from_arrays(lists.offsets, points)
    return sorted(map(repr, zip(*(column.to_pylist() for column in (*page.columns[:2], relisted)), strict=True)))


def outcome(decode: Callable[[], pa.RecordBatch]) -> list[str] | None:
    """What was read; None for an error (which of two damaged places it names may differ)."""
    try:
        return plain(decode())
    except WireDecodingError:
        return None


@given(page=pages(), block=st.sampled_from([1, 200, 1 << 20]), time=st.booleans(), preview=st.booleans())
@settings(max_examples=150, deadline=None)
def test_by_tables_as_one_by_one(page: pa.RecordBatch, block: int, time: bool, preview: bool) -> None:
    body = encode_float_series(page)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "JOINED_BYTES", block)
        patch.setattr(tables, "_FEWEST_BYTES", NEVER)
        expected = decode_float_series(body, time=time, preview=preview)
        patch.setattr(tables, "_FEWEST_BYTES", ALWAYS)
        result = decode_float_series(body, time=time, preview=preview)
    assert result.schema == expected.schema
    result.validate(full=True)
    assert plain(result) == plain(expected)


@given(page=pages(), damage=st.data())
@settings(max_examples=150, deadline=None)
def test_damage_is_an_error_or_reads_the_same(page: pa.RecordBatch, damage: st.DataObject) -> None:
    body = bytearray(encode_float_series(page))
    for _ in range(damage.draw(st.integers(1, 3))):
        body[damage.draw(st.integers(0, len(body) - 1))] = damage.draw(st.integers(0, 255))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_FEWEST_BYTES", ALWAYS)
        by_tables = outcome(lambda: decode_float_series(bytes(body), time=True, preview=True))
        patch.setattr(tables, "_FEWEST_BYTES", NEVER)
        assert by_tables == outcome(lambda: decode_float_series(bytes(body), time=True, preview=True))


def regular_page(series: int, points: int) -> pa.RecordBatch:
    """Series of steps 0, 1, 2, ... with a value, a time and a completion each."""
    steps = np.tile(np.arange(points, dtype=np.float64), series)
    columns = [steps, steps + 0.5, 1_700_000_000_000 + steps.astype(np.int64), steps < 0, np.ones(len(steps), "f4")]
    members = [pa.array(column).cast(field.type) for column, field in zip(columns, POINT, strict=True)]
    offsets = pa.array(np.arange(series + 1) * points)
    lists = pa.LargeListArray.from_arrays(offsets, pa.StructArray.from_arrays(members, fields=list(POINT)))
    identifiers = pa.array([f"{number:04d}" for number in range(series)])
    totals = pa.array(np.full(series, points))
    return pa.RecordBatch.from_arrays([identifiers, totals, lists], schema=FLOAT_SERIES_PAGE)


@pytest.mark.parametrize(("series", "points"), [(1, 9000), (30, 300), (900, 10)])
def test_usual_answers_are_tables_throughout(series: int, points: int, monkeypatch: pytest.MonkeyPatch) -> None:
    page = regular_page(series, points)
    left: list[int] = []
    whole = tables.Tables.__init__

    def noted(self: tables.Tables, *arguments: Any) -> None:
        whole(self, *arguments)
        left.append(len(arguments[1]) - len(self.rows))

    monkeypatch.setattr(tables.Tables, "__init__", noted)
    assert decode_float_series(encode_float_series(page), time=True, preview=True) == page
    assert left == [0]


@pytest.mark.parametrize("byte", [0, 0x12, 0xFF])
def test_one_odd_series_leaves_the_others_in_their_table(byte: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte of one series of many is another one: where, and what it is, decides whether it is an error."""
    body = bytearray(encode_float_series(regular_page(30, 300)))
    start = body.index(b"0007")
    for place in range(start, start + 80, 2):
        damaged = bytes(body[:place]) + bytes([byte]) + bytes(body[place + 1 :])
        monkeypatch.setattr(tables, "_FEWEST_BYTES", ALWAYS)
        by_tables = outcome(lambda damaged=damaged: decode_float_series(damaged, time=True, preview=True))
        monkeypatch.setattr(tables, "_FEWEST_BYTES", NEVER)
        assert by_tables == outcome(lambda damaged=damaged: decode_float_series(damaged, time=True, preview=True))


@given(
    mask=st.lists(st.sampled_from([0, 0x80, 0xFF]), min_size=1, max_size=40),
    offset=st.integers(0, 5),
)
@example(mask=[0xFF] * 3, offset=0)
@settings(max_examples=200, deadline=None)
def test_every_byte_with_something_to_test_is_tested(mask: list[int], offset: int) -> None:
    masked = np.array(mask, np.uint8)
    expected = np.arange(len(mask), dtype=np.uint8) * 37
    content = np.concatenate([np.zeros(offset, np.uint8), expected])
    tests = row_patterns.byte_tests(masked, expected, offset)

    def verdict(content: np.ndarray[Any, Any]) -> bool:
        assert all(test.offset + test.dtype.itemsize <= len(content) for test in tests)
        return all(bool(test.passed(np.ndarray(1, test.dtype, content.tobytes(), test.offset)).all()) for test in tests)

    assert verdict(content)
    for place in range(len(mask)):
        for bit in range(8):
            changed = content.copy()
            changed[offset + place] ^= 1 << bit
            assert verdict(changed) is not bool(mask[place] >> bit & 1)


@pytest.mark.parametrize("padding", [b"\x78\x01", b"\x7a\x00"])
def test_patterns_are_not_read_out_of_a_flood_of_fields(padding: bytes) -> None:
    """Fields that nobody declared, before the points: their number must not become time."""
    message = messages.FLOAT_SERIES_ANSWER
    answer = b"\n\x010" + padding * 50
    assert row_patterns.row_pattern(memoryview(answer), message) is not None
    assert row_patterns.row_pattern(memoryview(answer + padding * 50), message) is None
