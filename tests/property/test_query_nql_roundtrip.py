"""Expression -> NQL text -> the same expression, for any name and value."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from neptune_frames.errors import QuerySyntaxError
from neptune_frames.query.attributes import AGGREGATIONS, WIRE_NAMES
from neptune_frames.query.expressions import And, Comparison, Contains, Exists, Expression, Matches, Not, Operand, Or
from neptune_frames.query.nql import parse, render
from neptune_frames.query.traversal import clauses, flatten

#: Many of the characters that mean something, some that do not, any other Unicode but surrogates.
TEXT = st.text(st.sampled_from("`\\\"'() :=<>!\n\t&|aN1é\U0001f600") | st.characters(exclude_categories=["Cs"]))
NAMES = TEXT.filter(bool) | st.sampled_from(["AND", "or", "not", "last", "EXISTS", "a/b", "sys/name"])

OPERANDS = st.builds(
    Operand, NAMES, st.none() | st.sampled_from(sorted(WIRE_NAMES)), st.none() | st.sampled_from(AGGREGATIONS)
)
CLAUSES: st.SearchStrategy[Expression] = st.one_of(
    st.builds(Comparison, OPERANDS, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), TEXT),
    st.builds(Contains, OPERANDS, TEXT, st.booleans()),
    st.builds(Matches, OPERANDS, TEXT, st.booleans()),
    st.builds(Exists, OPERANDS, st.booleans()),
)


def groups(members: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    several = st.lists(members, min_size=2, max_size=4).map(tuple)
    return st.builds(Not, members) | st.builds(And, several) | st.builds(Or, several)


EXPRESSIONS = st.recursive(CLAUSES, groups, max_leaves=12)


@settings(max_examples=200, deadline=None)
@given(EXPRESSIONS)
def test_roundtrip(expression: Expression) -> None:
    text = render(expression)
    assert parse(text) == expression
    assert render(parse(text)) == text  # type: ignore[arg-type]


@settings(max_examples=100, deadline=None)
@given(EXPRESSIONS)
def test_flattened_expressions_keep_their_clauses(expression: Expression) -> None:
    flat = flatten(expression)
    assert list(clauses(flat)) == list(clauses(expression))
    assert flatten(flat) == flat
    assert parse(render(flat)) == flat


TOKENS = st.sampled_from(
    [
        *("(", ")", "AND", "or", "NOT", "EXISTS", "CONTAINS", "matches", "=", "!=", "<=", ":", "int", "last", "min("),
        *("`a b`", '"v"', "x", "1", "-2h", "`", '"', "\\", "'", " ", "\n", "~"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(TOKENS, max_size=12).map(" ".join) | st.lists(TOKENS, max_size=12).map("".join) | st.text())
def test_any_text_parses_or_is_refused_with_a_position(text: str) -> None:
    expression, failure = attempt(text)
    if failure is not None:
        assert failure.position is not None
        assert 0 <= failure.position <= len(text)
    elif expression is None:
        assert not text.strip()
    else:
        assert parse(render(expression)) == expression


def attempt(text: str) -> tuple[Expression | None, QuerySyntaxError | None]:
    try:
        return parse(text), None
    except QuerySyntaxError as error:
        return None, error
