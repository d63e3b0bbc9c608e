"""NQL, the text form of a filter: `parse` reads it, `render` writes it.

The language is defined in ``nql.lark`` beside this file. The parser generator lark makes a table-driven
(LALR) parser of it when the first text is read; no tree is built, each rule makes its expression at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, cast

from neptune_frames.errors import QuerySyntaxError
from neptune_frames.query.attributes import CLIENT_NAMES
from neptune_frames.query.expressions import (
    And,
    Comparison,
    ComparisonOperator,
    Contains,
    Exists,
    Expression,
    Matches,
    Not,
    Operand,
    Or,
)
from neptune_frames.query.rendering import render

if TYPE_CHECKING:
    from lark import Lark, Token
    from lark.exceptions import UnexpectedInput

__all__ = ["MAX_LENGTH", "MAX_NESTING", "parse", "render"]

#: Characters of the longest text that is accepted. A list of 50,000 names makes about half of it.
MAX_LENGTH = 5_000_000

#: Parentheses and NOTs within each other.
MAX_NESTING = 1000
_TOO_DEEP = f"The query is nested more than {MAX_NESTING} levels deep"

#: Spellings of types that are accepted beside the names clients send.
_TYPES = {**CLIENT_NAMES, "integer": "int", "file": "file", "fileSeries": "file_series"}

#: Terminal of the grammar -> what to say where it is missing: in general, and all that may stand there.
_MISSING = {
    "OPERAND": ("a clause", "an attribute, NOT or '('"),
    "COMPARATOR": ("an operator", "an operator (=, !=, <, <=, >, >=, CONTAINS, MATCHES, EXISTS)"),
    "VALUE": ("a value", 'a value; quote it with " unless it is a single word that is no keyword'),
}

_NAME_ESCAPE = re.compile(r"\\([\\`])")
_VALUE_ESCAPE = re.compile(r'\\([\\"])')


def parse(text: str) -> Expression | None:
    """The expression a text stands for; None for an empty text, which selects everything.

    Literals are left as text (relative times too); `neptune_frames.query.checks` tells whether they and
    the operators fit the types.

    Raises:
        QuerySyntaxError: not NQL, too long, or nested too deeply; it has the position.

    Example:
        >>> parse('lr:float < 0.01 AND `sys/tags`:stringSet NOT CONTAINS "red"')  # doctest: +NORMALIZE_WHITESPACE
        And(operands=(Comparison(operand=Operand(name='lr', type='float', aggregation=None), operator='<',
        literal='0.01'), Contains(operand=Operand(name='sys/tags', type='string_set', aggregation=None),
        text='red', negated=True)))
    """
    if len(text) > MAX_LENGTH:
        raise QuerySyntaxError(f"The query has {len(text)} characters; at most {MAX_LENGTH} are accepted", query=text)
    return _parsed(text)


@lru_cache(maxsize=4)  # clients send the same text with each page of a search; the longest take about 30 MB
def _parsed(text: str) -> Expression | None:
    from lark.exceptions import UnexpectedInput

    try:
        text.encode()
        return cast("Expression | None", _parser().parse(text))
    except UnicodeEncodeError as error:
        _fail("The query is not valid Unicode (half of a surrogate pair)", text, error.start)
    except _Refusal as refusal:
        _fail(refusal.message, text, refusal.position)
    except UnexpectedInput as error:
        _explain(error, text)


@lru_cache(maxsize=1)
def _parser() -> Lark:
    from lark import Lark

    return Lark.open(
        "nql.lark",
        rel_to=__file__,
        parser="lalr",
        lexer="contextual",
        transformer=cast(Any, _Expressions()),
        postlex=cast(Any, _Nesting()),
        propagate_positions=False,
    )


class _Refusal(Exception):
    """A text that fits the grammar but not what its words stand for, or the limits."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class _Nesting:
    """Watches the depth while tokens are read, so that the parser's stack stays small."""

    #: What lark accepts in any place, so that a keyword is never taken for a name or a value.
    always_accept = ("_AND", "_OR", "NOT", "EXISTS", "CONTAINS", "MATCHES")

    def process(self, tokens: Iterator[Token]) -> Iterator[Token]:
        depth = 0
        enclosing = [0]  # the depth outside the clause that begins here, for each open parenthesis
        for token in tokens:
            kind = token.type
            if kind in ("_OPEN", "NOT"):
                depth += 1
                if depth > MAX_NESTING:
                    raise _Refusal(_TOO_DEEP, cast(int, token.start_pos))
                if kind == "_OPEN":
                    enclosing.append(depth)
            elif kind == "_CLOSE":
                enclosing.pop()
            elif kind in ("_AND", "_OR"):
                depth = enclosing[-1]
            elif kind == "LISTED" and depth == MAX_NESTING:
                raise _Refusal(_TOO_DEEP, cast(int, token.start_pos))
            yield token


