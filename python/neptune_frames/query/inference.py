"""Types of attributes that were named without one.

The rules are those of `neptune_query` 1.14: a filter must know each type, a sort key falls back to
text. Expressions and attributes of the caller are never modified.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from neptune_frames.errors import AttributeTypeInferenceError, NeptuneUserError
from neptune_frames.query.attributes import SYSTEM_ATTRIBUTE_TYPES, Attribute
from neptune_frames.query.checks import operand_type
from neptune_frames.query.expressions import Clause, Expression, Operand
from neptune_frames.query.selection import SortKey
from neptune_frames.query.traversal import clauses, rebuild
from neptune_frames.warnings import AttributeWarning, warn

#: Asks, in one go, which types each name has in the project. Names it does not have may be missing.
TypeLookup = Callable[[Sequence[str]], Mapping[str, AbstractSet[str]]]

_FALLBACK = "string"


def infer_types(expression: Expression | None, lookup: TypeLookup) -> Expression | None:
    """The expression with a type in every clause.

    Names that the project does not have become strings, with an `AttributeWarning`. ``lookup`` is called
    once at most, with the names whose type is not known otherwise.

    Raises:
        AttributeTypeInferenceError: some names have several types; it names them all.
    """
    if expression is None:
        return None
    unknown = _untyped_names(expression)
    found = lookup(unknown) if unknown else {}
    conflicts = {name: sorted(found[name]) for name in unknown if len(found.get(name, ())) > 1}
    if conflicts:
        raise AttributeTypeInferenceError(
            conflicts, [f"{name!r} has the types {', '.join(types)}" for name, types in conflicts.items()]
        )
    types = {name: next(iter(found[name])) for name in unknown if found.get(name)}
    for name in unknown:
        if name not in types:
            _warn_missing(name)
    return _with_types(expression, types)


def require_types(expression: Expression | None) -> Expression | None:
    """The expression, if the type of every attribute was given; for searches across all projects.

    Raises:
        AttributeTypeInferenceError: some were not.
    """
    if expression is None:
        return None
    untyped = list(dict.fromkeys(clause.operand.name for clause in clauses(expression) if _lacks_type(clause.operand)))
    if untyped:
        raise AttributeTypeInferenceError(
            untyped, [f"{name!r}: types are not looked up across projects" for name in untyped]
        )
    return _with_types(expression, {})


def infer_sort(attribute: Attribute, descending: bool, lookup: TypeLookup) -> SortKey:
    """The sort key of an attribute; `AttributeWarning` if its type is ambiguous or it does not exist."""
    attribute.validate()
    known = attribute.type or SYSTEM_ATTRIBUTE_TYPES.get(attribute.name)
    if known is None:
        found = lookup((attribute.name,)).get(attribute.name, frozenset())
        if len(found) == 1:
            (known,) = found
        elif found:
            # A value of another type than the one to sort by is as good as none, on servers and archives.
            sorted_rows = f"only the runs where it is a {_FALLBACK} are" if _FALLBACK in found else "the rows are not"
            warn(
                f"Attribute {attribute.name!r}: It is there with conflicting types: {', '.join(sorted(found))}; "
                f"{sorted_rows} sorted by it. Give the type: Attribute({attribute.name!r}, type=...).",
                AttributeWarning,
            )
        else:
            _warn_missing(attribute.name)
    return SortKey(attribute.name, known or _FALLBACK, descending)


def require_sort(attribute: Attribute, descending: bool) -> SortKey:
    """The sort key of an attribute whose type was given; for searches across all projects.

    Raises:
        NeptuneUserError: it was not.
    """
    attribute.validate()
    if attribute.type is None:
        raise NeptuneUserError(
            f"sort_by: types are not looked up across projects; pass Attribute({attribute.name!r}, type=...)"
        )
    return SortKey(attribute.name, attribute.type, descending)


def _lacks_type(operand: Operand) -> bool:
    return operand.type is None and operand.aggregation is None


def _untyped_names(expression: Expression) -> list[str]:
    return list(
        dict.fromkeys(clause.operand.name for clause in clauses(expression) if operand_type(clause.operand) is None)
    )


def _with_types(expression: Expression, types: Mapping[str, str]) -> Expression:
    if all(clause.operand.type is not None for clause in clauses(expression)):
        return expression

    def typed(clause: Clause) -> Clause:
        operand = clause.operand
        if operand.type is not None:
            return clause
        known = operand_type(operand) or types.get(operand.name, _FALLBACK)
        return replace(clause, operand=replace(operand, type=known))

    return rebuild(expression, typed)


def _warn_missing(name: str) -> None:
    warn(
        f"Attribute {name!r}: Attribute doesn't exist in the project; treating it as {_FALLBACK}. Check its name, or "
        f"give the type: Attribute({name!r}, type=...).",
        AttributeWarning,
    )
