"""Expressions of the same meaning with less nesting."""

from __future__ import annotations

from neptune_frames.query.expressions import And, Expression, Not, Or


def flatten(expression: Expression) -> Expression:
    """Merge an AND within an AND and an OR within an OR, unwrap groups of one, drop double negations.

    `a | b | c ...` in a loop nests one level per term; a server limits the depth, not the breadth.

    Example:
        >>> from neptune_frames.query.expressions import Exists, Operand
        >>> a, b, c = (Exists(Operand(name)) for name in "abc")
        >>> flatten(Or((Or((a, b)), And((c,))))) == Or((a, b, c))
        True
    """
    # Post-order with an explicit stack. A group is first replaced by its own kind, its number of
    # operands and a mark; its results are then collected from the end of `done`.
    done: list[Expression] = []
    waiting: list[Expression | tuple[type[And] | type[Or] | type[Not], int]] = [expression]
    while waiting:
        current = waiting.pop()
        if isinstance(current, tuple):
            kind, count = current
            operands = done[len(done) - count :]
            del done[len(done) - count :]
            done.append(_joined(kind, operands))
        elif isinstance(current, Not):
            waiting.append((Not, 1))
            waiting.append(current.operand)
        elif isinstance(current, (And, Or)):
            kind_of_group = type(current)
            members = _members(current)
            waiting.append((kind_of_group, len(members)))
            waiting.extend(reversed(members))
        else:
            done.append(current)
    return done[0]


def _members(group: And | Or) -> list[Expression]:
    """The operands of a group with nested groups of the same kind, or of one, opened."""
    members: list[Expression] = []
    waiting: list[Expression] = list(reversed(group.operands))
    while waiting:
        current = waiting.pop()
        if isinstance(current, type(group)) or (isinstance(current, (And, Or)) and len(current.operands) == 1):
            waiting.extend(reversed(current.operands))
        else:
            members.append(current)
    return members


def _joined(kind: type[And] | type[Or] | type[Not], operands: list[Expression]) -> Expression:
    if kind is Not:
        (operand,) = operands
        return operand.operand if isinstance(operand, Not) else Not(operand)
    if len(operands) == 1:
        return operands[0]
    return And(tuple(operands)) if kind is And else Or(tuple(operands))
