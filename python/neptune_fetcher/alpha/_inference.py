"""Types of attributes named without one. Here each name must have one type among the runs it is asked of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from neptune_frames.query.selection import RunQuery

if TYPE_CHECKING:
    from neptune_frames.frames.questions import Containers
    from neptune_frames.sources.base import Source


def with_types(source: Source, project: str, condition: Containers, within: Containers) -> Containers:
    """The condition with the type of every attribute, as it is among the runs ``within``.

    Raises:
        AttributeTypeInferenceError: If a name has no type or several, and there is any run it would matter to.
    """
    from neptune_frames.query.inference import infer_types

    expression = infer_types(
        condition.filter,
        lambda names: {name: {found} for name, found in attribute_types(source, project, within, names).items()},
    )
    return replace(condition, filter=expression)


def attribute_types(source: Source, project: str, within: Containers, names: Sequence[str]) -> Mapping[str, str]:
    """The one type of each name. Of several in the project, that among the runs ``within`` counts.

    Raises:
        AttributeTypeInferenceError: If a name has no type or several, and there is any run it would matter to.
    """
    from neptune_frames.errors import AttributeTypeInferenceError
    from neptune_frames.frames.questions import known_types
    from neptune_frames.query.attributes import SYSTEM_ATTRIBUTE_TYPES

    known = {name: SYSTEM_ATTRIBUTE_TYPES[name] for name in names if name in SYSTEM_ATTRIBUTE_TYPES}
    unknown = [name for name in names if name not in known]
    found = {**known_types(source, project, unknown)} if unknown else {}
    several = [name for name in unknown if len(found.get(name, ())) > 1]
    query = RunQuery(project, within.kind, within.filter)
    if several:
        of_these = known_types(source, project, several, source.search(query).runs)
        found.update({name: of_these.get(name, set()) for name in several})
    wrong = {name: sorted(found.get(name, ())) for name in unknown if len(found.get(name, ())) != 1}
    if wrong and source.search(replace(query, limit=1)).runs.num_rows:
        details = [
            f"{name}: with conflicting types: {', '.join(types)}" if types else f"{name}: could not find the attribute"
            for name, types in wrong.items()
        ]
        raise AttributeTypeInferenceError(wrong, details)
    return {**known, **{name: min(found.get(name) or {"string"}) for name in unknown}}
