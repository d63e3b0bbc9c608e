"""Which runs satisfy an expression: boolean masks over columns of attribute values.

Logic has two values. A clause about an attribute that a run lacks is false, and every negation, ``!=``
included, is the complement over all runs. No step works run by run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neptune_frames.query.checks import Reading, operand_type, operator_of, readings
from neptune_frames.query.expressions import And, Clause, Comparison, Exists, Expression, Not, Operand, Or
from neptune_frames.query.literals import STATES
from neptune_frames.query.masks import Mask, has_element, is_one_of, matches, where
from neptune_frames.query.traversal import clauses
from neptune_frames.schemas import TIMESTAMP

if TYPE_CHECKING:
    import numpy.typing as npt


class Columns(Protocol):
    """Attribute values of a fixed list of runs, numbered from 0."""

    @property
    def run_count(self) -> int:
        """The number of runs."""
        ...

    def types_of(self, name: str) -> tuple[str, ...]:
        """The client types under which any run has the attribute; empty if none has it."""
        ...

    def column(self, name: str, type: str, aggregation: str | None) -> tuple[npt.NDArray[np.int32], pa.Array]:
        """The runs that have the attribute with this type, and their values; any order, no run twice.

        Values have the Arrow type of ``schemas.VALUE_TYPES[type]`` (or a dictionary of it) and may be
        null where there is an attribute without a value. ``aggregation`` is None or "last" for the value
        itself (of a series: its last), or one of the statistics of a float series. Empty arrays if no
        run has the attribute.
        """
        ...


def check(expression: Expression, now: datetime) -> None:
    """Raise the QuerySyntaxError that `evaluate` would raise, without any data."""
    for clause in clauses(expression):
        readings(clause, now)


def evaluate(expression: Expression | None, columns: Columns, now: datetime) -> Mask:
    """A mask over all runs: True where the expression holds. None holds everywhere.

    Args:
        expression: What to test.
        columns: The values to test it on.
        now: The time from which relative times count, with its zone.

    Raises:
        QuerySyntaxError: an operator, literal or pattern is not defined for its attribute's type; raised
            before anything is tested, whatever the data.
    """
    if expression is None:
        return np.ones(columns.run_count, dtype=bool)
    check(expression, now)
    return _Evaluation(columns, now).mask(expression)


@dataclass
class _Group:
    """An AND or OR (or the single operand of a NOT) that is being folded into one mask."""

    node: And | Or | Not
    members: Iterator[Expression | _OneOf]
    folded: Mask | None = None

    def fold(self, mask: Mask) -> None:
        """Take in a member's mask, which becomes the group's own."""
        if isinstance(self.node, Not):
            np.logical_not(mask, out=mask)
        if self.folded is None:
            self.folded = mask
        elif isinstance(self.node, And):
            self.folded &= mask
        else:
            self.folded |= mask


@dataclass(frozen=True)
class _OneOf:
    """``operand == literal`` for one of many literals, tested in one pass over the values."""

    operand: Operand
    literals: tuple[str, ...]
    negated: bool


@dataclass
class _Evaluation:
    columns: Columns
    now: datetime
    cache: dict[tuple[str, str, str | None], tuple[npt.NDArray[np.int32], pa.Array]] = field(default_factory=dict)

    def mask(self, expression: Expression) -> Mask:
        """Fold the tree with an explicit stack; at most one mask per level is alive."""
        open_groups: list[_Group] = []
        current: Expression | _OneOf = expression
        while True:
            if isinstance(current, (And, Or, Not)):
                group = _Group(current, _members(current))
                open_groups.append(group)
            else:
                mask = self._one_of(current) if isinstance(current, _OneOf) else self._clause(current)
                if not open_groups:
                    return mask
                open_groups[-1].fold(mask)
            while (following := next(open_groups[-1].members, None)) is None:
                finished = self._finish(open_groups.pop())
                if not open_groups:
                    return finished
                open_groups[-1].fold(finished)
            current = following

    def _finish(self, group: _Group) -> Mask:
        if group.folded is None:  # no operands
            return np.full(self.columns.run_count, isinstance(group.node, And))
        return group.folded

    def _clause(self, clause: Clause) -> Mask:
        operator = operator_of(clause)
        operand = clause.operand
        mask = np.zeros(self.columns.run_count, dtype=bool)
        present = self.columns.types_of(operand.name)
        for reading in readings(clause, self.now):
            if reading.type not in present:
                continue
            runs, values = self._column(operand, reading.type)
            mask[runs if isinstance(clause, Exists) else runs[_hits(operator, reading, values)]] = True
        negated = operator == "!=" if isinstance(clause, Comparison) else clause.negated
        return ~mask if negated else mask

    def _one_of(self, group: _OneOf) -> Mask:
        mask = np.zeros(self.columns.run_count, dtype=bool)
        attribute_type = cast(str, operand_type(group.operand))
        if attribute_type in self.columns.types_of(group.operand.name):
            runs, values = self._column(group.operand, attribute_type)
            mask[runs[is_one_of(values, group.literals)]] = True
        return ~mask if group.negated else mask

    def _column(self, operand: Operand, attribute_type: str) -> tuple[npt.NDArray[np.int32], pa.Array]:
        aggregation = None if operand.aggregation == "last" else operand.aggregation
        key = (operand.name, attribute_type, aggregation)
        if key not in self.cache:
            runs, values = self.columns.column(*key)
            if isinstance(values, pa.ChunkedArray):
                values = values.combine_chunks()
            self.cache[key] = (runs, values)
        return self.cache[key]


def _members(group: And | Or | Not) -> Iterator[Expression | _OneOf]:
    """The operands of a group; many equalities of one string attribute become a single `_OneOf`."""
    if isinstance(group, Not):
        return iter((group.operand,))
    mergeable = "==" if isinstance(group, Or) else "!="
    literals: dict[Operand, list[str]] = {}
    others: list[Expression | _OneOf] = []
    for member in group.operands:
        if (
            isinstance(member, Comparison)
            and member.operator == mergeable
            and operand_type(member.operand) in ("string", "string_series")
        ):
            literals.setdefault(member.operand, []).append(member.literal)
        else:
            others.append(member)
    merged = (_OneOf(operand, tuple(texts), mergeable == "!=") for operand, texts in literals.items())
    return iter((*merged, *others))


def _hits(operator: str, reading: Reading, values: pa.Array) -> Mask:
    """Which values satisfy the positive form of an operator (for ``!=``: which are equal)."""
    value = reading.value
    if isinstance(value, Decimal):
        return _compare_integers(operator, values, value)
    if operator == "CONTAINS" and reading.type == "string_set":
        return has_element(values, str(value))
    if operator == "CONTAINS":
        return where(lambda texts: pc.match_substring(texts, str(value)), values)
    if operator == "MATCHES":
        return matches(values, str(value))
    if reading.type == "experiment_state":
        spellings = pa.array([text for text, state in STATES.items() if state == value])
        return where(lambda states: pc.is_in(pc.utf8_lower(states), value_set=spellings), values)
    if reading.type == "datetime":
        values = values.cast(TIMESTAMP).cast(pa.int64())
    compare = _COMPARISONS[operator]
    return where(lambda plain: compare(plain, pa.scalar(value, plain.type)), values)


_COMPARISONS = {
    "==": pc.equal,
    "!=": pc.equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_INT64 = np.iinfo(np.int64)


def _compare_integers(operator: str, values: pa.Array, bound: Decimal) -> Mask:
    """Exact, whatever the bound: a fraction is moved to the next integer, a large one decides alone."""
    floor, ceiling = (int(bound.to_integral_value(rounding)) for rounding in (ROUND_FLOOR, ROUND_CEILING))
    if operator in ("==", "!="):
        if floor != ceiling:
            return np.zeros(len(values), dtype=bool)
        lowest = highest = floor
    elif operator in ("<", "<="):
        lowest, highest = int(_INT64.min), ceiling - 1 if operator == "<" else floor
    else:
        lowest, highest = floor + 1 if operator == ">" else ceiling, int(_INT64.max)
    lowest, highest = max(lowest, int(_INT64.min)), min(highest, int(_INT64.max))
    if lowest > highest:
        return np.zeros(len(values), dtype=bool)
    return where(lambda plain: pc.and_(pc.greater_equal(plain, lowest), pc.less_equal(plain, highest)), values)
