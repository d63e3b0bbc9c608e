"""The criteria of `fetch_runs_df` and its siblings: checked, and joined into one condition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neptune_frames.query.attributes import SYS_CUSTOM_RUN_ID, SYS_ID, SYS_NAME

if TYPE_CHECKING:
    from neptune_frames.query.expressions import Expression

MAX_ELEMENTS = 5000
MAX_CHARACTERS = 100_000
MAX_QUERY_LENGTH = 250_000


class UnknownState(ValueError):
    """A state that is neither ``active`` nor ``inactive``."""

    def __init__(self, state: Any) -> None:
        super().__init__(f"Can't map RunState to a known state: {state}. States are 'active' and 'inactive'.")


@dataclass(frozen=True)
class Criteria:
    """Which runs. None, or an empty list, does not restrict; see `ReadOnlyProject.fetch_runs_df`."""

    trashed: bool | None = False
    with_ids: Sequence[str] = ()
    custom_ids: Sequence[str] = ()
    names: Sequence[str] = ()
    states: Sequence[str] = ()
    owners: Sequence[str] = ()
    tags: Sequence[str] = ()
    names_regex: Sequence[str] = ()
    names_exclude_regex: Sequence[str] = ()
    custom_id_regex: str | None = None
    query: str | None = None

    def check(self) -> None:
        """Raise ValueError for what is too long and for unknown states."""
        if self.query is not None and len(self.query) > MAX_QUERY_LENGTH:
            raise ValueError(
                f"The query has {len(self.query)} characters; at most {MAX_QUERY_LENGTH} are accepted. Narrow it."
            )
        for parameter in ("with_ids", "custom_ids", "owners", "tags"):
            _check_size(parameter, getattr(self, parameter))
        for state in self.states:
            if state.lower() not in ("active", "inactive"):
                raise UnknownState(state)

    def expression(self) -> Expression | None:
        """The condition that all criteria together make; None if there is none.

        Raises:
            QuerySyntaxError: The query is not NQL, or is empty.
            ValueError: The condition is too long for a server.
        """
        from neptune_frames.query.expressions import And
        from neptune_frames.query.rendering import render

        clauses = list(self._clauses())
        if not clauses:
            return None
        condition = clauses[0] if len(clauses) == 1 else And(tuple(clauses))
        length = len(render(condition))
        if length > MAX_QUERY_LENGTH:
            raise ValueError(
                f"The criteria make a query of {length} characters; at most {MAX_QUERY_LENGTH} are accepted. "
                "Give narrower criteria, for instance fewer ids."
            )
        return condition

    def _clauses(self) -> Iterable[Expression]:
        from neptune_frames.frames.run_state import has_state
        from neptune_frames.query.expressions import Comparison, Contains, Matches, Operand

        name, custom_id = Operand(SYS_NAME, "string"), Operand(SYS_CUSTOM_RUN_ID, "string")
        if self.trashed is not None:
            yield Comparison(Operand("sys/trashed", "bool"), "==", "true" if self.trashed else "false")
        yield from _one_of(SYS_ID, self.with_ids)
        if self.states:
            yield _any([has_state(state.lower()) for state in self.states])
        yield from _one_of("sys/owner", self.owners)
        for tag in self.tags:
            yield Contains(Operand("sys/tags", "string_set"), tag)
        yield from _one_of(SYS_CUSTOM_RUN_ID, self.custom_ids)
        for pattern in self.names_regex:
            yield Matches(name, pattern)
        yield from _one_of(SYS_NAME, self.names)
        for pattern in self.names_exclude_regex:
            yield Matches(name, pattern, negated=True)
        if self.custom_id_regex is not None:
            yield Matches(custom_id, self.custom_id_regex)
        if self.query is not None:
            yield _parsed(self.query)


def _check_size(parameter: str, values: Sequence[str]) -> None:
    if len(values) > MAX_ELEMENTS:
        raise ValueError(f"Too many {parameter} provided ({len(values)}); at most {MAX_ELEMENTS} are accepted")
    characters = sum(map(len, values))
    if characters > MAX_CHARACTERS:
        raise ValueError(
            f"Too many characters in the {parameter} provided ({characters}); at most {MAX_CHARACTERS} are accepted"
        )


def _one_of(attribute: str, values: Sequence[str]) -> Iterable[Expression]:
    from neptune_frames.query.expressions import Comparison, Operand

    if values:
        yield _any([Comparison(Operand(attribute, "string"), "==", value) for value in values])


def _any(conditions: Sequence[Expression]) -> Expression:
    from neptune_frames.query.expressions import Or

    return conditions[0] if len(conditions) == 1 else Or(tuple(conditions))


def _parsed(query: str) -> Expression:
    from neptune_frames.errors import QuerySyntaxError
    from neptune_frames.query.nql import parse

    expression = parse(query)
    if expression is None:
        raise QuerySyntaxError("The query is empty; leave it out to select everything", query=query)
    return expression
