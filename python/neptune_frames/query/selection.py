"""What is asked, as plain values: which runs, which attributes, which part of their series.

Faces build these from user arguments; sources answer them. Nothing here does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from neptune_frames.query.attributes import SYS_CREATION_TIME, SYS_CUSTOM_RUN_ID, SYS_NAME

if TYPE_CHECKING:
    from neptune_frames.query.expressions import Expression

#: First and last step, both inclusive; None is open.
StepRange: TypeAlias = tuple[float | None, float | None]


class ContainerKind(str, Enum):
    """What a row of a result stands for."""

    EXPERIMENT = "experiment"
    RUN = "run"

    @property
    def plural(self) -> str:
        """``experiments`` or ``runs``, as parameters that choose them are called too."""
        return f"{self.value}s"

    @property
    def label_attribute(self) -> str:
        """The attribute whose text labels the rows."""
        return SYS_NAME if self is ContainerKind.EXPERIMENT else SYS_CUSTOM_RUN_ID

    @property
    def label_column(self) -> str:
        """The column of the RUNS schema that holds the label."""
        return "experiment" if self is ContainerKind.EXPERIMENT else "run_id"


@dataclass(frozen=True)
class SortKey:
    """Order of a search: an attribute with its type; rows that lack it come last."""

    attribute: str = SYS_CREATION_TIME
    type: str = "datetime"
    descending: bool = True
    aggregation: str | None = None


@dataclass(frozen=True)
class RunQuery:
    """Which runs: experiment heads or all runs of a project that satisfy a filter.

    ``project`` is ``workspace/name``, or None for every project (global search).
    ``filter`` None selects everything. ``limit`` None means all, 0 none.
    """

    project: str | None
    kind: ContainerKind
    filter: Expression | None = None
    sort: SortKey = field(default_factory=SortKey)
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True)
class RunNeeds:
    """What of the answer to a `RunQuery` will be used: a source may spare itself the rest.

    ``identity`` are the columns of RUNS that are needed, others may be null. Without ``statistics``, values of float
    series may lack what they have beside the last value.
    """

    identity: tuple[str, ...] = ("sys_id", "run_id", "experiment")
    statistics: bool = True


#: Whatever the answer can hold.
ALL_NEEDED = RunNeeds()


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

    @property
    def selects_nothing(self) -> bool:
        """Whether it is certain, without asking, that no attribute is selected."""
        return all(each.names == () or each.patterns == () or not each.types for each in self.alternatives)


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
    step_range: StepRange = (None, None)
    tail_limit: int | None = None
    lineage: bool = True
    include_time: bool = False
    include_previews: bool = False
    head_limit: int | None = None
    time_range: tuple[int | None, int | None] = (None, None)
    include_values: bool = True
