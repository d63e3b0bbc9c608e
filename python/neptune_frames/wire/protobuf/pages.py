"""What the modules of several pages share: lists between messages and columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.wire.buffer import Positions
from neptune_frames.wire.protobuf.drafts import Draft
from neptune_frames.wire.protobuf.fields import Message


def expanded_offsets(offsets: Positions, rows: Positions, count: int) -> Positions:
    """Offsets for ``count`` lists of which only ``rows`` have items, those between ``offsets``."""
    if len(rows) == count:
        return offsets
    lengths = np.zeros(count + 1, np.int64)
    lengths[rows + 1] = offsets[1:] - offsets[:-1]
    return np.cumsum(lengths)


def list_column(list_type: pa.DataType, offsets: Positions, items: pa.Array) -> pa.Array:
    """A list array of exactly the given type (item name and nullability included)."""
    data = pa.py_buffer(np.ascontiguousarray(offsets, np.int64 if pa.types.is_large_list(list_type) else np.int32))
    return pa.Array.from_buffers(list_type, len(offsets) - 1, [None, data], children=[items])


def list_parts(lists: pa.Array) -> tuple[Positions, pa.Array]:
    """Offsets from 0 on, and the items; a null list is an empty one."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]), lists.flatten()


def body_of(message: Message, name: str, items: Draft) -> bytes:
    """A body whose one field of that name holds the items."""
    draft = Draft(message, 1)
    draft.set_items(name, np.array([0, items.count]), items)
    return draft.to_bytes()