class _Expressions:
    """For each rule of the grammar what it stands for, made of what its parts stand for."""

    def start(self, parts: list[Expression]) -> Expression | None:
        return parts[0] if parts else None

    def disjunction(self, parts: list[Expression]) -> Expression:
        return Or(tuple(parts))

    def conjunction(self, parts: list[Expression]) -> Expression:
        return And(tuple(parts))

    def negation(self, parts: tuple[Token, Expression]) -> Expression:
        return Not(parts[1])

    def existence(self, parts: tuple[Operand, Token | None, Token]) -> Expression:
        return Exists(parts[0], negated=parts[1] is not None)

    def comparison(self, parts: tuple[Operand, Token | None, Token, str]) -> Expression:
        operand, negation, comparator, value = parts
        comparison = Comparison(operand, _comparator(comparator.value), value)
        return comparison if negation is None else Not(comparison)

    def listed(self, parts: tuple[Token]) -> Expression:
        clause = _listed_pattern().match(parts[0].value)
        assert clause is not None
        operand = _operand(clause["operand"], cast(int, parts[0].start_pos) + clause.start("operand"))
        return Comparison(operand, _comparator(clause["comparator"]), _value(clause["value"]))

    def containment(self, parts: tuple[Operand, Token | None, Token, str]) -> Expression:
        return Contains(parts[0], parts[3], negated=parts[1] is not None)

    def match(self, parts: tuple[Operand, Token | None, Token, str]) -> Expression:
        return Matches(parts[0], parts[3], negated=parts[1] is not None)

    def OPERAND(self, token: Token) -> Operand:  # noqa: N802
        return _operand(token.value, cast(int, token.start_pos))

    def VALUE(self, token: Token) -> str:  # noqa: N802
        return _value(token.value)


@lru_cache(maxsize=1)
def _listed_pattern() -> re.Pattern[str]:
    """What divides a LISTED token, made of the grammar's own terminals."""
    opening, operand, comparator, value = (
        _parser().get_terminal(name).pattern.to_regexp() for name in ("_OPEN", "OPERAND", "COMPARATOR", "VALUE")
    )
    return re.compile(f"{opening}(?P<operand>{operand})(?P<comparator>{comparator})(?P<value>{value})")


def _operand(text: str, position: int) -> Operand:
    rest, aggregation, kind = text.rstrip(), None, None
    if rest.endswith(")"):
        aggregation, _, rest = rest[:-1].partition("(")
        aggregation, rest = aggregation.rstrip().lower(), rest.strip()
    if ":" in rest and not rest.endswith("`"):
        rest, _, kind = rest.rpartition(":")
        rest, kind = rest.rstrip(), kind.lstrip()
        if kind not in _TYPES:
            known = ", ".join(CLIENT_NAMES)
            raise _Refusal(f"{kind!r} is not a type; types are {known}", position + text.rindex(kind))
    if rest == "``":
        raise _Refusal("The name of an attribute is empty", position + text.index(rest) + 1)
    name = _unescaped(_NAME_ESCAPE, rest[1:-1]) if rest[0] == "`" else rest
    return Operand(name, None if kind is None else _TYPES[kind], aggregation)


def _comparator(text: str) -> ComparisonOperator:
    operator = text.rstrip()
    return "==" if operator == "=" else cast(ComparisonOperator, operator)


def _value(text: str) -> str:
    bare = text.rstrip()
    return _unescaped(_VALUE_ESCAPE, bare[1:-1]) if bare[0] == '"' else bare


def _unescaped(escape: re.Pattern[str], text: str) -> str:
    return escape.sub(r"\1", text) if "\\" in text else text


def _explain(error: UnexpectedInput, text: str) -> NoReturn:
    """Say what is missing, and where."""
    from lark.exceptions import UnexpectedToken

    token: Token | None = getattr(error, "token", None)
    expected = error.expected if isinstance(error, UnexpectedToken) else cast(Any, error).allowed
    at_end = token is not None and token.type == "$END"
    position = len(text) if at_end else cast(int, error.pos_in_stream)
    for terminal, (what, choices) in _MISSING.items():
        if terminal in expected:
            found = f"found {text[position : position + 20]!r}"
            ends = f"the query ends where {what} is expected"
            _fail(f"Expected {choices}, but {ends if at_end else found}", text, position)
    if at_end:
        unclosed = [value for value in error.state.value_stack if getattr(value, "type", None) == "_OPEN"]
        _fail("This '(' is never closed", text, unclosed[-1].start_pos)
    if token is not None and token.type == "_CLOSE":
        _fail("There is no '(' for this ')'", text, position)
    _fail("Expected AND, OR, ')' or the end of the query", text, position)


def _fail(message: str, text: str, position: int) -> NoReturn:
    raise QuerySyntaxError(message, query=text, position=position) from None
