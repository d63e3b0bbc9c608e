"""Memory of large bodies is used again, but never while something that was made of it without a copy is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from neptune_frames.sources.remote.bodies import BodyBudget
from neptune_frames.sources.remote.rooms import Rooms

MIB = 1024 * 1024

VIEWS: dict[str, Callable[[memoryview], Any]] = {
    "itself": lambda body: body,
    "a part": lambda body: body[7:9],
    "a part of a copy of the view": lambda body: memoryview(body)[7:9],
    "an Arrow buffer": lambda body: pa.py_buffer(body).slice(7, 2),
    "an Arrow array": lambda body: pa.Array.from_buffers(pa.uint8(), 2, [None, pa.py_buffer(body[7:9])]),
    "a NumPy array": lambda body: np.frombuffer(body, np.uint8)[7:9],
    "a NumPy array of an Arrow buffer": lambda body: np.frombuffer(pa.py_buffer(body), np.uint8)[7:9],
}


def filled(rooms: Rooms, size: int, content: bytes) -> Any:
    body = rooms.take(size)
    body[:] = content * size
    return body


def test_a_room_is_used_again() -> None:
    rooms = Rooms()
    filled(rooms, 3 * MIB, b"a")
    again = rooms.take(3 * MIB - 5)
    assert len(again) == 3 * MIB - 5
    assert bytes(again[:3]) == b"aaa"  # a new one is full of zeros


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_not_while_there_is_a_view_of_it(view: Callable[[memoryview], Any]) -> None:
    rooms = Rooms()
    part = view(filled(rooms, 3 * MIB, b"a"))
    others = [filled(rooms, 3 * MIB, b"b") for _ in range(3)]
    held = part.to_numpy() if isinstance(part, pa.Array) else part
    assert bytes(held[:2]) == b"aa"
    del part, held, others
    assert bytes(rooms.take(3 * MIB)[:1]) in (b"a", b"b")


def test_not_for_a_body_that_is_much_smaller_or_larger() -> None:
    rooms = Rooms()
    filled(rooms, 12 * MIB, b"a")
    for size in (MIB, 13 * MIB):
        assert bytes(rooms.take(size)[:1]) == b"\0"
    assert bytes(rooms.take(12 * MIB)[:1]) == b"a"


def test_when_no_body_is_in_work_memory_goes_back() -> None:
    budget = BodyBudget()
    with budget.reserve(3 * MIB) as first:
        with budget.reserve(3 * MIB) as second:
            filled(budget.rooms, 3 * MIB, b"a")
        assert bytes(second.take(3 * MIB)[:1]) == b"a"
        late = first.take(3 * MIB)
        late[:] = b"a" * len(late)
    del late  # after the end, as the frames of a call go
    assert bytes(budget.rooms.take(3 * MIB)[:1]) == b"\0"


def test_small_bodies_have_none() -> None:
    assert isinstance(Rooms().take(1000), bytearray)
