"""Types of attributes that were named without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neptune_frames.query.attributes import Attribute
    from neptune_frames.query.expressions import Expression
    from neptune_frames.query.selection import SortKey

#: Which types each name has in the project; names it does not have may be missing.
TypeLookup = Callable[[Sequence[str]], Mapping[str, AbstractSet[str]]]


def infer_types(expression: Expression | None, lookup: TypeLookup) -> Expression | None:
    raise NotImplementedError


def infer_sort(attribute: Attribute, descending: bool, lookup: TypeLookup) -> SortKey:
    raise NotImplementedError
