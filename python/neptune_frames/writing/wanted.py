"""What an export is about: which runs and attributes of a project, and what always comes along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.frames.questions import Containers, run_query
from neptune_frames.query.arguments import resolve_attributes
from neptune_frames.query.attributes import KNOWN_TYPES
from neptune_frames.query.selection import AttributeAlternative, AttributeSelector, ContainerKind
from neptune_frames.schemas import RUNS, TIMESTAMP
from neptune_frames.sources.archive.batch_layout import RUN_ROWS
from neptune_frames.writing.batch import RUN_COLUMNS

if TYPE_CHECKING:
    from neptune_frames.query.attribute_filters import BaseAttributeFilter
    from neptune_frames.query.filters import Filter
    from neptune_frames.sources.base import SearchAnswer, Source

CREATION_TIME = "sys/creation_time"
MODIFICATION_TIME = "sys/modification_time"

#: Without these a run cannot be found, sorted or joined to its ancestors: they come along with any attributes.
ALWAYS = (
    "sys/archived",
    CREATION_TIME,
    "sys/custom_run_id",
    "sys/experiment/is_head",
    "sys/experiment/name",
    "sys/forking/depth",
    "sys/forking/parent",
    "sys/forking/step",
    "sys/id",
    MODIFICATION_TIME,
    "sys/name",
    "sys/trashed",
)


#: What `find_runs` gives: RUNS, and the columns of RUN_ROWS that come from the source.
FOUND_RUNS = pa.schema([*RUNS, *(RUN_ROWS.field(name) for name in RUN_COLUMNS if name not in RUNS.names)])


@dataclass(frozen=True)
class Wanted:
    """Which runs and attributes. ``selection`` is what the archive remembers of it, so that it is not mixed."""

    containers: Containers
    selector: AttributeSelector
    files: bool
    selection: dict[str, str]


@dataclass(frozen=True)
class Plan:
    """The runs found (FOUND_RUNS): all, those to write, and those to bring up to date (None: no update)."""

    found: pa.Table
    new: pa.Table
    changed: pa.Table | None

    @property
    def kept(self) -> int:
        """Runs that are left as they are."""
        changed = 0 if self.changed is None else self.changed.num_rows
        return int(self.found.num_rows - self.new.num_rows - changed)


def wanted(
    *,
    runs: str | list[str] | Filter | None = None,
    experiments: str | list[str] | Filter | None = None,
    attributes: str | list[str] | BaseAttributeFilter | None = None,
    types: Sequence[str] | None = None,
    files: bool = True,
) -> Wanted:
    """What a user asked for, checked. Raises ValueError and the errors of the selectors."""
    if runs is not None and experiments is not None:
        raise ValueError("Give runs or experiments (or neither, for every run), but not both.")
    kind = ContainerKind.RUN if experiments is None else ContainerKind.EXPERIMENT
    containers = Containers.of(runs if experiments is None else experiments, kind, f"{kind.value}s")
    chosen = resolve_attributes(attributes, _checked_types(types), "attributes")
    selection = {"files": "yes" if files else "no"}
    if attributes is not None or types is not None:
        selection["attributes"] = repr(replace(chosen, plain_names=None).alternatives)
    everything = not selection.get("attributes")
    selector = chosen if everything else with_system_attributes(chosen)
    return Wanted(containers, selector, files, selection)


def with_system_attributes(selector: AttributeSelector) -> AttributeSelector:
    """The selector, and the attributes that always come along."""
    return AttributeSelector((*selector.alternatives, AttributeAlternative(KNOWN_TYPES, names=ALWAYS)))


def find_runs(source: Source, project: str, containers: Containers) -> pa.Table:
    """The runs (FOUND_RUNS), by run id.

    A run without a custom run id goes by its ``sys/id``.
    """
    answer = source.search(run_query(source, project, containers), (CREATION_TIME, MODIFICATION_TIME))
    run = pc.coalesce(answer.runs["run_id"], answer.runs["sys_id"])
    columns = {name: answer.runs[name] for name in RUNS.names}
    columns |= {"run": run, "creation_time": _datetimes(answer, CREATION_TIME)}
    columns |= {"modification_time": _datetimes(answer, MODIFICATION_TIME)}
    table = pa.table([columns[name] for name in FOUND_RUNS.names], schema=FOUND_RUNS)
    return table.take(pc.sort_indices(run)).combine_chunks()


def _datetimes(answer: SearchAnswer, attribute: str) -> pa.Array:
    count = answer.runs.num_rows
    found = answer.values.get("datetime")
    if found is None:
        return pa.nulls(count, TIMESTAMP)
    rows = pl.DataFrame(found.select(["run", "attribute", "value"])).filter(
        pl.col("attribute").cast(pl.String) == attribute
    )
    everyone = pl.DataFrame({"run": pl.Series(range(count), dtype=pl.Int32)})
    dense = everyone.join(rows.unique("run", keep="first"), on="run", how="left", maintain_order="left")
    return dense["value"].to_arrow().cast(TIMESTAMP)


def _checked_types(types: Sequence[str] | None) -> tuple[str, ...] | None:
    if types is None:
        return None
    chosen = (types,) if isinstance(types, str) else tuple(types)
    unknown = [each for each in chosen if each not in KNOWN_TYPES]
    if unknown or not chosen:
        raise ValueError(f"types: expected some of {', '.join(KNOWN_TYPES)}, got {list(chosen)!r}")
    return tuple(each for each in KNOWN_TYPES if each in chosen)
