"""Objects read as files: what was fetched ahead is found at once, and the rest is fetched as it is read."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from neptune_frames.sources.archive.object_path import RangedReader

CONTENT = random.Random(0).randbytes(5_000_000)


class Object:
    """Notes which ranges are fetched."""

    def __init__(self) -> None:
        self.fetched: list[tuple[int, int]] = []

    def read_ranges(self, starts: Sequence[int], ends: Sequence[int]) -> list[memoryview]:
        self.fetched += zip(starts, ends, strict=True)
        return [memoryview(CONTENT)[start:end] for start, end in zip(starts, ends, strict=True)]


class NeverWalked(list[Any]):
    def __iter__(self) -> Any:
        raise AssertionError("all ranges were looked at")


def reader_of(stored: Object) -> RangedReader:
    return RangedReader(stored, len(CONTENT))  # type: ignore[arg-type]


def read(reader: RangedReader, start: int, size: int) -> bytes:
    reader.seek(start)
    return reader.read(size)


def test_what_was_fetched_is_found_without_a_walk() -> None:
    reader = reader_of(stored := Object())
    starts = random.Random(1).sample(range(0, 5_000_000, 1000), 1000)
    reader.fetch([(start, start + 600) for start in starts])
    reader._starts, reader._pieces = NeverWalked(reader._starts), NeverWalked(reader._pieces)
    for start in starts:
        assert read(reader, start, 600) == CONTENT[start : start + 600]
        assert read(reader, start + 100, 50) == CONTENT[start + 100 : start + 150]
    assert len(stored.fetched) == 1000


def test_any_reads_bring_the_content() -> None:
    chance = random.Random(2)
    reader = reader_of(stored := Object())
    reader.fetch([(100, 300), (300, 400), (2_000_000, 2_100_000)])
    for _ in range(300):
        start, size = chance.randrange(5_000_100), chance.choice((0, 1, 7, 5000, 1_500_000, -1))
        assert read(reader, start, size) == CONTENT[start : len(CONTENT) if size < 0 else start + size]
    before = len(stored.fetched)
    read(reader, 3_000_000, 1_000_000)
    assert read(reader, 3_500_000, 10) == CONTENT[3_500_000:3_500_010]
    assert len(stored.fetched) <= before + 1
