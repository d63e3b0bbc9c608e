"""Collecting one batch while the one before is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import pyarrow as pa

from neptune_frames.writing.batch import Batch, Outline
from neptune_frames.writing.collecting import Collector
from neptune_frames.writing.durable import writing

Result = TypeVar("Result")


def write_batches(
    collector: Collector,
    runs: pa.Table,
    batch: Callable[[], Batch],
    write: Callable[[Batch], Result],
    *,
    before: Outline | None,
) -> Iterator[Result]:
    """Collect and write the runs, in order; gives what ``write`` gave for each batch, in order.

    At most two batches are in memory. After an error, what was being written is finished first; an error of the
    writing ends the collecting of the next batch.

    Args:
        collector: Asks for the runs.
        runs: FOUND_RUNS.
        batch: Makes the next, empty batch.
        write: Writes a full one; called in a thread of its own, one batch at a time.
        before: The batch before the first, to go by its size.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="neptune-frames-writer") as writer:
        under_way: Future[Result] | None = None

        def advance(runs: int, points: int) -> None:
            if under_way is not None and under_way.done():
                under_way.result()
            collector.advance(runs, points)

        watching = replace(collector, advance=advance)
        while runs.num_rows:
            filling = batch()
            taken = watching.fill(filling, runs, before)
            before = filling.outline()
            if under_way is not None:
                yield under_way.result()
            under_way = writer.submit(_written, write, filling)
            runs = runs.slice(taken)
        if under_way is not None:
            yield under_way.result()


def _written(write: Callable[[Batch], Result], batch: Batch) -> Result:
    with writing():
        return write(batch)
