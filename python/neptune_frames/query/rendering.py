"""Expression -> NQL text, in the shapes the official clients write."""

from __future__ import annotations

import re

from neptune_frames.query.attributes import WIRE_NAMES
from neptune_frames.query.expressions import (
    And,
    Clause,
    Comparison,
    Contains,
    Expression,
    Matches,
    Not,
    Operand,
    Or,
)


def render(expression: Expression) -> str:
    """The NQL text of an expression: one pair of parentheses around each operand of AND, OR and NOT.

    Works with an explicit stack, since `a | b | c ...` in a loop nests one level per term.

    Example:
        >>> from neptune_frames.query.expressions import Exists
        >>> render(Not(And((Exists(Operand("a")), Comparison(Operand("b", "int"), "==", "1")))))
        'NOT ((`a` EXISTS) AND (`b`:int == "1"))'
    """
    pieces: list[str] = []
    waiting: list[Expression | str] = [expression]
    while waiting:
        current = waiting.pop()
        if isinstance(current, str):
            pieces.append(current)
        elif isinstance(current, Not):
            pieces.append("NOT (")
            waiting.extend((")", current.operand))
        elif isinstance(current, (And, Or)):
            if not current.operands:
                raise ValueError(f"{type(current).__name__} of nothing has no NQL text")
            word = ") AND (" if isinstance(current, And) else ") OR ("
            pieces.append("(")
            waiting.append(")")
            for position in range(len(current.operands) - 1, 0, -1):
                waiting.extend((current.operands[position], word))
            waiting.append(current.operands[0])
        else:
            pieces.append(render_clause(current))
    return "".join(pieces)


def render_clause(clause: Clause) -> str:
    operand = render_operand(clause.operand)
    if isinstance(clause, Comparison):
        return f"{operand} {clause.operator} {quoted_value(clause.literal)}"
    negation = "NOT " if clause.negated else ""
    if isinstance(clause, Contains):
        return f"{operand} {negation}CONTAINS {quoted_value(clause.text)}"
    if isinstance(clause, Matches):
        return f"{operand} {negation}MATCHES {quoted_value(clause.pattern)}"
    return f"{operand} {negation}EXISTS"


def render_operand(operand: Operand) -> str:
    text = quoted_name(operand.name)
    if operand.type is not None:
        text = f"{text}:{WIRE_NAMES[operand.type]}"
    return text if operand.aggregation is None else f"{operand.aggregation}({text})"


def quoted_value(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


#: A backslash is escaped only where it would be read as an escape, so that plain names are sent as they are.
_NEEDS_ESCAPE = re.compile(r"`|\\(?=[\\`]|\Z)")


def quoted_name(name: str) -> str:
    return "`" + _NEEDS_ESCAPE.sub(r"\\\g<0>", name) + "`"


def shortened(text: str, limit: int = 300) -> str:
    """The beginning of a text, for messages."""
    return text if len(text) <= limit else f"{text[:limit]}..."
