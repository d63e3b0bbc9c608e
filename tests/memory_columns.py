"""Attribute values in memory, as `neptune_frames.query.evaluation.Columns`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from neptune_frames.schemas import VALUE_TYPES

#: Attributes of one run: (name, client type) -> value; of a float series, its list of points.
Run = Mapping[tuple[str, str], Any]


class MemoryColumns:
    def __init__(self, runs: Sequence[Run], *, dictionaries: bool = False) -> None:
        self.runs = runs
        self.dictionaries = dictionaries
        self.asked: list[tuple[str, str, str | None]] = []

    @property
    def run_count(self) -> int:
        return len(self.runs)

    def types_of(self, name: str) -> tuple[str, ...]:
        return tuple(sorted({each_type for run in self.runs for each, each_type in run if each == name}))

    def column(self, name: str, type: str, aggregation: str | None) -> tuple[npt.NDArray[np.int32], pa.Array]:
        self.asked.append((name, type, aggregation))
        positions = [position for position, run in enumerate(self.runs) if (name, type) in run]
        values = [aggregate(self.runs[position][name, type], type, aggregation) for position in positions]
        array = pa.array(values, VALUE_TYPES[type])
        if self.dictionaries and type == "string":
            array = array.dictionary_encode()
        return np.array(positions, dtype=np.int32), array


def aggregate(value: Any, type: str, aggregation: str | None) -> Any:
    if type not in ("float_series", "string_series") or value is None:
        return value
    if aggregation in (None, "last"):
        return value[-1]
    points = np.array(value)[~np.isnan(value)]
    if not len(points):
        return None
    return float({"min": np.min, "max": np.max, "average": np.mean, "variance": np.var}[aggregation](points))
