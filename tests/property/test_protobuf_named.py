"""Entries that list the same names are read along a pattern: with the same result as one by one."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptune_frames.errors import WireDecodingError
from neptune_frames.schemas import values_schema
from neptune_frames.wire.pages import ENTRIES, AttributesPage
from neptune_frames.wire.protobuf import named
from neptune_frames.wire.protobuf.attributes import decode_search, decode_values, encode_search, encode_values

ENTRY_COUNT = 80
NAMES = ("a", "config/lr", "names may be long " * 9, "żółć")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int": st.sampled_from([0, 1, 127, 128, -1, 2**40]),
    "float": st.sampled_from([0.0, 1.5, float("inf")]),
    "string": st.sampled_from(["", "short", "x" * 126, "x" * 200, "ż" * 9000]),
    "bool": st.booleans(),
    "string_set": st.lists(st.sampled_from(["", "tag", "t" * 130]), max_size=3),
    "float_series": st.sampled_from([None, 0.0, 2.5]),
    "experiment_state": st.none(),
}

Cell = tuple[int, str, str, Any]


@st.composite
def cells(draw: st.DrawFn) -> list[Cell]:
    """Entries that have most names, in one order; some lack some, some have other types."""
    columns = draw(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(list(VALUES))), unique=True, max_size=20))
    rarely = draw(st.sampled_from([0.0, 0.02, 0.4]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    pools = {kind: [draw(values) for _ in range(4)] for kind, values in VALUES.items()}
    rows = []
    for entry, (name, kind) in itertools.product(range(ENTRY_COUNT), columns):
        if random.random() < rarely:
            continue
        rows.append((entry, name, kind, pools[kind][random.integers(4)]))
    return rows


def page_of(rows: list[Cell]) -> AttributesPage:
    identity = pa.array([f"id-{i}" for i in range(ENTRY_COUNT)])
    nothing = pa.nulls(ENTRY_COUNT, pa.string())
    entries = pa.RecordBatch.from_arrays(
        [identity if name in ("experiment_id", "sys_id") else nothing for name in ENTRIES.names], schema=ENTRIES
    )
    batches = {}
    for kind in dict.fromkeys(row[2] for row in rows):
        chosen = [row for row in rows if row[2] == kind]
        schema = values_schema(kind)
        columns = {
            "run": pa.array([row[0] for row in chosen], pa.int32()),
            "attribute": pa.array([row[1] for row in chosen]).dictionary_encode(),
            "value": pa.array([row[3] for row in chosen], schema.field("value").type),
        }
        rest = [pa.nulls(len(chosen), field.type) for field in list(schema)[3:]]
        batches[kind] = pa.RecordBatch.from_arrays([*columns.values(), *rest], schema=schema)
    return AttributesPage(entries, batches, total=7)


def plain(page: AttributesPage) -> dict[str, list[tuple[Any, ...]]]:
    return {
        kind: sorted(zip(*(column.to_pylist() for column in batch.columns), strict=True), key=repr)
        for kind, batch in page.values.items()
    }


@pytest.mark.parametrize("codec", [(encode_search, decode_search), (encode_values, decode_values)])
@given(rows=cells())
@settings(max_examples=40, deadline=None)
def test_along_a_pattern_as_one_by_one(codec: Any, rows: list[Cell]) -> None:
    encode, decode = codec
    body = encode(page_of(rows))
    along = plain(decode(body))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(named, "_FEWEST_ENTRIES", ENTRY_COUNT + 1)
        assert plain(decode(body)) == along
    assert along == plain(page_of(rows))


@given(rows=cells(), place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
@settings(max_examples=60, deadline=None)
def test_damage_is_read_alike_too(rows: list[Cell], place: float, byte: int) -> None:
    body = bytearray(encode_search(page_of(rows)))
    body[int(place * len(body))] = byte
    with pytest.MonkeyPatch.context() as patch:
        along = _read(bytes(body))
        patch.setattr(named, "_FEWEST_ENTRIES", ENTRY_COUNT + 1)
        one_by_one = _read(bytes(body))
    assert along == one_by_one


def _read(body: bytes) -> Any:
    try:
        return repr(sorted(plain(decode_search(body)).items()))
    except WireDecodingError:
        return "refused"


def test_the_pattern_is_used() -> None:
    rows: list[Cell] = [(entry, name, "float", 1.5) for entry in range(ENTRY_COUNT) for name in NAMES]
    body = encode_search(page_of(rows))
    found: list[Any] = []

    def find(*arguments: Any) -> Any:
        found.append(named.find_named(*arguments))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neptune_frames.wire.protobuf.records.find_named", find)
        decode_search(body)
    ((values, rest),) = found
    assert values.there.all()
    assert len(rest.starts) == 0


def test_one_long_entry_among_many_short_ones_is_no_pattern() -> None:
    """A table of its names by all entries would be much larger than the body."""
    rows: list[Cell] = [(0, f"name/{number}", "float", 1.5) for number in range(3000)]
    body = encode_search(page_of(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neptune_frames.wire.protobuf.named.entry_patterns", lambda *_: pytest.fail("it was taken"))
        assert plain(decode_search(body)) == plain(page_of(rows))
