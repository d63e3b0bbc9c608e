"""Bodies of answers: what they count as while they are read, and those that are made to fill the memory."""

from __future__ import annotations

import gzip
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from neptune_frames.errors import WireDecodingError
from neptune_frames.sources.remote import bodies
from neptune_frames.sources.remote.bodies import CONTENT_KEPT, BodyBudget, expected_size, read_body, read_error

MIB = 1024 * 1024


def compressed(content: bytes, *, status: int = 200, known_length: bool = True) -> httpx.Response:
    packed = gzip.compress(content, 1)
    headers = {"Content-Encoding": "gzip"} | ({"Content-Length": str(len(packed))} if known_length else {})
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(packed))


@pytest.mark.parametrize("known_length", [True, False])
def test_a_compressed_body_counts_as_what_it_becomes(known_length: bool) -> None:
    budget = BodyBudget()
    response = compressed(bytes(20 * MIB), known_length=known_length)
    with budget.reserve(expected_size(response)) as room:
        assert room.size < 9 * MIB
        body = read_body(response, cover=room.cover)
        assert body == bytes(20 * MIB)
        assert 20 * MIB <= room.size <= 21 * MIB
        assert budget._used == room.size
    assert budget._used == budget._large_used == 0


def test_a_body_of_unknown_length_counts_as_what_it_becomes() -> None:
    budget = BodyBudget()
    response = httpx.Response(200, stream=httpx.ByteStream(bytes(20 * MIB)))
    with budget.reserve(expected_size(response)) as room:
        assert read_body(response, cover=room.cover) == bytes(20 * MIB)
        assert budget._used >= 20 * MIB


def test_bodies_that_grow_at_once_neither_lock_up_nor_all_go_beyond_the_budget() -> None:
    budget = BodyBudget(10 * MIB, large=100)
    all_hold = threading.Barrier(4, timeout=20)
    used: list[int] = []

    def read(_: int) -> None:
        with budget.reserve(2 * MIB) as room:
            all_hold.wait()
            for size in range(3, 9):
                room.cover(size * MIB)
                used.append(budget._used)

    with ThreadPoolExecutor(4) as pool:
        reading = [pool.submit(read, index) for index in range(4)]
        for future in reading:
            future.result(timeout=20)
    # One body is beyond the budget at a time, by what it grew itself.
    assert max(used) <= 16 * MIB
    assert budget._used == 0
    assert budget._beyond is None


def test_a_body_larger_than_the_budget_is_read() -> None:
    budget = BodyBudget(4 * MIB)
    with budget.reserve(100) as room:
        assert len(read_body(compressed(bytes(20 * MIB)), cover=room.cover)) == 20 * MIB
    with budget.reserve(20 * MIB) as room:
        assert room.size == 4 * MIB


def test_what_is_made_to_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_BUDGET", 2 * MIB)
    bomb = compressed(bytes(64 * MIB))
    covered: list[int] = []
    with pytest.raises(WireDecodingError, match="compressed bytes hold"):
        read_body(bomb, cover=covered.append)
    assert max(covered) < 30 * MIB
    # As large, and compressed as text is.
    text = b"".join(b"metrics/layer_%d/loss\n" % number for number in range(300_000))
    assert len(text) > 3 * MIB
    assert read_body(compressed(text)) == text


def test_an_error_is_not_decompressed_beyond_what_is_kept() -> None:
    response = compressed(b"a" * (100 * MIB), status=500)
    tracemalloc.start()
    try:
        assert read_error(response) == b"a" * CONTENT_KEPT
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


def test_an_error_in_an_encoding_that_was_not_asked_for_is_still_an_error() -> None:
    response = httpx.Response(500, headers={"Content-Encoding": "br"}, stream=httpx.ByteStream(b"?"))
    assert read_error(response) == b""
