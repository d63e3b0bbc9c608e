"""Names of the columns of a table: the attribute's, with its type where that is needed to tell columns apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from neptune_frames.errors import ConflictingAttributeTypes
from neptune_frames.query.attributes import FLOAT_SERIES


def float_series_columns(names: Iterable[str], taken: Collection[str]) -> list[str]:
    """`column_names` of a wide frame of float series: a suffix where the name would be another column's.

    Example:
        >>> float_series_columns(["loss", "step"], taken=["run", "step"])
        ['loss', 'step:float_series']
    """
    return column_names([(name, FLOAT_SERIES) for name in names], type_suffix=None, taken=taken)


def column_names(
    attributes: Sequence[tuple[str, str]],
    *,
    type_suffix: bool | None,
    taken: Collection[str] = (),
    parameter: str = "type_suffix",
) -> list[str]:
    """A name for the column of each attribute, in the same order.

    Args:
        attributes: Name and type of each, no pair twice.
        type_suffix: Whether names end in ``:`` and the type. None: those do that would be two columns' name otherwise.
        taken: Names of other columns. An attribute called so has a suffix in any case.
        parameter: What the caller's user calls ``type_suffix``; part of the error.

    Raises:
        ConflictingAttributeTypes: A name has several types and ``type_suffix`` is False.

    Example:
        >>> column_names([("width", "int"), ("width", "float"), ("rate", "float")], type_suffix=None)
        ['width:int', 'width:float', 'rate']
    """
    counts = Counter(name for name, _ in attributes)
    conflicts = {name for name, count in counts.items() if count > 1}
    if type_suffix is False and conflicts:
        raise ConflictingAttributeTypes(sorted(conflicts), parameter)
    suffixed = set(counts) if type_suffix else conflicts.union(counts.keys() & set(taken))
    while True:
        names = [f"{name}:{kind}" if name in suffixed else name for name, kind in attributes]
        # An attribute may be called as another one is with its suffix.
        ambiguous = counts.keys() & {name for name, count in Counter(names).items() if count > 1}
        if ambiguous <= suffixed:
            return names
        suffixed |= ambiguous
