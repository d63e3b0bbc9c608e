"""Submessages that follow one another at equal distances, kept as runs: few numbers for many messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neptune_frames.slices import offsets_of
from neptune_frames.wire.buffer import Positions


class Runs(NamedTuple):
    """Occurrences of one field, in runs of ``counts`` that belong to one owner each.

    The first payload of a run starts at ``starts``, the next ones ``strides`` further on each;
    every payload is ``lengths`` bytes long.
    """

    owners: Positions
    starts: Positions
    lengths: Positions
    strides: Positions
    counts: Positions

    @classmethod
    def of_singles(cls, owners: Positions, starts: Positions, stops: Positions) -> Runs:
        """Each occurrence a run of its own."""
        once = np.broadcast_to(np.int64(1), len(owners))
        return cls(owners, starts, stops - starts, once, once)

    @classmethod
    def merged(cls, parts: Sequence[Runs]) -> Runs:
        """All runs in the order of the bytes."""
        if not parts:
            nothing = np.empty(0, np.int64)
            return cls(nothing, nothing, nothing, nothing, nothing)
        runs = parts[0] if len(parts) == 1 else cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
        if bool((runs.starts[1:] > runs.starts[:-1]).all()):
            return runs
        order = np.argsort(runs.starts, kind="stable")
        return cls(*(column[order] for column in runs))

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    def offsets(self, count: int) -> Positions:
        """List offsets by owner, of ``count`` owners."""
        # Weighted counts come as doubles, which hold these counts exactly.
        return offsets_of(np.bincount(self.owners, self.counts, count).astype(np.int64))

    def expanded(self) -> tuple[Positions, Positions, Positions]:
        """Owner, start and stop of every occurrence."""
        if self.total == len(self.starts):
            return self.owners, self.starts, self.starts + self.lengths
        starts = progressions(self.starts, self.strides, self.counts)
        return np.repeat(self.owners, self.counts), starts, starts + np.repeat(self.lengths, self.counts)

    def where(self, chosen: npt.NDArray[np.bool_]) -> Runs:
        """Only the chosen runs."""
        return self if chosen.all() else Runs(*(column[chosen] for column in self))

    def blocks(self, size: int) -> Iterator[Runs]:
        """The same occurrences, at most ``size`` at a time."""
        ends = np.cumsum(self.counts)
        total = int(ends[-1]) if len(ends) else 0
        for first in range(0, total, size):
            last = min(first + size, total)
            chosen = slice(int(np.searchsorted(ends, first, "right")), int(np.searchsorted(ends, last)) + 1)
            owners, starts, lengths, strides, counts = (column[chosen] for column in self)
            before = first - int(ends[chosen.start] - counts[0])
            starts, counts = starts.copy(), counts.copy()
            starts[0] += before * strides[0]
            counts[0] -= before
            counts[-1] -= int(ends[chosen.stop - 1]) - last
            yield Runs(owners, starts, lengths, strides, counts)


def progressions(firsts: Positions, strides: Positions, counts: Positions) -> Positions:
    """Arithmetic progressions one after another; each has at least one element."""
    if len(firsts) == 1:
        return np.arange(firsts[0], firsts[0] + strides[0] * counts[0], strides[0])
    steps = np.repeat(strides, counts)
    lasts = firsts + strides * (counts - 1)
    heads = np.cumsum(counts) - counts
    steps[heads[:1]] = firsts[:1]
    steps[heads[1:]] = firsts[1:] - lasts[:-1]
    return np.cumsum(steps, out=steps)
