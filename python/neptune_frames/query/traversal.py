"""Walking expressions. Without recursion: `a | b | c ...` in a loop nests one level per term."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from neptune_frames.query.expressions import And, Clause, Expression, Not, Or

_Group = type[And] | type[Or] | type[Not]


def clauses(expression: Expression) -> Iterator[Clause]:
    """Every clause, from left to right."""
    waiting: list[Expression] = [expression]
    while waiting:
        current = waiting.pop()
        if isinstance(current, Not):
            waiting.append(current.operand)
        elif isinstance(current, (And, Or)):
            waiting.extend(reversed(current.operands))
        else:
            yield current


def flatten(expression: Expression) -> Expression:
    """The same condition with less nesting.

    Merges an AND within an AND and an OR within an OR, unwraps groups of one, drops double negations: a
    server limits the depth of a query, not its breadth.

    Example:
        >>> from neptune_frames.query.expressions import Exists, Operand
        >>> a, b, c = (Exists(Operand(name)) for name in "abc")
        >>> flatten(Or((Or((a, b)), And((c,))))) == Or((a, b, c))
        True
    """
    return rebuild(expression, lambda clause: clause)


def rebuild(expression: Expression, replace: Callable[[Clause], Clause]) -> Expression:
    """The flattened expression with each clause replaced."""
    # Post-order. A group on the stack is followed by its members; when the pair (kind, count) comes up
    # again, the members' results are the last `count` of `done`.
    done: list[Expression] = []
    waiting: list[Expression | tuple[_Group, int]] = [expression]
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
            members = _members(current)
            waiting.append((type(current), len(members)))
            waiting.extend(reversed(members))
        else:
            done.append(replace(current))
    return done[0]


def _members(group: And | Or) -> list[Expression]:
    """The operands of a group; nested groups of the same kind, and groups of one, are opened."""
    members: list[Expression] = []
    waiting: list[Expression] = list(reversed(group.operands))
    while waiting:
        current = waiting.pop()
        if isinstance(current, type(group)) or (isinstance(current, (And, Or)) and len(current.operands) == 1):
            waiting.extend(reversed(current.operands))
        else:
            members.append(current)
    return members


def _joined(kind: _Group, operands: list[Expression]) -> Expression:
    if kind is Not:
        (operand,) = operands
        return operand.operand if isinstance(operand, Not) else Not(operand)
    if len(operands) == 1:
        return operands[0]
    # A member that was Not(Not(group)) can turn out as a group of the same kind; open it as well.
    operands = _members(And(tuple(operands)) if kind is And else Or(tuple(operands)))
    return And(tuple(operands)) if kind is And else Or(tuple(operands))
