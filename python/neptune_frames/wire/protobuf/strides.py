"""Finding runs of equally long submessages by testing the places where they would start."""

from __future__ import annotations

import numpy as np

from neptune_frames.wire.buffer import Buffer, Positions, Words
from neptune_frames.wire.protobuf.fields import Kind, Message
from neptune_frames.wire.protobuf.found import LARGE_TAG, Found
from neptune_frames.wire.protobuf.gather import JOINED_BYTES, joined_words
from neptune_frames.wire.protobuf.runs import Runs, progressions

#: Bytes of a length that is tested, or read, together with its tag.
LONGEST_LENGTH = 4


class Strides:
    """Guesses that a repeated submessage is followed by more of the same length, and tests the guess.

    ``pause`` is the number of rounds without a guess, after bad ones.
    """

    _FIRST_REACH = 8
    _GROWTH = 8
    _FARTHEST_REACH = 65_536
    _LONGEST_PAUSE = 64

    def __init__(self, buffer: Buffer, found: Found, message: Message) -> None:
        self._buffer = buffer
        self._found = found
        # Large tags are rare: they would only make headers longer than the words that are compared.
        self._tags = [
            field.tag
            for field in message.fields
            if field.repeated and field.kind is Kind.MESSAGE and field.tag < LARGE_TAG
        ]
        self._reach = self._FIRST_REACH
        self._next_pause = 1
        self.pause = 0

    def extend(
        self, owners: Positions, positions: Positions, tags: Words, starts: Positions, stops: Positions, ends: Positions
    ) -> Positions:
        """Where each message continues after its field and the equally long ones that follow it."""
        tag = int(tags[0])
        if tag not in self._tags or not bool((tags == tag).all()):
            self.pause = 0
            return stops
        if self.pause:
            self.pause -= 1
            return stops
        strides = stops - positions
        header_sizes = starts - positions
        repeats = (ends - stops) // strides
        if self._next_pause > 1 or not bool(((ends - stops) == repeats * strides).all()):
            # Only what would fill the messages exactly is worth a test at once.
            np.minimum(repeats, self._reach, out=repeats)
        repeats[header_sizes > LONGEST_LENGTH + 1] = 0
        trying = np.flatnonzero(repeats)
        if not len(trying):
            return stops
        counts = repeats[trying]
        accepted = self._accepted(positions[trying], stops[trying], strides[trying], header_sizes[trying], counts)
        self._learn(int(counts.sum()), int(accepted.sum()))
        right = accepted > 0
        kept, counts = trying[right], accepted[right]
        if len(kept):
            lengths = strides[kept] - header_sizes[kept]
            self._found.add_runs(tag, Runs(owners[kept], starts[kept] + strides[kept], lengths, strides[kept], counts))
        following = stops.copy()
        following[kept] += counts * strides[kept]
        return following

    def _accepted(
        self, positions: Positions, stops: Positions, strides: Positions, header_sizes: Positions, counts: Positions
    ) -> Positions:
        """How many of the ``counts`` fields after each stop begin as the field at the position does."""
        masks = np.uint64(0xFFFFFFFFFFFFFFFF) >> (64 - 8 * header_sizes).astype(np.uint64)
        expected = self._buffer.words(positions) & masks
        if len(counts) == 1:
            words = self._buffer.strided_words(int(stops[0]), int(strides[0]), int(counts[0]))
            if words is None:
                words = self._buffer.words(progressions(stops, strides, counts))
            different = np.flatnonzero((words & masks) != expected)
            return different[:1] if len(different) else counts
        accepted = counts.copy()
        ends = np.cumsum(counts)
        first = 0
        while first < len(counts):
            words_at_once = JOINED_BYTES // int(strides[first])
            last = max(first + 1, int(np.searchsorted(ends, ends[first] + words_at_once, "right")))
            some = slice(first, last)
            words = joined_words(self._buffer, stops[some], strides[some], counts[some])
            if bool((expected[some] == expected[first]).all()):
                unlike = (words & masks[first]) != expected[first]
            else:
                unlike = ((words ^ np.repeat(expected[some], counts[some])) & np.repeat(masks[some], counts[some])) != 0
            # The first difference of each run, assigned last.
            different = np.flatnonzero(unlike)[::-1] + (ends[first] - counts[first])
            rows = np.searchsorted(ends, different, "right")
            accepted[rows] = different - (ends - counts)[rows]
            first = last
        return accepted

    def _learn(self, tested: int, right: int) -> None:
        """Reach further after a good guess; pause longer and longer after bad ones."""
        if right == tested:
            self._reach = min(self._GROWTH * self._reach, self._FARTHEST_REACH)
            self._next_pause = 1
        else:
            self._reach = self._FIRST_REACH
            if right < tested // 2:
                self.pause = self._next_pause
                self._next_pause = min(2 * self._next_pause, self._LONGEST_PAUSE)
