"""Which attribute definitions a selector means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from neptune_frames.query.selection import AttributeSelector


def match_names(selector: AttributeSelector, names: pa.Array, types: pa.Array) -> npt.NDArray[np.bool_]:
    """A mask over definitions (name and client type, row by row): True where the selector selects them."""
    raise NotImplementedError
