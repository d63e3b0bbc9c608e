"""What the conditions of a query make of a question: fewer runs, fewer attributes, fewer steps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import polars as pl
import pyarrow as pa

from neptune_frames.frames.lazy_predicates import ColumnConditions, Predicate
from neptune_frames.frames.questions import Containers, MetricsQuestion, Narrowing
from neptune_frames.query.expressions import And, Expression, Operand
from neptune_frames.query.rendering import render, shortened
from neptune_frames.query.selection import AttributeSelector, ContainerKind
from neptune_frames.query.selectors import narrowed
from neptune_frames.query.terms import MOST_ALTERNATIVES

#: The attribute in each column that identifies a run.
IDENTITIES = {
    "run": Operand(ContainerKind.RUN.label_attribute, "string"),
    "experiment": Operand(ContainerKind.EXPERIMENT.label_attribute, "string"),
    "sys_id": Operand("sys/id", "string"),
}


def label_operand(kind: ContainerKind) -> Mapping[str, Operand]:
    """The column of labels and the attribute in it."""
    return {kind.value: IDENTITIES[kind.value]}


def conjunction(one: Expression | None, other: Expression | None) -> Expression | None:
    """A filter that asks for both; None asks for nothing."""
    if one is None or other is None:
        return one or other
    return And((one, other))


def narrowed_containers(containers: Containers, predicate: Predicate) -> tuple[Containers, list[str]]:
    """The runs that conditions on their labels leave, as far as a source can be asked, and that in words."""
    kind = containers.kind
    also = predicate.run_filter(label_operand(kind))
    if also is None:
        return containers, containers.describe()
    labels, names = predicate.equal_texts(kind.value), containers.names
    if names is not None and labels is not None:
        names = tuple(name for name in names if name in labels)
    narrower = replace(containers, filter=conjunction(containers.filter, also), names=names)
    return narrower, [*containers.describe(), describe_filter(also)]


def narrowed_attributes(selector: AttributeSelector, predicate: Predicate) -> tuple[AttributeSelector, list[str]]:
    """The attributes that conditions on their names leave, as far as a source can be asked, and that in words."""
    names, patterns = predicate.equal_texts("attribute"), predicate.patterns("attribute")
    words = [] if names is None else [f"attributes {shortened(', '.join(map(repr, sorted(names)))) or 'none'}"]
    words += [f"attributes matching {shortened(pattern)!r}" for pattern in patterns]
    if names is not None and len(names) > MOST_ALTERNATIVES:
        names = None
    if names is None and not patterns:
        return selector, words
    return narrowed(selector, names, patterns), words


def of_types(selector: AttributeSelector, types: Collection[str]) -> AttributeSelector:
    """What the selector selects of some types."""
    alternatives = tuple(
        replace(each, types=tuple(kind for kind in each.types if kind in types)) for each in selector.alternatives
    )
    return replace(selector, alternatives=tuple(each for each in alternatives if each.types))


def describe_filter(expression: Expression) -> str:
    """A filter that travels with the search, in words."""
    return f"runs where {shortened(render(expression))}"


def selects_nothing(question: MetricsQuestion) -> bool:
    """Whether it is certain, without asking, that no point is selected."""
    start, end = question.options.step_range
    if start is not None and end is not None and start > end:
        return True
    return no_names(question.containers, question.attributes)


def no_names(containers: Containers, selector: AttributeSelector) -> bool:
    """Whether it is certain, without asking, that no run or no attribute is selected."""
    return containers.names == () or all(
        each.names == () or each.patterns == () or not each.types for each in selector.alternatives
    )


class NeededNames(Narrowing):
    """The runs and attributes that some row satisfying the predicate may have.

    Args:
        kind: What labels the rows.
        predicate: The condition on the rows.
        attributes: Whether attributes are narrowed too.
    """

    def __init__(self, kind: ContainerKind, predicate: Predicate, *, attributes: bool = True) -> None:
        self._kind = kind
        self._of_runs = predicate.about(("project", kind.value))
        self._of_attributes = predicate.about(("attribute",)) if attributes else ColumnConditions()
        #: What nothing else was made of, in words.
        self.words = tuple(
            f"names where {shortened(str(part))}" for part in (*self._of_runs.unsaid, *self._of_attributes.unsaid)
        )

    def runs(self, runs: pa.Table) -> pa.Table:
        names = {"project": "project", self._kind.value: self._kind.label_column}
        candidates = pl.DataFrame([_texts(name, runs.column(column)) for name, column in names.items()])
        return runs.take(_kept(self._of_runs, candidates)) if runs.num_rows else runs

    def attributes(self, names: pa.Array) -> pa.Array:
        return names.take(_kept(self._of_attributes, pl.DataFrame([_texts("attribute", names)])))


def _kept(conditions: ColumnConditions, candidates: pl.DataFrame) -> pa.Array:
    kept = conditions.keep(candidates.with_row_index("place of the candidate"))
    return pa.array(kept["place of the candidate"].to_numpy())


def _texts(name: str, values: pa.Array | pa.ChunkedArray) -> pl.Series:
    return pl.Series(name, values, dtype=pl.String)


def growing_parts(count: int) -> Iterator[tuple[int, int]]:
    """Bounds of parts of growing size: to read the first rows only, without many questions for many rows.

    Example:
        >>> list(growing_parts(30))
        [(0, 1), (1, 5), (5, 21), (21, 30)]
    """
    start, size = 0, 1
    while start < count:
        yield start, min(start + size, count)
        start, size = start + size, 4 * size
