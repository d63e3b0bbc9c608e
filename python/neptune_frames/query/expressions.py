"""The one abstract syntax of a filter: built by `Filter`, written and read as NQL, evaluated by archives.

Negation of a single clause (``NOT CONTAINS``) is a flag of the clause, because NQL text keeps it
apart from a prefix ``NOT``; both mean the complement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ComparisonOperator = Literal["==", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True)
class Operand:
    """An attribute in a clause. ``type`` is a client type name, or None where it is not known."""

    name: str
    type: str | None = None
    aggregation: str | None = None


@dataclass(frozen=True)
class Comparison:
    """``operand operator literal``. The literal is text as written, typed by the operand's type.

    The evaluator parses it with `neptune_frames.query.literals`.
    """

    operand: Operand
    operator: ComparisonOperator
    literal: str


@dataclass(frozen=True)
class Contains:
    """Substring of a string, or element of a string set."""

    operand: Operand
    text: str
    negated: bool = False


@dataclass(frozen=True)
class Matches:
    """RE2 search in a string."""

    operand: Operand
    pattern: str
    negated: bool = False


@dataclass(frozen=True)
class Exists:
    """The run has the attribute (of that type, if one is given)."""

    operand: Operand
    negated: bool = False


@dataclass(frozen=True)
class Not:
    operand: Expression


@dataclass(frozen=True)
class And:
    operands: tuple[Expression, ...]


@dataclass(frozen=True)
class Or:
    operands: tuple[Expression, ...]


Clause: TypeAlias = Comparison | Contains | Matches | Exists
Expression: TypeAlias = Clause | Not | And | Or


def conjunction(*expressions: Expression | None) -> Expression | None:
    """What satisfies all of them; None is a filter that everything satisfies."""
    given = tuple(each for each in expressions if each is not None)
    return And(given) if len(given) > 1 else next(iter(given), None)
