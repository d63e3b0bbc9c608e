"""NQL, the text form of a filter: `parse` reads it, `render` writes it.

    disjunction = conjunction { OR conjunction }
    conjunction = negation { AND negation }
    negation    = NOT negation | "(" disjunction ")" | clause
    clause      = operand ( [NOT] EXISTS | [NOT] operator value )
    operand     = attribute | aggregation "(" attribute ")"
    attribute   = name [ ":" type ]

What a word means depends on its place: a name before an operator, a value after it. A clause is
therefore one regular expression, and what joins clauses is an explicit stack: the parser is linear in
the length of the text and takes any nesting up to `MAX_NESTING` without recursion. (A grammar for the
parser generator lark was measured too: six times slower on the long lists of names that clients send
with each page of a search.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NoReturn, cast

from neptune_frames.errors import QuerySyntaxError
from neptune_frames.query.attributes import AGGREGATIONS, CLIENT_NAMES
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

__all__ = ["MAX_LENGTH", "MAX_NESTING", "parse", "render"]

#: Characters of the longest text that is accepted. A list of 50,000 names makes about half of it.
MAX_LENGTH = 5_000_000

#: Parentheses and NOTs within each other.
MAX_NESTING = 1000

#: Spellings of types that are accepted beside the names clients send.
_TYPES = {**CLIENT_NAMES, "integer": "int", "file": "file", "fileSeries": "file_series"}

_BLANKS = r"[ \t\r\n]*"
_WORD = r"\w./\-"
_WORD_END = rf"(?![{_WORD}])"
_KEYWORD = r"(?i:AND|OR|NOT|CONTAINS|MATCHES|EXISTS)"

_QUOTED_NAME = r"`(?P<quoted_name>[^`\\]*(?:\\.[^`\\]*)*)`"
_BARE_NAME = rf"(?!{_KEYWORD}{_WORD_END})(?P<bare_name>[{_WORD}]+){_WORD_END}"
_AGGREGATION = rf"(?P<aggregation>(?i:{'|'.join(AGGREGATIONS)})){_BLANKS}\({_BLANKS}"
_OPERAND = (
    rf"(?:{_AGGREGATION})?(?:{_QUOTED_NAME}|{_BARE_NAME})"
    rf"(?:{_BLANKS}:{_BLANKS}(?P<type>\w+))?(?(aggregation){_BLANKS}\)){_BLANKS}"
)

_NEGATION = rf"(?:(?P<negated>(?i:NOT)){_WORD_END}{_BLANKS})?"
_EXISTS = rf"(?P<exists>(?i:EXISTS)){_WORD_END}"
_OPERATOR = rf"(?P<operator>==?|!=|<=?|>=?|(?i:CONTAINS|MATCHES){_WORD_END}){_BLANKS}"
_VALUE_END = rf"(?![{_WORD}+:@%])"
_QUOTED_VALUE = r'"(?P<quoted_value>[^"\\]*(?:\\.[^"\\]*)*)"'
_BARE_VALUE = rf"(?!{_KEYWORD}{_VALUE_END})(?P<bare_value>[{_WORD}+:@%]+){_VALUE_END}"
_VALUE = rf"(?:{_QUOTED_VALUE}|{_BARE_VALUE})"

_SKIP = re.compile(_BLANKS)
_CLAUSE = re.compile(rf"{_OPERAND}{_NEGATION}(?:{_EXISTS}|{_OPERATOR}{_VALUE}){_BLANKS}", re.DOTALL)
_OPENING = re.compile(rf"(?:(?P<group>\()|(?i:NOT){_WORD_END}){_BLANKS}")
_JOINING = re.compile(rf"(?:(?P<end>\))|(?P<and>(?i:AND)){_WORD_END}|(?i:OR){_WORD_END}){_BLANKS}")

# What a clause consists of, step by step: only to say which step failed.
_STEPS = (
    (re.compile(_OPERAND, re.DOTALL), "an attribute, NOT or '('"),
    (re.compile(_NEGATION), ""),
    (re.compile(_OPERATOR), "an operator (=, !=, <, <=, >, >=, CONTAINS, MATCHES, EXISTS)"),
    (re.compile(_VALUE, re.DOTALL), 'a value; quote it with " unless it is a single word that is no keyword'),
)

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
    try:
        text.encode()
    except UnicodeEncodeError as error:
        _fail("The query is not valid Unicode (half of a surrogate pair)", text, error.start)
    return _Parser(text).parse()


@dataclass
class _Group:
    """An open parenthesis (or the whole text): its finished conjunctions, and the current one."""

    position: int
    depth: int = 0
    conjunctions: list[Expression] = field(default_factory=list)
    terms: list[Expression] = field(default_factory=list)
    #: Prefix NOTs in front of the next term.
    negations: int = 0

    def add(self, term: Expression) -> None:
        for _ in range(self.negations):
            term = Not(term)
        self.negations = 0
        self.terms.append(term)

    def end_conjunction(self) -> None:
        self.conjunctions.append(self.terms[0] if len(self.terms) == 1 else And(tuple(self.terms)))
        self.terms = []

    def expression(self) -> Expression:
        self.end_conjunction()
        return self.conjunctions[0] if len(self.conjunctions) == 1 else Or(tuple(self.conjunctions))


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.groups = [_Group(0)]
        self.nesting = 0
        self.operands: dict[tuple[str | None, ...], Operand] = {}

    def parse(self) -> Expression | None:
        self._advance(_SKIP)
        if self._at_end():
            return None
        while True:
            self._open_groups()
            self.groups[-1].add(self._clause())
            self._close_groups()
            if self._at_end():
                break
        if len(self.groups) > 1:
            _fail("This '(' is never closed", self.text, self.groups[-1].position)
        return self.groups[0].expression()

    def _advance(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.text, self.position)
        if match is not None:
            self.position = match.end()
        return match

    def _at_end(self) -> bool:
        return self.position == len(self.text)

    def _open_groups(self) -> None:
        """Read any number of '(' and NOT in front of a clause."""
        start = self.position
        while (opening := self._advance(_OPENING)) is not None:
            self.nesting += 1
            if self.nesting > MAX_NESTING:
                _fail(f"The query is nested more than {MAX_NESTING} levels deep", self.text, start)
            if opening["group"]:
                self.groups.append(_Group(start, self.nesting))
            else:
                self.groups[-1].negations += 1
            start = self.position

    def _clause(self) -> Expression:
        start = self.position
        match = self._advance(_CLAUSE)
        if match is None:
            self._explain(start)
        (aggregation, quoted_name, bare_name, attribute_type, negated, exists, operator, quoted, bare) = match.groups()
        key = (aggregation, quoted_name, bare_name, attribute_type)
        operand = self.operands.get(key)
        if operand is None:
            operand = self.operands[key] = self._operand(match)
        if exists:
            return Exists(operand, negated=bool(negated))
        value = bare if quoted is None else _unescaped(_VALUE_ESCAPE, quoted)
        keyword = operator.upper()
        if keyword == "CONTAINS":
            return Contains(operand, value, negated=bool(negated))
        if keyword == "MATCHES":
            return Matches(operand, value, negated=bool(negated))
        comparison = Comparison(operand, "==" if operator == "=" else cast(ComparisonOperator, operator), value)
        return Not(comparison) if negated else comparison

    def _operand(self, match: re.Match[str]) -> Operand:
        quoted, attribute_type, aggregation = match["quoted_name"], match["type"], match["aggregation"]
        if quoted == "":
            _fail("The name of an attribute is empty", self.text, match.start("quoted_name"))
        if attribute_type is not None and attribute_type not in _TYPES:
            known = ", ".join(CLIENT_NAMES)
            _fail(f"{attribute_type!r} is not a type; types are {known}", self.text, match.start("type"))
        return Operand(
            match["bare_name"] if quoted is None else _unescaped(_NAME_ESCAPE, quoted),
            None if attribute_type is None else _TYPES[attribute_type],
            None if aggregation is None else aggregation.lower(),
        )

    def _close_groups(self) -> None:
        """Read any number of ')' behind a clause, and the AND or OR that leads to the next one."""
        while not self._at_end():
            start = self.position
            joining = self._advance(_JOINING)
            if joining is None:
                _fail("Expected AND, OR, ')' or the end of the query", self.text, start)
            if not joining["end"]:
                if not joining["and"]:
                    self.groups[-1].end_conjunction()
                self.nesting = self.groups[-1].depth
                if self._at_end():
                    _fail("The query ends where a clause is expected", self.text, self.position)
                return
            if len(self.groups) == 1:
                _fail("There is no '(' for this ')'", self.text, start)
            closed = self.groups.pop().expression()
            self.groups[-1].add(closed)

    def _explain(self, start: int) -> NoReturn:
        """Say how far the clause at ``start`` can be read, and what is missing there."""
        position = start
        for pattern, expected in _STEPS:
            match = pattern.match(self.text, position)
            if match is None:
                found = (
                    "the query ends" if position == len(self.text) else f"found {self.text[position : position + 20]!r}"
                )
                _fail(f"Expected {expected}, but {found}", self.text, position)
            position = match.end()
        _fail("This clause cannot be read", self.text, start)


def _unescaped(escape: re.Pattern[str], text: str) -> str:
    return escape.sub(r"\1", text) if "\\" in text else text


def _fail(message: str, text: str, position: int) -> NoReturn:
    raise QuerySyntaxError(message, query=text, position=position)
