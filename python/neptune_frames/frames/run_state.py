"""Whether runs are active, found by asking which ones are: no answer of a server carries the state itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.query.attributes import SYS_STATE
from neptune_frames.query.expressions import And, Comparison, Expression, Operand
from neptune_frames.query.literals import STATE_LITERALS

if TYPE_CHECKING:
    import numpy.typing as npt

    from neptune_frames.query.selection import RunQuery
    from neptune_frames.sources.base import Source


def has_state(state: str) -> Comparison:
    """The condition that a run is ``active`` or ``inactive``."""
    return Comparison(Operand(SYS_STATE, "experiment_state"), "==", STATE_LITERALS[state])


def active_runs(source: Source, query: RunQuery, runs: pa.Table) -> npt.NDArray[np.bool_]:
    """Which of the runs that a query found are active: asks the query again, with that condition."""
    condition: Expression = has_state("active")
    if query.filter is not None:
        condition = And((query.filter, condition))
    active = source.search(replace(query, filter=condition)).runs
    known = pc.is_in(runs["sys_id"], value_set=active["sys_id"].combine_chunks())
    return known.to_numpy()  # type: ignore[no-any-return]


def state_names(active: npt.NDArray[np.bool_]) -> pa.Array:
    """``active`` or ``inactive`` for each run."""
    return pc.if_else(pa.array(active), "active", "inactive")
