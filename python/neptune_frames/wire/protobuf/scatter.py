"""Writing numbers, varints and byte strings to many positions of one array at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neptune_frames.wire.buffer import Positions, Words, progression

Bytes = npt.NDArray[np.uint8]

_BLOCK = 32_768
#: From this length on, one copy per string costs less than the bookkeeping to vectorise it.
_LONG_TEXT = 4096


def put_numbers(out: Bytes, positions: Positions, values: npt.NDArray[np.generic] | int) -> None:
    """Write fixed-size little-endian numbers; an ``int`` is one byte for all positions."""
    kind = np.dtype(np.uint8) if isinstance(values, int) else values.dtype.newbyteorder("<")
    if not len(positions):
        return
    stride = progression(positions)
    if stride is not None:
        np.ndarray(len(positions), kind, out, int(positions[0]), (stride,))[:] = values
    else:
        np.ndarray(len(out) - kind.itemsize + 1, kind, out, 0, (1,))[positions] = values


def varint_sizes(values: Words) -> Positions:
    """Number of bytes of each varint."""
    sizes = np.ones(len(values), np.int64)
    limit = 1 << 7
    largest = int(values.max()) if len(values) else 0
    while limit <= largest:
        sizes += values >= np.uint64(limit)
        limit <<= 7
    return sizes


def put_varints(out: Bytes, positions: Positions, values: Words, sizes: Positions) -> None:
    """Write varints of the given sizes, which `varint_sizes` counted."""
    for place in range(int(sizes.max()) if len(sizes) else 0):
        reaching = sizes > place
        if not reaching.all():
            positions, values, sizes = positions[reaching], values[reaching], sizes[reaching]
        groups = ((values >> np.uint64(7 * place)) & np.uint64(0x7F)).astype(np.uint8)
        groups[sizes > place + 1] |= 0x80
        put_numbers(out, positions + place, groups)


def copy_spans(source: Bytes, starts: Positions, lengths: Positions, out: Bytes, positions: Positions) -> None:
    """Copy ``lengths`` bytes from each start in the source to each position."""
    long = lengths >= _LONG_TEXT
    if long.any():
        for start, length, position in zip(
            starts[long].tolist(), lengths[long].tolist(), positions[long].tolist(), strict=True
        ):
            out[position : position + length] = source[start : start + length]
    for first in range(0, len(starts), _BLOCK):
        block = slice(first, first + _BLOCK)
        by_words = (lengths[block] >= 8) & ~long[block]
        by_bytes = lengths[block] < 8
        for chosen, width in ((by_words, 8), (by_bytes, 1)):
            if chosen.any():
                _copy_units(source, starts[block][chosen], lengths[block][chosen], out, positions[block][chosen], width)


def _copy_units(
    source: Bytes, starts: Positions, lengths: Positions, out: Bytes, positions: Positions, width: int
) -> None:
    """Copy spans in units of ``width`` bytes; the last unit of a span may overlap the one before."""
    units = -(-lengths // width)
    total = int(units.sum())
    if not total:
        return
    ordinals = np.arange(total) - np.repeat(np.cumsum(units) - units, units)
    offsets = np.minimum(ordinals * width, np.repeat(lengths - width, units))
    kind = np.dtype(f"<u{width}")
    read = np.ndarray(len(source) - width + 1, kind, source, 0, (1,))
    write = np.ndarray(len(out) - width + 1, kind, out, 0, (1,))
    write[np.repeat(positions, units) + offsets] = read[np.repeat(starts, units) + offsets]
