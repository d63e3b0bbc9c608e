"""Every page survives every format unchanged, so equal data decodes equally from all three.

Damaged bodies never crash.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptune_frames import wire
from neptune_frames.errors import WireDecodingError
from neptune_frames.schemas import ATTRIBUTES, VALUE_TYPES, float_point, values_schema
from neptune_frames.wire.media_types import ARROW_STREAM, JSON, PROTOBUF
from neptune_frames.wire.pages import (
    BUCKET,
    BUCKETS_PAGE,
    ENTRIES,
    FLOAT_SERIES_PAGE,
    OBJECT_SERIES_PAGE,
    AttributesPage,
    DefinitionsPage,
    bucket_struct,
    project_buckets,
)

FORMATS = [JSON, ARROW_STREAM, PROTOBUF]
relaxed = settings(max_examples=15, deadline=None)

NUMBERS = st.floats()
STRINGS = st.text(max_size=12)
INT64 = st.integers(-(2**63), 2**63 - 1)
COUNTS = st.integers(0, 2**63 - 1)
# From the year 1 to the year 9999: what Python and ISO 8601 can say.
MILLISECONDS = st.integers(-62_135_596_800_000, 253_402_300_799_999)
FILES = st.fixed_dictionaries({"path": STRINGS, "size_bytes": INT64, "mime_type": STRINGS})
HISTOGRAMS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["COUNTING", "DENSITY"]),
        "edges": st.lists(NUMBERS, max_size=4),
        "values": st.lists(NUMBERS, max_size=4),
    }
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int": INT64,
    "float": NUMBERS,
    "string": STRINGS,
    "bool": st.booleans(),
    "datetime": MILLISECONDS,
    "string_set": st.lists(STRINGS, max_size=3),
    "float_series": st.none() | NUMBERS,
    "string_series": st.none() | STRINGS,
    "histogram_series": st.none() | HISTOGRAMS,
    "file": FILES,
    "file_series": st.none() | FILES,
    "experiment_state": st.none(),  # protobuf has no field for it
}


@st.composite
def values_batches(draw: st.DrawFn, entries: int) -> dict[str, pa.RecordBatch]:
    batches = {}
    for attribute_type in draw(st.sets(st.sampled_from(sorted(VALUE_TYPES)))) if entries else ():
        schema = values_schema(attribute_type)
        columns = {"run": st.integers(0, entries - 1), "attribute": STRINGS, "value": VALUES[attribute_type]}
        columns |= {field.name: st.none() | NUMBERS for field in list(schema)[3:]}
        rows = draw(st.lists(st.fixed_dictionaries(columns), min_size=1, max_size=4))
        batches[attribute_type] = pa.RecordBatch.from_pylist(sorted(rows, key=lambda row: row["run"]), schema=schema)
    return batches


@st.composite
def attribute_pages(draw: st.DrawFn, columns: list[str], size: st.SearchStrategy[int]) -> AttributesPage:
    count = draw(size)
    who = {column: st.text(min_size=1, max_size=8) for column in columns}
    rows = draw(st.lists(st.fixed_dictionaries(who), min_size=count, max_size=count))
    return AttributesPage(pa.RecordBatch.from_pylist(rows, schema=ENTRIES), draw(values_batches(count)))


SEARCH_COLUMNS = [name for name in ENTRIES.names if name != "sys_id"]
FLOAT_POINTS = st.fixed_dictionaries(
    {
        "step": NUMBERS,
        "value": NUMBERS,
        "timestamp": MILLISECONDS,
        "is_preview": st.booleans(),
        "preview_completion": st.floats(width=32),
    }
)
FLOAT_PAGES = st.lists(
    st.fixed_dictionaries(
        {"request_id": STRINGS, "total_item_count": COUNTS, "points": st.lists(FLOAT_POINTS, max_size=4)}
    ),
    max_size=4,
)
OBJECTS = st.one_of(
    st.fixed_dictionaries({"string": STRINGS}),
    st.fixed_dictionaries({"histogram": HISTOGRAMS}),
    st.fixed_dictionaries({"file": FILES}),
)
OBJECT_POINTS = st.builds(
    lambda step, timestamp, value: {"step": step, "timestamp": timestamp, **value}, NUMBERS, MILLISECONDS, OBJECTS
)
PROGRESS = st.one_of(
    st.just({"finished": None, "token": None}), st.fixed_dictionaries({"finished": st.booleans(), "token": STRINGS})
)
OBJECT_PAGES = st.lists(
    st.builds(
        lambda request_id, progress, points: {"request_id": request_id, "points": points, **progress},
        STRINGS,
        PROGRESS,
        st.lists(OBJECT_POINTS, max_size=4),
    ),
    max_size=4,
)


@st.composite
def buckets(draw: st.DrawFn) -> dict[str, Any]:
    bucket = {
        field.name: draw(NUMBERS if pa.types.is_floating(field.type) else COUNTS)
        for field in BUCKET
        if not field.nullable
    }
    for side in draw(st.sets(st.sampled_from(["first", "last"]))):
        bucket |= {f"{side}_x": draw(NUMBERS), f"{side}_y": draw(NUMBERS)}
    for name in draw(st.sets(st.sampled_from(["local_min", "local_max", "local_sum"]))):
        bucket[name] = draw(NUMBERS)
    return bucket


BUCKET_PAGES = st.lists(
    st.fixed_dictionaries({"request_id": STRINGS, "buckets": st.lists(buckets(), max_size=3)}), max_size=3
)


def same(left: pa.RecordBatch, right: pa.RecordBatch) -> None:
    """Equal schemas and values, NaN equal to itself and -0.0 not to 0.0."""
    right.validate(full=True)
    assert left.schema == right.schema
    assert repr(left.to_pylist()) == repr(right.to_pylist())


def same_page(left: AttributesPage, right: AttributesPage) -> None:
    same(left.entries, right.entries)
    assert set(left.values) == set(right.values)
    for attribute_type, batch in left.values.items():
        same(batch, right.values[attribute_type])
    assert (left.total, left.next_page_token, left.unknown_types) == (
        right.total,
        right.next_page_token,
        right.unknown_types,
    )


@pytest.mark.parametrize("media_type", FORMATS)
@relaxed
@given(page=attribute_pages(SEARCH_COLUMNS, st.integers(0, 3)), total=COUNTS)
def test_search(media_type: str, page: AttributesPage, total: int) -> None:
    page = AttributesPage(page.entries, page.values, total=total)
    same_page(page, wire.decode_search(wire.encode_search(page, media_type), media_type))


@pytest.mark.parametrize("media_type", FORMATS)
@relaxed
@given(
    page=attribute_pages(["experiment_id", "sys_id"], st.integers(0, 3)),
    token=st.none() | st.text(min_size=1, max_size=8),
)
def test_values(media_type: str, page: AttributesPage, token: str | None) -> None:
    page = AttributesPage(page.entries, page.values, next_page_token=token)
    same_page(page, wire.decode_values(wire.encode_values(page, media_type), media_type))


@pytest.mark.parametrize("media_type", FORMATS)
@relaxed
@given(page=attribute_pages(SEARCH_COLUMNS, st.just(1)))
def test_run_attributes(media_type: str, page: AttributesPage) -> None:
    same_page(page, wire.decode_run_attributes(wire.encode_run_attributes(page, media_type), media_type))


@pytest.mark.parametrize("media_type", FORMATS)
@relaxed
@given(rows=st.lists(st.tuples(STRINGS, st.sampled_from(sorted(VALUE_TYPES))), max_size=5))
def test_definitions(media_type: str, rows: list[tuple[str, str]]) -> None:
    batch = pa.RecordBatch.from_pylist([{"attribute": name, "type": kind} for name, kind in rows], schema=ATTRIBUTES)
    decoded = wire.decode_definitions(wire.encode_definitions(DefinitionsPage(batch), media_type), media_type)
    same(batch, decoded.definitions)
    assert (decoded.next_page_token, decoded.unknown_types) == (None, frozenset())


@pytest.mark.parametrize("media_type", FORMATS)
@relaxed
@given(rows=FLOAT_PAGES, time=st.booleans(), preview=st.booleans())
def test_float_series(media_type: str, rows: list[dict[str, Any]], time: bool, preview: bool) -> None:
    batch = pa.RecordBatch.from_pylist(rows, schema=FLOAT_SERIES_PAGE)
    body = wire.encode_float_series(batch, media_type)
    kept = float_point(time=time, preview=preview)
    for row in rows:
        row["points"] = [{field.name: point[field.name] for field in kept} for point in row["points"]]
    points = pa.field("points", pa.large_list(pa.field("item", kept, nullable=False)))
    expected = pa.RecordBatch.from_pylist(rows, schema=FLOAT_SERIES_PAGE.set(2, points))
    same(expected, wire.decode_float_series(body, media_type, time=time, preview=preview))


@pytest.mark.parametrize("media_type", FORMATS)
@relaxed
@given(rows=OBJECT_PAGES)
def test_object_series(media_type: str, rows: list[dict[str, Any]]) -> None:
    batch = pa.RecordBatch.from_pylist(rows, schema=OBJECT_SERIES_PAGE)
    same(batch, wire.decode_object_series(wire.encode_object_series(batch, media_type), media_type))


@pytest.mark.parametrize("media_type", FORMATS)
@relaxed
@given(rows=BUCKET_PAGES)
def test_buckets(media_type: str, rows: list[dict[str, Any]]) -> None:
    batch = pa.RecordBatch.from_pylist(rows, schema=BUCKETS_PAGE)
    body = wire.encode_buckets(batch, media_type)
    same(batch, wire.decode_buckets(body, media_type))
    bucket = bucket_struct(statistics=False)
    same(project_buckets(batch, bucket), wire.decode_buckets(body, media_type, statistics=False))


@pytest.mark.parametrize("media_type", FORMATS)
@relaxed
@given(rows=FLOAT_PAGES)
def test_slices_encode_as_what_they_show(media_type: str, rows: list[dict[str, Any]]) -> None:
    batch = pa.RecordBatch.from_pylist(rows, schema=FLOAT_SERIES_PAGE).slice(1)
    body = wire.encode_float_series(batch, media_type)
    same(batch, wire.decode_float_series(body, media_type, time=True, preview=True))


def damaged(body: bytes, source: random.Random) -> bytes:
    """The body with a few bytes changed, or cut short."""
    mutated = bytearray(body)
    for _ in range(source.randint(1, 4)):
        if not mutated:
            break
        at, choice = source.randrange(len(mutated)), source.random()
        if choice < 0.5:
            mutated[at] = source.choice([0, 1, 0x22, 0x2C, 0x5B, 0x7B, 0x7F, 0x80, 0xFF, source.randrange(256)])
        elif choice < 0.85:
            at -= at % 8
            wide = source.choice([b"\xff" * 8, b"\0" * 8, b"\xff" * 7 + b"\x7f", (2**40).to_bytes(8, "little")])
            mutated[at : at + 8] = wide[: source.choice([4, 8])]
        else:
            del mutated[at:]
    return bytes(mutated)


def _sample_bodies() -> dict[str, tuple[Callable[[str], bytes], Callable[[bytes, str], Any]]]:
    point = {"step": 0.5, "value": 1.5, "timestamp": 1, "is_preview": False, "preview_completion": 1.0}
    floats = pa.RecordBatch.from_pylist(
        [{"request_id": str(i), "total_item_count": 3, "points": [point] * i} for i in range(4)],
        schema=FLOAT_SERIES_PAGE,
    )
    histogram = {"type": "COUNTING", "edges": [0.0, 1.0], "values": [2.0]}
    file = {"path": "p", "size_bytes": 1, "mime_type": "m"}
    samples = {
        "int": 1, "float": 0.5, "string": "text", "bool": True, "datetime": 0, "string_set": ["a", "b"],
        "float_series": 0.5, "string_series": "x", "histogram_series": histogram, "file": file, "file_series": file,
        "experiment_state": None,
    }  # fmt: skip
    values = {
        kind: pa.RecordBatch.from_pylist([{"run": 0, "attribute": "a", "value": value}], schema=values_schema(kind))
        for kind, value in samples.items()
    }
    page = AttributesPage(pa.RecordBatch.from_pylist([{"experiment_id": "u"}], schema=ENTRIES), values, total=1)
    objects = pa.RecordBatch.from_pylist(
        [
            {
                "request_id": "0",
                "finished": True,
                "token": "t",
                "points": [{"step": 1.0, "timestamp": 2, "string": "s"}],
            },
            {"request_id": "1", "points": [{"step": 1.0, "timestamp": 2, "histogram": histogram}]},
        ],
        schema=OBJECT_SERIES_PAGE,
    )
    return {
        "float_series": (lambda kind: wire.encode_float_series(floats, kind), wire.decode_float_series),
        "search": (lambda kind: wire.encode_search(page, kind), wire.decode_search),
        "object_series": (lambda kind: wire.encode_object_series(objects, kind), wire.decode_object_series),
    }


@pytest.mark.parametrize("media_type", FORMATS)
@pytest.mark.parametrize("message", ["float_series", "search", "object_series"])
def test_damaged_bodies_decode_or_are_refused(media_type: str, message: str) -> None:
    """Whatever the damage: a valid page or `WireDecodingError`, and no memory for sizes that damage made up."""
    encode, decode = _sample_bodies()[message]
    body = encode(media_type)
    source = random.Random(20)
    refused = 0
    peak = pa.default_memory_pool().max_memory()
    for _ in range(120):
        try:
            decoded = decode(damaged(body, source), media_type)
        except WireDecodingError:  # noqa: PERF203
            refused += 1
        else:
            batches = [decoded.entries, *decoded.values.values()] if isinstance(decoded, AttributesPage) else [decoded]
            for batch in batches:
                batch.validate(full=True)
    assert refused > 30
    assert pa.default_memory_pool().max_memory() - peak < 10_000_000
