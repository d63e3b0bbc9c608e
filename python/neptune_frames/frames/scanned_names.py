"""The attribute names that a lazy frame may have, asked of the scans that it starts from.

Most queries on a scan leave the names of attributes as they are, or leave some out. Then one question about names
answers, and no point is read. Which scans a query starts from, and which conditions reach them, is read from the plan
of Polars (`LazyFrame._ldf.visit`, which is not promised to stay). Where it cannot be followed, None says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import polars as pl

from neptune_frames.frames.lazy_source import Reader, ScanPlan
from neptune_frames.frames.long_frame import ATTRIBUTE

#: Places in a plan that leave a column as it is: conditions, what our scans say of them, and lists of columns (to
#: select, group or sort by).
_UNCHANGED = re.compile(rf"^\s*(?:SELECTION|FILTER|INFO):? .*$|(?<=[\[ ])col\(\"{ATTRIBUTE}\"\)(?=[,\]])", re.MULTILINE)
#: Places that make something of it.
_CHANGED = (f'col("{ATTRIBUTE}")', f'alias("{ATTRIBUTE}")')

#: A step that is a Python function (`LazyFrame.map_batches`): it may make anything of any column.
_BY_PYTHON = "OPAQUE_PYTHON"

_NOT_FOLLOWED = (AttributeError, TypeError, ValueError, IndexError, NotImplementedError, pl.exceptions.PolarsError)


def scanned_attributes(lazy: pl.LazyFrame) -> list[str] | None:
    """Names that the column ``attribute`` may hold, each once; None if only the rows can tell.

    That is so where a step of the query makes something of the column (another name, a join), and where it comes from
    something else than scans of series.
    """
    names = lazy.select(ATTRIBUTE)
    steps = _UNCHANGED.sub("", names.explain())
    if any(change in steps for change in (*_CHANGED, _BY_PYTHON)):
        return None
    try:
        plans = list(_starts(names._ldf.visit()))
    except _NOT_FOLLOWED:
        return None
    if not plans:
        return None
    found: dict[str, None] = {}
    for plan in plans:
        if plan is None or plan.attributes is None:
            return None
        found.update(dict.fromkeys(plan.attributes()))
    return list(found)


def _starts(steps: Any) -> Iterator[ScanPlan | None]:
    """What was planned for each scan that has the column; None for something else that has it."""
    here, inputs = steps.get_node(), steps.get_inputs()
    if not inputs and ATTRIBUTE in steps.get_schema():
        yield _planned(steps.view_current_node())
    for each in inputs:
        steps.set_node(each)
        yield from _starts(steps)
    steps.set_node(here)


def _planned(start: Any) -> ScanPlan | None:
    if type(start).__name__ != "PythonScan":
        return None
    # Polars wraps the function it was given.
    inner = (cell.cell_contents for cell in start.options[0].__closure__)
    return next((each.plan for each in inner if isinstance(each, Reader)), None)
