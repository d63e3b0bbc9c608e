"""How questions are cut into requests that servers accept (http-api 10.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames import config

#: What a run's identifier counts in a request, bytes.
RUN_IDENTIFIER_SIZE = 50

#: Fewer series than this are not worth a request of their own.
SERIES_WORTH_A_REQUEST = 250

#: Servers refuse more string, histogram and file series than this in one request.
OBJECT_SERIES_PER_REQUEST = 2_000

#: Fewer runs than this are not worth a values request of their own.
RUNS_WORTH_A_REQUEST = 50

Bounds = Iterator[tuple[int, int]]


def even_parts(count: int, largest: int) -> Bounds:
    """Bounds of the fewest parts of at most ``largest`` items, equal in size up to one.

    >>> list(even_parts(8801, 4400))
    [(0, 2934), (2934, 5868), (5868, 8801)]
    """
    parts = -(-count // largest)
    size, longer = divmod(count, parts) if parts else (0, 0)
    start = 0
    for part in range(parts):
        end = start + size + (part < longer)
        yield start, end
        start = end


def run_parts(count: int) -> Bounds:
    """Runs of one definitions request."""
    return even_parts(count, max(1, config.MAX_REQUEST_SIZE.get() // RUN_IDENTIFIER_SIZE))


def busy_run_parts(count: int) -> Bounds:
    """Runs of one values request by filter: so many parts that the workers have something to do."""
    largest = max(1, config.MAX_REQUEST_SIZE.get() // RUN_IDENTIFIER_SIZE)
    return even_parts(count, min(largest, max(RUNS_WORTH_A_REQUEST, -(-count // config.MAX_WORKERS.get()))))


def name_filters(names: Sequence[str]) -> list[Sequence[str]]:
    """Exact names, cut where their bytes would make one name filter too long."""
    return _by_bytes(names, config.MAX_NAME_FILTER_SIZE.get(), len(names))


def values_parts(run_count: int, names: Sequence[str]) -> Iterator[tuple[tuple[int, int], Sequence[str]]]:
    """Runs and names of each values request: bounded in cells and in bytes, every run with every name."""
    cells, size = config.VALUES_PAGE_SIZE.get(), config.MAX_REQUEST_SIZE.get()
    batches = _by_bytes(names, max(1, size - RUN_IDENTIFIER_SIZE), cells)
    for batch in batches:
        left = size - sum(_sizes(batch))
        runs = max(1, min(cells // len(batch), left // RUN_IDENTIFIER_SIZE))
        for bounds in even_parts(run_count, runs):
            yield bounds, batch


def object_series_parts(attributes: pa.Array, attribute_positions: npt.NDArray[np.int32]) -> Bounds:
    """As `series_parts`, for string, histogram and file series, of which servers take fewer."""
    return series_parts(attributes, attribute_positions, OBJECT_SERIES_PER_REQUEST)


def series_parts(attributes: pa.Array, attribute_positions: npt.NDArray[np.int32], most: int | None = None) -> Bounds:
    """Series of one request: bounded in number and in bytes of names, in parts that keep the workers busy.

    ``attribute_positions`` holds the position in ``attributes`` of every series.
    """
    count = len(attribute_positions)
    wanted = max(SERIES_WORTH_A_REQUEST, -(-count // config.MAX_WORKERS.get()))
    largest = min(config.SERIES_BATCH_SIZE.get(), wanted, most or wanted)
    sizes = pc.binary_length(attributes).to_numpy(zero_copy_only=False)
    ends = np.cumsum(sizes[attribute_positions], dtype=np.int64)
    longest = config.MAX_REQUEST_SIZE.get()
    for start, end in even_parts(count, largest):
        while start < end:
            before = int(ends[start - 1]) if start else 0
            fits = int(np.searchsorted(ends, before + longest, side="right"))
            stop = min(end, max(fits, start + 1))
            yield start, stop
            start = stop


def _by_bytes(names: Sequence[str], largest: int, most: int) -> list[Sequence[str]]:
    """Runs of names whose UTF-8 bytes add up to ``largest`` at most; a longer name stands alone."""
    sizes = _sizes(names)
    if sum(sizes) <= largest and 0 < len(names) <= most:
        return [names]
    batches: list[Sequence[str]] = []
    start = used = 0
    for index, size in enumerate(sizes):
        if index > start and (used + size > largest or index - start >= most):
            batches.append(names[start:index])
            start, used = index, 0
        used += size
    if start < len(names):
        batches.append(names[start:])
    return batches


def _sizes(names: Sequence[str]) -> list[int]:
    """The length of each name in UTF-8."""
    return list(map(len, map(str.encode, names)))
