"""What is asked, as plain values: which runs, which attributes, which part of their series.

Faces build these from user arguments; sources answer them. Nothing here does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neptune_frames.query.expressions import Expression


class ContainerKind(str, Enum):
    """What a row of a result stands for."""

    EXPERIMENT = "experiment"
    RUN = "run"

    @property
    def label_attribute(self) -> str:
        """The attribute whose text labels the rows."""
        return "sys/name" if self is ContainerKind.EXPERIMENT else "sys/custom_run_id"

    @property
    def label_column(self) -> str:
        """The column of the RUNS schema that holds the label."""
        return "experiment" if self is ContainerKind.EXPERIMENT else "run_id"


@dataclass(frozen=True)
class SortKey:
    """Order of a search: an attribute with its type; rows that lack it come last."""

    attribute: str = "sys/creation_time"
    type: str = "datetime"
    descending: bool = True
    aggregation: str | None = None


@dataclass(frozen=True)
class RunQuery:
    """Which runs: experiment heads or all runs of a project that satisfy a filter.

    ``project`` is ``workspace/name``, or None for every project (global search).
    ``filter`` None selects everything. ``limit`` None means all, 0 none. ``identity`` are the columns of RUNS
    that are needed: a source may leave the others null, which spares asking for them. Without ``statistics`` it
    may leave out what float series have beside their last value.
    """

    project: str | None
    kind: ContainerKind
    filter: Expression | None = None
    sort: SortKey = field(default_factory=SortKey)
    limit: int | None = None
    offset: int = 0
    identity: tuple[str, ...] = ("sys_id", "run_id", "experiment")
    statistics: bool = True


@dataclass(frozen=True)
class NamePattern:
    """A conjunction of RE2 searches on an attribute name: all of one kind, none of the other."""

    must_match: tuple[str, ...] = ()
    must_not_match: tuple[str, ...] = ()

    def and_also(self, other: NamePattern) -> NamePattern:
        """The pattern of names that satisfy both."""
        return NamePattern((*self.must_match, *other.must_match), (*self.must_not_match, *other.must_not_match))


ANY_NAME = NamePattern()


@dataclass(frozen=True)
class AttributeAlternative:
    """Attributes chosen by exact name or by pattern, narrowed to types.

    ``names`` None and ``patterns`` None select every name; ``patterns`` is a disjunction, so an empty
    tuple selects nothing. ``types`` are client type names.
    """

    types: tuple[str, ...]
    names: tuple[str, ...] | None = None
    patterns: tuple[NamePattern, ...] | None = None


@dataclass(frozen=True)
class AttributeSelector:
    """The union of its alternatives; none selects nothing.

    ``plain_names`` is set when the user gave a bare list of names: such a selector may be answered
    without looking up definitions first.
    """

    alternatives: tuple[AttributeAlternative, ...]
    plain_names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class SeriesOptions:
    """Which part of each series, and which columns of its points.

    Steps are inclusive at both ends, None is open. ``tail_limit`` keeps the last n points of each
    series after the range and the lineage were applied. ``lineage`` False means own points only
    (for experiments: points of the runs that carry the experiment's name). ``head_limit`` says that
    only the first n points of each series are needed; a source may give more of them.

    ``time_range`` says that only points of these times are needed (milliseconds since 1970, inclusive, None is open;
    where a bound is set, none without a time), and ``include_values`` whether their values are: a source may give
    others, and values, all the same. A time range does not change which points the rest selects.
    """

    kind: ContainerKind = ContainerKind.RUN
    step_range: tuple[float | None, float | None] = (None, None)
    tail_limit: int | None = None
    lineage: bool = True
    include_time: bool = False
    include_previews: bool = False
    head_limit: int | None = None
    time_range: tuple[int | None, int | None] = (None, None)
    include_values: bool = True
