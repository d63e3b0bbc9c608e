"""A source that holds a few runs in memory and counts what it is asked: for tests of everything above sources."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from neptune_frames.query.attributes import SYSTEM_ATTRIBUTE_TYPES
from neptune_frames.query.expressions import And, Comparison, Exists, Expression, Matches, Not, Or
from neptune_frames.query.selection import (
    ALL_NEEDED,
    AttributeSelector,
    ContainerKind,
    RunNeeds,
    RunQuery,
    SeriesOptions,
)
from neptune_frames.schemas import (
    ATTRIBUTES,
    BUCKETS,
    OBJECT_POINT,
    RUNS,
    float_point,
    series_points_schema,
    values_schema,
)
from neptune_frames.sources.base import FileRequest, SearchAnswer, SeriesKeys

#: A float point: (step, value), or with (timestamp in ms or None, is_preview, completion) behind.
Point = tuple[Any, ...]


@dataclass
class MemoryRun:
    """One run: ``values`` are (type, value) by name, ``series`` float points, ``objects`` OBJECT_POINT rows."""

    run_id: str
    experiment: str | None = None
    values: dict[str, tuple[str, Any]] = field(default_factory=dict)
    series: dict[str, list[Point]] = field(default_factory=dict)
    objects: dict[str, tuple[str, list[dict[str, Any]]]] = field(default_factory=dict)
    is_head: bool = True

    def types(self) -> dict[str, str]:
        """Client type of each attribute, system attributes that label the run included."""
        types = {"sys/id": "string", "sys/custom_run_id": "string"}
        if self.experiment is not None:
            types["sys/name"] = "string"
        types.update({name: kind for name, (kind, _) in self.values.items()})
        types.update(dict.fromkeys(self.series, "float_series"))
        types.update({name: kind for name, (kind, _) in self.objects.items()})
        return types

    def text(self, name: str, sys_id: str) -> str | None:
        """The value a filter compares, as text."""
        known = {"sys/id": sys_id, "sys/custom_run_id": self.run_id, "sys/name": self.experiment}
        if name in known:
            return known[name]
        if name in self.series:
            return str(self.series[name][-1][1])
        return str(self.values[name][1]) if name in self.values else None


class MemorySource:
    """A `neptune_frames.sources.base.Source`. ``calls`` lists (method, what was asked) in order.

    Points of one answer come in batches of at most ``batch_series`` series, and each series in pieces
    of at most ``piece_points`` points.
    """

    def __init__(
        self,
        runs: Sequence[MemoryRun],
        project: str = "ws/proj",
        batch_series: int = 1000,
        piece_points: int = 1_000_000,
    ) -> None:
        self.runs = list(runs)
        self.project = project
        self.batch_series = batch_series
        self.piece_points = piece_points
        self.calls: list[tuple[str, Any]] = []

    def __str__(self) -> str:
        return "memory"

    def called(self, method: str) -> list[Any]:
        """What one method was asked."""
        return [what for name, what in self.calls if name == method]

    def project_name(self, identifier: str) -> str:
        return identifier

    def search(self, query: RunQuery, projection: Sequence[str] = (), needs: RunNeeds = ALL_NEEDED) -> SearchAnswer:
        self.calls.append(("search", query))
        found = [
            place
            for place, run in enumerate(self.runs)
            if (query.kind is ContainerKind.RUN or (run.is_head and run.experiment is not None))
            and (query.filter is None or _holds(query.filter, run, _sys_id(place)))
        ]
        found = found[query.offset :][: query.limit]
        values = self._values(found, lambda name, _: name in set(projection)) if projection else {}
        return SearchAnswer(self._runs_table(found), values, len(found))

    def definitions(self, projects: Sequence[str], runs: pa.Table | None, selector: AttributeSelector) -> pa.Table:
        self.calls.append(("definitions", selector))
        chosen = self.runs if runs is None else [self.runs[place] for place in self._places(runs)]
        pairs = sorted({pair for run in chosen for pair in run.types().items() if selects(selector, *pair)})
        return pa.table(list(map(list, zip(*pairs, strict=True))) or [[], []], schema=ATTRIBUTES)

    def values(self, runs: pa.Table, selector: AttributeSelector) -> Iterator[tuple[str, pa.RecordBatch]]:
        self.calls.append(("values", selector))
        found = self._values(self._places(runs), lambda name, kind: selects(selector, name, kind))
        for kind, table in found.items():
            for batch in table.to_batches():
                yield kind, batch

    def resolve_custom_ids(self, project: str, run_ids: Sequence[str]) -> pa.Table:
        self.calls.append(("resolve_custom_ids", tuple(run_ids)))
        rows = [{"project": project, "run_id": run_id} for run_id in dict.fromkeys(run_ids)]
        return pa.Table.from_pylist(rows, schema=RUNS)

    def float_points(self, keys: SeriesKeys, options: SeriesOptions) -> Iterator[pa.RecordBatch]:
        self.calls.append(("float_points", (keys, options)))
        point = float_point(time=options.include_time, preview=options.include_previews)

        def points_of(run: MemoryRun, name: str) -> list[dict[str, Any]]:
            return [
                dict(zip(("step", "value", "timestamp", "is_preview", "preview_completion"), _full(each), strict=True))
                for each in run.series.get(name, ())
                if options.include_previews or not _full(each)[3]
            ]

        yield from self._series(keys, options, point, points_of)

    def object_points(self, keys: SeriesKeys, options: SeriesOptions) -> Iterator[pa.RecordBatch]:
        self.calls.append(("object_points", (keys, options)))
        yield from self._series(keys, options, OBJECT_POINT, lambda run, name: list(run.objects.get(name, ("", []))[1]))

    def buckets(self, keys: SeriesKeys, options: SeriesOptions, limit: int, *, statistics: bool = True) -> pa.Table:
        self.calls.append(("buckets", (keys, options, limit)))
        return BUCKETS.empty_table()

    def fetch_files(self, files: Sequence[FileRequest], *, progress: bool = True) -> list[bool]:
        self.calls.append(("fetch_files", list(files)))
        return [False] * len(files)

    def projects(self) -> pa.Table:
        return pa.table({"project": [self.project]})

    def close(self) -> None:
        self.calls.append(("close", None))

    # --- how it answers

    def _runs_table(self, places: Iterable[int]) -> pa.Table:
        rows = [
            {
                "project": self.project,
                "sys_id": _sys_id(place),
                "run_id": self.runs[place].run_id,
                "experiment": self.runs[place].experiment,
            }
            for place in places
        ]
        return pa.Table.from_pylist(rows, schema=RUNS)

    def _places(self, runs: pa.Table) -> list[int]:
        """Places of the runs of a table; -1 for one that is not there."""
        by_id = {run.run_id: place for place, run in enumerate(self.runs)}
        return [by_id.get(run_id, -1) for run_id in runs.column("run_id").to_pylist()]

    def _values(self, places: Sequence[int], chosen: Callable[[str, str], bool]) -> dict[str, pa.Table]:
        rows: dict[str, list[dict[str, Any]]] = {}
        for position, place in enumerate(places):
            run = self.runs[place]
            system = {name: ("string", run.text(name, _sys_id(place))) for name in run.types() if name[:4] == "sys/"}
            for name, (kind, value) in {**system, **run.values}.items():
                if chosen(name, kind):
                    rows.setdefault(kind, []).append({"run": position, "attribute": name, "value": value})
            for name, points in run.series.items():
                if chosen(name, "float_series") and points:
                    last = {"value": points[-1][1], "last_step": points[-1][0]}
                    rows.setdefault("float_series", []).append({"run": position, "attribute": name, **last})
        return {kind: pa.Table.from_pylist(found, schema=values_schema(kind)) for kind, found in rows.items()}

    def _series(
        self,
        keys: SeriesKeys,
        options: SeriesOptions,
        point: pa.StructType,
        points_of: Callable[[MemoryRun, str], list[dict[str, Any]]],
    ) -> Iterator[pa.RecordBatch]:
        places, names = self._places(keys.runs), keys.attributes.to_pylist()
        start, end = options.step_range
        low, high = -np.inf if start is None else start, np.inf if end is None else end
        rows: list[dict[str, Any]] = []
        schema = series_points_schema(point)
        fields = [each.name for each in point]
        for count, (run, attribute) in enumerate(zip(*map(np.ndarray.tolist, keys.positions()), strict=True)):
            if count and count % self.batch_series == 0:
                yield pa.RecordBatch.from_pylist(rows, schema=schema)
                rows = []
            if places[run] < 0:
                continue
            points = points_of(self.runs[places[run]], names[attribute])
            points = [each for each in points if not (each["step"] < low or each["step"] > high)]
            points = points[-options.tail_limit :] if options.tail_limit else points
            points = [{name: each.get(name) for name in fields} for each in points]
            for first in range(0, len(points), self.piece_points):
                piece = points[first : first + self.piece_points]
                rows.append({"run": run, "attribute": attribute, "points": piece})
        yield pa.RecordBatch.from_pylist(rows, schema=schema)


def selects(selector: AttributeSelector, name: str, kind: str) -> bool:
    """Whether a selector selects an attribute (with Python's `re` in place of RE2)."""
    for alternative in selector.alternatives:
        if kind not in alternative.types:
            continue
        if alternative.names is not None and name not in alternative.names:
            continue
        if alternative.patterns is not None and not any(
            all(re.search(text, name) for text in pattern.must_match)
            and not any(re.search(text, name) for text in pattern.must_not_match)
            for pattern in alternative.patterns
        ):
            continue
        return True
    return False


def _holds(expression: Expression, run: MemoryRun, sys_id: str) -> bool:
    if isinstance(expression, And):
        return all(_holds(each, run, sys_id) for each in expression.operands)
    if isinstance(expression, Or):
        return any(_holds(each, run, sys_id) for each in expression.operands)
    if isinstance(expression, Not):
        return not _holds(expression.operand, run, sys_id)
    text = run.text(expression.operand.name, sys_id)
    if isinstance(expression, Exists):
        return (text is not None) != expression.negated
    if isinstance(expression, Matches):
        return (text is not None and re.search(expression.pattern, text) is not None) != expression.negated
    if isinstance(expression, Comparison) and text is not None:
        left: Any = text
        right: Any = expression.literal
        kind = expression.operand.type or SYSTEM_ATTRIBUTE_TYPES.get(expression.operand.name, "string")
        if kind in ("int", "float", "float_series"):
            left, right = float(left), float(right)
        return bool(
            {"==": left == right, "!=": left != right, "<": left < right, "<=": left <= right}.get(
                expression.operator, left > right if expression.operator == ">" else left >= right
            )
        )
    return False


def _full(point: Point) -> Point:
    defaults = (None, None, 1_700_000_000_000, False, 1.0)
    return (*point, *defaults[len(point) :])


def _sys_id(place: int) -> str:
    return f"RUN-{place + 1}"
