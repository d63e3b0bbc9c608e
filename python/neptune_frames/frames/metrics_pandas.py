"""The documented pandas frame of `fetch_metrics` (neptune-query reference, 4.2, 4.8 and 4.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.frames.pandas_values import frame_of_blocks, import_pandas, string_index, timestamp_values
from neptune_frames.query.attributes import FLOAT_SERIES

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from neptune_frames.frames.wide_pivot import Pivot


def metrics_frame(
    pivot: Pivot, *, label_name: str, include_time: bool, include_previews: bool, type_suffix: bool
) -> pd.DataFrame:
    """The wide frame: rows (label, step), a column per attribute, two column levels with time or previews."""
    index = row_index(pivot, label_name)
    names = pc.binary_join_element_wise(pivot.names, f":{FLOAT_SERIES}", "") if type_suffix else pivot.names
    columns = string_index(names)
    blocks: list[Any] = [pivot.matrix("value")]
    if not (include_time or include_previews):
        return import_pandas().DataFrame(blocks[0].T, index=index, columns=columns, copy=False)

    parts = ["value"]
    if include_time:
        parts.append("absolute_time")
        milliseconds = pivot.matrix("timestamp")
        blocks.append(timestamp_values(milliseconds.reshape(-1)).array.reshape(milliseconds.shape))
    if include_previews:
        parts += ["is_preview", "preview_completion"]
        blocks += [_is_preview(pivot), pivot.matrix("preview_completion")]
    return interleave(blocks, index, two_levels(columns, parts))


def row_index(pivot: Pivot, label_name: str) -> pd.MultiIndex:
    """(label, step) from levels and codes; nothing is made per row. A NaN step has no place in a level."""
    pandas = import_pandas()
    steps, codes = pivot.rows.steps, pivot.rows.step_codes
    if len(steps) and np.isnan(steps[-1]):
        steps = steps[:-1]
        codes = np.where(codes == len(steps), -1, codes)
    return pandas.MultiIndex(
        levels=[string_index(pivot.labels), pandas.Index(steps, dtype="float64", copy=False)],
        codes=[pivot.label_codes, codes],
        names=[label_name, "step"],
        verify_integrity=False,
    )


def two_levels(names: pd.Index, parts: list[str]) -> pd.MultiIndex:
    """Every name with all parts, in this order. The level of parts is sorted, as in the official frame."""
    level = sorted(parts) if len(names) else parts
    return import_pandas().MultiIndex(
        levels=[names, string_index(pa.array(level, pa.large_string()))],
        codes=[np.repeat(np.arange(len(names)), len(parts)), np.tile([*map(level.index, parts)], len(names))],
        names=[None, None],
        verify_integrity=False,
    )


def _is_preview(pivot: Pivot) -> npt.NDArray[Any]:
    """``bool`` while no cell of any attribute is missing, else objects with NaN (reference 4.2)."""
    flags = pivot.matrix("is_preview")
    if pivot.complete:
        return flags
    objects = flags.astype(object)
    objects[~pivot.present()] = np.nan
    return objects


def interleave(blocks: list[Any], index: pd.Index, columns: pd.MultiIndex) -> pd.DataFrame:
    """A frame whose column ``i * len(blocks) + k`` is row ``i`` of block ``k``, one pandas block each."""
    placed = ((block, np.arange(part, len(columns), len(blocks))) for part, block in enumerate(blocks))
    return frame_of_blocks(placed, index, columns)
