"""One run, field by field: its structure, values and points, each asked for once and kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames import config
from neptune_frames.frames.fetcher_table import python_datetimes
from neptune_frames.frames.pandas_values import import_pandas
from neptune_frames.frames.run_points import FieldPoints, gather_points
from neptune_frames.frames.run_state import active_runs
from neptune_frames.progress import progress_bar
from neptune_frames.query.attributes import FLOAT_SERIES, SYS_ID, SYS_STATE, TYPES_WITHOUT_PLAIN_VALUE, WIRE_NAMES
from neptune_frames.query.expressions import Comparison, Operand
from neptune_frames.query.selection import (
    AttributeAlternative,
    AttributeSelector,
    ContainerKind,
    RunQuery,
    SeriesOptions,
    StepRange,
)
from neptune_frames.sources.base import SeriesKeys

if TYPE_CHECKING:
    import pandas as pd

    from neptune_frames.sources.base import Source

EXPERIMENT_STATE = "experiment_state"


@dataclass(frozen=True)
class _Prefetched:
    """Points of a series, and which part of it they are."""

    points: FieldPoints
    inherited: bool
    step_range: Any


class RunFields:
    """What is known of one run, and how to learn more. Not thread-safe.

    Args:
        source: Who is asked.
        run: RUNS with one row.
    """

    def __init__(self, source: Source, run: pa.Table) -> None:
        self._source = source
        self._run = run
        #: Types and values by field name, as far as they are known; for reading.
        self.types: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self._series: dict[str, _Prefetched] = {}
        self._structure_is_known = False

    @property
    def sys_id(self) -> str:
        return str(self._run["sys_id"][0].as_py())

    def unsupported_types(self, names: Iterable[str] | None = None) -> list[str]:
        """Types without a plain value among those of these fields, or of all that are known."""
        types = self.types.values() if names is None else [self.types[name] for name in names]
        return [name for name in TYPES_WITHOUT_PLAIN_VALUE if name in set(types)]

    def load_structure(self) -> None:
        """Learn names and types of all fields, unless they are known."""
        if self._structure_is_known:
            return
        every = AttributeSelector((AttributeAlternative(tuple(WIRE_NAMES)),))
        project = self._run["project"][0].as_py()
        found = self._source.definitions([project], self._run, every)
        names, types = found["attribute"], found["type"]
        listed: dict[str, str] = {}
        # Of several types that a field has at once, the one with a plain value counts.
        for attribute_type in sorted(types.unique().to_pylist(), key=_has_plain_value):
            of_type = names.filter(pc.equal(types, attribute_type)).to_numpy().tolist()
            listed.update(dict.fromkeys(of_type, attribute_type))
        # What was looked up by name stays known.
        self.types = {**listed, **self.types}
        self._structure_is_known = True

    def names(self) -> list[str]:
        """Names of the fields in alphabetical order, but for those that are longer than allowed."""
        self.load_structure()
        longest = config.LONGEST_FIELD_NAME.get()
        return sorted(name for name in self.types if len(name.encode()) <= longest)

    def type_of(self, name: str) -> str | None:
        """The type of a field; asks for its value if it is not known yet. None if the run does not have it."""
        if name not in self.types:
            self.prefetch([name])
        return self.types.get(name)

    def value(self, name: str) -> Any:
        """The value of a field that the run has; of a series the last one, None if there is none."""
        if name not in self.values:
            self.prefetch([name])
        return self.values.get(name)

    def forget_value(self, name: str) -> None:
        """Have the next `value` ask again. Raises KeyError if there is nothing to forget."""
        del self.values[name]

    def prefetch(self, names: Sequence[str]) -> None:
        """Learn the values of those fields that are not known yet; names the run does not have are passed over."""
        missing = [name for name in dict.fromkeys(names) if name not in self.values]
        if SYS_STATE in missing:
            missing.remove(SYS_STATE)
            self.types[SYS_STATE], self.values[SYS_STATE] = EXPERIMENT_STATE, self._state()
        if not missing:
            return
        selector = AttributeSelector((AttributeAlternative(tuple(WIRE_NAMES), names=tuple(missing)),))
        answer = sorted(self._source.values(self._run, selector), key=lambda part: _has_plain_value(part[0]))
        for attribute_type, batch in answer:
            found = batch.column("attribute").dictionary_decode().to_numpy(zero_copy_only=False).tolist()
            self.types.update(dict.fromkeys(found, attribute_type))
            self.values.update(zip(found, _python_values(attribute_type, batch.column("value")), strict=True))

    def prefetch_series(
        self, names: Sequence[str], *, inherited: bool, step_range: StepRange, show_progress: bool
    ) -> None:
        """Learn the last values and the points of those fields that are float series; others are passed over."""
        self.prefetch(names)
        series = [name for name in dict.fromkeys(names) if self.types.get(name) == FLOAT_SERIES]
        options = _options(inherited, step_range, time=True, previews=True)
        with progress_bar(len(series), "metrics", title="Fetching metrics", enabled=show_progress) as bar:
            found = [FieldPoints() for _ in series]
            for begun in self._points(series, options, found):
                bar.advance(begun)
            self._series.update(
                (name, _Prefetched(points, inherited, step_range)) for name, points in zip(series, found, strict=True)
            )

    def series_frame(
        self, name: str, *, timestamp: bool, inherited: bool, step_range: StepRange, previews: bool
    ) -> pd.DataFrame:
        """The points of a float series: those prefetched if they are the same part of it, else asked for anew."""
        import_pandas()  # or say that it is missing, before anything is asked
        kept = self._series.get(name)
        if kept is not None and kept.inherited == inherited and kept.step_range == step_range:
            points = kept.points
        else:
            points = FieldPoints()
            options = _options(inherited, step_range, time=timestamp, previews=previews)
            for _ in self._points([name], options, [points]):
                pass
        return points.to_pandas(timestamp=timestamp, previews=previews)

    def _points(self, names: list[str], options: SeriesOptions, found: list[FieldPoints]) -> Iterator[int]:
        if not names:
            return
        keys = SeriesKeys(self._run, pa.array(names, pa.string()))
        yield from gather_points(self._source.float_points(keys, options), found)

    def _state(self) -> str:
        condition = Comparison(Operand(SYS_ID, "string"), "==", self.sys_id)
        query = RunQuery(self._run["project"][0].as_py(), ContainerKind.RUN, condition, limit=1)
        return "active" if active_runs(self._source, query, self._run)[0] else "inactive"


def _options(inherited: bool, step_range: StepRange, *, time: bool, previews: bool) -> SeriesOptions:
    return SeriesOptions(
        kind=ContainerKind.RUN,
        step_range=(step_range[0], step_range[1]),
        lineage=bool(inherited),
        include_time=time,
        include_previews=previews,
    )


def _has_plain_value(attribute_type: str) -> bool:
    return attribute_type not in TYPES_WITHOUT_PLAIN_VALUE


def _python_values(attribute_type: str, values: pa.Array) -> list[Any]:
    """The values of one type as Python objects; None for a type without a plain value."""
    if not _has_plain_value(attribute_type):
        return [None] * len(values)
    if attribute_type == "string_set":
        return [set(elements) for elements in values.to_pylist()]
    if attribute_type == "datetime":
        return list(python_datetimes(values))
    if values.null_count:
        return values.to_pylist()  # type: ignore[no-any-return]
    # Ten times as fast as one Arrow scalar after the other.
    return values.to_numpy(zero_copy_only=False).tolist()  # type: ignore[no-any-return]
