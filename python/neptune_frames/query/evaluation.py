"""Which runs satisfy an expression: boolean masks over columns of attribute values."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from neptune_frames.query.expressions import Expression

    Mask = npt.NDArray[np.bool_]


class Columns(Protocol):
    """Attribute values of a fixed list of runs, numbered from 0."""

    @property
    def run_count(self) -> int:
        """The number of runs."""
        ...

    def types_of(self, name: str) -> tuple[str, ...]:
        """The client types under which any run has the attribute; empty if none has it."""
        ...

    def column(self, name: str, type: str, aggregation: str | None) -> tuple[npt.NDArray[np.int32], pa.Array]:
        """The runs that have the attribute with this type, and their values; any order, no run twice.

        Values have the Arrow type of ``schemas.VALUE_TYPES[type]`` (or a dictionary of it) and may be
        null where there is an attribute without a value. ``aggregation`` is None or "last" for the value
        itself (of a series: its last), or one of the statistics of a float series. Empty arrays if no
        run has the attribute.
        """
        ...


def evaluate(expression: Expression | None, columns: Columns, now: datetime) -> Mask:
    """A mask over all runs: True where the expression holds. None holds everywhere.

    Parameters:
        expression: What to test.
        columns: The values to test it on.
        now: The time from which relative times count, with its zone.

    Raises:
        QuerySyntaxError: an operator, literal or pattern is not defined for its attribute's type; raised
            before anything is tested, whatever the data.
    """
    raise NotImplementedError
