"""Where the fields of many messages were found."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neptune_frames.errors import WireDecodingError
from neptune_frames.wire.buffer import Positions, Words
from neptune_frames.wire.protobuf.fields import Field, Message
from neptune_frames.wire.protobuf.runs import Runs

#: Tags from here on are told apart one by one; so are those of more than one byte.
LARGE_TAG = 128


class Chunk(NamedTuple):
    """Occurrences of one field in several messages; no message twice unless the chunk is of one message.

    The payload of an occurrence starts ``offset`` bytes after its base; ``stops`` are positions, or one
    distance from the bases. ``stride`` is the common difference of the bases, if there is one.
    """

    owners: Positions
    bases: Positions
    offset: int
    stops: Positions | int
    stride: int | None = None

    def spans(self) -> tuple[Positions, Positions, Positions]:
        """Owners, starts and stops as positions."""
        stops = self.stops if isinstance(self.stops, np.ndarray) else self.bases + self.stops
        return self.owners, self.bases + self.offset if self.offset else self.bases, stops


class Found:
    """Occurrences of a message's fields."""

    def __init__(self, message: Message) -> None:
        self._by_number = message.by_number
        self._skipped = {field.number for field in message.skipped}
        self._chunks: dict[tuple[int, bool], list[Chunk]] = {}
        self._runs: dict[int, list[Runs]] = {}

    def add(self, owners: Positions, tags: Words, starts: Positions, stops: Positions) -> None:
        """Keep the occurrences of fields that are read; raise where a declared one has the wrong wire type."""
        first = int(tags[0])
        if bool((tags == first).all()):
            self.add_chunk(first, Chunk(owners, starts, 0, stops))
            return
        small = np.minimum(tags, np.uint64(LARGE_TAG)).view(np.int64)
        distinct = np.flatnonzero(np.bincount(small)).tolist()
        if distinct[-1] == LARGE_TAG:
            distinct[-1:] = np.unique(tags[small == LARGE_TAG]).tolist()
        for tag in distinct:
            if tag >> 3 in self._by_number:
                chosen = np.flatnonzero(tags == tag)
                self.add_chunk(tag, Chunk(owners[chosen], starts[chosen], 0, stops[chosen]))

    def add_chunk(self, tag: int, chunk: Chunk) -> None:
        """Keep occurrences that all have one tag."""
        field = self._by_number.get(tag >> 3)
        if field is None:
            return
        unpacked = tag != field.tag
        if unpacked and not (field.repeated and tag & 7 == field.kind.wire_type):
            raise WireDecodingError(
                f"field {field.name!r} has wire type {tag & 7}, not {field.tag & 7}",
                position=int(chunk.bases[0]) + chunk.offset,
            )
        if field.number in self._skipped:
            return
        if field.repeated and field.message is not None:
            self.add_runs(tag, Runs.of_singles(*chunk.spans()))
        else:
            self._chunks.setdefault((field.number, unpacked), []).append(chunk)

    def add_runs(self, tag: int, runs: Runs) -> None:
        """Keep runs of a repeated submessage that is read."""
        self._runs.setdefault(tag >> 3, []).append(runs)

    def runs(self, field: Field) -> Runs:
        """Occurrences of a repeated submessage, in the order of the bytes."""
        merged = Runs.merged(self._runs.get(field.number, []))
        self._runs[field.number] = [merged]
        return merged

    def chunks(self, field: Field, *, unpacked: bool = False) -> list[Chunk]:
        """Occurrences of one field; those in one message are in the order of the bytes."""
        return self._chunks.get((field.number, unpacked), [])

    def spans(self, field: Field, *, unpacked: bool = False) -> tuple[Positions, Positions, Positions]:
        """Owners, starts and stops of the occurrences of one field, all in the order of the bytes."""
        parts = [chunk.spans() for chunk in self.chunks(field, unpacked=unpacked)]
        if not parts:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
        if len(parts) == 1:
            return parts[0]
        owners, starts, stops = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        if not bool((starts[1:] > starts[:-1]).all()):
            # Payloads are disjoint and owners ascend with them, so each column can be sorted by itself.
            for column in (owners, starts, stops):
                column.sort(kind="stable")  # merges the chunks, each of which ascends
        return owners, starts, stops
