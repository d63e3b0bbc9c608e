"""Struct columns under other names."""

from __future__ import annotations

import pyarrow as pa
import pytest

from neptune_frames.wire.renaming import renamed

ROWS = [{"a": 1, "b": [1.0]}, None, {"a": None, "b": None}, {"a": 4, "b": []}]
STRUCT = pa.struct([("a", pa.int32()), ("b", pa.list_(pa.float64()))])
WANTED = pa.struct([("x", pa.int64()), ("y", pa.large_list(pa.float64()))])


@pytest.mark.parametrize("part", [slice(0, 4), slice(1, 3), slice(2, 4), slice(3, 4), slice(4, 4)])
def test_a_part_of_a_column_is_renamed_with_its_nulls(part: slice) -> None:
    column = pa.array(ROWS, STRUCT)[part]
    found = renamed(column, WANTED)
    assert found.type == WANTED
    assert found.to_pylist() == [row and {"x": row["a"], "y": row["b"]} for row in ROWS[part]]
