"""Points on their way into a batch: in whatever order they come, they leave in the layout's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neptune_frames.schemas import OBJECT_POINT, float_point, series_points_schema
from neptune_frames.writing import point_store
from neptune_frames.writing.part_files import row_groups
from neptune_frames.writing.point_store import PointStore

#: (run, attribute) -> lengths of the pieces in which its points come.
_SERIES = st.dictionaries(
    st.tuples(st.integers(0, 4), st.integers(0, 3)), st.lists(st.integers(0, 6), min_size=1, max_size=4), max_size=12
)


def _float_batch(run: int, attribute: int, first: int, count: int) -> pa.RecordBatch:
    points = [{"step": step / 2, "value": run + step, "timestamp": step} for step in range(first, first + count)]
    rows = [{"run": run, "attribute": attribute, "points": points}]
    return pa.RecordBatch.from_pylist(rows, schema=series_points_schema(float_point(time=True)))


def _text_batch(run: int, attribute: int, first: int, count: int) -> pa.RecordBatch:
    points = [
        {"step": step / 2, "timestamp": step, "string": f"{run} {step}" * (step % 3)}
        for step in range(first, first + count)
    ]
    rows = [{"run": run, "attribute": attribute, "points": points}]
    return pa.RecordBatch.from_pylist(rows, schema=series_points_schema(OBJECT_POINT))


@pytest.mark.parametrize("kind", ["float_series", "string_series"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(series=_SERIES, data=st.data())
def test_points_leave_in_order_wherever_they_were_kept(
    kind: str, series: dict[tuple[int, int], list[int]], data: st.DataObject, tmp_path_factory: Any
) -> None:
    by_run = data.draw(st.booleans())
    make = _float_batch if kind == "float_series" else _text_batch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(point_store, "BLOCK_POINTS", data.draw(st.sampled_from([1, 3, 7, 1000])))
        patch.setattr(point_store, "BLOCK_BYTES", data.draw(st.sampled_from([1, 100, 1 << 20])))
        memory = data.draw(st.sampled_from([0, 200, 1 << 20]))
        store = PointStore(kind, tmp_path_factory.mktemp("scratch"), memory_bytes=memory)
        # Pieces of one series come in order; those of different series come in any.
        waiting = {key: list(lengths) for key, lengths in series.items()}
        first = dict.fromkeys(series, 0)
        while waiting:
            key = data.draw(st.sampled_from(sorted(waiting)))
            count = waiting[key].pop(0)
            run, attribute = key
            store.add(make(run, attribute, first[key], count), np.array([run]), np.array([attribute]))
            first[key] += count
            if not waiting[key]:
                del waiting[key]
        ranks = np.array([2, 0, 3, 1])
        found = []
        for block in store.blocks(ranks, by_run=by_run):
            assert block.offsets[0] == 0
            assert block.offsets[-1] == block.points.num_rows
            assert (np.diff(block.offsets) > 0).all()
            lengths = np.diff(block.offsets)
            keys = zip(
                np.repeat(block.runs, lengths).tolist(), np.repeat(block.attributes, lengths).tolist(), strict=True
            )
            steps, values = block.points["step"].to_pylist(), block.points["value"].to_pylist()
            found += [(*key, step, value) for key, step, value in zip(keys, steps, values, strict=True)]
        store.close()
    expected = [
        (run, int(ranks[attribute]), step / 2, run + step if kind == "float_series" else f"{run} {step}" * (step % 3))
        for (run, attribute), lengths in series.items()
        for step in range(sum(lengths))
    ]
    assert found == sorted(expected, key=lambda row: row[:3] if by_run else (row[1], row[0], row[2]))


def test_the_cut_does_not_depend_on_how_points_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(point_store, "BLOCK_POINTS", 10)

    def cuts(pieces: list[int]) -> list[list[int]]:
        store = PointStore("float_series", tmp_path / "scratch", memory_bytes=0)
        first = 0
        for count in pieces:
            store.add(_float_batch(0, 0, first, count), np.array([0]), np.array([0]))
            first += count
        store.add(_float_batch(1, 0, 0, 4), np.array([1]), np.array([0]))
        return [block.offsets.tolist() for block in store.blocks(np.array([0]))]

    assert cuts([35]) == cuts([1, 20, 14]) == cuts([7] * 5)
    assert max(offsets[-1] for offsets in cuts([35])) <= 10


def test_a_step_that_comes_twice_is_kept_once(tmp_path: Path) -> None:
    store = PointStore("float_series", tmp_path)
    schema = series_points_schema(float_point(time=True))
    points = [{"step": step, "value": value, "timestamp": 0} for step, value in ((1.0, 1.0), (0.0, 2.0), (1.0, 3.0))]
    rows = [{"run": 0, "attribute": 0, "points": points}]
    store.add(pa.RecordBatch.from_pylist(rows, schema=schema), np.array([0]), np.array([0]))
    (block,) = store.blocks(np.array([0]))
    assert block.points.select(["step", "value"]).to_pydict() == {"step": [0.0, 1.0], "value": [2.0, 1.0]}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=30), st.booleans())
def test_row_groups_cover_all_rows_once_and_end_with_attributes(lengths: list[int], wide: bool) -> None:
    rows = sum(lengths)
    changes = np.cumsum(lengths)[:-1].astype(np.int64)
    sizes = np.full(rows, 1000, dtype=np.int64) if wide else None
    groups = list(row_groups(changes, sizes, rows))
    assert [start for start, _ in groups] == [0, *(stop for _, stop in groups[:-1])]
    assert groups[-1][1] == rows
    for start, stop in groups:
        assert 0 < stop - start <= 65_536
        inside = changes[(changes > start + 16_384) & (changes < stop)]
        if stop not in changes and stop != rows:
            assert not len(inside), "cut in the middle of an attribute, though one ended nearby"
