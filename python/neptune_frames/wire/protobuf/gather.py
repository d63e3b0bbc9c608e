"""Bringing equally long messages together, so that each of their fields is one strided view.

Runs of messages are copied whole, by Arrow: a memory copy for each run, and no work for each message.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neptune_frames.errors import WireDecodingError
from neptune_frames.slices import offsets_of
from neptune_frames.wire.buffer import WORD, Buffer, Positions, Words
from neptune_frames.wire.protobuf.runs import Runs, progressions

#: Runs that are this long on average are worth a copy.
_LONG_RUN = 8
#: A length is worth a buffer of its own if at least one in so many messages has it.
_RAREST = 16
_LONGEST_MESSAGE = 1024
#: Bytes that are brought together at a time: they stay in the processor's cache.
JOINED_BYTES = 2 * 1024 * 1024


class Gathered(NamedTuple):
    """Some messages of the runs: their places among all of them, and where their bytes are.

    ``heads`` and ``offsets`` say of a buffer of copies where in the body each copied run is, and where in the buffer.
    """

    places: Positions | slice
    buffer: Buffer
    starts: Positions
    stops: Positions
    heads: Positions | None = None
    offsets: Positions | None = None

    @contextmanager
    def errors_in_body(self) -> Iterator[None]:
        """Errors count bytes from the start of the body, wherever these messages are read."""
        try:
            yield
        except WireDecodingError as error:
            if self.heads is not None and self.offsets is not None and error.position is not None:
                run = np.searchsorted(self.offsets, error.position, side="right") - 1
                error.move(int(self.heads[run] + error.position - self.offsets[run]))
            raise


def gather(buffer: Buffer, runs: Runs, most: int) -> Iterator[Gathered]:
    """All messages of the runs, at most so many at a time: first those of each frequent length, then the rest.

    Messages of a frequent length are copied to a buffer of their own.
    """
    rest = np.ones(len(runs.starts), np.bool_)
    firsts = np.cumsum(runs.counts) - runs.counts
    once = np.ones(len(firsts), np.int64)
    places = Runs(runs.owners, firsts, once, once, runs.counts)
    for length, stride in _frequent_shapes(runs):
        chosen = (runs.lengths == length) & (runs.strides == stride)
        rest &= ~chosen
        header = stride - length
        for block, block_places in _blocks(runs, places, chosen, min(most, max(JOINED_BYTES // stride, _LONG_RUN))):
            if len(block.starts) == 1:
                yield _as_they_are(buffer, block, block_places)
                continue
            heads = block.starts - header
            joined = Buffer(joined_spans(buffer, heads, heads + stride * block.counts))
            payloads = np.arange(joined.size // stride) * stride + header
            offsets = offsets_of(stride * block.counts)[:-1]
            yield Gathered(_all_places(block_places), joined, payloads, payloads + length, heads, offsets)
    for block, block_places in _blocks(runs, places, rest, most):
        yield _as_they_are(buffer, block, block_places)


def _as_they_are(buffer: Buffer, runs: Runs, places: Runs) -> Gathered:
    _, starts, stops = runs.expanded()
    return Gathered(_all_places(places), buffer, starts, stops)


def _blocks(runs: Runs, places: Runs, chosen: npt.NDArray[np.bool_], most: int) -> Iterator[tuple[Runs, Runs]]:
    return zip(runs.where(chosen).blocks(most), places.where(chosen).blocks(most), strict=True)


def _all_places(places: Runs) -> Positions | slice:
    """Places of single messages from those of their runs; a slice where they are neighbours."""
    firsts, counts = places.starts, places.counts
    if bool((firsts[1:] == firsts[:-1] + counts[:-1]).all()):
        return slice(int(firsts[0]), int(firsts[-1] + counts[-1]))
    return progressions(firsts, places.strides, counts)


def joined_spans(buffer: Buffer, starts: Positions, stops: Positions) -> memoryview:
    """The bytes between ascending, disjoint starts and stops, one span after another."""
    return memoryview(buffer.binary(starts, stops).buffers()[2])


def joined_words(buffer: Buffer, firsts: Positions, strides: Positions, counts: Positions) -> Words:
    """`Buffer.words` of arithmetic progressions one after another, which lie within the body."""
    stride = int(strides[0])
    total = int(counts.sum())
    if stride < WORD or total < _LONG_RUN * len(counts) or not bool((strides == stride).all()):
        return buffer.words(progressions(firsts, strides, counts))
    joined = joined_spans(buffer, firsts, firsts + strides * counts)
    return np.ndarray(total, "<u8", joined, 0, (stride,))


def _frequent_shapes(runs: Runs) -> list[tuple[int, int]]:
    """Length and stride of messages that come often, in long runs; one run alone needs no copy."""
    if len(runs.starts) == 1:
        return []
    long = (runs.counts >= _LONG_RUN) & (runs.lengths < _LONGEST_MESSAGE)
    if not long.any():
        return []
    strides, counts = runs.strides[long], runs.counts[long]
    frequencies = np.bincount(strides, counts)
    frequent = np.flatnonzero(frequencies >= runs.total / _RAREST).tolist()
    # A stride has one length but for headers of unusual size.
    return [(int(runs.lengths[long][np.argmax(strides == stride)]), stride) for stride in frequent]
