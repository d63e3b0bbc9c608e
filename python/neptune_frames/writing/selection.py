"""What an export is about: which runs and attributes of a project, and what always comes along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.frames.questions import Containers, run_query
from neptune_frames.query.arguments import resolve_attributes
from neptune_frames.query.attributes import KNOWN_TYPES
from neptune_frames.query.selection import AttributeAlternative, AttributeSelector, ContainerKind
from neptune_frames.query.selectors import match_names
from neptune_frames.schemas import RUNS, VALUE_TYPES
from neptune_frames.sources.archive.batch_layout import RUN_ROWS, recorded_files
from neptune_frames.writing.batch import RUN_COLUMNS, Batch

if TYPE_CHECKING:
    from neptune_frames.query.attribute_filters import BaseAttributeFilter
    from neptune_frames.query.filters import Filter
    from neptune_frames.sources.base import SearchAnswer, Source

CREATION_TIME = "sys/creation_time"
MODIFICATION_TIME = "sys/modification_time"
PARENT = "sys/forking/parent"

#: Without these a run cannot be found, sorted or joined to its ancestors: they come along with any attributes.
ALWAYS = (
    "sys/archived",
    CREATION_TIME,
    "sys/custom_run_id",
    "sys/experiment/is_head",
    "sys/experiment/name",
    "sys/forking/depth",
    PARENT,
    "sys/forking/step",
    "sys/id",
    MODIFICATION_TIME,
    "sys/name",
    "sys/trashed",
)


#: What `find_runs` gives: RUNS, the columns of RUN_ROWS that come from the source, and the parent of a fork.
FOUND_RUNS = pa.schema(
    [
        *RUNS,
        *(RUN_ROWS.field(name) for name in RUN_COLUMNS if name not in RUNS.names),
        pa.field("parent", pa.string()),
    ]
)


@dataclass(frozen=True)
class ExportSelection:
    """Which runs and attributes. ``recorded`` is what manifests say of it, so that selections are not mixed."""

    containers: Containers
    selector: AttributeSelector
    files: bool
    recorded: dict[str, str]
    #: The attributes asked for, without those that always come along; None for all.
    chosen: AttributeSelector | None = None

    def is_met(self, batch: Batch) -> bool:
        """Whether a batch holds any attribute that was asked for, beside those that always come along."""
        if self.chosen is None or not pc.all(pc.is_in(batch.names, value_set=pa.array(ALWAYS))).as_py():
            return True
        for kind in batch.values:
            names = batch.names.take(pa.array(np.unique(batch.values_of(kind)[1])))
            if match_names(self.chosen, names, pa.repeat(kind, len(names))).any():
                return True
        return False


@dataclass(frozen=True)
class ExportPlan:
    """The runs found (FOUND_RUNS): all, those to write, and those to bring up to date (None: no update).

    ``missing`` are parents of forks that are neither among the runs found nor in the archive.
    """

    found: pa.Table
    new: pa.Table
    changed: pa.Table | None
    missing: Sequence[str] = ()

    @property
    def kept(self) -> int:
        """Runs that are left as they are."""
        changed = 0 if self.changed is None else self.changed.num_rows
        return int(self.found.num_rows - self.new.num_rows - changed)


def export_selection(
    *,
    runs: str | list[str] | Filter | None = None,
    experiments: str | list[str] | Filter | None = None,
    attributes: str | list[str] | BaseAttributeFilter | None = None,
    types: Sequence[str] | None = None,
    files: bool = True,
) -> ExportSelection:
    """What a user asked for, checked. Raises ValueError and the errors of the selectors."""
    if runs is not None and experiments is not None:
        raise ValueError("Give runs or experiments (or neither, for every run), but not both.")
    kind = ContainerKind.RUN if experiments is None else ContainerKind.EXPERIMENT
    containers = Containers.of(runs if experiments is None else experiments, kind, kind.plural)
    chosen = resolve_attributes(attributes, _checked_types(types), "attributes")
    recorded = recorded_files(files)
    if attributes is not None or types is not None:
        recorded["attributes"] = repr(replace(chosen, plain_names=None).alternatives)
    if not recorded.get("attributes"):
        return ExportSelection(containers, chosen, files, recorded)
    return ExportSelection(containers, with_system_attributes(chosen), files, recorded, chosen)


def with_system_attributes(selector: AttributeSelector) -> AttributeSelector:
    """The selector, and the attributes that always come along."""
    return AttributeSelector((*selector.alternatives, AttributeAlternative(KNOWN_TYPES, names=ALWAYS)))


def find_runs(source: Source, project: str, containers: Containers) -> pa.Table:
    """The runs (FOUND_RUNS), by run id.

    A run without a custom run id goes by its ``sys/id``.
    """
    answer = source.search(run_query(source, project, containers), (CREATION_TIME, MODIFICATION_TIME, PARENT))
    run = pc.coalesce(answer.runs["run_id"], answer.runs["sys_id"])
    columns = {name: answer.runs[name] for name in RUNS.names}
    columns |= {"run": run, "creation_time": _dense(answer, CREATION_TIME, "datetime")}
    columns |= {"modification_time": _dense(answer, MODIFICATION_TIME, "datetime")}
    columns |= {"parent": _dense(answer, PARENT, "string")}
    table = pa.table([columns[name] for name in FOUND_RUNS.names], schema=FOUND_RUNS)
    return table.take(pc.sort_indices(run)).combine_chunks()


def missing_parents(found: pa.Table) -> list[str]:
    """Parents of forks that are not among the runs found themselves, by run id or ``sys/id``."""
    parents = pl.Series(found["parent"]).drop_nulls().unique().sort()
    known = pl.concat([pl.Series(found[name], dtype=pl.String) for name in ("run", "sys_id")]).drop_nulls()
    return parents.filter(~parents.is_in(known.implode())).to_list()


def _dense(answer: SearchAnswer, attribute: str, kind: str) -> pa.Array:
    """The values of one attribute, one for each run."""
    count, target = answer.runs.num_rows, VALUE_TYPES[kind]
    found = answer.values.get(kind)
    if found is None:
        return pa.nulls(count, target)
    rows = pl.DataFrame(found.select(["run", "attribute", "value"])).filter(
        pl.col("attribute").cast(pl.String) == attribute
    )
    everyone = pl.DataFrame({"run": pl.Series(range(count), dtype=pl.Int32)})
    dense = everyone.join(rows.unique("run", keep="first"), on="run", how="left", maintain_order="left")
    return dense["value"].to_arrow().cast(target)


def _checked_types(types: Sequence[str] | None) -> tuple[str, ...] | None:
    if types is None:
        return None
    chosen = (types,) if isinstance(types, str) else tuple(types)
    unknown = [each for each in chosen if each not in KNOWN_TYPES]
    if unknown or not chosen:
        raise ValueError(f"types: expected some of {', '.join(KNOWN_TYPES)}, got {list(chosen)!r}")
    return tuple(each for each in KNOWN_TYPES if each in chosen)
